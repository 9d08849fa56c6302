/* One run's row; see run_record.h. */
#include "harness/cli/run_record.h"

#include <string.h>

sbx_status sbx_run_record_read(sbx_run_record *out, sbx_store *store, const char *run,
                               sbx_error *err)
{
    sbx_query_filter filter = {.run = out->id};
    sbx_status status;

    memset(out, 0, sizeof(*out));
    status = sbx_query_find_run(out->id, store, run, err);
    if (status == SBX_OK) {
        status = sbx_query_runs(&out->query, store, &filter, err);
    }
    if (status == SBX_OK) {
        status = sbx_query_next(out->query, &out->cells, err);
    }
    if (status == SBX_OK && out->cells == NULL) {
        status = sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_AUDIT, "run %s is gone", out->id);
    }
    if (status != SBX_OK) {
        sbx_run_record_done(out);
        return status;
    }
    out->columns = sbx_query_columns(out->query, &out->column_count);
    return SBX_OK;
}

void sbx_run_record_done(sbx_run_record *record)
{
    sbx_query_free(record->query);
    record->query = NULL;
    record->cells = NULL;
    record->column_count = 0;
}

const sbx_cell *sbx_run_record_get(const sbx_run_record *record, const char *name)
{
    static const sbx_cell null = {.is_null = true};

    for (size_t i = 0; i < record->column_count; i++) {
        if (strcmp(record->columns[i].name, name) == 0) {
            return &record->cells[i];
        }
    }
    return &null;
}

const char *sbx_run_record_text(const sbx_run_record *record, const char *name)
{
    const sbx_cell *cell = sbx_run_record_get(record, name);

    return cell->is_null || cell->text == NULL ? "" : cell->text;
}

int64_t sbx_run_record_number(const sbx_run_record *record, const char *name, int64_t otherwise)
{
    const sbx_cell *cell = sbx_run_record_get(record, name);

    return cell->is_null || cell->text != NULL ? otherwise : cell->integer;
}

bool sbx_run_record_learned(const sbx_run_record *record)
{
    static const char word[] = "writes";

    for (const char *at = sbx_run_record_text(record, "missing"); *at != '\0';) {
        size_t bytes = strcspn(at, ",");

        if (bytes == strlen(word) && memcmp(at, word, bytes) == 0) {
            return true;
        }
        at += bytes + (at[bytes] == ',');
    }
    return false;
}
