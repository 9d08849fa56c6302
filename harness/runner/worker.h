/*
 * A worker: one process that runs one command after the other. What a launch makes of a plan's places and walls
 * is made once and kept ("view": namespaces, mounts, Landlock ruleset), the database stays open, and the end row
 * of a run is made durable together with the next start row. What could carry anything from one command to the
 * next is made afresh for each: processes, private temp, shared memory, System V and POSIX IPC, cgroups,
 * listeners, loopback network.
 *
 * Views are found again by sbx_plan_view_key(): plans that differ only in command, environment and limits share
 * one. At most SBX_WORKER_VIEWS are kept, the one unused for longest is dropped.
 *
 * Context: a process without threads that has its signals for itself (as for sbx_run()). Not to be used from two
 * processes: make it after the fork.
 */
#ifndef SBX_RUNNER_WORKER_H
#define SBX_RUNNER_WORKER_H

#include "harness/runner/runner.h"

enum { SBX_WORKER_VIEWS = 4 };

typedef struct sbx_worker sbx_worker;

typedef struct sbx_worker_options {
    const char *audit_path; /* NULL: no audit */
    bool audit_required;    /* no start row, no run */
    uint64_t audit_busy_ns;
} sbx_worker_options;

/* What of a run is not in its plan. */
typedef struct sbx_task {
    int stdio_fd[3]; /* become the command's 0, 1, 2; the caller's still. None of them a terminal. */
    const char *session, *agent;
    const char *const *labels; /* NULL-terminated key=value, or NULL */
    const char *batch, *task;  /* NULL: of no batch */
    unsigned attempt;          /* from 1 */
} sbx_task;

SBX_MUST_USE sbx_status sbx_worker_create(sbx_worker **out, const sbx_worker_options *options,
                                          sbx_error *err);

/*
 * As sbx_run(): always fills *result, whose `denials` go with sbx_result_done(). The run's end row may not be
 * durable yet when this returns: sbx_worker_flush() makes it so, and the next run does.
 */
void sbx_worker_run(sbx_result *result, sbx_worker *worker, const sbx_plan *plan,
                    const sbx_task *task);

/* Makes durable what is not. Call it before anybody is told that a run has ended and may act on that. */
SBX_MUST_USE sbx_status sbx_worker_flush(sbx_worker *worker, sbx_error *err);

void sbx_worker_free(sbx_worker *worker); /* flushes; NULL is fine */

#endif
