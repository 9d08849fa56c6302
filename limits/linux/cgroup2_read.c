/* The cgroup v2 backend: what the job's group says about it. */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/linux/cgroup2.h"
#include "limits/linux/host.h"

/* How often to look where the kernel does not wake us up. */
#define LOOK_NS (20 * SBX_NS_PER_MS)

/* memory.events changes with EPOLLPRI; it is always "readable" besides, so it needs an epoll of its own. */
void sbx_cgroup2_watch_memory(sbx_cgroup2 *job)
{
    struct epoll_event event = {.events = EPOLLPRI};
    char text[512];

    job->memory_events_fd = openat(job->dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
    if (job->memory_events_fd == -1)
        return;
    /* What stands there now is not news: reading is what arms the next wake-up. */
    (void)!pread(job->memory_events_fd, text, sizeof(text), 0);
    job->event_fd = epoll_create1(EPOLL_CLOEXEC);
    if (job->event_fd != -1 &&
        epoll_ctl(job->event_fd, EPOLL_CTL_ADD, job->memory_events_fd, &event) != 0) {
        close(job->event_fd);
        job->event_fd = -1;
    }
}

/*
 * `oom` counts this group's own limit, `oom_kill` every kill in it, also for the sake of a group further
 * up or the whole host. The kernel wakes us up for each.
 */
static bool memory_is_reached(sbx_cgroup2 *job)
{
    uint64_t full_count = 0;
    uint64_t kill_count = 0;
    char text[512];

    if (job->memory_events_fd != -1) /* through the watched descriptor: arms the next wake-up */
        (void)!pread(job->memory_events_fd, text, sizeof(text), 0);
    (void)sbx_cgroup_read_key(&full_count, job->dir_fd, "memory.events", "oom");
    (void)sbx_cgroup_read_key(&kill_count, job->dir_fd, "memory.events", "oom_kill");
    return full_count > 0 && kill_count > 0;
}

/* Before Linux 6.10 a refusal by a group further up was counted here as well, so the peak decides. */
static bool processes_are_reached(const sbx_cgroup2 *job)
{
    uint64_t refused_count = 0;
    uint64_t peak_count;

    if (sbx_cgroup_read_key(&refused_count, job->dir_fd, "pids.events", "max") != 0 ||
        refused_count == 0)
        return false;
    if (sbx_cgroup_read_number(&peak_count, job->dir_fd, "pids.peak") != 0)
        return true;
    return peak_count >= job->process_count;
}

uint64_t sbx_cgroup2_cpu_now_ns(sbx_job_part *part)
{
    const sbx_cgroup2 *job = (const sbx_cgroup2 *)part;
    uint64_t used_us;

    if (sbx_cgroup_read_key(&used_us, job->dir_fd, "cpu.stat", "usage_usec") != 0)
        return SBX_UNLIMITED;
    return used_us * SBX_NS_PER_US;
}

void sbx_cgroup2_check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report)
{
    sbx_cgroup2 *job = (sbx_cgroup2 *)part;
    bool has_memory = (job->parent.controllers & SBX_CGROUP2_MEMORY) != 0;

    job->next_check_ns = SBX_UNLIMITED;
    if (has_memory && !report->memory_reached) {
        report->memory_reached = memory_is_reached(job);
        if (!report->memory_reached && job->event_fd == -1)
            job->next_check_ns = now_ns + LOOK_NS;
    }
    if (job->process_count != SBX_UNLIMITED && !report->processes_reached)
        report->processes_reached = processes_are_reached(job);
    if (job->cpu_ns != SBX_UNLIMITED && !report->cpu_reached) {
        uint64_t used_ns = sbx_cgroup2_cpu_now_ns(part);
        uint64_t due_ns;

        if (used_ns == SBX_UNLIMITED)
            used_ns = 0;
        report->cpu_reached = used_ns >= job->cpu_ns;
        due_ns = sbx_host_cpu_deadline_ns(now_ns, used_ns, job->cpu_ns, 2 * SBX_NS_PER_MS);
        if (!report->cpu_reached && due_ns < job->next_check_ns)
            job->next_check_ns = due_ns;
    }
}

uint64_t sbx_cgroup2_next_check_ns(const sbx_job_part *part)
{
    return ((const sbx_cgroup2 *)part)->next_check_ns;
}

uint64_t sbx_cgroup2_count_processes(const sbx_job_part *part)
{
    return sbx_cgroup_count_listed(((const sbx_cgroup2 *)part)->dir_fd);
}

static uint64_t commands_own(const sbx_cgroup2 *job, uint64_t count)
{
    return count > job->overhead_count ? count - job->overhead_count : count;
}

void sbx_cgroup2_sample(sbx_job_part *part, sbx_sample *out)
{
    const sbx_cgroup2 *job = (const sbx_cgroup2 *)part;
    uint64_t value;

    out->cpu_ns = sbx_cgroup2_cpu_now_ns(part);
    if (sbx_cgroup_read_number(&value, job->dir_fd, "memory.current") == 0)
        out->memory_bytes = value;
    if (sbx_cgroup_read_number(&value, job->dir_fd, "pids.current") == 0)
        out->processes_count = commands_own(job, value);
}

/* Adds up "key=number" over the devices of io.stat. */
static uint64_t sum_io(const char *text, const char *key)
{
    uint64_t sum = 0;

    for (const char *at = strstr(text, key); at != NULL; at = strstr(at, key)) {
        uint64_t value;

        at += strlen(key);
        if (sbx_cgroup_parse_number(&value, at, NULL))
            sum += value;
    }
    return sum;
}

void sbx_cgroup2_read_usage(sbx_job_part *part, sbx_usage *usage)
{
    const sbx_cgroup2 *job = (const sbx_cgroup2 *)part;
    char text[8192];
    uint64_t user_us;
    uint64_t system_us;
    uint64_t value;

    if (sbx_cgroup_read_key(&user_us, job->dir_fd, "cpu.stat", "user_usec") == 0 &&
        sbx_cgroup_read_key(&system_us, job->dir_fd, "cpu.stat", "system_usec") == 0) {
        usage->user_ns = user_us * SBX_NS_PER_US;
        usage->system_ns = system_us * SBX_NS_PER_US;
    }
    if (sbx_cgroup_read_number(&value, job->dir_fd, "memory.peak") == 0)
        usage->memory_peak_bytes = value;
    if (sbx_cgroup_read_number(&value, job->dir_fd, "pids.peak") == 0)
        usage->processes_peak_count = commands_own(job, value);
    if (sbx_cgroup_read_text(job->dir_fd, "io.stat", text, sizeof(text)) >= 0) {
        usage->io_read_bytes = sum_io(text, " rbytes=");
        usage->io_write_bytes = sum_io(text, " wbytes=");
    }
}
