/* Many sbx processes at once: one database, and no row or result is lost or mixed up. */
#include <signal.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { AT_ONCE = 32 };

/* Also the very first runs of a fresh database: somebody has to make its tables. */
static void test_many_at_once(void **state)
{
    const sbx_test_place *place = *state;
    static sbx_test_child children[AT_ONCE];
    static char ids[AT_ONCE][64];
    json_t *rows;

    for (int i = 0; i < sbx_test_at_once(AT_ONCE); i++) {
        const char *path = sbx_test_text("%s/outside-%d", place->outside, i);
        sbx_test_request request = {.options = SBX_LIST("--mem", "64M", "--procs", "20"),
                                    .command = SBX_LIST(place->probe, "create-file", path)};

        sbx_test_start(&children[i], place, &request);
    }
    for (int i = 0; i < sbx_test_at_once(AT_ONCE); i++) {
        sbx_test_outcome outcome;

        sbx_test_finish(&outcome, &children[i], 60000);
        sbx_test_expect(&outcome, SBX_PROBE_DENIED, "nonzero", "");
        snprintf(ids[i], sizeof(ids[i]), "%s", sbx_test_word(&outcome, "run_id"));
        sbx_test_outcome_done(&outcome);
    }
    for (int i = 0; i < sbx_test_at_once(AT_ONCE); i++) {
        const char *path = sbx_test_text("outside-%d", i);

        rows = sbx_test_audit_denials(place, ids[i]);
        assert_int_equal(json_array_size(rows), 1); /* its own, and nobody else's */
        assert_non_null(sbx_test_find_denial(rows, NULL, path));
        json_decref(rows);
    }
    rows = sbx_test_audit_runs(place);
    assert_int_equal(json_array_size(rows), sbx_test_at_once(AT_ONCE));
    json_decref(rows);
    assert_int_equal(sbx_test_count_processes(place), 0);
}

/* Half of them are killed; the other half must not notice. */
static void test_some_are_killed(void **state)
{
    const sbx_test_place *place = *state;
    static sbx_test_child children[AT_ONCE];

    for (int i = 0; i < sbx_test_at_once(AT_ONCE); i++) {
        sbx_test_request request = {.options = SBX_NO_LIST,
                                    .command =
                                        SBX_LIST(place->probe, "fork-exec", "20", "/bin/true")};

        sbx_test_start(&children[i], place, &request);
    }
    for (int i = 1; i < sbx_test_at_once(AT_ONCE); i += 2) {
        sbx_test_pause_ms(10);
        (void)kill(children[i].pid, SIGKILL);
    }
    for (int i = 0; i < sbx_test_at_once(AT_ONCE); i++) {
        sbx_test_outcome outcome;

        sbx_test_finish(&outcome, &children[i], 60000);
        if (i % 2 == 0) {
            json_t *rows;

            sbx_test_expect(&outcome, 0, "ok", "");
            rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
            assert_int_equal(json_array_size(rows), 21);
            json_decref(rows);
        }
        sbx_test_outcome_done(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_many_at_once),
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_some_are_killed),
    };

    return cmocka_run_group_tests_name("concurrent", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
