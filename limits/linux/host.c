/* The host: its CPUs and swap, and which backends there are on Linux. */
#include "limits/linux/host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "limits/linux/cgroup_files.h"

const sbx_job_backend *const sbx_job_backends[] = {
    &sbx_cgroup2_backend, &sbx_cgroup1_backend, &sbx_scope_backend, &sbx_polled_backend, NULL,
};

const char *const sbx_host_limits_advice = "run sbx as root or in a delegated cgroup";

bool sbx_host_has_swap(void)
{
    struct sysinfo info;

    return sysinfo(&info) != 0 || info.totalswap != 0;
}

bool sbx_host_has_v1(void)
{
    struct statfs info;

    return (statfs("/sys/fs/cgroup/memory", &info) == 0 && info.f_type == CGROUP_SUPER_MAGIC) ||
           (statfs("/sys/fs/cgroup/pids", &info) == 0 && info.f_type == CGROUP_SUPER_MAGIC);
}

unsigned sbx_host_cpu_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count > 0 ? (unsigned)count : 1;
}

/*
 * CPUs that can ever be there while the kernel runs ("0-7"): one that is plugged in later does not
 * make a limit untrue. UINT64_MAX where the kernel does not say.
 */
static uint64_t possible_cpu_count(void)
{
    char text[256];
    uint64_t count = 0;
    const char *at = text;

    if (sbx_cgroup_read_text(AT_FDCWD, "/sys/devices/system/cpu/possible", text, sizeof(text)) <= 0)
        return UINT64_MAX;
    for (;;) {
        uint64_t first;
        uint64_t last;

        if (!sbx_cgroup_parse_number(&first, at, &at))
            return UINT64_MAX;
        last = first;
        if (*at == '-' && !sbx_cgroup_parse_number(&last, at + 1, &at))
            return UINT64_MAX;
        if (last < first)
            return UINT64_MAX;
        count += last - first + 1;
        if (*at != ',')
            return count;
        at++;
    }
}

bool sbx_host_holds(sbx_limit_kind kind, uint64_t value)
{
    if (kind == SBX_LIMIT_CPUS) {
        uint64_t count = possible_cpu_count();

        return count < UINT64_MAX / 1000 && value >= count * 1000;
    }
    return kind == SBX_LIMIT_SWAP && !sbx_host_has_swap();
}

uint64_t sbx_host_cpu_deadline_ns(uint64_t now_ns, uint64_t used_ns, uint64_t cpu_limit_ns,
                                  uint64_t least_ns)
{
    uint64_t left_ns = cpu_limit_ns > used_ns ? cpu_limit_ns - used_ns : 0;
    uint64_t wait_ns = left_ns / sbx_host_cpu_count();

    if (wait_ns < least_ns)
        wait_ns = least_ns;
    return wait_ns < SBX_UNLIMITED - now_ns ? now_ns + wait_ns : SBX_UNLIMITED;
}

sbx_cpu_quota sbx_host_cpu_quota(uint64_t cpus_milli)
{
    /* The kernel wants at least 1 ms of quota in a period of at most 1 s. */
    uint64_t period_us = cpus_milli < 10 ? 1000000 : 100000;
    sbx_cpu_quota quota = {.period_us = period_us};

    quota.quota_us =
        cpus_milli > UINT64_MAX / period_us ? UINT64_MAX / 1000 : cpus_milli * period_us / 1000;
    return quota;
}
