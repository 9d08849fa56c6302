/* SQL that somebody wrote: it reads, and does nothing else. */
#include "tests/unit/store_fixture.h"

#include "audit/query.h"

enum { SECOND = 1000000000 };

static sbx_status ask(const fixture *self, const char *sql, uint64_t time_ns, sbx_error *err)
{
    sbx_store *store = fixture_open_to_read(self);
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    sbx_status st = sbx_query_sql(&query, store, sql, 10, time_ns, err);

    do {
        if (st == SBX_OK)
            st = sbx_query_next(query, &cells, err);
    } while (st == SBX_OK && cells != NULL);
    sbx_query_free(query);
    sbx_store_close(store);
    return st;
}

static void what_only_reads(void **state)
{
    static const char *const statements[] = {
        "SELECT 1",
        "SELECT * FROM run;",
        "SELECT * FROM v_runs -- and a comment",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5) SELECT * FROM "
        "c",
        "SELECT json_extract(argv, '$[0]') FROM run",
        "EXPLAIN QUERY PLAN SELECT * FROM run",
    };
    const fixture *self = *state;
    sbx_error err;

    sbx_store_close(fixture_open(self));
    for (size_t i = 0; i < SBX_COUNT_OF(statements); i++)
        if (ask(self, statements[i], SECOND, &err) != SBX_OK)
            fail_msg("%s: %s", statements[i], err.message);
}

static void what_is_refused(void **state)
{
    static const char *const statements[] = {
        "",
        " ; ",
        "SELECT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM run",
        "INSERT INTO meta VALUES('x', 1)",
        "UPDATE run SET status = 'ok'",
        "DELETE FROM run",
        "DROP TABLE run",
        "CREATE TABLE mine(x)",
        "CREATE TEMP TABLE mine(x)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "PRAGMA user_version",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM pragma_table_info('run')",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT x",
        "SELECT load_extension('x')",
        "SELECT length(zeroblob(100000000))",
        "SELECT length(randomblob(10000000))",
        "SELECT length(printf('%.*c', 100000000, 'x'))",
        "SELECT * FROM no_such_table",
        "WITH x AS (SELECT 1) DELETE FROM run",
    };
    const fixture *self = *state;
    char other[400];
    sbx_error err;

    sbx_store_close(fixture_open(self));
    for (size_t i = 0; i < SBX_COUNT_OF(statements); i++)
        if (ask(self, statements[i], SECOND, &err) != SBX_INVALID)
            fail_msg("let through: %s", statements[i]);
    fixture_expect(self, "SELECT count(*) FROM sqlite_schema WHERE name = 'mine'", "0");
    snprintf(other, sizeof(other), "%s/other.db", self->directory);
    assert_int_not_equal(access("other.db", F_OK), 0);
    assert_int_not_equal(access("copy.db", F_OK), 0);
}

static void it_is_stopped_in_time(void **state)
{
    static const char endless[] =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    const fixture *self = *state;
    uint64_t began = sbx_clock_monotonic_ns();
    sbx_error err;

    sbx_store_close(fixture_open(self));
    assert_int_equal(ask(self, endless, SECOND / 20, &err), SBX_REFUSED);
    assert_true(sbx_clock_monotonic_ns() - began < UINT64_C(20) * SECOND);
    assert_non_null(strstr(err.message, "too long"));
}

/* A hundred and more MiB, in pieces that are each allowed. */
static void it_does_not_eat_the_memory(void **state)
{
    static const char greedy[] =
        "WITH RECURSIVE c(x, y) AS (SELECT 1, printf('%.*c', 4000000, 'x') UNION ALL SELECT x + 1, "
        "y || x FROM c WHERE x < 100) SELECT count(*) FROM (SELECT group_concat(y, '') OVER () AS "
        "z "
        "FROM c)";
    const fixture *self = *state;
    sbx_error err;

    sbx_store_close(fixture_open(self));
    assert_int_equal(ask(self, greedy, UINT64_C(20) * SECOND, &err), SBX_INVALID);
}

/*
 * Six values of 12 MiB, each of which is allowed, at once: more than the heap may have. The same statement without
 * the cap shows that it would have used it.
 */
static void the_heap_is_capped(void **state)
{
#define ONE "printf('%.*c', 12000000, 'x')"
    static const char six[] = "SELECT " ONE ", " ONE ", " ONE ", " ONE ", " ONE ", " ONE;
    enum { CAP_BYTES = 64 << 20 };
    const fixture *self = *state;
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    sbx_error err;

    sbx_store_close(fixture_open(self));
    assert_int_equal(ask(self, "SELECT " ONE, UINT64_C(20) * SECOND, &err), SBX_OK);
    (void)sqlite3_memory_highwater(1);
    assert_int_not_equal(ask(self, six, UINT64_C(20) * SECOND, &err), SBX_OK);
    assert_non_null(strstr(err.message, "memory"));
    assert_true(sqlite3_memory_highwater(1) <= CAP_BYTES);

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, six, -1, &select, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW); /* the cap is gone with the question */
    assert_true(sqlite3_memory_highwater(1) > CAP_BYTES);
    sqlite3_finalize(select);
    sqlite3_close(db);
#undef ONE
}

/* The connection is an ordinary one again afterwards. */
static void nothing_stays(void **state)
{
    const fixture *self = *state;
    const sbx_query_filter filter = {.label_count = 1, .labels = {"a=b"}};
    sbx_store *store;
    sbx_query *query = NULL;
    sbx_error err;

    sbx_store_close(fixture_open(self));
    store = fixture_open_to_read(self);
    assert_int_equal(sbx_query_sql(&query, store, "SELECT 1", 1, 1, &err), SBX_OK);
    sbx_query_free(query);
    assert_int_equal(sbx_query_top(&query, store, &filter, SBX_BY_WALL, &err), SBX_OK);
    sbx_query_free(query);
    sbx_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_only_reads, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(it_is_stopped_in_time, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(it_does_not_eat_the_memory, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_heap_is_capped, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_stays, fixture_setup, fixture_teardown),
    };

    sbx_query_sql_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
