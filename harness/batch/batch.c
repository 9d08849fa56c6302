/* The coordinator: what there is before and after the loop of loop.c. */
#include "harness/batch/batch.h"

#include <stdlib.h>
#include <string.h>

#include "audit/history.h"
#include "harness/batch/batch_parts.h"
#include "harness/batch/capacity.h"

sbx_status sbx_batch_create(sbx_batch **out, const sbx_batch_options *options, sbx_error *err)
{
    sbx_batch *self = calloc(1, sizeof(*self));
    sbx_status st;

    *out = NULL;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a batch");
    self->options = *options;
    self->stopped = "";
    if (self->options.jobs == 0)
        self->options.jobs = sbx_capacity_cpus();
    st = sbx_directory_open(&self->directory, options, err);
    self->setup = (sbx_batch_setup){.out_fd = st == SBX_OK ? sbx_directory_fd(self->directory) : -1,
                                    .out_path = options->out_dir,
                                    .audit_path = options->audit_path,
                                    .audit_required = options->audit_required,
                                    .redaction = options->redaction,
                                    .allow_degraded = options->allow_degraded,
                                    .watch_denials = options->watch_denials,
                                    .session = options->session,
                                    .agent = options->agent,
                                    .labels = options->labels,
                                    .environment = options->environment};
    if (st == SBX_OK)
        st = sbx_run_id_make(self->id, err);
    if (st == SBX_OK)
        st = sbx_pool_create(&self->pool, self->options.jobs, &self->setup, err);
    if (st == SBX_OK)
        *out = self;
    else
        sbx_batch_free(self);
    return st;
}

void sbx_batch_free(sbx_batch *batch)
{
    if (batch == NULL)
        return;
    sbx_pool_free(batch->pool);
    sbx_directory_close(batch->directory);
    sbx_schedule_free(batch->schedule);
    free(batch->progress);
    sbx_text_done(&batch->line);
    sbx_text_done(&batch->spec);
    sbx_manifest_done(&batch->manifest);
    free(batch);
}

/* --- what is to be done --- */

static void note_history(void *context, const char *task, uint64_t wall_ns)
{
    sbx_batch *self = context;
    uint32_t found = sbx_manifest_find(&self->manifest, task);

    if (found != SBX_MANIFEST_NONE)
        sbx_schedule_expect(self->schedule, found, wall_ns);
}

sbx_status sbx_batch_load(sbx_batch *batch, FILE *manifest, const sbx_manifest_options *options,
                          sbx_error *err)
{
    sbx_schedule_room room = {.jobs = batch->options.jobs,
                              .memory_bytes = batch->options.memory_bytes,
                              .cpus_milli = UINT64_C(1000) * sbx_capacity_cpus()};
    sbx_status st = sbx_manifest_read(&batch->manifest, manifest, options, err);

    if (st != SBX_OK)
        return st;
    if (room.memory_bytes == 0)
        room.memory_bytes = sbx_capacity_memory();
    batch->progress = calloc(batch->manifest.count, sizeof(*batch->progress));
    if (batch->progress == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a batch");
    st = sbx_schedule_create(&batch->schedule, &batch->manifest, &room, err);
    if (st == SBX_OK)
        st = sbx_batch_settle(batch, err);
    if (st != SBX_OK)
        return st;
    if (batch->options.audit_path != NULL) /* only makes it faster: without it, any order will do */
        sbx_history_each(batch->options.audit_path, note_history, batch);
    batch->counts.total = batch->manifest.count - batch->counts.left_out;
    return SBX_OK;
}

/* --- what there is to tell --- */

const sbx_batch_counts *sbx_batch_counted(const sbx_batch *batch)
{
    return &batch->counts;
}

const char *sbx_batch_id(const sbx_batch *batch)
{
    return batch->id;
}

const sbx_manifest *sbx_batch_manifest(const sbx_batch *batch)
{
    return &batch->manifest;
}

uint64_t sbx_batch_elapsed_ns(const sbx_batch *batch)
{
    if (batch->started_ns == 0)
        return 0;
    return (batch->ended_ns == 0 ? sbx_clock_monotonic_ns() : batch->ended_ns) - batch->started_ns;
}

uint64_t sbx_batch_started_us(const sbx_batch *batch)
{
    return batch->started_us;
}

int sbx_batch_interrupted(const sbx_batch *batch)
{
    return batch->interrupted;
}

const char *sbx_batch_stopped(const sbx_batch *batch)
{
    return batch->stopped;
}

uint32_t sbx_batch_running(const sbx_batch *batch)
{
    return sbx_schedule_running(batch->schedule);
}

/* What is known by history, the rest at the rate of what has ended so far, divided among the jobs. */
uint64_t sbx_batch_left_ns(const sbx_batch *batch)
{
    uint32_t left = 0, known = 0;
    uint64_t known_ns = sbx_schedule_left_ns(batch->schedule, &left, &known);
    uint64_t per_task =
        batch->counts.attempts == 0 ? 0 : sbx_batch_elapsed_ns(batch) / batch->counts.attempts;

    if (left > known && per_task == 0)
        return SBX_UNLIMITED;
    return known_ns / batch->options.jobs + per_task * (left - known);
}
