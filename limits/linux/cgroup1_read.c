/* The cgroup v1 backend: what the job's groups say about it. */
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/linux/cgroup1.h"
#include "limits/linux/host.h"

/*
 * How far below its limit the highest charge may have stayed when the kernel gave up: the largest
 * single request for which it kills (32 KiB), and what single CPUs keep charged in advance.
 */
enum { OOM_SLACK_BYTES = 1 << 20 };

/* How often to look where the kernel does not wake us up. */
#define LOOK_NS (20 * SBX_NS_PER_MS)

/* How soon after a wake-up the kernel may have killed, and when it no longer matters much. */
#define FIRST_KILL_LOOK_NS (2 * SBX_NS_PER_MS)
#define LAST_KILL_LOOK_NS (500 * SBX_NS_PER_MS)

/* The highest charge has come up to the limit: the kill was for this group, not for the whole host. */
static bool was_full(int dir_fd, const char *peak_file, uint64_t limit_bytes)
{
    uint64_t peak_bytes;

    if (limit_bytes == SBX_UNLIMITED || sbx_cgroup_read_number(&peak_bytes, dir_fd, peak_file) != 0)
        return false;
    return peak_bytes >= limit_bytes || limit_bytes - peak_bytes <= OOM_SLACK_BYTES;
}

/*
 * Three things together: the kernel said "out of memory" for this group or one above, it killed
 * somebody in this one, and this one was full. The wake-up comes before the kill, and nothing says when
 * the kernel is done, so it is asked again in growing intervals.
 */
static bool memory_is_reached(sbx_cgroup1 *job, uint64_t now_ns)
{
    int dir_fd = job->groups[SBX_CGROUP1_MEMORY].dir_fd;
    uint64_t wake_ups = 0;
    uint64_t kill_count = 0;

    if (job->oom_event_fd == -1) {
        job->oom_look_ns = LOOK_NS;
    } else if (read(job->oom_event_fd, &wake_ups, sizeof(wake_ups)) == sizeof(wake_ups)) {
        job->oom_look_ns = FIRST_KILL_LOOK_NS;
    } else if (job->oom_look_ns != 0 && job->oom_look_ns < LAST_KILL_LOOK_NS) {
        job->oom_look_ns *= 2;
    }
    if (job->oom_look_ns == 0)
        return false;
    (void)sbx_cgroup_read_key(&kill_count, dir_fd, "memory.oom_control", "oom_kill");
    if (kill_count > 0 && (was_full(dir_fd, "memory.max_usage_in_bytes", job->memory_bytes) ||
                           was_full(dir_fd, "memory.memsw.max_usage_in_bytes", job->memsw_bytes)))
        return true;
    job->next_check_ns = now_ns + job->oom_look_ns;
    return false;
}

/* A refused fork is counted here also when a group further up was full, so the peak decides. */
static bool processes_are_reached(const sbx_cgroup1 *job)
{
    int dir_fd = job->groups[SBX_CGROUP1_PIDS].dir_fd;
    uint64_t refused_count = 0;
    uint64_t peak_count;

    if (sbx_cgroup_read_key(&refused_count, dir_fd, "pids.events", "max") != 0 ||
        refused_count == 0)
        return false;
    if (sbx_cgroup_read_number(&peak_count, dir_fd, "pids.peak") != 0)
        return true;
    return peak_count >= job->process_count;
}

uint64_t sbx_cgroup1_cpu_now_ns(sbx_job_part *part)
{
    const sbx_cgroup1 *job = (const sbx_cgroup1 *)part;
    int dir_fd = job->groups[SBX_CGROUP1_CPUACCT].dir_fd;
    uint64_t used_ns;

    if (dir_fd == -1 || sbx_cgroup_read_number(&used_ns, dir_fd, "cpuacct.usage") != 0)
        return SBX_UNLIMITED;
    return used_ns;
}

void sbx_cgroup1_check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report)
{
    sbx_cgroup1 *job = (sbx_cgroup1 *)part;

    job->next_check_ns = SBX_UNLIMITED;
    if (job->memory_bytes != SBX_UNLIMITED && !report->memory_reached)
        report->memory_reached = memory_is_reached(job, now_ns);
    if (job->process_count != SBX_UNLIMITED && !report->processes_reached)
        report->processes_reached = processes_are_reached(job);
    if (job->cpu_ns != SBX_UNLIMITED && !report->cpu_reached) {
        uint64_t used_ns = sbx_cgroup1_cpu_now_ns(part);

        if (used_ns == SBX_UNLIMITED)
            used_ns = 0;
        report->cpu_reached = used_ns >= job->cpu_ns;
        if (!report->cpu_reached) {
            uint64_t due_ns =
                sbx_host_cpu_deadline_ns(now_ns, used_ns, job->cpu_ns, 2 * SBX_NS_PER_MS);

            if (due_ns < job->next_check_ns)
                job->next_check_ns = due_ns;
        }
    }
}

uint64_t sbx_cgroup1_next_check_ns(const sbx_job_part *part)
{
    return ((const sbx_cgroup1 *)part)->next_check_ns;
}

uint64_t sbx_cgroup1_count_processes(const sbx_job_part *part)
{
    const sbx_cgroup1 *job = (const sbx_cgroup1 *)part;

    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++) {
        if (job->groups[role].dir_fd != -1)
            return sbx_cgroup_count_listed(job->groups[role].dir_fd);
    }
    return SBX_UNLIMITED;
}

static uint64_t commands_own(const sbx_job_part *part, uint64_t count)
{
    uint64_t others = ((const sbx_cgroup1 *)part)->overhead_count;

    return count > others ? count - others : count;
}

void sbx_cgroup1_sample(sbx_job_part *part, sbx_sample *out)
{
    const sbx_cgroup1_group *groups = ((const sbx_cgroup1 *)part)->groups;
    uint64_t value;

    out->cpu_ns = sbx_cgroup1_cpu_now_ns(part);
    if (groups[SBX_CGROUP1_MEMORY].dir_fd != -1 &&
        sbx_cgroup_read_number(&value, groups[SBX_CGROUP1_MEMORY].dir_fd,
                               "memory.usage_in_bytes") == 0)
        out->memory_bytes = value;
    if (groups[SBX_CGROUP1_PIDS].dir_fd != -1 &&
        sbx_cgroup_read_number(&value, groups[SBX_CGROUP1_PIDS].dir_fd, "pids.current") == 0)
        out->processes_count = commands_own(part, value);
}

/*
 * The total is exact; user and system are only sampled by the clock tick here. Where the caller has
 * measured them already (rusage of what it waited for), its ratio is kept.
 */
static void read_cpu(int dir_fd, sbx_usage *usage)
{
    uint64_t total_ns;
    uint64_t user = 0;
    uint64_t system = 0;
    char text[256];

    if (sbx_cgroup_read_number(&total_ns, dir_fd, "cpuacct.usage") != 0)
        return;
    if (usage->user_ns != SBX_UNLIMITED && usage->system_ns != SBX_UNLIMITED) {
        user = usage->user_ns;
        system = usage->system_ns;
    }
    if (user + system == 0 &&
        sbx_cgroup_read_text(dir_fd, "cpuacct.stat", text, sizeof(text)) > 0) {
        (void)sbx_cgroup_find_key(&user, text, "user");
        (void)sbx_cgroup_find_key(&system, text, "system");
    }
    usage->user_ns = total_ns;
    if (user + system > 0)
        usage->user_ns = (uint64_t)((long double)total_ns * (long double)user /
                                    ((long double)user + (long double)system));
    usage->system_ns = total_ns - usage->user_ns;
}

void sbx_cgroup1_read_usage(sbx_job_part *part, sbx_usage *usage)
{
    const sbx_cgroup1 *job = (const sbx_cgroup1 *)part;
    const sbx_cgroup1_group *groups = job->groups;
    uint64_t value;

    if (groups[SBX_CGROUP1_CPUACCT].dir_fd != -1)
        read_cpu(groups[SBX_CGROUP1_CPUACCT].dir_fd, usage);
    if (groups[SBX_CGROUP1_MEMORY].dir_fd != -1 &&
        sbx_cgroup_read_number(&value, groups[SBX_CGROUP1_MEMORY].dir_fd,
                               "memory.max_usage_in_bytes") == 0)
        usage->memory_peak_bytes = value;
    if (groups[SBX_CGROUP1_PIDS].dir_fd != -1 &&
        sbx_cgroup_read_number(&value, groups[SBX_CGROUP1_PIDS].dir_fd, "pids.peak") == 0)
        usage->processes_peak_count = commands_own(part, value);
}
