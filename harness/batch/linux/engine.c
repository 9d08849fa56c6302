/* How a worker runs a plan. */
#include "harness/batch/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "harness/base/clock.h"

enum { AUDIT_BUSY_S = 10 };

struct sbx_batch_engine {
    sbx_worker *worker;
};

sbx_status sbx_batch_engine_create(sbx_batch_engine **out, const sbx_batch_setup *setup,
                                   sbx_error *err)
{
    const sbx_worker_options options = {.audit_path = setup->audit_path,
                                        .audit_required = setup->audit_required,
                                        .redaction = setup->redaction,
                                        .audit_busy_ns = AUDIT_BUSY_S * SBX_NS_PER_S};
    sbx_batch_engine *self = calloc(1, sizeof(*self));

    *out = self;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a worker");
    return sbx_worker_create(&self->worker, &options, err);
}

void sbx_batch_engine_run(sbx_result *result, sbx_batch_engine *engine, const sbx_plan *plan,
                          const sbx_task *task)
{
    sbx_worker_run(result, engine->worker, plan, task);
}

void sbx_batch_engine_settle(sbx_batch_engine *engine)
{
    sbx_worker_settle(engine->worker);
}

void sbx_batch_engine_refuse(sbx_result *result, sbx_batch_engine *engine,
                             const sbx_refusal *refusal, const sbx_error *why)
{
    sbx_worker_refuse(result, engine->worker, refusal, why);
}

uint32_t sbx_batch_engine_caller(void)
{
    return getuid();
}
