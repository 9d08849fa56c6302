/* What the files of harness/batch/linux share. Nobody else includes it. */
#ifndef SBX_BATCH_LINUX_PARTS_H
#define SBX_BATCH_LINUX_PARTS_H

#include <sys/types.h>

#include "harness/batch/batch.h"
#include "harness/batch/wire.h"
#include "harness/runner/worker.h"

/* --- workers: what one is given at its start --- */

typedef struct sbx_batch_setup {
    int out_fd;           /* the directory of results, or -1 */
    const char *out_path; /* the same, for the policy: hidden from tasks; NULL: none */
    const char *audit_path;
    bool audit_required;
    const struct sbx_redaction *redaction;
    bool allow_degraded, watch_denials;
    const char *session, *agent;
    const char *const *labels; /* of every task; NULL-terminated, or NULL */
    const char *const *environment;
} sbx_batch_setup;

/* What a worker process does from its fork to its end: takes orders from the socket until that ends. */
SBX_NORETURN void sbx_batch_work(int socket_fd, const sbx_batch_setup *setup);

/* engine.c: runs a plan. The one place that knows how. */
typedef struct sbx_batch_engine sbx_batch_engine;
SBX_MUST_USE sbx_status sbx_batch_engine_create(sbx_batch_engine **out,
                                                const sbx_batch_setup *setup, sbx_error *err);
void sbx_batch_engine_run(sbx_result *result, sbx_batch_engine *engine, const sbx_plan *plan,
                          const sbx_task *task);
void sbx_batch_engine_settle(sbx_batch_engine *engine); /* nothing to do: all rows durable */
void sbx_batch_engine_refuse(sbx_result *result, sbx_batch_engine *engine,
                             const sbx_refusal *refusal, const sbx_error *why);

/* worker_files.c: the files of one attempt. */
typedef struct sbx_attempt_files {
    int directory_fd; /* tasks/NAME/ATTEMPT, or -1 */
    int stdio_fd[3];
    sbx_bytes output[3], wanted[3];
} sbx_attempt_files;

SBX_MUST_USE sbx_status sbx_attempt_open(sbx_attempt_files *out, int out_fd, const char *id,
                                         unsigned attempt, const char *stdin_path, sbx_error *err);
/* After the run: maps what was written, and what was expected. */
SBX_MUST_USE sbx_status sbx_attempt_map(sbx_attempt_files *files, const json_t *expect,
                                        sbx_error *err);
SBX_MUST_USE sbx_status sbx_attempt_write_result(const sbx_attempt_files *files,
                                                 const sbx_text *json, sbx_error *err);
void sbx_attempt_close(sbx_attempt_files *files);

/* --- the pool, as the coordinator has it --- */

typedef struct sbx_pool_worker {
    pid_t pid;
    int fd;
    uint32_t task;     /* SBX_MANIFEST_NONE: idle */
    sbx_text received; /* the part of a report that is there */
} sbx_pool_worker;

typedef struct sbx_pool {
    sbx_pool_worker *workers;
    uint32_t count;
    const sbx_batch_setup *setup;
} sbx_pool;

SBX_MUST_USE sbx_status sbx_pool_create(sbx_pool *out, uint32_t count, const sbx_batch_setup *setup,
                                        sbx_error *err);
/* Everything of it is dead when this returns. */
void sbx_pool_done(sbx_pool *pool);
/* In the place of one that died. */
SBX_MUST_USE sbx_status sbx_pool_replace(sbx_pool *pool, uint32_t index, sbx_error *err);
sbx_pool_worker *sbx_pool_idle(sbx_pool *pool); /* NULL: none */

/* False: the worker is gone. */
bool sbx_pool_send(sbx_pool_worker *worker, const sbx_batch_order *order, const sbx_text *spec);

typedef enum sbx_pool_news {
    SBX_POOL_NOTHING, /* not all of a report is there yet */
    SBX_POOL_REPORT,
    SBX_POOL_DEAD,
} sbx_pool_news;

/* Reads what is there. On REPORT out_text is the report's text, good until the next call for that worker. */
sbx_pool_news sbx_pool_receive(sbx_batch_report *out, const char **out_text,
                               sbx_pool_worker *worker);

/* TERM: the run is stopped as a limit would stop it. KILL: worker and run die at once. */
void sbx_pool_signal(const sbx_pool *pool, int number);

#endif
