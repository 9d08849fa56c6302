/* The namespaces that a process can make for itself; user and pid it was born into. */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

/* A new network namespace has a loopback device that is down. */
static sbx_status raise_loopback(sbx_error *err)
{
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sbx_status st = SBX_OK;

    memcpy(request.ifr_name, "lo", sizeof("lo"));
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        st = sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_NAMESPACE, errno,
                            "raise the job's own loopback");
    if (fd >= 0)
        close(fd);
    return st;
}

sbx_status sbx_namespaces_make(const sbx_entry *entry, sbx_error *err)
{
    const sbx_plan *plan = entry->plan;
    int flags = 0;

    if (!plan->uses_namespaces)
        return SBX_OK;
    if (plan->walls[SBX_WALL_MOUNTS])
        flags |= CLONE_NEWNS;
    if (plan->walls[SBX_WALL_IPC])
        flags |= CLONE_NEWIPC;
    if (plan->walls[SBX_WALL_NET] && !entry->has_network)
        flags |= CLONE_NEWNET;
    if (unshare(flags) != 0)
        return sbx_fail_errno(
            err, SBX_REFUSED, SBX_STEP_NAMESPACE, errno, "make mount, ipc and net namespaces%s",
            errno == ENOSPC ? " (too many of them exist; see /proc/sys/user)" : "");
    return plan->network == SBX_NETWORK_LOOPBACK && plan->walls[SBX_WALL_NET] ? raise_loopback(err)
                                                                              : SBX_OK;
}
