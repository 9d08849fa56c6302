/* Batches on Windows, of which only the refusal exists: there is no runner to start their tasks with yet. */
#include "harness/batch/batch.h"

#include "limits/limits.h"

static const sbx_batch_counts nothing;

sbx_status sbx_batch_create(sbx_batch **out, const sbx_batch_options *options, sbx_error *err)
{
    (void)options;
    *out = NULL;
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_BATCH,
        "this sbx cannot start commands on Windows yet: --dry-run checks a manifest");
}

void sbx_batch_free(sbx_batch *batch)
{
    (void)batch;
}

static sbx_status refuse(sbx_error *err)
{
    return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_BATCH, "there is no batch");
}

sbx_status sbx_batch_load(sbx_batch *batch, FILE *manifest, const sbx_manifest_options *options,
                          sbx_error *err)
{
    (void)batch;
    (void)manifest;
    (void)options;
    return refuse(err);
}

sbx_status sbx_batch_run(sbx_batch *batch, const sbx_batch_watcher *watcher, sbx_error *err)
{
    (void)batch;
    (void)watcher;
    return refuse(err);
}

sbx_status sbx_batch_write_reports(const sbx_batch *batch, sbx_error *err)
{
    (void)batch;
    return refuse(err);
}

const sbx_batch_counts *sbx_batch_counted(const sbx_batch *batch)
{
    (void)batch;
    return &nothing;
}

const char *sbx_batch_id(const sbx_batch *batch)
{
    (void)batch;
    return "";
}

const sbx_manifest *sbx_batch_manifest(const sbx_batch *batch)
{
    (void)batch;
    return NULL;
}

uint64_t sbx_batch_elapsed_ns(const sbx_batch *batch)
{
    (void)batch;
    return 0;
}

uint64_t sbx_batch_started_us(const sbx_batch *batch)
{
    (void)batch;
    return 0;
}

int sbx_batch_interrupted(const sbx_batch *batch)
{
    (void)batch;
    return 0;
}

const char *sbx_batch_stopped(const sbx_batch *batch)
{
    (void)batch;
    return "";
}

uint64_t sbx_batch_left_ns(const sbx_batch *batch)
{
    (void)batch;
    return SBX_UNLIMITED;
}

uint32_t sbx_batch_running(const sbx_batch *batch)
{
    (void)batch;
    return 0;
}
