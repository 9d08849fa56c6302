/*
 * The supervisor at each of its system calls: ended there, told there that the call has failed, or given half. Whatever
 * happens, nothing was started without a start row, what was recorded holds, and after the next start nothing is left: no process, group,
 * mount, stand-in, or row that says "running".
 *
 *     SBX_FAULT_STRIDE=1    every call; usually each 29th
 *     SBX_FAULT_ERRNO=4     by this error alone; 0: by being killed; usually all
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/abuse.h"
#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/stepper.h"
#include "tests/support/test.h"

enum { USUAL_STRIDE = 29, STEPS_MAX = 5000, BY_ALL = 9999 };

static void make_line(const char **line, const sbx_test_place *place)
{
    size_t at = 0;
    const char *const words[] = {sbx_test_binary(),
                                 "exec",
                                 "--audit-db",
                                 place->database,
                                 "--read",
                                 place->base,
                                 "--write",
                                 place->root,
                                 "--mem",
                                 "256M",
                                 "--procs",
                                 "32",
                                 "--wall",
                                 "20s",
                                 "--result",
                                 sbx_test_path(place->base, "result.json"),
                                 "--",
                                 place->probe,
                                 "create-file",
                                 sbx_test_path(place->root, "marker")};

    for (; at < sizeof(words) / sizeof(words[0]); at++)
        line[at] = words[at];
    line[at] = NULL;
}

/* A run that nothing is done to: it clears away what the one before left. */
static void run_next(const sbx_test_place *place)
{
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/true"));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
}

/* The result is there, or not; what it was written to is not. */
static void check_result(const sbx_test_place *place, const sbx_test_step_ending *ending)
{
    DIR *directory = opendir(place->base);
    struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL)
        if (strncmp(entry->d_name, ".sbx-", 5) == 0)
            fail_msg("call %ld: left behind: %s", ending->call, entry->d_name);
    closedir(directory);
    (void)unlink(sbx_test_path(place->base, "result.json"));
}

/* Started means recorded: the row was there before the command could make its file. */
static void check_after(const sbx_test_place *place, const sbx_test_step_ending *ending,
                        size_t rows_before)
{
    bool was_started = sbx_test_exists(sbx_test_path(place->root, "marker"));

    if (was_started && sbx_test_count_status(place, NULL) <= rows_before)
        fail_msg("call %ld: the command ran without a row", ending->call);
    run_next(place);
    if (sbx_test_count_status(place, "running") != 0)
        fail_msg("call %ld: a row says \"running\" for ever", ending->call);
    sbx_test_check_gone(place, ending->pid, NULL);
    check_result(place, ending);
    (void)unlink(sbx_test_path(place->root, "marker"));
}

/* is_right judges the ending; the number of steps that were taken. */
static unsigned at_each_step(const sbx_test_place *place, int error,
                             void (*is_right)(const sbx_test_place *, const sbx_test_step_ending *))
{
    unsigned stride = sbx_test_setting("SBX_FAULT_STRIDE", USUAL_STRIDE), taken = 0;
    const char *line[32];

    make_line(line, place);
    (void)unlink(sbx_test_path(place->root, "marker"));
    run_next(place); /* the database is there */
    for (unsigned step = 1; step < STEPS_MAX; step += stride) {
        sbx_test_step_ending ending;
        size_t rows = sbx_test_count_status(place, NULL);

        sbx_test_step(&ending, place, line, step, error);
        if (!ending.was_hit)
            break;
        is_right(place, &ending);
        check_after(place, &ending, rows);
        taken++;
    }
    sbx_test_verify(place);
    sbx_test_tally(error == 0 ? "faults/steps, killed at a system call"
                              : "faults/steps, a system call failed",
                   taken);
    return taken;
}

static void was_killed(const sbx_test_place *place, const sbx_test_step_ending *ending)
{
    (void)place;
    assert_int_equal(ending->signal, 9);
    assert_false(ending->has_hung);
}

static bool is_wanted(int error)
{
    unsigned only = sbx_test_setting("SBX_FAULT_ERRNO", BY_ALL);

    return only == BY_ALL || only == (unsigned)error;
}

static void test_killed_at_each_call(void **state)
{
    if (is_wanted(0))
        assert_true(at_each_step(*state, 0, was_killed) > 5);
}

/* Either it did without, or it refused; it never crashes, hangs, or takes the command's file for done. */
static void did_without_or_refused(const sbx_test_place *place, const sbx_test_step_ending *ending)
{
    if (ending->has_hung || ending->signal != 0)
        fail_msg("call %ld: signal %d%s", ending->call, ending->signal,
                 ending->has_hung ? ", hung" : "");
    if (ending->exit_code == 0 && !sbx_test_exists(sbx_test_path(place->root, "marker")))
        fail_msg("step %u, call %ld: exit 0, but the command did nothing", ending->step,
                 ending->call);
    if (ending->exit_code != 0 && ending->exit_code != 125 && ending->exit_code != 126 &&
        ending->exit_code != 127 && ending->exit_code != 137)
        fail_msg("step %u, call %ld: exit %d", ending->step, ending->call, ending->exit_code);
}

static void test_each_call_fails(void **state)
{
    static const int errors[] = {EIO, ENOMEM, EINTR, EMFILE};

#ifdef __SANITIZE_ADDRESS__
    print_message("a sanitizer's own calls may not fail\n");
    (void)errors;
    (void)state;
    return;
#endif
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (is_wanted(errors[i]))
            assert_true(at_each_step(*state, errors[i], did_without_or_refused) > 5);
}

/* Files and pipes give and take half of what is asked for, from the policy's file to the result's. */
static void test_short_transfers(void **state)
{
    enum { LINES = 2000, DENIALS = 50 };
    const sbx_test_place *place = *state;
    const char *policy = sbx_test_path(place->base, "policy.json");
    const char *result = sbx_test_path(place->base, "short.json");
    const char *script = sbx_test_text("i=0; while [ $i -lt %d ]; do echo 123456789; i=$((i+1)); "
                                       "done; %s deny-many %s %d 100 > %s; exit 4",
                                       LINES, place->probe, place->outside, DENIALS,
                                       sbx_test_path(place->root, "out"));
    sbx_test_step_ending ending;
    json_t *said, *rows;
    json_error_t wrong;
    unsigned count;

#ifdef __SANITIZE_ADDRESS__
    print_message("the dynamic loader reads a library's head at one go, or not at all\n");
    return;
#endif
    sbx_test_write(policy, sbx_test_text("{\"version\":1,\"extends\":\"workspace\",\"filesystem\":{"
                                         "\"read\":[\"%s\"],\"write\":[\"%s\"]}}",
                                         place->base, place->root));
    count = sbx_test_step_short(&ending, place,
                                SBX_LIST(sbx_test_binary(), "exec", "--audit-db", place->database,
                                         "--policy", policy, "--output", "1M", "--result", result,
                                         "--", "/bin/sh", "-c", script));
    sbx_test_tally("faults/steps, half was read or written", count);
    assert_false(ending.has_hung);
    assert_int_equal(ending.exit_code, 4);
    assert_true(count > 50);
    said = json_load_file(result, 0, &wrong);
    if (said == NULL)
        fail_msg("%s: line %d: %s", result, wrong.line, wrong.text);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(said, "usage"), "output_bytes")) +
            json_integer_value(json_object_get(said, "output_bytes")),
        10 * LINES);
    rows = sbx_test_audit_denials(place, json_string_value(json_object_get(said, "run_id")));
    assert_int_equal(json_array_size(rows), DENIALS);
    json_decref(rows);
    json_decref(said);
    sbx_test_verify(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_killed_at_each_call),
        sbx_unit_test(test_each_call_fails),
        sbx_unit_test(test_short_transfers),
    };

    return cmocka_run_group_tests_name("faults: steps", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
