/* The process part of a job on Linux. For limits/linux only. */
#ifndef SBX_LIMITS_LINUX_POLLED_H
#define SBX_LIMITS_LINUX_POLLED_H

#include <sched.h>

#include "limits/backend.h"

typedef struct sbx_polled {
    sbx_job_part part;
    cpu_set_t cpus;        /* with the enforcer AFFINITY */
    uint64_t rlimit_count; /* with the enforcer RLIMIT */
    uint64_t data_bytes; /* --mem-action fail: what one process may allocate; SBX_UNLIMITED: all */
    int first_pid;       /* 0: not started */
    bool first_is_ours; /* it stays outside of the job: its memory is the supervisor's */
    int first_pidfd;
    int first_io_fd;
    /* What is looked after; SBX_UNLIMITED: not looked at. */
    uint64_t memory_bytes, swap_bytes, process_count, cpu_ns;
    bool has_swap;
    uint64_t next_check_ns;
    /* The largest sums seen, without the job's own init. */
    uint64_t memory_peak_bytes, processes_peak_count, cpu_seen_ns;
} sbx_polled;

/* polled_look.c */
void sbx_polled_check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report);
uint64_t sbx_polled_next_check_ns(const sbx_job_part *part);
uint64_t sbx_polled_cpu_now_ns(sbx_job_part *part);
void sbx_polled_sample(sbx_job_part *part, sbx_sample *out);
uint64_t sbx_polled_count_processes(const sbx_job_part *part);

/*
 * How long to wait after having seen `used` of `limit`: 10 ms from half of the limit on, up to 100 ms
 * far below it, and never so long that filling the rest at fill_per_s could go unseen for longer than
 * one interval.
 */
uint64_t sbx_polled_interval_ns(uint64_t used, uint64_t limit, uint64_t fill_per_s);

#endif
