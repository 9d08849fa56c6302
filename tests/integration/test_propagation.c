/*
 * Mounts do not travel: where the host's mounts are shared, as systemd makes them, nothing that is mounted
 * for a run appears on the host. Root only: a user's namespaces are slaves from the start.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static size_t count_mounts(void)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    size_t count = 0;
    int byte;

    assert_non_null(file);
    while ((byte = fgetc(file)) != EOF)
        count += byte == '\n';
    fclose(file);
    return count;
}

/* A root with protected names, made and not made, in a mount that has peers. */
static void test_nothing_appears_outside(void **state)
{
    const sbx_test_place *place = *state;
    const char *shared = sbx_test_path(place->base, "shared");
    const char *root = sbx_test_path(shared, "root");
    sbx_test_request request = {
        .as_is = true,
        .command = SBX_LIST(sbx_test_binary(), "exec", "--audit-db", place->database, "--write",
                            root, "--deny", sbx_test_path(root, "secret"), "--", "/bin/sh", "-c",
                            "ls -a . >/dev/null; cat /proc/self/mountinfo"),
        .cwd = root};
    sbx_test_outcome outcome;
    size_t before;

    assert_int_equal(mkdir(shared, 0755), 0);
    /* Not a tmpfs: before Linux 6.3 it cannot be id-mapped, and is refused as a root. */
    assert_int_equal(mount(shared, shared, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, shared, NULL, MS_SHARED, NULL), 0);
    assert_int_equal(mkdir(root, 0755), 0);
    assert_int_equal(mkdir(sbx_test_path(root, ".git"), 0755), 0);
    assert_int_equal(mkdir(sbx_test_path(root, "secret"), 0755), 0);
    before = count_mounts();
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(
        strstr(outcome.out, "/root/.git")); /* the positive control: inside it is mounted */
    assert_int_equal(count_mounts(), before);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(umount2(shared, MNT_DETACH), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_nothing_appears_outside),
    };

    if (geteuid() != 0) {
        print_message("only root shares mounts with the host\n");
        return 0;
    }
    /* A mount namespace of our own stands for the host. */
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        sbx_test_skip_file("no mount namespace of our own");
    return cmocka_run_group_tests_name("propagation", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
