/*
 * The audit database on a disk (FUSE) that is slow, stands still, answers with errors, or is pulled out: before a run, under
 * it, and at each single thing that sbx asks of it, the n-th for all n. Nothing runs without a start row that is on the
 * disk; what ran ends as ever, and where its record is not whole, that is said; sbx neither crashes nor hangs, no limit is
 * lost, and afterwards nothing is left.
 *
 *     SBX_FAULT_STRIDE=1    every call; usually each 29th
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/abuse.h"
#include "tests/support/escape.h"
#include "tests/support/fuse_disk.h"
#include "tests/support/ground.h"
#include "tests/support/test.h"
#include "tests/support/waiting.h"

enum { USUAL_STRIDE = 29, CALLS_MAX = 1000 };
enum { SLOW_MS = 20, DENIALS = 50, PROGRAMS = 5, AT_ONCE = 3, STILL_MS = 2500 };

static sbx_test_aftermath after;
static sbx_test_disk disk;

static int insert(void **state)
{
    (void)state;
    assert_true(sbx_test_disk_insert(&disk));
    sbx_test_mkdir(sbx_test_path(disk.below, "state"));
    return 0;
}

/* First the disk: a process that waits for it cannot be killed. */
static int eject(void **state)
{
    sbx_test_disk_eject(&disk);
    return sbx_test_stop_children(state);
}

#define disk_test(function) cmocka_unit_test_setup_teardown(function, insert, eject)

static sbx_test_place with_database(const sbx_test_place *place, const char *on)
{
    sbx_test_place out = *place;

    snprintf(out.database, sizeof(out.database), "%s/state/audit.db", on);
    return out;
}

/* What is looked at afterwards, and the next start, need not take as long. */
static void look_at(const sbx_test_place *place)
{
    atomic_store(&disk.orders->delay_ms, 0);
    sbx_test_aftermath_check(&after, place);
}

/* ---- slow ------------------------------------------------------------------------------------ */

/* Everything is as ever, to the last row; it only takes longer. */
static void test_slow(void **state)
{
    const sbx_test_place place = with_database(*state, disk.path);
    const char *script =
        sbx_test_text("%s deny-many %s %d > /dev/null; %s fork-exec %d /bin/true > /dev/null; "
                      "exit 7",
                      place.probe, place.outside, DENIALS, place.probe, PROGRAMS);
    sbx_test_outcome outcome;
    json_t *processes;

    atomic_store(&disk.orders->delay_ms, SLOW_MS);
    sbx_test_exec(&outcome, &place, SBX_LIST("--mem", "64M"), SBX_LIST("/bin/sh", "-c", script));
    sbx_test_expect(&outcome, 7, "nonzero", "");
    assert_false(sbx_test_is_told(&outcome));
    assert_true(outcome.wall_ms >= 10 * SLOW_MS); /* it was the disk that was asked */
    look_at(&place);
    assert_int_equal(sbx_test_sum_denials(&place, sbx_test_word(&outcome, "run_id")), DENIALS);
    processes = sbx_test_audit_processes(&place, sbx_test_word(&outcome, "run_id"));
    assert_int_equal(json_array_size(processes), PROGRAMS + 3);
    json_decref(processes);
    sbx_test_outcome_done(&outcome);
}

/* While denials are written, which takes its time each time, the clocks go right. */
static void test_slow_keeps_limits(void **state)
{
    const sbx_test_place place = with_database(*state, disk.path);
    const char *denied = sbx_test_text(
        "while :; do %s deny-many %s 20 > /dev/null; sleep 0.1; done", place.probe, place.outside);
    const struct {
        const char *option, *value, *command, *reason;
        int exit_code;
    } cases[] = {
        {"--wall", "1s", denied, "wall", 124},
        {"--idle", "1s", "exec sleep 60", "idle", 124},
        {"--cpu", "1s", "while :; do :; done", "cpu", 124},
        {"--output", "64K", "sleep 0.9; exec yes", "output", 137},
    };

    atomic_store(&disk.orders->delay_ms, SLOW_MS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sbx_test_outcome outcome;
        json_int_t took_ns;

        sbx_test_exec(&outcome, &place, SBX_LIST("--grace", "0", cases[i].option, cases[i].value),
                      SBX_LIST("/bin/sh", "-c", cases[i].command));
        sbx_test_expect(&outcome, cases[i].exit_code, "limit", cases[i].reason);
        assert_false(sbx_test_is_told(&outcome));
        took_ns =
            strcmp(cases[i].option, "--cpu") != 0
                ? sbx_test_number(&outcome, "wall_ns")
                : sbx_test_number(&outcome, "user_ns") + sbx_test_number(&outcome, "system_ns");
        if (took_ns > (json_int_t)sbx_test_slow_ms(4000) * 1000000)
            fail_msg("%s: held after %lld ns", cases[i].option, (long long)took_ns);
        sbx_test_outcome_done(&outcome);
    }
    look_at(&place);
}

/* They wait for each other's locks, and all have their rows. */
static void test_slow_at_once(void **state)
{
    const sbx_test_place place = with_database(*state, disk.path);
    sbx_test_request request = {.command = SBX_LIST(place.probe, "exit", "3")};
    sbx_test_child child[AT_ONCE];

    atomic_store(&disk.orders->delay_ms, SLOW_MS);
    for (int i = 0; i < AT_ONCE; i++)
        sbx_test_start(&child[i], &place, &request);
    for (int i = 0; i < AT_ONCE; i++) {
        sbx_test_outcome outcome;

        sbx_test_finish(&outcome, &child[i], 2 * SBX_TEST_TIMEOUT_MS);
        sbx_test_expect(&outcome, 3, "nonzero", "");
        assert_false(sbx_test_is_told(&outcome));
        sbx_test_outcome_done(&outcome);
    }
    look_at(&place);
    assert_int_equal(sbx_test_count_status(&place, "nonzero"), AT_ONCE);
}

/* ---- at each call ---------------------------------------------------------------------------- */

/* What there is to say about a run that lost its disk, by what it left: on the disk, and elsewhere. */
static void judge(const sbx_test_place *below, const sbx_test_outcome *outcome, unsigned long call,
                  size_t rows_before)
{
    const char *marker = sbx_test_path(below->root, "marker");
    bool has_run = sbx_test_exists(marker);

    if (outcome->signal != 0 || (outcome->exit_code != 125 && outcome->exit_code != 0) ||
        has_run != (outcome->exit_code == 0))
        fail_msg("call %lu: signal %d, exit %d, the command ran: %d; %s", call, outcome->signal,
                 outcome->exit_code, has_run, outcome->err);
    if (!has_run && strstr(outcome->err, "audit") == NULL)
        fail_msg("call %lu: it is not said what failed: \"%s\"", call, outcome->err);
    if (has_run && sbx_test_count_status(below, NULL) != rows_before + 1)
        fail_msg("call %lu: the command ran without a row", call);
    if (has_run && sbx_test_count_status(below, "ok") != rows_before + 1 &&
        !sbx_test_is_told(outcome))
        fail_msg("call %lu: the row has no end, and that is not said", call);
    (void)unlink(marker);
}

/* error 0: the disk is pulled. */
static void fail_at_each(void **state, bool has_database, int error)
{
    unsigned stride = sbx_test_setting("SBX_FAULT_STRIDE", USUAL_STRIDE), taken = 0;
    unsigned long call = 1, asked;

    for (; call < CALLS_MAX; call += stride, taken++) {
        const sbx_test_place place = with_database(*state, disk.path);
        const sbx_test_place below = with_database(*state, disk.below);
        const char *marker = sbx_test_path(place.root, "marker");
        sbx_test_outcome outcome;
        unsigned long before;
        size_t rows = 0;

        if (has_database) {
            sbx_test_aftermath_check(&after, &place);
            rows = sbx_test_count_status(&place, NULL);
        }
        before = atomic_load(&disk.orders->asked);
        atomic_store(&disk.orders->error_then, error);
        atomic_store(&disk.orders->fails_at, before + call);
        sbx_test_exec(&outcome, &place, SBX_NO_LIST, SBX_LIST(place.probe, "create-file", marker));
        asked = atomic_load(&disk.orders->asked) - before;
        sbx_test_disk_pull(&disk);
        judge(&below, &outcome, call, rows);
        sbx_test_outcome_done(&outcome);
        sbx_test_aftermath_check(&after, &below);
        sbx_test_disk_eject(&disk);
        (void)insert(state);
        if (asked < call) /* it makes no more of them */
            break;
    }
    sbx_test_tally("faults/disk, a call of the database's disk failed, or it was pulled", taken);
    assert_true(call > 20 && call < CALLS_MAX);
}

static void test_errors_at_each_call(void **state)
{
    fail_at_each(state, true, EIO);
    fail_at_each(state, false, EIO);
}

static void test_pulled_at_each_call(void **state)
{
    fail_at_each(state, true, 0);
    fail_at_each(state, false, 0);
}

/* ---- under a run ----------------------------------------------------------------------------- */

/* It answers with errors, and then not at all. */
static void test_goes_under_a_run(void **state)
{
    const sbx_test_place below = with_database(*state, disk.below);
    sbx_test_place place = with_database(*state, disk.path);
    sbx_test_child child;

    for (int i = 0; i < 3; i++) {
        sbx_test_waiting_begin(&child, &place, &after);
        if (i != 1)
            atomic_store(&disk.orders->error, EIO);
        if (i != 0)
            sbx_test_disk_pull(&disk);
        sbx_test_waiting_expect(&child, &place, &after, true);
        sbx_test_disk_pull(&disk);
        assert_int_equal(sbx_test_count_status(&below, NULL), 1);
        sbx_test_aftermath_check(&after, &below);
        assert_int_equal(sbx_test_count_status(&below, "lost"), 1);
        sbx_test_disk_eject(&disk);
        (void)insert(state);
    }
}

/* It takes what is written, and cannot keep it: the end is in the row, and that it may not last is said. */
static void test_cannot_sync_the_end(void **state)
{
    const sbx_test_place place = with_database(*state, disk.path);
    const sbx_test_request request = {/* nothing is written between start and end */
                                      .options = SBX_LIST("--no-watch"),
                                      .command =
                                          SBX_LIST("/bin/sh", "-c", "echo begun; sleep 1; exit 7")};
    sbx_test_outcome outcome;
    sbx_test_child child;

    sbx_test_aftermath_start(&after, &child, &place, &request);
    assert_true(sbx_test_wait_output(&child, "begun", 10000));
    atomic_store(&disk.orders->sync_error, EIO);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 7, "nonzero", NULL);
    assert_true(sbx_test_is_told(&outcome));
    sbx_test_outcome_done(&outcome);
    assert_int_equal(sbx_test_count_status(&place, "nonzero"), 1);
    atomic_store(&disk.orders->sync_error, 0);
    sbx_test_aftermath_check(&after, &place);
}

/* It answers nothing for a while. Only then can sbx look at its clocks again: late, but not lost. */
static void test_stands_still_under_a_run(void **state)
{
    const sbx_test_place below = with_database(*state, disk.below);
    const sbx_test_place place = with_database(*state, disk.path);
    const char *script = sbx_test_text(
        "echo begun; while :; do %s deny-many %s 20 > /dev/null; done", place.probe, place.outside);
    const sbx_test_request request = {.options = SBX_LIST("--wall", "1s", "--grace", "0"),
                                      .command = SBX_LIST("/bin/sh", "-c", script)};

    for (int is_pulled = 0; is_pulled < 2; is_pulled++) {
        sbx_test_outcome outcome;
        sbx_test_child child;

        sbx_test_aftermath_start(&after, &child, &place, &request);
        assert_true(sbx_test_wait_output(&child, "begun", 10000));
        atomic_store(&disk.orders->is_stuck, true);
        sbx_test_pause_ms(STILL_MS);
        assert_int_equal(kill(child.pid, 0), 0);
        if (is_pulled)
            sbx_test_disk_pull(&disk);
        atomic_store(&disk.orders->is_stuck, false);
        sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
        sbx_test_expect(&outcome, 124, "limit", "wall");
        assert_true(sbx_test_number(&outcome, "wall_ns") <
                    (json_int_t)sbx_test_slow_ms(8000) * 1000000);
        assert_int_equal(sbx_test_is_told(&outcome), is_pulled);
        sbx_test_outcome_done(&outcome);
        sbx_test_aftermath_check(&after, is_pulled ? &below : &place);
    }
}

/* For a while only, as a cable does: what could not be written meanwhile is written, or missed aloud. */
static void test_comes_back_under_a_run(void **state)
{
    const sbx_test_place place = with_database(*state, disk.path);
    sbx_test_child child;

    sbx_test_waiting_begin(&child, &place, &after);
    atomic_store(&disk.orders->error, EIO);
    sbx_test_pause_ms(600);
    atomic_store(&disk.orders->error, 0);
    sbx_test_waiting_expect(&child, &place, &after, true);
    sbx_test_aftermath_check(&after, &place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        disk_test(sbx_test_ping),
        disk_test(test_slow),
        disk_test(test_slow_keeps_limits),
        disk_test(test_slow_at_once),
        disk_test(test_errors_at_each_call),
        disk_test(test_pulled_at_each_call),
        disk_test(test_goes_under_a_run),
        disk_test(test_cannot_sync_the_end),
        disk_test(test_stands_still_under_a_run),
        disk_test(test_comes_back_under_a_run),
    };

    sbx_test_ground_enter();
    if (!sbx_test_disk_insert(&disk))
        sbx_test_skip_file(sbx_test_text("no FUSE here: %s", strerror(errno)));
    sbx_test_disk_eject(&disk);
    return cmocka_run_group_tests_name("faults: disk", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
