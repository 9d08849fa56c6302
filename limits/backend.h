/*
 * What a backend of limits/job.h is. Who may include it: limits/ and its tests.
 *
 * A job is made of at most two parts:
 *   group part     the kernel keeps the processes together (a cgroup; a Job Object on Windows)
 *   process part   what is done to or read from single processes: rlimits, affinity, looking at them
 * Parts are asked in the order of sbx_job_backends; each takes the limits it can hold out of
 * `wanted`, and what nobody takes is a refusal. Only limits/job.c calls these functions.
 */
#ifndef SBX_LIMITS_BACKEND_H
#define SBX_LIMITS_BACKEND_H

#include "limits/job.h"

/*
 * Processes in the job that are not the command's: its init, where that is in there. The count asked for is the
 * command's, so that many more are let in, and that many less are reported.
 */
enum { SBX_JOB_OVERHEAD_PROCESSES = 1 };

typedef struct sbx_job_request {
    const sbx_limits *limits;
    const sbx_job_options *options;
    bool wanted[SBX_LIMIT_COUNT]; /* asked for, and held by nobody yet */
    bool must_hold_all;           /* all of wanted, or fail with REFUSED */
} sbx_job_request;

typedef struct sbx_job_backend sbx_job_backend;

/* The head of each backend's own structure. */
typedef struct sbx_job_part {
    const sbx_job_backend *backend;
    sbx_enforcer enforcers[SBX_LIMIT_COUNT]; /* NONE: not held by this part */
    const char *group_name;                  /* of the directory; NULL: it is none */
} sbx_job_part;

struct sbx_job_backend {
    const char *word; /* for messages */
    sbx_job_choice choice;
    bool is_group;  /* a group part; tried one after the other until one succeeds */
    bool is_costly; /* only tried where it would hold everything */

    /* Fails: NOT_FOUND  there can be no group here, whatever is wanted; any other: not one that holds it */
    SBX_MUST_USE sbx_status (*create)(sbx_job_part **out_part, const sbx_job_request *request,
                                      sbx_error *err);
    void (*free)(sbx_job_part *part);

    /* The rest may be NULL: nothing to do, nothing to tell. Meaning as in limits/job.h. */
    int (*clone_fd)(const sbx_job_part *part);
    void *(*native)(const sbx_job_part *part);
    void *(*port)(const sbx_job_part *part);
    void (*take_message)(sbx_job_part *part, uint32_t message);
    sbx_status (*enter)(const sbx_job_part *part, sbx_error *err);
    sbx_status (*restrict_self)(const sbx_job_part *part, sbx_error *err);
    void (*started)(sbx_job_part *part, int64_t first_pid);
    int (*event_fd)(const sbx_job_part *part);
    void (*check)(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report); /* only sets */
    uint64_t (*next_check_ns)(const sbx_job_part *part);
    uint64_t (*cpu_now_ns)(sbx_job_part *part);
    void (*sample)(sbx_job_part *part, sbx_sample *out); /* what it can tell, the rest stays */
    sbx_status (*kill)(sbx_job_part *part, uint64_t timeout_ns, sbx_error *err);
    uint64_t (*count_processes)(const sbx_job_part *part);
    void (*read_usage)(sbx_job_part *part, sbx_usage *usage);
};

/* This system's backends in the order of choice, NULL at the end. Group parts first. */
extern const sbx_job_backend *const sbx_job_backends[];

/* The job's group; NULL: it has none. */
const sbx_job_part *sbx_job_group(const sbx_job *job);

/* What would make a limit possible here that nobody holds, for the refusal. */
extern const char *const sbx_host_limits_advice;

/* The host has no more than that, whatever anybody does. */
bool sbx_host_holds(sbx_limit_kind kind, uint64_t value);

/*
 * The earliest moment at which cpu_limit_ns could be used up: every CPU of the host busy from now on.
 * At least least_ns away, so that the last stretch is not spent looking.
 */
uint64_t sbx_host_cpu_deadline_ns(uint64_t now_ns, uint64_t used_ns, uint64_t cpu_limit_ns,
                                  uint64_t least_ns);

#endif
