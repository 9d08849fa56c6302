/* The cgroup v2 part: one group with everything in it. For limits/linux only. */
#ifndef SBX_LIMITS_LINUX_CGROUP2_H
#define SBX_LIMITS_LINUX_CGROUP2_H

#include "limits/backend.h"
#include "limits/linux/cgroup_files.h"
#include "limits/linux/cgroup_place.h"

/* Controllers, as bits. */
enum {
    SBX_CGROUP2_MEMORY = 1,
    SBX_CGROUP2_PIDS = 2,
    SBX_CGROUP2_CPU = 4,
    SBX_CGROUP2_IO = 8,
};

/*
 * Where a job's group can be made. v2 allows controllers only below a group that has no processes of
 * its own, so the job's group cannot be below the caller's own, except at the very top or where the caller
 * leaves it for a leaf.
 */
typedef struct sbx_cgroup2_parent {
    int fd;                 /* the group to make it in */
    int own_fd;             /* the caller's own group, or -1 where fd is that */
    unsigned controllers;   /* switched on for what is made there */
    bool has_other_manager; /* who could switch them off again while the job runs */
} sbx_cgroup2_parent;

/* Where sbx itself goes in a group that was given to it, so that the group has no processes of its own. */
#define SBX_CGROUP2_LEAF "supervisor"

/* Makes the leaf, where it is not there, and moves this process into it. */
SBX_MUST_USE sbx_status sbx_cgroup2_enter_leaf(int group_fd, sbx_error *err);

/*
 * Finds a parent with at least `required`; switches on what is missing of required and `wished` where
 * the kernel lets us. It can move this process into a leaf of its own group, for good.
 * Fails: REFUSED, with the reason of the last candidate.
 */
SBX_MUST_USE sbx_status sbx_cgroup2_find_parent(sbx_cgroup2_parent *out,
                                                const sbx_cgroup_place *place, const char *root,
                                                unsigned required, unsigned wished, sbx_error *err);
void sbx_cgroup2_parent_done(sbx_cgroup2_parent *parent);

typedef struct sbx_cgroup2 {
    sbx_job_part part;
    char name[SBX_CGROUP_NAME_BYTES];
    sbx_cgroup2_parent parent;
    int dir_fd;   /* where the job's processes and limits are */
    bool is_made; /* parent.fd/name, which is dir_fd or holds it */
    int event_fd; /* an epoll instance over memory_events_fd; -1: look now and then */
    int memory_events_fd;
    uint64_t overhead_count; /* processes in there that are not the command's */
    uint64_t process_count;  /* as written, with the overhead; SBX_UNLIMITED: not limited */
    uint64_t cpu_ns;
    uint64_t next_check_ns;
} sbx_cgroup2;

/* cgroup2_read.c: what the job's group says. */
void sbx_cgroup2_watch_memory(sbx_cgroup2 *job);
void sbx_cgroup2_check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report);
uint64_t sbx_cgroup2_next_check_ns(const sbx_job_part *part);
uint64_t sbx_cgroup2_cpu_now_ns(sbx_job_part *part);
void sbx_cgroup2_sample(sbx_job_part *part, sbx_sample *out);
uint64_t sbx_cgroup2_count_processes(const sbx_job_part *part);
void sbx_cgroup2_read_usage(sbx_job_part *part, sbx_usage *usage);

/* cgroup_kill.c: stops everything in the group and waits until the kernel says that it is empty. */
int sbx_cgroup2_kill_group(int dir_fd, uint64_t timeout_ns);

#endif
