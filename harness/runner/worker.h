/*
 * A worker: one process that runs one command after the other. The database stays open, first processes are made
 * without copying this one, and what is the same for every run is made once (the owners' mapping, an empty
 * network). Everything a command could leave something in is made afresh for each: processes and their
 * namespace, mounts, private temp and shared memory, System V and POSIX IPC, groups, filters, listeners, a
 * loopback network.
 *
 * The command begins in this process's memory and leaves it by its execve. Where memory is polled for want of a
 * group, what this process uses counts in till then; so with a --mem of less than an execve and twice that, it is forked for.
 *
 * Context: a process that has its signals for itself (as for sbx_run()), and no threads but the worker's own. Made
 * after the last fork: a worker belongs to the process that made it.
 */
#ifndef SBX_RUNNER_WORKER_H
#define SBX_RUNNER_WORKER_H

#include "harness/runner/refusal.h"
#include "harness/runner/runner.h"

typedef struct sbx_worker sbx_worker;

typedef struct sbx_worker_options {
    const char *audit_path; /* NULL: no audit */
    bool audit_required;    /* no start row, no run */
    uint64_t audit_busy_ns;
    const struct sbx_redaction *redaction; /* audit/redaction.h; kept, not copied */
} sbx_worker_options;

/* What of a run is not in its plan. */
typedef struct sbx_task {
    int stdio_fd
        [3]; /* become the command's 0, 1, 2; the caller's still. None of them a terminal. */
    const char *session, *agent;
    const char *const *labels; /* NULL-terminated key=value, or NULL */
    const char *batch, *task;  /* NULL: of no batch */
    unsigned attempt;          /* from 1 */
} sbx_task;

/* Fails where the audit is required and its database cannot be opened. */
SBX_MUST_USE sbx_status sbx_worker_create(sbx_worker **out, const sbx_worker_options *options,
                                          sbx_error *err);

/*
 * As sbx_run(): always fills *result, which goes with sbx_result_done(). The start row was durable before the command
 * ran. The end row is in the database when this returns, safe from any kill; from a loss of power it is with the next
 * start, or after sbx_worker_settle().
 */
void sbx_worker_run(sbx_result *result, sbx_worker *worker, const sbx_plan *plan,
                    const sbx_task *task);

/* The same for a command that was refused before it was planned: fills *result, and writes its row. */
void sbx_worker_refuse(sbx_result *result, sbx_worker *worker, const sbx_refusal *refusal,
                       const sbx_error *why);

/* For when there is nothing to run: what was recorded so far is durable when this returns. */
void sbx_worker_settle(sbx_worker *worker);

void sbx_worker_free(sbx_worker *worker); /* NULL is fine */

#endif
