/* The commands that keep the record: what they print, and what they exit with. */
#include <sqlite3.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static void run_some(const sbx_test_place *place, int count)
{
    sbx_test_outcome outcome;

    for (int i = 0; i < count; i++) {
        sbx_test_exec(&outcome, place, SBX_NO_LIST,
                      SBX_LIST(place->probe, "write-file", "/etc/not\x1b[31mhere"));
        sbx_test_outcome_done(&outcome);
    }
}

static void expect_exit(const sbx_test_place *place, const char *const *arguments, int code,
                        const char *text)
{
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, place, arguments);
    if (outcome.exit_code != code || strstr(outcome.out, text) == NULL)
        fail_msg("%s %s: exit %d, wanted %d with \"%s\"\n%s%s", arguments[0], arguments[1],
                 outcome.exit_code, code, text, outcome.out, outcome.err);
    assert_null(strchr(outcome.out, '\x1b'));
    sbx_test_outcome_done(&outcome);
}

static void change(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* From the first run to a copy that somebody changed. */
static void test_the_life_of_a_record(void **state)
{
    const sbx_test_place *place = *state;
    char copy[SBX_TEST_PATH_BYTES], anchors[SBX_TEST_PATH_BYTES], public_key[SBX_TEST_PATH_BYTES];

    snprintf(copy, sizeof(copy), "%s", sbx_test_path(place->base, "copy.db"));
    snprintf(anchors, sizeof(anchors), "%s", sbx_test_path(place->base, "anchors"));
    snprintf(public_key, sizeof(public_key), "%s",
             sbx_test_path(place->home, ".local/state/sbx/seal.pub"));
    run_some(place, 3);
    expect_exit(place, SBX_LIST("audit", "verify"), 0, "the chain and the tables hold");
    expect_exit(place, SBX_LIST("audit", "seal"), 1, ""); /* no key yet */
    expect_exit(place, SBX_LIST("audit", "keygen"), 0, "ed25519 ");
    expect_exit(place, SBX_LIST("audit", "verify"), 4, "no seal vouches");
    expect_exit(place, SBX_LIST("audit", "seal", "--anchor", anchors), 0, "sbx-seal 1 database=");
    expect_exit(place, SBX_LIST("audit", "verify", "--anchor", anchors), 0, "verified");
    run_some(place, 2);
    expect_exit(place, SBX_LIST("audit", "verify", "--json"), 4, "\"kind\":\"unsealed\"");
    expect_exit(place, SBX_LIST("audit", "prune", "--keep-runs", "2", "--dry-run"), 0,
                "would remove 3 runs");
    expect_exit(place, SBX_LIST("audit", "prune", "--keep-runs", "2", "--json"), 0, "\"runs\":3");
    expect_exit(place, SBX_LIST("audit", "verify"), 0, "verified");
    expect_exit(place, SBX_LIST("audit", "backup", copy), 0, "");
    expect_exit(place, SBX_LIST("audit", "backup", copy), 1, ""); /* replaces nothing */
    expect_exit(place, SBX_LIST("audit", "verify", "--db", copy, "--key", public_key), 0,
                "verified");
    change(copy, "UPDATE run SET exit_code = 77 WHERE id = 5");
    expect_exit(place, SBX_LIST("audit", "verify", "--db", copy), 3, "exit_code is 77");
    change(copy, "UPDATE denial SET target = '/etc/\x1b[2J'");
    expect_exit(place, SBX_LIST("audit", "verify", "--db", copy, "-n", "1"), 3, "and ");
    expect_exit(place,
                SBX_LIST("audit", "backup", "--db", copy, sbx_test_path(place->base, "again")), 3,
                "");
}

static void test_command_lines(void **state)
{
    const sbx_test_place *place = *state;

    expect_exit(place, SBX_LIST("audit", "prune"), 2, "");
    expect_exit(place, SBX_LIST("audit", "prune", "--keep-days", "many"), 2, "");
    expect_exit(place, SBX_LIST("audit", "prune", "--keep-runs", "1", "RUN"), 2, "");
    expect_exit(place, SBX_LIST("audit", "backup"), 2, "");
    expect_exit(place, SBX_LIST("audit", "verify", "--key", "0123"), 2, "");
    expect_exit(place, SBX_LIST("audit", "verify", "--db", "/nonexistent/audit.db"), 1, "");
    expect_exit(place, SBX_LIST("audit", "verify", "--db", "/etc/passwd"), 1, "");
    expect_exit(place, SBX_LIST("audit", "keygen", "extra"), 2, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_the_life_of_a_record),
        sbx_unit_test(test_command_lines),
    };

    return cmocka_run_group_tests_name("integration: audit keep", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
