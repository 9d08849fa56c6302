/*
 * The audit database on a file system that fails: full, read-only, vanished under a run, or locked by somebody who does
 * not let go. Either nothing is started and it is said why (exit 125), or what was started ends as ever and it is said,
 * on stderr and in the result, that the record is not whole. Never a command without a start row, never a hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/ground.h"
#include "tests/support/test.h"
#include "tests/support/waiting.h"

static const char disk[] = SBX_TEST_GROUND "/disk";

static sbx_test_aftermath after;

/* A disk of that size, and in it the directory of a database. */
static void insert_disk(sbx_test_place *place, const char *options)
{
    assert_true(mkdir(disk, 0755) == 0 || errno == EEXIST);
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
    sbx_test_waiting_begin(&child, &place, &after);
    fill_disk();
    sbx_test_waiting_expect(&child, &place, &after, true);
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
    sbx_test_waiting_begin(&child, &place, &after);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
    sbx_test_waiting_expect(&child, &place, &after, true);

    insert_disk(&place, "size=4m,mode=0755");
    sbx_test_waiting_begin(&child, &place, &after);
    sbx_test_remove_tree("/mnt/disk/state");
    sbx_test_waiting_expect(&child, &place, &after, true);
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
    sbx_test_waiting_begin(&child, place, &after);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sbx_test_waiting_expect(&child, place, &after, true);
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

    sbx_test_ground_enter();
    return cmocka_run_group_tests_name("faults: database", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
