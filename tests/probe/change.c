/* More verbs that change a file: by a descriptor, by a mapping, by having the kernel copy. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/probe/probe.h"

/* The kernel's own no, whoever asks: nothing is learnt of a wall. */
static const int denied_mapping[] = {EACCES, EPERM, EROFS, 0};
static const int denied_across[] = {EACCES, EPERM, EROFS, ENOSYS, EXDEV, EEXIST, 0};

static int result_of(long value)
{
    return value < 0 ? errno : 0;
}

/* Opens the file in some way and does something with the descriptor. */
static int with(const char *path, int flags, int (*act)(int fd))
{
    int fd = open(path, flags | O_CLOEXEC);
    int result;

    if (fd < 0)
        return errno;
    result = act(fd);
    close(fd);
    return result;
}

static int act_allocate(int fd)
{
    return result_of(fallocate(fd, 0, 0, 8192));
}

static int act_punch(int fd)
{
    return result_of(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4));
}

static int act_cut(int fd)
{
    return result_of(ftruncate(fd, 1));
}

static int act_pwritev2(int fd)
{
    struct iovec part = {.iov_base = (char *)"x", .iov_len = 1};

    return pwritev2(fd, &part, 1, 0, RWF_DSYNC) == 1 ? 0 : errno;
}

static int act_map(int fd)
{
    char *memory = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return errno;
    *memory = 'x';
    munmap(memory, 1);
    return 0;
}

/* Mapped to be read, made writable afterwards. */
static int act_upgrade(int fd)
{
    char *memory = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED || mprotect(memory, 1, PROT_READ | PROT_WRITE) != 0)
        return errno;
    *memory = 'x';
    munmap(memory, 1);
    return 0;
}

static int act_set_attribute(int fd)
{
    return result_of(fsetxattr(fd, "user.sbx", "x", 1, 0));
}

static int act_change_owner(int fd)
{
    return result_of(fchown(fd, getuid(), getgid()));
}

static int act_change_times(int fd)
{
    return result_of(futimens(fd, NULL));
}

/* "Not in dumps": a flag that does no harm. */
static int act_set_flags(int fd)
{
    int flags = 0;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
        return errno;
    flags ^= FS_NODUMP_FL;
    return result_of(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

#define BY_DESCRIPTOR(name, flags)                                                                 \
    static int by_##name(char **arguments)                                                         \
    {                                                                                              \
        return with(arguments[0], flags, act_##name);                                              \
    }
BY_DESCRIPTOR(allocate, O_WRONLY)
BY_DESCRIPTOR(punch, O_WRONLY)
BY_DESCRIPTOR(cut, O_WRONLY)
BY_DESCRIPTOR(pwritev2, O_WRONLY)
BY_DESCRIPTOR(map, O_RDWR)
BY_DESCRIPTOR(upgrade, O_RDONLY)
BY_DESCRIPTOR(set_attribute, O_RDONLY)
BY_DESCRIPTOR(change_owner, O_RDONLY)
BY_DESCRIPTOR(change_times, O_RDONLY)
BY_DESCRIPTOR(set_flags, O_RDONLY)

static int remove_attribute(char **arguments)
{
    return result_of(removexattr(arguments[0], "user.kept"));
}

static int set_attribute_of_link(char **arguments)
{
    return result_of(lsetxattr(arguments[0], "user.sbx", "x", 1, 0));
}

/* From FROM to TO, by the kernel: 0 or an errno. */
static int copy(char **arguments, long (*move)(int from, int to))
{
    int from = open(arguments[0], O_RDONLY | O_CLOEXEC);
    int to, result;

    if (from < 0)
        return errno;
    to = open(arguments[1], O_WRONLY | O_CLOEXEC);
    if (to < 0) {
        result = errno;
        close(from);
        return result;
    }
    result = result_of(move(from, to));
    close(from);
    close(to);
    return result;
}

static long by_range(int from, int to)
{
    return copy_file_range(from, NULL, to, NULL, 1, 0);
}

static long by_sendfile(int from, int to)
{
    return sendfile(to, from, NULL, 1);
}

static long by_splice(int from, int to)
{
    int fds[2];
    long moved;

    if (pipe(fds) != 0)
        return -1;
    moved = splice(from, NULL, fds[1], NULL, 1, 0);
    if (moved == 1)
        moved = splice(fds[0], NULL, to, NULL, 1, 0);
    close(fds[0]);
    close(fds[1]);
    return moved;
}

static long by_clone(int from, int to)
{
    return ioctl(to, FICLONE, from);
}

static int copy_range(char **arguments)
{
    return copy(arguments, by_range);
}

static int copy_sendfile(char **arguments)
{
    return copy(arguments, by_sendfile);
}

static int copy_splice(char **arguments)
{
    return copy(arguments, by_splice);
}

static int copy_clone(char **arguments)
{
    return copy(arguments, by_clone);
}

/* A file without a name, made where it may be, gets one where it may not. */
static int link_unnamed(char **arguments)
{
    int fd = open(arguments[0], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    char link[64];
    int result;

    if (fd < 0)
        return EINVAL;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    result = result_of(linkat(AT_FDCWD, link, AT_FDCWD, arguments[1], AT_SYMLINK_FOLLOW));
    close(fd);
    return result;
}

/* Whatever can be done with a stream that was opened to be read, other than reading: DID if any of it changes a byte. */
static int change_input(char **arguments)
{
    static int (*const acts[])(int fd) = {act_allocate, act_punch,   act_cut,
                                          act_pwritev2, act_upgrade, act_map};
    char path[64];

    (void)arguments;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", STDIN_FILENO);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        if (acts[i](STDIN_FILENO) == 0 || with(path, O_RDWR, acts[i]) == 0)
            return 0;
    return truncate(path, 1) == 0 ? 0 : EACCES;
}

const sbx_probe_verb sbx_probe_change_verbs[] = {
    {"fallocate", "PATH", sbx_probe_denied_usual, by_allocate},
    {"punch-hole", "PATH", sbx_probe_denied_usual, by_punch},
    {"ftruncate", "PATH", sbx_probe_denied_usual, by_cut},
    {"pwritev2", "PATH", sbx_probe_denied_usual, by_pwritev2},
    {"map-write", "PATH", sbx_probe_denied_usual, by_map},
    {"map-upgrade", "PATH", denied_mapping, by_upgrade},
    {"fsetxattr", "PATH", sbx_probe_denied_usual, by_set_attribute},
    {"lsetxattr", "PATH", sbx_probe_denied_usual, set_attribute_of_link},
    {"removexattr", "PATH", sbx_probe_denied_usual, remove_attribute},
    {"fchown", "PATH", sbx_probe_denied_usual, by_change_owner},
    {"futimens", "PATH", sbx_probe_denied_usual, by_change_times},
    {"set-flags", "PATH", sbx_probe_denied_usual, by_set_flags},
    {"copy-range", "FROM TO", sbx_probe_denied_usual, copy_range},
    {"sendfile", "FROM TO", sbx_probe_denied_usual, copy_sendfile},
    {"splice", "FROM TO", sbx_probe_denied_usual, copy_splice},
    {"clone-file", "FROM TO", sbx_probe_denied_usual, copy_clone},
    {"link-unnamed", "DIRECTORY NEW", denied_across, link_unnamed},
    {"change-input", "", sbx_probe_denied_usual, change_input},
    {.name = NULL},
};
