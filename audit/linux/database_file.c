/*
 * The database file on Linux. It is written without a name and then linked to its own: no process
 * ever sees half of it, a killed one leaves nothing behind, and of many that make it at once one
 * wins.
 */
#include "audit/database_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "audit/linux/file_system.h"
#include "harness/base/linux/libc.h"
#include "harness/base/path.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static sbx_status check_file_system(const char *path, const struct statfs *about, sbx_error *err)
{
    const char *network = sbx_network_file_system((unsigned long)about->f_type);

    if (network == NULL)
        return SBX_OK;
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_AUDIT,
        "audit database %s: on a network file system (%s), where several writers would "
        "corrupt it; name a local file with --audit-db",
        path, network);
}

/* Cuts the last name off; "." and "/" where there is none. */
static void cut_name(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        memcpy(path, ".", 2);
    else
        slash[slash == path ? 1 : 0] = '\0';
}

sbx_status sbx_database_file_check(bool *out_exists, const char *path, sbx_error *err)
{
    char parent[PATH_MAX];
    struct statfs about;

    *out_exists = statfs(path, &about) == 0;
    if (*out_exists)
        return check_file_system(path, &about, err);
    if (errno != ENOENT)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "audit database %s", path);
    if (strlen(path) >= sizeof(parent))
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, ENAMETOOLONG, "audit database %s", path);
    memcpy(parent, path, strlen(path) + 1);
    do {
        cut_name(parent);
        if (statfs(parent, &about) == 0)
            return check_file_system(path, &about, err);
    } while (errno == ENOENT && strchr(parent, '/') != NULL && strcmp(parent, "/") != 0);
    return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "audit database %s", path);
}

/* mkdir -p, for nobody else's eyes. */
static sbx_status make_folders(char *folder, sbx_error *err)
{
    for (char *at = folder + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS &&
            errno != EACCES)
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "creating the folder %s",
                                  folder);
        *at = '/';
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "creating the folder %s", folder);
    return SBX_OK;
}

/* Without a name where the file system can, else under one that no second process has. */
static int open_new(char name[64], int folder)
{
    int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    name[0] = '\0';
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    (void)snprintf(name, 64, ".sbx-new-%ld", (long)getpid());
    return openat(folder, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
}

static int write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);

        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            data += written;
            bytes -= (size_t)written;
        }
    }
    return 0;
}

/* Gives the file its name. A file system without hard links has renames that do not replace. */
static int give_name(int folder, int fd, const char *temporary, const char *name)
{
    char self[48];

    if (temporary[0] == '\0') {
        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        return linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW);
    }
    if (renameat2(folder, temporary, folder, name, RENAME_NOREPLACE) == 0)
        return 0;
    return errno == EEXIST ? -1 : linkat(folder, temporary, folder, name, 0);
}

static sbx_status create_in(bool *out_is_new, int folder, const char *path, const void *data,
                            size_t bytes, sbx_error *err)
{
    char temporary[64];
    int fd = open_new(temporary, folder);
    sbx_status st = SBX_OK;

    if (fd < 0 || write_all(fd, data, bytes) != 0 || fsync(fd) != 0)
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "creating the file %s", path);
    *out_is_new = st == SBX_OK && give_name(folder, fd, temporary, sbx_path_name(path)) == 0;
    if (st == SBX_OK && !*out_is_new && errno != EEXIST)
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "creating the file %s", path);
    if (temporary[0] != '\0')
        (void)unlinkat(folder, temporary, 0);
    if (st == SBX_OK && fsync(folder) != 0 && errno != EINVAL)
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "creating the file %s", path);
    if (fd >= 0)
        close(fd);
    return st;
}

sbx_status sbx_database_file_create(bool *out_is_new, const char *path, const void *data,
                                    size_t bytes, sbx_error *err)
{
    char folder_path[PATH_MAX];
    int folder = -1;
    sbx_status st;

    *out_is_new = false;
    if (strlen(path) >= sizeof(folder_path))
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, ENAMETOOLONG, "audit database %s", path);
    memcpy(folder_path, path, strlen(path) + 1);
    cut_name(folder_path);
    st = make_folders(folder_path, err);
    if (st != SBX_OK)
        return st;
    folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "opening the folder %s",
                              folder_path);
    st = create_in(out_is_new, folder, path, data, bytes, err);
    close(folder);
    return st;
}

sbx_status sbx_database_file_reserve(const char *path, sbx_error *err)
{
    int fd = open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "creating the file %s", path);
    close(fd);
    return SBX_OK;
}

/* Both names are in one folder, which is synced for the name. */
sbx_status sbx_database_file_publish(const char *temporary, const char *path, sbx_error *err)
{
    char folder_path[PATH_MAX];
    int fd = open(temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), folder = -1;
    int failed = fd < 0 || fsync(fd) != 0, reason;

    if (!failed && strlen(path) >= sizeof(folder_path)) {
        errno = ENAMETOOLONG;
        failed = 1;
    }
    if (!failed)
        failed = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) != 0;
    if (failed && fd >= 0 &&
        errno == EINVAL) /* a file system that cannot; link() replaces nothing */
        failed = link(temporary, path) != 0 || unlink(temporary) != 0;
    if (!failed) {
        memcpy(folder_path, path, strlen(path) + 1);
        cut_name(folder_path);
        folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        failed = folder < 0 || (fsync(folder) != 0 && errno != EINVAL);
    }
    reason = errno;
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return failed
               ? sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, reason, "creating the file %s", path)
               : SBX_OK;
}

bool sbx_database_file_hold(void *memory, size_t bytes)
{
    if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
        return true;
    if (errno == EINVAL && madvise(memory, bytes, MADV_POPULATE_READ) == 0) /* mapped to be read */
        return true;
    return errno != EFAULT && errno != EHWPOISON;
}

void sbx_database_file_discard(const char *path)
{
    (void)unlink(path);
}

void sbx_database_file_remove(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char name[PATH_MAX];

    for (size_t i = 0; i < SBX_COUNT_OF(endings); i++)
        if (snprintf(name, sizeof(name), "%s%s", path, endings[i]) < (int)sizeof(name))
            (void)unlink(name);
}
