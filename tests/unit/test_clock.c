/* harness/base/clock.h: clocks, run ids, random bytes. */
#include "tests/support/test.h"

#include <stdbool.h>
#include <time.h>

#include "harness/base/clock.h"

static void clocks_go_forward(void **state)
{
    uint64_t before = sbx_clock_monotonic_ns(), after, spent;
    struct timespec pause = {.tv_nsec = 5000000};

    (void)state;
    nanosleep(&pause, NULL);
    after = sbx_clock_monotonic_ns();
    spent = after - before;
    assert_true(after > before);
    assert_true(spent >= 5 * SBX_NS_PER_MS && spent < 60 * SBX_NS_PER_S);
}

static void the_wall_clock_is_utc_microseconds(void **state)
{
    time_t before = time(NULL);
    uint64_t now_us = sbx_clock_utc_us();

    (void)state;
    assert_true(now_us / 1000000 + 1 >= (uint64_t)before &&
                now_us / 1000000 <= (uint64_t)before + 60);
}

static void run_ids_are_ulids(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char ids[200][SBX_RUN_ID_BYTES];
    uint64_t ms = 0, now_ms;
    sbx_error err;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(ids); i++) {
        assert_int_equal(sbx_run_id_make(ids[i], &err), SBX_OK);
        assert_int_equal(strlen(ids[i]), 26);
        assert_int_equal(strspn(ids[i], alphabet), 26);
        assert_true(ids[i][0] <= '7'); /* 48 bits in 10 digits */
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
        if (i > 0) /* sorts by time */
            assert_true(memcmp(ids[i - 1], ids[i], 10) <= 0);
    }
    now_ms = sbx_clock_utc_us() / 1000;
    for (int i = 0; i < 10; i++)
        ms = ms * 32 + (uint64_t)(strchr(alphabet, ids[199][i]) - alphabet);
    assert_true(ms <= now_ms && now_ms - ms < 60000);
}

static void random_bytes_fill_everything(void **state)
{
    unsigned char bytes[4096 + 1] = {0};
    unsigned seen[256] = {0}, distinct = 0;
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_random_bytes(bytes, 0, &err), SBX_OK);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(sbx_random_bytes(bytes, 4096, &err), SBX_OK);
    assert_int_equal(bytes[4096], 0); /* not one too many */
    for (int i = 0; i < 4096; i++)
        seen[bytes[i]]++;
    for (int i = 0; i < 256; i++)
        distinct += seen[i] > 0;
    assert_true(distinct > 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(the_wall_clock_is_utc_microseconds),
        cmocka_unit_test(run_ids_are_ulids),
        cmocka_unit_test(random_bytes_fill_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
