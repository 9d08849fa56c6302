/*
 * The worker processes, as who gives them tasks has them: each has one task at a time, and when this process is killed
 * they are, with everything they run.
 *
 * Linux: forked early, while this process is small; each runs one task after the other (harness/runner/worker.h).
 * Windows: sbx.exe once more for each task, in a job that dies with this process. This process closes itself to the
 * tasks' commands, which are of the same user, when the pool is made.
 *
 * Context: a process without threads but the pool's own, that has its signals for itself.
 */
#ifndef SBX_BATCH_POOL_H
#define SBX_BATCH_POOL_H

#include "harness/base/text.h"
#include "harness/batch/manifest.h"
#include "harness/batch/wire.h"

/* What every worker is given at its start. */
typedef struct sbx_batch_setup {
    int out_fd;           /* Linux: the directory of results, or -1 */
    const char *out_path; /* the same; tasks are kept from it. NULL: none */
    const char *audit_path;
    bool audit_required;
    const struct sbx_redaction *redaction;
    bool allow_degraded, watch_denials;
    const char *session, *agent;
    const char *const *labels; /* of every task; NULL-terminated, or NULL */
    const char *const *environment;
} sbx_batch_setup;

typedef struct sbx_pool sbx_pool;

/* setup must live as long as the pool. */
SBX_MUST_USE sbx_status sbx_pool_create(sbx_pool **out, uint32_t count, const sbx_batch_setup *setup,
                                        sbx_error *err);
/* Everything of it is dead when this returns. NULL is fine. */
void sbx_pool_free(sbx_pool *pool);

/* A worker without a task. False: none. */
bool sbx_pool_idle(const sbx_pool *pool, uint32_t *out_worker);

/* An idle worker has that task from now on. One that is dead shows when it is waited for. */
SBX_MUST_USE sbx_status sbx_pool_send(sbx_pool *pool, uint32_t worker, uint32_t task,
                                      const sbx_batch_order *order, const sbx_text *spec,
                                      sbx_error *err);

typedef enum sbx_pool_news {
    SBX_POOL_NOTHING, /* the time is over, or it was nothing of interest */
    SBX_POOL_REPORT,  /* a task has ended, its worker is idle */
    SBX_POOL_DEAD,    /* a worker died, with its task */
    SBX_POOL_SIGNAL,  /* somebody wants this process to stop */
} sbx_pool_news;

typedef struct sbx_pool_event {
    sbx_pool_news news;
    uint32_t worker, task;
    sbx_batch_report report;
    const char *text; /* the report's, NUL-terminated; good until the next call */
    int signal;       /* its number as on Linux */
} sbx_pool_event;

/* The next thing that happens. timeout_ms: -1 for ever. */
SBX_MUST_USE sbx_status sbx_pool_wait(sbx_pool_event *out, sbx_pool *pool, int timeout_ms,
                                      sbx_error *err);

/* In the place of one that died. */
SBX_MUST_USE sbx_status sbx_pool_replace(sbx_pool *pool, uint32_t worker, sbx_error *err);

/* What runs is stopped as a limit would stop it; it is reported as cancelled. */
void sbx_pool_stop(const sbx_pool *pool);
/* What runs dies at once, and its worker with it. */
void sbx_pool_kill(const sbx_pool *pool);

/* INT, TERM and HUP are events of the pool, until they are given back; what is ignored stays so. */
SBX_MUST_USE sbx_status sbx_pool_take_signals(sbx_pool *pool, sbx_error *err);
/* One that came at the very end was seen, and does not end us now: its number, or 0. */
int sbx_pool_give_signals_back(sbx_pool *pool);

#endif
