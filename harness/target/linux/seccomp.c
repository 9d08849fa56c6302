/* Loads the filter that the build made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/sources/linux/syscalls.h"
#include "harness/target/linux/steps.h"
#include "seccomp_filters.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { LANDLOCK_SEES_TRUNCATE = 3 }; /* its version */

static int choose_variant(const sbx_entry *entry)
{
    const sbx_plan *plan = entry->plan;
    int variant = 0;

    if (plan->watch_denials)
        variant |= SBX_FILTER_WATCH;
    if (plan->unix_sockets)
        variant |= SBX_FILTER_UNIX;
    if (sbx_job_enforcer(entry->job, SBX_LIMIT_CPUS) == SBX_ENFORCER_AFFINITY)
        variant |= SBX_FILTER_AFFINITY;
    if (plan->network == SBX_NETWORK_FULL)
        variant |= SBX_FILTER_NET_FULL;
    if (plan->network == SBX_NETWORK_NONE)
        variant |= SBX_FILTER_NET_NONE;
    return variant;
}

/* A file that was opened to be read, or for neither: of the host's mounts, whatever ours allow. */
static bool has_file_to_read(void)
{
    struct stat about;

    for (int fd = 0; fd <= 2; fd++) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0 && (flags & O_ACCMODE) != O_WRONLY && (flags & O_ACCMODE) != O_RDWR &&
            fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
            return true;
    }
    return false;
}

/*
 * Before its third version (Linux 6.2) Landlock does not see that a file is cut short, which takes no right
 * to write in its eyes: by its path, or by opening it to be read, or for neither (access mode 3). Where Landlock
 * is the only wall before a file (there are no mounts, or it came as a stream and is opened once more by
 * /proc/self/fd), nobody may do that then, in a writable root neither: a filter cannot look at paths. openat2 has
 * its flags in memory; programs do without it.
 */
static sbx_status refuse_truncating(sbx_error *err)
{
    enum { NEITHER = 3 };
#if defined(SYS_open)
    enum { OPEN = SYS_open };
#else
    enum { OPEN = -1 }; /* no such call: younger architectures have openat alone */
#endif
    struct sock_filter code[] = {
        /* 0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        /* 1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_truncate, 11 - 2, 0),
        /* 2 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 12 - 3, 0),
        /* 3 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)OPEN, 5 - 4, 0),
        /* 4 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 7 - 5, 13 - 5),
        /* 5 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        /* 6 */ BPF_STMT(BPF_JMP | BPF_JA, 8 - 7),
        /* 7 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        /* 8 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_TRUNC | O_ACCMODE),
        /* 9 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_TRUNC | O_RDONLY, 11 - 10, 0),
        /* 10 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_TRUNC | NEITHER, 0, 13 - 11),
        /* 11 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        /* 12 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        /* 13 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = SBX_COUNT_OF(code), .filter = code};

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, &program) == 0)
        return SBX_OK;
    return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_SECCOMP, errno,
                          "load the filter against cutting files short");
}

sbx_status sbx_seccomp_load(int *out_listener, const sbx_entry *entry, sbx_error *err)
{
    int variant = choose_variant(entry);
    struct sock_fprog program = {
        .len = seccomp_filters[variant].count,
        .filter = (struct sock_filter *)(uintptr_t)seccomp_filters[variant].code};
    unsigned long flags = 0;
    long got;

    *out_listener = -1;
    if (!entry->plan->walls[SBX_WALL_SECCOMP])
        return SBX_OK;
    if (entry->plan->landlock_abi < LANDLOCK_SEES_TRUNCATE &&
        (!entry->plan->walls[SBX_WALL_MOUNTS] || has_file_to_read())) {
        sbx_status st = refuse_truncating(err);

        if (st != SBX_OK)
            return st;
    }
    if (variant & SBX_FILTER_WATCH)
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (got < 0 && errno == EINVAL && flags != 0) /* before Linux 5.19 */
        got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                      &program);
    if (got < 0)
        return sbx_fail_errno(
            err, SBX_REFUSED, SBX_STEP_SECCOMP, errno, "load the system call filter%s",
            errno == EBUSY ? " (sbx runs inside another supervised sandbox)" : "");
    if (flags != 0)
        *out_listener = (int)got;
    return SBX_OK;
}
