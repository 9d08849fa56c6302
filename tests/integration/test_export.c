/* `sbx audit export`: the file that it writes, what it refuses, and that formats tell the same. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static void make_rows(const sbx_test_place *place)
{
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--label", "suite=export"),
                  SBX_LIST("/bin/sh", "-c", sbx_test_text("echo x > '%s/no'", place->outside)));
    sbx_test_outcome_done(&outcome);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* The JSON lines are the rows of `audit ls --jsonl`, byte for byte. */
static void test_jsonl_is_what_ls_says(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome listed, exported;

    make_rows(place);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "ls", "--jsonl"));
    sbx_test_sbx(&exported, place, SBX_LIST("audit", "export"));
    assert_int_equal(exported.exit_code, 0);
    assert_true(count_lines(exported.out) >= 1);
    assert_string_equal(exported.out, listed.out);
    sbx_test_outcome_done(&listed);
    sbx_test_outcome_done(&exported);
}

static void test_file_is_whole_and_private(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_path(place->base, "out.csv");
    sbx_test_outcome outcome;
    struct stat found;

    make_rows(place);
    sbx_test_write(path, "old");
    sbx_test_sbx(&outcome, place,
                 SBX_LIST("audit", "export", "--what", "denials", "--format", "csv", "-o", path));
    assert_int_equal(outcome.exit_code, 0);
    assert_int_equal(outcome.out_bytes, 0);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_true(found.st_size > 10);
    sbx_test_outcome_done(&outcome);
}

/* Where it fails, what was there stays, and nothing is left beside it. */
static void test_failure_leaves_the_old_file(void **state)
{
    const sbx_test_place *place = *state;
    const char *folder = sbx_test_path(place->base, "folder");
    const char *path = sbx_test_path(folder, "out");
    sbx_test_outcome outcome;

    make_rows(place);
    sbx_test_mkdir(folder);
    sbx_test_write(path, "old");
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "export", "-o", path, "01ZZZZ"));
    assert_int_equal(outcome.exit_code, 1);
    assert_true(sbx_test_holds(path, "old"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* empty */
    sbx_test_outcome_done(&outcome);
}

static void test_refusals(void **state)
{
    const sbx_test_place *place = *state;
    static const struct {
        const char *option, *value, *says;
        int exit_code;
    } wrong[] = {
        {"-o", "/dev/null", "not a regular file", 1},
        {"-o", "/nonexistent/x", "no directory", 1},
        {"-o", "", "not the name of a file", 1},
        {"--format", "xml", "otlp-json", 2},
        {"--what", "files", "denials", 2},
        {"--db", "/nonexistent/a.db", "/nonexistent/a.db", 1},
    };
    sbx_test_outcome outcome;

    make_rows(place);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sbx_test_sbx(&outcome, place, SBX_LIST("audit", "export", wrong[i].option, wrong[i].value));
        if (outcome.exit_code != wrong[i].exit_code || strstr(outcome.err, wrong[i].says) == NULL)
            fail_msg("%s %s: exit %d, %s", wrong[i].option, wrong[i].value, outcome.exit_code,
                     outcome.err);
        sbx_test_outcome_done(&outcome);
    }
}

/* Every format writes every kind of row, and each line that is to be JSON is. */
static void test_all_formats(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const formats[] = {"jsonl", "csv", "ocsf", "ecs", "otlp-json"};
    static const char *const whats[] = {"runs", "denials", "processes"};
    sbx_test_outcome outcome;

    make_rows(place);
    for (size_t i = 0; i < 15; i++) {
        const char *format = formats[i / 3];
        json_t *first;

        sbx_test_sbx(
            &outcome, place,
            SBX_LIST("audit", "export", "--format", format, "--what", whats[i % 3], "latest"));
        assert_int_equal(outcome.exit_code, 0);
        if (count_lines(outcome.out) < (strcmp(format, "csv") == 0 ? 2 : 1))
            fail_msg("%s of %s: \"%s\"", format, whats[i % 3], outcome.out);
        if (strcmp(format, "csv") != 0) {
            first = json_loadb(outcome.out, strcspn(outcome.out, "\n"), 0, NULL);
            assert_non_null(first);
            json_decref(first);
        }
        sbx_test_outcome_done(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_jsonl_is_what_ls_says),
        sbx_unit_test(test_file_is_whole_and_private),
        sbx_unit_test(test_failure_leaves_the_old_file),
        sbx_unit_test(test_refusals),
        sbx_unit_test(test_all_formats),
    };

    return cmocka_run_group_tests_name("export", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
