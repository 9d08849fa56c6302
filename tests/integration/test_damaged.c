/* A damaged audit database under `sbx exec` and `sbx batch run`: it is set aside by name, and the run goes on. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/error.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

/* A database with a run, of which the schema is gone. */
static void damage(const sbx_test_place *place)
{
    static const char zeros[4096 - 100];
    sbx_test_outcome outcome;
    int fd;

    (void)unlink(place->database);
    (void)unlink(sbx_test_text("%s-wal", place->database));
    (void)unlink(sbx_test_text("%s-shm", place->database));
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/true"));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(truncate(sbx_test_text("%s-wal", place->database), 0), 0);
    fd = open(place->database, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 100), sizeof(zeros));
    close(fd);
}

static size_t count_set_aside(const sbx_test_place *place)
{
    DIR *opened = opendir(sbx_test_path(place->base, "state"));
    struct dirent *each;
    size_t count = 0;

    assert_non_null(opened);
    while ((each = readdir(opened)) != NULL)
        count += strstr(each->d_name, ".corrupt-") != NULL &&
                 strstr(each->d_name, "-wal") == NULL && strstr(each->d_name, "-shm") == NULL;
    closedir(opened);
    return count;
}

static void expect_runs(const sbx_test_place *place, size_t count)
{
    json_t *runs = sbx_test_audit_runs(place);

    assert_int_equal(json_array_size(runs), count);
    json_decref(runs);
}

static void the_run_goes_on(void **state)
{
    const sbx_test_place *place = *state;
    size_t before = count_set_aside(place);
    sbx_test_outcome outcome;

    damage(place);
    sbx_test_exec(&outcome, place, SBX_LIST("--quiet"),
                  SBX_LIST("/bin/sh", "-c", "echo x >done; exit 4"));
    sbx_test_expect(&outcome, 4, "nonzero", NULL);
    assert_non_null(strstr(outcome.err, ".corrupt-"));
    assert_true(sbx_test_holds(sbx_test_path(place->root, "done"), "x\n"));
    assert_int_equal(count_set_aside(place), before + 1);
    sbx_test_outcome_done(&outcome);
    expect_runs(place, 1);
    sbx_test_verify(place);
    sbx_test_sbx(&outcome, place,
                 SBX_LIST("audit", "sql", "--format", "csv",
                          "SELECT body->>'set_aside' FROM event WHERE kind = 'db.create'"));
    assert_non_null(strstr(outcome.out, ".corrupt-"));
    sbx_test_outcome_done(&outcome);
}

/* Neither the new one nor the old one under its new name can be read by the command whose run found the damage. */
static void out_of_the_commands_reach(void **state)
{
    static const char script[] =
        "cd \"$1\"; for f in audit.db audit.db-wal audit.db-shm *.corrupt-*; do "
        "if cat \"$f\" >/dev/null 2>&1; then echo \"read $f\"; fi; "
        "if (echo >>\"$f\") 2>/dev/null; then echo \"wrote $f\"; fi; done; exit 0";
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    damage(place);
    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST("/bin/sh", "-c", script, "sh", sbx_test_path(place->base, "state")));
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.err, ".corrupt-"));
    if (outcome.out_bytes > 0)
        fail_msg("%s", outcome.out);
    sbx_test_outcome_done(&outcome);
}

static void many_at_once(void **state)
{
    enum { RUNS = 8 };
    const sbx_test_place *place = *state;
    size_t before = count_set_aside(place);
    sbx_test_child children[RUNS];
    int runs = sbx_test_at_once(RUNS);

    damage(place);
    for (int i = 0; i < runs; i++)
        sbx_test_start(&children[i], place,
                       &(sbx_test_request){.command = SBX_LIST("/bin/sleep", "0.2")});
    for (int i = 0; i < runs; i++) {
        sbx_test_outcome outcome;

        sbx_test_finish(&outcome, &children[i], 60000);
        if (outcome.exit_code != 0)
            fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
        sbx_test_outcome_done(&outcome);
    }
    assert_int_equal(count_set_aside(place), before + 1);
    expect_runs(place, (size_t)runs);
    sbx_test_verify(place);
}

static void a_batch(void **state)
{
    const sbx_test_place *place = *state;
    const char *manifest = sbx_test_path(place->root, "commands");
    size_t before = count_set_aside(place);
    sbx_test_outcome outcome;

    damage(place);
    sbx_test_write(manifest, "true\ntrue\ntrue\ntrue\n");
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "--lines", manifest));
    if (outcome.exit_code != 0 || strstr(outcome.err, ".corrupt-") == NULL)
        fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(count_set_aside(place), before + 1);
    expect_runs(place, 4);
}

/* A refusal is recorded in the new one; somebody else's file is left as it is, and nothing is run. */
static void refusals(void **state)
{
    const sbx_test_place *place = *state;
    const char *notes = sbx_test_path(place->base, "notes");
    sbx_test_outcome outcome;

    damage(place);
    sbx_test_exec(&outcome, place, SBX_LIST("--write", "/nowhere"), SBX_LIST("/bin/true"));
    assert_int_equal(outcome.exit_code, 125);
    sbx_test_outcome_done(&outcome);
    expect_runs(place, 1);

    sbx_test_write(notes, "mine");
    sbx_test_run(
        &outcome, place,
        &(sbx_test_request){.database = notes, .command = SBX_LIST("/bin/sh", "-c", "echo >ran")});
    sbx_test_expect(&outcome, 125, "error", "audit");
    assert_true(sbx_test_holds(notes, "mine"));
    assert_false(sbx_test_exists(sbx_test_path(place->root, "ran")));
    sbx_test_outcome_done(&outcome);
}

/* Those who only look change nothing. */
static void readers(void **state)
{
    const sbx_test_place *place = *state;
    size_t before = count_set_aside(place);
    sbx_test_outcome outcome;

    damage(place);
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "ls"));
    assert_int_equal(outcome.exit_code, 1);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(count_set_aside(place), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sbx_test_ping),
        sbx_unit_test(the_run_goes_on),
        sbx_unit_test(out_of_the_commands_reach),
        sbx_unit_test(many_at_once),
        sbx_unit_test(a_batch),
        sbx_unit_test(refusals),
        sbx_unit_test(readers),
    };

    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
