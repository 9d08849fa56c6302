/* Names of jobs, and what a name says about its owner. */
#include "limits/linux/job_name.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/linux/self.h"
#include "limits/job.h"
#include "limits/linux/cgroup_files.h"
#include "limits/linux/procfs.h"

static const char prefix[] = "sbx-";

bool sbx_job_owner_self(sbx_job_owner *out)
{
    sbx_self self = sbx_self_look();

    /* /proc may be of another pid namespace, and then its number for us is the one that counts. */
    *out = (sbx_job_owner){self.pid, self.start_ticks, self.pid_namespace};
    return self.pid > 0 && self.pid_namespace != 0;
}

sbx_status sbx_job_name(char out[SBX_JOB_NAME_BYTES], sbx_error *err)
{
    sbx_job_owner owner;
    uint64_t random;
    int bytes;
    sbx_status st = sbx_random_bytes(&random, sizeof(random), err);

    if (st != SBX_OK)
        return st;
    if (!sbx_job_owner_self(&owner))
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_JOB, "/proc does not show this process");
    bytes = snprintf(out, SBX_JOB_NAME_BYTES, "%d-%" PRIu64 "-%" PRIu64 "-%016" PRIx64, owner.pid,
                     owner.start_ticks, owner.pid_namespace, random);
    if (bytes < 0 || bytes >= SBX_JOB_NAME_BYTES)
        return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_JOB, "a job name of %d bytes", bytes);
    return SBX_OK;
}

bool sbx_job_owner_parse(sbx_job_owner *out, const char *group_name)
{
    const char *at = group_name;
    uint64_t numbers[3];

    if (strncmp(at, prefix, sizeof(prefix) - 1) != 0)
        return false;
    at += sizeof(prefix) - 1;
    for (size_t i = 0; i < SBX_COUNT_OF(numbers); i++) {
        if (!sbx_cgroup_parse_number(&numbers[i], at, &at) || *at != '-')
            return false;
        at++;
    }
    if (numbers[0] == 0 || numbers[0] > INT32_MAX || strspn(at, "0123456789abcdef") != 16 ||
        at[16] != '\0')
        return false;
    *out = (sbx_job_owner){(int)numbers[0], numbers[1], numbers[2]};
    return true;
}

bool sbx_job_owner_is_gone(const sbx_job_owner *owner, uint64_t our_pid_namespace)
{
    sbx_process process;

    if (owner->pid_namespace != our_pid_namespace)
        return false;
    if (!sbx_process_read(&process, owner->pid)) /* for want of a descriptor, it may be */
        return kill(owner->pid, 0) != 0 && errno == ESRCH;
    return process.start_ticks != owner->start_ticks || sbx_process_is_dead(&process);
}
