/*
 * A host that refuses user namespaces to a plain user: nothing starts unasked, and with --allow-degraded Landlock
 * and seccomp hold what they can. In the list of tests only where scripts/test-guest.sh runs them.
 */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *const degraded[] = {"--allow-degraded", NULL};

static bool can_make_user_namespace(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    waitpid(pid, &status, 0);
    return status == 0;
}

/* Nothing runs behind fewer walls than were asked for; the message says who refuses and what to do. */
static void test_nothing_starts_unasked(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(place->probe, "create-file", made));
    assert_int_equal(outcome.exit_code, 125);
    assert_false(sbx_test_exists(made));
    assert_non_null(strstr(outcome.err, "user namespaces are refused"));
    assert_non_null(strstr(outcome.err, "--allow-degraded"));
    sbx_test_outcome_done(&outcome);
}

static void test_what_is_lost_is_named(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, degraded, SBX_LIST(place->probe, "create-file", made));
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_true(sbx_test_exists(made));
    assert_string_equal(sbx_test_word(&outcome, "enforcement"), "partial");
    sbx_test_outcome_done(&outcome);
}

static void prepare_file(const sbx_test_place *place)
{
    sbx_test_write(sbx_test_path(place->outside, "file"), "kept");
}

static void test_writes_outside(void **state)
{
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->outside, "file");
    const char *fresh = sbx_test_path(place->outside, "fresh");
    const char *const *attempts[] = {
        SBX_LIST("append", file),
        SBX_LIST("truncate", file), /* these two Landlock does not see before Linux 6.2 */
        SBX_LIST("open-truncating", file),
        SBX_LIST("unlink", file),
        SBX_LIST("mkdir", fresh),
        SBX_LIST("symlink", "/etc/passwd", fresh),
        SBX_LIST("rename", file, fresh),
    };

    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        sbx_test_escape escape = {
            .attempt = attempts[i], .options = degraded, .prepare = prepare_file};

        sbx_test_remove_tree(fresh);
        sbx_test_try_escape(place, &escape);
    }
}

static void test_the_network(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, degraded,
                  SBX_LIST("/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/1"));
    assert_int_not_equal(outcome.exit_code, 0);
    if (strstr(outcome.err, "denied connect tcp 127.0.0.1:1") == NULL)
        fail_msg("refused otherwise: %s", outcome.err);
    sbx_test_outcome_done(&outcome);
}

/* No pid namespace takes the job with it: init has to. */
static void test_a_killed_sbx_takes_its_job_with_it(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = degraded,
        .command = SBX_LIST(place->probe, "tree", sbx_test_path(place->root, "pid"), "60")};
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_outcome_done(&outcome);
    assert_true(sbx_test_wait_probes(place, 0, 5000));
}

static void test_doctor_says_so(void **state)
{
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, *state, SBX_LIST("doctor"));
    assert_int_not_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "none can be made"));
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_nothing_starts_unasked),
        sbx_unit_test(test_what_is_lost_is_named),
        sbx_unit_test(test_writes_outside),
        sbx_unit_test(test_the_network),
        sbx_unit_test(test_a_killed_sbx_takes_its_job_with_it),
        sbx_unit_test(test_doctor_says_so),
    };

    if (sbx_test_is_root() || can_make_user_namespace())
        sbx_test_skip_file("user namespaces are not refused here");
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
