/*
 * The system calls that the filter knows, in one place: the build-time generator makes the filter
 * from these lists, and the watcher reads the same lists to know what a notification means.
 *
 * Refused calls get round the walls or are attack surface that no ordinary program needs. Watched calls
 * change the file system or reach out; they are let through and written down when a wall refuses them.
 * Reading opens are in neither list and cost nothing.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_SYSCALLS_H
#define SBX_AUDIT_SOURCES_LINUX_SYSCALLS_H

#include <sys/syscall.h>

#ifndef SYS_quotactl_fd /* musl 1.2.3 */
#define SYS_quotactl_fd 443
#endif

/* Newer than the build headers may know; x86-64 and every architecture since the unified table. */
#define SBX_NR_FCHMODAT2 452
#define SBX_NR_SETXATTRAT 463
#define SBX_NR_REMOVEXATTRAT 466
#define SBX_NR_OPEN_TREE_ATTR 467
#define SBX_NR_FILE_SETATTR 469

/* Calls above this one did not exist when the lists were written: they get ENOSYS. */
#define SBX_NR_LAST_KNOWN 469

/* A filter is one of these combined. */
enum {
    SBX_FILTER_WATCH = 1,    /* user notification; else refused calls fail in the kernel, unrecorded */
    SBX_FILTER_UNIX = 2,     /* AF_UNIX sockets may be made and connected (--unix-sockets) */
    SBX_FILTER_AFFINITY = 4, /* the CPU limit is an affinity: it must not be widened */
    SBX_FILTER_NET_FULL = 8, /* addresses are not watched */
    SBX_FILTER_NET_NONE = 16, /* nothing can be connected to, so AF_UNIX stream sockets may be made */
    SBX_FILTER_VARIANTS = 32,
};

/* Refused whatever the arguments: EPERM. */
#define SBX_REFUSED_CALLS(X)                                                                       \
    X(SYS_mount) X(SYS_umount2) X(SYS_pivot_root) X(SYS_chroot) X(SYS_open_tree) X(SYS_move_mount) \
    X(SYS_fsopen) X(SYS_fsconfig) X(SYS_fsmount) X(SYS_fspick) X(SYS_mount_setattr)                \
    X(SBX_NR_OPEN_TREE_ATTR) X(SYS_setns) X(SYS_keyctl) X(SYS_add_key) X(SYS_request_key)          \
    X(SYS_bpf) X(SYS_perf_event_open) X(SYS_userfaultfd) X(SYS_fanotify_init)                      \
    X(SYS_open_by_handle_at) X(SYS_init_module) X(SYS_finit_module) X(SYS_delete_module)           \
    X(SYS_kexec_load) X(SYS_kexec_file_load) X(SYS_reboot) X(SYS_swapon) X(SYS_swapoff)            \
    X(SYS_acct) X(SYS_quotactl) X(SYS_quotactl_fd) X(SYS_vhangup) X(SYS_syslog)                    \
    X(SYS_settimeofday) X(SYS_clock_settime) X(SYS_clock_adjtime) X(SYS_sethostname)               \
    X(SYS_setdomainname) X(SYS_lookup_dcookie) X(SYS_move_pages) X(SYS_migrate_pages)              \
    X(SBX_NR_FILE_SETATTR)

/* Refused as if the kernel did not have them, silently: programs try them and have another way. clone3 and
 * openat2 take flags and mode in memory, where a filter cannot look; without them libc uses clone, others openat. */
#define SBX_ABSENT_CALLS(X)                                                                        \
    X(SYS_clone3) X(SYS_openat2) X(SYS_io_uring_setup) X(SYS_io_uring_enter)                       \
    X(SYS_io_uring_register)

/*
 * Calls that give a file its mode: call, mode argument, flags argument (-1: none; else the mode counts only where a
 * file may be made). With one of SBX_SET_ID_BITS they are refused: what the target makes belongs to the caller on
 * disk, and a program of root's that runs as root for whoever starts it would be the way out.
 */
#define SBX_SET_ID_BITS 06000
#define SBX_MODE_CALLS(X)                                                                          \
    X(SYS_openat, 3, 2)                                                                            \
    X(SYS_mknodat, 2, -1)                                                                          \
    X(SYS_fchmod, 1, -1)                                                                           \
    X(SYS_fchmodat, 2, -1)                                                                         \
    X(SBX_NR_FCHMODAT2, 2, -1)                                                                     \
    SBX_OLD_MODE_CALLS(X)

/*
 * ioctl() commands, refused on whatever they are asked of.
 *   terminals      what was typed: into the terminal's input, by its driver, by another one
 *   file systems   subvolumes: a snapshot takes a tree past every mount, what is covered in it included; and one can
 *                  be deleted by its number, wherever it lies
 */
#define SBX_IOCTL_TIOCLINUX 0x541C
#define SBX_IOCTL_BTRFS(number) (0x50009400u | (number))    /* _IOW, struct btrfs_ioctl_vol_args(_v2) */
#define SBX_IOCTL_BCACHEFS(number) (0x4020BC00u | (number)) /* _IOW, struct bch_ioctl_subvolume */
#define SBX_REFUSED_IOCTLS(X)                                                                      \
    X(TIOCSTI) X(SBX_IOCTL_TIOCLINUX) X(TIOCSETD) X(SBX_IOCTL_BTRFS(1)) /* snapshot */             \
    X(SBX_IOCTL_BTRFS(14)) X(SBX_IOCTL_BTRFS(15))                       /* subvolume, destroy */   \
    X(SBX_IOCTL_BTRFS(23)) X(SBX_IOCTL_BTRFS(24)) X(SBX_IOCTL_BTRFS(63)) /* their second forms */  \
    X(SBX_IOCTL_BCACHEFS(16)) X(SBX_IOCTL_BCACHEFS(17))

/* How a watched call names what it changes. */
typedef enum sbx_watch_kind {
    SBX_WATCH_OPEN,   /* the object, or the directory it would be made in */
    SBX_WATCH_OBJECT, /* something that exists, followed through a symlink */
    SBX_WATCH_LINK,   /* the same, not followed */
    SBX_WATCH_OWNED,  /* the same as OBJECT, for its owner only: mode and times */
    SBX_WATCH_ENTRY,  /* a name in a directory */
} sbx_watch_kind;

/*
 * call, op, kind, dirfd argument, path argument, flags argument (OPEN only), second dirfd and path.
 * -1: none. File calls; every one of them is watched with any argument, but the opens, which are
 * watched only where the flags ask to write.
 */
#define SBX_WATCHED_CALLS(X)                                                                       \
    X(SYS_openat, "write", SBX_WATCH_OPEN, 0, 1, 2, -1, -1)                                        \
    X(SYS_unlinkat, "remove", SBX_WATCH_ENTRY, 0, 1, -1, -1, -1)                                   \
    X(SYS_renameat, "rename", SBX_WATCH_ENTRY, 0, 1, -1, 2, 3)                                     \
    X(SYS_renameat2, "rename", SBX_WATCH_ENTRY, 0, 1, -1, 2, 3)                                    \
    X(SYS_mkdirat, "create", SBX_WATCH_ENTRY, 0, 1, -1, -1, -1)                                    \
    X(SYS_mknodat, "create", SBX_WATCH_ENTRY, 0, 1, -1, -1, -1)                                    \
    X(SYS_linkat, "link", SBX_WATCH_ENTRY, 0, 1, -1, 2, 3)                                         \
    X(SYS_symlinkat, "create", SBX_WATCH_ENTRY, 1, 2, -1, -1, -1)                                  \
    X(SYS_fchmodat, "chmod", SBX_WATCH_OWNED, 0, 1, -1, -1, -1)                                    \
    X(SBX_NR_FCHMODAT2, "chmod", SBX_WATCH_OWNED, 0, 1, -1, -1, -1)                                \
    X(SYS_fchownat, "chown", SBX_WATCH_OWNED, 0, 1, -1, -1, -1)                                    \
    X(SYS_truncate, "write", SBX_WATCH_OBJECT, -1, 0, -1, -1, -1)                                  \
    X(SYS_utimensat, "utime", SBX_WATCH_OWNED, 0, 1, -1, -1, -1)                                   \
    X(SYS_setxattr, "setxattr", SBX_WATCH_OBJECT, -1, 0, -1, -1, -1)                               \
    X(SYS_lsetxattr, "setxattr", SBX_WATCH_LINK, -1, 0, -1, -1, -1)                                \
    X(SYS_removexattr, "setxattr", SBX_WATCH_OBJECT, -1, 0, -1, -1, -1)                            \
    X(SYS_lremovexattr, "setxattr", SBX_WATCH_LINK, -1, 0, -1, -1, -1)                             \
    X(SBX_NR_SETXATTRAT, "setxattr", SBX_WATCH_OBJECT, 0, 1, -1, -1, -1)                           \
    X(SBX_NR_REMOVEXATTRAT, "setxattr", SBX_WATCH_OBJECT, 0, 1, -1, -1, -1)                        \
    SBX_WATCHED_OLD_CALLS(X)

/* Calls that newer architectures do not have. */
#if defined(SYS_open)
#define SBX_OLD_MODE_CALLS(X)                                                                      \
    X(SYS_open, 2, 1) X(SYS_creat, 1, -1) X(SYS_mknod, 1, -1) X(SYS_chmod, 1, -1)
#define SBX_WATCHED_OLD_CALLS(X)                                                                   \
    X(SYS_open, "write", SBX_WATCH_OPEN, -1, 0, 1, -1, -1)                                         \
    X(SYS_creat, "write", SBX_WATCH_OPEN, -1, 0, -1, -1, -1)                                       \
    X(SYS_unlink, "remove", SBX_WATCH_ENTRY, -1, 0, -1, -1, -1)                                    \
    X(SYS_rmdir, "remove", SBX_WATCH_ENTRY, -1, 0, -1, -1, -1)                                     \
    X(SYS_rename, "rename", SBX_WATCH_ENTRY, -1, 0, -1, -1, 1)                                     \
    X(SYS_mkdir, "create", SBX_WATCH_ENTRY, -1, 0, -1, -1, -1)                                     \
    X(SYS_mknod, "create", SBX_WATCH_ENTRY, -1, 0, -1, -1, -1)                                     \
    X(SYS_link, "link", SBX_WATCH_ENTRY, -1, 0, -1, -1, 1)                                         \
    X(SYS_symlink, "create", SBX_WATCH_ENTRY, -1, 1, -1, -1, -1)                                   \
    X(SYS_chmod, "chmod", SBX_WATCH_OWNED, -1, 0, -1, -1, -1)                                      \
    X(SYS_chown, "chown", SBX_WATCH_OWNED, -1, 0, -1, -1, -1)                                      \
    X(SYS_lchown, "chown", SBX_WATCH_LINK, -1, 0, -1, -1, -1)                                      \
    X(SYS_utime, "utime", SBX_WATCH_OWNED, -1, 0, -1, -1, -1)                                      \
    X(SYS_utimes, "utime", SBX_WATCH_OWNED, -1, 0, -1, -1, -1)                                     \
    X(SYS_futimesat, "utime", SBX_WATCH_OWNED, 0, 1, -1, -1, -1)
#else
#define SBX_OLD_MODE_CALLS(X)
#define SBX_WATCHED_OLD_CALLS(X)
#endif

#endif
