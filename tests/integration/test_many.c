/*
 * Many runs of every kind of ending, at once and one after the other, on one database: each has its rows (start, end,
 * processes, denials where there was one), none has another's, and every resource comes back: processes, groups, mounts,
 * what stood for protected names, and a worker's descriptors.
 *
 *     SBX_RUNS_IN_A_ROW=10000    as many; usually 100
 */
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/abuse.h"
#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum {
    AT_ONCE = 64,
    USUAL_RUNS = 100,
    CHECK_EVERY = 500,
    LONGEST_MS = 120000,
    MOST_DESCRIPTORS = 60 /* of a worker; a run needs some 36 */
};

typedef enum ending { OK, EXIT_3, MEMORY, DENIED, SIGNAL, KILLED, ENDINGS } ending;

typedef struct one_run {
    sbx_test_child child;
    ending ending;
    unsigned number;
    char outside[2 * SBX_TEST_PATH_BYTES]; /* what DENIED could not make */
    char run_id[32];                       /* "": its sbx was killed */
} one_run;

static const char *const options[ENDINGS][5] = {
    [MEMORY] = {"--mem", "32M", "--mem-action", "kill"}};

static void start(one_run *out, const sbx_test_place *place, unsigned number)
{
    sbx_test_request request;

    *out = (one_run){.ending = number % ENDINGS, .number = number};
    snprintf(out->outside, sizeof(out->outside), "%s/of-%u", place->outside, number);
    request = (sbx_test_request){
        .options = options[out->ending],
        .command = out->ending == OK       ? SBX_LIST("/bin/true")
                   : out->ending == EXIT_3 ? SBX_LIST(place->probe, "exit", "3")
                   : out->ending == MEMORY ? SBX_LIST(place->probe, "alloc", "200")
                   : out->ending == DENIED ? SBX_LIST(place->probe, "create-file", out->outside)
                   : out->ending == SIGNAL ? SBX_LIST(place->probe, "kill-self", "9")
                                           : SBX_LIST(place->probe, "sleep", "60")};
    sbx_test_start(&out->child, place, &request);
}

static void finish(one_run *run, sbx_test_aftermath *after)
{
    static const struct {
        int exit_code;
        const char *status, *reason;
    } expected[] = {[OK] = {0, "ok", ""},
                    [EXIT_3] = {3, "nonzero", ""},
                    [MEMORY] = {137, "limit", "memory"},
                    [DENIED] = {SBX_PROBE_DENIED, "nonzero", ""},
                    [SIGNAL] = {137, "signal", NULL}};
    sbx_test_outcome outcome;

    sbx_test_aftermath_note(after, run->child.pid);
    sbx_test_finish(&outcome, &run->child, LONGEST_MS);
    if (run->ending != KILLED) {
        sbx_test_expect(&outcome, expected[run->ending].exit_code, expected[run->ending].status,
                        expected[run->ending].reason);
        snprintf(run->run_id, sizeof(run->run_id), "%s", sbx_test_word(&outcome, "run_id"));
    }
    sbx_test_outcome_done(&outcome);
}

/* ---- the rows, by plain SQL ------------------------------------------------------------------ */

static sqlite3_int64 ask(sqlite3 *db, const char *sql, const char *run_id, const char *text)
{
    sqlite3_stmt *select = NULL;
    sqlite3_int64 answer;

    if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_bind_text(select, 1, run_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(select, 2, text, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    answer = sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return answer;
}

#define OF_RUN " run = (SELECT id FROM run WHERE run_id = ?1) "

static void check_rows(sqlite3 *db, const one_run *run)
{
    static const char *const status[] = {"ok", "nonzero", "limit", "nonzero", "signal"};

    if (run->run_id[0] == '\0')
        return;
    if (ask(db, "SELECT count(*) FROM run WHERE run_id = ?1 AND status = ?2 AND ended_us > 0",
            run->run_id, status[run->ending]) != 1)
        fail_msg("run %u (%s): no whole row", run->number, run->run_id);
    if (ask(db, "SELECT count(*) FROM event WHERE kind IN ('run.start', 'run.end') AND" OF_RUN,
            run->run_id, NULL) != 2)
        fail_msg("run %u (%s): its start and end are not in the ledger", run->number, run->run_id);
    if (ask(db, "SELECT count(*) FROM process WHERE" OF_RUN, run->run_id, NULL) < 1)
        fail_msg("run %u (%s): no process", run->number, run->run_id);
    if (ask(db, "SELECT count(*) FROM denial WHERE" OF_RUN, run->run_id, NULL) !=
        (run->ending == DENIED))
        fail_msg("run %u (%s): not its denials", run->number, run->run_id);
    if (run->ending == DENIED && ask(db, "SELECT count(*) FROM denial WHERE target = ?2 AND" OF_RUN,
                                     run->run_id, run->outside) != 1)
        fail_msg("run %u (%s): somebody else's denial", run->number, run->run_id);
}

static sqlite3 *open_database(const sbx_test_place *place)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(place->database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 20000);
    return db;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* An emulated machine could not let each of so many have the database within the time that sbx waits for it. */
static unsigned at_once(void)
{
    return sbx_test_slow_ms(1) == 1 ? AT_ONCE : AT_ONCE / 8;
}

/* The killed ones are killed while the others run. */
static void test_at_once(void **state)
{
    static one_run runs[AT_ONCE];
    static sbx_test_aftermath after;
    const sbx_test_place *place = *state;
    unsigned count = at_once();
    sqlite3 *db;

    for (unsigned i = 0; i < count; i++)
        start(&runs[i], place, i);
    for (unsigned i = 0; i < count; i++)
        if (runs[i].ending == KILLED) {
            sbx_test_pause_ms(20);
            (void)kill(runs[i].child.pid, SIGKILL);
        }
    for (unsigned i = 0; i < count; i++)
        finish(&runs[i], &after);
    sbx_test_aftermath_check(&after, place);
    db = open_database(place);
    for (unsigned i = 0; i < count; i++)
        check_rows(db, &runs[i]);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_in_a_row(void **state)
{
    static sbx_test_aftermath after;
    const sbx_test_place *place = *state;
    unsigned count = sbx_test_setting("SBX_RUNS_IN_A_ROW", USUAL_RUNS);
    sqlite3 *db = NULL;

    for (unsigned i = 0; i < count; i++) {
        one_run run;

        start(&run, place, i);
        if (run.ending == KILLED) {
            sbx_test_pause_ms(i % 23);
            (void)kill(run.child.pid, SIGKILL);
        }
        finish(&run, &after);
        if (db == NULL)
            db = open_database(place);
        check_rows(db, &run);
        /* What a killed one left is the next start's to take away. */
        if (after.count >= CHECK_EVERY && run.ending != KILLED) {
            sbx_test_aftermath_check_host(&after, place);
            after.count = 0;
        }
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    sbx_test_aftermath_check(&after, place);
    sbx_test_tally("integration/many, runs in a row, of six endings by turns", count);
}

static size_t count_descriptors(pid_t pid)
{
    DIR *directory = opendir(sbx_test_text("/proc/%d/fd", (int)pid));
    size_t count = 0;

    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count;
}

/* Each task of a worker looks at the worker from inside as much as it may; the test looks at its descriptors. */
static void test_one_worker(void **state)
{
    const sbx_test_place *place = *state;
    unsigned count = 4 * sbx_test_setting("SBX_RUNS_IN_A_ROW", USUAL_RUNS);
    const char *manifest = sbx_test_path(place->base, "manifest");
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {
        .as_is = true,
        .env = SBX_LIST(database),
        .command = SBX_LIST(sbx_test_binary(), "batch", "run", "--json", "--jobs", "1", manifest)};
    size_t most = 0, looks = 0;
    FILE *file = fopen(manifest, "we");
    sbx_test_child child;
    sbx_test_outcome outcome;
    pid_t worker;

    assert_non_null(file);
    for (unsigned i = 0; i < count; i++)
        fprintf(
            file,
            "{\"id\":\"%u\",\"argv\":[\"/bin/sh\",\"-c\",\"exit %u\"],\"expect\":{\"exit\":%u}}\n",
            i, i % 3, i % 3);
    fclose(file);
    sbx_test_start(&child, place, &request);
    worker = sbx_test_first_child(child.pid);
    while (kill(worker, 0) == 0 && sbx_test_children_of(&worker, 1, child.pid) != 0) {
        size_t now = count_descriptors(worker);

        looks++;
        most = now > most ? now : most;
        sbx_test_pause_ms(3);
    }
    sbx_test_finish(&outcome, &child, LONGEST_MS);
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s%s", outcome.exit_code, outcome.out, outcome.err);
    sbx_test_outcome_done(&outcome);
    print_message("at most %zu descriptors in %zu looks\n", most, looks);
    sbx_test_tally("integration/many, tasks of one worker", count);
    assert_true(looks > 40);
    assert_true(most <= MOST_DESCRIPTORS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_at_once), /* first: somebody has to make the database */
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_in_a_row),
        sbx_unit_test(test_one_worker),
    };

    return cmocka_run_group_tests_name("many", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
