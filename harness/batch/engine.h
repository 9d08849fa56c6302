/* How a worker runs a plan: the one place that knows. */
#ifndef SBX_BATCH_ENGINE_H
#define SBX_BATCH_ENGINE_H

#include "harness/batch/pool.h"
#include "harness/runner/worker.h"

typedef struct sbx_batch_engine sbx_batch_engine;

/* Kept as long as the process. setup must live as long. */
SBX_MUST_USE sbx_status sbx_batch_engine_create(sbx_batch_engine **out,
                                                const sbx_batch_setup *setup, sbx_error *err);
/* As sbx_worker_run(). Windows: once in a process. */
void sbx_batch_engine_run(sbx_result *result, sbx_batch_engine *engine, const sbx_plan *plan,
                          const sbx_task *task);
void sbx_batch_engine_settle(sbx_batch_engine *engine); /* nothing to do: all rows durable */
/* As sbx_worker_refuse(). */
void sbx_batch_engine_refuse(sbx_result *result, sbx_batch_engine *engine,
                             const sbx_refusal *refusal, const sbx_error *why);
/* Who calls, as rows have it. Windows: 0, names are in the record. */
uint32_t sbx_batch_engine_caller(void);

#endif
