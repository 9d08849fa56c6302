/* Who is woken where: beside us, until somebody has waited behind another one. */
#include "audit/sources/linux/wake.h"
#include "tests/support/test.h"

enum { NOBODY = -1, MAKE = 10, FIRST = 11, SECOND = 12 };

/* One after the other, as a shell and what it starts: also where the next call is there at once. */
static void test_one_at_a_time(void **state)
{
    sbx_wake wake;

    (void)state;
    sbx_wake_init(&wake, NOBODY);
    assert_true(wake.is_beside);
    for (int i = 0; i < 1000; i++) {
        sbx_wake_choose(&wake, i % 2 == 0 ? MAKE : FIRST, 0);
        assert_true(wake.is_beside);
        sbx_wake_choose(&wake, FIRST, i % 2 == 0 ? 0 : FIRST);
        assert_true(wake.is_beside);
    }
}

/* For as many answers as are said, from the last time on. */
static void test_side_by_side(void **state)
{
    sbx_wake wake;

    (void)state;
    sbx_wake_init(&wake, NOBODY);
    for (int round = 0; round < 3; round++) {
        for (int again = 0; again < 2; again++) {
            sbx_wake_choose(&wake, SECOND, FIRST);
            for (int i = 1; i < SBX_WAKE_SIDE_BY_SIDE; i++) {
                assert_false(wake.is_beside);
                sbx_wake_choose(&wake, FIRST, 0);
            }
        }
        assert_false(wake.is_beside);
        sbx_wake_choose(&wake, FIRST, FIRST);
        assert_true(wake.is_beside);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_at_a_time),
                                       cmocka_unit_test(test_side_by_side)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
