/*
 * The sandbox identity's id is nobody's: where an account or a group of the host has it, the run is refused. Root only:
 * nobody else can become another user.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static void run_true(sbx_test_outcome *out, const sbx_test_place *place, const char *identity)
{
    sbx_test_exec(out, place, SBX_LIST("--identity", identity), SBX_LIST("/bin/true"));
}

/* With one more line in the file, as this mount namespace sees it. */
static void with_line(const sbx_test_place *place, const char *file, const char *line)
{
    const char *copy = sbx_test_path(place->base, "accounts");
    char bytes[65536];
    int from = open(file, O_RDONLY | O_CLOEXEC);
    int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t got = read(from, bytes, sizeof(bytes));

    assert_true(from >= 0 && to >= 0 && got > 0 && got < (ssize_t)sizeof(bytes));
    assert_int_equal(write(to, bytes, (size_t)got), got);
    assert_int_equal(write(to, line, strlen(line)), (ssize_t)strlen(line));
    close(from);
    close(to);
    assert_int_equal(mount(copy, file, NULL, MS_BIND, NULL), 0);
}

static void check_refused(const sbx_test_place *place, const char *file, const char *line)
{
    sbx_test_outcome outcome;

    run_true(&outcome, place, "sandbox"); /* the control: it is nobody's so far */
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    with_line(place, file, line);
    run_true(&outcome, place, "sandbox");
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, file));
    assert_non_null(strstr(outcome.err, "somebody"));
    sbx_test_outcome_done(&outcome);
    run_true(&outcome, place, "self");
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(umount2(file, MNT_DETACH), 0);
}

static void test_an_account_has_it(void **state)
{
    check_refused(*state, "/etc/passwd", "somebody:x:64000:100:that one:/nonexistent:/bin/sh\n");
}

static void test_a_group_has_it(void **state)
{
    check_refused(*state, "/etc/group", "somebody:x:64000:\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_an_account_has_it),
        sbx_unit_test(test_a_group_has_it),
    };

    if (geteuid() != 0) {
        print_message("only root becomes another user\n");
        return 0;
    }
    /* A mount namespace of our own stands for the host. */
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        sbx_test_skip_file("no mount namespace of our own");
    return cmocka_run_group_tests_name("accounts", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
