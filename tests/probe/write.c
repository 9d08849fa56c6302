/* Verbs that change the file system. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/probe/probe.h"

/* EEXIST: something stands where the caller outside saw nothing. */
static const int denied_make[] = {EACCES, EPERM, EROFS, ENOSYS, EEXIST, 0};
static const int denied_across[] = {EACCES, EPERM, EROFS, ENOSYS, EXDEV, EEXIST, 0};
/* EBUSY: a mount point; EISDIR, ENOTDIR: a stand-in of another kind. */
static const int denied_busy[] = {EACCES, EPERM,  EROFS,  ENOSYS,  EXDEV,
                                  EBUSY,  EEXIST, EISDIR, ENOTDIR, 0};
static const int denied_closed[] = {EACCES, EPERM, EROFS, ENOSYS, EBADF, 0};

static int result_of(int value)
{
    return value < 0 ? errno : 0;
}

static int write_file(char **arguments)
{
    return sbx_probe_write_and_close(open(arguments[0], O_WRONLY | O_CLOEXEC));
}

static int read_write_file(char **arguments)
{
    return sbx_probe_write_and_close(open(arguments[0], O_RDWR | O_CLOEXEC));
}

static int create_file(char **arguments)
{
    return sbx_probe_write_and_close(
        open(arguments[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
}

static int append_file(char **arguments)
{
    return sbx_probe_write_and_close(open(arguments[0], O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int truncate_file(char **arguments)
{
    return result_of(truncate(arguments[0], 0));
}

static int open_truncating(char **arguments)
{
    int fd = open(arguments[0], O_RDONLY | O_TRUNC | O_CLOEXEC);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int unlink_file(char **arguments)
{
    return result_of(unlink(arguments[0]));
}

static int make_directory(char **arguments)
{
    return result_of(mkdir(arguments[0], 0755));
}

static int remove_directory(char **arguments)
{
    return result_of(rmdir(arguments[0]));
}

static int rename_path(char **arguments)
{
    return result_of(rename(arguments[0], arguments[1]));
}

static int exchange_paths(char **arguments)
{
    return result_of(renameat2(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], RENAME_EXCHANGE));
}

static int link_path(char **arguments)
{
    return result_of(link(arguments[0], arguments[1]));
}

static int symlink_path(char **arguments)
{
    return result_of(symlink(arguments[0], arguments[1]));
}

static int make_fifo(char **arguments)
{
    return result_of(mknod(arguments[0], S_IFIFO | 0644, 0));
}

static int change_mode(char **arguments)
{
    return result_of(chmod(arguments[0], 0600));
}

static int change_owner(char **arguments)
{
    return result_of(chown(arguments[0], getuid(), getgid()));
}

static int change_times(char **arguments)
{
    return result_of(utimensat(AT_FDCWD, arguments[0], NULL, 0));
}

static int set_attribute(char **arguments)
{
    return result_of(setxattr(arguments[0], "user.sbx", "x", 1, 0));
}

static int open_unnamed(char **arguments)
{
    return sbx_probe_write_and_close(open(arguments[0], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
}

/* Makes LINK, which points to TARGET, and writes through it. */
static int write_via_symlink(char **arguments)
{
    if (symlink(arguments[1], arguments[0]) != 0) {
        fprintf(stderr, "probe: cannot make the symlink %s: %s\n", arguments[0], strerror(errno));
        return EINVAL;
    }
    return sbx_probe_write_and_close(open(arguments[0], O_WRONLY | O_CLOEXEC));
}

/* Makes NEW as a second name of FILE and writes through it. */
static int write_via_link(char **arguments)
{
    if (link(arguments[1], arguments[0]) != 0)
        return errno;
    return sbx_probe_write_and_close(open(arguments[0], O_WRONLY | O_CLOEXEC));
}

static int write_via_proc_root(char **arguments)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "/proc/self/root%s", arguments[0]);
    return sbx_probe_write_and_close(open(path, O_WRONLY | O_CLOEXEC));
}

/* Through the magic link of a descriptor that was opened for reading only. */
static int write_via_proc_fd(char **arguments)
{
    char path[64];
    int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
    int result;

    if (fd < 0)
        return errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    result = sbx_probe_write_and_close(open(path, O_WRONLY | O_CLOEXEC));
    close(fd);
    return result;
}

/* By a name relative to the descriptor of the directory that holds it. */
static int write_at(char **arguments)
{
    char path[PATH_MAX];
    char *slash;
    int directory, result;

    snprintf(path, sizeof(path), "%s", arguments[0]);
    slash = strrchr(path, '/');
    if (slash == NULL)
        return EINVAL;
    *slash = '\0';
    directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno;
    result = sbx_probe_write_and_close(openat(directory, slash + 1, O_WRONLY | O_CLOEXEC));
    close(directory);
    return result;
}

static int write_descriptor(char **arguments)
{
    return write((int)sbx_probe_number(arguments[0]), "x", 1) == 1 ? 0 : errno;
}

static int write_openat2(char **arguments)
{
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC};

    return sbx_probe_write_and_close(
        (int)syscall(SYS_openat2, AT_FDCWD, arguments[0], &how, sizeof(how)));
}

/* A file descriptor's own mode: fchmod on something opened for reading. */
static int change_mode_descriptor(char **arguments)
{
    int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
    int result;

    if (fd < 0)
        return errno;
    result = result_of(fchmod(fd, 0600));
    close(fd);
    return result;
}

/* A copy of a whole subvolume, past whatever is mounted in it. */
static int make_snapshot(char **arguments)
{
    struct btrfs_ioctl_vol_args request = {.fd = open(arguments[0], O_RDONLY | O_CLOEXEC)};
    int into = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (request.fd < 0 || into < 0)
        return errno;
    (void)snprintf(request.name, sizeof(request.name), "%s",
                   arguments[2] != NULL ? arguments[2] : "snapshot");
    return result_of(ioctl(into, BTRFS_IOC_SNAP_CREATE, &request));
}

const sbx_probe_verb sbx_probe_write_verbs[] = {
    {"write-file", "PATH", sbx_probe_denied_usual, write_file},
    {"read-write-file", "PATH", sbx_probe_denied_usual, read_write_file},
    {"create-file", "PATH", denied_make, create_file},
    {"append", "PATH", sbx_probe_denied_usual, append_file},
    {"truncate", "PATH", sbx_probe_denied_usual, truncate_file},
    {"open-truncating", "PATH", sbx_probe_denied_usual, open_truncating},
    {"unlink", "PATH", denied_busy, unlink_file},
    {"mkdir", "PATH", denied_make, make_directory},
    {"rmdir", "PATH", denied_busy, remove_directory},
    {"rename", "FROM TO", denied_busy, rename_path},
    {"exchange", "ONE OTHER", denied_busy, exchange_paths},
    {"link", "FROM TO", denied_across, link_path},
    {"symlink", "TARGET LINK", denied_make, symlink_path},
    {"mknod-fifo", "PATH", denied_make, make_fifo},
    {"chmod", "PATH", sbx_probe_denied_usual, change_mode},
    {"fchmod", "PATH", sbx_probe_denied_usual, change_mode_descriptor},
    {"chown", "PATH", sbx_probe_denied_usual, change_owner},
    {"utimens", "PATH", sbx_probe_denied_usual, change_times},
    {"setxattr", "PATH", sbx_probe_denied_usual, set_attribute},
    {"open-tmpfile", "DIRECTORY", sbx_probe_denied_usual, open_unnamed},
    {"via-symlink", "LINK TARGET", sbx_probe_denied_usual, write_via_symlink},
    {"via-link", "NEW FILE", denied_across, write_via_link},
    {"write-proc-root", "PATH", sbx_probe_denied_usual, write_via_proc_root},
    {"write-proc-fd", "PATH", sbx_probe_denied_usual, write_via_proc_fd},
    {"write-at", "PATH", sbx_probe_denied_usual, write_at},
    {"write-fd", "NUMBER", denied_closed, write_descriptor},
    {"openat2-write", "PATH", sbx_probe_denied_usual, write_openat2},
    {"snapshot", "SUBVOLUME DIRECTORY [NAME]", sbx_probe_denied_usual, make_snapshot},
    {.name = NULL},
};
