/*
 * Less and less address space (RLIMIT_AS, `ulimit -v`) than sbx needs: from what its program can just be loaded into, up in
 * steps until it works. Each ending is a right run, or an error that says so; never a crash, never a command without a row.
 * Unlike a malloc() that fails (tests/unit/test_no_memory.c) this also takes mappings, threads and the stack away.
 *
 *     SBX_FAULT_STEP_KIB=4    finer; usually 16
 */
#include <unistd.h>

#include "tests/support/abuse.h"
#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { USUAL_STEP_KIB = 16, COARSER = 32, FIRST_KIB = 2048, LAST_KIB = 64 * 1024, RIGHT_MAX = 6 };

static sbx_test_aftermath after;

static const char *marker_of(const sbx_test_place *place)
{
    return sbx_test_path(place->root, "marker");
}

/* line: sbx and its arguments. */
static void run_within(sbx_test_outcome *out, const sbx_test_place *place, unsigned kib,
                       const char *const *line)
{
    enum { WORDS_MAX = 32 };
    const char *words[WORDS_MAX] = {"/bin/sh", "-c", "ulimit -v $0 && exec \"$@\"",
                                    sbx_test_text("%u", kib)};
    sbx_test_request request = {.as_is = true, .command = words};
    sbx_test_child child;

    for (size_t i = 0; line[i] != NULL; i++) {
        assert_true(i + 5 < WORDS_MAX);
        words[i + 4] = line[i];
    }
    sbx_test_aftermath_start(&after, &child, place, &request);
    sbx_test_finish(out, &child, SBX_TEST_TIMEOUT_MS);
}

/* Below that the kernel, or the C library, ends the program before its first line. */
static unsigned find_least(const sbx_test_place *place, unsigned step)
{
    for (unsigned kib = FIRST_KIB; kib < LAST_KIB; kib += step) {
        sbx_test_outcome outcome;
        int code;

        run_within(&outcome, place, kib, SBX_LIST(sbx_test_binary(), "--version"));
        code = outcome.exit_code;
        sbx_test_outcome_done(&outcome);
        if (code == 0)
            return kib;
    }
    fail_msg("it does not start within %d KiB", LAST_KIB);
    return 0;
}

/* Rows: all of them, of commands that did their work, and of commands that failed by themselves. */
typedef struct counts {
    size_t all, ok, failed;
} counts;

static counts count(const sbx_test_place *place)
{
    return (counts){sbx_test_count_status(place, NULL), sbx_test_count_status(place, "ok"),
                    sbx_test_count_status(place, "nonzero")};
}

/* True: it was a right run, and all of it is recorded. sbx may need less than the command, which then says nothing. */
static bool judge(const sbx_test_place *place, const sbx_test_outcome *outcome, unsigned kib,
                  counts before)
{
    bool has_run = sbx_test_exists(marker_of(place));
    bool is_told = strstr(outcome->err, "not fully recorded") != NULL;
    counts now = has_run || outcome->err_bytes == 0 ? count(place) : before;

    if (outcome->signal != 0 || outcome->exit_code < 0)
        fail_msg("%u KiB: signal %d: %s", kib, outcome->signal, outcome->err);
    if (has_run && now.all != before.all + 1)
        fail_msg("%u KiB: the command ran without a row: %zu, then %zu", kib, before.all, now.all);
    if (has_run && !is_told && now.ok != before.ok + 1)
        fail_msg("%u KiB: the row has no end, and that is not said: %s", kib, outcome->err);
    if (outcome->exit_code == 0 && !has_run)
        fail_msg("%u KiB: exit 0, but the command did nothing: %s%s", kib, outcome->out,
                 outcome->err);
    if (outcome->exit_code != 0 && outcome->err_bytes == 0 && now.failed != before.failed + 1)
        fail_msg("%u KiB: exit %d, and nothing is said", kib, outcome->exit_code);
    return outcome->exit_code == 0 && !is_told;
}

/* The last one that fails, and the first ones that do not. */
static void ramp(const sbx_test_place *place, unsigned step, const char *const *command)
{
    unsigned kib = find_least(place, step), right = 0, wrong = 0;
    const char *line[32] = {sbx_test_binary(), "exec",      "--audit-db", place->database,
                            "--read",          place->base, "--write",    place->root,
                            "--wall",          "30s",       "--"};
    counts rows = {0};

    for (size_t i = 0; command[i] != NULL; i++)
        line[11 + i] = command[i];
    print_message("from %u KiB", kib);
    for (; right < RIGHT_MAX && kib < LAST_KIB; kib += step) {
        sbx_test_outcome outcome;

        run_within(&outcome, place, kib, line);
        if (judge(place, &outcome, kib, rows))
            right++;
        else
            wrong++;
        sbx_test_outcome_done(&outcome);
        (void)unlink(marker_of(place));
        sbx_test_aftermath_check(&after, place);
        rows = count(place);
    }
    print_message(" to %u KiB\n", kib);
    sbx_test_tally("faults/address_space, a start or run in too small a space", wrong);
    assert_int_equal(right, RIGHT_MAX);
    assert_true(wrong > 0);
}

static void test_small(void **state)
{
    const sbx_test_place *place = *state;

    ramp(place, sbx_test_setting("SBX_FAULT_STEP_KIB", USUAL_STEP_KIB),
         SBX_LIST(place->probe, "create-file", marker_of(place)));
}

/* Here sbx needs more the longer it goes on: the ramp is longer. */
static void test_grows(void **state)
{
    const sbx_test_place *place = *state;
    const char *script =
        sbx_test_text("%s create-file %s && %s deny-many %s 3000 200 > /dev/null", place->probe,
                      marker_of(place), place->probe, place->outside);

    ramp(place, COARSER * sbx_test_setting("SBX_FAULT_STEP_KIB", USUAL_STEP_KIB),
         SBX_LIST("/bin/sh", "-c", script));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_small),
        sbx_unit_test(test_grows),
    };

#ifdef __SANITIZE_ADDRESS__
    print_message("a sanitizer takes more address space than there is\n");
    return 0;
#endif
    return cmocka_run_group_tests_name("faults: address space", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
