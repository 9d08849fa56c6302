/* What an error looks like on stderr: the message, the system's words, the fix as a hint. */
#include <errno.h>

#include "harness/cli/message.h"
#include "tests/support/test.h"

static void expect_lines(const char *what, const sbx_error *error, const char *golden)
{
    sbx_text text = {0};

    sbx_message_format(&text, what, error);
    assert_string_equal(sbx_text_string(&text), golden);
    sbx_text_done(&text);
}

static void test_plain(void **state)
{
    sbx_error err = {0};

    (void)state;
    (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_OPTIONS, "--mem: \"2Q\" is not a size");
    expect_lines(NULL, &err, "sbx: --mem: \"2Q\" is not a size\n");
    expect_lines("exec", &err, "sbx: exec: --mem: \"2Q\" is not a size\n");
}

static void test_fix_becomes_hint(void **state)
{
    sbx_error err = {0};

    (void)state;
    (void)sbx_fail_plain(&err, SBX_REFUSED, SBX_STEP_JOB, "no memory cgroup — mount one");
    expect_lines(NULL, &err, "sbx: no memory cgroup\nhint: mount one\n");
    /* A dash in what is quoted is not the last one. */
    (void)sbx_fail_plain(&err, SBX_REFUSED, SBX_STEP_JOB, "a — b — do c");
    expect_lines(NULL, &err, "sbx: a — b\nhint: do c\n");
}

/* The system's words stand behind everything in the message, and belong to its first part. */
static void test_system_text(void **state)
{
    sbx_error err = {0};

    (void)state;
    (void)sbx_fail_errno(&err, SBX_IO, SBX_STEP_JOB, ENOENT, "open /x — make it");
    expect_lines(NULL, &err, "sbx: open /x: No such file or directory\nhint: make it\n");
    (void)sbx_fail_errno(&err, SBX_IO, SBX_STEP_JOB, EACCES, "open /x");
    expect_lines(NULL, &err, "sbx: open /x: Permission denied\n");
}

static void test_usual_hints(void **state)
{
    sbx_error err = {0};

    (void)state;
    (void)sbx_fail_plain(&err, SBX_BUSY, SBX_STEP_AUDIT, "database is locked");
    expect_lines(
        NULL, &err,
        "sbx: database is locked\nhint: another process holds the database; try again, or use "
        "a database of your own with --audit-db\n");
    (void)sbx_fail_plain(&err, SBX_BUSY, SBX_STEP_AUDIT, "locked — wait");
    expect_lines(NULL, &err, "sbx: locked\nhint: wait\n");
    (void)sbx_fail_plain(&err, SBX_REFUSED, SBX_STEP_LANDLOCK, "no Landlock");
    expect_lines(NULL, &err,
                 "sbx: no Landlock\nhint: `sbx doctor` says what this host can enforce; "
                 "--allow-degraded runs without what is missing and records that\n");
    (void)sbx_fail_plain(&err, SBX_INTERNAL, SBX_STEP_AUDIT, "x");
    expect_lines(NULL, &err, "sbx: x\n");
}

/* Two lines stay two lines, whatever a path holds. */
static void test_escaped(void **state)
{
    sbx_error err = {0};

    (void)state;
    (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_PLAN, "%s", "a\n\033[31m\xff — b\r");
    expect_lines(NULL, &err, "sbx: a\\x0a\\x1b[31m\\xff\nhint: b\\x0d\n");
}

static void test_empty(void **state)
{
    sbx_error err = {.status = SBX_NO_MEMORY};

    (void)state;
    expect_lines(NULL, &err, "sbx: no_memory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),       cmocka_unit_test(test_fix_becomes_hint),
        cmocka_unit_test(test_system_text), cmocka_unit_test(test_usual_hints),
        cmocka_unit_test(test_escaped),     cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
