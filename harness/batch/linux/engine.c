/* How a worker runs a plan. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/batch/linux/parts.h"

enum { AUDIT_BUSY_S = 10 };

struct sbx_batch_engine {
    const sbx_batch_setup *setup;
    int null_fd;
};

sbx_status sbx_batch_engine_create(sbx_batch_engine **out, const sbx_batch_setup *setup,
                                   sbx_error *err)
{
    sbx_batch_engine *self = calloc(1, sizeof(*self));

    *out = self;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a worker");
    self->setup = setup;
    self->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return self->null_fd < 0 ? sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH, "open /dev/null")
                             : SBX_OK;
}

void sbx_batch_engine_run(sbx_result *result, sbx_batch_engine *engine, const sbx_plan *plan,
                          const sbx_task *task)
{
    const sbx_run_options options = {.audit_path = engine->setup->audit_path,
                                     .audit_required = engine->setup->audit_required,
                                     .session = task->session,
                                     .agent = task->agent,
                                     .labels = task->labels,
                                     .audit_busy_ns = AUDIT_BUSY_S * SBX_NS_PER_S};

    for (int fd = 0; fd <= 2; fd++)
        (void)dup2(task->stdio_fd[fd], fd);
    sbx_run(result, plan, &options);
    for (int fd = 0; fd <= 2; fd++) /* nothing of this task is there for the next one */
        (void)dup2(engine->null_fd, fd);
}
