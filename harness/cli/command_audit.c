/* `sbx audit`: what its members share; see audit_parts.h. */
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/units.h"
#include "harness/cli/audit_filter.h"
#include "harness/cli/audit_parts.h"
#include "harness/cli/csv.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/table.h"

enum {
    ROWS_AT_ONCE = 2000, /* so many share the widths of a table, and are kept in memory */
    PRINT_AT_BYTES = 64 * 1024,
};

static sbx_status take_form(sbx_audit *self, const sbx_token *token)
{
    unsigned index = 0;
    sbx_status status;

    switch (token->option->id) {
    case SBX_OPTION_JSON:
        self->form = SBX_FORM_JSON;
        return SBX_OK;
    case SBX_OPTION_JSONL:
        self->form = SBX_FORM_JSONL;
        return SBX_OK;
    default:
        status = sbx_option_choose(&index, token->option, token->value, &self->err);
        self->form = (sbx_form)index; /* in the order of the words */
        return status;
    }
}

static sbx_status take_option(sbx_audit *self, const sbx_token *token)
{
    bool is_taken = false;
    sbx_status status = sbx_audit_filter_take(&is_taken, &self->filter, token, &self->err);

    self->has_limit = self->has_limit || token->option->id == SBX_OPTION_LIMIT;
    if (status != SBX_OK || is_taken) {
        return status;
    }
    switch (token->option->id) {
    case SBX_OPTION_JSON:
    case SBX_OPTION_JSONL:
    case SBX_OPTION_FORMAT:
        return take_form(self, token);
    case SBX_OPTION_BY:
        self->has_by = true;
        return sbx_option_choose(&self->by, token->option, token->value, &self->err);
    case SBX_OPTION_FOLLOW:
        self->follows = true;
        return SBX_OK;
    case SBX_OPTION_TIMEOUT:
        return sbx_parse_duration(&self->timeout_ns, "--timeout", token->value, &self->err);
    case SBX_OPTION_HELP:
        self->wants_help = true;
        return SBX_OK;
    default:
        self->db = token->value; /* --db and --audit-db */
        return SBX_OK;
    }
}

static sbx_status take_operand(sbx_audit *self, const char *operand)
{
    if (self->operand_count == self->operands_most) {
        return sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "\"%s\" is one operand too many", operand);
    }
    self->operands[self->operand_count++] = operand;
    return SBX_OK;
}

static sbx_status read_command_line(sbx_audit *self, int argc, char **argv)
{
    sbx_option_reader reader;
    sbx_token token;
    sbx_status status;

    sbx_option_reader_init(&reader, self->command, argc, argv);
    do {
        status = sbx_option_next(&token, &reader, &self->err);
        if (status == SBX_OK && token.kind == SBX_TOKEN_OPTION) {
            status = take_option(self, &token);
        } else if (status == SBX_OK && token.kind == SBX_TOKEN_OPERAND) {
            status = take_operand(self, token.value);
        }
    } while (status == SBX_OK && token.kind != SBX_TOKEN_END);
    if (status == SBX_OK && !self->wants_help && self->operand_count < self->operands_least) {
        status = sbx_fail_plain(
            &self->err, SBX_INVALID, SBX_STEP_OPTIONS, "no %s is given%s", self->operand_is,
            strcmp(self->operand_is, "run") == 0 ? " — a run's id, its beginning, or \"latest\""
                                                 : "");
    }
    return status;
}

sbx_status sbx_audit_flush(sbx_audit *self, size_t at_bytes)
{
    sbx_status status = SBX_OK;

    if (self->text.bytes >= at_bytes) {
        status = sbx_text_check(&self->text, &self->err);
        if (status == SBX_OK) {
            status =
                sbx_caller_write(1, sbx_text_string(&self->text), self->text.bytes, &self->err);
        }
        sbx_text_clear(&self->text);
    }
    return status;
}

sbx_status sbx_audit_print_table(size_t *out_rows, sbx_audit *self, sbx_query *query,
                                 const char *title)
{
    size_t column_count = 0;
    const sbx_column *columns = sbx_query_columns(query, &column_count);
    const sbx_cell *cells = NULL;
    sbx_table table;
    sbx_status status;

    *out_rows = 0;
    sbx_table_init(&table, columns, column_count);
    do {
        status = sbx_query_next(query, &cells, &self->err);
        if (status == SBX_OK && cells != NULL) {
            sbx_table_add(&table, cells);
            (*out_rows)++;
        }
        if (status == SBX_OK && title != NULL && *out_rows == 1) {
            sbx_text_add_format(&self->text, "\n%s\n", title);
            title = NULL;
        }
        if (status == SBX_OK && (cells == NULL || table.row_count == ROWS_AT_ONCE)) {
            status = sbx_table_render(&self->text, &table, &self->screen, &self->err);
        }
        if (status == SBX_OK) {
            status = sbx_audit_flush(self, PRINT_AT_BYTES);
        }
    } while (status == SBX_OK && cells != NULL);
    sbx_table_done(&table);
    return status;
}

sbx_status sbx_audit_print_json(sbx_audit *self, sbx_query *query, bool is_lines)
{
    size_t column_count = 0, rows = 0;
    const sbx_column *columns = sbx_query_columns(query, &column_count);
    const sbx_cell *cells = NULL;
    sbx_status status = sbx_query_next(query, &cells, &self->err);

    sbx_text_add(&self->text, is_lines ? "" : "[");
    for (; status == SBX_OK && cells != NULL; rows++) {
        sbx_json json;

        sbx_text_add(&self->text, is_lines ? "" : rows == 0 ? "\n" : ",\n");
        sbx_json_init(&json, &self->text);
        sbx_json_open_object(&json, NULL);
        sbx_table_row_to_json(&json, columns, column_count, cells);
        sbx_json_close_object(&json);
        sbx_text_add(&self->text, is_lines ? "\n" : "");
        status = sbx_audit_flush(self, PRINT_AT_BYTES);
        if (status == SBX_OK) {
            status = sbx_query_next(query, &cells, &self->err);
        }
    }
    sbx_text_add(&self->text, is_lines ? "" : rows == 0 ? "]" : "\n]");
    return status;
}

sbx_status sbx_audit_print_csv(sbx_audit *self, sbx_query *query)
{
    size_t column_count = 0;
    const sbx_column *columns = sbx_query_columns(query, &column_count);
    const sbx_cell *cells = NULL;
    sbx_status status = sbx_query_next(query, &cells, &self->err);

    sbx_csv_head(&self->text, columns, column_count);
    while (status == SBX_OK && cells != NULL) {
        sbx_csv_row(&self->text, columns, column_count, cells);
        status = sbx_audit_flush(self, PRINT_AT_BYTES);
        if (status == SBX_OK) {
            status = sbx_query_next(query, &cells, &self->err);
        }
    }
    return status;
}

sbx_status sbx_audit_print(sbx_audit *self, sbx_query *query, const char *none)
{
    size_t rows = 0;
    sbx_status status;

    switch (self->form) {
    case SBX_FORM_TABLE:
        status = sbx_audit_print_table(&rows, self, query, NULL);
        if (status == SBX_OK && rows == 0 && none != NULL) {
            sbx_message(none);
        }
        return status;
    case SBX_FORM_CSV:
        return sbx_audit_print_csv(self, query);
    case SBX_FORM_JSON:
    case SBX_FORM_JSONL:
    default:
        status = sbx_audit_print_json(self, query, self->form == SBX_FORM_JSONL);
        sbx_text_add(&self->text, self->form == SBX_FORM_JSON ? "\n" : "");
        return status;
    }
}

int sbx_audit_command(sbx_audit *self, int argc, char **argv, sbx_status (*answer)(sbx_audit *self))
{
    int code = SBX_EXIT_DONE;
    sbx_status status;

    if (read_command_line(self, argc, argv) != SBX_OK) {
        sbx_message_error(sbx_commands[self->command].name, &self->err);
        return SBX_EXIT_USAGE;
    }
    if (self->wants_help) {
        return sbx_help_print(self->command);
    }
    self->screen = sbx_caller_screen(1);
    status = sbx_audit_open(&self->store, self->db, &self->err);
    if (status == SBX_OK) {
        status = answer(self);
    }
    if (status == SBX_OK) {
        status = sbx_audit_flush(self, 1);
    }
    if (status != SBX_OK) {
        sbx_message_error(sbx_commands[self->command].name, &self->err);
        code = SBX_EXIT_FAILED;
    }
    sbx_store_close(self->store);
    sbx_text_done(&self->text);
    return code;
}

/* The family itself only helps. */
int sbx_command_audit(int argc, char **argv)
{
    sbx_text text = {0};

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        return sbx_help_print(SBX_COMMAND_AUDIT);
    }
    if (argc > 0) {
        return sbx_command_unknown(SBX_COMMAND_AUDIT, argv[0]);
    }
    sbx_help_format(&text, SBX_COMMAND_AUDIT, sbx_caller_screen(2).columns);
    sbx_message_write(&text);
    sbx_text_done(&text);
    return SBX_EXIT_USAGE;
}
