/*
 * Kernel interfaces newer than the headers sbx must build with (Debian 12: 6.1). Numbers from the
 * kernel's uapi headers; each says since when it exists.
 */
#ifndef SBX_TARGET_LINUX_KERNEL_H
#define SBX_TARGET_LINUX_KERNEL_H

#include <stdint.h>

/* Landlock, by ABI. */
#define SBX_LL_FS_EXECUTE (UINT64_C(1) << 0)
#define SBX_LL_FS_WRITE_FILE (UINT64_C(1) << 1)
#define SBX_LL_FS_READ_FILE (UINT64_C(1) << 2)
#define SBX_LL_FS_READ_DIR (UINT64_C(1) << 3)
#define SBX_LL_FS_REMOVE_DIR (UINT64_C(1) << 4)
#define SBX_LL_FS_REMOVE_FILE (UINT64_C(1) << 5)
#define SBX_LL_FS_MAKE_CHAR (UINT64_C(1) << 6)
#define SBX_LL_FS_MAKE_DIR (UINT64_C(1) << 7)
#define SBX_LL_FS_MAKE_REG (UINT64_C(1) << 8)
#define SBX_LL_FS_MAKE_SOCK (UINT64_C(1) << 9)
#define SBX_LL_FS_MAKE_FIFO (UINT64_C(1) << 10)
#define SBX_LL_FS_MAKE_BLOCK (UINT64_C(1) << 11)
#define SBX_LL_FS_MAKE_SYM (UINT64_C(1) << 12)
#define SBX_LL_FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define SBX_LL_FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define SBX_LL_FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define SBX_LL_NET_BIND_TCP (UINT64_C(1) << 0)  /* ABI 4 */
#define SBX_LL_NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SBX_LL_SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0) /* ABI 6 */
#define SBX_LL_SCOPE_SIGNAL (UINT64_C(1) << 1)
#define SBX_LL_RESTRICT_LOG_NEW_EXEC_ON (1U << 1) /* ABI 7: denials after execve are logged too */

struct sbx_ll_ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};

/* seccomp: wake the listener on this CPU at once (6.6). */
#define SBX_SECCOMP_SET_FLAGS 0x40082104UL /* SECCOMP_IOW(4, __u64) */
#define SBX_SECCOMP_SYNC_WAKE_UP (UINT64_C(1) << 0)

#endif
