/* How a worker runs a plan: as `sbx exec` does, once, with the task's files as its standard streams. */
#include "harness/batch/engine.h"

#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "harness/base/clock.h"
#include "harness/runner/record.h"

enum { AUDIT_BUSY_S = 10 };

struct sbx_batch_engine {
    const sbx_batch_setup *setup;
};

sbx_status sbx_batch_engine_create(sbx_batch_engine **out, const sbx_batch_setup *setup,
                                   sbx_error *err)
{
    sbx_batch_engine *self = calloc(1, sizeof(*self));

    *out = self;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a worker");
    self->setup = setup;
    return SBX_OK;
}

/* The runner hands on what its process has. */
static void take_streams(const int fd[3])
{
    static const DWORD standard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};

    for (int i = 0; i < 3; i++)
        (void)SetStdHandle(standard[i], fd[i] < 0 ? NULL : (HANDLE)_get_osfhandle(fd[i]));
}

void sbx_batch_engine_run(sbx_result *result, sbx_batch_engine *engine, const sbx_plan *plan,
                          const sbx_task *task)
{
    const sbx_run_options options = {.audit_path = engine->setup->audit_path,
                                     .audit_required = engine->setup->audit_required,
                                     .session = task->session,
                                     .agent = task->agent,
                                     .labels = task->labels,
                                     .batch = task->batch,
                                     .task = task->task,
                                     .attempt = task->attempt,
                                     .audit_busy_ns = AUDIT_BUSY_S * SBX_NS_PER_S,
                                     .redaction = engine->setup->redaction};

    take_streams(task->stdio_fd);
    sbx_run(result, plan, &options);
}

void sbx_batch_engine_settle(sbx_batch_engine *engine)
{
    (void)engine;
}

void sbx_batch_engine_refuse(sbx_result *result, sbx_batch_engine *engine,
                             const sbx_refusal *refusal, const sbx_error *why)
{
    const sbx_store_options options = {.busy_ns = AUDIT_BUSY_S * SBX_NS_PER_S,
                                       .release = sbx_record_release,
                                       .redaction = engine->setup->redaction};
    sbx_store *store = NULL;
    sbx_status st;

    memset(result, 0, sizeof(*result));
    sbx_refusal_describe(result, why);
    if (engine->setup->audit_path == NULL)
        return;
    st = sbx_store_open(&store, engine->setup->audit_path, &options, &result->audit_error);
    if (st == SBX_OK)
        st = sbx_refusal_record(result, refusal, store, &result->audit_error);
    result->audit_failed = st != SBX_OK;
    sbx_store_close(store);
}

uint32_t sbx_batch_engine_caller(void)
{
    return 0;
}
