/* The ledger: chained from the first row on, append-only, and a change in it is found. */
#include "tests/unit/store_fixture.h"

#include "audit/ledger.h"

static sqlite3 *open_database(const fixture *self)
{
    sqlite3 *db = NULL;

    sbx_store_close(fixture_open(self)); /* makes it */
    assert_int_equal(sqlite3_open_v2(self->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    return db;
}

static void append(sbx_ledger *ledger, sqlite3 *db, const char *body)
{
    sbx_ledger_event event = {.kind = "test", .us = 7, .body = body, .body_bytes = strlen(body)};

    assert_int_equal(sbx_ledger_append(ledger, db, &event), SQLITE_OK);
}

static void a_new_database_begins_the_chain(void **state)
{
    const fixture *self = *state;

    sqlite3_close(open_database(self));
    assert_int_equal(fixture_verify(self), 1);
    fixture_expect(self, "SELECT kind FROM event", "db.create");
    fixture_expect(self,
                   "SELECT body->>'database_id' = (SELECT value FROM meta WHERE key = "
                   "'database_id') FROM event",
                   "1");
    fixture_expect(self, "SELECT hex(prev_hash) FROM event",
                   "0000000000000000000000000000000000000000000000000000000000000000");
}

/* Against numbers from elsewhere: sha256sum of "sbx1", seven zero bytes and a 1, 32 zero bytes,
 * "{}". */
static void the_hash_is_the_documented_one(void **state)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    sbx_ledger ledger = {0};

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE event(seq INTEGER PRIMARY KEY, us, kind, run, body, prev_hash, "
                     "hash)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    append(&ledger, db, "{}");
    append(&ledger, db, "{\"b\":1}");
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT lower(hex(hash)) FROM event ORDER BY seq", -1,
                                        &select, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(select, 0),
                        "0530b88dfa9e772c75d488888005fbeae91b3077461c001d0e0b285a87302dd1");
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(select, 0),
                        "0c93c8b83d4a75a7415b9694734f19e727e20da9bfb2a9565396d6addff0b371");
    sqlite3_finalize(select);
    sbx_ledger_done(&ledger);
    sqlite3_close(db);
}

static void rows_cannot_be_changed_or_deleted(void **state)
{
    const fixture *self = *state;
    sqlite3 *db = open_database(self);

    assert_int_equal(sqlite3_exec(db, "UPDATE event SET body = '{}'", NULL, NULL, NULL),
                     SQLITE_CONSTRAINT);
    assert_string_equal(sqlite3_errmsg(db), "the ledger is append-only");
    assert_int_equal(sqlite3_exec(db, "DELETE FROM event", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_string_equal(sqlite3_errmsg(db), "the ledger is append-only");
    sqlite3_close(db);
    assert_int_equal(fixture_verify(self), 1);
}

static void tamper(const fixture *self, const char *sql, sqlite3_int64 wanted)
{
    sqlite3 *db = open_database(self);
    sbx_ledger ledger = {0};

    for (int i = 0; i < 4; i++)
        append(&ledger, db, "{\"kind\":\"test\",\"us\":7}");
    sbx_ledger_done(&ledger);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    assert_int_equal(fixture_verify(self), wanted);
}

static void a_changed_body_is_found(void **state)
{
    tamper(*state, "UPDATE event SET body = '{\"kind\":\"test\",\"us\":7 }' WHERE seq = 3", -3);
}

static void a_missing_row_is_found(void **state)
{
    tamper(*state, "DELETE FROM event WHERE seq = 3", -3);
}

static void a_changed_column_is_found(void **state)
{
    tamper(*state, "UPDATE event SET us = 8 WHERE seq = 2", -2);
}

static void an_untouched_chain_holds(void **state)
{
    tamper(*state, "SELECT 1", 5);
}

/* A last row whose hash is none must not be built upon. */
static void a_broken_end_is_refused(void **state)
{
    const fixture *self = *state;
    sqlite3 *db = open_database(self);
    sbx_ledger ledger = {0};
    sbx_ledger_event event = {.kind = "test", .body = "{}", .body_bytes = 2};

    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER event_no_update; UPDATE event SET hash = x'00'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sbx_ledger_append(&ledger, db, &event), SQLITE_CORRUPT);
    sbx_ledger_done(&ledger);
    sqlite3_close(db);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(a_new_database_begins_the_chain),
        cmocka_unit_test(the_hash_is_the_documented_one),
        WITH_FIXTURE(rows_cannot_be_changed_or_deleted),
        WITH_FIXTURE(a_changed_body_is_found),
        WITH_FIXTURE(a_missing_row_is_found),
        WITH_FIXTURE(a_changed_column_is_found),
        WITH_FIXTURE(an_untouched_chain_holds),
        WITH_FIXTURE(a_broken_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
