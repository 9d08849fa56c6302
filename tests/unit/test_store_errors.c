/* When it cannot be recorded: what is said, and that nothing comes to harm. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "audit/linux/file_system.h"

static sbx_status try_open(const fixture *self, bool read_only, sbx_error *err)
{
    const sbx_store_options options = {.busy_ns = 50 * SBX_NS_PER_MS, .read_only = read_only};
    sbx_store *store = NULL;
    sbx_status st;

    *err = (sbx_error){0};
    st = sbx_store_open(&store, self->path, &options, err);
    assert_true((st == SBX_OK) == (store != NULL));
    if (st != SBX_OK) {
        assert_int_equal(err->status, st);
        assert_int_equal(err->step, SBX_STEP_AUDIT);
        assert_non_null(strstr(err->message, self->path));
    }
    sbx_store_close(store);
    return st;
}

static void write_file(const char *path, const char *content, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, bytes), bytes);
    close(fd);
}

static void what_is_no_database_stays_untouched(void **state)
{
    static const char text[] =
        "This file is nobody's audit database, and somebody needs it. It is long enough "
        "to hold what would be a header of one hundred bytes.\n";
    fixture *self = *state;
    char content[sizeof(text)] = "";
    sqlite3 *db = NULL;
    sbx_error err;
    int fd;

    write_file(self->path, text, sizeof(text) - 1);
    assert_int_equal(try_open(self, false, &err), SBX_CORRUPT);
    assert_non_null(strstr(err.message, "is no audit database of sbx"));
    assert_non_null(strstr(err.message, "--audit-db"));
    assert_int_equal(try_open(self, true, &err), SBX_CORRUPT);
    fd = open(self->path, O_RDONLY);
    assert_int_equal(read(fd, content, sizeof(content)), sizeof(text) - 1);
    close(fd);
    assert_string_equal(content, text);

    write_file(self->path, "", 0);
    assert_int_equal(try_open(self, false, &err), SBX_CORRUPT);
    assert_non_null(strstr(err.message, "is no audit database of sbx"));

    unlink(self->path); /* another program's database */
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA user_version = 1; CREATE TABLE mine(x)", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(try_open(self, false, &err), SBX_CORRUPT);
    assert_non_null(strstr(err.message, "is no audit database of sbx"));
    fixture_expect(self, "SELECT count(*) FROM sqlite_schema", "1");
}

static void damage_is_corrupt(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    char zeros[4096] = "";
    sqlite3 *db = NULL;
    fixture_run run;
    sbx_error err;
    int fd;

    fixture_describe(&run);
    fixture_start(&run, store);
    fixture_end(&run, store, NULL);
    sbx_store_close(store);
    assert_int_equal(sqlite3_open(self->path, &db),
                     SQLITE_OK); /* closing brings all into the file */
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM run", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    fd = open(self->path, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros) - 100, 100),
                     sizeof(zeros) - 100); /* the schema */
    close(fd);
    assert_int_equal(try_open(self, false, &err), SBX_CORRUPT);
    assert_non_null(strstr(err.message, "--audit-db"));
}

static void a_newer_version_is_refused(void **state)
{
    fixture *self = *state;
    sbx_error err;

    sbx_store_close(fixture_open(self));
    free(fixture_read(self, "PRAGMA user_version"));
    {
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL),
                         SQLITE_OK);
        sqlite3_close(db);
    }
    assert_int_equal(try_open(self, false, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "version 1000"));
    assert_int_equal(try_open(self, true, &err), SBX_REFUSED);
}

static void a_locked_database_is_busy_in_time(void **state)
{
    fixture *self = *state;
    sbx_store *holder = fixture_open(self);
    sbx_store *waiter =
        fixture_open_with(self, (sbx_store_options){.busy_ns = 200 * SBX_NS_PER_MS});
    bool cancel = true;
    sbx_store *cancelled = fixture_open_with(
        self, (sbx_store_options){.busy_ns = 60 * SBX_NS_PER_S, .cancel = &cancel});
    uint64_t began_ns, took_ns;
    int64_t row = 0;
    sbx_error err = {0};
    fixture_run run;

    fixture_describe(&run);
    assert_true(sbx_store_try_lock(holder));
    began_ns = sbx_clock_monotonic_ns();
    assert_int_equal(sbx_store_run_start(&row, waiter, &run.start, &err), SBX_BUSY);
    took_ns = sbx_clock_monotonic_ns() - began_ns;
    assert_true(took_ns >= 200 * SBX_NS_PER_MS);
    assert_true(took_ns < 5 * SBX_NS_PER_S);
    assert_non_null(strstr(err.message, "lock"));
    assert_int_equal(row, 0);

    began_ns = sbx_clock_monotonic_ns();
    assert_int_equal(sbx_store_run_start(&row, cancelled, &run.start, &err), SBX_BUSY);
    assert_true(sbx_clock_monotonic_ns() - began_ns < 5 * SBX_NS_PER_S);
    assert_non_null(strstr(err.message, "cancelled"));

    assert_int_equal(try_open(self, false, &err), SBX_OK); /* opening needs no lock */
    sbx_store_close(holder);
    assert_int_equal(sbx_store_run_start(&row, waiter, &run.start, &err), SBX_OK);
    sbx_store_close(waiter);
    sbx_store_close(cancelled);
    assert_int_equal(fixture_verify(self), 2);
}

/* In a child, as nobody where we are root: root may write everywhere. Its exit code is the status.
 */
static int as_nobody(const fixture *self, sbx_error *err)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
        sbx_store *store;

        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit((int)sbx_store_open(&store, self->path, &options, err));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void where_nothing_may_be_written(void **state)
{
    fixture *self = *state;
    char path[320];
    sbx_error err = {0};

    assert_int_equal(chmod(self->directory, 0555), 0);
    assert_int_equal(as_nobody(self, &err), SBX_IO); /* cannot be made */
    assert_int_equal(chmod(self->directory, 0755), 0);

    sbx_store_close(fixture_open(self));
    assert_int_equal(chmod(self->path, 0444), 0);
    snprintf(path, sizeof(path), "%s-wal", self->path);
    unlink(path);
    snprintf(path, sizeof(path), "%s-shm", self->path);
    unlink(path);
    assert_int_equal(as_nobody(self, &err), SBX_IO); /* is there, and read-only */
    assert_int_equal(chmod(self->path, 0000), 0);
    assert_int_equal(as_nobody(self, &err), SBX_IO);
}

static void a_missing_one_is_not_made_by_readers(void **state)
{
    fixture *self = *state;
    sbx_error err;

    assert_int_equal(try_open(self, true, &err), SBX_NOT_FOUND);
    assert_int_equal(access(self->path, F_OK), -1);
}

/* A disk that is full, as seen by write(): no file may grow any more. */
static void a_full_disk_is_an_error_and_no_damage(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    struct rlimit before, none = {0};
    sbx_error err = {0};
    char target[64];
    sbx_status st;
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    for (int i = 0; i < 5000; i++) {
        snprintf(target, sizeof(target), "/some/longer/path/that/fills/pages/%d", i);
        fixture_deny(set, target);
    }
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 65536;
    setrlimit(RLIMIT_FSIZE, &none);
    st = sbx_store_run_append(store, run.row, &batch, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(st, SBX_IO);
    assert_non_null(strstr(err.message, self->path));

    fixture_end(&run, store, &batch); /* what could not be written then is written now */
    sbx_store_close(store);
    sbx_denials_free(set);
    fixture_expect(self, "SELECT count(*) FROM denial", "5000");
    fixture_expect(self, "PRAGMA integrity_check", "ok");
    assert_true(fixture_verify(self) >= 4); /* a long batch is several events */
}

/* No such mount can be made here: the numbers are linux/magic.h's. */
static void network_file_systems(void **state)
{
    static const unsigned long shared[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,
                                           CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
                                           V9FS_MAGIC,       AFS_SUPER_MAGIC,
                                           AFS_FS_MAGIC,     CODA_SUPER_MAGIC,
                                           CEPH_SUPER_MAGIC, (unsigned long)(int)0xFF534D42};
    static const unsigned long local[] = {EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC,     XFS_SUPER_MAGIC,
                                          TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC,
                                          0x2FC12FC1 /* ZFS */};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(shared); i++)
        assert_non_null(sbx_network_file_system(shared[i]));
    for (size_t i = 0; i < SBX_COUNT_OF(local); i++)
        assert_null(sbx_network_file_system(local[i]));
    assert_string_equal(sbx_network_file_system(V9FS_MAGIC), "9P");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/* What is committed where nobody finds it is not recorded, and a run is not started on it. */
static void a_file_that_is_gone(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    sbx_error err = {0};
    fixture_run one, other;
    int64_t row = 0;

    fixture_describe(&one);
    fixture_start(&one, store);
    assert_int_equal(unlink(self->path), 0);
    assert_int_equal(sbx_store_run_end(store, one.row, &one.end, NULL, &err), SBX_IO);
    assert_non_null(strstr(err.message, "not there any more"));
    write_file(self->path, "another", 7);
    fixture_describe(&other);
    err = (sbx_error){0};
    assert_int_equal(sbx_store_run_start(&row, store, &other.start, &err), SBX_IO);
    assert_int_equal(row, 0);
    assert_non_null(strstr(err.message, "not there any more"));
    sbx_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(what_is_no_database_stays_untouched),
        WITH_FIXTURE(damage_is_corrupt),
        WITH_FIXTURE(a_newer_version_is_refused),
        WITH_FIXTURE(a_locked_database_is_busy_in_time),
        WITH_FIXTURE(where_nothing_may_be_written),
        WITH_FIXTURE(a_missing_one_is_not_made_by_readers),
        WITH_FIXTURE(a_full_disk_is_an_error_and_no_damage),
        WITH_FIXTURE(a_file_that_is_gone),
        cmocka_unit_test(network_file_systems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
