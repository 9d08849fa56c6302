/* Kill on close: sbx dies by SIGKILL at any moment, and nothing of the job is left. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/abuse.h"
#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { GONE_MS = 10000 };

static void run_true(const sbx_test_place *place)
{
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "128M", "--procs", "50"),
                  SBX_LIST("/bin/true"));
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
}

/* The status of every run in the database, and how many there are. */
static size_t count_status(const sbx_test_place *place, const char *status)
{
    json_t *rows = sbx_test_audit_runs(place);
    size_t i, count = 0;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        const char *word = json_string_value(json_object_get(row, "status"));

        if (word != NULL && strcmp(word, status) == 0)
            count++;
    }
    json_decref(rows);
    return count;
}

/* A tree of five, one of them a daemon that left session and parent behind. */
static void kill_supervisor_of_tree(const sbx_test_place *place, const char *const *options)
{
    const char *pid_file = sbx_test_path(place->root, "pid");
    sbx_test_request request = {.options = options,
                                .command = SBX_LIST(place->probe, "tree", pid_file, "60")};
    sbx_test_child child;
    sbx_test_outcome outcome;
    pid_t supervisor;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    assert_true(sbx_test_wait_probes(place, 5, 5000));
    supervisor = child.pid;
    assert_int_equal(kill(supervisor, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, 5000);
    assert_int_equal(outcome.signal, SIGKILL);
    sbx_test_outcome_done(&outcome);
    sbx_test_expect_no_process(place, GONE_MS);
    assert_false(sbx_test_has_mounts(place));
    run_true(place); /* clears what a killed one could not */
    sbx_test_expect_no_group(supervisor);
    assert_false(sbx_test_exists(sbx_test_path(place->root, ".git")));
    assert_false(sbx_test_exists(sbx_test_path(place->root, ".codex")));
}

static void test_nothing_survives(void **state)
{
    const sbx_test_place *place = *state;
    size_t lost = count_status(place, "lost");

    kill_supervisor_of_tree(place, SBX_NO_LIST);
    assert_int_equal(count_status(place, "lost"), lost + 1);
    kill_supervisor_of_tree(place, SBX_LIST("--mem", "128M", "--procs", "50", "--cpus", "2"));
    kill_supervisor_of_tree(place, SBX_LIST("--output", "1M", "--no-watch"));
    assert_int_equal(count_status(place, "lost"), lost + 3);
    assert_int_equal(count_status(place, "running"), 0);
}

/* What stood in the place of protected names goes at the next start, also of a run somewhere
 * else. */
static void test_lease_is_given_back(void **state)
{
    const sbx_test_place *place = *state;
    const char *reserved = sbx_test_path(place->root, ".git");
    sbx_test_request request = {
        .options = SBX_NO_LIST,
        .command = SBX_LIST(place->probe, "tree", sbx_test_path(place->root, "pid"), "60")};
    sbx_test_request elsewhere = {.as_is = true,
                                  .command = SBX_LIST(sbx_test_binary(), "exec", "--audit-db",
                                                      place->database, "--", "/bin/true")};
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    assert_true(sbx_test_exists(reserved));
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, 5000);
    sbx_test_outcome_done(&outcome);
    sbx_test_expect_no_process(place, GONE_MS);
    assert_true(sbx_test_exists(reserved));
    sbx_test_run(&outcome, place, &elsewhere);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    assert_false(sbx_test_exists(reserved));
}

/* At every point of the start, some of them before and some after the command runs. */
static void test_kill_while_starting(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_LIST("--mem", "128M"),
                                .command = SBX_LIST(place->probe, "sleep", "60")};
    pid_t supervisors[24];

    for (unsigned i = 0; i < 24; i++) {
        sbx_test_child child;
        sbx_test_outcome outcome;
        struct timespec delay = {.tv_nsec = (long)i * 400000};

        sbx_test_start(&child, place, &request);
        nanosleep(&delay, NULL);
        supervisors[i] = child.pid;
        assert_int_equal(kill(child.pid, SIGKILL), 0);
        sbx_test_finish(&outcome, &child, 5000);
        sbx_test_outcome_done(&outcome);
        sbx_test_expect_no_process(place, GONE_MS);
    }
    run_true(place);
    for (unsigned i = 0; i < 24; i++)
        sbx_test_expect_no_group(supervisors[i]);
    assert_int_equal(count_status(place, "running"), 0);
    assert_false(sbx_test_has_mounts(place));
    assert_false(sbx_test_exists(sbx_test_path(place->root, ".git")));
}

/* The moment when the job's first process has been born and could not ask for anything yet. */
static void test_kill_at_birth(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "sleep", "60")};

    for (unsigned i = 0; i < 20; i++) {
        sbx_test_child child;
        sbx_test_outcome outcome;
        uint64_t end;

        sbx_test_start(&child, place, &request);
        end = sbx_test_now_ms() + sbx_test_slow_ms(5000);
        while (sbx_test_children_of(NULL, 0, child.pid) == 0 && sbx_test_now_ms() < end)
            continue;
        assert_int_equal(kill(child.pid, SIGKILL), 0);
        sbx_test_finish(&outcome, &child, 5000);
        sbx_test_outcome_done(&outcome);
        sbx_test_expect_no_process(place, GONE_MS);
    }
    run_true(place);
    assert_int_equal(count_status(place, "running"), 0);
}

/* The job's first process dies instead: sbx says so, and the row has its end. */
static void test_init_is_killed(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = SBX_NO_LIST,
        .command = SBX_LIST(place->probe, "tree", sbx_test_path(place->root, "pid"), "60")};
    sbx_test_child child;
    sbx_test_outcome outcome;
    pid_t init;
    json_t *row;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    init = sbx_test_first_child(child.pid);
    assert_int_equal(kill(init, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, 5000);
    assert_true(outcome.exit_code == 125 || outcome.exit_code == 137);
    sbx_test_expect_no_process(place, GONE_MS);
    row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(row);
    assert_string_equal(json_string_value(json_object_get(row, "status")),
                        sbx_test_word(&outcome, "status"));
    json_decref(row);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(count_status(place, "running"), 0);
}

static size_t count_entries(const char *directory, const char *word)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;
    size_t count = 0;

    if (stream == NULL)
        return 0;
    while ((entry = readdir(stream)) != NULL)
        if (strstr(entry->d_name, word) != NULL)
            count++;
    closedir(stream);
    return count;
}

/* An ordinary ending leaves nothing either. */
static void test_nothing_is_left_by_any_ending(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const commands[] = {
        SBX_LIST("/bin/true"), SBX_LIST("/bin/false"), SBX_LIST(place->probe, "kill-self", "11"),
        SBX_LIST("/nonexistent"),
        SBX_LIST(place->probe, "daemon", sbx_test_path(place->root, "pid"), "60")};
    const char *mark = sbx_test_text("sbx-left-%d", (int)getpid());

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        sbx_test_request request = {.options = SBX_LIST("--mem", "128M", "--procs", "30"),
                                    .command = commands[i]};
        sbx_test_child child;
        sbx_test_outcome outcome;
        pid_t supervisor;

        sbx_test_start(&child, place, &request);
        supervisor = child.pid;
        sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
        assert_int_equal(sbx_test_count_processes(place), 0);
        sbx_test_expect_no_group(supervisor);
        assert_false(sbx_test_has_mounts(place));
        sbx_test_outcome_done(&outcome);
    }
    /* What a command makes in its private /tmp is gone with it. */
    assert_int_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("create-file", sbx_test_path("/tmp", mark))),
        0);
    assert_int_equal(count_entries("/tmp", mark), 0);
    assert_int_equal(count_entries(place->root, ".git"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_nothing_survives),
        sbx_unit_test(test_lease_is_given_back),
        sbx_unit_test(test_kill_while_starting),
        sbx_unit_test(test_kill_at_birth),
        sbx_unit_test(test_init_is_killed),
        sbx_unit_test(test_nothing_is_left_by_any_ending),
    };

    return cmocka_run_group_tests_name("kill", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
