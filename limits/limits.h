/*
 * The vocabulary of limits: what may be asked of a job, who holds it, and what a job used.
 *
 * Every size is uint64_t bytes, every duration uint64_t nanoseconds. SBX_UNLIMITED means "not asked
 * for"; 0 is a value like any other (--swap 0).
 */
#ifndef SBX_LIMITS_LIMITS_H
#define SBX_LIMITS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/error.h"

#define SBX_UNLIMITED UINT64_MAX

typedef enum sbx_limit_kind {
    SBX_LIMIT_MEMORY,    /* --mem    bytes, whole tree, swap counted unless --swap says otherwise */
    SBX_LIMIT_SWAP,      /* --swap   bytes of swap on top of --mem */
    SBX_LIMIT_CPUS,      /* --cpus   rate, in thousandths of one CPU */
    SBX_LIMIT_CPU,       /* --cpu    CPU time of the whole tree, ns */
    SBX_LIMIT_WALL,      /* --wall   ns since the command's first instruction */
    SBX_LIMIT_IDLE,      /* --idle   ns during which the job used less than 1 % of one CPU */
    SBX_LIMIT_PROCESSES, /* --procs  processes and threads alive at once */
    SBX_LIMIT_FILE_SIZE, /* --fsize  bytes, largest file a process may write */
    SBX_LIMIT_FILES,     /* --files  open descriptors per process */
    SBX_LIMIT_OUTPUT,    /* --output bytes, stdout and stderr together */
    SBX_LIMIT_COUNT
} sbx_limit_kind;

/* The words for JSON, SQL and messages: memory swap cpus cpu wall idle procs fsize files output. */
const char *sbx_limit_word(sbx_limit_kind kind);

typedef struct sbx_limits {
    uint64_t value[SBX_LIMIT_COUNT]; /* SBX_UNLIMITED: not asked for */
    uint64_t grace_ns;               /* between TERM and KILL when a limit or a signal stops the job */
    bool memory_fails;               /* --mem-action fail: leave it to the allocation, do not kill */
} sbx_limits;

/* Nothing asked for; grace 2 s. */
void sbx_limits_init(sbx_limits *limits);

/* Who holds a limit. Append only: the words are stored in the audit database. */
#define SBX_ENFORCER_MAP(X)                                                                        \
    X(NONE, "none")             /* nobody; only with --allow-degraded */                           \
    X(CGROUP2, "cgroup2")                                                                          \
    X(CGROUP1, "cgroup1")                                                                          \
    X(JOB_OBJECT, "job_object")                                                                    \
    X(RLIMIT, "rlimit")         /* per process, or per user namespace for processes */             \
    X(POLLED, "polled")         /* sbx looks and acts; can be late by one interval */              \
    X(TIMER, "timer")           /* sbx's own clock: wall and idle */                               \
    X(AFFINITY, "affinity")     /* the job may only run on that many CPUs */                       \
    X(HARDWARE, "hardware")     /* the host has no more than that */                               \
    X(PIPE, "pipe")             /* sbx copies and counts: output */

typedef enum sbx_enforcer {
#define X(name, word) SBX_ENFORCER_##name,
    SBX_ENFORCER_MAP(X)
#undef X
} sbx_enforcer;

const char *sbx_enforcer_word(sbx_enforcer enforcer);

/* What a job used, read from the job as a whole. A field nobody could tell is SBX_UNLIMITED. */
typedef struct sbx_usage {
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t memory_peak_bytes;
    uint64_t processes_peak_count;
    uint64_t io_read_bytes;
    uint64_t io_write_bytes;
} sbx_usage;

void sbx_usage_init(sbx_usage *usage);

/* user + system; SBX_UNLIMITED where neither is known. */
uint64_t sbx_usage_cpu_ns(const sbx_usage *usage);

#endif
