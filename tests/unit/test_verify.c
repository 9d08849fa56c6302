/*
 * Verification finds what was changed, each kind of it, and says which record; and finds nothing
 * where nothing was changed.
 */
#include "tests/unit/verify_fixture.h"

static void what_is_as_it_was_holds(void **state)
{
    const fixture *self = *state;
    found is;

    fill(self);
    verify(&is, self);
    expect_nothing(&is);
    assert_int_equal(is.result.events, 12);
    assert_int_equal(is.result.runs, 5);
    assert_int_equal(is.result.denials, 4);
    assert_int_equal(is.result.processes, 2);
    fixture_expect(self, "SELECT group_concat(status) FROM run", "ok,ok,refused,lost,running");
}

/* --- the other tables, column by column: one that nobody compares is found here --- */

typedef struct column {
    char table[16], name[32], type[16];
} column;

static size_t list_columns(column *out, size_t most, const fixture *self)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    size_t count = 0;

    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT t.name, c.name, c.type FROM pragma_table_list AS t, "
                           "pragma_table_info(t.name) AS c WHERE t.name IN('run', 'process', "
                           "'denial', 'policy', 'node', 'event')",
                           -1, &select, NULL),
        SQLITE_OK);
    while (sqlite3_step(select) == SQLITE_ROW && count < most) {
        snprintf(out[count].table, sizeof(out[0].table), "%s", sqlite3_column_text(select, 0));
        snprintf(out[count].name, sizeof(out[0].name), "%s", sqlite3_column_text(select, 1));
        snprintf(out[count].type, sizeof(out[0].type), "%s", sqlite3_column_text(select, 2));
        count++;
    }
    sqlite3_finalize(select);
    sqlite3_close(db);
    return count;
}

static const char *key_of(const char *table)
{
    return strcmp(table, "event") == 0                                     ? "seq"
           : strcmp(table, "denial") == 0 || strcmp(table, "process") == 0 ? "run, idx"
                                                                           : "id";
}

static bool is_key(const column *at)
{
    return strcmp(at->name, "id") == 0 || strcmp(at->name, "seq") == 0 ||
           strcmp(at->name, "run") == 0 || strcmp(at->name, "idx") == 0 ||
           strcmp(at->name, "node") == 0 || strcmp(at->name, "policy") == 0;
}

/* Another value of the type. */
static const char *another(const column *at, bool to_null)
{
    static char sql[200];

    if (to_null)
        return "NULL";
    if (strcmp(at->type, "INTEGER") == 0)
        snprintf(sql, sizeof(sql), "coalesce(%s + 1000, 1)", at->name);
    else if (strcmp(at->type, "BLOB") == 0)
        snprintf(sql, sizeof(sql), "x'%064d'", 7); /* of a hash's length */
    else
        snprintf(sql, sizeof(sql), "coalesce(%s || 'x', 'x')", at->name);
    return sql;
}

static char *read_row(const fixture *self, const column *at, const char *order)
{
    sbx_text sql = {0};
    char *value;

    sbx_text_add_format(&sql, "SELECT quote(%s) FROM %s ORDER BY %s LIMIT 1", at->name, at->table,
                        order);
    value = fixture_read(self, sbx_text_string(&sql));
    sbx_text_done(&sql);
    return value;
}

/* False where the database itself refuses it, a NULL for instance. */
static bool change_row(const fixture *self, const column *at, const char *order, bool to_null)
{
    const char *key = key_of(at->table);
    sqlite3 *db = NULL;
    sbx_text sql = {0};
    int rc;

    sbx_text_add_format(
        &sql,
        "DROP TRIGGER IF EXISTS event_no_update; UPDATE %s SET %s = %s WHERE (%s) = "
        "(SELECT %s FROM %s ORDER BY %s LIMIT 1)",
        at->table, at->name, another(at, to_null), key, key, at->table, order);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    rc = sqlite3_exec(db, sbx_text_string(&sql), NULL, NULL, NULL);
    if (rc != SQLITE_OK && !to_null)
        fail_msg("%s: %s", sbx_text_string(&sql), sqlite3_errmsg(db));
    sqlite3_close(db);
    sbx_text_done(&sql);
    return rc == SQLITE_OK;
}

/* The first and the last row of each table; of keys another table may tell. */
static void tamper_column(const fixture *self, const fixture *copy, const column *at, bool is_last,
                          bool to_null, size_t *tried)
{
    const char *key = key_of(at->table);
    const char *order = !is_last                  ? key
                        : strcmp(key, "id") == 0  ? "id DESC"
                        : strcmp(key, "seq") == 0 ? "seq DESC"
                                                  : "run DESC, idx DESC";
    char *before;
    bool is_told = false;
    found is;

    copy_file(self->path, copy->path);
    before = read_row(copy, at, order);
    if (!(to_null && strcmp(before, "NULL") == 0) && change_row(copy, at, order, to_null)) {
        (*tried)++;
        verify(&is, copy);
        for (size_t i = 0; i < is.count && i < MOST; i++)
            is_told |= strcmp(is.table[i], at->table) == 0 || is_key(at);
        if (!is_told)
            fail_msg("%s.%s of the %s row, from %s to %s: %s", at->table, at->name,
                     is_last ? "last" : "first", before, another(at, to_null),
                     is.count == 0 ? "not found" : is.message[0]);
    }
    free(before);
}

static void every_value_is_held_against_its_event(void **state)
{
    const fixture *self = *state;
    fixture copy = *self;
    column columns[160];
    size_t count, tried = 0;

    fill(self);
    count = list_columns(columns, SBX_COUNT_OF(columns), self);
    assert_true(count > 90 && count < SBX_COUNT_OF(columns));
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (size_t i = 0; i < count; i++)
        for (int which = 0; which < 4; which++)
            tamper_column(self, &copy, &columns[i], which % 2 == 1, which / 2 == 1, &tried);
    assert_true(tried > 2 * count);
}

static void rows_come_and_go(void **state)
{
    static const struct {
        const char *sql, *table;
        sbx_finding_kind kind;
    } all[] = {
        {"DELETE FROM run WHERE id = 2", "run", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM run WHERE status = 'running'", "run", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM denial WHERE run = 1 AND idx = 1", "denial", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM denial WHERE run = 1", "denial", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM denial WHERE run = 4", "denial", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM process WHERE idx = 0", "process", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM policy WHERE id = 2", "policy", SBX_FINDING_ROW_MISSING},
        {"DELETE FROM node", "node", SBX_FINDING_ROW_MISSING},
        {"INSERT INTO denial SELECT run, 9, class, op, target, pid, exe, errno, rule, source, "
         "confidence, count, first_us, last_us FROM denial WHERE run = 1 AND idx = 0",
         "denial", SBX_FINDING_ROW_EXTRA},
        {"INSERT INTO denial SELECT 2, 0, class, op, target, pid, exe, errno, rule, source, "
         "confidence, count, first_us, last_us FROM denial WHERE run = 1 AND idx = 0",
         "denial", SBX_FINDING_ROW_EXTRA},
        {"INSERT INTO process VALUES(5, 0, 1, 1, 1, NULL, NULL, NULL, NULL)", "process",
         SBX_FINDING_ROW_EXTRA},
        {"INSERT INTO policy VALUES(9, 'x', 'x', '{}', 1)", "policy", SBX_FINDING_ROW_EXTRA},
        {"INSERT INTO node VALUES(9, 'x', '', '', '', '', '', 1)", "node", SBX_FINDING_ROW_EXTRA},
        {"CREATE TEMP TABLE t AS SELECT * FROM run WHERE id = 2; UPDATE t SET id = 99, run_id = "
         "'01ARZ3NDEKTSV4RRFFQ69G5FAV'; INSERT INTO run SELECT * FROM t",
         "run", SBX_FINDING_ROW_EXTRA},
        {"CREATE TEMP TABLE t AS SELECT * FROM run WHERE id = 2; UPDATE t SET id = -1, run_id = "
         "'01ARZ3NDEKTSV4RRFFQ69G5FAV'; INSERT INTO run SELECT * FROM t",
         "run", SBX_FINDING_ROW_EXTRA},
    };
    const fixture *self = *state;
    fixture copy = *self;
    found is;

    fill(self);
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        bool is_told = false;

        copy_file(self->path, copy.path);
        tamper(&copy, "%s", all[i].sql);
        verify(&is, &copy);
        for (size_t at = 0; at < is.count && at < MOST; at++)
            is_told |= is.kind[at] == all[i].kind && strcmp(is.table[at], all[i].table) == 0;
        if (!is_told)
            fail_msg("%s: %s", all[i].sql, is.count == 0 ? "not found" : is.message[0]);
    }
}

/*
 * A value that says what the members behind it said, which are NULL now: read along the row, the body
 * would have the same bytes.
 */
static void a_value_that_swallows_others_is_found(void **state)
{
    static const char *const all[] = {
        "UPDATE run SET status = status || '\",\"reason\":\"' || reason, reason = NULL WHERE id = "
        "2",
        "UPDATE run SET network = network || '\",\"identity\":\"' || identity, identity = '' WHERE "
        "id "
        "= 2",
        "UPDATE run SET argv = argv || ',\"cwd\":\"' || cwd || '\"', cwd = x'' WHERE id = 2",
        "UPDATE run SET enforcers = enforcers || '}' WHERE id = 2",
        "UPDATE run SET limits_hit = limits_hit || '\",\"enforcers\":' || enforcers, enforcers = "
        "NULL WHERE id = 2",
        "UPDATE run SET enforcers = '' WHERE id = 2",
        "UPDATE denial SET op = op || '\",\"target\":\"' || target WHERE run = 1 AND idx = 2",
        "UPDATE process SET argv = '' WHERE run = 1 AND idx = 0",
        "UPDATE process SET argv = argv || ',\"exit_code\":-9', exit_code = NULL WHERE run = 1 AND "
        "idx = 1",
    };
    const fixture *self = *state;
    fixture copy = *self;
    found is;

    fill(self);
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        copy_file(self->path, copy.path);
        tamper(&copy, "%s", all[i]);
        verify(&is, &copy);
        if (is.count == 0)
            fail_msg("%s: not found", all[i]);
        expect(&is, SBX_FINDING_ROW_DIFFERS, 0);
    }
}

/* The same number, as something that is none: who may write the file may change its schema as well. */
static void a_value_of_another_type_is_found(void **state)
{
    static const char *const columns[] = {"exit_code", "wall_ns", "output_truncated",
                                          "supervisor_pid", "leaked_procs"};
    const fixture *self = *state;
    fixture copy = *self;
    found is;

    fill(self);
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (size_t i = 0; i < SBX_COUNT_OF(columns); i++) {
        copy_file(self->path, copy.path);
        tamper(
            &copy,
            "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', "
            "')') WHERE name = 'run'");
        tamper(&copy, "UPDATE run SET %s = CAST(%s AS BLOB) WHERE id = 2", columns[i], columns[i]);
        verify(&is, &copy);
        expect(&is, SBX_FINDING_ROW_DIFFERS, 0);
    }
}

/* More than one block of the file that is read ahead, in the order of writing and in another one. */
static void each_of_many_runs_is_looked_at(void **state)
{
    enum { RUNS = 400 };
    const fixture *self = *state;
    fixture copy = *self;
    sbx_store *store = fixture_open(self);
    found is;

    for (int i = 0; i < RUNS; i++) {
        fixture_run run;

        fixture_describe(&run);
        run.start.argv = (const char *const[]){"make", i % 7 == 0 ? "a\"b" : "test", NULL};
        run.end.message = i % 50 == 0 ? "it did not \"work\"" : NULL;
        fixture_start(&run, store);
        fixture_end(&run, store, NULL);
    }
    sbx_store_close(store);
    verify(&is, self);
    expect_nothing(&is);
    assert_int_equal(is.result.runs, RUNS);
    assert_int_equal(is.result.events, 1 + 2 * RUNS);
    tamper(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (int i = 1; i <= RUNS; i += 57) {
        copy_file(self->path, copy.path);
        tamper(&copy, "UPDATE run SET wall_ns = wall_ns + 1 WHERE id = %d; VACUUM", i);
        verify(&is, &copy);
        assert_int_equal(is.count, 1);
        expect(&is, SBX_FINDING_ROW_DIFFERS, 1 + 2 * (uint64_t)i);
    }
}

/* More than is kept as it is: of the rest there are fingerprints. */
static void each_of_many_denials_is_looked_at(void **state)
{
    enum { DENIALS = 900 }; /* of 170 bytes and more each */
    static const int looked_at[] = {0, 1, 100, 190, 200, 300, 500, DENIALS - 1};
    const fixture *self = *state;
    fixture copy = *self;
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    fixture_run run;
    found is;

    fixture_describe(&run);
    fixture_start(&run, store);
    for (int i = 0; i < DENIALS; i++) {
        char target[64];

        snprintf(target, sizeof(target), i % 9 == 0 ? "/tmp/a\"%d" : "/tmp/file/of/the/name/%d", i);
        fixture_deny(set, target);
    }
    run.end.denied_total = sbx_denials_total(set);
    fixture_end(&run, store, &batch);
    sbx_store_close(store);
    sbx_denials_free(set);
    verify(&is, self);
    expect_nothing(&is);
    assert_int_equal(is.result.denials, DENIALS);
    tamper(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (size_t i = 0; i < SBX_COUNT_OF(looked_at); i++) {
        copy_file(self->path, copy.path);
        tamper(&copy, "UPDATE denial SET target = replace(target, '/tmp', '/var') WHERE idx = %d",
               looked_at[i]);
        verify(&is, &copy);
        assert_int_equal(is.count, 1);
        expect(&is, SBX_FINDING_ROW_DIFFERS, 0);
    }
}

/* --- the ledger --- */

static void expect_after(const fixture *self, const char *sql, sbx_finding_kind kind, uint64_t seq)
{
    fixture copy = *self;
    found is;

    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    copy_file(self->path, copy.path);
    tamper(&copy, "%s", sql);
    verify(&is, &copy);
    expect(&is, kind, seq);
}

static void an_edited_event_is_found(void **state)
{
    const fixture *self = *state;

    fill(self);
    expect_after(self, "UPDATE event SET body = body || ' ' WHERE seq = 3", SBX_FINDING_EDITED, 3);
    expect_after(self,
                 "UPDATE event SET body = replace(body, '\"exit_code\":0', '\"exit_code\":1') "
                 "WHERE seq = 5",
                 SBX_FINDING_EDITED, 5);
    expect_after(self, "UPDATE event SET hash = zeroblob(32) WHERE seq = 5", SBX_FINDING_EDITED, 5);
    expect_after(self, "UPDATE event SET hash = x'00' WHERE seq = 5", SBX_FINDING_EDITED, 5);
    expect_after(self, "UPDATE event SET body = '' WHERE seq = 2", SBX_FINDING_EDITED, 2);
    expect_after(self, "UPDATE event SET prev_hash = zeroblob(32) WHERE seq = 12",
                 SBX_FINDING_EDITED, 12);
}

/* Whoever edits an event and computes its hash anew breaks the chain at the next one. */
static void one_with_a_hash_of_its_own_is_found(void **state)
{
    const fixture *self = *state;
    uint8_t hash[32];
    char prev[65], sql[300], digits[65], *text;
    uint8_t prev_bytes[32];

    fill(self);
    text = fixture_read(self, "SELECT hex(prev_hash) FROM event WHERE seq = 6");
    snprintf(prev, sizeof(prev), "%s", text);
    free(text);
    assert_true(sbx_hex_read(prev_bytes, 32, prev));
    fixture_hash(hash, 6, prev_bytes, "{}", 2);
    sbx_sha256_hex(digits, hash);
    snprintf(sql, sizeof(sql), "UPDATE event SET body = '{}', hash = x'%s' WHERE seq = 6", digits);
    expect_after(self, sql, SBX_FINDING_REPLACED, 7);
}

static void a_removed_event_is_found(void **state)
{
    const fixture *self = *state;

    fill(self);
    expect_after(self, "DELETE FROM event WHERE seq = 5", SBX_FINDING_REMOVED, 5);
    expect_after(self, "DELETE FROM event WHERE seq IN(5, 6, 7)", SBX_FINDING_REMOVED, 5);
    expect_after(self, "DELETE FROM event WHERE seq = 1", SBX_FINDING_REMOVED, 1);
    expect_after(self, "DELETE FROM event", SBX_FINDING_REMOVED, 1);
    expect_after(self,
                 "DELETE FROM event WHERE seq = 5; UPDATE event SET seq = seq - 1 WHERE seq > 5",
                 SBX_FINDING_REORDERED, 5);
}

static void a_moved_event_is_found(void **state)
{
    const fixture *self = *state;

    fill(self);
    expect_after(self,
                 "UPDATE event SET seq = 100 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = "
                 "6; UPDATE event SET seq = 6 WHERE seq = 100",
                 SBX_FINDING_REORDERED, 4);
    expect_after(self,
                 "UPDATE event SET seq = 100 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = "
                 "6; UPDATE event SET seq = 6 WHERE seq = 100",
                 SBX_FINDING_REORDERED, 6);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(what_is_as_it_was_holds),
        WITH_FIXTURE(every_value_is_held_against_its_event),
        WITH_FIXTURE(rows_come_and_go),
        WITH_FIXTURE(a_value_that_swallows_others_is_found),
        WITH_FIXTURE(a_value_of_another_type_is_found),
        WITH_FIXTURE(each_of_many_runs_is_looked_at),
        WITH_FIXTURE(each_of_many_denials_is_looked_at),
        WITH_FIXTURE(an_edited_event_is_found),
        WITH_FIXTURE(one_with_a_hash_of_its_own_is_found),
        WITH_FIXTURE(a_removed_event_is_found),
        WITH_FIXTURE(a_moved_event_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
