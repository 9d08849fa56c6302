/* What this host has: processors that this process may run on, free memory, and what the job around us leaves. */
#include "harness/batch/capacity.h"

#include <windows.h>

#include "limits/limits.h"

unsigned sbx_capacity_cpus(void)
{
    DWORD_PTR ours = 0, all = 0;
    unsigned count = 0;

    /* In more than one group of processors the masks are 0: then all count. */
    if (GetProcessAffinityMask(GetCurrentProcess(), &ours, &all))
        for (; ours != 0; ours &= ours - 1)
            count++;
    if (count == 0)
        count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return count == 0 ? 1 : count;
}

/* The limit of the nearest job; what it uses already is not told. */
static uint64_t limit_of_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION found = {0};

    if (!QueryInformationJobObject(NULL, JobObjectExtendedLimitInformation, &found, sizeof(found),
                                   NULL) ||
        (found.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_JOB_MEMORY) == 0)
        return SBX_UNLIMITED;
    return found.JobMemoryLimit;
}

uint64_t sbx_capacity_memory(void)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof(status)};
    uint64_t least = limit_of_job();

    if (GlobalMemoryStatusEx(&status) && status.ullAvailPhys < least)
        least = status.ullAvailPhys;
    return least == 0 ? 1 : least;
}
