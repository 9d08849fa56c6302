/* Loads the filter that the build made. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/sources/linux/syscalls.h"
#include "harness/target/linux/steps.h"
#include "seccomp_filters.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

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
