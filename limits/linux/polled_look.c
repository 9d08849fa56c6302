/* The process part of a job: adding up the tree, and when to do it again. */
#include "harness/base/clock.h"
#include "limits/linux/host.h"
#include "limits/linux/polled.h"
#include "limits/linux/procfs.h"

#define SHORTEST_NS (10 * SBX_NS_PER_MS)
#define LONGEST_NS (100 * SBX_NS_PER_MS)

/* What one core can make resident per second, and how many processes it can make: fast ones. */
#define FILL_BYTES_PER_S (UINT64_C(2) << 30)
#define FORKS_PER_S UINT64_C(4000)

typedef struct sums {
    const sbx_polled *job;
    uint64_t thread_count, process_count, cpu_ns, rss_bytes, swap_bytes, pss_bytes;
} sums;

/* The job's first process runs in our memory: what it has there is none of the command's. */
static bool has_our_memory(const sbx_polled *job, const sbx_process *process)
{
    return job->first_is_ours && process->pid == job->first_pid;
}

static bool add_visit(const sbx_process *process, void *context)
{
    sums *sum = context;

    sum->cpu_ns += process->cpu_ns; /* a zombie's is not in its parent's yet */
    if (sbx_process_is_dead(process))
        return true;
    sum->process_count++;
    sum->thread_count += process->thread_count;
    if (has_our_memory(sum->job, process))
        return true;
    sum->rss_bytes += process->rss_bytes;
    if (sum->job->has_swap)
        sum->swap_bytes += sbx_process_swap_bytes(process->pid);
    return true;
}

/* Pages that several processes share count once here. Costs a walk of each address space. */
static bool add_pss_visit(const sbx_process *process, void *context)
{
    sums *sum = context;
    uint64_t bytes;

    if (sbx_process_is_dead(process) || has_our_memory(sum->job, process))
        return true;
    if (!sbx_process_pss_bytes(&bytes, process->pid))
        bytes =
            process->rss_bytes + (sum->job->has_swap ? sbx_process_swap_bytes(process->pid) : 0);
    sum->pss_bytes += bytes;
    return true;
}

static uint64_t without_overhead(uint64_t count)
{
    return count > SBX_JOB_OVERHEAD_PROCESSES ? count - SBX_JOB_OVERHEAD_PROCESSES : 0;
}

/* False where nothing could be seen. Keeps the peaks. */
static bool look(sbx_polled *job, sums *out)
{
    uint64_t bytes;

    *out = (sums){.job = job};
    if (job->first_pid == 0 || !sbx_process_walk(job->first_pid, add_visit, out))
        return false;
    bytes = out->rss_bytes + out->swap_bytes;
    if (bytes > job->memory_peak_bytes)
        job->memory_peak_bytes = bytes;
    if (without_overhead(out->thread_count) > job->processes_peak_count)
        job->processes_peak_count = without_overhead(out->thread_count);
    if (out->cpu_ns > job->cpu_seen_ns) /* a process that has just vanished may be missing */
        job->cpu_seen_ns = out->cpu_ns;
    return true;
}

uint64_t sbx_polled_interval_ns(uint64_t used, uint64_t limit, uint64_t fill_per_s)
{
    uint64_t headroom = limit > used ? limit - used : 0;
    uint64_t interval_ns = LONGEST_NS;
    uint64_t fill_ns;

    if (headroom <= limit / 2)
        return SHORTEST_NS;
    /* From half of the limit down to nothing used: 10 to 100 ms. */
    interval_ns = SHORTEST_NS + (uint64_t)((double)(LONGEST_NS - SHORTEST_NS) *
                                           (2.0 * (double)headroom / (double)limit - 1.0));
    fill_ns = headroom / fill_per_s >= 1 ? LONGEST_NS
                                         : headroom * SBX_NS_PER_MS / (fill_per_s / 1000 + 1);
    if (fill_ns < interval_ns)
        interval_ns = fill_ns;
    return interval_ns < SHORTEST_NS ? SHORTEST_NS : interval_ns;
}

static void due_in(sbx_polled *job, uint64_t now_ns, uint64_t wait_ns)
{
    if (now_ns + wait_ns < job->next_check_ns)
        job->next_check_ns = now_ns + wait_ns;
}

static void check_memory(sbx_polled *job, uint64_t now_ns, const sums *seen, sbx_job_report *report)
{
    uint64_t limit_bytes = SBX_UNLIMITED;
    uint64_t used_bytes = seen->rss_bytes + seen->swap_bytes;
    sums exact = {.job = job};

    if (job->memory_bytes == SBX_UNLIMITED) { /* swap alone is limited */
        if (job->swap_bytes == SBX_UNLIMITED)
            return;
        report->memory_reached = seen->swap_bytes > job->swap_bytes;
        due_in(job, now_ns,
               sbx_polled_interval_ns(seen->swap_bytes, job->swap_bytes, FILL_BYTES_PER_S));
        return;
    }
    if (job->swap_bytes < SBX_UNLIMITED - job->memory_bytes)
        limit_bytes = job->memory_bytes + job->swap_bytes;
    if (used_bytes > limit_bytes && sbx_process_walk(job->first_pid, add_pss_visit, &exact)) {
        report->memory_reached = exact.pss_bytes > limit_bytes;
        used_bytes = exact.pss_bytes;
    }
    due_in(job, now_ns, sbx_polled_interval_ns(used_bytes, limit_bytes, FILL_BYTES_PER_S));
}

/*
 * By rlimit the kernel refuses the fork and tells nobody; a tree seen at its limit is taken for that.
 * Without, nothing is refused, and only more than the limit counts.
 */
static void check_processes(sbx_polled *job, uint64_t now_ns, const sums *seen,
                            sbx_job_report *report)
{
    uint64_t count = without_overhead(seen->thread_count);

    if (job->part.enforcers[SBX_LIMIT_PROCESSES] == SBX_ENFORCER_RLIMIT) {
        report->processes_reached = count >= job->process_count;
        due_in(job, now_ns, LONGEST_NS);
    } else {
        report->processes_reached = count > job->process_count;
        due_in(job, now_ns, sbx_polled_interval_ns(count, job->process_count, FORKS_PER_S));
    }
}

void sbx_polled_check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report)
{
    sbx_polled *job = (sbx_polled *)part;
    bool is_looking = job->memory_bytes != SBX_UNLIMITED || job->swap_bytes != SBX_UNLIMITED ||
                      job->process_count != SBX_UNLIMITED || job->cpu_ns != SBX_UNLIMITED;
    sums seen;

    /* The runner calls for other reasons as well; looking has its own pace. */
    if (!is_looking || now_ns < job->next_check_ns)
        return;
    job->next_check_ns = SBX_UNLIMITED;
    if (!look(job, &seen)) {
        due_in(job, now_ns, LONGEST_NS);
        return;
    }
    if (!report->memory_reached)
        check_memory(job, now_ns, &seen, report);
    if (job->process_count != SBX_UNLIMITED && !report->processes_reached)
        check_processes(job, now_ns, &seen, report);
    if (job->cpu_ns != SBX_UNLIMITED && !report->cpu_reached) {
        report->cpu_reached = job->cpu_seen_ns >= job->cpu_ns;
        due_in(job, now_ns,
               sbx_host_cpu_deadline_ns(0, job->cpu_seen_ns, job->cpu_ns, SHORTEST_NS));
    }
}

uint64_t sbx_polled_next_check_ns(const sbx_job_part *part)
{
    return ((const sbx_polled *)part)->next_check_ns;
}

uint64_t sbx_polled_cpu_now_ns(sbx_job_part *part)
{
    sbx_polled *job = (sbx_polled *)part;
    sums seen;

    return look(job, &seen) ? job->cpu_seen_ns : SBX_UNLIMITED;
}

void sbx_polled_sample(sbx_job_part *part, sbx_sample *out)
{
    sbx_polled *job = (sbx_polled *)part;
    sums seen;

    if (!look(job, &seen))
        return;
    out->cpu_ns = job->cpu_seen_ns;
    out->memory_bytes = seen.rss_bytes + seen.swap_bytes;
    out->processes_count = without_overhead(seen.thread_count);
}

uint64_t sbx_polled_count_processes(const sbx_job_part *part)
{
    const sbx_polled *job = (const sbx_polled *)part;
    sums sum = {.job = job};

    if (job->first_pid == 0 || !sbx_process_walk(job->first_pid, add_visit, &sum))
        return SBX_UNLIMITED;
    return sum.process_count;
}
