/*
 * Programs that live to be many, or not to die.
 * ctest: serial (what hogs the machine makes others slow)
 */
#include <signal.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/abuse.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static void abuse(sbx_test_outcome *out, const sbx_test_place *place, const char *const *options,
                  const char *const *command)
{
    sbx_test_request request = {.options = options, .command = command};

    sbx_test_abuse(out, place, &request);
}

#define PROBE(...) SBX_LIST(place->probe, __VA_ARGS__)

static void test_fork_bomb(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_LIST("--procs", "64", "--wall", "1500ms", "--grace", "100ms"),
          PROBE("fork-for-ever", sbx_test_host_namespace(), "30"));
    sbx_test_expect(&outcome, 124, "limit", "wall");
    sbx_test_outcome_done(&outcome);
}

static void test_thread_bomb(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    int threads = 0;

    abuse(&outcome, place, SBX_LIST("--procs", "50", "--wall", sbx_test_slow_time(20)),
          PROBE("thread-bomb", "400"));
    assert_int_not_equal(outcome.exit_code, 0);
    if (sscanf(outcome.out, "threads=%d", &threads) == 1) /* or it was stopped before */
        assert_in_range(threads, 20, 50);
    sbx_test_outcome_done(&outcome);
}

static void test_exec_storm(void **state)
{
    const sbx_test_place *place = *state;
    const char *count = sbx_test_text("%u", sbx_test_setting("SBX_TEST_EXECS", 400));
    sbx_test_outcome outcome;
    json_t *rows;

    abuse(&outcome, place, SBX_LIST("--wall", sbx_test_slow_time(50)), PROBE("exec-storm", count));
    sbx_test_expect(&outcome, 0, "ok", "");
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    assert_true(json_array_size(rows) > strtoul(count, NULL, 10) ||
                strtoul(count, NULL, 10) >= 20000);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/* As many and as long names as the record can be made to hold: it is bounded, and says what it left out. */
static void test_wide_exec_storm(void **state)
{
    const sbx_test_place *place = *state;
    const char *count = sbx_test_text("%u", sbx_test_setting("SBX_TEST_EXECS", 400));
    sbx_test_outcome outcome;
    json_t *row;

    abuse(&outcome, place, SBX_LIST("--wall", sbx_test_slow_time(50)),
          PROBE("exec-wide", count, "500"));
    sbx_test_expect(&outcome, 0, "ok", "");
    row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_true(json_integer_value(json_object_get(row, "processes_lost")) > 0);
    json_decref(row);
    sbx_test_outcome_done(&outcome);
}

static void test_daemons(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_NO_LIST, PROBE("daemon", sbx_test_path(place->root, "pid"), "60"));
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_int_equal(sbx_test_number(&outcome, "leaked_procs"), 1);
    sbx_test_outcome_done(&outcome);
    abuse(&outcome, place, SBX_NO_LIST, PROBE("leave-children", "30", "60"));
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_int_equal(sbx_test_number(&outcome, "leaked_procs"), 30);
    sbx_test_outcome_done(&outcome);
}

static void test_deaf_to_term(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_LIST("--wall", "300ms", "--grace", "200ms"),
          PROBE("ignore-term", "60"));
    sbx_test_expect(&outcome, 124, "limit", "wall");
    assert_true(outcome.wall_ms >= 450);
    sbx_test_outcome_done(&outcome);
}

static void test_stopped_and_traced(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_NO_LIST, PROBE("leave-stopped", "20"));
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    abuse(&outcome, place, SBX_LIST("--wall", "500ms", "--grace", "100ms"), PROBE("trace-parent"));
    sbx_test_expect(&outcome, 124, "limit", "wall");
    sbx_test_outcome_done(&outcome);
    /* The command itself stops: nothing but the clock ends that. */
    abuse(&outcome, place, SBX_LIST("--wall", "500ms", "--grace", "100ms"),
          PROBE("kill-self", "19"));
    sbx_test_expect(&outcome, 124, "limit", "wall");
    sbx_test_outcome_done(&outcome);
}

static void test_zombies(void **state)
{
    const sbx_test_place *place = *state;
    const char *count = sbx_test_text("%u", sbx_test_setting("SBX_TEST_ZOMBIES", 1500));
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_LIST("--wall", sbx_test_slow_time(50)), PROBE("zombies", count));
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
}

/* Round the whole of the job's pid numbers. Every fork of the machine is waited for by none of ours. */
static void test_pids_come_again(void **state)
{
    const sbx_test_place *place = *state;
    unsigned count = sbx_test_setting("SBX_TEST_PIDS", 0);
    sbx_test_outcome outcome;

    if (count == 0) {
        print_message("SBX_TEST_PIDS=40000 makes this one real: it takes a minute\n");
        count = 300;
    }
    abuse(&outcome, place, SBX_LIST("--wall", sbx_test_slow_time(600)),
          PROBE("spend-pids", sbx_test_text("%u", count)));
    if (count > 32768)
        sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
}

static void test_closes_everything(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_NO_LIST, PROBE("close-all", "7"));
    sbx_test_expect(&outcome, 7, "nonzero", "");
    sbx_test_outcome_done(&outcome);
    abuse(&outcome, place, SBX_LIST("--output", "1M"), PROBE("close-all", "7"));
    sbx_test_expect(&outcome, 7, "nonzero", "");
    sbx_test_outcome_done(&outcome);
}

static void test_descriptors(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_LIST("--files", "64"), PROBE("open-files", "100000"));
    sbx_test_expect(&outcome, SBX_PROBE_DENIED, "limit", "files");
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),          sbx_unit_test(test_fork_bomb),
        sbx_unit_test(test_thread_bomb),       sbx_unit_test(test_exec_storm),
        sbx_unit_test(test_wide_exec_storm),   sbx_unit_test(test_daemons),
        sbx_unit_test(test_deaf_to_term),      sbx_unit_test(test_stopped_and_traced),
        sbx_unit_test(test_zombies),           sbx_unit_test(test_pids_come_again),
        sbx_unit_test(test_closes_everything), sbx_unit_test(test_descriptors),
    };

    return cmocka_run_group_tests_name("abuse: processes", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
