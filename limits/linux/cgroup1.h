/* The cgroup v1 part: a group per hierarchy, always below the caller's own. For limits/linux only. */
#ifndef SBX_LIMITS_LINUX_CGROUP1_H
#define SBX_LIMITS_LINUX_CGROUP1_H

#include "limits/backend.h"
#include "limits/linux/cgroup_files.h"
#include "limits/linux/cgroup_place.h"

/*
 * In the order of creation; removal goes backwards. So a memory group is there whenever any other is,
 * where the caller may make one at all, and sbx_job_sweep() need not look through all hierarchies.
 */
typedef enum sbx_cgroup1_role {
    SBX_CGROUP1_MEMORY,
    SBX_CGROUP1_PIDS,
    SBX_CGROUP1_CPUACCT,
    SBX_CGROUP1_CPU,
    SBX_CGROUP1_ROLE_COUNT
} sbx_cgroup1_role;

typedef struct sbx_cgroup1_group {
    bool is_owner; /* made here; otherwise another role's group is used (co-mounted controllers) */
    int hierarchy;
    int parent_fd; /* the caller's own group */
    int dir_fd;
    int tasks_fd; /* opened before the fork, so that entering is one write */
} sbx_cgroup1_group;

typedef struct sbx_cgroup1 {
    sbx_job_part part;
    char name[SBX_CGROUP_NAME_BYTES];
    sbx_cgroup1_group groups[SBX_CGROUP1_ROLE_COUNT];
    int oom_event_fd;       /* -1: the kernel wakes nobody up, look now and then */
    uint64_t oom_look_ns;   /* how soon to ask again whether it has killed; 0: no wake-up yet */
    uint64_t memory_bytes;  /* the limit; SBX_UNLIMITED: none */
    uint64_t memsw_bytes;   /* with swap; SBX_UNLIMITED: not limited here */
    uint64_t overhead_count; /* processes in there that are not the command's */
    uint64_t process_count;  /* as written, with the overhead */
    uint64_t cpu_ns;
    uint64_t next_check_ns;
} sbx_cgroup1;

/* The v1 hierarchy of a role. */
sbx_cgroup_controller sbx_cgroup1_controller(sbx_cgroup1_role role);

/* cgroup1_read.c: what the job's groups say. */
void sbx_cgroup1_check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report);
uint64_t sbx_cgroup1_next_check_ns(const sbx_job_part *part);
uint64_t sbx_cgroup1_cpu_now_ns(sbx_job_part *part);
void sbx_cgroup1_sample(sbx_job_part *part, sbx_sample *out);
uint64_t sbx_cgroup1_count_processes(const sbx_job_part *part);
void sbx_cgroup1_read_usage(sbx_job_part *part, sbx_usage *usage);

#endif
