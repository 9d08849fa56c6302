/*
 * The process part of a job: what is done to single processes and read from them.
 *
 * Next to a cgroup it sets the rlimits that belong to the job and reads the io of the tree. Without
 * one it holds what it can: processes by RLIMIT_NPROC in a fresh user namespace, whole CPUs by
 * affinity, and the rest by looking at the tree of the first process every 10 to 100 ms.
 */
#include "limits/linux/polled.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/linux/host.h"
#include "limits/linux/procfs.h"

/*
 * RLIMIT_NPROC is counted per user and user namespace (since Linux 5.14), so that in a fresh one it
 * counts the job alone. The kernel lets uid 0 of the host pass.
 */
static bool can_count_by_rlimit(const sbx_job_options *options)
{
    return options->has_user_namespace && geteuid() != 0;
}

/* The first `count` CPUs of those that the caller may use. */
static bool choose_cpus(cpu_set_t *out, uint64_t count)
{
    cpu_set_t mine;
    uint64_t chosen_count = 0;

    if (sched_getaffinity(0, sizeof(mine), &mine) != 0)
        return false;
    CPU_ZERO(out);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && chosen_count < count; cpu++) {
        if (CPU_ISSET(cpu, &mine)) {
            CPU_SET(cpu, out);
            chosen_count++;
        }
    }
    return chosen_count > 0;
}

static void take_limits(sbx_polled *job, const sbx_job_request *request)
{
    const uint64_t *value = request->limits->value;
    const bool *wanted = request->wanted;
    sbx_enforcer *enforcers = job->part.enforcers;
    bool is_needed = wanted[SBX_LIMIT_PROCESSES] || wanted[SBX_LIMIT_MEMORY] ||
                     wanted[SBX_LIMIT_SWAP] || wanted[SBX_LIMIT_CPU];
    bool can_look = is_needed && sbx_process_can_walk();

    if (wanted[SBX_LIMIT_CPUS] && value[SBX_LIMIT_CPUS] >= 1000 &&
        choose_cpus(&job->cpus, value[SBX_LIMIT_CPUS] / 1000))
        enforcers[SBX_LIMIT_CPUS] = SBX_ENFORCER_AFFINITY;
    if (wanted[SBX_LIMIT_PROCESSES] && can_count_by_rlimit(request->options))
        enforcers[SBX_LIMIT_PROCESSES] = SBX_ENFORCER_RLIMIT;
    else if (wanted[SBX_LIMIT_PROCESSES] && can_look)
        enforcers[SBX_LIMIT_PROCESSES] = SBX_ENFORCER_POLLED;
    if (wanted[SBX_LIMIT_PROCESSES] && can_look)
        job->process_count = value[SBX_LIMIT_PROCESSES];
    if (!can_look)
        return;
    if (wanted[SBX_LIMIT_MEMORY]) {
        enforcers[SBX_LIMIT_MEMORY] = SBX_ENFORCER_POLLED;
        job->memory_bytes = value[SBX_LIMIT_MEMORY];
        job->swap_bytes = value[SBX_LIMIT_SWAP] != SBX_UNLIMITED ? value[SBX_LIMIT_SWAP] : 0;
        job->has_swap = sbx_host_has_swap();
    }
    if (wanted[SBX_LIMIT_SWAP]) {
        enforcers[SBX_LIMIT_SWAP] = SBX_ENFORCER_POLLED;
        job->swap_bytes = value[SBX_LIMIT_SWAP];
        job->has_swap = true;
    }
    if (wanted[SBX_LIMIT_CPU]) {
        enforcers[SBX_LIMIT_CPU] = SBX_ENFORCER_POLLED;
        job->cpu_ns = value[SBX_LIMIT_CPU];
    }
}

static sbx_status create(sbx_job_part **out_part, const sbx_job_request *request, sbx_error *err)
{
    sbx_polled *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_JOB, "no memory for a job");
    job->part.backend = &sbx_polled_backend;
    job->first_is_ours = request->options->first_stays_outside;
    job->first_pidfd = job->first_io_fd = -1;
    job->memory_bytes = job->swap_bytes = job->process_count = job->cpu_ns = SBX_UNLIMITED;
    job->next_check_ns = SBX_UNLIMITED;
    job->data_bytes =
        request->limits->memory_fails ? request->limits->value[SBX_LIMIT_MEMORY] : SBX_UNLIMITED;
    take_limits(job, request);
    if (job->part.enforcers[SBX_LIMIT_PROCESSES] == SBX_ENFORCER_RLIMIT)
        job->rlimit_count = request->limits->value[SBX_LIMIT_PROCESSES];
    *out_part = &job->part;
    return SBX_OK;
}

static void free_part(sbx_job_part *part)
{
    sbx_polled *job = (sbx_polled *)part;

    if (job->first_pidfd != -1)
        close(job->first_pidfd);
    if (job->first_io_fd != -1)
        close(job->first_io_fd);
    free(job);
}

/* Lowers both the soft and the hard limit; one that is lower already stays. */
static sbx_status lower_rlimit(int resource, uint64_t value, const char *name, sbx_error *err)
{
    struct rlimit limit;

    if (prlimit(0, resource, NULL, &limit) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_RLIMIT, errno, "read %s", name);
    if (limit.rlim_max > value)
        limit.rlim_max = value;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (prlimit(0, resource, &limit, NULL) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_RLIMIT, errno, "set %s", name);
    return SBX_OK;
}

static sbx_status restrict_self(const sbx_job_part *part, sbx_error *err)
{
    const sbx_polled *job = (const sbx_polled *)part;
    sbx_status st = SBX_OK;

    if (part->enforcers[SBX_LIMIT_CPUS] == SBX_ENFORCER_AFFINITY &&
        sched_setaffinity(0, sizeof(job->cpus), &job->cpus) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_RLIMIT, errno, "set the CPU affinity");
    if (part->enforcers[SBX_LIMIT_PROCESSES] == SBX_ENFORCER_RLIMIT &&
        job->rlimit_count < INT32_MAX - SBX_JOB_OVERHEAD_PROCESSES)
        st = lower_rlimit(RLIMIT_NPROC, job->rlimit_count + SBX_JOB_OVERHEAD_PROCESSES,
                          "RLIMIT_NPROC", err);
    if (st == SBX_OK && job->data_bytes != SBX_UNLIMITED)
        st = lower_rlimit(RLIMIT_DATA, job->data_bytes, "RLIMIT_DATA", err);
    return st;
}

static void started(sbx_job_part *part, int64_t first_pid)
{
    sbx_polled *job = (sbx_polled *)part;

    job->first_pid = (int)first_pid;
    job->first_pidfd = (int)syscall(SYS_pidfd_open, job->first_pid, 0);
    job->first_io_fd = sbx_process_open_io(job->first_pid);
    if (job->memory_bytes != SBX_UNLIMITED || job->swap_bytes != SBX_UNLIMITED ||
        job->process_count != SBX_UNLIMITED || job->cpu_ns != SBX_UNLIMITED)
        job->next_check_ns = 0;
}

/* Sends SIGKILL to the tree, except for its root: that one takes in the orphans to the last. */
typedef struct kill_round {
    int root_pid;
    unsigned living_count;
} kill_round;

static bool kill_visit(const sbx_process *process, void *context)
{
    kill_round *round = context;
    sbx_process again;
    int pidfd;

    if (process->pid == round->root_pid || sbx_process_is_dead(process))
        return true;
    round->living_count++;
    pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (pidfd < 0)
        return true;
    /* The number may have passed on between the look and the pidfd; the start time has not. */
    if (sbx_process_read(&again, process->pid) && again.start_ticks == process->start_ticks)
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    close(pidfd);
    return true;
}

static sbx_status kill_all(sbx_job_part *part, uint64_t timeout_ns, sbx_error *err)
{
    sbx_polled *job = (sbx_polled *)part;
    uint64_t started_ns = sbx_clock_monotonic_ns();
    uint64_t deadline_ns =
        timeout_ns > UINT64_MAX - started_ns ? UINT64_MAX : started_ns + timeout_ns;
    struct pollfd ended = {.fd = job->first_pidfd, .events = POLLIN};

    if (job->first_pidfd == -1)
        return SBX_OK;
    while (poll(&ended, 1, 0) == 0) {
        kill_round round = {.root_pid = job->first_pid};

        if (sbx_clock_monotonic_ns() >= deadline_ns)
            return sbx_fail_errno(err, SBX_BUSY, SBX_STEP_JOB, ETIMEDOUT,
                                  "stop the processes below %d", job->first_pid);
        if (!sbx_process_walk(job->first_pid, kill_visit, &round))
            return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_JOB, "no memory to list processes");
        if (round.living_count == 0)
            (void)syscall(SYS_pidfd_send_signal, job->first_pidfd, SIGKILL, NULL, 0);
        (void)poll(&ended, 1, round.living_count == 0 ? 50 : 1);
    }
    return SBX_OK;
}

/* As long as the first process is there, if only as a zombie, it has the io of all it waited for. */
static void read_usage(sbx_job_part *part, sbx_usage *usage)
{
    const sbx_polled *job = (const sbx_polled *)part;
    uint64_t read_bytes;
    uint64_t write_bytes;

    if (job->first_io_fd != -1 &&
        sbx_process_read_io(&read_bytes, &write_bytes, job->first_io_fd)) {
        usage->io_read_bytes = read_bytes;
        usage->io_write_bytes = write_bytes;
    }
    if (job->memory_peak_bytes > 0 && (usage->memory_peak_bytes == SBX_UNLIMITED ||
                                       usage->memory_peak_bytes < job->memory_peak_bytes))
        usage->memory_peak_bytes = job->memory_peak_bytes;
    if (job->processes_peak_count > 0)
        usage->processes_peak_count = job->processes_peak_count;
}

const sbx_job_backend sbx_polled_backend = {
    .word = "polled",
    .choice = SBX_JOB_POLLED,
    .create = create,
    .free = free_part,
    .restrict_self = restrict_self,
    .started = started,
    .check = sbx_polled_check,
    .next_check_ns = sbx_polled_next_check_ns,
    .cpu_now_ns = sbx_polled_cpu_now_ns,
    .kill = kill_all,
    .count_processes = sbx_polled_count_processes,
    .sample = sbx_polled_sample,
    .read_usage = read_usage,
};
