/* `sbx audit show`: everything about one run. */
#include <string.h>

#include "harness/cli/audit_parts.h"
#include "harness/cli/csv.h"
#include "harness/cli/run_record.h"
#include "harness/cli/table.h"

enum { FLUSH_AT_BYTES = 64 * 1024 };

/*
 * One part: a titled table that is left out where it is empty, or a key with an array. JSON lines are one object for
 * each row, with the part's name in it; CSV is a block for each part, with its own head behind an empty line.
 */
static sbx_status show_rows(sbx_audit *self, const char *title, sbx_query *query)
{
    size_t rows = 0, count = 0;
    const sbx_column *columns = sbx_query_columns(query, &count);
    const sbx_cell *cells = NULL;
    sbx_status status = SBX_OK;
    sbx_json json;

    switch (self->form) {
    case SBX_FORM_TABLE:
        return sbx_audit_print_table(&rows, self, query, title);
    case SBX_FORM_JSON:
        sbx_text_add_format(&self->text, ",\"%s\":", title);
        return sbx_audit_print_json(self, query, false);
    case SBX_FORM_CSV:
        sbx_text_add(&self->text, "\r\n");
        return sbx_audit_print_csv(self, query);
    case SBX_FORM_JSONL:
        break;
    }
    while (status == SBX_OK && (status = sbx_query_next(query, &cells, &self->err)) == SBX_OK &&
           cells != NULL) {
        sbx_json_init(&json, &self->text);
        sbx_json_open_object(&json, NULL);
        sbx_json_string(&json, "part", title);
        sbx_table_row_to_json(&json, columns, count, cells);
        sbx_json_close_object(&json);
        sbx_text_add(&self->text, "\n");
        status = sbx_audit_flush(self, FLUSH_AT_BYTES);
    }
    return status;
}

typedef sbx_status open_query(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                              sbx_error *err);

static sbx_status show_part(sbx_audit *self, const char *title, open_query *open)
{
    sbx_query *query = NULL;
    sbx_status status = open(&query, self->store, &self->filter, &self->err);

    if (status == SBX_OK) {
        status = show_rows(self, title, query);
    }
    sbx_query_free(query);
    return status;
}

static sbx_status show_learned(sbx_audit *self, const sbx_run_record *run)
{
    sbx_query *query = NULL;
    sbx_status status;

    if (!sbx_run_record_learned(run)) {
        return SBX_OK;
    }
    status = sbx_query_learned(&query, self->store, run->id, &self->err);
    if (status == SBX_OK) {
        status = show_rows(self, "learned", query);
    }
    sbx_query_free(query);
    return status;
}

static void show_record(sbx_audit *self, const sbx_run_record *run)
{
    sbx_json json;

    if (self->form == SBX_FORM_TABLE) {
        sbx_table_render_record(&self->text, run->columns, run->column_count, run->cells,
                                &self->screen);
    } else if (self->form == SBX_FORM_CSV) {
        sbx_csv_head(&self->text, run->columns, run->column_count);
        sbx_csv_row(&self->text, run->columns, run->column_count, run->cells);
    } else {
        sbx_json_init(&json, &self->text);
        sbx_json_open_object(&json, NULL); /* of JSON closed below, behind the parts */
        if (self->form == SBX_FORM_JSONL) {
            sbx_json_string(&json, "part", "run");
        }
        sbx_table_row_to_json(&json, run->columns, run->column_count, run->cells);
        sbx_text_add(&self->text, self->form == SBX_FORM_JSONL ? "}\n" : "");
    }
}

static sbx_status show_run(sbx_audit *self)
{
    sbx_run_record run = {0};
    sbx_status status = sbx_run_record_read(&run, self->store, self->operands[0], &self->err);

    if (status == SBX_OK) {
        self->filter.run = run.id;
        show_record(self, &run);
        status = show_part(self, "denials", sbx_query_denials);
    }
    if (status == SBX_OK) {
        status = show_learned(self, &run);
    }
    if (status == SBX_OK) {
        status = show_part(self, "processes", sbx_query_processes);
    }
    sbx_text_add(&self->text, self->form == SBX_FORM_JSON ? "}\n" : "");
    self->filter.run = NULL;
    sbx_run_record_done(&run);
    return status;
}

int sbx_command_audit_show(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_SHOW,
                      .operands_least = 1,
                      .operands_most = 1,
                      .operand_is = "run"};

    return sbx_audit_command(&self, argc, argv, show_run);
}
