/* Which lines of results.jsonl say what became of each task, over all batches of a directory. */
#ifndef SBX_BATCH_RESULTS_H
#define SBX_BATCH_RESULTS_H

#include "harness/batch/batch_parts.h"
#include "harness/batch/format.h"

/* A line of a task; 0 as an index: none. */
typedef struct sbx_results_entry {
    uint64_t at;
    uint32_t bytes;
    uint32_t before; /* the task's line before this one */
} sbx_results_entry;

typedef struct sbx_results_task {
    uint64_t wall_ns;
    uint32_t latest, final; /* entries */
    uint8_t verdict;
    bool is_flaky;
} sbx_results_task;

/* Some 40 bytes for each task and each attempt. */
typedef struct sbx_results {
    const sbx_batch *batch;
    FILE *journal;
    sbx_results_task *tasks;
    sbx_results_entry *entries;
    uint32_t count, room;
    sbx_text line;
} sbx_results;

/* Goes with sbx_results_done(), which takes a zeroed one too. */
SBX_MUST_USE sbx_status sbx_results_read(sbx_results *out, const sbx_batch *batch, sbx_error *err);
void sbx_results_done(sbx_results *results);

void sbx_results_total(sbx_format_totals *out, const sbx_results *results);

/* The task's line that counts, and the attempts before it that failed, for json_decref(). *out_line NULL: none. */
SBX_MUST_USE sbx_status sbx_results_lines(json_t **out_line, json_t **out_earlier,
                                          sbx_results *results, uint32_t task, sbx_error *err);

#endif
