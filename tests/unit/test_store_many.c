/*
 * Many processes and one database: they make it together, write at once, are killed, and readers
 * look on.
 */
#include "tests/unit/store_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "audit/query.h"

typedef void child_main(const fixture *self, int number);

/* Runs that many at once, let go by a pipe's end; the test fails where one of them did. */
static void run_children(const fixture *self, child_main *main_of_it, int count)
{
    pid_t pids[64];
    int ends[2], status, bad = 0;

    assert_true(count <= 64);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            char byte;

            close(ends[1]);
            if (read(ends[0], &byte, 1) != 0)
                _exit(90);
            main_of_it(self, i);
            _exit(0);
        }
    }
    close(ends[1]);
    close(ends[0]);
    for (int i = 0; i < count; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    assert_int_equal(bad, 0);
}

static void record_runs(const fixture *self, int number, int count)
{
    const sbx_store_options options = {.busy_ns = 60 * SBX_NS_PER_S};
    sbx_error err = {0};

    (void)number;
    for (int i = 0; i < count; i++) {
        sbx_denials *set = sbx_denials_create();
        const sbx_denial denial = {
            .op = "write", .target = "/x", .target_bytes = 2, .rule = "", .count = 1};
        const sbx_store_batch batch = {.denials = set};
        sbx_store *store = NULL;
        fixture_run run;

        fixture_describe(&run);
        sbx_denials_add(set, &denial);
        if (sbx_store_open(&store, self->path, &options, &err) != SBX_OK ||
            sbx_store_run_start(&run.row, store, &run.start, &err) != SBX_OK)
            goto failed;
        sbx_store_tidy(store);
        if (sbx_store_run_append(store, run.row, &batch, &err) != SBX_OK ||
            sbx_store_run_end(store, run.row, &run.end, NULL, &err) != SBX_OK)
            goto failed;
        sbx_store_close(store);
        sbx_denials_free(set);
    }
    return;
failed:
    fprintf(stderr, "child %d: %s: %s\n", number, sbx_status_word(err.status), err.message);
    _exit(1);
}

static void one_run(const fixture *self, int number)
{
    record_runs(self, number, 1);
}

static void fifty_runs(const fixture *self, int number)
{
    record_runs(self, number, 50);
}

/* Entries of a folder but for . and .. */
static int count_files(const char *folder)
{
    DIR *opened = opendir(folder);
    int files = -2;

    assert_non_null(opened);
    while (readdir(opened) != NULL)
        files++;
    closedir(opened);
    return files;
}

/* Missing folders and all: of 32 that come at once, one makes it and all write. */
static void thirty_two_make_it_at_once(void **state)
{
    fixture *self = *state;
    char folder[300];

    snprintf(folder, sizeof(folder), "%s/new/folder", self->directory);
    snprintf(self->path, sizeof(self->path), "%s/new/folder/audit.db", self->directory);
    run_children(self, one_run, 32);
    assert_int_equal(count_files(folder),
                     3); /* the database, -wal and -shm: nothing is left behind */
    fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'ok'", "32");
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'db.create'", "1");
    assert_int_equal(fixture_verify(self), 1 + 32 * 3);
}

static void eight_write_fifty_runs_each(void **state)
{
    fixture *self = *state;

    run_children(self, fifty_runs, 8);
    fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'ok'", "400");
    fixture_expect(self, "SELECT count(DISTINCT run_id) FROM run", "400");
    fixture_expect(self, "SELECT count(*) FROM denial", "400");
    fixture_expect(self, "SELECT count(*) FROM node", "1");
    fixture_expect(self, "SELECT count(*) FROM policy", "1");
    fixture_expect(self, "PRAGMA integrity_check", "ok");
    assert_int_equal(fixture_verify(self), 1 + 400 * 3);
}

/* Starts a run, tells so, and is killed without an end. */
static _Noreturn void start_and_hang(const fixture *self, int ready)
{
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_denial denial = {
        .op = "write", .target = "/x", .target_bytes = 2, .rule = "", .count = 3};
    const sbx_store_batch batch = {.denials = set};
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    sbx_denials_add(set, &denial);
    if (sbx_store_run_append(store, run.row, &batch, NULL) != SBX_OK || write(ready, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static pid_t start_hanging(const fixture *self)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        start_and_hang(self, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void a_killed_supervisor_s_run_is_lost(void **state)
{
    fixture *self = *state;
    pid_t killed = start_hanging(self), alive = start_hanging(self);
    sbx_store *store;
    int status;

    record_runs(self, 0, 1);
    store = fixture_open(self);
    fixture_expect(self, "SELECT group_concat(status) FROM run", "running,running,ok");
    sbx_store_close(store);

    kill(killed, SIGKILL);
    assert_int_equal(waitpid(killed, &status, 0), killed);
    sbx_store_close(fixture_open_to_read(self)); /* who reads changes nothing */
    fixture_expect(self, "SELECT group_concat(status) FROM run", "running,running,ok");
    sbx_store_close(fixture_open(self));
    fixture_expect(self, "SELECT group_concat(status) FROM run", "lost,running,ok");
    fixture_expect(self,
                   "SELECT reason || ' ' || (ended_us >= started_us) || ' ' || denied_total FROM "
                   "run WHERE id = 1",
                   "supervisor 1 3");
    fixture_expect(self, "SELECT exit_code FROM run WHERE id = 1", NULL);
    fixture_expect(self, "SELECT count(*) FROM denial WHERE run = 1", "1");
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'run.lost' AND run = 1", "1");
    sbx_store_close(fixture_open(self)); /* once only */
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'run.lost'", "1");

    kill(alive, SIGKILL);
    assert_int_equal(waitpid(alive, &status, 0), alive);
    sbx_store_close(fixture_open(self));
    fixture_expect(self, "SELECT group_concat(status) FROM run", "lost,lost,ok");
    fixture_expect(self, "PRAGMA integrity_check", "ok");
    assert_int_equal(fixture_verify(self), 1 + 2 + 3 + 2 + 2);
}

static void set(const fixture *self, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* The five ways to be the supervisor of a run that has no end. */
static void who_is_gone(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);

    for (int i = 0; i < 5; i++) {
        fixture_run run;

        fixture_describe(&run);
        fixture_start(&run, store);
    }
    set(self,
        "UPDATE run SET supervisor_boot = '00000000-0000-0000-0000-000000000000' WHERE id = 2");
    set(self,
        "UPDATE run SET supervisor_pidns = 1, supervisor_pid = 4194300 WHERE id = 3"); /* not ours
                                                                                          to judge
                                                                                        */
    set(self, "UPDATE run SET supervisor_pid = 4194300 WHERE id = 4"); /* no such process */
    set(self, "UPDATE run SET supervisor_start = 1 WHERE id = 5");     /* the pid was used again */
    sbx_store_close(fixture_open(self));
    fixture_expect(self, "SELECT group_concat(status) FROM run", "running,lost,running,lost,lost");
    sbx_store_close(store);
}

/* More than one sweep looks at. */
static void many_are_lost_at_once(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);

    for (int i = 0; i < 150; i++) {
        fixture_run run;

        fixture_describe(&run);
        fixture_start(&run, store);
    }
    sbx_store_close(store);
    set(self, "UPDATE run SET supervisor_pid = 4194300");
    sbx_store_close(fixture_open(self));
    fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'lost'", "150");
    assert_int_equal(fixture_verify(self), 1 + 150 + 150);
}

/* Taken for lost, and lives: its own end counts. */
static void an_end_after_all(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    fixture_run run;
    sbx_error err = {0};

    fixture_describe(&run);
    fixture_start(&run, store);
    set(self, "UPDATE run SET supervisor_start = 1");
    sbx_store_close(fixture_open(self));
    fixture_expect(self, "SELECT status FROM run", "lost");
    fixture_end(&run, store, NULL);
    fixture_expect(self, "SELECT status FROM run", "ok");
    /* But once is enough. */
    assert_int_equal(sbx_store_run_end(store, run.row, &run.end, NULL, &err), SBX_CORRUPT);
    sbx_store_close(store);
    assert_int_equal(fixture_verify(self), 4);
}

/* The one run there is, some hundred times more. */
static void multiply_runs(const fixture *self, int count)
{
    static char sql[128 * 1024];
    size_t bytes =
        (size_t)snprintf(sql, sizeof(sql), "CREATE TEMP TABLE copy AS SELECT * FROM run; BEGIN;");

    for (int i = 0; i < count; i++)
        bytes += (size_t)snprintf(sql + bytes, sizeof(sql) - bytes,
                                  "UPDATE copy SET id = NULL, run_id = 'copy%d'; "
                                  "INSERT INTO run SELECT * FROM copy;",
                                  i);
    (void)snprintf(sql + bytes, sizeof(sql) - bytes, "COMMIT");
    set(self, sql);
}

/* Somebody pages through the list while others write, and keeps nobody waiting. */
static void readers_do_not_block_writers(void **state)
{
    fixture *self = *state;
    const sbx_query_filter filter = {0};
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    sbx_store *reader, *writer;
    sbx_error err = {0};
    char wal[320];
    struct stat about;
    int rows = 0;

    record_runs(self, 0, 1);
    multiply_runs(self, 599);
    reader = fixture_open_to_read(self);
    assert_int_equal(sbx_query_runs(&query, reader, &filter, &err), SBX_OK);
    assert_int_equal(sbx_query_next(query, &cells, &err), SBX_OK);
    assert_non_null(cells);

    writer = fixture_open_with(self, (sbx_store_options){.busy_ns = 0}); /* waits for nobody */
    for (int i = 0; i < 60; i++) {
        fixture_run run;

        fixture_describe(&run);
        fixture_start(&run, writer);
        sbx_store_tidy(writer);
        fixture_end(&run, writer, NULL);
    }
    snprintf(wal, sizeof(wal), "%s-wal", self->path);
    assert_int_equal(stat(wal, &about), 0);
    assert_true(about.st_size < 1 << 20); /* was begun anew under the reader's eyes */
    sbx_store_close(writer);

    while (cells != NULL) {
        rows++;
        assert_int_equal(sbx_query_next(query, &cells, &err), SBX_OK);
    }
    assert_int_equal(rows, 600); /* newest first: the new ones are behind it */
    sbx_query_free(query);
    sbx_store_close(reader);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(thirty_two_make_it_at_once),
        WITH_FIXTURE(eight_write_fifty_runs_each),
        WITH_FIXTURE(a_killed_supervisor_s_run_is_lost),
        WITH_FIXTURE(who_is_gone),
        WITH_FIXTURE(many_are_lost_at_once),
        WITH_FIXTURE(an_end_after_all),
        WITH_FIXTURE(readers_do_not_block_writers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
