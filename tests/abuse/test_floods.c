/*
 * Output and denials faster than anybody takes them.
 * ctest: serial (what hogs the machine makes others slow)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/abuse.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

#define PROBE(...) SBX_LIST(place->probe, __VA_ARGS__)

/* A program that prints for ever is stopped at the cap, on both streams together. */
static void test_output_is_cut(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options =
                                    SBX_LIST("--output", "1M", "--wall", sbx_test_slow_time(30)),
                                .command = PROBE("flood", "1000000000")};
    sbx_test_outcome outcome;

    sbx_test_abuse(&outcome, place, &request);
    sbx_test_expect(&outcome, 137, "limit", "output");
    assert_true(outcome.out_bytes + outcome.err_bytes <= (1 << 20) + 4096);
    sbx_test_outcome_done(&outcome);
}

/* Starts a flood into a pipe of ours; *out_fd is the end to read. */
static void start_flood(sbx_test_child *child, const sbx_test_place *place, int out_fd[2],
                        const char *const *options)
{
    sbx_test_request request = {.options = options, .command = PROBE("flood", "100000000")};
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    request.stdio[1] = fds[1];
    request.stdio[2] = fds[1];
    sbx_test_start(child, place, &request);
    close(fds[1]);
    out_fd[0] = fds[0];
    out_fd[1] = -1;
}

static const char *const *const ways[] = {
    (const char *const[]){"--wall", "1s", "--grace", "100ms", NULL},
    (const char *const[]){"--wall", "1s", "--grace", "100ms", "--output", "64M", NULL},
};

/* Nobody reads: the clock ends it all the same, and sbx does not hang on its own last words. */
static void test_reader_that_does_not_read(void **state)
{
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < 2; i++) {
        sbx_test_child child;
        sbx_test_outcome outcome;
        int fds[2];
        pid_t supervisor;
        char block[65536];

        start_flood(&child, place, fds, ways[i]);
        supervisor = child.pid;
        assert_true(sbx_test_wait_probes(place, 1, 10000));
        assert_true(sbx_test_wait_probes(place, 0, 10000)); /* over, though the pipe is full */
        while (read(fds[0], block, sizeof(block)) > 0)
            continue;
        sbx_test_finish(&outcome, &child, 10000);
        sbx_test_expect(&outcome, 124, "limit", "wall");
        sbx_test_check_gone(place, supervisor, sbx_test_word(&outcome, "run_id"));
        sbx_test_outcome_done(&outcome);
        close(fds[0]);
    }
}

/* The reader goes: the command has SIGPIPE or the end of its output, and the run its row. */
static void test_reader_that_vanishes(void **state)
{
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < 2; i++) {
        sbx_test_child child;
        sbx_test_outcome outcome;
        int fds[2];
        pid_t supervisor;
        char block[65536];

        start_flood(&child, place, fds, ways[i]);
        supervisor = child.pid;
        assert_true(read(fds[0], block, sizeof(block)) > 0);
        close(fds[0]);
        sbx_test_finish(&outcome, &child, 10000);
        assert_int_not_equal(outcome.exit_code, 0);
        assert_int_not_equal(outcome.exit_code, 125);
        sbx_test_check_gone(place, supervisor, sbx_test_word(&outcome, "run_id"));
        sbx_test_outcome_done(&outcome);
    }
}

static void test_reader_that_is_slow(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options =
                                    SBX_LIST("--output", "64M", "--wall", sbx_test_slow_time(60)),
                                .command = PROBE("flood", "400000")};
    sbx_test_child child;
    sbx_test_outcome outcome;
    char block[16384];
    size_t total = 0;
    int fds[2];
    ssize_t got;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    request.stdio[1] = fds[1];
    request.stdio[2] = fds[1];
    sbx_test_start(&child, place, &request);
    close(fds[1]);
    while ((got = read(fds[0], block, sizeof(block))) > 0) {
        total += (size_t)got;
        sbx_test_pause_ms(10);
    }
    close(fds[0]);
    sbx_test_finish(&outcome, &child, 10000);
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_int_equal(total, 2 * 25 * 16384);
    sbx_test_outcome_done(&outcome);
}

/* Closed streams are no accident for sbx. */
static void test_closed_streams(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_LIST("--output", "1M"),
                                .command = PROBE("flood", "100000"),
                                .stdio = {-1, -1, -1}};
    sbx_test_outcome outcome;

    sbx_test_abuse(&outcome, place, &request);
    assert_int_not_equal(outcome.exit_code, 125);
    sbx_test_outcome_done(&outcome);
}

/* Each denial with a name of its own, then as long as names can be: bounded memory, exact total. */
static void test_denials(void **state)
{
    const sbx_test_place *place = *state;
    unsigned count = sbx_test_setting("SBX_TEST_DENIALS", 12000);
    static const char *const widths[] = {"1", "230"};

    for (size_t i = 0; i < 2; i++) {
        sbx_test_request request = {
            .options = SBX_LIST("--wall", sbx_test_slow_time(600)),
            .command = PROBE("deny-many", place->outside, sbx_test_text("%u", count), widths[i])};
        sbx_test_outcome outcome;
        json_t *row, *rows;

        sbx_test_abuse(&outcome, place, &request);
        sbx_test_expect(&outcome, 0, "ok", "");
        row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
        assert_int_equal(json_integer_value(json_object_get(row, "denied_total")), count);
        rows = sbx_test_audit_denials(place, sbx_test_word(&outcome, "run_id"));
        assert_in_range(json_array_size(rows), 5000, 10000);
        assert_int_equal((json_int_t)json_array_size(rows) +
                             json_integer_value(json_object_get(row, "denied_lost")),
                         count);
        json_decref(rows);
        json_decref(row);
        sbx_test_outcome_done(&outcome);
    }
}

/*
 * Everything that is written down as long as it can be, and of bytes that take six times the room in JSON: a program in a
 * deep directory starts itself with wide arguments and is denied much.
 */
static void test_longest_names(void **state)
{
    static const char script[] =
        "d=/tmp; n=$(printf '\\001%.0s' {1..250}); for i in {1..15}; do d=$d/$n; done; mkdir -p $d;"
        "cp $1 $d/p; $d/p exec-wide 300 500; $d/p deny-many $2 4000 200";
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = SBX_LIST("--wall", sbx_test_slow_time(600)),
        .command = SBX_LIST("/bin/bash", "-c", script, "bash", place->probe, place->outside)};
    sbx_test_outcome outcome;

    sbx_test_abuse(&outcome, place, &request);
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_verify(place);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_output_is_cut),
        sbx_unit_test(test_reader_that_does_not_read),
        sbx_unit_test(test_reader_that_vanishes),
        sbx_unit_test(test_reader_that_is_slow),
        sbx_unit_test(test_closed_streams),
        sbx_unit_test(test_denials),
        sbx_unit_test(test_longest_names),
    };

    return cmocka_run_group_tests_name("abuse: floods", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
