/*
 * What glibc has and musl 1.2.3 lacks, under the same names: the kernel's younger calls. Include it last, instead of
 * <sys/mount.h> too. With glibc it is only those headers.
 */
#ifndef SBX_BASE_LINUX_LIBC_H
#define SBX_BASE_LINUX_LIBC_H

#include <sys/mount.h>

#ifndef __GLIBC__
#include <linux/mount.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(int fd, unsigned command, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}

static inline int fsmount(int fd, unsigned flags, unsigned attributes)
{
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}

static inline int move_mount(int from_fd, const char *from, int to_fd, const char *to,
                             unsigned flags)
{
    return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

static inline int open_tree(int fd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, fd, path, flags);
}

static inline int mount_setattr(int fd, const char *path, unsigned flags, struct mount_attr *attr,
                                size_t bytes)
{
    return (int)syscall(SYS_mount_setattr, fd, path, flags, attr, bytes);
}

/* Later versions of musl have these two, with what belongs to them. */
#ifndef STATX_BASIC_STATS
#include <linux/stat.h>

static inline int statx(int fd, const char *path, int flags, unsigned mask, struct statx *out)
{
    return (int)syscall(SYS_statx, fd, path, flags, mask, out);
}
#endif

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1U << 0)
#define RENAME_EXCHANGE (1U << 1)

static inline int renameat2(int from_fd, const char *from, int to_fd, const char *to,
                            unsigned flags)
{
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}
#endif
#endif

#endif
