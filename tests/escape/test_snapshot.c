/*
 * A snapshot of a btrfs subvolume is a copy of a tree without its mounts: what is covered there, a secret for one, would lie open
 * in it. Root only, in a mount namespace of our own, with a file system in a file; where the kernel or the host has no
 * btrfs there is nothing to get out by.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static bool make_file_system(const sbx_test_place *place, const char *at)
{
    static const char words[] =
        "grep -qw btrfs /proc/filesystems && truncate -s 128M $0/image && mkfs.btrfs -q $0/image && "
        "mkdir $1 && mount -o loop $0/image $1 && btrfs -q subvolume create $1/home";
    const sbx_test_request request = {.as_is = true,
                                      .command = SBX_LIST("/bin/sh", "-c", words, place->base, at)};
    sbx_test_outcome outcome;
    bool is_made;

    sbx_test_run(&outcome, place, &request);
    is_made = outcome.exit_code == 0;
    sbx_test_outcome_done(&outcome);
    return is_made;
}

static void test_subvolume(void **state)
{
    const sbx_test_place *place = *state;
    const char *at = sbx_test_path(place->base, "mounted");
    const char *home = sbx_test_path(at, "home"), *root = sbx_test_path(home, "root");
    sbx_test_escape escape = {
        .attempt = SBX_LIST("snapshot", home, root),
        .options = SBX_LIST("--identity", "self", "--write", root, "--deny",
                            sbx_test_path(home, "secret")),
        .record_op = "call",
        .record_target = "ioctl",
    };

    if (!make_file_system(place, at)) {
        print_message("no btrfs here\n");
        return;
    }
    assert_int_equal(mkdir(root, 0755), 0);
    assert_int_equal(mkdir(sbx_test_path(home, "secret"), 0755), 0);
    sbx_test_try_escape(place, &escape);
    escape.options = SBX_LIST("--identity", "self", "--write", root, "--no-watch");
    escape.record_op = NULL;
    escape.attempt = SBX_LIST("snapshot", home, root, "again");
    sbx_test_try_escape(place, &escape);
    assert_int_equal(umount2(at, MNT_DETACH), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_subvolume),
    };

    if (geteuid() != 0) {
        print_message("only root mounts a file system\n");
        return 0;
    }
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        sbx_test_skip_file("no mount namespace of our own");
    return cmocka_run_group_tests_name("escape: snapshot", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
