/* The host: its CPUs, and the one backend there is on Windows. */
#include <windows.h>

#include "limits/backend.h"
#include "limits/windows/job_object.h"

const sbx_job_backend *const sbx_job_backends[] = {&sbx_job_object_backend, NULL};

const char *const sbx_host_limits_advice = "run `sbx doctor` to see what this Windows holds";

unsigned sbx_host_cpu_count(void)
{
    DWORD count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);

    return count > 0 ? count : 1;
}

bool sbx_host_holds(sbx_limit_kind kind, uint64_t value)
{
    DWORD count = GetMaximumProcessorCount(ALL_PROCESSOR_GROUPS);

    return kind == SBX_LIMIT_CPUS && count > 0 && value >= (uint64_t)count * 1000;
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
