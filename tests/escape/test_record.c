/* Ways for a program to stay out of the record, or to learn from how it is made. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static void check_started(const sbx_test_place *place, const char *script, const char *argument)
{
    sbx_test_outcome outcome;
    bool found = false;
    json_t *rows, *row;
    size_t i;

    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST("/bin/bash", "-c", script, "bash", place->probe));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    json_array_foreach(rows, i, row)
    {
        char *argv = json_dumps(json_object_get(row, "argv"), JSON_ENCODE_ANY);

        found = found ||
                (argv != NULL && strstr(argv, argument) != NULL && strstr(argv, "bash") == NULL);
        free(argv);
    }
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
    if (!found)
        fail_msg("no row for what this started: %s", script);
}

/* Names that mean one file inside and another, or none, to who looks from outside. */
static void test_every_program_is_recorded(void **state)
{
    static const char *const scripts[] = {
        "cp $1 /tmp/p; /tmp/p ping mark-plain || :",
        "cp $1 /tmp/p; //tmp/p ping mark-slashes || :",
        "cp $1 /tmp/p; /./tmp/../tmp//p ping mark-dots || :",
        "cp $1 /tmp/p; ln -s /tmp/p /tmp/l; /tmp/l ping mark-link || :",
        "cp $1 /tmp/p; ln -s /tmp /tmp/d; /tmp/d/d/p ping mark-directory || :",
        "cp $1 /tmp/p; exec 9</tmp/p; /proc/self/fd/9 ping mark-descriptor || :",
        "cp $1 /tmp/p; exec 9</tmp/p; /proc/./self/fd/9 ping mark-odd-descriptor || :",
        "cp $1 /tmp/p; exec 9</tmp/p; ln -s /proc/self /tmp/s; /tmp/s/fd/9 ping mark-self || :",
        "cp $1 /tmp/p; cd /tmp; /proc/$$/cwd/p ping mark-pid || :",
        "cp $1 /tmp/p; cd /tmp; ./p ping mark-relative || :",
        "cp $1 /tmp/p; (/tmp/p sleep 0.2 mark-gone & sleep 0.1; rm /tmp/p; wait) || :",
    };

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
        check_started(*state, scripts[i], "mark-");
}

/* What was looked for along PATH and is not there is no program. */
static void test_missing_programs_are_not(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *rows;

    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST("/bin/sh", "-c",
                           "/nonexistent/x; /tmp/none; /usr/none/a/b; PATH=/none:/tmp:/bin true"));
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/*
 * A refused connect says nothing about the file. sbx may look where the command may not, and the answer is the
 * command's only way to hear of it.
 */
static void test_connect_is_no_oracle(void **state)
{
    const sbx_test_place *place = *state;
    const char *closed = sbx_test_path(place->outside, "closed");
    const char *const *const options[] = {NULL, SBX_LIST("--no-watch")};
    char shared[] = "/tmp/sbx-oracle-XXXXXX";
    int fd = mkstemp(shared);

    assert_true(fd >= 0);
    close(fd);
    sbx_test_mkdir(closed);
    sbx_test_write(sbx_test_path(closed, "there"), "x");
    assert_int_equal(chmod(closed, 0), 0);
    for (size_t i = 0; i < 2; i++) {
        const char *const paths[] = {sbx_test_path(closed, "there"),
                                     sbx_test_path(closed, "none"),
                                     sbx_test_text("/%s", shared),
                                     "//tmp/none",
                                     "/etc/passwd",
                                     "/etc/none"};

        for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
            assert_int_equal(
                sbx_test_probe_inside(place, options[i], SBX_LIST("connect-unix", paths[k])),
                SBX_PROBE_DENIED);
    }
    assert_int_equal(chmod(closed, 0755), 0);
    (void)unlink(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_every_program_is_recorded),
        sbx_unit_test(test_missing_programs_are_not),
        sbx_unit_test(test_connect_is_no_oracle),
    };

    return cmocka_run_group_tests_name("escape: record", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
