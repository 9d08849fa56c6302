/*
 * The job: a set of processes with common limits that dies as one. The contract of limits/, the same
 * on every system; backends are chosen at run time and named per limit in sbx_job_enforcer().
 *
 * Life of a job:
 *   1. sbx_job_create()       in the supervisor, before the first process; nothing runs yet
 *   2. the first process is made and enters:
 *        Linux    clone3 with sbx_job_clone_fd() where that is not -1 (cgroup v2); otherwise the new
 *                 process calls sbx_job_enter() on itself before it does anything else. With
 *                 first_stays_outside it is the first one's child of which this is true
 *        Windows  sbx_job_native() goes into PROC_THREAD_ATTRIBUTE_JOB_LIST
 *   3. sbx_job_started()      once, with the first process's pid, for backends that look at processes
 *   4. sbx_job_event_fd()     readable: call sbx_job_check(). Also call it when sbx_job_next_check_ns()
 *                             says so
 *   5. sbx_job_kill()         nothing of the job is left when it returns
 *   6. sbx_job_read_usage()   after the last process is gone, before free
 *   7. sbx_job_free()         leaves nothing on the host
 *
 * sbx_job_sweep() at any start clears what a killed supervisor could not.
 * Wall, idle, output, file size and open files are not the job's: the runner and the target hold them.
 */
#ifndef SBX_LIMITS_JOB_H
#define SBX_LIMITS_JOB_H

#include <stdint.h>

#include "limits/samples.h"

typedef struct sbx_job sbx_job;

typedef enum sbx_job_choice {
    SBX_JOB_AUTO,    /* cgroup2, else cgroup1, else the user manager's scope, else polled */
    SBX_JOB_CGROUP2, /* that one or a refusal: for tests and for `sbx doctor` */
    SBX_JOB_CGROUP1,
    SBX_JOB_SCOPE, /* a transient systemd scope with Delegate=yes, then cgroup2 */
    SBX_JOB_POLLED,
} sbx_job_choice;

typedef struct sbx_job_options {
    const char *name;      /* unique, file-name safe; the groups are called sbx-<name> */
    sbx_job_choice choice;
    bool allow_degraded;   /* a limit that nobody can hold becomes SBX_ENFORCER_NONE, not a refusal */
    bool has_user_namespace; /* Linux: processes will be counted per fresh user namespace (rlimit) */
    bool first_stays_outside; /* Linux: the first process does not enter; its child does, or is born there */
    const char *cgroup_root; /* Linux: stands in for /sys/fs/cgroup (tests); NULL: the host's */
} sbx_job_options;

/*
 * Makes the job's containers and sets the limits; each limit written is read back.
 * Fails:   REFUSED  a limit was asked for that no backend on this host can hold (step JOB; the message
 *                   names the limit and what would make it possible)
 *          IO       the host did not let us
 * Owns:    *out_job, to be given to sbx_job_free()
 * Context: supervisor, before threads. Linux: the scope backend moves this process into a scope of
 *          its own, for good
 */
SBX_MUST_USE sbx_status sbx_job_create(sbx_job **out_job, const sbx_limits *limits,
                                       const sbx_job_options *options, sbx_error *err);

/* The cgroup v2 directory for CLONE_INTO_CGROUP, or -1. Owned by the job. */
int sbx_job_clone_fd(const sbx_job *job);

/* Windows: the job handle. Linux: NULL. */
void *sbx_job_native(const sbx_job *job);

/*
 * Windows: the completion port at which the job speaks, owned by the job; it takes the place of
 * sbx_job_event_fd(). What comes out of it with the key SBX_JOB_PORT_KEY goes to sbx_job_take_message(); other
 * keys are the runner's to use. Linux: NULL.
 */
enum { SBX_JOB_PORT_KEY = 1 };
void *sbx_job_port(const sbx_job *job);
void sbx_job_take_message(sbx_job *job, uint32_t message);

/*
 * Moves the calling, single-threaded process into the job. Does nothing where clone_fd was used.
 * Context: after fork (no allocation). Linux v1: writes "0" to each `tasks` file: moving oneself as a
 * single thread takes no system-wide lock, where writing a pid to cgroup.procs can wait for an RCU
 * grace period.
 */
SBX_MUST_USE sbx_status sbx_job_enter(const sbx_job *job, sbx_error *err);

/*
 * The rlimits and the affinity that belong to the job's enforcement (processes; whole CPUs; the
 * allocations of --mem-action fail), applied by the target to itself, inside of its user namespace and
 * before the first fork in it. With SBX_ENFORCER_AFFINITY the target must also be kept from
 * sched_setaffinity. Context: after fork.
 */
SBX_MUST_USE sbx_status sbx_job_restrict_self(const sbx_job *job, sbx_error *err);

/*
 * Tells the job its first process, which must be alive. On Linux it is the root of the tree that polled
 * looks at, and its io is read from it, so it has to take in orphans: the init of a pid namespace, or
 * a child subreaper.
 */
void sbx_job_started(sbx_job *job, int64_t first_pid);

/* A descriptor that becomes readable when the kernel has something to say, or -1. Owned by the job. */
int sbx_job_event_fd(const sbx_job *job);

/* What a check found. */
typedef struct sbx_job_report {
    bool memory_reached;    /* the kernel's own OOM event (or the polled sum) */
    bool processes_reached; /* a fork was refused; with SBX_ENFORCER_POLLED nobody refuses: there are
                               more than allowed, and the runner has to stop the job */
    bool cpu_reached;       /* CPU time used up */
} sbx_job_report;

/*
 * Looks at the job now. Cheap (a few file reads). now_ns is the monotonic clock.
 * Never kills; the runner does that. Reports are sticky: once true, true for ever.
 * The wake-up can come before the kernel has chosen whom to kill; sbx_job_next_check_ns() is then a
 * few milliseconds away. Call it once more after the last process has ended.
 */
void sbx_job_check(sbx_job *job, uint64_t now_ns, sbx_job_report *out_report);

/*
 * When sbx_job_check() must be called again at the latest (monotonic ns), or SBX_UNLIMITED. For CPU
 * time: the earliest moment at which the limit could be reached with every CPU busy.
 */
uint64_t sbx_job_next_check_ns(const sbx_job *job);

/* Who holds that limit; meaningful only for limits that were asked for. */
sbx_enforcer sbx_job_enforcer(const sbx_job *job, sbx_limit_kind kind);

/* CPU time used so far, for --idle; SBX_UNLIMITED if unknown. */
uint64_t sbx_job_cpu_now_ns(sbx_job *job);

/*
 * What the job uses now: CPU time, memory, processes; not at_ns. What cannot be told is SBX_UNLIMITED.
 * A few file reads where there is a group for it, else a look at each process.
 */
void sbx_job_sample(sbx_job *job, sbx_sample *out);

/*
 * Stops every process of the job and waits until none is left, at most timeout_ns.
 * Linux: cgroup.kill, else SIGKILL to every process in the group, else to the tree of the first process
 * from below, itself last. Without a group that only reaches what hangs on a living first process, so
 * where there is no pid namespace either, call it before that one is let go.
 * Fails:   BUSY  some are left after timeout_ns
 * Context: supervisor.
 */
SBX_MUST_USE sbx_status sbx_job_kill(sbx_job *job, uint64_t timeout_ns, sbx_error *err);

/* How many processes are in the job now; SBX_UNLIMITED if unknown. */
uint64_t sbx_job_count_processes(const sbx_job *job);

/*
 * What the job used in all. Fields that this backend cannot tell stay as they were in *usage, so put
 * in there first what was measured otherwise (rusage). On Linux io can be told as long as the first
 * process is not waited for: leave it a zombie (waitid with WNOWAIT) until this was called.
 */
void sbx_job_read_usage(sbx_job *job, sbx_usage *usage);

/* Removes the groups. NULL is fine. Call after sbx_job_kill(). */
void sbx_job_free(sbx_job *job);

/*
 * Removes groups whose supervisor is gone, where sbx_job_create() would make one now; what is still
 * in them is killed. The name of a group holds its owner, made by sbx_job_name():
 * sbx-<pid>-<start time>-<pid namespace>-<random>.
 * Returns how many were removed. Never touches a group whose owner lives or was in another pid
 * namespace, or that another user owns. own: a job that was just made, NULL: none. It saves most of the work: where
 * it has no group none can be made, and where its own is the only one there is nothing to look for.
 */
unsigned sbx_job_sweep(const sbx_job *own);

/* Writes a fresh unique job name for this process into out. */
enum { SBX_JOB_NAME_BYTES = 64 };
SBX_MUST_USE sbx_status sbx_job_name(char out[SBX_JOB_NAME_BYTES], sbx_error *err);

#endif
