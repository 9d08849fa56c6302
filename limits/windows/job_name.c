/* What a job is called in messages. */
#include <stdio.h>
#include <windows.h>

#include "harness/base/clock.h"
#include "limits/job.h"

/* A job has no name here: the kernel keeps it as long as somebody holds it, and then it is gone. */
sbx_status sbx_job_name(char out[SBX_JOB_NAME_BYTES], sbx_error *err)
{
    uint64_t random = 0;
    sbx_status st = sbx_random_bytes(&random, sizeof(random), err);

    if (st == SBX_OK)
        (void)snprintf(out, SBX_JOB_NAME_BYTES, "%lu-%llx", GetCurrentProcessId(),
                       (unsigned long long)random);
    return st;
}
