/* Memory mapped ahead is memory as usual: blocks come from it, also where there is not enough. */
#include <sys/resource.h>

#include "harness/base/prefault.h"
#include "tests/support/child.h"

enum { BLOCKS = 3000 };

/* Of all sizes, more than what was mapped; each keeps what was written to it. */
static bool can_use_heap(void)
{
    static unsigned char *block[BLOCKS];
    static size_t bytes[BLOCKS];

    for (unsigned i = 0; i < BLOCKS; i++) {
        bytes[i] = 1 + i * 37 % 4999;
        block[i] = malloc(bytes[i]);
        if (block[i] == NULL)
            return false;
        memset(block[i], (int)(i % 251), bytes[i]);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (block[i][0] != i % 251 || block[i][bytes[i] - 1] != i % 251)
            return false;
        free(block[i]);
    }
    return true;
}

/* One page for all is what bin/sbx has, with musl: by region.h, and tests/unit/test_region.c. */
static int by_small_pages(void)
{
    sbx_prefault_heap(false);
    return can_use_heap() ? 0 : 1;
}

/* What cannot be had is gone without. */
static int without_room(void)
{
    const struct rlimit now = {.rlim_cur = 0, .rlim_max = 0};

    if (setrlimit(RLIMIT_DATA, &now) != 0)
        return 3;
    sbx_prefault_heap(true);
    return 0;
}

static void test_heap(void **state)
{
    (void)state;
    assert_int_equal(sbx_test_in_child(by_small_pages), 0);
    if (!SBX_TEST_HAS_OWN_HEAP)
        assert_int_equal(sbx_test_in_child(without_room), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_heap)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
