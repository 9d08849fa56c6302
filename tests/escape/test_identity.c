/* Who the command is, and whose files it makes. What needs root is only registered for root. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

typedef struct ids {
    unsigned uid, euid, suid, gid, egid, sgid;
    char groups[256];
} ids;

static void read_ids(ids *out, const sbx_test_place *place, const char *const *options)
{
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, options, SBX_LIST(place->probe, "uid"));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    memset(out, 0, sizeof(*out));
    assert_true(sscanf(outcome.out, "uid=%u euid=%u suid=%u gid=%u egid=%u sgid=%u groups=%255s",
                       &out->uid, &out->euid, &out->suid, &out->gid, &out->egid, &out->sgid,
                       out->groups) >= 6);
    sbx_test_outcome_done(&outcome);
}

static void test_root_becomes_nobodys_user(void **state)
{
    ids now;

    read_ids(&now, *state, SBX_NO_LIST);
    assert_int_not_equal(now.uid, 0);
    assert_int_equal(now.uid, now.euid);
    assert_int_equal(now.uid, now.suid);
    assert_int_not_equal(now.gid, 0);
    assert_int_equal(now.gid, now.egid);
    assert_int_equal(now.gid, now.sgid);
    assert_null(strstr(now.groups, "0,"));
    assert_string_not_equal(now.groups, "0");
}

static void test_root_stays_itself_when_asked(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *options = SBX_LIST("--identity", "self");
    ids now;

    read_ids(&now, place, options);
    assert_int_equal(now.uid, 0);
    assert_int_equal(now.euid, 0);
    assert_int_equal(sbx_test_probe_inside(place, options, SBX_LIST("caps")), SBX_PROBE_DENIED);
    assert_int_equal(
        sbx_test_probe_inside(place, options,
                              SBX_LIST("create-file", sbx_test_path(place->outside, "new"))),
        SBX_PROBE_DENIED);
    assert_int_equal(
        sbx_test_probe_inside(place, options, SBX_LIST("create-file", "/etc/sbx-escape-test")),
        SBX_PROBE_DENIED);
    assert_false(sbx_test_exists("/etc/sbx-escape-test"));
    /* Uid 0 owns the machine's groups and devices; ownership alone must not open them. */
    assert_int_equal(sbx_test_probe_inside(place, options,
                                           SBX_LIST("write-file", "/proc/sys/kernel/domainname")),
                     SBX_PROBE_DENIED);
}

static void check_owned_by_caller(const char *path)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        fail_msg("%s was not made", path);
    assert_int_equal(info.st_uid, getuid());
    assert_int_equal(info.st_gid, getgid());
}

/* The usual checkout of root's: nobody else may even look into it. */
static void test_files_belong_to_the_caller(void **state)
{
    const sbx_test_place *place = *state;
    const char *mine = sbx_test_path(place->root, "mine");
    const char *file = sbx_test_path(place->root, "file");
    const char *directory = sbx_test_path(place->root, "directory");
    const char *link = sbx_test_path(place->root, "link");

    assert_int_equal(chmod(place->root, 0700), 0);
    sbx_test_write(mine, "text");
    assert_int_equal(chmod(mine, 0600), 0);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("read-file", mine)),
                     SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("append", mine)), SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("chmod", mine)), SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("create-file", file)),
                     SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("mkdir", directory)),
                     SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("symlink", "x", link)),
                     SBX_PROBE_DID);
    check_owned_by_caller(mine);
    check_owned_by_caller(file);
    check_owned_by_caller(directory);
    check_owned_by_caller(link);
    assert_true(sbx_test_holds(mine, "textx"));
}

/* Inside, the same files look like the command's own: git and ssh ask. */
static void test_files_look_like_ones_own(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    ids now;

    sbx_test_write(sbx_test_path(place->root, "looked-at"), "text");
    read_ids(&now, place, SBX_NO_LIST);
    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST(place->probe, "stat", sbx_test_path(place->root, "looked-at")));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_non_null(strstr(outcome.out, sbx_test_text("uid=%u gid=%u ", now.uid, now.gid)));
    sbx_test_outcome_done(&outcome);
}

static int run_with_root_only(const sbx_test_place *place, const char *const *command)
{
    sbx_test_request request = {
        .without_roots = true, .options = SBX_LIST("--write", place->root), .command = command};
    sbx_test_outcome outcome;
    int code;

    sbx_test_run(&outcome, place, &request);
    print_message("%s%s", outcome.out, outcome.err);
    code = outcome.exit_code;
    sbx_test_outcome_done(&outcome);
    return code;
}

/* What only root may read stays unreadable where no root or --read covers it. */
static void test_roots_own_files(void **state)
{
    const sbx_test_place *place = *state;
    char directory[] = "/opt/sbx-test-XXXXXX";
    const char *secret;

    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    secret = sbx_test_path(directory, "secret");
    sbx_test_write(secret, "private");
    assert_int_equal(run_with_root_only(place, SBX_LIST("/bin/cat", secret)), 0);
    assert_int_equal(chmod(secret, 0600), 0);
    assert_int_equal(run_with_root_only(place, SBX_LIST("/bin/cat", secret)), 1);
    sbx_test_remove_tree(directory);
}

/*
 * A writable root below a directory that only root may enter (mktemp -d makes such): either the
 * command
 * gets to it by its whole name, or it is not started and told how it could.
 */
static void test_root_below_a_closed_directory(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");
    const char *const *command = SBX_LIST("/bin/sh", "-c", "echo x > \"$1\"", "sh", made);
    sbx_test_request request = {
        .without_roots = true, .options = SBX_LIST("--write", place->root), .command = command};
    sbx_test_outcome outcome;

    assert_int_equal(chmod(place->base, 0700), 0);
    sbx_test_run(&outcome, place, &request);
    if (outcome.exit_code == 125) {
        assert_non_null(strstr(outcome.err, sbx_test_text("--read %s", place->base)));
        assert_false(sbx_test_exists(made));
        sbx_test_outcome_done(&outcome);
        request.options = SBX_LIST("--write", place->root, "--read", place->base);
        sbx_test_run(&outcome, place, &request);
    }
    assert_int_equal(chmod(place->base, 0755), 0);
    sbx_test_expect(&outcome, 0, "ok", "");
    check_owned_by_caller(made);
    sbx_test_outcome_done(&outcome);
}

static void test_caller_stays_itself(void **state)
{
    ids now;

    read_ids(&now, *state, SBX_LIST("--identity", "self"));
    assert_int_equal(now.uid, getuid());
    assert_int_equal(now.gid, getgid());
}

/* Somebody without rights can't become another user: said, not done quietly. */
static void test_sandbox_identity_is_refused(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--identity", "sandbox"),
                  SBX_LIST(place->probe, "ping"));
    sbx_test_expect(&outcome, 125, "refused", NULL);
    assert_string_equal(outcome.out, "");
    assert_non_null(strstr(outcome.err, "identity"));
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest for_root[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_root_becomes_nobodys_user),
        sbx_unit_test(test_root_stays_itself_when_asked),
        sbx_unit_test(test_files_belong_to_the_caller),
        sbx_unit_test(test_files_look_like_ones_own),
        sbx_unit_test(test_roots_own_files),
        sbx_unit_test(test_root_below_a_closed_directory),
    };
    const struct CMUnitTest for_others[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_caller_stays_itself),
        sbx_unit_test(test_files_belong_to_the_caller),
        sbx_unit_test(test_files_look_like_ones_own),
        sbx_unit_test(test_sandbox_identity_is_refused),
    };

    if (sbx_test_is_root())
        return cmocka_run_group_tests_name("escape: identity (root)", for_root,
                                           sbx_test_place_setup, sbx_test_place_teardown);
    return cmocka_run_group_tests_name("escape: identity", for_others, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
