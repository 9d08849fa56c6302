/* audit/command_text.h against SQLite's own JSON functions. */
#include "tests/support/test.h"

#include <sqlite3.h>

#include "audit/command_text.h"
#include "harness/base/compiler.h"

static sqlite3 *open_memory(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sbx_command_text_register(db), SQLITE_OK);
    return db;
}

/* What the SQL says of ?1, as quote() shows it; to be freed by sqlite3_free(). */
static char *ask(sqlite3 *db, const char *sql, const char *argument)
{
    sqlite3_stmt *select = NULL;
    char *answer;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &select, NULL), SQLITE_OK);
    sqlite3_bind_text(select, 1, argument, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    answer = sqlite3_mprintf("%s", sqlite3_column_text(select, 0));
    sqlite3_finalize(select);
    assert_non_null(answer);
    return answer;
}

static void it_says_what_json_each_says(void **state)
{
    static const char *const all[] = {
        "[\"make\"]",
        "[]",
        "[\"\"]",
        "[\"\",\"\"]",
        "[\"sh\",\"-c\",\"echo \\\"a b\\\"\"]",
        "[\"a\\\\b\",\"\\/\\b\\f\\n\\r\\t\"]",
        "[\"\\u0007\\u00e4\\u20ac\",\"\xc3\xa4\"]",
        "[\"\\ud83d\\ude00!\"]",
        "[1,-2.5,true,\"x\"]",
        "[\"]\",\",\",\"[\"]",
    };
    sqlite3 *db = open_memory();

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        char *wanted =
            ask(db,
                "SELECT quote(group_concat(CASE type WHEN 'true' THEN 'true' ELSE value END, ' ')) "
                "FROM json_each(?1)",
                all[i]);
        char *is = ask(db, "SELECT quote(sbx_command(?1))", all[i]);

        assert_string_equal(is, wanted);
        sqlite3_free(is);
        sqlite3_free(wanted);
    }
    sqlite3_close(db);
}

/* What is no such array is shown and not an error: one row must not hide the others. */
static void what_is_no_array_stays_as_it_is(void **state)
{
    static const char *const all[] = {"",         "[",         "{\"a\":1}",    "[\"a\"", "[\"a]",
                                      "[\"a\"]x", "[\"a\",,]", "[\"\\ud800\"", "null",   "[\"a\\"};
    sqlite3 *db = open_memory();

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        char *wanted = ask(db, "SELECT quote(?1)", all[i]);
        char *is = ask(db, "SELECT quote(sbx_command(?1))", all[i]);

        assert_string_equal(is, wanted);
        sqlite3_free(is);
        sqlite3_free(wanted);
    }
    sqlite3_close(db);
}

static void half_a_pair_is_no_character(void **state)
{
    sqlite3 *db = open_memory();
    char *is = ask(db, "SELECT hex(sbx_command(?1))", "[\"\\ud800x\\udc00\\ud800\\u0041\\u12\"]");

    (void)state;
    assert_string_equal(is, "EFBFBD78EFBFBDEFBFBD413132");
    sqlite3_free(is);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_json_each_says),
        cmocka_unit_test(what_is_no_array_stays_as_it_is),
        cmocka_unit_test(half_a_pair_is_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
