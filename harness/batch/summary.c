/* summary.json: the counts of a batch. */
#include <string.h>

#include "harness/base/json.h"
#include "harness/batch/batch.h"

void sbx_batch_summary(sbx_text *out, const sbx_batch *batch)
{
    const sbx_batch_counts *counts = sbx_batch_counted(batch);
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_unsigned(&json, "version", 1);
    sbx_json_string(&json, "batch", sbx_batch_id(batch));
    sbx_json_string(&json, "name", sbx_batch_manifest(batch)->name);
    sbx_json_string(&json, "stopped", sbx_batch_stopped(batch));
    sbx_json_unsigned(&json, "tasks", counts->total);
    sbx_json_unsigned(&json, "passed", counts->passed);
    sbx_json_unsigned(&json, "failed", counts->failed);
    sbx_json_unsigned(&json, "errors", counts->errors);
    sbx_json_unsigned(&json, "skipped", counts->skipped);
    sbx_json_unsigned(&json, "not_run", counts->not_run);
    sbx_json_unsigned(&json, "flaky", counts->flaky);
    sbx_json_unsigned(&json, "finished_before", counts->settled);
    sbx_json_unsigned(&json, "left_out", counts->left_out);
    sbx_json_unsigned(&json, "attempts", counts->attempts);
    sbx_json_unsigned(&json, "workers_lost", counts->workers_lost);
    sbx_json_unsigned(&json, "memory_peak_bytes", counts->memory_peak_bytes);
    sbx_json_unsigned(&json, "denied_total", counts->denied_total);
    sbx_json_unsigned(&json, "started_us", sbx_batch_started_us(batch));
    sbx_json_unsigned(&json, "wall_ns", sbx_batch_elapsed_ns(batch));
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}
