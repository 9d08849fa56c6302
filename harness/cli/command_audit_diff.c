/* `sbx audit diff`: in what two runs differ, and what only one of them was denied. */
#include <stdlib.h>
#include <string.h>

#include "harness/cli/audit_parts.h"
#include "harness/cli/csv.h"
#include "harness/cli/message.h"
#include "harness/cli/run_record.h"
#include "harness/cli/table.h"

/* Two runs differ in these always, and it means nothing. */
static bool is_own(const char *name)
{
    static const char *const names[] = {"run_id",  "started_us", "ended_us",
                                        "command", "argv_hex",   "cwd_hex"};

    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_same(const sbx_cell *left, const sbx_cell *right)
{
    if (left->is_null || right->is_null) {
        return left->is_null == right->is_null;
    }
    return left->integer == right->integer && left->text_bytes == right->text_bytes &&
           (left->text == NULL) == (right->text == NULL) &&
           (left->text == NULL || memcmp(left->text, right->text, left->text_bytes) == 0);
}

static const sbx_column field_columns[] = {{"field", "FIELD", SBX_CELL_TEXT},
                                           {"left", "LEFT", SBX_CELL_ANY},
                                           {"right", "RIGHT", SBX_CELL_ANY}};

/* A cell for people is its own column's text; for programs it is the value. */
static void add_side(sbx_cell *out, sbx_text *text, const sbx_audit *self, const sbx_column *column,
                     const sbx_cell *cell)
{
    *out = *cell;
    if (self->form == SBX_FORM_TABLE && !cell->is_null && column->kind != SBX_CELL_TEXT &&
        column->kind != SBX_CELL_JSON) {
        sbx_table_format_cell(text, column, cell);
        *out = (sbx_cell){.text = sbx_text_string(text), .text_bytes = text->bytes};
    }
}

static void add_field(sbx_audit *self, sbx_table *table, bool is_first, const sbx_column *column,
                      const sbx_cell *left, const sbx_cell *right)
{
    sbx_cell cells[3] = {{.text = column->name, .text_bytes = strlen(column->name)}};
    sbx_text texts[2] = {{0}, {0}};
    sbx_json json;

    add_side(&cells[1], &texts[0], self, column, left);
    add_side(&cells[2], &texts[1], self, column, right);
    if (self->form == SBX_FORM_TABLE) {
        sbx_table_add(table, cells);
    } else if (self->form == SBX_FORM_CSV) {
        sbx_csv_row(&self->text, field_columns, 3, cells);
    } else {
        sbx_text_add(&self->text, is_first ? "" : ",");
        sbx_json_init(&json, &self->text);
        sbx_json_open_object(&json, NULL);
        sbx_table_row_to_json(&json, field_columns, 3, cells);
        sbx_json_close_object(&json);
    }
    sbx_text_done(&texts[0]);
    sbx_text_done(&texts[1]);
}

static sbx_status add_fields(size_t *out_count, sbx_audit *self, const sbx_run_record *left_run,
                             const sbx_run_record *right_run)
{
    const sbx_column *columns = left_run->columns;
    const sbx_cell *left = left_run->cells, *right = right_run->cells;
    sbx_table table;
    sbx_status status = SBX_OK;

    *out_count = 0;
    sbx_table_init(&table, field_columns, 3);
    for (size_t i = 0; i < left_run->column_count; i++) {
        if (!is_own(columns[i].name) && !is_same(&left[i], &right[i])) {
            add_field(self, &table, *out_count == 0, &columns[i], &left[i], &right[i]);
            (*out_count)++;
        }
    }
    if (self->form == SBX_FORM_TABLE) {
        status = sbx_table_render(&self->text, &table, &self->screen, &self->err);
    }
    sbx_table_done(&table);
    return status;
}

static sbx_status add_denials(size_t *out_count, sbx_audit *self, const char *left,
                              const char *right)
{
    sbx_query *query = NULL;
    sbx_status status = sbx_query_denials_apart(&query, self->store, left, right, &self->err);

    *out_count = 1;
    if (status == SBX_OK && self->form == SBX_FORM_TABLE) {
        status = sbx_audit_print_table(out_count, self, query, "denied in only one of them");
    } else if (status == SBX_OK && self->form == SBX_FORM_CSV) {
        sbx_text_add(&self->text, "\r\n"); /* a second block, with columns of its own */
        status = sbx_audit_print_csv(self, query);
    } else if (status == SBX_OK) {
        status = sbx_audit_print_json(self, query, false);
    }
    sbx_query_free(query);
    return status;
}

static sbx_status compare(sbx_audit *self)
{
    sbx_run_record runs[2] = {0};
    bool is_json = self->form == SBX_FORM_JSON || self->form == SBX_FORM_JSONL;
    size_t fields = 0, denials = 0;
    sbx_status status = SBX_OK;

    for (int i = 0; i < 2 && status == SBX_OK; i++) {
        status = sbx_run_record_read(&runs[i], self->store, self->operands[i], &self->err);
    }
    if (status == SBX_OK && is_json) {
        sbx_text_add_format(&self->text, "{\"left\":\"%s\",\"right\":\"%s\",\"fields\":[",
                            runs[0].id, runs[1].id);
    } else if (status == SBX_OK && self->form == SBX_FORM_CSV) {
        sbx_csv_head(&self->text, field_columns, 3);
    }
    if (status == SBX_OK) {
        status = add_fields(&fields, self, &runs[0], &runs[1]);
    }
    sbx_text_add(&self->text, is_json ? "],\"denials\":" : "");
    if (status == SBX_OK) {
        status = add_denials(&denials, self, runs[0].id, runs[1].id);
    }
    sbx_text_add(&self->text, is_json ? "}\n" : "");
    if (status == SBX_OK && self->form == SBX_FORM_TABLE && fields + denials == 0) {
        sbx_message("the two runs do not differ in anything that is recorded");
    }
    sbx_run_record_done(&runs[0]);
    sbx_run_record_done(&runs[1]);
    return status;
}

int sbx_command_audit_diff(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_DIFF,
                      .operands_least = 2,
                      .operands_most = 2,
                      .operand_is = "run"};

    return sbx_audit_command(&self, argc, argv, compare);
}
