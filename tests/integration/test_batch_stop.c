/* Batches that are stopped before their end, by signals, --timeout-batch and --halt; which task goes first; and who may
 * work in one directory. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/compiler.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { SOON_MS = 15000 };

static FILE *begin_manifest(const sbx_test_place *place, const char *name)
{
    FILE *file = fopen(sbx_test_path(place->root, name), "w");

    assert_non_null(file);
    fprintf(file,
            "{\"sbx_batch\":1,\"defaults\":{\"policy\":{\"version\":1,\"extends\":\"grader\","
            "\"filesystem\":{\"read\":[\"%s\"],\"write\":[\"%s\"]},\"limits\":{\"wall\":\"60s\","
            "\"grace\":\"0\"}}}}\n",
            place->base, place->root);
    return file;
}

static void add_task(FILE *file, const char *id, const char *command, const char *more)
{
    fprintf(file, "{\"id\":\"%s\",\"argv\":[\"/bin/sh\",\"-c\",\"%s\"]%s}\n", id, command, more);
}

static const char *sleeping(const sbx_test_place *place)
{
    return sbx_test_text("exec %s sleep 50", place->probe);
}

static void start_batch(sbx_test_child *child, const sbx_test_place *place, const char *name,
                        const char *const *options)
{
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const char *words[16] = {sbx_test_binary(), "batch", "run", "--json",
                             sbx_test_path(place->root, name)};
    const sbx_test_request request = {.as_is = true, .env = SBX_LIST(database), .command = words};
    size_t count = 5;

    for (; *options != NULL && count + 1 < SBX_COUNT_OF(words); options++)
        words[count++] = *options;
    sbx_test_start(child, place, &request);
}

/* The summary, for json_decref(). */
static json_t *finish_batch(sbx_test_child *child, int exit_code)
{
    sbx_test_outcome outcome;
    json_t *summary;

    sbx_test_finish(&outcome, child, SBX_TEST_TIMEOUT_MS);
    if (outcome.exit_code != exit_code)
        fail_msg("exit %d and not %d: %s", outcome.exit_code, exit_code, outcome.err);
    summary = json_loads(outcome.out, 0, NULL);
    assert_non_null(summary);
    sbx_test_outcome_done(&outcome);
    return summary;
}

static void expect_counts(json_t *summary, const char *stopped, json_int_t passed,
                          json_int_t failed, json_int_t not_run)
{
    const char *why = json_string_value(json_object_get(summary, "stopped"));
    char *text = json_dumps(summary, 0);

    if (strcmp(why, stopped) != 0 ||
        json_integer_value(json_object_get(summary, "passed")) != passed ||
        json_integer_value(json_object_get(summary, "failed")) != failed ||
        json_integer_value(json_object_get(summary, "not_run")) != not_run)
        fail_msg("not %s with %d passed, %d failed, %d not run: %s", stopped, (int)passed,
                 (int)failed, (int)not_run, text);
    free(text);
    json_decref(summary);
}

/* The tasks with a final result, in the order of their ending: "a b c". */
static void read_order(char out[256], const char *directory)
{
    FILE *file = fopen(sbx_test_path(directory, "results.jsonl"), "r");
    char line[16384];

    out[0] = '\0';
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        json_t *object = json_loads(line, 0, NULL);
        const char *id = json_string_value(json_object_get(object, "task"));

        if (id != NULL && json_is_true(json_object_get(object, "final")))
            (void)snprintf(out + strlen(out), 256 - strlen(out), "%s%s", out[0] == '\0' ? "" : " ",
                           id);
        json_decref(object);
    }
    fclose(file);
}

/* The second INT kills what runs; nothing is known of it then, and resumed, it is run. */
static void test_second_interrupt(void **state)
{
    const sbx_test_place *place = *state;
    const char *out = sbx_test_path(place->base, "second-out");
    FILE *file = begin_manifest(place, "second");
    char order[256];
    sbx_test_child child;

    add_task(file, "second-a", sbx_test_text("test -e go && exit 0; %s", sleeping(place)), "");
    add_task(file, "second-b", "true", "");
    fclose(file);
    start_batch(&child, place, "second", SBX_LIST("-j", "1", "--out", out));
    assert_true(sbx_test_wait_probes(place, 1, SOON_MS));
    assert_int_equal(kill(child.pid, SIGINT), 0);
    sbx_test_pause_ms(500);
    assert_int_equal(sbx_test_count_probes(place), 1); /* the first one lets it finish */
    assert_int_equal(kill(child.pid, SIGINT), 0);
    expect_counts(finish_batch(&child, 130), "interrupted", 0, 0, 2);
    assert_int_equal(sbx_test_count_probes(place), 0);
    read_order(order, out);
    assert_string_equal(order, "");
    sbx_test_write(sbx_test_path(place->root, "go"), "");
    start_batch(&child, place, "second", SBX_LIST("-j", "1", "--out", out, "--resume"));
    expect_counts(finish_batch(&child, 0), "", 2, 0, 0);
}

static void test_timeout(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "timeout");
    uint64_t before = sbx_test_now_ms();
    sbx_test_child child;

    add_task(file, "timeout-a", "true", ",\"weight\":2");
    add_task(file, "timeout-b", sleeping(place), "");
    add_task(file, "timeout-c", sleeping(place), "");
    add_task(file, "timeout-d", "true", "");
    fclose(file);
    start_batch(&child, place, "timeout", SBX_LIST("-j", "2", "--timeout-batch", "5s"));
    expect_counts(finish_batch(&child, 100), "timeout", 1, 0, 3);
    assert_int_equal(sbx_test_count_probes(place), 0);
    assert_true(sbx_test_now_ms() - before >= 5000);
}

static void test_halt_now(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "now");
    sbx_test_child child;

    add_task(file, "now-a", sleeping(place), "");
    add_task(file, "now-b", "until test -e go-now; do sleep 0.05; done; exit 1", "");
    add_task(file, "now-c", "true", "");
    fclose(file);
    start_batch(&child, place, "now", SBX_LIST("-j", "2", "--halt", "now,fail=1"));
    assert_true(sbx_test_wait_probes(place, 1, SOON_MS));
    sbx_test_write(sbx_test_path(place->root, "go-now"), "");
    expect_counts(finish_batch(&child, 100), "halt", 0, 1, 2);
    assert_int_equal(sbx_test_count_probes(place), 0);
}

/* A share is of all tasks, and what has passed meanwhile does not count against it. */
static void test_halt_share(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "share");
    sbx_test_child child;

    for (int i = 0; i < 10; i++)
        add_task(file, sbx_test_text("share-%d", i), i % 2 == 0 ? "exit 1" : "exit 0",
                 sbx_test_text(",\"weight\":%d", 20 - i));
    fclose(file);
    start_batch(&child, place, "share", SBX_LIST("-j", "1", "--halt", "soon,fail=30%"));
    expect_counts(finish_batch(&child, 100), "halt", 2, 3, 5);
    start_batch(&child, place, "share", SBX_LIST("-j", "1", "--halt", "soon,fail=51%"));
    expect_counts(finish_batch(&child, 100), "", 5, 5, 0);
}

/* Unknown, they go in the order of the manifest; known, the longest goes first. */
static void test_longest_first(void **state)
{
    const sbx_test_place *place = *state;
    const char *first = sbx_test_path(place->base, "long-1");
    const char *second = sbx_test_path(place->base, "long-2");
    FILE *file = begin_manifest(place, "long");
    char order[256];
    sbx_test_child child;

    add_task(file, "short", "exit 0", "");
    add_task(file, "middle", "sleep 1", "");
    add_task(file, "long", "sleep 2.5", "");
    fclose(file);
    start_batch(&child, place, "long", SBX_LIST("-j", "1", "--out", first));
    json_decref(finish_batch(&child, 0));
    read_order(order, first);
    assert_string_equal(order, "short middle long");
    start_batch(&child, place, "long", SBX_LIST("-j", "1", "--out", second));
    json_decref(finish_batch(&child, 0));
    read_order(order, second);
    assert_string_equal(order, "long middle short");
}

static void test_one_at_a_time(void **state)
{
    const sbx_test_place *place = *state;
    const char *out = sbx_test_path(place->base, "shared-out");
    const char *manifest = sbx_test_path(place->root, "shared");
    FILE *file = begin_manifest(place, "shared");
    sbx_test_outcome outcome;
    sbx_test_child child;

    add_task(file, "shared-a",
             "echo x >> shared-runs; until test -e go-shared; do sleep 0.05; done", "");
    fclose(file);
    start_batch(&child, place, "shared", SBX_LIST("-j", "1", "--out", out));
    for (int i = 0; i < 300 && !sbx_test_exists(sbx_test_path(place->root, "shared-runs")); i++)
        sbx_test_pause_ms(50);
    for (int i = 0; i < 2; i++) {
        sbx_test_sbx(
            &outcome, place,
            SBX_LIST("batch", "run", "-q", "--out", out, i == 0 ? "--resume" : "-q", manifest));
        assert_int_equal(outcome.exit_code, 125);
        assert_non_null(strstr(outcome.err, "another batch is at work"));
        sbx_test_outcome_done(&outcome);
    }
    sbx_test_write(sbx_test_path(place->root, "go-shared"), "");
    expect_counts(finish_batch(&child, 0), "", 1, 0, 0);
    assert_true(sbx_test_holds(sbx_test_path(place->root, "shared-runs"), "x\n"));
}

/* A manifest without a task is a mistake of whoever made it, not a batch that passed. */
static void test_nothing_to_do(void **state)
{
    const sbx_test_place *place = *state;
    const char *manifest = sbx_test_path(place->root, "nothing");
    sbx_test_outcome outcome;

    sbx_test_write(manifest, "\n\n");
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", manifest));
    assert_int_equal(outcome.exit_code, 2);
    assert_non_null(strstr(outcome.err, "no task"));
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),      sbx_unit_test(test_second_interrupt),
        sbx_unit_test(test_timeout),       sbx_unit_test(test_halt_now),
        sbx_unit_test(test_halt_share),    sbx_unit_test(test_longest_first),
        sbx_unit_test(test_one_at_a_time), sbx_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
