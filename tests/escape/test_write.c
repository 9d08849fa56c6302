/* Every way to change a file, tried on one beside the writable root. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

#define ANY_WRITE "write|create"
#define SYSTEM_FILE "/etc/sbx-escape-test"

/* outside/victim, outside/directory, and an empty root. */
static void prepare(const sbx_test_place *place)
{
    sbx_test_remove_tree(place->outside);
    sbx_test_remove_tree(place->root);
    sbx_test_mkdir(place->outside);
    sbx_test_mkdir(place->root);
    sbx_test_mkdir(sbx_test_path(place->outside, "directory"));
    sbx_test_write(sbx_test_path(place->outside, "victim"), "original");
}

static void check_untouched(const sbx_test_place *place)
{
    struct stat info;

    assert_true(sbx_test_holds(sbx_test_path(place->outside, "victim"), "original"));
    assert_int_equal(stat(sbx_test_path(place->outside, "victim"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(info.st_nlink, 1);
    assert_false(sbx_test_exists(sbx_test_path(place->outside, "new")));
    assert_true(sbx_test_exists(sbx_test_path(place->outside, "directory")));
}

static void attempt_flags(const sbx_test_place *place, unsigned flags, const char *op,
                          const char *target, const char *const *words)
{
    sbx_test_escape escape = {.attempt = words,
                              .flags = flags,
                              .prepare = prepare,
                              .record_op = op,
                              .record_target = target};

    sbx_test_try_escape(place, &escape);
    check_untouched(place);
}

#define ATTEMPT(op, target, ...) attempt_flags(place, 0, op, target, SBX_LIST(__VA_ARGS__))

static const char *victim(const sbx_test_place *place)
{
    return sbx_test_path(place->outside, "victim");
}

static const char *fresh(const sbx_test_place *place)
{
    return sbx_test_path(place->outside, "new");
}

static void test_opens(void **state)
{
    const sbx_test_place *place = *state;

    ATTEMPT(ANY_WRITE, victim(place), "write-file", victim(place));
    ATTEMPT(ANY_WRITE, victim(place), "read-write-file", victim(place));
    ATTEMPT(ANY_WRITE, victim(place), "append", victim(place));
    ATTEMPT(NULL, NULL, "openat2-write", victim(place)); /* is not there at all */
    ATTEMPT(ANY_WRITE, victim(place), "write-at", victim(place));
    ATTEMPT(ANY_WRITE, victim(place), "open-truncating", victim(place));
    ATTEMPT(ANY_WRITE, fresh(place), "create-file", fresh(place));
    ATTEMPT(ANY_WRITE, place->outside, "open-tmpfile", place->outside);
}

static void test_changes(void **state)
{
    const sbx_test_place *place = *state;
    const char *directory = sbx_test_path(place->outside, "directory");

    ATTEMPT("write", victim(place), "truncate", victim(place));
    ATTEMPT("remove", victim(place), "unlink", victim(place));
    ATTEMPT("remove", directory, "rmdir", sbx_test_path(place->outside, "directory"));
    ATTEMPT("create", fresh(place), "mkdir", fresh(place));
    ATTEMPT("create", fresh(place), "symlink", "victim", fresh(place));
    ATTEMPT("create", fresh(place), "mknod-fifo", fresh(place));
    ATTEMPT("chmod", victim(place), "chmod", victim(place));
    ATTEMPT(NULL, NULL, "fchmod", victim(place));
    ATTEMPT("chown", victim(place), "chown", victim(place));
    ATTEMPT("utime", victim(place), "utimens", victim(place));
    attempt_flags(place, SBX_ESCAPE_MAY_LACK, "setxattr", victim(place),
                  SBX_LIST("setxattr", victim(place)));
}

/* Both directions: taking a file in, putting one out. */
static void test_renames_and_links(void **state)
{
    const sbx_test_place *place = *state;
    const char *inside = sbx_test_path(place->root, "taken");

    ATTEMPT("rename", "victim", "rename", victim(place), inside);
    ATTEMPT("rename", "victim", "rename", victim(place), fresh(place));
    ATTEMPT("rename", "victim", "exchange", victim(place),
            sbx_test_path(place->outside, "directory"));
    ATTEMPT("link", "new", "link", victim(place), fresh(place));
    ATTEMPT("link", "victim", "link", victim(place), sbx_test_path(place->root, "taken"));
    ATTEMPT("link", "victim", "via-link", sbx_test_path(place->root, "taken"), victim(place));
}

static void prepare_inner(const sbx_test_place *place)
{
    prepare(place);
    sbx_test_write(sbx_test_path(place->root, "inner"), "mine");
}

static void test_putting_out(void **state)
{
    const sbx_test_place *place = *state;
    const char *inner = sbx_test_path(place->root, "inner");
    sbx_test_escape escape = {.prepare = prepare_inner};

    escape.attempt = SBX_LIST("rename", inner, victim(place));
    sbx_test_try_escape(place, &escape);
    check_untouched(place);
    escape.attempt = SBX_LIST("rename", inner, fresh(place));
    sbx_test_try_escape(place, &escape);
    check_untouched(place);
    escape.attempt = SBX_LIST("link", inner, fresh(place));
    sbx_test_try_escape(place, &escape);
    check_untouched(place);
}

/* Names of the same file. */
static void test_detours(void **state)
{
    const sbx_test_place *place = *state;

    ATTEMPT(ANY_WRITE, "victim", "write-file", sbx_test_path(place->root, "../outside/victim"));
    ATTEMPT(ANY_WRITE, "victim", "write-file", "../outside/victim");
    ATTEMPT(ANY_WRITE, "victim", "write-file", "/proc/self/cwd/../outside/victim");
    ATTEMPT(ANY_WRITE, "victim", "write-proc-root", victim(place));
    ATTEMPT(NULL, NULL, "write-proc-fd", victim(place));
    ATTEMPT(ANY_WRITE, NULL, "via-symlink", sbx_test_path(place->root, "link"), victim(place));
    ATTEMPT(ANY_WRITE, NULL, "via-symlink", sbx_test_path(place->root, "link"),
            "../outside/victim");
}

/* Symlinks that were there before the run, made by somebody who knew that it would come. */
static void prepare_links(const sbx_test_place *place)
{
    prepare(place);
    assert_int_equal(symlink(place->outside, sbx_test_path(place->root, "way")), 0);
    assert_int_equal(symlink(victim(place), sbx_test_path(place->root, "alias")), 0);
    assert_int_equal(symlink(fresh(place), sbx_test_path(place->root, "dangling")), 0);
}

static void test_prepared_symlinks(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.prepare = prepare_links, .record_op = ANY_WRITE};

    escape.attempt = SBX_LIST("write-file", sbx_test_path(place->root, "alias"));
    sbx_test_try_escape(place, &escape);
    check_untouched(place);
    escape.attempt = SBX_LIST("create-file", sbx_test_path(place->root, "way/new"));
    sbx_test_try_escape(place, &escape);
    check_untouched(place);
    escape.record_op = NULL;
    escape.attempt = SBX_LIST("write-big", sbx_test_path(place->root, "dangling"), "10");
    escape.flags = SBX_ESCAPE_INSIDE_ONLY | SBX_ESCAPE_HIDDEN;
    assert_int_not_equal(sbx_test_probe_inside(place, NULL, escape.attempt), SBX_PROBE_DID);
    check_untouched(place);
}

/* The init's view of the world is not a way out either. */
static void test_through_init(void **state)
{
    const sbx_test_place *place = *state;

    prepare(place);
    for (int pid = 1; pid <= 2; pid++) {
        const char *path = sbx_test_text("/proc/%d/root%s", pid, victim(place));

        assert_int_not_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("write-file", path)),
                             SBX_PROBE_DID);
        path = sbx_test_text("/proc/%d/cwd/../outside/victim", pid);
        assert_int_not_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("write-file", path)),
                             SBX_PROBE_DID);
    }
    check_untouched(place);
}

/* What the caller left open must not be open inside. */
static void test_inherited_descriptor(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.attempt = SBX_LIST("write-fd", "9"), .extra_fd = 9};
    sbx_test_escape by_directory = {.flags = SBX_ESCAPE_HIDDEN, .extra_fd = 9};
    int fd;

    prepare(place);
    fd = open(victim(place), O_WRONLY | O_APPEND);
    assert_int_equal(dup3(fd, 9, O_CLOEXEC), 9);
    sbx_test_try_escape(place, &escape);
    assert_true(sbx_test_holds(victim(place), "originalx")); /* the control's byte and no other */
    close(fd);

    prepare(place);
    fd = open(place->outside, O_RDONLY | O_DIRECTORY);
    assert_int_equal(dup3(fd, 9, O_CLOEXEC), 9);
    by_directory.attempt = SBX_LIST("write-file", "/proc/self/fd/9/victim");
    sbx_test_try_escape(place, &by_directory);
    close(fd);
    close(9);
}

/* The walls are not the watch: without it they hold as well, only nothing is recorded. */
static void test_without_the_watch(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.prepare = prepare, .options = SBX_LIST("--no-watch")};
    const char *const *const attempts[] = {
        SBX_LIST("write-file", victim(place)),
        SBX_LIST("create-file", fresh(place)),
        SBX_LIST("unlink", victim(place)),
        SBX_LIST("chmod", victim(place)),
        SBX_LIST("rename", victim(place), sbx_test_path(place->root, "taken")),
        SBX_LIST("link", victim(place), sbx_test_path(place->root, "taken")),
        SBX_LIST("write-proc-fd", victim(place)),
    };

    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        escape.attempt = attempts[i];
        sbx_test_try_escape(place, &escape);
        check_untouched(place);
    }
}

static void test_no_descriptor_is_left(void **state)
{
    const sbx_test_place *place = *state;

    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("fds")), SBX_PROBE_ABSENT);
    assert_int_equal(sbx_test_probe_inside(place, SBX_LIST("--output", "1M"), SBX_LIST("fds")),
                     SBX_PROBE_ABSENT);
}

/* stdin is the command's own, but its magic link must not widen what it was opened for. */
static void test_stdin_is_no_way_out(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const options[] = {NULL, SBX_LIST("--identity", "self"),
                                          SBX_LIST("--no-watch")};

    for (size_t i = 0; i < 3; i++) {
        sbx_test_escape escape = {.attempt = SBX_LIST("write-file", "/proc/self/fd/0"),
                                  .options = options[i]};
        int fd = -1;

        prepare(place);
        fd = open(victim(place), O_RDONLY | O_CLOEXEC);
        escape.stdin_fd = fd;
        sbx_test_try_escape(place, &escape);
        /* The control's byte went over the first one. */
        assert_true(sbx_test_holds(victim(place), "xriginal"));
        close(fd);
    }
}

/* A directory as a standard stream would be a door past every mount: it is refused. */
static void test_directory_as_stdin(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST};
    sbx_test_outcome outcome;
    int fd;

    prepare(place);
    request.command = SBX_LIST(place->probe, "create-file", "/proc/self/fd/0/new");
    fd = open(place->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    request.stdio[0] = fd;
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, "directory"));
    check_untouched(place);
    sbx_test_outcome_done(&outcome);
    close(fd);
}

/* Without --write nothing of the host can be written; the private places are private. */
static void test_default_policy(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const private_places[] = {"/tmp", "/var/tmp", "/dev/shm"};
    sbx_test_request request = {.without_roots = true, .options = SBX_LIST("--read", place->base)};
    sbx_test_outcome outcome;

    prepare(place);
    request.command = SBX_LIST(place->probe, "create-file", sbx_test_path(place->root, "new"));
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
    sbx_test_outcome_done(&outcome);
    for (size_t i = 0; i < 3; i++) {
        const char *path = sbx_test_text("%s/sbx-private-%d", private_places[i], (int)getpid());

        request.command = SBX_LIST(place->probe, "create-file", path);
        sbx_test_run(&outcome, place, &request);
        assert_int_equal(outcome.exit_code, SBX_PROBE_DID);
        sbx_test_outcome_done(&outcome);
        assert_false(sbx_test_exists(path));
    }
}

static void test_system_directories(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const paths[] = {SYSTEM_FILE,
                                        "/usr/bin/sbx-escape-test",
                                        "/sbx-escape-test",
                                        "/root/sbx-escape-test",
                                        "/dev/sbx-escape-test",
                                        "/run/sbx-escape-test"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int code = sbx_test_probe_inside(place, NULL, SBX_LIST("create-file", paths[i]));

        assert_int_equal(code, SBX_PROBE_DENIED);
        assert_false(sbx_test_exists(paths[i]));
    }
    assert_int_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("write-file", "/proc/sys/kernel/domainname")),
        SBX_PROBE_DENIED);
    /* Not every kernel has this one. */
    assert_int_not_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("write-file", "/proc/sysrq-trigger")),
        SBX_PROBE_DID);
}

/* The walls must not take what was given. */
static void test_inside_the_root_all_works(void **state)
{
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->root, "file");
    const char *other = sbx_test_path(place->root, "other");
    const char *const *const attempts[] = {
        SBX_LIST("create-file", file),   SBX_LIST("write-file", file),
        SBX_LIST("append", file),        SBX_LIST("truncate", file),
        SBX_LIST("chmod", file),         SBX_LIST("utimens", file),
        SBX_LIST("rename", file, other), SBX_LIST("link", other, file),
        SBX_LIST("unlink", other),       SBX_LIST("symlink", "x", other),
        SBX_LIST("unlink", other),       SBX_LIST("mkdir", other),
        SBX_LIST("rmdir", other),        SBX_LIST("mknod-fifo", other),
        SBX_LIST("write-proc-fd", file), SBX_LIST("open-tmpfile", place->root),
    };

    prepare(place);
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int code = sbx_test_probe_inside(place, NULL, attempts[i]);

        if (code != SBX_PROBE_DID)
            fail_msg("%s in the writable root: %d", attempts[i][0], code);
    }
    assert_true(sbx_test_exists(file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_opens),
        sbx_unit_test(test_changes),
        sbx_unit_test(test_renames_and_links),
        sbx_unit_test(test_putting_out),
        sbx_unit_test(test_detours),
        sbx_unit_test(test_prepared_symlinks),
        sbx_unit_test(test_through_init),
        sbx_unit_test(test_inherited_descriptor),
        sbx_unit_test(test_without_the_watch),
        sbx_unit_test(test_no_descriptor_is_left),
        sbx_unit_test(test_stdin_is_no_way_out),
        sbx_unit_test(test_directory_as_stdin),
        sbx_unit_test(test_default_policy),
        sbx_unit_test(test_system_directories),
        sbx_unit_test(test_inside_the_root_all_works),
    };

    return cmocka_run_group_tests_name("escape: write", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
