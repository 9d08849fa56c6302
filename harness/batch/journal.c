/* Lines of results.jsonl, written and read. */
#include "harness/batch/journal.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/json_read.h"
#include "harness/base/sha256.h"
#include "harness/batch/wire.h"

/* A whole line, or false at the end. *out_whole: it had its end. */
static bool next_line(sbx_text *line, bool *out_whole, FILE *file)
{
    int byte;

    sbx_text_clear(line);
    *out_whole = false;
    while ((byte = getc(file)) != EOF) {
        const char each = (char)byte;

        if (byte == '\n') {
            *out_whole = true;
            return true;
        }
        sbx_text_add_bytes(line, &each, 1);
        if (line->bytes > SBX_WIRE_TEXT_MAX)
            return true;
    }
    return line->bytes > 0;
}

/* The object of a line, or NULL where it is none. */
static json_t *parse(const sbx_text *line, sbx_journal_line *out)
{
    json_error_t problem;
    json_t *object = line->bytes == 0
                         ? NULL
                         : sbx_json_read(line->data, line->bytes, JSON_REJECT_DUPLICATES, &problem);
    const char *batch = json_string_value(json_object_get(object, "batch"));

    out->is_header = json_object_get(object, "sbx_results") != NULL;
    if (batch == NULL || strlen(batch) >= SBX_RUN_ID_BYTES ||
        (!out->is_header && json_string_value(json_object_get(object, "task")) == NULL)) {
        json_decref(object);
        return NULL;
    }
    out->object = object;
    out->batch = batch;
    out->bytes = (uint32_t)line->bytes;
    return object;
}

sbx_status sbx_journal_read(uint64_t *out_good_bytes, FILE *file, sbx_journal_visit *visit,
                            void *context, sbx_error *err)
{
    unsigned number = 0, broken = 0;
    sbx_journal_line found = {0};
    sbx_text line = {0};
    sbx_status st = SBX_OK;
    bool is_whole = false;

    *out_good_bytes = 0;
    while (st == SBX_OK && next_line(&line, &is_whole, file)) {
        json_t *object = parse(&line, &found);

        number++;
        if (!is_whole || object == NULL) {
            broken = broken == 0 ? number : broken;
        } else if (broken != 0) {
            st =
                sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_BATCH,
                               "results.jsonl: line %u is damaged, and good ones follow — move the "
                               "directory away and start anew, or take that line out",
                               broken);
        } else {
            st = visit(context, &found, err);
            *out_good_bytes = found.at + line.bytes + 1;
        }
        found.at += line.bytes + 1;
        json_decref(object);
    }
    if (st == SBX_OK && (line.failed || ferror(file)))
        st = sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH, "results.jsonl cannot be read");
    sbx_text_done(&line);
    return st;
}

void sbx_journal_header(sbx_text *out, const char *batch, const sbx_manifest *manifest,
                        bool is_resumed)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_unsigned(&json, "sbx_results", 1);
    sbx_json_string(&json, "batch", batch);
    sbx_json_string(&json, "name", manifest->name);
    sbx_json_unsigned(&json, "tasks", manifest->count);
    sbx_json_bool(&json, "resumed", is_resumed);
    sbx_json_unsigned(&json, "started_us", sbx_clock_utc_us());
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}

void sbx_journal_result(sbx_text *out, const sbx_journal_record *record)
{
    char hex[65];
    sbx_json json;

    sbx_sha256_hex(hex, record->hash);
    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "task", record->task);
    sbx_json_string(&json, "spec", hex);
    sbx_json_string(&json, "batch", record->batch);
    sbx_json_unsigned(&json, "attempt", record->attempt);
    sbx_json_bool(&json, "final", record->is_final);
    if (record->is_flaky)
        sbx_json_bool(&json, "flaky", true);
    sbx_text_add(out, ",");
    sbx_text_add(out, record->body + 1); /* goes on in the same object, and ends it */
    sbx_text_add(out, "\n");
}
