/* Databases of older versions: brought up to date once, whole, and with a backup. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "audit/ledger.h"
#include "schema_sql.h"
#include "tests/unit/schema_v1.h"
#include "tests/unit/schema_v2.h"

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* As an older version left it: a run with its rows, its events, and the WAL's bytes in the header. */
static void make_old(const fixture *self, int version)
{
    static const char run_id[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    sqlite3 *db = NULL;
    sbx_ledger ledger = {0};
    sbx_ledger_event first = {
        .kind = "db.create", .us = 1, .body = "{\"kind\":\"db.create\",\"us\":1}"};
    sbx_ledger_event start = {
        .kind = "run.start",
        .us = 2,
        .run = 1,
        .body = "{\"kind\":\"run.start\",\"us\":2,\"run\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"}"};

    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    run_sql(db, version == 1 ? schema_v1 : schema_v2_tables);
    if (version == 2)
        run_sql(db, schema_v2_rest);
    run_sql(db, "PRAGMA journal_mode = WAL");
    run_sql(db, "INSERT INTO meta VALUES('database_id', '01ARZ3NDEKTSV4RRFFQ69G5FAA')");
    run_sql(db, "INSERT INTO node VALUES(1, 'n', 'h', 'Linux', '6', '', '0.1.0', 1)");
    run_sql(db, "INSERT INTO policy VALUES(1, 'p', 'workspace', '{}', 1)");
    run_sql(db, "INSERT INTO run(run_id, started_us, ended_us, status, node, policy, network, "
                "identity, backend, "
                "enforcement, missing, walls, caller_uid, target_uid, grace_ns, supervisor_pid, "
                "supervisor_start, supervisor_boot, supervisor_pidns, cwd, argv, env_names) VALUES("
                "'01ARZ3NDEKTSV4RRFFQ69G5FAV', 2, 3, 'ok', 1, 1, 'none', 'sandbox', 'namespaces', "
                "'full', '', "
                "'', 0, 0, 1, 1, 1, 'b', 1, '/', '[\"make\"]', '[]')");
    first.body_bytes = strlen(first.body);
    start.body_bytes = strlen(start.body);
    assert_int_equal(sbx_ledger_append(&ledger, db, &first), SQLITE_OK);
    assert_int_equal(sbx_ledger_append(&ledger, db, &start), SQLITE_OK);
    sbx_ledger_done(&ledger);
    run_sql(db,
            "INSERT INTO denial VALUES(1, 0, 'file', 'write', '/x', 9, NULL, 13, '', 'seccomp', "
            "'observed', 3, 2, 2)");
    sqlite3_close(db);
    assert_int_equal(chmod(self->path, 0600), 0);
    assert_int_equal(strlen(run_id), SBX_RUN_ID_BYTES - 1);
}

static void make_v1(const fixture *self)
{
    make_old(self, 1);
}

/* What decides how the tables behave, one line for each column, index column, trigger and view. */
static char *describe_schema(sqlite3 *db)
{
    static const char sql[] =
        "SELECT group_concat(line, char(10)) FROM (SELECT line FROM ("
        "SELECT format('%s %s wr=%d strict=%d', type, name, wr, strict) AS line FROM "
        "pragma_table_list "
        "WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' "
        "UNION ALL SELECT format('column %s.%d %s %s notnull=%d %s pk=%d', t.name, cid, c.name, "
        "c.type, "
        "\"notnull\", quote(dflt_value), pk) FROM pragma_table_list AS t, "
        "pragma_table_xinfo(t.name) AS c "
        "WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' "
        "UNION ALL SELECT format('key %s.%s -> %s', t.name, f.\"from\", f.\"table\") FROM "
        "pragma_table_list AS t, pragma_foreign_key_list(t.name) AS f WHERE t.schema = 'main' "
        "UNION ALL SELECT format('index %s unique=%d partial=%d', i.name, \"unique\", partial) "
        "FROM pragma_table_list AS t, pragma_index_list(t.name) AS i WHERE t.schema = 'main' "
        "UNION ALL SELECT format('index %s.%d %s desc=%d', i.name, seqno, quote(x.name), desc) "
        "FROM "
        "pragma_table_list AS t, pragma_index_list(t.name) AS i, pragma_index_xinfo(i.name) AS x "
        "WHERE t.schema = 'main' "
        "UNION ALL SELECT type || ' ' || sql FROM sqlite_schema WHERE type IN('trigger', 'view', "
        "'index') "
        "AND sql IS NOT NULL) ORDER BY line)";
    sqlite3_stmt *select = NULL;
    char *out;

    if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    out = strdup((const char *)sqlite3_column_text(select, 0));
    sqlite3_finalize(select);
    return out;
}

/* The test that a table or column was added to schema.sql and not to the migration. */
static void becomes_like_a_new_one(const fixture *self, int version)
{
    sqlite3 *db = NULL, *fresh = NULL;
    char *is, *wanted, *old;

    assert_int_equal(sqlite3_open(":memory:", &fresh), SQLITE_OK);
    run_sql(fresh, sbx_schema_sql);
    wanted = describe_schema(fresh);
    make_old(self, version);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    old = describe_schema(db);
    sqlite3_close(db);
    assert_string_not_equal(old, wanted); /* or the comparison sees nothing */

    sbx_store_close(fixture_open(self));
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    is = describe_schema(db);
    assert_string_equal(is, wanted);
    free(is);
    free(old);
    free(wanted);
    sqlite3_close(db);
    sqlite3_close(fresh);
    fixture_expect(self, "PRAGMA user_version", "3");
    fixture_expect(self, "PRAGMA integrity_check", "ok");
}

static void version_1_becomes_like_a_new_one(void **state)
{
    becomes_like_a_new_one(*state, 1);
}

static void version_2_becomes_like_a_new_one(void **state)
{
    becomes_like_a_new_one(*state, 2);
}

/* From the version before: the run is there, has no samples, and the next one can have some. */
static void version_2_goes_on(void **state)
{
    const fixture *self = *state;
    sbx_samples samples;
    sbx_store *store;
    fixture_run run;

    make_old(self, 2);
    store = fixture_open(self);
    fixture_expect(self,
                   "SELECT (body->>'from_version') || (body->>'to_version') || "
                   "(body->>'backup') FROM event WHERE kind = 'db.migrate'",
                   "23audit.db.v2");
    fixture_describe(&run);
    fixture_start(&run, store);
    sbx_samples_init(&samples);
    sbx_samples_add(&samples, &(sbx_sample){.at_ns = 100 * SBX_NS_PER_MS, .memory_bytes = 9});
    run.end.samples = &samples;
    fixture_end(&run, store, NULL);
    sbx_store_close(store);
    fixture_expect(self, "SELECT coalesce(samples, 'none') FROM run WHERE id = 1", "none");
    fixture_expect(self, "SELECT samples FROM run WHERE id = 2", "[[100,0,9,0]]");
    assert_int_equal(fixture_verify(self), 5);
}

static void what_was_recorded_is_there_and_chained(void **state)
{
    const fixture *self = *state;
    fixture backup;
    sbx_store *store;
    fixture_run run;

    make_v1(self);
    store = fixture_open(self);
    fixture_expect(self, "SELECT run_id || ' ' || status FROM run",
                   "01ARZ3NDEKTSV4RRFFQ69G5FAV ok");
    fixture_expect(self, "SELECT count FROM denial", "3");
    fixture_expect(self, "SELECT group_concat(kind) FROM event", "db.create,run.start,db.migrate");
    fixture_expect(
        self,
        "SELECT (body->>'from_version') || (body->>'to_version') || (body->>'backup') FROM event "
        "WHERE kind = 'db.migrate'",
        "13audit.db.v1");
    fixture_describe(&run);
    fixture_start(&run, store);
    fixture_end(&run, store, NULL);
    sbx_store_close(store);
    assert_int_equal(fixture_verify(self), 5);

    backup = *self; /* is what it was, and readable without a WAL beside it */
    snprintf(backup.path, sizeof(backup.path), "%s/audit.db.v1", self->directory);
    fixture_expect(&backup, "PRAGMA user_version", "1");
    fixture_expect(&backup, "SELECT count(*) FROM event", "2");
    fixture_expect(&backup, "SELECT count(*) FROM sqlite_schema WHERE name = 'seal'", "0");
    fixture_expect(&backup, "PRAGMA integrity_check", "ok");
}

static void backups_are_the_owner_s_and_replace_nothing(void **state)
{
    const fixture *self = *state;
    char path[400];
    struct stat about;
    int fd;

    make_v1(self);
    snprintf(path, sizeof(path), "%s/audit.db.v1", self->directory);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    sbx_store_close(fixture_open(self));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, 4);
    snprintf(path, sizeof(path), "%s/audit.db.v1.2", self->directory);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void readers_are_told_and_change_nothing(void **state)
{
    const fixture *self = *state;
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S, .read_only = true};
    sbx_store *store = NULL;
    sbx_error err = {0};

    make_v1(self);
    assert_int_equal(sbx_store_open(&store, self->path, &options, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "version 1"));
    fixture_expect(self, "PRAGMA user_version", "1");
}

/* Of sixteen that come at once one does it. */
static void it_is_done_once(void **state)
{
    const fixture *self = *state;
    pid_t pids[16];
    int status;
    char path[400];

    make_v1(self);
    for (size_t i = 0; i < SBX_COUNT_OF(pids); i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            const sbx_store_options options = {.busy_ns = 60 * SBX_NS_PER_S};
            sbx_store *store = NULL;
            sbx_error err = {0};

            if (sbx_store_open(&store, self->path, &options, &err) != SBX_OK)
                fprintf(stderr, "%s\n", err.message);
            _exit(store == NULL);
        }
    }
    for (size_t i = 0; i < SBX_COUNT_OF(pids); i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'db.migrate'", "1");
    assert_int_equal(fixture_verify(self), 3);
    snprintf(path, sizeof(path), "%s/audit.db.v1.2", self->directory);
    assert_int_equal(access(path, F_OK), -1);
}

/* A step that fails, here for a table that is in the way, leaves the old database. */
static void what_fails_changes_nothing(void **state)
{
    const fixture *self = *state;
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
    sbx_store *store = NULL;
    sbx_error err = {0};
    sqlite3 *db = NULL;

    make_v1(self);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    run_sql(db, "CREATE VIEW seal AS SELECT 1; CREATE VIEW v_x AS SELECT 1");
    run_sql(db, "DROP VIEW v_denials; CREATE TABLE v_denials(x)");
    sqlite3_close(db);
    assert_int_equal(sbx_store_open(&store, self->path, &options, &err), SBX_CORRUPT);
    assert_non_null(strstr(err.message, "bringing it to this sbx's format"));
    fixture_expect(self, "PRAGMA user_version", "1");
    fixture_expect(self, "SELECT type FROM sqlite_schema WHERE name = 'seal'", "view");
    assert_int_equal(fixture_verify(self), 2);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(version_1_becomes_like_a_new_one),
        WITH_FIXTURE(version_2_becomes_like_a_new_one),
        WITH_FIXTURE(version_2_goes_on),
        WITH_FIXTURE(what_was_recorded_is_there_and_chained),
        WITH_FIXTURE(backups_are_the_owner_s_and_replace_nothing),
        WITH_FIXTURE(readers_are_told_and_change_nothing),
        WITH_FIXTURE(it_is_done_once),
        WITH_FIXTURE(what_fails_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
