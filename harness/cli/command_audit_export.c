/* `sbx audit export`: rows of the database for other programs, one after the other. */
#include <stdlib.h>
#include <string.h>

#include "audit/export.h"
#include "harness/cli/audit_filter.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/csv.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"
#include "harness/cli/output_file.h"
#include "harness/cli/table.h"

enum { WRITE_AT_BYTES = 256 * 1024 };

/* In the order of the words in the option table. */
typedef enum export_form { FORM_JSONL, FORM_CSV, FORM_OCSF, FORM_ECS, FORM_OTLP } export_form;

typedef struct exporting {
    unsigned form, what; /* export_form, sbx_export_what */
    bool wants_help;
    const char *db;  /* NULL: the default one */
    const char *out; /* NULL: stdout */
    sbx_query_filter filter;
    sbx_store *store;
    sbx_query *query;
    const sbx_column *columns;
    size_t column_count;
    sbx_export *export; /* NULL: JSONL and CSV, which are the columns as they are */
    sbx_output_file file;
    sbx_text text; /* not written yet */
    sbx_error err;
} exporting;

static sbx_status take_option(exporting *self, const sbx_token *token)
{
    bool is_taken = false;
    sbx_status status = sbx_audit_filter_take(&is_taken, &self->filter, token, &self->err);

    if (is_taken) {
        return status;
    }
    switch (token->option->id) {
    case SBX_OPTION_EXPORT_FORMAT:
        return sbx_option_choose(&self->form, token->option, token->value, &self->err);
    case SBX_OPTION_WHAT:
        return sbx_option_choose(&self->what, token->option, token->value, &self->err);
    case SBX_OPTION_OUT:
        self->out = strcmp(token->value, "-") == 0 ? NULL : token->value;
        return SBX_OK;
    case SBX_OPTION_HELP:
        self->wants_help = true;
        return SBX_OK;
    default:
        self->db = token->value;
        return SBX_OK; /* --db and --audit-db */
    }
}

static sbx_status take_operand(exporting *self, const char *operand)
{
    if (self->filter.run != NULL) {
        return sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "\"%s\" is one operand too many", operand);
    }
    self->filter.run = operand;
    return SBX_OK;
}

static sbx_status read_command_line(exporting *self, int argc, char **argv)
{
    sbx_option_reader reader;
    sbx_token token;
    sbx_status status;

    sbx_option_reader_init(&reader, SBX_COMMAND_AUDIT_EXPORT, argc, argv);
    do {
        status = sbx_option_next(&token, &reader, &self->err);
        if (status == SBX_OK && token.kind == SBX_TOKEN_OPTION) {
            status = take_option(self, &token);
        } else if (status == SBX_OK && token.kind == SBX_TOKEN_OPERAND) {
            status = take_operand(self, token.value);
        }
    } while (status == SBX_OK && token.kind != SBX_TOKEN_END);
    return status;
}

static sbx_status open_query(exporting *self)
{
    static sbx_status (*const open[])(sbx_query **, sbx_store *, const sbx_query_filter *,
                                      sbx_error *) = {
        [SBX_EXPORT_RUNS] = sbx_query_runs,
        [SBX_EXPORT_DENIALS] = sbx_query_denials,
        [SBX_EXPORT_PROCESSES] = sbx_query_processes,
    };
    static const sbx_export_form forms[] = {
        [FORM_OCSF] = SBX_EXPORT_OCSF, [FORM_ECS] = SBX_EXPORT_ECS, [FORM_OTLP] = SBX_EXPORT_OTLP};
    sbx_status status = open[self->what](&self->query, self->store, &self->filter, &self->err);

    if (status != SBX_OK) {
        return status;
    }
    self->columns = sbx_query_columns(self->query, &self->column_count);
    if (self->form == FORM_JSONL || self->form == FORM_CSV) {
        return SBX_OK;
    }
    return sbx_export_create(&self->export, self->store, forms[self->form],
                             (sbx_export_what)self->what, self->columns, self->column_count,
                             &self->err);
}

static sbx_status write_out(exporting *self)
{
    sbx_status status = sbx_text_check(&self->text, &self->err);

    if (self->export != NULL) {
        sbx_export_rest(self->export); /* who reads a pipe may take his time */
    }
    if (status == SBX_OK && self->text.bytes > 0) {
        status =
            self->out == NULL
                ? sbx_caller_write(1, sbx_text_string(&self->text), self->text.bytes, &self->err)
                : sbx_output_file_write(&self->file, sbx_text_string(&self->text), self->text.bytes,
                                        &self->err);
    }
    sbx_text_clear(&self->text);
    return status;
}

static sbx_status add_row(exporting *self, const sbx_cell *cells)
{
    sbx_json json;

    if (self->export != NULL) {
        return sbx_export_row(&self->text, self->export, cells, &self->err);
    }
    if (self->form == FORM_CSV) {
        sbx_csv_row(&self->text, self->columns, self->column_count, cells);
        return SBX_OK;
    }
    sbx_json_init(&json, &self->text);
    sbx_json_open_object(&json, NULL);
    sbx_table_row_to_json(&json, self->columns, self->column_count, cells);
    sbx_json_close_object(&json);
    sbx_text_add_bytes(&self->text, "\n", 1);
    return SBX_OK;
}

static sbx_status write_rows(exporting *self)
{
    const sbx_cell *cells = NULL;
    sbx_status status = SBX_OK;

    if (self->form == FORM_CSV) {
        sbx_csv_head(&self->text, self->columns, self->column_count);
    }
    do {
        status = sbx_query_next(self->query, &cells, &self->err);
        if (status == SBX_OK && cells != NULL) {
            status = add_row(self, cells);
        }
        if (status == SBX_OK && self->text.bytes >= WRITE_AT_BYTES) {
            status = write_out(self);
        }
    } while (status == SBX_OK && cells != NULL);
    if (status == SBX_OK && self->export != NULL) {
        sbx_export_end(&self->text, self->export);
    }
    return status == SBX_OK ? write_out(self) : status;
}

/* The database is opened first: a mistake in its name leaves no file behind. */
static sbx_status export_all(exporting *self)
{
    sbx_status status = sbx_audit_open(&self->store, self->db, &self->err);

    if (status == SBX_OK) {
        status = open_query(self);
    }
    if (status == SBX_OK && self->out != NULL) {
        status = sbx_output_file_open(&self->file, self->out, &self->err);
    }
    if (status == SBX_OK) {
        status = write_rows(self);
    }
    if (status == SBX_OK && self->out != NULL) {
        status = sbx_output_file_commit(&self->file, &self->err);
    }
    return status;
}

int sbx_command_audit_export(int argc, char **argv)
{
    exporting self = {.form = FORM_JSONL};
    int code = SBX_EXIT_DONE;

    if (read_command_line(&self, argc, argv) != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_EXPORT].name, &self.err);
        return SBX_EXIT_USAGE;
    }
    if (self.wants_help) {
        return sbx_help_print(SBX_COMMAND_AUDIT_EXPORT);
    }
    sbx_output_file_init(&self.file);
    if (export_all(&self) != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_EXPORT].name, &self.err);
        code = SBX_EXIT_FAILED;
    }
    sbx_output_file_done(&self.file);
    sbx_export_free(self.export);
    sbx_query_free(self.query);
    sbx_store_close(self.store);
    sbx_text_done(&self.text);
    return code;
}
