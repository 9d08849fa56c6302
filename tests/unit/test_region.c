/* Blocks of one stretch of memory: whole pages of zeros, each in one hand, and never more than there are. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "harness/base/linux/region.h"
#include "tests/support/child.h"

enum { PAGE = 4096 };

static bool is_zero(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static int before_there_is_one(void)
{
    char outside;

    return sbx_region_take(PAGE) == NULL && !sbx_region_has(&outside) && !sbx_region_has(NULL) &&
                   !sbx_region_give(&outside, PAGE)
               ? 0
               : 1;
}

static int without_room(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    if (setrlimit(RLIMIT_DATA, &none) != 0)
        return 2;
    sbx_region_begin(true, 0);
    return before_there_is_one();
}

/* What was given back is given out again, cleared, to who asks for as much, and to nobody else. */
static int come_back(bool is_huge)
{
    const size_t most = is_huge ? SBX_REGION_BLOCK_BYTES_MAX : SBX_REGION_SMALL_BLOCK_BYTES_MAX;
    unsigned char *first, *second, *again, outside;

    sbx_region_begin(is_huge, 8 * PAGE);
    first = sbx_region_take(3 * PAGE - 100);
    second = sbx_region_take(1);
    if (first == NULL || second != first + 3 * PAGE ||
        (uintptr_t)first % SBX_REGION_HUGE_BYTES != 0)
        return 1;
    if (!is_zero(first, 4 * PAGE) || sbx_region_give(&outside, PAGE))
        return 2;
    memset(first, 0xff, 3 * PAGE);
    memset(second, 0xee, PAGE);
    if (!sbx_region_give(first, 3 * PAGE - 100) || sbx_region_take(2 * PAGE) == first)
        return 3;
    again = sbx_region_take(3 * PAGE);
    if (again != first || !is_zero(again, 3 * PAGE) || second[0] != 0xee ||
        second[PAGE - 1] != 0xee)
        return 4;
    if (sbx_region_take(3 * PAGE) == first)
        return 5;
    return sbx_region_take(most + 1) == NULL && sbx_region_take(most) != NULL ? 0 : 6;
}

static int come_back_small(void)
{
    return come_back(false);
}

static int come_back_huge(void)
{
    return come_back(true);
}

static int to_the_end(void)
{
    size_t taken = 0;
    unsigned char *block, *last = NULL;

    sbx_region_begin(false, 0);
    if (sbx_region_take(0) != NULL || sbx_region_take(SBX_REGION_SMALL_BLOCK_BYTES_MAX + 1) != NULL)
        return 1;
    for (; (block = sbx_region_take(7 * PAGE)) != NULL; last = block) {
        memset(block, 1, 7 * PAGE);
        taken += 7 * PAGE;
    }
    if (taken > SBX_REGION_BYTES || taken + 7 * PAGE <= SBX_REGION_BYTES)
        return 2;
    return sbx_region_has(last + 7 * PAGE - 1) && sbx_region_give(last, 7 * PAGE) &&
                   sbx_region_take(7 * PAGE) == last
               ? 0
               : 3;
}

/* Takes, marks, looks for a while whether the mark is its own still, gives back. Always the same block, if it can have it. */
static void *take_and_give(void *mark)
{
    for (int i = 0; i < 200000; i++) {
        volatile unsigned char *block = sbx_region_take(PAGE);
        unsigned char own = *(unsigned char *)mark;

        if (block == NULL)
            continue;
        if (block[0] != 0)
            return "what was taken is no zeros";
        for (int look = 0; look < 20; look++) {
            block[0] = own;
            if (block[0] != own)
                return "a block has two owners";
        }
        (void)sbx_region_give((void *)(uintptr_t)block, PAGE);
    }
    return NULL;
}

/* Takes until there is nothing, and marks. */
typedef struct taker {
    unsigned char mark;
    unsigned char *block[SBX_REGION_BYTES / PAGE];
    size_t count;
} taker;

static atomic_bool may_begin;

static void *take_all(void *context)
{
    taker *self = context;
    unsigned char *block;

    while (!may_begin)
        continue;
    while ((block = sbx_region_take(PAGE)) != NULL) {
        *block = self->mark;
        self->block[self->count++] = block;
    }
    return NULL;
}

static int by_two_threads_to_the_end(void)
{
    static taker takers[2] = {{.mark = 1}, {.mark = 2}};
    pthread_t other;

    sbx_region_begin(false, 0);
    if (pthread_create(&other, NULL, take_all, &takers[1]) != 0)
        return 2;
    may_begin = true;
    take_all(&takers[0]);
    pthread_join(other, NULL);
    if (takers[0].count + takers[1].count != SBX_REGION_BYTES / PAGE)
        return 3;
    for (size_t who = 0; who < 2; who++)
        for (size_t i = 0; i < takers[who].count; i++)
            if (*takers[who].block[i] != takers[who].mark)
                return 4;
    return 0;
}

static int by_two_threads(void)
{
    static unsigned char marks[2] = {1, 2};
    pthread_t other;
    void *theirs, *ours;

    sbx_region_begin(false, 0);
    if (pthread_create(&other, NULL, take_and_give, &marks[1]) != 0)
        return 2;
    ours = take_and_give(&marks[0]);
    pthread_join(other, &theirs);
    return ours == NULL && theirs == NULL ? 0 : 1;
}

static void test_region(void **state)
{
    (void)state;
    assert_int_equal(sbx_test_in_child(before_there_is_one), 0);
    assert_int_equal(sbx_test_in_child(come_back_small), 0);
    assert_int_equal(sbx_test_in_child(come_back_huge), 0);
    assert_int_equal(sbx_test_in_child(to_the_end), 0);
    assert_int_equal(sbx_test_in_child(by_two_threads), 0);
    for (int round = 0; round < 20; round++)
        assert_int_equal(sbx_test_in_child(by_two_threads_to_the_end), 0);
    if (!SBX_TEST_HAS_OWN_HEAP)
        assert_int_equal(sbx_test_in_child(without_room), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_region)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
