/*
 * What only a machine has that systemd runs on pure cgroup v2: its hands in the groups, units, sessions, user
 * managers. In the list of tests only where scripts/test-guest.sh runs them.
 */
#include <signal.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { PATH_BYTES = 1024 };

/* sh: "$@" is sbx exec with its options and the command. */
static void run_script(sbx_test_outcome *out, const sbx_test_place *place, const char *script,
                       const char *const *command)
{
    const char *argv[32] = {"/bin/sh",         "-c",        script,       "sh",
                            sbx_test_binary(), "exec",      "--audit-db", place->database,
                            "--read",          place->base, "--write",    place->root};
    sbx_test_request request = {.as_is = true, .command = argv};
    size_t count = 12;

    for (size_t i = 0; command[i] != NULL; i++)
        argv[count++] = command[i];
    sbx_test_run(out, place, &request);
    if (out->exit_code != 0)
        fail_msg("exit %d: %s%s", out->exit_code, out->out, out->err);
}

/* The group that the command said it was in: a line of /proc/self/cgroup. */
static void assert_group(const sbx_test_outcome *outcome, const char *first, const char *second)
{
    const char *at = strstr(outcome->out, first);

    if (at == NULL || strstr(at, second) == NULL)
        fail_msg("not in a group %s…%s: %s", first, second, outcome->out);
}

static void read_group_file(char out[PATH_BYTES], const char *group, const char *name)
{
    FILE *file = fopen(sbx_test_text("/sys/fs/cgroup%s/%s", group, name), "re");

    if (file == NULL)
        fail_msg("no %s in %s", name, group);
    out[0] = '\0';
    assert_non_null(fgets(out, PATH_BYTES, file));
    fclose(file);
}

static void group_of(char out[PATH_BYTES], int pid)
{
    FILE *file = fopen(sbx_test_text("/proc/%d/cgroup", pid), "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "0::%1000s", out), 1);
    fclose(file);
}

static void run_tool(const sbx_test_place *place, const char *const *command)
{
    sbx_test_request request = {.as_is = true, .command = command};
    sbx_test_outcome outcome;

    sbx_test_run(&outcome, place, &request);
    if (outcome.exit_code != 0)
        fail_msg("%s: exit %d: %s", command[0], outcome.exit_code, outcome.err);
    sbx_test_outcome_done(&outcome);
}

/* systemd takes `cpu` out of a slice when a unit comes or goes and none of its own needs it. */
static void test_limits_survive_the_manager(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = SBX_LIST("--cpus", "0.5", "--mem", "64M"),
        .command = SBX_LIST(place->probe, "clean-up", sbx_test_path(place->root, "cleaned"))};
    char group[PATH_BYTES], text[PATH_BYTES];
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    group_of(group, sbx_test_find_probe(place));
    read_group_file(text, group, "cpu.max");
    assert_string_equal(text, "50000 100000\n"); /* the control: there is something to lose */
    for (int i = 0; i < 3; i++)
        run_tool(place, SBX_LIST("/usr/bin/systemd-run", "--quiet", "--wait", "/bin/true"));
    run_tool(place, SBX_LIST("/usr/bin/systemctl", "daemon-reload"));
    read_group_file(text, group, "cpu.max");
    assert_string_equal(text, "50000 100000\n");
    read_group_file(text, group, "memory.max");
    assert_string_equal(text, "67108864\n");
    assert_int_equal(kill(child.pid, SIGTERM), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_outcome_done(&outcome);
    assert_false(sbx_test_exists(sbx_test_text("/sys/fs/cgroup%s", group)));
}

/* The unit's own group is its to use, and the job is below what the unit is limited to. */
static void test_a_unit_with_a_group_of_its_own(void **state)
{
    sbx_test_outcome outcome;

    run_script(&outcome, *state,
               "exec systemd-run --quiet --wait --collect --pipe -p Delegate=yes -- \"$@\"",
               SBX_LIST("--mem", "64M", "--cpus", "0.5", "--", "/bin/cat", "/proc/self/cgroup"));
    assert_group(&outcome, ".service/sbx-", "");
    sbx_test_outcome_done(&outcome);
    /* A user cannot enter root's home, where this sbx is. */
    run_script(&outcome, *state,
               "cp \"$1\" /var/tmp/sbx-unit && "
               "systemd-run --quiet --wait --collect --pipe -p Delegate=yes -p User=sbx-test -- "
               "/var/tmp/sbx-unit exec --audit-db /tmp/sbx-unit.db --mem 64M --cpus 0.5 -- "
               "/bin/cat /proc/self/cgroup; code=$?; rm -f /var/tmp/sbx-unit; exit $code",
               SBX_LIST("--", "/bin/true"));
    assert_group(&outcome, ".service/sbx-", "");
    sbx_test_outcome_done(&outcome);
}

/* The mount is the host's and shows the host's root where ours would be. */
static void test_a_cgroup_namespace_without_its_mount(void **state)
{
    sbx_test_outcome outcome;

    run_script(&outcome, *state, "exec unshare --cgroup \"$@\"",
               SBX_LIST("--mem", "64M", "--", "/bin/true"));
    sbx_test_outcome_done(&outcome);
}

/* As in a container: a cgroup namespace, its own mount, one process. */
static void test_a_cgroup_namespace_with_its_mount(void **state)
{
    sbx_test_outcome outcome;

    run_script(
        &outcome, *state,
        "exec systemd-run --quiet --wait --collect --pipe -p Delegate=yes -- "
        "/usr/bin/unshare --cgroup --mount /bin/sh -c "
        "'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"' sh \"$@\"",
        SBX_LIST("--mem", "64M", "--cpus", "0.5", "--", "/bin/cat", "/proc/self/cgroup"));
    assert_group(&outcome, "0::/sbx-", "");
    sbx_test_outcome_done(&outcome);
}

/* ---- a logged-in user ---- */

static void test_a_scope_from_the_user_manager(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "64M", "--cpus", "0.5", "--procs", "20"),
                  SBX_LIST("/bin/cat", "/proc/self/cgroup"));
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_group(&outcome, "/user@", ".scope/sbx-");
    sbx_test_outcome_done(&outcome);
}

static bool is_scope_gone(const char *group, unsigned timeout_ms)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms);

    while (sbx_test_exists(sbx_test_text("/sys/fs/cgroup%s", group))) {
        if (sbx_test_now_ms() > end)
            return false;
        sbx_test_pause_ms(20);
    }
    return true;
}

/* The manager takes the scope away, with what sbx could not. */
static void test_a_killed_sbx_leaves_no_scope(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = SBX_LIST("--mem", "64M"),
        .command = SBX_LIST(place->probe, "clean-up", sbx_test_path(place->root, "cleaned"))};
    char group[PATH_BYTES];
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    group_of(group, child.pid);
    assert_non_null(strstr(group, ".scope/supervisor"));
    *strstr(group, "/supervisor") = '\0';
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_outcome_done(&outcome);
    assert_true(sbx_test_wait_probes(place, 0, 5000));
    assert_true(is_scope_gone(group, 5000));
}

int main(void)
{
    const struct CMUnitTest as_root[] = {
        sbx_unit_test(test_limits_survive_the_manager),
        sbx_unit_test(test_a_unit_with_a_group_of_its_own),
        sbx_unit_test(test_a_cgroup_namespace_without_its_mount),
        sbx_unit_test(test_a_cgroup_namespace_with_its_mount),
    };
    const struct CMUnitTest logged_in[] = {
        sbx_unit_test(test_a_scope_from_the_user_manager),
        sbx_unit_test(test_a_killed_sbx_leaves_no_scope),
    };

    if (sbx_test_is_root())
        return cmocka_run_group_tests(as_root, sbx_test_place_setup, sbx_test_place_teardown);
    if (getenv("XDG_RUNTIME_DIR") == NULL)
        sbx_test_skip_file("nobody is logged in here");
    return cmocka_run_group_tests(logged_in, sbx_test_place_setup, sbx_test_place_teardown);
}
