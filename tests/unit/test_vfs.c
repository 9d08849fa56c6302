/*
 * The database's file system where SQLite's own falls short: somebody makes the WAL between its two looks for it, and a disk
 * does not give the memory that is mapped from it. Each is made to happen between SQLite and the system.
 */
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static const char *made; /* the WAL that somebody else makes; NULL: nobody does */
static unsigned made_count;

/* What SQLite asks of the system. The WAL is not there for whoever would write it, and then it is. */
static int open_late(const char *path, int flags, int mode)
{
    if (made == NULL || strcmp(path, made) != 0 || (flags & O_CREAT) != 0 ||
        (flags & O_ACCMODE) != O_RDWR || access(path, F_OK) == 0)
        return open(path, flags, mode);
    close(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    made_count++;
    errno = ENOENT;
    return -1;
}

static unsigned lost_count;

/* The index's first pages are there; what is behind them is gone from the disk. */
static void *map_lost(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    void *memory = mmap(at, bytes, protection, flags, fd, offset);

    if (ftruncate(fd, 4096) == 0)
        lost_count++;
    return memory;
}

/* NULL: the system's own again. */
static void replace(const char *call, sqlite3_syscall_ptr by)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);

    assert_int_equal(system->xSetSystemCall(system, call, by), SQLITE_OK);
}

static void wal_made_by_another(void **state)
{
    fixture *self = *state;
    char wal[400];
    sbx_store *store;
    fixture_run run;

    sbx_store_close(fixture_open(self));
    snprintf(wal, sizeof(wal), "%s-wal", self->path);
    assert_int_equal(unlink(wal), 0);
    made = wal;
    replace("open", (sqlite3_syscall_ptr)open_late);
    store = fixture_open(self);
    fixture_describe(&run);
    fixture_start(&run, store);
    replace("open", NULL);
    made = NULL;
    assert_int_equal(made_count, 1);
    sbx_store_close(store);
    fixture_expect(self, "SELECT status FROM run", "running");
}

static void memory_that_is_lost(void **state)
{
    fixture *self = *state;
    sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
    sbx_store *store = NULL;
    sbx_error err = {0};

    sbx_store_close(fixture_open(self));
    replace("mmap", (sqlite3_syscall_ptr)map_lost);
    assert_int_equal(sbx_store_open(&store, self->path, &options, &err), SBX_IO);
    replace("mmap", NULL);
    assert_true(lost_count > 0);
    assert_int_equal(err.os_code, SQLITE_IOERR_SHMMAP);
    assert_null(store);
    sbx_store_close(fixture_open(self)); /* the next one makes it anew */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wal_made_by_another, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(memory_that_is_lost, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
