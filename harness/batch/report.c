/*
 * What is made of the results when a batch has ended: of all there are in the directory, also those of earlier calls.
 * Each file is written beside its place and put there when it is whole. summary.json is the last one: where it is of
 * this batch, the others are.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/report.h"
#include "harness/base/json_read.h"
#include "harness/batch/names.h"
#include "harness/batch/results.h"

static const sbx_format *const formats[] = {&sbx_format_junit, &sbx_format_joblog, &sbx_format_tap};

enum { FORMATS = SBX_COUNT_OF(formats) };

typedef struct reporting {
    const sbx_batch *batch;
    sbx_results results;
    sbx_format_totals totals;
    FILE *file[FORMATS];
    sbx_text text, spec, path;
    char *output[3]; /* room for the end of each stream */
    sbx_error *err;
} reporting;

/* --- rows --- */

/* The end of what a task wrote. That it cannot be read, because somebody tidied up, is no reason to fail. */
static void read_output(reporting *self, sbx_format_row *row, int stream)
{
    unsigned attempt = (unsigned)sbx_batch_number(row->line, "attempt", 0);
    size_t got;

    sbx_text_clear(&self->path);
    sbx_text_add(&self->path, "tasks/");
    sbx_batch_file_name(&self->path, row->id);
    sbx_text_add_format(&self->path, "/%u/%s", attempt, stream == 1 ? "stdout" : "stderr");
    got = sbx_directory_read_end(self->output[stream], SBX_FORMAT_OUTPUT_BYTES_MAX,
                                 self->batch->directory, sbx_text_string(&self->path));
    if (got > 0)
        row->output[stream] = (sbx_bytes){self->output[stream], got};
}

static sbx_status write_text(reporting *self, size_t format)
{
    sbx_status st = sbx_text_check(&self->text, self->err);

    if (st == SBX_OK)
        (void)fwrite(sbx_text_string(&self->text), 1, self->text.bytes, self->file[format]);
    return st; /* what could not be written is seen when it is finished */
}

static sbx_status write_row(reporting *self, uint32_t task)
{
    const sbx_results_task *known = &self->results.tasks[task];
    sbx_format_row row = {.number = task + 1,
                          .id = sbx_manifest_id(&self->batch->manifest, task),
                          .verdict = (sbx_batch_verdict)known->verdict,
                          .is_flaky = known->is_flaky,
                          .totals = &self->totals};
    sbx_status st = sbx_manifest_spec(&self->spec, &self->batch->manifest, task, self->err);
    json_t *root = NULL, *line = NULL, *earlier = NULL;
    json_error_t problem;

    if (st == SBX_OK)
        st = sbx_results_lines(&line, &earlier, &self->results, task, self->err);
    if (st == SBX_OK) {
        root = sbx_json_read(self->spec.data, self->spec.bytes, 0, &problem);
        row.argv = json_object_get(json_object_get(root, "core"), "argv");
        row.line = line;
        row.earlier = earlier;
        for (int stream = 1; line != NULL && row.verdict != SBX_BATCH_PASS && stream <= 2; stream++)
            read_output(self, &row, stream);
    }
    for (size_t i = 0; st == SBX_OK && i < FORMATS; i++) {
        sbx_text_clear(&self->text);
        formats[i]->row(&self->text, &row);
        st = write_text(self, i);
    }
    json_decref(root);
    json_decref(line);
    json_decref(earlier);
    return st;
}

/* --- files --- */

static sbx_status begin(reporting *self)
{
    sbx_status st = sbx_results_read(&self->results, self->batch, self->err);

    if (st != SBX_OK)
        return st;
    sbx_results_total(&self->totals, &self->results);
    for (int stream = 1; stream <= 2; stream++) {
        self->output[stream] = malloc(SBX_FORMAT_OUTPUT_BYTES_MAX);
        if (self->output[stream] == NULL)
            return sbx_fail_plain(self->err, SBX_NO_MEMORY, SBX_STEP_BATCH,
                                  "no memory for the results");
    }
    for (size_t i = 0; st == SBX_OK && i < FORMATS; i++) {
        self->file[i] =
            sbx_directory_begin(self->batch->directory, formats[i]->file, false, self->err);
        if (self->file[i] == NULL)
            return SBX_IO;
        sbx_text_clear(&self->text);
        formats[i]->begin(&self->text, &self->totals);
        st = write_text(self, i);
    }
    return st;
}

static sbx_status finish(reporting *self)
{
    sbx_status st = SBX_OK;

    for (size_t i = 0; st == SBX_OK && i < FORMATS; i++) {
        FILE *file = self->file[i];

        sbx_text_clear(&self->text);
        formats[i]->end(&self->text, &self->totals);
        st = write_text(self, i);
        self->file[i] = NULL;
        if (st == SBX_OK)
            st = sbx_directory_finish(self->batch->directory, formats[i]->file, file, self->err);
        else
            (void)fclose(file);
    }
    return st;
}

static sbx_status write_formats(const sbx_batch *batch, sbx_error *err)
{
    reporting self = {.batch = batch, .err = err};
    sbx_status st = begin(&self);

    for (uint32_t i = 0; st == SBX_OK && i < batch->manifest.count; i++)
        st = write_row(&self, i);
    if (st == SBX_OK)
        st = finish(&self);
    for (size_t i = 0; i < FORMATS; i++)
        if (self.file[i] != NULL)
            (void)fclose(self.file[i]);
    for (int stream = 1; stream <= 2; stream++)
        free(self.output[stream]);
    sbx_results_done(&self.results);
    sbx_text_done(&self.text);
    sbx_text_done(&self.spec);
    sbx_text_done(&self.path);
    return st;
}

/* One of an earlier call would not be true any more. */
static sbx_status have_no_page(const sbx_batch *batch)
{
    sbx_directory_remove(batch->directory, "report.html");
    return SBX_OK;
}

/* The audit's page of the runs of this batch, which only its owner can read, as one of `sbx audit report`. Where the
 * audit may be missing, it may. */
static sbx_status write_page(const sbx_batch *batch, sbx_error *err)
{
    const sbx_store_options options = {.read_only = true, .busy_ns = 10 * SBX_NS_PER_S};
    char scope[64];
    const sbx_report_request request = {
        .filter = {.batch = batch->id, .limit = SBX_REPORT_RUNS},
        .scope = scope,
        .chain_state = "not checked",
        .chain_text = "The ledger was not verified for this page: sbx audit verify does that."};
    sbx_store *store = NULL;
    sbx_text page = {0};
    sbx_status st;

    if (batch->options.audit_path == NULL)
        return have_no_page(batch);
    (void)snprintf(scope, sizeof(scope), "--batch %s", batch->id);
    st = sbx_store_open(&store, batch->options.audit_path, &options, err);
    if (st != SBX_OK)
        return batch->options.audit_required ? st : have_no_page(batch);
    st = sbx_report_make(&page, store, &request, err);
    if (st == SBX_OK)
        st = sbx_directory_put(batch->directory, "report.html", true, &page, err);
    sbx_store_close(store);
    sbx_text_done(&page);
    return st;
}

sbx_status sbx_batch_write_reports(const sbx_batch *batch, sbx_error *err)
{
    sbx_text text = {0};
    sbx_status st;

    if (!sbx_directory_is_kept(batch->directory))
        return SBX_OK;
    st = write_formats(batch, err);
    if (st == SBX_OK)
        st = write_page(batch, err);
    sbx_batch_summary(&text, batch);
    if (st == SBX_OK)
        st = sbx_text_check(&text, err);
    if (st == SBX_OK)
        st = sbx_directory_put(batch->directory, "summary.json", false, &text, err);
    sbx_text_done(&text);
    return st;
}
