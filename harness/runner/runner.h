/*
 * The runner: starts a plan, watches it, stops it, and hands back what happened. Third of the three
 * lives. One call, one run; the caller's signals, terminal and descriptors are as before when it
 * returns.
 */
#ifndef SBX_RUNNER_RUNNER_H
#define SBX_RUNNER_RUNNER_H

#include "audit/store.h"
#include "harness/policy/plan.h"
#include "harness/runner/verdict.h"

typedef struct sbx_run_options {
    const char *audit_path; /* NULL: no audit */
    bool audit_required;    /* no start row, no run */
    const char *session, *agent;
    const char *const *labels;
    const char *batch, *task; /* NULL: of no batch */
    unsigned attempt;
    uint64_t audit_busy_ns;
    const struct sbx_redaction *redaction; /* audit/redaction.h; NULL: the built-in patterns */
    bool ends_process; /* the caller does, behind a run whose command went: memory and the database stay as they are */
} sbx_run_options;

typedef struct sbx_result {
    char run_id[27];
    sbx_verdict verdict;
    sbx_events events;
    uint64_t started_us, ended_us, wall_ns;
    sbx_usage usage;
    sbx_samples *samples; /* of its use over time; NULL: none */
    sbx_enforcer enforcers[SBX_LIMIT_COUNT]; /* of limits asked for */
    bool is_partial;
    sbx_text missing;
    sbx_text walls;
    sbx_denials *denials; /* NULL: not watched */
    sbx_denials *learned; /* changes outside of the roots that nothing refused; NULL: --learn was not said */
    uint64_t processes_count, processes_lost, leaked_processes;
    uint64_t output_bytes;
    bool output_truncated;
    char audit_sources[64];
    int audit_complete; /* 1, 0, -1 as in sbx_store_end */
    bool audit_failed;  /* best effort: something could not be recorded */
    sbx_error audit_error;
} sbx_result;

/*
 * Runs the plan to its end. Always fills *result, also on failure: the verdict says refused or error.
 * Context: a process that has its signals for itself, without threads but a worker's own.
 */
void sbx_run(sbx_result *result, const sbx_plan *plan, const sbx_run_options *options);

void sbx_result_done(sbx_result *result);

/* The result as the JSON of --result. */
SBX_MUST_USE sbx_status sbx_result_to_json(sbx_text *out, const sbx_result *result,
                                           const sbx_plan *plan, sbx_error *err);

#endif
