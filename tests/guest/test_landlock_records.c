/*
 * The kernel's own records of what Landlock denied, from a kernel that makes them (Linux 6.15) while its audit is
 * on. That is the whole machine's switch: hence in a guest, and serially. Another kernel has nothing to show.
 * ctest: serial (turns the kernel's audit on)
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { RULESET_VERSION = 1, ABI_WITH_RECORDS = 7 };

static void switch_audit(const sbx_test_place *place, const char *to)
{
    sbx_test_request request = {.as_is = true, .command = SBX_LIST("/usr/sbin/auditctl", "-e", to)};
    sbx_test_outcome outcome;

    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
}

static int setup(void **state)
{
    int code = sbx_test_place_setup(state);

    if (code == 0)
        switch_audit(*state, "1");
    return code;
}

static int teardown(void **state)
{
    switch_audit(*state, "0");
    return sbx_test_place_teardown(state);
}

static void test_doctor_says_so(void **state)
{
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, *state, SBX_LIST("doctor"));
    if (strstr(outcome.out, "kernel audit is on and readable") == NULL)
        fail_msg("%s", outcome.out);
    sbx_test_outcome_done(&outcome);
}

/* Root without the right to mount, and no user namespaces: Landlock is the wall that says no. */
static void test_a_denial_is_recorded(void **state)
{
    static const char script[] =
        "limit=/proc/sys/user/max_user_namespaces; was=$(cat $limit); echo 0 >$limit;"
        "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \"$@\"; code=$?;"
        "echo \"$was\" >$limit; exit $code";
    const sbx_test_place *place = *state;
    const char *fresh = sbx_test_path(place->outside, "fresh");
    sbx_test_request request = {.as_is = true,
                                .command = SBX_LIST("/bin/sh", "-c", script, "sh",
                                                    sbx_test_binary(), "exec", "--allow-degraded",
                                                    "--audit-db", place->database, "--write",
                                                    place->root, "--", "/bin/mkdir", fresh)};
    sbx_test_outcome outcome;
    json_t *rows, *run, *denials;
    const char *id;
    size_t heard = 0;

    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 1);
    assert_false(sbx_test_exists(fresh));
    rows = sbx_test_audit_runs(place);
    assert_int_equal(json_array_size(rows), 1);
    run = json_array_get(rows, 0);
    id = json_string_value(json_object_get(run, "run_id"));
    assert_string_equal(json_string_value(json_object_get(run, "audit_sources")),
                        "seccomp,landlock");
    denials = sbx_test_audit_denials(place, id);
    for (size_t i = 0; i < json_array_size(denials); i++) {
        const json_t *row = json_array_get(denials, i);

        if (strcmp(json_string_value(json_object_get(row, "source")), "landlock") != 0)
            continue;
        heard++; /* the kernel names the directory that it was to be made in */
        assert_string_equal(json_string_value(json_object_get(row, "target")), place->outside);
        assert_string_equal(json_string_value(json_object_get(row, "confidence")), "kernel");
    }
    assert_int_equal(heard, 1);
    json_decref(denials);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_doctor_says_so),
        sbx_unit_test(test_a_denial_is_recorded),
    };

    if (!sbx_test_is_root() ||
        syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION) < ABI_WITH_RECORDS) {
        print_message(
            "only root hears a kernel's records, and only one of 6.15 or later has them\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
