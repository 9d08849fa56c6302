/* What earlier batches of this directory left to be done: --resume and --rerun. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/sha256.h"
#include "harness/batch/batch_parts.h"

/* What the journal says of a task, last line last. */
typedef struct past {
    uint8_t verdict; /* of the last final line of that spec; NONE: there is none */
    bool is_flaky, was_in_batch;
} past;

enum { NONE = SBX_BATCH_VERDICT_COUNT };

typedef struct journal_reading {
    sbx_batch *batch;
    past *tasks;
    char last[SBX_RUN_ID_BYTES]; /* the batch that was begun last */
    bool has_batch;              /* the one that --rerun names */
} journal_reading;

static void note_header(journal_reading *self, const sbx_journal_line *line)
{
    const char *rerun = self->batch->options.rerun;

    if (strcmp(self->last, line->batch) != 0) /* tries are counted for each batch */
        for (uint32_t i = 0; i < self->batch->manifest.count; i++) {
            self->batch->progress[i].tries = 0;
            self->batch->progress[i].failed_once = false;
        }
    (void)snprintf(self->last, sizeof(self->last), "%s", line->batch);
    self->has_batch |= rerun != NULL && strcmp(rerun, line->batch) == 0;
}

static sbx_status note_line(void *context, const sbx_journal_line *line, sbx_error *err)
{
    journal_reading *self = context;
    const char *id = json_string_value(json_object_get(line->object, "task"));
    const char *spec = json_string_value(json_object_get(line->object, "spec"));
    const char *word = json_string_value(json_object_get(line->object, "verdict"));
    const char *rerun = self->batch->options.rerun;
    sbx_batch_verdict verdict = SBX_BATCH_ERROR;
    uint64_t attempt = sbx_batch_number(line->object, "attempt", 0);
    uint32_t task;
    char hex[65];

    (void)err;
    if (line->is_header) {
        note_header(self, line);
        return SBX_OK;
    }
    task = sbx_manifest_find(&self->batch->manifest, id);
    if (task == SBX_MANIFEST_NONE || spec == NULL || !sbx_batch_verdict_parse(&verdict, word))
        return SBX_OK; /* of a task that is no longer in the manifest */
    sbx_sha256_hex(hex, self->batch->manifest.tasks[task].hash);
    if (attempt > self->batch->progress[task].attempts && attempt < UINT16_MAX)
        self->batch->progress[task].attempts = (uint16_t)attempt;
    self->tasks[task].was_in_batch |= rerun != NULL && strcmp(rerun, line->batch) == 0;
    if (strcmp(spec, hex) != 0) { /* it has changed: what it did before says nothing */
        self->tasks[task].verdict = NONE;
        return SBX_OK;
    }
    if (json_is_true(json_object_get(line->object, "final"))) {
        self->tasks[task].verdict = (uint8_t)verdict;
        self->tasks[task].is_flaky = json_is_true(json_object_get(line->object, "flaky"));
        self->batch->progress[task].tries = 0;
        self->batch->progress[task].failed_once = false;
    } else if (verdict == SBX_BATCH_FAIL) {
        self->batch->progress[task].tries++;
        self->batch->progress[task].failed_once = true;
    }
    return SBX_OK;
}

static bool is_asked_for(const journal_reading *self, const past *task)
{
    const char *rerun = self->batch->options.rerun;

    if (strcmp(rerun, "failed") == 0)
        return task->verdict != SBX_BATCH_PASS;
    if (strcmp(rerun, "flaky") == 0)
        return task->is_flaky;
    return task->was_in_batch;
}

/* A rerun is a batch of its own; resuming goes on with the last one. */
static void settle_tasks(journal_reading *self)
{
    sbx_batch *batch = self->batch;

    for (uint32_t i = 0; i < batch->manifest.count; i++) {
        const past *task = &self->tasks[i];

        if (batch->options.rerun != NULL) {
            batch->progress[i].tries = 0;
            batch->progress[i].failed_once = false;
            if (!is_asked_for(self, task)) {
                sbx_schedule_settle(batch->schedule, i, SBX_TASK_LEFT_OUT);
                batch->counts.left_out++;
            }
        } else if (task->verdict == SBX_BATCH_PASS || task->verdict == SBX_BATCH_FAIL) {
            sbx_schedule_settle(batch->schedule, i,
                                task->verdict == SBX_BATCH_PASS ? SBX_TASK_PASSED
                                                                : SBX_TASK_FAILED);
            batch->counts.settled++;
            batch->counts.passed += task->verdict == SBX_BATCH_PASS;
            batch->counts.failed += task->verdict == SBX_BATCH_FAIL;
            batch->counts.flaky += task->is_flaky;
        }
    }
}

sbx_status sbx_batch_settle(sbx_batch *batch, sbx_error *err)
{
    journal_reading self = {.batch = batch};
    FILE *file = sbx_directory_journal(batch->directory);
    const char *rerun = batch->options.rerun;
    uint64_t good_bytes = 0;
    sbx_status st = SBX_OK;

    if (file == NULL)
        return SBX_OK;
    self.tasks = calloc(batch->manifest.count, sizeof(*self.tasks));
    if (self.tasks == NULL)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for earlier results");
    for (uint32_t i = 0; st == SBX_OK && i < batch->manifest.count; i++)
        self.tasks[i].verdict = NONE;
    if (st == SBX_OK)
        st = sbx_journal_read(&good_bytes, file, note_line, &self, err);
    (void)fclose(file);
    if (st == SBX_OK)
        st = sbx_directory_cut(batch->directory, good_bytes, err);
    if (st == SBX_OK && rerun != NULL && strcmp(rerun, "failed") != 0 &&
        strcmp(rerun, "flaky") != 0 && !self.has_batch)
        st = sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_BATCH,
            "--rerun: \"%s\" is neither \"failed\" nor \"flaky\" nor a batch of that "
            "directory",
            rerun);
    if (st == SBX_OK) {
        settle_tasks(&self);
        if (batch->options.resume && self.last[0] != '\0')
            (void)snprintf(batch->id, sizeof(batch->id), "%s", self.last);
    }
    free(self.tasks);
    return st;
}
