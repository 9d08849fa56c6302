/*
 * Whoever takes part in a run is killed, or stopped for a while: sbx, the first process of the job, the command, the
 * worker of a batch, and any two of them. The limits hold all the same, what is said is true, and after the next start
 * nothing is left.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { READY_MS = 10000, STOPPED_MS = 2500 };

static sbx_test_aftermath after;

/* The second of a pair may have died of the first. */
static void hit(pid_t pid, int number)
{
    if (kill(pid, number) != 0)
        assert_int_equal(errno, ESRCH);
}

/* A run with a command that stays, all of its processes known. */
typedef struct family {
    sbx_test_child child;
    pid_t sbx, init, command;
} family;

static void begin(family *out, const sbx_test_place *place, const char *const *options,
                  const char *const *command)
{
    sbx_test_request request = {.options = options, .command = command};

    sbx_test_aftermath_start(&after, &out->child, place, &request);
    out->sbx = out->child.pid;
    if (!sbx_test_wait_probes(place, 1, READY_MS))
        fail_msg("the command did not start");
    out->init = sbx_test_first_child(out->sbx);
    out->command = sbx_test_find_probe(place);
    assert_true(out->command > 0 && out->command != out->init);
}

/*
 * Those of sbx, init and command whose first letters are in whom, in that order, up to a '/'. Only the first is sure to be
 * there: the second may have died of it.
 */
static void hit_all(const family *run, const char *whom, int number)
{
    for (const char *at = whom; *at != '\0' && *at != '/'; at++) {
        pid_t pid = *at == 's' ? run->sbx : *at == 'i' ? run->init : run->command;

        if (kill(pid, number) != 0)
            assert_true(at != whom && errno == ESRCH);
    }
}

static const char *status_of(const sbx_test_place *place, const char *run_id)
{
    static char status[32];
    json_t *row = sbx_test_audit_run(place, run_id);

    assert_non_null(row);
    snprintf(status, sizeof(status), "%s", json_string_value(json_object_get(row, "status")));
    json_decref(row);
    return status;
}

/* ---- killed ---------------------------------------------------------------------------------- */

static void kill_some(const sbx_test_place *place, const char *const *options, const char *whom)
{
    sbx_test_outcome outcome;
    family run;

    begin(&run, place, options, SBX_LIST(place->probe, "sleep", "60"));
    hit_all(&run, whom, SIGKILL);
    sbx_test_finish(&outcome, &run.child, SBX_TEST_TIMEOUT_MS);
    if (strchr(whom, 's') != NULL) {
        assert_int_equal(outcome.signal, SIGKILL);
    } else if (strchr(whom, 'i') != NULL) { /* no ending of the command's own is made up */
        assert_true(outcome.exit_code == 125 || outcome.exit_code == 137);
        assert_string_not_equal(sbx_test_word(&outcome, "status"), "ok");
        assert_string_equal(status_of(place, sbx_test_word(&outcome, "run_id")),
                            sbx_test_word(&outcome, "status"));
    } else {
        sbx_test_expect(&outcome, 137, "signal", NULL);
    }
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check(&after, place);
}

static void test_any_is_killed(void **state)
{
    static const char *const whom[] = {"s", "i", "c", "si", "is", "sc", "cs", "ic", "sic", "cis"};
    const sbx_test_place *place = *state;
    size_t lost = 0;

    for (size_t i = 0; i < sizeof(whom) / sizeof(whom[0]); i++) {
        kill_some(place, SBX_LIST("--mem", "128M", "--procs", "20"), whom[i]);
        lost += whom[i][0] == 's';
    }
    kill_some(place, SBX_LIST("--no-watch", "--output", "1M"), "i");
    kill_some(place, SBX_LIST("--no-watch", "--output", "1M"), "s");
    assert_true(sbx_test_count_status(place, "lost") > lost);
}

/* ---- a batch: engine, worker, first process, command ----------------------------------------- */

static void start_batch(sbx_test_child *child, const sbx_test_place *place)
{
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const char *manifest = sbx_test_path(place->root, "manifest");
    const sbx_test_request request = {
        .as_is = true,
        .env = SBX_LIST(database),
        .command = SBX_LIST(sbx_test_binary(), "batch", "run", "--json", "--jobs", "2", manifest)};
    FILE *file = fopen(manifest, "we");

    assert_non_null(file);
    fprintf(file,
            "{\"sbx_batch\":1,\"defaults\":{\"policy\":{\"version\":1,\"extends\":\"grader\","
            "\"filesystem\":{\"read\":[\"%s\"],\"write\":[\"%s\"]},\"limits\":{\"wall\":\"60s\","
            "\"grace\":\"0\"}}}}\n{\"id\":\"one\",\"argv\":[\"%s\",\"sleep\",\"%s\"]}\n"
            "{\"id\":\"two\",\"argv\":[\"%s\",\"sleep\",\"%s\"]}\n",
            place->base, place->root, place->probe, "2", place->probe, "2");
    fclose(file);
    sbx_test_start(child, place, &request);
}

/*
 * Only one worker, and what is below it, is touched: the other has its own result. The engine gives the task of a lost
 * worker to another, says what became of a lost command, or is gone itself.
 */
static void kill_in_batch(const sbx_test_place *place, const char *whom)
{
    pid_t worker[8], init;
    sbx_test_child child;
    sbx_test_outcome outcome;
    size_t workers;

    start_batch(&child, place);
    if (!sbx_test_wait_probes(place, 2, READY_MS))
        fail_msg("the tasks did not start");
    workers = sbx_test_children_of(worker, 8, child.pid);
    assert_true(workers >= 2 && workers <= 8);
    for (size_t i = 0; i < workers; i++)
        sbx_test_aftermath_note(&after, worker[i]);
    init = sbx_test_first_child(worker[0]);
    for (const char *at = whom; *at != '\0'; at++)
        hit(*at == 'e' ? child.pid : *at == 'w' ? worker[0] : init, SIGKILL);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    if (strchr(whom, 'e') != NULL) {
        assert_int_equal(outcome.signal, SIGKILL);
    } else {
        json_t *summary = json_loads(outcome.out, 0, NULL);
        bool is_lost = json_integer_value(json_object_get(summary, "workers_lost")) == 1;

        if (json_integer_value(json_object_get(summary, "passed")) != (is_lost ? 2 : 1) ||
            (outcome.exit_code == 0) != is_lost || (is_lost && strchr(whom, 'w') == NULL))
            fail_msg("killed %s, exit %d: %s%s", whom, outcome.exit_code, outcome.out, outcome.err);
        json_decref(summary);
    }
    sbx_test_outcome_done(&outcome);
    sbx_test_remove_tree(sbx_test_path(place->root, "manifest.run"));
    sbx_test_aftermath_check(&after, place);
}

static void test_a_worker_is_killed(void **state)
{
    static const char *const whom[] = {"i", "w", "e", "wi", "iw", "ew", "we", "ewi"};

    for (size_t i = 0; i < sizeof(whom) / sizeof(whom[0]); i++)
        kill_in_batch(*state, whom[i]);
}

/* ---- stopped --------------------------------------------------------------------------------- */

/* Its limit passes while sbx cannot look: the run ends when it can again, and is told as long as it was. */
static void test_sbx_is_stopped(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    family run;

    begin(&run, place, SBX_LIST("--wall", "1s", "--grace", "0"),
          SBX_LIST(place->probe, "sleep", "60"));
    assert_int_equal(kill(run.sbx, SIGSTOP), 0);
    sbx_test_pause_ms(STOPPED_MS);
    assert_int_equal(sbx_test_count_probes(place), 1);
    assert_int_equal(kill(run.sbx, SIGCONT), 0);
    sbx_test_finish(&outcome, &run.child, SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 124, "limit", "wall");
    assert_true(sbx_test_number(&outcome, "wall_ns") >= (json_int_t)STOPPED_MS * 1000000);
    assert_string_equal(status_of(place, sbx_test_word(&outcome, "run_id")), "limit");
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check(&after, place);
}

/* The command ends meanwhile (unwatched: a watched exit waits for sbx): its own exit is what is told. */
static void test_ends_while_sbx_is_stopped(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    family run;

    begin(&run, place, SBX_LIST("--wall", "30s", "--no-watch"),
          SBX_LIST(place->probe, "sleep", "1"));
    assert_int_equal(kill(run.sbx, SIGSTOP), 0);
    sbx_test_pause_ms(STOPPED_MS);
    assert_int_equal(sbx_test_count_probes(place), 0);
    assert_int_equal(kill(run.sbx, SIGCONT), 0);
    sbx_test_finish(&outcome, &run.child, SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_string_equal(status_of(place, sbx_test_word(&outcome, "run_id")), "ok");
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check(&after, place);
}

/* A first process that obeys nothing, a command that hears nothing, or both: the limit ends them. */
static void test_others_are_stopped(void **state)
{
    static const char *const whom[] = {"i", "c", "ci"};
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < sizeof(whom) / sizeof(whom[0]); i++) {
        sbx_test_outcome outcome;
        family run;

        begin(&run, place, SBX_LIST("--wall", "2s", "--grace", "500ms"),
              SBX_LIST(place->probe, "sleep", "60"));
        hit_all(&run, whom[i], SIGSTOP);
        sbx_test_finish(&outcome, &run.child, SBX_TEST_TIMEOUT_MS);
        if (outcome.exit_code != 124)
            print_error("stopped: %s\n", whom[i]);
        sbx_test_expect(&outcome, 124, "limit", "wall");
        assert_true(sbx_test_number(&outcome, "wall_ns") < 10000000000);
        sbx_test_outcome_done(&outcome);
        sbx_test_aftermath_check(&after, place);
    }
}

/* Stopped, and then what would have ended it comes from outside. */
static void test_stopped_and_ended(void **state)
{
    static const char *const cases[] = {"i/T", "c/T", "s/K", "i/K", "c/K", "ic/K"};
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_killed = strchr(cases[i], 'K') != NULL;
        sbx_test_outcome outcome;
        family run;

        begin(&run, place, SBX_LIST("--grace", "500ms"), SBX_LIST(place->probe, "sleep", "60"));
        hit_all(&run, cases[i], SIGSTOP);
        assert_int_equal(kill(run.sbx, is_killed ? SIGKILL : SIGTERM), 0);
        sbx_test_finish(&outcome, &run.child, SBX_TEST_TIMEOUT_MS);
        if (is_killed)
            assert_int_equal(outcome.signal, SIGKILL);
        else
            sbx_test_expect(&outcome, 143, "signal", "cancelled");
        sbx_test_outcome_done(&outcome);
        sbx_test_aftermath_check(&after, place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_any_is_killed),
        sbx_unit_test(test_a_worker_is_killed),
        sbx_unit_test(test_sbx_is_stopped),
        sbx_unit_test(test_ends_while_sbx_is_stopped),
        sbx_unit_test(test_others_are_stopped),
        sbx_unit_test(test_stopped_and_ended),
    };

    return cmocka_run_group_tests_name("faults: killed", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
