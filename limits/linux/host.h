/* What limits/linux asks about the host, and its list of backends. */
#ifndef SBX_LIMITS_LINUX_HOST_H
#define SBX_LIMITS_LINUX_HOST_H

#include "limits/backend.h"

extern const sbx_job_backend sbx_cgroup2_backend;
extern const sbx_job_backend sbx_cgroup1_backend;
extern const sbx_job_backend sbx_scope_backend;
extern const sbx_job_backend sbx_polled_backend;

/* The program that asks the user manager; NULL: look for it beside sbx. For tests. */
extern const char *sbx_scope_program;

/* Swap space is switched on. */
bool sbx_host_has_swap(void);

/*
 * The memory or the pids controller is mounted as v1, at its usual place. A controller is in one
 * version at a time, and a v2 group without any tells less than v1 groups do.
 */
bool sbx_host_has_v1(void);

/* CPUs that are switched on now, at least 1. */
unsigned sbx_host_cpu_count(void);

/* A rate as the kernel's bandwidth control takes it. */
typedef struct sbx_cpu_quota {
    uint64_t quota_us;
    uint64_t period_us;
} sbx_cpu_quota;

/* cpus_milli: thousandths of one CPU. */
sbx_cpu_quota sbx_host_cpu_quota(uint64_t cpus_milli);

#endif
