/*
 * The system call filter as it stands in a run: every number is called with arguments that are nobody's, watched and
 * not. What the lists refuse is refused, and what is younger than the lists does not exist.
 */
#include <errno.h>

#include "audit/sources/linux/syscalls.h"
#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { END = 560 };

static const int refused[] = {
#define X(call) call,
    SBX_REFUSED_CALLS(X)
#undef X
};
static const int absent[] = {
#define X(call) call,
    SBX_ABSENT_CALLS(X)
#undef X
};

static void read_answers(int out[END], const char *text)
{
    int number, error, count = 0;

    for (; sscanf(text, "%d %d", &number, &error) == 2; count++) {
        assert_in_range(number, 0, END - 1);
        out[number] = error;
        text = strchr(text, '\n') + 1;
    }
    assert_int_equal(count, END);
}

static void check(const sbx_test_place *place, const char *const *options)
{
    sbx_test_outcome outcome;
    int answers[END];

    sbx_test_exec(&outcome, place, options,
                  SBX_LIST(place->probe, "try-all-calls", sbx_test_host_namespace(),
                           sbx_test_text("%d", END),
                           sbx_test_text("%u", (unsigned)sbx_test_slow_ms(50))));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    read_answers(answers, outcome.out);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (answers[refused[i]] != EPERM)
            fail_msg("call %d is refused, and answers %d", refused[i], answers[refused[i]]);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_int_equal(answers[absent[i]], ENOSYS);
    for (int number = SBX_NR_LAST_KNOWN + 1; number < END; number++)
        assert_int_equal(answers[number], ENOSYS);
    assert_int_equal(answers[0], EBADF); /* read(-1): the oracle reaches the kernel */
    sbx_test_outcome_done(&outcome);
}

static void test_every_number(void **state)
{
    check(*state, SBX_NO_LIST);
    check(*state, SBX_LIST("--no-watch"));
    check(*state, SBX_LIST("--net", "full", "--unix-sockets"));
}

/* The same calls by x32's numbers: a kernel that has that ABI would know them. */
static void test_every_x32_number(void **state)
{
    const char *const *const options[] = {SBX_NO_LIST, SBX_LIST("--no-watch")};

    for (size_t i = 0; i < 2; i++) {
        sbx_test_outcome outcome;
        const char *line;
        int count = 0;

        sbx_test_exec(&outcome, *state, options[i],
                      SBX_LIST(((const sbx_test_place *)*state)->probe, "try-all-calls",
                               sbx_test_host_namespace(), sbx_test_text("%d", END),
                               sbx_test_text("%u", (unsigned)sbx_test_slow_ms(50)),
                               sbx_test_text("%d", 0x40000000)));
        sbx_test_expect(&outcome, 0, "ok", NULL);
        for (line = outcome.out; *line != '\0'; line = strchr(line, '\n') + 1, count++) {
            int number = 0, error = 0;

            if (strncmp(line, "try-all-calls", 13) == 0)
                break;
            assert_int_equal(sscanf(line, "%d %d", &number, &error), 2);
            assert_int_equal(number, 0x40000000 + count);
            if (error != ENOSYS)
                fail_msg("x32's call %d answers %d", count, error);
        }
        assert_int_equal(count, END);
        sbx_test_outcome_done(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_every_number),
        sbx_unit_test(test_every_x32_number),
    };

    return cmocka_run_group_tests_name("escape: calls", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
