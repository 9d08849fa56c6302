/* Asking the audit database the way a person does: every verb, hostile names, and bad values. */
#include "tests/support/sandbox.h"
#include "tests/support/test.h"

#include "harness/base/error.h"

#include <signal.h>
#include <string.h>

static const char hostile[] = "\x1b]0;owned\x07\xC2\x9B\xE2\x80\xAE=x\xFF\n,\"";

static int setup(void **state)
{
    sbx_test_place *place = calloc(1, sizeof(*place));
    sbx_test_outcome outcome;

    if (place == NULL)
        return -1;
    sbx_test_place_make(place);
    *state = place;
    sbx_test_exec(&outcome, place, SBX_LIST("--label", "suite=a", "--session", "s1"),
                  SBX_LIST(place->probe, "create-file", sbx_test_path(place->outside, hostile)));
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--label", "suite=b"), SBX_LIST("/bin/true"));
    sbx_test_outcome_done(&outcome);
    return 0;
}

static int teardown(void **state)
{
    sbx_test_place_remove(*state);
    free(*state);
    return 0;
}

static void expect_safe(const sbx_test_outcome *outcome, const char *const *words)
{
    for (size_t i = 0; i < outcome->out_bytes; i++) {
        unsigned char c = (unsigned char)outcome->out[i];

        if ((c < 0x20 && c != '\n' && c != '\r') || c == 0x7F)
            fail_msg("%s %s: control character %02x in: %s", words[0], words[1], c, outcome->out);
    }
    assert_null(strstr(outcome->out, "\xC2\x9B"));
    assert_null(strstr(outcome->out, "\xE2\x80\xAE"));
}

static void every_form_is_safe(void **state)
{
    static const char *const forms[] = {"table", "json", "jsonl", "csv"};
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < SBX_COUNT_OF(forms); i++) {
        const char *const *const commands[] = {
            SBX_LIST("audit", "ls", "--format", forms[i]),
            SBX_LIST("audit", "denials", "--format", forms[i]),
            SBX_LIST("audit", "denials", "--by", "path", "--format", forms[i]),
            SBX_LIST("audit", "denials", "--by", "run", "--format", forms[i]),
            SBX_LIST("audit", "top", "--by", "denials", "--format", forms[i]),
            SBX_LIST("audit", "stats", "--format", forms[i]),
            SBX_LIST("audit", "tail", "--format", forms[i]),
            SBX_LIST("audit", "sql", "SELECT target, argv AS \"a\x1b[2J\" FROM denial, run",
                     "--format", forms[i]),
        };

        for (size_t at = 0; at < SBX_COUNT_OF(commands); at++) {
            sbx_test_outcome outcome;

            sbx_test_sbx(&outcome, place, commands[at]);
            if (outcome.exit_code != 0)
                fail_msg("%s: %s", commands[at][1], outcome.err);
            assert_true(outcome.out_bytes > 0);
            expect_safe(&outcome, commands[at]);
            sbx_test_outcome_done(&outcome);
        }
    }
}

static void explaining_is_safe(void **state)
{
    const sbx_test_place *place = *state;
    json_t *runs = sbx_test_audit_runs(place);
    const char *first = json_string_value(
        json_object_get(json_array_get(runs, json_array_size(runs) - 1), "run_id"));
    sbx_test_outcome outcome;

    for (int i = 0; i < 2; i++) {
        const char *const *words =
            i == 0 ? SBX_LIST("explain", first, "--json") : SBX_LIST("explain", first);

        sbx_test_sbx(&outcome, place, words);
        assert_int_equal(outcome.exit_code, 0);
        expect_safe(&outcome, words);
        assert_non_null(strstr(outcome.out, "Denied accesses: 1, different ones: 1."));
        sbx_test_outcome_done(&outcome);
    }
    json_decref(runs);
}

static size_t count_rows(const sbx_test_place *place, const char *const *words)
{
    sbx_test_outcome outcome;
    json_t *rows;
    size_t count;

    sbx_test_sbx(&outcome, place, words);
    rows = json_loads(outcome.out, 0, NULL);
    if (!json_is_array(rows))
        fail_msg("no array: %s %s", outcome.out, outcome.err);
    count = json_array_size(rows);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
    return count;
}

/* The same rows in every form of `show`, and none of them raw. */
static void showing_in_every_form(void **state)
{
    static const char *const forms[] = {"table", "json", "jsonl", "csv"};
    const sbx_test_place *place = *state;
    json_t *runs = sbx_test_audit_runs(place);
    const char *first = json_string_value(
        json_object_get(json_array_get(runs, json_array_size(runs) - 1), "run_id"));
    sbx_test_outcome outcome;

    for (size_t i = 0; i < SBX_COUNT_OF(forms); i++) {
        const char *const *words = SBX_LIST("audit", "show", first, "--format", forms[i]);

        sbx_test_sbx(&outcome, place, words);
        assert_int_equal(outcome.exit_code, 0);
        expect_safe(&outcome, words);
        assert_non_null(strstr(outcome.out, first));
        assert_non_null(strstr(outcome.out, "no writable root")); /* of the denial */
        assert_non_null(strstr(outcome.out, "create-file"));      /* of the program */
        if (strcmp(forms[i], "csv") == 0) {
            assert_non_null(strstr(outcome.out, "\r\n\r\nrun_id,first_us,"));
            assert_non_null(strstr(outcome.out, "\r\n\r\nrun_id,start_us,"));
        }
        if (strcmp(forms[i], "jsonl") == 0) {
            size_t lines = 0;

            for (char *at = outcome.out; *at != '\0'; at += strcspn(at, "\n") + 1, lines++) {
                json_t *line = json_loadb(at, strcspn(at, "\n"), 0, NULL);

                assert_non_null(json_object_get(line, "part"));
                json_decref(line);
            }
            assert_true(lines >= 3);
        }
        sbx_test_outcome_done(&outcome);
    }
    json_decref(runs);
}

/* CSV has both blocks, as JSON has both keys. */
static void the_difference_as_csv(void **state)
{
    const sbx_test_place *place = *state;
    json_t *runs = sbx_test_audit_runs(place);
    const char *denied = json_string_value(
        json_object_get(json_array_get(runs, json_array_size(runs) - 1), "run_id"));
    const char *other = json_string_value(
        json_object_get(json_array_get(runs, json_array_size(runs) - 2), "run_id"));
    const char *const *words = SBX_LIST("audit", "diff", denied, other, "--format", "csv");
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, place, words);
    assert_int_equal(outcome.exit_code, 0);
    expect_safe(&outcome, words);
    assert_true(strncmp(outcome.out, "field,left,right\r\n", 18) == 0);
    assert_non_null(strstr(outcome.out, "\r\n\r\nleft,right,op,target,"));
    assert_non_null(strstr(outcome.out, "\r\n1,,create,"));
    sbx_test_outcome_done(&outcome);
    json_decref(runs);
}

static void filters(void **state)
{
    const sbx_test_place *place = *state;
    const struct {
        size_t rows;
        const char *const *words;
    } cases[] = {
        {2, SBX_LIST("audit", "ls", "--json")},
        {1, SBX_LIST("audit", "ls", "--json", "--label", "suite=a")},
        {2, SBX_LIST("audit", "ls", "--json", "--label", "suite")},
        {0, SBX_LIST("audit", "ls", "--json", "--label", "suite=a", "--label", "suite=b")},
        {1, SBX_LIST("audit", "ls", "--json", "--session", "s1")},
        {1, SBX_LIST("audit", "ls", "--json", "--denied")},
        {1, SBX_LIST("audit", "ls", "--json", "--path", "*/outside/*owned*")},
        {0, SBX_LIST("audit", "ls", "--json", "--path", "/nowhere/*")},
        {1, SBX_LIST("audit", "ls", "--json", "--exe", "*/true")},
        {1,
         SBX_LIST("audit", "ls", "--json", "--status", "ok", "--exe", "*/true", "--since", "1h")},
        {0, SBX_LIST("audit", "ls", "--json", "--until", "1h")},
        {0, SBX_LIST("audit", "ls", "--json", "--user", "4000000")},
        {0, SBX_LIST("audit", "ls", "--json", "--batch", "b")},
        {0, SBX_LIST("audit", "ls", "--json", "--mem-over", "80%")},
        {1, SBX_LIST("audit", "denials", "--json", "--by", "rule")},
        {1, SBX_LIST("audit", "denials", "--json", "--since", "2020-01-31T00:00:00Z")},
        {2, SBX_LIST("audit", "sql", "--json", "SELECT 1 FROM run")},
        {1, SBX_LIST("audit", "sql", "--json", "--limit", "1", "SELECT 1 FROM run")},
    };

    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        size_t rows = count_rows(place, cases[i].words);

        if (rows != cases[i].rows)
            fail_msg("case %zu (%s %s): %zu rows instead of %zu", i, cases[i].words[1],
                     cases[i].words[3], rows, cases[i].rows);
    }
}

static void bad_values_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"--since", ""},
        {"--since", "yesterday"},
        {"--since", "-1h"},
        {"--since", "2026-02-31"},
        {"--since", "2026-13-01"},
        {"--since", "2026-01-01T25:00"},
        {"--until", "1x"},
        {"--until", "2026-01-01Tnoon"},
        {"--since", "2026-01-01 1:00"},
        {"--limit", "0"},
        {"--limit", "-1"},
        {"--limit", "1e3"},
        {"--mem-over", ""},
        {"--mem-over", "0%"},
        {"--mem-over", "80%%"},
        {"--mem-over", "9999999"},
        {"--label", ""},
        {"--label", "=x"},
        {"--user", "no such user"},
        {"--user", "99999999999"},
        {"--user", "-1"},
        {"--status", "fine"},
        {"--path", ""},
        {"--exe", ""},
        {"--session", ""},
        {"--agent", ""},
        {"--batch", ""},
        {"--reason", ""},
        {"--format", "xml"},
        {"--by", "size"},
        {"--follow", "x"},
        {"--timeout", "1s"},
    };
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < SBX_COUNT_OF(bad); i++) {
        sbx_test_outcome outcome;

        sbx_test_sbx(&outcome, place, SBX_LIST("audit", "ls", bad[i][0], bad[i][1]));
        if (outcome.exit_code != 2 || outcome.out_bytes > 0)
            fail_msg("%s \"%s\": exit %d: %s", bad[i][0], bad[i][1], outcome.exit_code,
                     outcome.err);
        assert_non_null(strstr(outcome.err, bad[i][0]));
        sbx_test_outcome_done(&outcome);
    }
}

static void two_runs_apart(void **state)
{
    const sbx_test_place *place = *state;
    json_t *runs = sbx_test_audit_runs(place), *apart;
    const char *old = json_string_value(json_object_get(json_array_get(runs, 1), "run_id"));
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "diff", old, "latest", "--json"));
    assert_int_equal(outcome.exit_code, 0);
    apart = json_loads(outcome.out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(apart, "denials")), 1);
    assert_true(json_array_size(json_object_get(apart, "fields")) > 2);
    json_decref(apart);
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "diff", "latest", "latest"));
    assert_int_equal(outcome.exit_code, 0);
    assert_int_equal(outcome.out_bytes, 0);
    sbx_test_outcome_done(&outcome);
    json_decref(runs);
}

/* What is recorded while it follows is shown; an interrupt ends it as it should end. */
static void following(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *words = SBX_LIST(sbx_test_binary(), "audit", "tail", "-f", "--jsonl",
                                        "--audit-db", place->database);
    const sbx_test_request request = {.command = words, .as_is = true};
    sbx_test_child child;
    sbx_test_outcome outcome, run;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "\"kind\":\"end\"", 10000));
    sbx_test_exec(&run, place, SBX_LIST("--label", "x=y"), SBX_LIST("/bin/echo", "followed-word"));
    assert_true(sbx_test_wait_output(&child, "followed-word", 10000));
    sbx_test_outcome_done(&run);
    assert_int_equal(kill(child.pid, SIGINT), 0);
    sbx_test_finish(&outcome, &child, 10000);
    assert_int_equal(outcome.signal, 0);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(every_form_is_safe),
        sbx_unit_test(explaining_is_safe),
        sbx_unit_test(showing_in_every_form),
        sbx_unit_test(the_difference_as_csv),
        sbx_unit_test(filters),
        sbx_unit_test(bad_values_are_refused),
        sbx_unit_test(two_runs_apart),
        sbx_unit_test(following),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
