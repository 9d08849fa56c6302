/* Names of errors and signals: those of glibc, which has functions for it, and none is left out that a job can end by. */
#include <errno.h>
#include <signal.h>

#include "harness/base/linux/names.h"
#include "tests/support/test.h"

static void test_errors(void **state)
{
    size_t count = 0;

    (void)state;
    for (int code = 1; code < 256; code++) {
        const char *ours = sbx_errno_name(code), *theirs = strerrorname_np(code);

        assert_non_null(ours);
        if (ours[0] != 'E' || strchr(ours, ' ') != NULL)
            continue; /* its description */
        assert_non_null(theirs);
        assert_string_equal(ours, theirs);
        count++;
    }
    assert_true(count > 50);
    assert_string_equal(sbx_errno_name(EPERM), "EPERM");
    assert_string_equal(sbx_errno_name(EUCLEAN), strerrordesc_np(EUCLEAN));
}

static void test_signals(void **state)
{
    (void)state;
    for (int number = -1; number < 80; number++) {
        const char *theirs = sigabbrev_np(number);

        if (theirs == NULL)
            assert_null(sbx_signal_name(number));
        else
            assert_string_equal(sbx_signal_name(number), theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_signals)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
