/*
 * What `sbx batch run --out` leaves for other programs, read by such programs: xmllint, Python's XML parser, Perl's
 * TAP::Parser, and bash for the commands of the joblog. Ids and output are hostile.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/compiler.h"
#include "tests/integration/batch_reports.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { LONG_MS = 120000, SKIPPED_TASKS = 3000 };

static FILE *begin_manifest(const sbx_test_place *place, const char *name)
{
    FILE *file = fopen(sbx_test_path(place->root, name), "w");

    assert_non_null(file);
    fprintf(file,
            "{\"sbx_batch\":1,\"name\":\"<&>\",\"defaults\":{\"policy\":{\"version\":1,\"extends\":"
            "\"grader\",\"filesystem\":{\"read\":[\"%s\"],\"write\":[\"%s\"]}}}}\n",
            place->base, place->root);
    return file;
}

/* id and command are JSON already. */
static void add_task(FILE *file, const char *id, const char *command, const char *more)
{
    fprintf(file, "{\"id\":\"%s\",\"argv\":[\"/bin/sh\",\"-c\",\"%s\"]%s}\n", id, command, more);
}

/* Any program, outside, as it is. */
static void run_program(sbx_test_outcome *out, const sbx_test_place *place,
                        const char *const *command)
{
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {.as_is = true, .env = SBX_LIST(database), .command = command};
    sbx_test_child child;

    sbx_test_start(&child, place, &request);
    sbx_test_finish(out, &child, LONG_MS);
}

static void run_batch(const sbx_test_place *place, const char *name, const char *const *options,
                      int exit_code)
{
    const char *words[16] = {sbx_test_binary(),
                             "batch",
                             "run",
                             "-q",
                             "-j",
                             "2",
                             sbx_test_path(place->root, name),
                             "--out",
                             sbx_test_path(place->base, sbx_test_text("%s-out", name))};
    sbx_test_outcome outcome;
    size_t count = 9;

    for (; *options != NULL && count + 1 < SBX_COUNT_OF(words); options++)
        words[count++] = *options;
    run_program(&outcome, place, words);
    if (outcome.exit_code != exit_code)
        fail_msg("exit %d and not %d: %s", outcome.exit_code, exit_code, outcome.err);
    sbx_test_outcome_done(&outcome);
}

static void expect_success(const sbx_test_place *place, const char *const *command)
{
    sbx_test_outcome outcome;

    run_program(&outcome, place, command);
    if (outcome.exit_code != 0)
        fail_msg("%s: exit %d: %s%s", command[0], outcome.exit_code, outcome.out, outcome.err);
    sbx_test_outcome_done(&outcome);
}

/* Every consumer says that the reports are what the journal says. */
static void check_reports(const sbx_test_place *place, const char *name)
{
    const char *out = sbx_test_path(place->base, sbx_test_text("%s-out", name));
    const char *schema = sbx_test_path(place->base, "junit.xsd");

    const char *first = sbx_test_path(place->base, "check.py");
    const char *second = sbx_test_path(place->base, "check_tap.py");

    sbx_test_write(schema, junit_schema);
    sbx_test_write(first, report_script);
    sbx_test_write(second, report_script_tap);
    expect_success(place, SBX_LIST("/usr/bin/xmllint", "--noout", "--huge", "--schema", schema,
                                   sbx_test_path(out, "junit.xml")));
    expect_success(place, SBX_LIST("/usr/bin/python3", "-c",
                                   "import sys\nfor each in sys.argv[3:]: exec(open(each).read())",
                                   sbx_test_path(place->root, name), out, first, second));
    assert_false(sbx_test_exists(sbx_test_path(out, ".junit.xml.new")));
    assert_false(sbx_test_exists(sbx_test_path(out, ".report.html.new")));
}

/* The whole of a small file, for free(). */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 22);

    if (file == NULL || text == NULL)
        fail_msg("%s cannot be read", path);
    (void)!fread(text, 1, (1 << 22) - 1, file);
    fclose(file);
    return text;
}

static const char *const hostile_ids[] = {
    "plain",
    "a<b>&'c'\\\"d\\\" ]]>",
    "x # SKIP not really",
    "# \\u0054ODO",
    "back\\\\slash \\\\# and \\\\",
    "\\u202egnp.exe",
    "\\u0085next\\ufffe\\uffff",
    "\\u2603 \\ud83d\\ude00 \\u00fc",
    "../../../../etc/passwd",
    "-n",
    "12345",
    "not ok 1 - forged",
    "%s%n%00",
    "..",
};

static const char *const hostile_commands[] = {
    "printf 'a\\\\0b\\\\033[31m\\\\377\\\\376 ]]>\\\\r\\\\n\\\\tx <&\\\\42>'; exit 1",
    "printf '\\\\355\\\\240\\\\200\\\\357\\\\277\\\\276\\\\7' >&2; kill -ABRT $$",
    "head -c 100000 /dev/zero; exit 3",
    "echo fine",
    "echo \\\"it's\\\" '\\\\n\\ttab' $HOME \\u001b; exit 0",
};

static void test_hostile_tasks(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "hostile");
    char longest[256];
    struct stat found;
    char *page;

    memset(longest, 'l', 255);
    longest[255] = '\0';
    for (size_t i = 0; i < SBX_COUNT_OF(hostile_ids); i++)
        add_task(file, hostile_ids[i], hostile_commands[i % SBX_COUNT_OF(hostile_commands)], "");
    add_task(file, longest, "echo 1", ",\"expect\":{\"stdout\":\"\\u0001\\u007f<\\\"\\n\"}");
    add_task(file, "no such cwd", "echo 1", ",\"cwd\":\"/no/such/<place>\"");
    add_task(file, "after a failure", "echo 1", ",\"after\":[\"plain\"]");
    fclose(file);
    run_batch(place, "hostile", SBX_NO_LIST, 125);
    check_reports(place, "hostile");
    assert_int_equal(stat(sbx_test_path(place->base, "hostile-out/report.html"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    page = read_file(sbx_test_path(place->base, "hostile-out/report.html"));
    assert_non_null(strstr(page, "--batch "));
    assert_non_null(strstr(page, "\"runs\""));
    free(page);
}

/* Attempts before the last one: of what passed then, and of what did not. */
static void test_retries(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "retried");
    char *xml;

    add_task(file, "flaky", "test -e once || { touch once; exit 7; }", ",\"retries\":2");
    add_task(file, "bad", "exit 9", ",\"retries\":2");
    fclose(file);
    run_batch(place, "retried", SBX_NO_LIST, 100);
    check_reports(place, "retried");
    xml = read_file(sbx_test_path(place->base, "retried-out/junit.xml"));
    assert_non_null(strstr(xml, "<flakyFailure type=\"exit\" message=\"exit code 7"));
    assert_non_null(strstr(xml, ">attempt 3, run 0"));
    assert_non_null(strstr(xml, "<rerunFailure "));
    free(xml);
}

/* Stopped, what has not run is in the reports as that; resumed, the union of both is. */
static void test_resumed(void **state)
{
    const sbx_test_place *place = *state;
    const char *out = sbx_test_path(place->base, "resumed-out");
    FILE *file = begin_manifest(place, "resumed");
    char *text;

    add_task(file, "first", "exit 1", ",\"weight\":2");
    add_task(file, "second", "echo x", "");
    add_task(file, "third", "exit 2", "");
    fclose(file);
    run_batch(place, "resumed", SBX_LIST("--halt", "soon,fail=1"), 100);
    check_reports(place, "resumed");
    text = read_file(sbx_test_path(out, "junit.xml"));
    assert_non_null(strstr(text, "failures=\"1\" errors=\"0\" skipped=\"2\""));
    assert_non_null(strstr(text, "message=\"not run: halt\""));
    free(text);
    text = read_file(sbx_test_path(out, "results.tap"));
    assert_non_null(strstr(text, "not ok 2 - second\n  ---\n  message: \"not run: halt\""));
    free(text);
    run_batch(place, "resumed", SBX_LIST("--resume"), 100);
    check_reports(place, "resumed");
    text = read_file(sbx_test_path(out, "junit.xml"));
    assert_non_null(strstr(text, "failures=\"2\" errors=\"0\" skipped=\"0\""));
    free(text);
}

static void test_thousands(void **state)
{
    const sbx_test_place *place = *state;
    FILE *file = begin_manifest(place, "many");

    add_task(file, "root", "exit 1", "");
    for (unsigned i = 0; i < SKIPPED_TASKS; i++)
        add_task(file, sbx_test_text("%u/<%u>", i % 7, i), "true", ",\"after\":[\"root\"]");
    fclose(file);
    run_batch(place, "many", SBX_NO_LIST, 100);
    check_reports(place, "many");
}

/* What cannot be written is an error of sbx, and says of which file. */
static void test_not_writable(void **state)
{
    const sbx_test_place *place = *state;
    const char *out = sbx_test_path(place->base, "blocked-out");
    FILE *file = begin_manifest(place, "blocked");
    sbx_test_outcome outcome;

    add_task(file, "a", "true", "");
    fclose(file);
    sbx_test_mkdir(out);
    sbx_test_mkdir(sbx_test_path(out, "junit.xml"));
    run_program(&outcome, place,
                SBX_LIST(sbx_test_binary(), "batch", "run", "-q", "--out", out,
                         sbx_test_path(place->root, "blocked")));
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, "junit.xml"));
    assert_false(sbx_test_exists(sbx_test_path(out, "summary.json")));
    assert_false(sbx_test_exists(sbx_test_path(out, ".junit.xml.new")));
    sbx_test_outcome_done(&outcome);
}

/* Where nothing could be recorded there is no page, and not the one of an earlier call either. */
static void test_without_audit(void **state)
{
    const sbx_test_place *place = *state;
    const char *page = sbx_test_path(place->base, "unrecorded-out/report.html");
    FILE *file = begin_manifest(place, "unrecorded");

    add_task(file, "a", "true", "");
    fclose(file);
    run_batch(place, "unrecorded", SBX_NO_LIST, 0);
    assert_true(sbx_test_exists(page));
    run_batch(place, "unrecorded",
              SBX_LIST("--resume", "--audit", "best-effort", "--audit-db", "/proc/none/audit.db"),
              0);
    assert_false(sbx_test_exists(page));
    check_reports(place, "unrecorded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),      sbx_unit_test(test_hostile_tasks),
        sbx_unit_test(test_retries),       sbx_unit_test(test_resumed),
        sbx_unit_test(test_thousands),     sbx_unit_test(test_not_writable),
        sbx_unit_test(test_without_audit),
    };

    if (access("/usr/bin/xmllint", X_OK) != 0 || access("/usr/bin/python3", X_OK) != 0 ||
        access("/usr/bin/perl", X_OK) != 0)
        sbx_test_skip_file("xmllint, python3 and perl are needed (scripts/setup-deps.sh --test)");
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
