/* A first reading of the journal finds the lines that count; each is read again when its row is written. */
#include "harness/batch/results.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/file.h"
#include "harness/base/json_read.h"

static sbx_status no_memory(sbx_error *err)
{
    return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for the results");
}

/* The entry's index, or 0: no memory. */
static uint32_t add_entry(sbx_results *self, const sbx_journal_line *line, uint32_t before)
{
    if (self->count == self->room) {
        uint32_t room = self->room * 2;
        sbx_results_entry *grown =
            room < self->room ? NULL : realloc(self->entries, room * sizeof(*grown));

        if (grown == NULL)
            return 0;
        self->entries = grown;
        self->room = room;
    }
    self->entries[self->count] = (sbx_results_entry){line->at, line->bytes, before};
    return self->count++;
}

static sbx_status note_line(void *context, const sbx_journal_line *line, sbx_error *err)
{
    sbx_results *self = context;
    const sbx_manifest *manifest = &self->batch->manifest;
    const char *id = json_string_value(json_object_get(line->object, "task"));
    const char *spec = json_string_value(json_object_get(line->object, "spec"));
    const char *word = json_string_value(json_object_get(line->object, "verdict"));
    uint32_t index = line->is_header ? SBX_MANIFEST_NONE : sbx_manifest_find(manifest, id);
    sbx_batch_verdict verdict = SBX_BATCH_ERROR;
    sbx_results_task *task;
    char hex[65];

    if (index == SBX_MANIFEST_NONE || spec == NULL || !sbx_batch_verdict_parse(&verdict, word))
        return SBX_OK;
    task = &self->tasks[index];
    sbx_sha256_hex(hex, manifest->tasks[index].hash);
    if (strcmp(spec, hex) != 0) { /* what an earlier form of it did says nothing */
        memset(task, 0, sizeof(*task));
        return SBX_OK;
    }
    task->latest = add_entry(self, line, task->latest);
    if (task->latest == 0)
        return no_memory(err);
    if (!json_is_true(json_object_get(line->object, "final")))
        return SBX_OK;
    task->final = task->latest;
    task->verdict = (uint8_t)verdict;
    task->is_flaky = json_is_true(json_object_get(line->object, "flaky"));
    task->wall_ns = sbx_batch_number(line->object, "wall_ns", 0);
    return SBX_OK;
}

sbx_status sbx_results_read(sbx_results *out, const sbx_batch *batch, sbx_error *err)
{
    uint64_t good_bytes = 0;

    *out = (sbx_results){.batch = batch, .room = batch->manifest.count + 1, .count = 1};
    out->journal = sbx_directory_journal(batch->directory);
    out->tasks = calloc(batch->manifest.count, sizeof(*out->tasks));
    out->entries = calloc(out->room, sizeof(*out->entries));
    if (out->tasks == NULL || out->entries == NULL)
        return no_memory(err);
    if (out->journal == NULL)
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH, "results.jsonl cannot be read");
    return sbx_journal_read(&good_bytes, out->journal, note_line, out, err);
}

void sbx_results_done(sbx_results *results)
{
    if (results->journal != NULL)
        (void)fclose(results->journal);
    free(results->tasks);
    free(results->entries);
    sbx_text_done(&results->line);
    *results = (sbx_results){0};
}

void sbx_results_total(sbx_format_totals *out, const sbx_results *results)
{
    const sbx_batch *batch = results->batch;

    *out = (sbx_format_totals){.name = batch->manifest.name,
                               .batch = batch->id,
                               .stopped = batch->stopped,
                               .started_us = batch->started_us,
                               .tasks = batch->manifest.count};
    for (uint32_t i = 0; i < out->tasks; i++) {
        const sbx_results_task *task = &results->tasks[i];

        out->not_run += task->final == 0;
        out->wall_ns += task->wall_ns;
        if (task->final == 0)
            continue;
        out->failed += task->verdict == SBX_BATCH_FAIL;
        out->errors += task->verdict == SBX_BATCH_ERROR;
        out->skipped += task->verdict == SBX_BATCH_SKIPPED;
    }
}

static json_t *read_entry(sbx_results *self, uint32_t index)
{
    const sbx_results_entry *entry = &self->entries[index];
    json_error_t problem;
    char *room;

    sbx_text_clear(&self->line);
    room = sbx_text_reserve(&self->line, entry->bytes + (size_t)1);
    if (room == NULL || !sbx_file_seek(self->journal, entry->at) ||
        fread(room, 1, entry->bytes, self->journal) != entry->bytes)
        return NULL;
    return sbx_json_read(room, entry->bytes, 0, &problem);
}

/* Cancelled attempts say nothing, and the final line before it began a new life. */
static sbx_status add_earlier(json_t *out, sbx_results *self, uint32_t index, sbx_error *err)
{
    json_t *line = NULL;

    for (; index != 0; index = self->entries[index].before) {
        const char *word;

        line = read_entry(self, index);
        word = json_string_value(json_object_get(line, "verdict"));
        if (line == NULL || word == NULL || json_is_true(json_object_get(line, "final")))
            break;
        if (strcmp(word, "cancelled") == 0)
            json_decref(line);
        else if (json_array_insert_new(out, 0, line) != 0)
            return no_memory(err);
        line = NULL;
    }
    json_decref(line);
    return SBX_OK;
}

sbx_status sbx_results_lines(json_t **out_line, json_t **out_earlier, sbx_results *results,
                             uint32_t task, sbx_error *err)
{
    uint32_t final = results->tasks[task].final;

    *out_line = NULL;
    *out_earlier = json_array();
    if (*out_earlier == NULL)
        return no_memory(err);
    if (final == 0)
        return SBX_OK;
    *out_line = read_entry(results, final);
    if (*out_line == NULL)
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH, "results.jsonl cannot be read again");
    return add_earlier(*out_earlier, results, results->entries[final].before, err);
}
