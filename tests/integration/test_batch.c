/*
 * Batches of programs as a grader has them, each with the verdict that it must get; retries, halts, interruptions;
 * and a coordinator that is killed at random moments, after which --resume runs what is missing and nothing else.
 * SBX_BATCH_TASKS and SBX_BATCH_KILLS make it longer.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/compiler.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

typedef struct specimen {
    const char *command; /* for sh; %s: the probe */
    const char *more;    /* of the task */
    const char *verdict, *kind;
} specimen;

static const specimen corpus[] = {
    {"echo $((6*7))", ",\"expect\":{\"stdout\":\"42\\n\"}", "pass", ""},
    {"echo 41", ",\"expect\":{\"stdout\":\"42\\n\"}", "fail", "stdout"},
    {"exit 3", "", "fail", "exit"},
    {"exit 3", ",\"expect\":{\"exit\":3}", "pass", ""},
    {"kill -SEGV $$", "", "fail", "signal"},
    {"%s sleep 30", ",\"limits\":{\"wall\":\"300ms\",\"grace\":\"0\"}", "fail", "limit.wall"},
    {"%s spin 30", ",\"limits\":{\"cpu\":\"200ms\",\"grace\":\"0\"}", "fail", "limit.cpu"},
    {"%s alloc 200", ",\"limits\":{\"memory\":\"32M\"}", "fail", "limit.memory"},
    {"%s alloc 200", ",\"limits\":{\"memory\":\"32M\"},\"expect\":{\"reason\":\"memory\"}", "pass",
     ""},
    {"%s fork-bomb 200; exit 1", ",\"limits\":{\"procs\":20}", "fail", "limit.procs"},
    {"yes", ",\"limits\":{\"output\":\"64K\"}", "fail", "limit.output"},
    {"%s connect-tcp 127.0.0.1 9", ",\"expect\":{\"exit\":0}", "fail", "exit"},
    {"echo x > ../outside/touched", "", "fail", "exit"},
    /* A name of its own: the same program may run beside itself. */
    {"f=$(mktemp inside.XXXXXX) && echo x > $f && cat $f && rm $f",
     ",\"expect\":{\"stdout\":\"x\\n\"}", "pass", ""},
    {"sleep 60 & exit 0", "", "pass", ""},
    {"echo a b >&2", ",\"expect\":{\"stderr\":{\"regex\":\"^a +b$\"}}", "pass", ""},
    {"cat", ",\"stdin\":\"input\",\"expect\":{\"stdout\":\"given\"}", "pass", ""},
    {"cat /dev/shm/left /tmp/left 2>&1; echo x > /tmp/left; echo x > /dev/shm/left; exit 0",
     ",\"expect\":{\"stdout\":{\"contains\":\"No such file\"}}", "pass", ""},
};

static unsigned number_from(const char *name, unsigned usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : (unsigned)strtoul(text, NULL, 10);
}

/* The header, with a policy that knows the place. */
static FILE *begin_manifest(const sbx_test_place *place, const char *name)
{
    FILE *file = fopen(sbx_test_path(place->root, name), "w");

    assert_non_null(file);
    fprintf(
        file,
        "{\"sbx_batch\":1,\"name\":\"test\",\"defaults\":{\"policy\":{\"version\":1,\"extends\":"
        "\"grader\",\"filesystem\":{\"read\":[\"%s\"],\"write\":[\"%s\"]}}}}\n",
        place->base, place->root);
    return file;
}

static void add_task(FILE *file, const char *id, const char *command, const char *more)
{
    fprintf(file, "{\"id\":\"%s\",\"argv\":[\"/bin/sh\",\"-c\",\"%s\"]%s}\n", id, command, more);
}

static void run_batch_for(sbx_test_outcome *out, const sbx_test_place *place, const char *name,
                          const char *const *options, unsigned timeout_ms)
{
    const char *words[24] = {sbx_test_binary(), "batch", "run", sbx_test_path(place->root, name)};
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {.as_is = true, .env = SBX_LIST(database), .command = words};
    sbx_test_child child;
    size_t count = 4;

    for (; *options != NULL && count + 1 < SBX_COUNT_OF(words); options++)
        words[count++] = *options;
    words[count] = NULL;
    sbx_test_start(&child, place, &request);
    sbx_test_finish(out, &child, timeout_ms);
}

static void run_batch(sbx_test_outcome *out, const sbx_test_place *place, const char *name,
                      const char *const *options)
{
    run_batch_for(out, place, name, options, SBX_TEST_TIMEOUT_MS);
}

/* The lines of results.jsonl with "final", by id; a task that has two is an object where the second replaced the
 * first, and counted in *out_twice. */
static json_t *read_results(const sbx_test_place *place, const char *directory, unsigned *out_twice)
{
    FILE *file = fopen(sbx_test_text("%s/%s/results.jsonl", place->base, directory), "r");
    json_t *found = json_object();
    char line[16384];

    assert_non_null(file);
    *out_twice = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        json_t *object = json_loads(line, 0, NULL);
        const char *id = json_string_value(json_object_get(object, "task"));

        assert_non_null(object);
        if (id != NULL && json_is_true(json_object_get(object, "final"))) {
            *out_twice += json_object_get(found, id) != NULL;
            json_object_set(found, id, object);
        }
        json_decref(object);
    }
    fclose(file);
    return found;
}

static const char *field(const json_t *results, const char *id, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(results, id), key));

    if (text == NULL)
        fail_msg("task %s has no %s", id, key);
    return text;
}

static void write_corpus(const sbx_test_place *place, unsigned count)
{
    FILE *file = begin_manifest(place, "corpus");

    for (unsigned i = 0; i < count; i++) {
        const specimen *each = &corpus[i % SBX_COUNT_OF(corpus)];
        char command[1024];

        if (strncmp(each->command, "%s", 2) == 0)
            (void)snprintf(command, sizeof(command), "%s%s", place->probe, each->command + 2);
        else
            (void)snprintf(command, sizeof(command), "%s", each->command);
        add_task(file, sbx_test_text("t%u", i), command, each->more);
    }
    fclose(file);
    sbx_test_write(sbx_test_path(place->root, "input"), "given");
}

/* Where no group but each process's own limit counts processes, nobody tells sbx that a fork was refused. */
static bool is_kind(const char *seen, const char *expected)
{
    return strcmp(seen, expected) == 0 ||
           (geteuid() != 0 && strcmp(seen, "exit") == 0 && strcmp(expected, "limit.procs") == 0);
}

static void test_corpus(void **state)
{
    const sbx_test_place *place = *state;
    unsigned count = number_from("SBX_BATCH_TASKS", 90), twice = 0;

    write_corpus(place, count);
    for (int round = 0; round < 2; round++) {
        const char *directory = round == 0 ? "first" : "second";
        sbx_test_outcome outcome;
        json_t *results;

        run_batch_for(&outcome, place, "corpus",
                      SBX_LIST("-q", "-j", "2", "--out", sbx_test_path(place->base, directory)),
                      SBX_TEST_TIMEOUT_MS + count * 1000);
        if (outcome.exit_code != 100)
            fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
        results = read_results(place, directory, &twice);
        assert_int_equal(twice, 0);
        assert_int_equal(json_object_size(results), count);
        for (unsigned i = 0; i < count; i++) {
            const specimen *each = &corpus[i % SBX_COUNT_OF(corpus)];
            const char *id = sbx_test_text("t%u", i);

            if (strcmp(field(results, id, "verdict"), each->verdict) != 0 ||
                !is_kind(field(results, id, "kind"), each->kind))
                fail_msg("%s (%s): %s \"%s\", %s", id, each->command, field(results, id, "verdict"),
                         field(results, id, "kind"), field(results, id, "detail"));
        }
        json_decref(results);
        sbx_test_outcome_done(&outcome);
    }
    assert_false(sbx_test_exists(sbx_test_path(place->outside, "touched")));
}

static void test_audit_names_the_task(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "one");
    sbx_test_outcome outcome;
    json_t *runs;

    add_task(file, "the/task", "exit 0", "");
    fclose(file);
    run_batch(&outcome, place, "one", SBX_LIST("--json"));
    assert_int_equal(outcome.exit_code, 0);
    runs = sbx_test_audit_runs(place);
    assert_true(json_array_size(runs) > 0);
    assert_string_equal(json_string_value(json_object_get(json_array_get(runs, 0), "task")),
                        "the/task");
    assert_non_null(
        strstr(outcome.out, json_string_value(json_object_get(json_array_get(runs, 0), "batch"))));
    json_decref(runs);
    sbx_test_outcome_done(&outcome);
}

/* What is refused before it is planned is in the record too, as the task that it is. */
static void test_refused_task_is_recorded(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "refused");
    sbx_test_outcome outcome;
    json_t *runs, *row;

    add_task(file, "nowhere", "exit 0", ",\"cwd\":\"/no/such/place\"");
    fclose(file);
    run_batch(&outcome, place, "refused", SBX_LIST("--json"));
    assert_int_equal(outcome.exit_code, 125);
    runs = sbx_test_audit_runs(place);
    row = json_array_get(runs, 0);
    assert_string_equal(json_string_value(json_object_get(row, "task")), "nowhere");
    assert_string_not_equal(json_string_value(json_object_get(row, "status")), "ok");
    assert_non_null(strstr(json_string_value(json_object_get(row, "message")), "/no/such/place"));
    json_decref(runs);
    sbx_test_outcome_done(&outcome);
}

static void test_bad_manifest_starts_nothing(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "bad");
    sbx_test_outcome outcome;

    add_task(file, "a", "touch started", "");
    add_task(file, "b", "true", ",\"after\":[\"c\"]");
    fclose(file);
    run_batch(&outcome, place, "bad", SBX_NO_LIST);
    assert_int_equal(outcome.exit_code, 2);
    assert_non_null(strstr(outcome.err, ":3: after: "));
    assert_false(sbx_test_exists(sbx_test_path(place->root, "started")));
    sbx_test_outcome_done(&outcome);
}

static void test_flaky_and_rerun(void **state)
{
    const sbx_test_place *place = *state;
    const char *out = sbx_test_path(place->base, "flaky-out");
    FILE *file = begin_manifest(place, "flaky");
    sbx_test_outcome outcome;
    unsigned twice = 0;
    json_t *results;

    add_task(file, "flaky", "test -e once || { touch once; exit 1; }", ",\"retries\":1");
    add_task(file, "bad", "test -e mended", ",\"retries\":1");
    add_task(file, "next", "true", ",\"after\":[\"bad\"]");
    add_task(file, "good", "echo x >> good-runs", "");
    fclose(file);
    run_batch(&outcome, place, "flaky", SBX_LIST("-q", "-o", out));
    assert_int_equal(outcome.exit_code, 100);
    sbx_test_outcome_done(&outcome);
    results = read_results(place, "flaky-out", &twice);
    assert_true(json_is_true(json_object_get(json_object_get(results, "flaky"), "flaky")));
    assert_string_equal(field(results, "bad", "verdict"), "fail");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(results, "bad"), "attempt")), 2);
    assert_string_equal(field(results, "next", "verdict"), "skip");
    json_decref(results);
    sbx_test_write(sbx_test_path(place->root, "mended"), "");
    run_batch(&outcome, place, "flaky", SBX_LIST("-q", "-o", out));
    assert_int_equal(outcome.exit_code, 2); /* neither --resume nor --rerun */
    sbx_test_outcome_done(&outcome);
    run_batch(&outcome, place, "flaky", SBX_LIST("-q", "-o", out, "--rerun", "failed"));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    assert_true(sbx_test_holds(sbx_test_path(place->root, "good-runs"), "x\n"));
}

static void test_halt(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "halt");
    sbx_test_outcome outcome;

    add_task(file, "0", "exit 1", ",\"weight\":2");
    for (int i = 1; i < 10; i++)
        add_task(file, sbx_test_text("%d", i), "echo x >> after-halt", "");
    fclose(file);
    run_batch(&outcome, place, "halt",
              SBX_LIST("-q", "-j", "2", "--halt", "soon,fail=1", "--json"));
    assert_int_equal(outcome.exit_code, 100);
    assert_non_null(strstr(outcome.out, "\"not_run\":9"));
    assert_false(sbx_test_exists(sbx_test_path(place->root, "after-halt")));
    sbx_test_outcome_done(&outcome);
}

/* The first INT lets what runs finish and starts nothing more. */
static void test_interrupt(void **state)
{
    const sbx_test_place *place = *state;
    const char *manifest = sbx_test_path(place->root, "interrupt");
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {
        .as_is = true,
        .env = SBX_LIST(database),
        .command = SBX_LIST(sbx_test_binary(), "batch", "run", "-j", "1", manifest)};
    FILE *file = begin_manifest(place, "interrupt");
    sbx_test_outcome outcome;
    sbx_test_child child;

    add_task(file, "a", sbx_test_text("%s sleep 1 && touch finished", place->probe), "");
    add_task(file, "b", "touch begun", "");
    fclose(file);
    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_probes(place, 1, 10000));
    assert_int_equal(kill(child.pid, SIGINT), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    assert_int_equal(outcome.exit_code, 130);
    assert_true(sbx_test_exists(sbx_test_path(place->root, "finished")));
    assert_false(sbx_test_exists(sbx_test_path(place->root, "begun")));
    sbx_test_outcome_done(&outcome);
}

/* A worker that is killed loses nothing: its task is run again. */
static void test_killed_worker(void **state)
{
    const sbx_test_place *place = *state;
    const char *manifest = sbx_test_path(place->root, "worker");
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {
        .as_is = true,
        .env = SBX_LIST(database),
        .command = SBX_LIST(sbx_test_binary(), "batch", "run", "-j", "1", "--json", manifest)};
    FILE *file = begin_manifest(place, "worker");
    sbx_test_outcome outcome;
    sbx_test_child child;
    char path[64], list[256] = "";
    int worker = 0;

    add_task(file, "a",
             sbx_test_text("test -e again || { touch again; exec %s sleep 20; }", place->probe),
             "");
    fclose(file);
    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_probes(place, 1, 10000));
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)child.pid, (int)child.pid);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(list, sizeof(list), file));
    fclose(file);
    worker = (int)strtol(list, NULL, 10);
    assert_true(worker > 1);
    assert_int_equal(kill(worker, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "\"workers_lost\":1"));
    assert_non_null(strstr(outcome.out, "\"passed\":1"));
    assert_true(sbx_test_wait_probes(place, 0, 5000));
    sbx_test_outcome_done(&outcome);
}

/* --- killed, and resumed --- */

enum { RESUMED_TASKS = 40 };

static void kill_and_resume(const sbx_test_place *place, unsigned round, unsigned pause_ms)
{
    const char *manifest = sbx_test_path(place->root, "resume");
    const char *name = sbx_test_text("resumed-%u", round);
    const char *out = sbx_test_path(place->base, name);
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {.as_is = true,
                                      .env = SBX_LIST(database),
                                      .command =
                                          SBX_LIST(sbx_test_binary(), "batch", "run", "-q", "-j",
                                                   "2", "--out", out, "--resume", manifest)};
    sbx_test_outcome outcome;
    sbx_test_child child;
    unsigned twice = 0;
    json_t *results;

    sbx_test_start(&child, place, &request);
    sbx_test_pause_ms(pause_ms);
    (void)kill(child.pid, SIGKILL);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_outcome_done(&outcome);
    run_batch(&outcome, place, "resume", SBX_LIST("-q", "-j", "2", "--out", out, "--resume"));
    if (outcome.exit_code != 100)
        fail_msg("killed after %u ms, resumed: exit %d: %s", pause_ms, outcome.exit_code,
                 outcome.err);
    sbx_test_outcome_done(&outcome);
    results = read_results(place, name, &twice);
    if (twice != 0 || json_object_size(results) != RESUMED_TASKS)
        fail_msg("killed after %u ms: %u tasks finished twice, %zu of %d are there", pause_ms,
                 twice, json_object_size(results), RESUMED_TASKS);
    for (unsigned i = 0; i < RESUMED_TASKS; i++)
        assert_string_equal(field(results, sbx_test_text("t%u", i), "verdict"),
                            i % 8 == 5 ? "fail" : "pass");
    json_decref(results);
    sbx_test_remove_tree(out);
}

static void test_killed_coordinator(void **state)
{
    const sbx_test_place *place = *state;
    unsigned rounds = number_from("SBX_BATCH_KILLS", 20), seed = 20261125;
    FILE *file = begin_manifest(place, "resume");

    for (unsigned i = 0; i < RESUMED_TASKS; i++)
        add_task(file, sbx_test_text("t%u", i), sbx_test_text("exit %u", i % 8 == 5),
                 i % 10 == 9 ? ",\"after\":[\"t0\"]" : "");
    fclose(file);
    for (unsigned round = 0; round < rounds; round++) {
        seed = seed * 1103515245u + 12345u;
        kill_and_resume(place, round, (seed >> 16) % 500);
    }
}

/* What a loss of power leaves: half a line is cut off, damage in the middle is not passed over. */
static void test_torn_journal(void **state)
{
    const sbx_test_place *place = *state;
    const char *out = sbx_test_path(place->base, "torn");
    const char *journal = sbx_test_path(out, "results.jsonl");
    FILE *file = begin_manifest(place, "torn");
    sbx_test_outcome outcome;
    unsigned twice = 0;
    json_t *results;

    add_task(file, "a", "echo x >> a-runs", "");
    add_task(file, "b", "true", "");
    fclose(file);
    run_batch(&outcome, place, "torn", SBX_LIST("-q", "-j", "1", "--out", out));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    file = fopen(journal, "a");
    assert_non_null(file);
    fputs("{\"task\":\"a\",\"spec\":\"", file);
    fclose(file);
    run_batch(&outcome, place, "torn", SBX_LIST("-q", "--out", out, "--resume"));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    results = read_results(place, "torn", &twice); /* every line is one */
    assert_int_equal(twice, 0);
    json_decref(results);
    assert_true(sbx_test_holds(sbx_test_path(place->root, "a-runs"), "x\n"));
    file = fopen(journal, "r+");
    assert_non_null(file);
    fputs("damage", file);
    fclose(file);
    run_batch(&outcome, place, "torn", SBX_LIST("-q", "--out", out, "--resume"));
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, "line 1 is damaged"));
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_corpus),
        sbx_unit_test(test_audit_names_the_task),
        sbx_unit_test(test_refused_task_is_recorded),
        sbx_unit_test(test_bad_manifest_starts_nothing),
        sbx_unit_test(test_flaky_and_rerun),
        sbx_unit_test(test_halt),
        sbx_unit_test(test_interrupt),
        sbx_unit_test(test_killed_worker),
        sbx_unit_test(test_killed_coordinator),
        sbx_unit_test(test_torn_journal),
    };
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
