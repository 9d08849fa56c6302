/* The record of a run: when its rows are there, what they hold, and what a database that can't be
 * written does to the run. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *word_of(const json_t *row, const char *key)
{
    const char *word = json_string_value(json_object_get(row, key));

    return word != NULL ? word : "";
}

static void test_row_while_running(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "ignore-term", "60", "a-word")};
    sbx_test_child child;
    sbx_test_outcome outcome;
    json_t *rows, *row;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    rows = sbx_test_audit_runs(place);
    row = json_array_get(rows, 0); /* newest first */
    assert_string_equal(word_of(row, "status"), "running");
    json_decref(rows);
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, 5000);
    sbx_test_outcome_done(&outcome);
}

/* The end row and the result JSON are the same story. */
static void test_end_row_is_the_result(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const words[] = {"status", "reason",  "enforcement", "audit_sources",
                                        "policy", "network", "identity"};
    static const char *const numbers[] = {"exit_code",    "wall_ns",           "user_ns",
                                          "system_ns",    "memory_peak_bytes", "leaked_procs",
                                          "denied_total", "started_us",        "ended_us"};
    sbx_test_outcome outcome;
    json_t *row;

    sbx_test_exec(&outcome, place,
                  SBX_LIST("--mem", "256M", "--label", "suite=audit", "--agent", "me"),
                  SBX_LIST(place->probe, "write-file", sbx_test_path(place->outside, "x")));
    row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(row);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word_of(row, words[i]), sbx_test_word(&outcome, words[i])) != 0)
            fail_msg("%s: the row says \"%s\", the result \"%s\"", words[i], word_of(row, words[i]),
                     sbx_test_word(&outcome, words[i]));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (json_integer_value(json_object_get(row, numbers[i])) !=
            sbx_test_number(&outcome, numbers[i]))
            fail_msg("%s: the row says %lld, the result %lld", numbers[i],
                     (long long)json_integer_value(json_object_get(row, numbers[i])),
                     (long long)sbx_test_number(&outcome, numbers[i]));
    json_decref(row);
    sbx_test_outcome_done(&outcome);
}

static size_t count_programs(const json_t *processes, const char *name)
{
    size_t i, count = 0;
    json_t *row;

    json_array_foreach(processes, i, row) if (strstr(word_of(row, "exe"), name) != NULL) count++;
    return count;
}

static void test_every_program_is_recorded(void **state)
{
    const sbx_test_place *place = *state;
    const char *script = sbx_test_text("/bin/true; (/bin/true & wait); '%s' fork-exec 5 /bin/true; "
                                       "'%s' exec-storm 3 >/dev/null; exec /bin/true",
                                       place->probe, place->probe);
    sbx_test_outcome outcome;
    json_t *rows;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/sh", "-c", script));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    assert_int_equal(count_programs(rows, "/bin/sh"), 1);
    assert_int_equal(count_programs(rows, "/bin/true"), 8);
    /* fork-exec, exec-storm, and three times itself again (as /proc/self/exe or by its path). */
    assert_int_equal(count_programs(rows, "probe") + count_programs(rows, "/proc/self/exe"), 5);
    assert_int_equal(json_array_size(rows), 14);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/* Through what is only the command's own to see: /proc/self, by symlinks as well. And a path that leads nowhere is no program. */
static void test_programs_behind_proc_are_recorded(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *rows;

    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST("/bin/sh", "-c",
                           "cd /tmp && ln -s /proc/self own && ln -s own/root there && "
                           "/proc/self/root/bin/true && own/root/bin/true && there/bin/true; "
                           "/nowhere/true; exit 0"));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    assert_int_equal(count_programs(rows, "bin/true"), 3);
    assert_int_equal(count_programs(rows, "/tmp/own/root/bin/true"), 1);
    assert_int_equal(count_programs(rows, "/tmp/there/bin/true"), 1);
    assert_int_equal(count_programs(rows, "/nowhere/true"), 0);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/* Hundreds of programs and the very last: none is lost on the way to the database. */
static void test_many_programs_are_recorded(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *rows;

    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST(place->probe, "fork-exec", "400", place->probe, "exit", "0"));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    assert_int_equal(json_array_size(rows), 401);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/* A missing file and a file mode are no denials: nobody's wall said no. */
static void test_ordinary_failures_are_no_denials(void **state)
{
    const sbx_test_place *place = *state;
    const char *closed = sbx_test_path(place->root, "closed");
    const char *script = sbx_test_text("cat /nonexistent; cat '%s/none'; echo x > '%s/none/none'; "
                                       "rm '%s/none'; mkdir '%s'; exit 0",
                                       place->root, place->root, place->root, place->root);
    sbx_test_outcome outcome;
    json_t *rows;

    sbx_test_write(closed, "x");
    assert_int_equal(chmod(closed, 0), 0);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/sh", "-c", script));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(place->probe, "write-file", closed));
    rows = sbx_test_audit_denials(place, sbx_test_word(&outcome, "run_id"));
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/* The same denial many times is one row with a count. */
static void test_denials_are_counted(void **state)
{
    const sbx_test_place *place = *state;
    const char *script =
        sbx_test_text("i=0; while [ $i -lt 50 ]; do (echo x > '%s/no') 2>/dev/null; "
                      "i=$((i+1)); done; exit 0",
                      place->outside);
    sbx_test_outcome outcome;
    json_t *rows, *row;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/sh", "-c", script));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    rows = sbx_test_audit_denials(place, sbx_test_word(&outcome, "run_id"));
    row = sbx_test_find_denial(rows, NULL, "outside/no");
    assert_non_null(row);
    assert_int_equal(json_integer_value(json_object_get(row, "count")), 50);
    assert_true(sbx_test_number(&outcome, "denied_total") >= 50);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

/* Another writer, in the middle of a transaction; NULL: none. */
static sqlite3 *writer;

static void unlock_database(void)
{
    if (writer == NULL)
        return;
    (void)sqlite3_exec(writer, "ROLLBACK", NULL, NULL, NULL);
    (void)sqlite3_close(writer);
    writer = NULL;
}

/* There is one, and nobody holds it: not even a test that failed before it let go. */
static void make_database(const sbx_test_place *place)
{
    sbx_test_outcome outcome;

    unlock_database();
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/true"));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    sbx_test_outcome_done(&outcome);
}

static void lock_database(const sbx_test_place *place)
{
    assert_int_equal(sqlite3_open_v2(place->database, &writer, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void test_locked_for_a_while(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "create-file", made)};
    sbx_test_child child;
    sbx_test_outcome outcome;

    make_database(place);
    (void)unlink(made);
    lock_database(place);
    sbx_test_start(&child, place, &request);
    sbx_test_pause_ms(3000);
    assert_false(sbx_test_exists(made)); /* no row yet, no run */
    unlock_database();
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_true(outcome.wall_ms >= 3000);
    assert_true(sbx_test_exists(made));
    sbx_test_outcome_done(&outcome);
}

static void test_locked_for_too_long(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made-late");
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "create-file", made)};
    sbx_test_child child;
    sbx_test_outcome outcome;

    make_database(place);
    lock_database(place);
    sbx_test_start(&child, place, &request);
    sbx_test_finish(&outcome, &child, 40000);
    assert_in_range(outcome.wall_ms, 9000, sbx_test_slow_ms(16000)); /* waits ten seconds, once */
    unlock_database();
    sbx_test_expect(&outcome, 125, "error", "audit");
    assert_false(sbx_test_exists(made));
    assert_non_null(strstr(outcome.err, place->database));
    assert_int_equal(sbx_test_count_processes(place), 0);
    sbx_test_outcome_done(&outcome);
}

/* Until then the signal would just end it, which proves nothing. */
static bool wait_until_it_catches(pid_t pid, int number, unsigned timeout_ms)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms);
    unsigned long long caught = 0;

    while ((caught & 1ULL << (number - 1)) == 0 && sbx_test_now_ms() < end) {
        FILE *file = fopen(sbx_test_text("/proc/%d/status", (int)pid), "re");
        char line[256];

        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
            if (sscanf(line, "SigCgt: %llx", &caught) == 1)
                break;
        if (file != NULL)
            fclose(file);
        sbx_test_pause_ms(10);
    }
    return (caught & 1ULL << (number - 1)) != 0;
}

/* The user gives up waiting: that must work too, at once. */
static void test_cancelled_while_locked(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made-never");
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "create-file", made)};
    sbx_test_child child;
    sbx_test_outcome outcome;

    make_database(place);
    lock_database(place);
    sbx_test_start(&child, place, &request);
    assert_true(wait_until_it_catches(child.pid, SIGINT, 10000));
    sbx_test_pause_ms(500);
    assert_int_equal(kill(child.pid, SIGINT), 0);
    sbx_test_finish(&outcome, &child,
                    5000); /* much sooner than the lock would have been given up */
    unlock_database();
    assert_true(outcome.exit_code == 130 || outcome.exit_code == 125);
    assert_false(sbx_test_exists(made));
    sbx_test_outcome_done(&outcome);
}

/* No record, no run; and with best effort a run with a warning. */
static void expect_no_run(const sbx_test_place *place, const char *database)
{
    const char *made = sbx_test_path(place->root, "made-without-record");
    const char *directory =
        sbx_test_text("%.*s", (int)(strrchr(database, '/') - database), database);
    sbx_test_request request = {.database = database,
                                .options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "create-file", made)};
    sbx_test_outcome outcome;

    (void)unlink(made);
    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 125, "error", "audit");
    assert_false(sbx_test_exists(made));
    if (strstr(outcome.err, directory) == NULL)
        fail_msg("the message does not name %s: %s", directory, outcome.err);
    sbx_test_outcome_done(&outcome);
    request.options = SBX_LIST("--audit", "best-effort");
    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_true(sbx_test_exists(made));
    assert_true(outcome.err_bytes > 0);
    assert_non_null(json_object_get(outcome.result, "audit_error"));
    sbx_test_outcome_done(&outcome);
    assert_int_equal(unlink(made), 0);
}

static void test_directory_that_cannot_be_written(void **state)
{
    const sbx_test_place *place = *state;
    const char *closed = sbx_test_path(place->base, "closed");

    expect_no_run(place, "/proc/no-directory/audit.db");
    expect_no_run(place, sbx_test_path(place->probe, "audit.db")); /* below a file */
    if (sbx_test_is_root())
        return; /* modes do not stop root */
    sbx_test_mkdir(closed);
    assert_int_equal(chmod(closed, 0555), 0);
    expect_no_run(place, sbx_test_path(closed, "audit.db"));
    assert_int_equal(chmod(closed, 0755), 0);
}

static void test_not_a_database(void **state)
{
    const sbx_test_place *place = *state;
    const char *database = sbx_test_path(place->base, "letter.txt");
    static const char text[] = "Dear reader, this is a letter and has been written with care.\n";

    sbx_test_write(database, text);
    expect_no_run(place, database);
    assert_true(sbx_test_holds(database, text)); /* somebody's file is not overwritten */
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t count)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, count, at), (ssize_t)count);
    close(fd);
}

/* A database of its own whose contents are in the file itself, not in the log beside it. */
static void make_own_database(const sbx_test_place *place, const char *database)
{
    sbx_test_request request = {
        .database = database, .options = SBX_NO_LIST, .command = SBX_LIST("/bin/true")};
    sbx_test_outcome outcome;
    struct stat info;

    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 0, "ok", NULL);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(stat(database, &info), 0);
}

static void test_corrupt_database(void **state)
{
    const sbx_test_place *place = *state;
    const char *database = sbx_test_path(place->base, "corrupt.db");
    char rubbish[4096];

    make_own_database(place, database);
    memset(rubbish, 'r', sizeof(rubbish));
    (void)unlink(sbx_test_text("%s-wal", database));
    (void)unlink(sbx_test_text("%s-shm", database));
    overwrite(database, 0, rubbish, sizeof(rubbish));
    expect_no_run(place, database);
}

static int mount_small_disk(const char *path)
{
    return mount("none", path, "tmpfs", 0, "size=256k") == 0 ? 0 : errno;
}

static void fill_disk(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    static const char block[4096];

    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        continue;
    close(fd);
}

/* In a mount namespace of this test's own; only registered for root. */
static void test_full_disk(void **state)
{
    const sbx_test_place *place = *state;
    const char *disk = sbx_test_path(place->base, "disk");
    const char *database = sbx_test_path(disk, "audit.db");

    sbx_test_mkdir(disk);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount_small_disk(disk), 0);
    fill_disk(sbx_test_path(disk, "full"));
    expect_no_run(place, database);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

/* The disk fills while it runs: the command's result stands, and sbx says what it could not
 * write. */
static void test_disk_that_fills_up(void **state)
{
    const sbx_test_place *place = *state;
    const char *disk = sbx_test_path(place->base, "disk2");
    sbx_test_request request = {.options = SBX_NO_LIST};
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_mkdir(disk);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("none", disk, "tmpfs", 0, "size=2m"), 0);
    request.database = sbx_test_path(disk, "audit.db");
    request.command = SBX_LIST(place->probe, "clean-up", sbx_test_path(place->root, "cleaned"));
    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    fill_disk(sbx_test_path(disk, "full"));
    assert_int_equal(kill(child.pid, SIGTERM), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    assert_true(sbx_test_exists(sbx_test_path(place->root, "cleaned")));
    assert_true(outcome.exit_code == 143 || outcome.exit_code == 125);
    assert_int_equal(sbx_test_count_processes(place), 0);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

/* What could not be started is in the log as well. */
static void test_refusals_are_recorded(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *row;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/nonexistent/program"));
    sbx_test_expect(&outcome, 127, "error", "not_found");
    row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(row);
    assert_string_equal(word_of(row, "status"), "error");
    assert_int_equal(json_integer_value(json_object_get(row, "exit_code")), 127);
    json_decref(row);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_row_while_running),
        sbx_unit_test(test_end_row_is_the_result),
        sbx_unit_test(test_every_program_is_recorded),
        sbx_unit_test(test_programs_behind_proc_are_recorded),
        sbx_unit_test(test_many_programs_are_recorded),
        sbx_unit_test(test_ordinary_failures_are_no_denials),
        sbx_unit_test(test_denials_are_counted),
        sbx_unit_test(test_refusals_are_recorded),
        sbx_unit_test(test_locked_for_a_while),
        sbx_unit_test(test_locked_for_too_long),
        sbx_unit_test(test_cancelled_while_locked),
        sbx_unit_test(test_directory_that_cannot_be_written),
        sbx_unit_test(test_not_a_database),
        sbx_unit_test(test_corrupt_database),
    };
    const struct CMUnitTest with_disks[] = {
        sbx_unit_test(test_full_disk),
        sbx_unit_test(test_disk_that_fills_up),
    };
    int failed =
        cmocka_run_group_tests_name("audit", tests, sbx_test_place_setup, sbx_test_place_teardown);

    if (sbx_test_is_root()) /* who else may mount a small disk */
        failed += cmocka_run_group_tests_name("audit: full disk", with_disks, sbx_test_place_setup,
                                              sbx_test_place_teardown);
    return failed;
}
