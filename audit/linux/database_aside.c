/* Putting another file in the database's place; see database_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "audit/database_file.h"
#include "harness/base/clock.h"
#include "harness/base/linux/libc.h"

static int open_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t bytes = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (bytes >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, bytes == 0 ? "." : path, bytes == 0 ? 1 : bytes);
    folder[bytes == 0 ? 1 : bytes] = '\0';
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* flock(): SQLite's locks are of another kind, and on the file. */
sbx_status sbx_database_file_lock(int64_t *out_lock, const char *path, uint64_t timeout_ns,
                                  sbx_error *err)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    uint64_t began_ns = sbx_clock_monotonic_ns();
    int fd = open_folder(path), reason;

    if (fd < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "opening the folder of %s", path);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        reason = errno;
        if ((reason == EWOULDBLOCK || reason == EINTR) &&
            sbx_clock_monotonic_ns() - began_ns < timeout_ns) {
            (void)nanosleep(&pause, NULL);
            continue;
        }
        close(fd);
        return sbx_fail_errno(err, reason == EWOULDBLOCK ? SBX_BUSY : SBX_IO, SBX_STEP_AUDIT,
                              reason, "locking the folder of %s", path);
    }
    *out_lock = fd;
    return SBX_OK;
}

void sbx_database_file_unlock(int64_t lock)
{
    close((int)lock);
}

/* The names are durable when this returns. */
static sbx_status sync_folder(const char *path, sbx_error *err)
{
    int fd = open_folder(path);
    bool failed = fd < 0 || (fsync(fd) != 0 && errno != EINVAL);
    int reason = errno;

    if (fd >= 0)
        close(fd);
    return failed ? sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, reason, "syncing the folder of %s",
                                   path)
                  : SBX_OK;
}

sbx_status sbx_database_file_move(const char *from, const char *to, sbx_error *err)
{
    bool moved = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;

    if (!moved && errno == ENOENT)
        return SBX_OK;
    if (!moved && errno == EINVAL) /* a file system that cannot; link() replaces nothing */
        moved = link(from, to) == 0 && unlink(from) == 0;
    if (!moved)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "renaming %s to %s", from, to);
    return sync_folder(to, err);
}

sbx_status sbx_database_file_exchange(const char *one, const char *other, sbx_error *err)
{
    if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0)
        return sync_folder(one, err);
    return sbx_fail_errno(err, errno == EINVAL || errno == ENOSYS ? SBX_REFUSED : SBX_IO,
                          SBX_STEP_AUDIT, errno, "exchanging %s and %s", one, other);
}
