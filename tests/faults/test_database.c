/*
 * The audit database on a file system that fails: full, read-only, vanished under a run, or locked by somebody who does
 * not let go. Either nothing is started and it is said why (exit 125), or what was started ends as ever and it is said,
 * on stderr and in the result, that the record is not whole. Never a command without a start row, never a hang.
 *
 * In a mount namespace of its own (and, as a user, a user namespace): nobody else sees these file systems.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { READY_MS = 10000 };

/* Somewhere that every system has, and that is covered first: what is made there is on no disk of the host's. */
static const char ground[] = "/mnt", disk[] = "/mnt/disk";

static sbx_test_aftermath after;

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        sbx_test_skip_file("no user namespace may be mapped here");
    close(fd);
}

static void enter_namespace(void)
{
    unsigned uid = geteuid(), gid = getegid();

    if (unshare(CLONE_NEWNS | (uid != 0 ? CLONE_NEWUSER : 0)) != 0)
        sbx_test_skip_file("a mount namespace may not be made here");
    if (uid != 0) {
        write_text("/proc/self/setgroups", "deny");
        write_text("/proc/self/uid_map", sbx_test_text("%u %u 1", uid, uid));
        write_text("/proc/self/gid_map", sbx_test_text("%u %u 1", gid, gid));
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("ground", ground, "tmpfs", 0, "size=64k,mode=0755") != 0 || mkdir(disk, 0755) != 0)
        sbx_test_skip_file("nothing may be mounted here");
}

/* A disk of that size, and in it the directory of a database. */
static void insert_disk(sbx_test_place *place, const char *options)
{
    assert_int_equal(mount("disk", disk, "tmpfs", 0, options), 0);
    sbx_test_mkdir("/mnt/disk/state");
    snprintf(place->database, sizeof(place->database), "/mnt/disk/state/audit.db");
}

static void eject_disk(void)
{
    while (umount2(disk, MNT_DETACH) == 0)
        continue;
}

/* To the last byte. */
static void fill_disk(void)
{
    static const char zeros[4096];
    int fd = open("/mnt/disk/filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof(zeros)) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static const char *marker_of(const sbx_test_place *place)
{
    return sbx_test_path(place->root, "marker");
}

/* Refused before anything began, by a message about the database and with that word in it (NULL: any). */
static void expect_refused(const sbx_test_place *place, const char *word)
{
    const char *marker = marker_of(place);
    sbx_test_outcome outcome;
    json_t *error;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(place->probe, "create-file", marker));
    if (outcome.exit_code != 125 || sbx_test_exists(marker))
        fail_msg("exit %d, the command ran: %d; %s", outcome.exit_code, sbx_test_exists(marker),
                 outcome.err);
    if (strstr(outcome.err, "audit") == NULL || (word != NULL && strstr(outcome.err, word) == NULL))
        fail_msg("the message is not about that: %s", outcome.err);
    error = json_object_get(outcome.result, "error");
    assert_non_null(error);
    assert_string_equal(json_string_value(json_object_get(error, "step")), "audit");
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check_host(&after, place);
}

/* A run that has begun; it waits for `go` in its root, then is denied a lot, ends with 7. */
static void begin(sbx_test_child *child, const sbx_test_place *place)
{
    const char *go = sbx_test_path(place->root, "go");
    const char *script = sbx_test_text("echo begun; while [ ! -e %s ]; do sleep 0.05; done; "
                                       "%s deny-many %s 3000 200 > /dev/null; exit 7",
                                       go, place->probe, place->outside);
    sbx_test_request request = {.options = SBX_LIST("--wall", "30s"),
                                .command = SBX_LIST("/bin/sh", "-c", script)};

    (void)unlink(go);
    sbx_test_start(child, place, &request);
    sbx_test_aftermath_note(&after, child->pid);
    if (!sbx_test_wait_output(child, "begun", READY_MS))
        fail_msg("the command did not begin");
}

/* It ends by itself; is_told: and what is missing is said in both places. */
static void expect_ends(sbx_test_child *child, const sbx_test_place *place, bool is_told)
{
    sbx_test_outcome outcome;

    sbx_test_write(sbx_test_path(place->root, "go"), "");
    sbx_test_finish(&outcome, child, 2 * SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 7, "nonzero", NULL);
    if (is_told && (json_object_get(outcome.result, "audit_error") == NULL ||
                    strstr(outcome.err, "not fully recorded") == NULL))
        fail_msg("it is not said that the record is not whole: %s", outcome.err);
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check_host(&after, place);
}

static void test_full(void **state)
{
    sbx_test_place place = *(const sbx_test_place *)*state;

    insert_disk(&place, "size=1m,mode=0755");
    fill_disk();
    expect_refused(&place, NULL); /* there is no room to make it */
    assert_int_equal(unlink("/mnt/disk/filler"), 0);
    sbx_test_aftermath_check(&after, &place);
    eject_disk();
}

/* Full at the next start. A few rows may still find room in a page that is there: then they must be there afterwards. */
static void test_full_at_a_start(void **state)
{
    sbx_test_place place = *(const sbx_test_place *)*state;
    const char *marker = marker_of(&place);
    unsigned refused = 0;

    insert_disk(&place, "size=2m,mode=0755");
    sbx_test_aftermath_check(&after, &place);
    fill_disk();
    for (unsigned i = 0; i < 12 && refused < 2; i++) {
        size_t rows = sbx_test_count_status(&place, NULL);
        sbx_test_outcome outcome;

        sbx_test_exec(&outcome, &place, SBX_NO_LIST, SBX_LIST(place.probe, "create-file", marker));
        if (sbx_test_exists(marker))
            assert_int_equal(sbx_test_count_status(&place, NULL), rows + 1);
        else
            assert_int_equal(outcome.exit_code, 125);
        refused += outcome.exit_code == 125;
        sbx_test_outcome_done(&outcome);
        (void)unlink(marker);
    }
    assert_int_equal(refused, 2);
    assert_int_equal(unlink("/mnt/disk/filler"), 0);
    sbx_test_aftermath_check(&after, &place);
    eject_disk();
}

/* The start row was committed and stays; the end finds no room. */
static void test_full_under_a_run(void **state)
{
    sbx_test_place place = *(const sbx_test_place *)*state;
    sbx_test_child child;
    size_t rows;

    insert_disk(&place, "size=4m,mode=0755");
    begin(&child, &place);
    fill_disk();
    expect_ends(&child, &place, true);
    rows = sbx_test_count_status(&place, NULL);
    assert_int_equal(rows, 1);
    assert_int_equal(unlink("/mnt/disk/filler"), 0);
    sbx_test_aftermath_check(&after, &place);
    assert_int_equal(sbx_test_count_status(&place, "lost"), 1);
    eject_disk();
}

static void test_read_only(void **state)
{
    sbx_test_place place = *(const sbx_test_place *)*state;

    insert_disk(&place, "size=4m,mode=0755");
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    expect_refused(&place, "ead-only"); /* none is there */
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT, NULL), 0);
    sbx_test_aftermath_check(&after, &place);
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    expect_refused(&place, "ead"); /* one is there */
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT, NULL), 0);
    sbx_test_aftermath_check(&after, &place);
    eject_disk();
}

/* Taken out of the tree while it is open, or its directory removed: the row is where nobody finds it, and that is said. */
static void test_vanishes(void **state)
{
    sbx_test_place place = *(const sbx_test_place *)*state;
    sbx_test_child child;

    insert_disk(&place, "size=4m,mode=0755");
    begin(&child, &place);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
    expect_ends(&child, &place, true);

    insert_disk(&place, "size=4m,mode=0755");
    begin(&child, &place);
    sbx_test_remove_tree("/mnt/disk/state");
    expect_ends(&child, &place, true);
    sbx_test_aftermath_check(&after, &place); /* a new one is made */
    eject_disk();
}

/* Nobody can write for longer than sbx waits. */
static void test_locked(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_child child;
    sqlite3 *other = NULL;

    sbx_test_aftermath_check(&after, place);
    assert_int_equal(sqlite3_open_v2(place->database, &other, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    expect_refused(place, "lock");
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    begin(&child, place);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    expect_ends(&child, place, true);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    sbx_test_aftermath_check(&after, place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),        sbx_unit_test(test_full),
        sbx_unit_test(test_full_at_a_start), sbx_unit_test(test_full_under_a_run),
        sbx_unit_test(test_read_only),       sbx_unit_test(test_vanishes),
        sbx_unit_test(test_locked),
    };

    enter_namespace();
    return cmocka_run_group_tests_name("faults: database", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
