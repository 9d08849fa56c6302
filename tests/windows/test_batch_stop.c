/*
 * Batches on Windows that end before their time: the coordinator is ended hard at ten moments, and --resume gives
 * exactly the manifest; --timeout-batch and --halt stop what runs; two batches do not work in one directory; --rerun and
 * --retries run again.
 */
#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/batch.h"
#include "tests/support/windows/program.h"

enum { TASKS = 24, MOMENTS = 10, GONE_MS = 10000, SOON_MS = 60000 };

/* --- the probe --- */

static HANDLE open_alone(const char *path, DWORD how)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, how, 0, NULL);

    free(wide);
    return file;
}

static bool exists(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD attributes = GetFileAttributesW(wide);

    free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES;
}

/* Has the file for itself until it dies; with a child that has another one. The second time there is nothing to do. */
static int hold(const char *path, bool has_child)
{
    char below[700];
    const char *argv[] = {program_self(), "--probe", "hold-alone", below, NULL};

    (void)snprintf(below, sizeof(below), "%s.child", path);
    if (exists(below))
        return 0;
    if (open_alone(path, CREATE_ALWAYS) == INVALID_HANDLE_VALUE)
        return 1;
    if (has_child)
        CloseHandle(program_start(argv));
    Sleep(300000);
    return 0;
}

/* Fails the first time, and makes the file by which it knows. */
static int fail_once(const char *path)
{
    HANDLE file = open_alone(path, CREATE_NEW);

    if (file == INVALID_HANDLE_VALUE)
        return 0;
    CloseHandle(file);
    return 9;
}

/* Says the one thing, and that it did by making a file. */
static int nap(const char *text, const char *mark)
{
    Sleep(50);
    printf("%s", text);
    return CloseHandle(open_alone(mark, CREATE_ALWAYS)) ? 0 : 1;
}

static int probe(int argc, char **argv)
{
    const char *verb = argv[0], *value = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "exit") == 0)
        ExitProcess((UINT)strtoul(value, NULL, 0));
    if (strcmp(verb, "nap") == 0)
        return nap(value, argv[2]);
    if (strcmp(verb, "hold") == 0 || strcmp(verb, "hold-alone") == 0)
        return hold(value, strcmp(verb, "hold") == 0);
    if (strcmp(verb, "fail-once") == 0)
        return fail_once(value);
    if (strcmp(verb, "sleep") == 0)
        Sleep((DWORD)strtoul(value, NULL, 10));
    return 0;
}

/* --- helpers --- */

static bool is_held(const char *path)
{
    HANDLE file = open_alone(path, OPEN_EXISTING);
    bool is_shared = file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION;

    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return is_shared;
}

static void await(const char *path, bool held, DWORD longest_ms)
{
    ULONGLONG until = GetTickCount64() + longest_ms;

    while (is_held(path) != held) {
        if (GetTickCount64() > until)
            fail_msg("%s is %s held", path, held ? "not" : "still");
        Sleep(20);
    }
}

static HANDLE start_batch(const batch_place *place, const char *const *options)
{
    const char *argv[40];

    batch_command(argv, place, options);
    return program_start(argv);
}

static DWORD end_of(HANDLE process)
{
    DWORD code = 0;

    assert_int_equal(WaitForSingleObject(process, SOON_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(process, &code));
    CloseHandle(process);
    return code;
}

static long long count_of(const json_t *summary, const char *key)
{
    return (long long)json_integer_value(json_object_get(summary, key));
}

static long long running_rows(const batch_place *place)
{
    return program_ask(place->database, "SELECT count(*) FROM run WHERE status = 'running'", NULL,
                       0);
}

/* --- the coordinator is ended hard --- */

static void the_tree_dies_with_it(void **state)
{
    static const char *const options[] = {"-j", "2", NULL}, *const resume[] = {"--resume", NULL};
    char held[700], below[720];
    batch_place place;
    HANDLE coordinator;
    json_t *summary;

    (void)state;
    batch_place_make(&place, "tree");
    (void)snprintf(held, sizeof(held), "%s/held", place.work);
    (void)snprintf(below, sizeof(below), "%s.child", held);
    batch_begin(&place, NULL);
    batch_add("holds", (const char *[]){"hold", held, NULL}, NULL);
    batch_end();
    coordinator = start_batch(&place, options);
    await(held, true, SOON_MS);
    await(below, true, SOON_MS);
    assert_int_equal(running_rows(&place), 1);
    assert_true(TerminateProcess(coordinator, 1));
    (void)end_of(coordinator);
    await(held, false, GONE_MS);
    await(below, false, GONE_MS);
    summary = batch_run(&place, resume, 0); /* the task is run again */
    assert_int_equal(count_of(summary, "passed"), 1);
    assert_int_equal(count_of(summary, "finished_before"), 0);
    json_decref(summary);
    assert_int_equal(running_rows(&place), 0);
    assert_int_equal(
        program_ask(place.database, "SELECT count(*) FROM run WHERE status = 'lost'", NULL, 0), 1);
}

static void check_outputs(const batch_place *place, const json_t *results)
{
    for (int i = 0; i < TASKS; i++) {
        char id[16], path[800], *text;

        (void)snprintf(id, sizeof(id), "nap-%d", i);
        assert_string_equal(batch_text(results, id, "verdict"), i % 6 == 5 ? "fail" : "pass");
        (void)snprintf(path, sizeof(path), "%s/tasks/%s/%lld/stdout", place->out, id,
                       batch_number(results, id, "attempt"));
        text = batch_read(path, NULL);
        if (text == NULL || strcmp(text, id) != 0)
            fail_msg("%s: \"%s\"", path, text == NULL ? "" : text);
        free(text);
    }
}

static char marks[TASKS][700];

static size_t count_marks(bool removes)
{
    size_t count = 0;

    for (int i = 0; i < TASKS; i++) {
        wchar_t *wide = sbx_wide_path(marks[i]);

        count += exists(marks[i]) ? 1u : 0u;
        if (removes)
            (void)DeleteFileW(wide);
        free(wide);
    }
    return count;
}

/* When that many tasks are as good as done, and a little later. False: it has ended before. */
static bool await_moment(HANDLE coordinator, size_t tasks, DWORD later_ms)
{
    while (count_marks(false) < tasks)
        if (WaitForSingleObject(coordinator, 10) == WAIT_OBJECT_0)
            return false;
    return WaitForSingleObject(coordinator, later_ms) == WAIT_TIMEOUT;
}

/* While it starts, between results, and each time a little later behind one. */
static void ten_moments_and_resume(void **state)
{
    static const char *const first[] = {"-j", "3", NULL};
    static const char *const resume[] = {"-j", "3", "--resume", NULL};
    unsigned killed = 0, twice = 0;
    batch_place place;
    json_t *summary, *results;

    (void)state;
    batch_place_make(&place, "moments");
    batch_begin(&place, NULL);
    for (int i = 0; i < TASKS; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "nap-%d", i);
        (void)snprintf(marks[i], sizeof(marks[i]), "%s/%d.done", place.work, i);
        batch_add(id, (const char *[]){"nap", id, marks[i], NULL},
                  i % 6 == 5 ? "{\"expect\":{\"stdout\":\"no\"}}" : NULL);
    }
    batch_end();
    for (DWORD i = 0; i < MOMENTS; i++) {
        HANDLE coordinator;

        (void)count_marks(true);
        coordinator = start_batch(&place, i == 0 ? first : resume);
        if (await_moment(coordinator, i % 3, 60 * (i + 1))) {
            assert_true(TerminateProcess(coordinator, 1));
            killed++;
        }
        (void)end_of(coordinator);
    }
    assert_true(killed >= MOMENTS / 2);
    summary = batch_run(&place, resume, 100);
    results = batch_results(&place, &twice);
    assert_int_equal(twice, 0);
    assert_int_equal(json_object_size(results), TASKS);
    assert_int_equal(count_of(summary, "passed"), TASKS - TASKS / 6);
    assert_int_equal(count_of(summary, "failed"), TASKS / 6);
    check_outputs(&place, results);
    assert_int_equal(running_rows(&place), 0);
    assert_true(count_of(summary, "finished_before") > 0);
    print_message("killed %u times; %lld of %d tasks were finished before the last call\n", killed,
                  count_of(summary, "finished_before"), TASKS);
    json_decref(summary);
    json_decref(results);
}

/* --- stopped by the batch --- */

static void check_stopped(const batch_place *place, const char *const *options, const char *why,
                          long long failed, long long not_run)
{
    json_t *summary = batch_run(place, options, 100);

    assert_string_equal(json_string_value(json_object_get(summary, "stopped")), why);
    assert_int_equal(count_of(summary, "failed"), failed);
    assert_int_equal(count_of(summary, "not_run"), not_run);
    json_decref(summary);
    assert_int_equal(running_rows(place), 0);
    assert_int_equal(program_ask(place->database,
                                 "SELECT count(*) FROM run WHERE reason = 'cancelled'", NULL, 0),
                     1);
}

static void a_timeout_stops_what_runs(void **state)
{
    static const char *const options[] = {"-j", "1", "--timeout-batch", "5s", NULL};
    char held[700];
    batch_place place;

    (void)state;
    batch_place_make(&place, "timeout");
    (void)snprintf(held, sizeof(held), "%s/held", place.work);
    batch_begin(&place, "{\"grace\":\"0\"}");
    batch_add("holds", (const char *[]){"hold", held, NULL}, NULL);
    batch_add("later", (const char *[]){"exit", "0", NULL}, NULL);
    batch_end();
    check_stopped(&place, options, "timeout", 0, 2);
    assert_false(is_held(held));
}

static void a_halt_stops_what_runs(void **state)
{
    static const char *const options[] = {"-j", "2", "--halt", "now,fail=1", NULL};
    char held[700];
    batch_place place;

    (void)state;
    batch_place_make(&place, "halt");
    (void)snprintf(held, sizeof(held), "%s/held", place.work);
    batch_begin(&place, "{\"grace\":\"0\"}");
    batch_add("holds", (const char *[]){"hold", held, NULL}, NULL);
    batch_add("fails", (const char *[]){"sleep", "3000", NULL}, "{\"expect\":{\"exit\":1}}");
    batch_add("later", (const char *[]){"exit", "0", NULL}, NULL);
    batch_end();
    check_stopped(&place, options, "halt", 1, 2);
    assert_false(is_held(held));
}

/* --- one at a time, and again --- */

static void one_at_a_time(void **state)
{
    static const char *const options[] = {"-q", NULL}, *const again[] = {"-q", "--resume", NULL};
    char held[700];
    const char *argv[40];
    batch_place place;
    program_run done = {0};
    HANDLE first;

    (void)state;
    batch_place_make(&place, "shared");
    (void)snprintf(held, sizeof(held), "%s/held", place.work);
    batch_begin(&place, NULL);
    batch_add("holds", (const char *[]){"hold", held, NULL}, "{\"limits\":{\"wall\":\"10s\"}}");
    batch_end();
    first = start_batch(&place, options);
    await(held, true, SOON_MS);
    batch_command(argv, &place, again);
    program_do(&done, argv, NULL, 0);
    if (done.code != 125 || strstr(done.err, "another batch is at work") == NULL)
        fail_msg("exit %lu: %s", done.code, done.err);
    program_done(&done);
    assert_int_equal(end_of(first), 100);
    batch_command(argv, &place, options); /* it holds results now */
    program_do(&done, argv, NULL, 0);
    if (done.code != 2 || strstr(done.err, "holds results already") == NULL)
        fail_msg("exit %lu: %s", done.code, done.err);
    program_done(&done);
}

static void run_again(void **state)
{
    static const char *const first[] = {"-j", "1", NULL}, *const failed[] = {"--rerun", "failed",
                                                                             NULL};
    static const char *const retry[] = {"--rerun", "failed", "--retries", "1", NULL};
    char once[700];
    batch_place place;
    json_t *summary;

    (void)state;
    batch_place_make(&place, "again");
    (void)snprintf(once, sizeof(once), "%s/once", place.work);
    batch_begin(&place, NULL);
    batch_add("good", (const char *[]){"exit", "0", NULL}, NULL);
    batch_add("flaky", (const char *[]){"fail-once", once, NULL}, "{\"retries\":1}");
    batch_add("bad", (const char *[]){"exit", "4", NULL}, NULL);
    batch_add("after", (const char *[]){"exit", "0", NULL}, "{\"after\":[\"bad\"]}");
    batch_end();
    summary = batch_run(&place, first, 100);
    assert_int_equal(count_of(summary, "passed"), 2);
    assert_int_equal(count_of(summary, "flaky"), 1);
    assert_int_equal(count_of(summary, "failed"), 1);
    assert_int_equal(count_of(summary, "skipped"), 1);
    assert_int_equal(count_of(summary, "attempts"), 4);
    json_decref(summary);
    summary = batch_run(&place, failed, 100);
    assert_int_equal(count_of(summary, "left_out"), 2);
    assert_int_equal(count_of(summary, "failed"), 1);
    json_decref(summary);
    summary = batch_run(&place, retry, 100);
    assert_int_equal(count_of(summary, "attempts"), 2);
    json_decref(summary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_dies_with_it),
        cmocka_unit_test(ten_moments_and_resume),
        cmocka_unit_test(a_timeout_stops_what_runs),
        cmocka_unit_test(a_halt_stops_what_runs),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(run_again),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
