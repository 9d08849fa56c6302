/* `sbx audit`: what the database says, as tables or JSON. */
#include <stdlib.h>
#include <string.h>

#include "audit/query.h"
#include "harness/base/clock.h"
#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"
#include "harness/cli/table.h"

enum {
    USUAL_ROWS = 50,
    ROWS_AT_ONCE = 2000, /* so many share the widths of a table, and are kept in memory */
    PRINT_AT_BYTES = 64 * 1024,
    BUSY_S = 10,
};

typedef enum output_form {
    FORM_TABLE,
    FORM_JSON,
    FORM_JSON_LINES,
} output_form;

typedef struct audit_reading {
    sbx_command_id command;
    output_form form;
    const char *db; /* NULL: the default one */
    sbx_query_filter filter;
    bool wants_help;
    sbx_store *store;
    sbx_screen screen;
    sbx_text text; /* not printed yet */
    sbx_error err;
} audit_reading;

typedef sbx_status open_query(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                              sbx_error *err);

static sbx_status take_operand(audit_reading *self, const char *operand)
{
    if (self->command == SBX_COMMAND_AUDIT_LS || self->filter.run != NULL) {
        return sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "\"%s\" is one operand too many", operand);
    }
    self->filter.run = operand;
    return SBX_OK;
}

static sbx_status take_since(audit_reading *self, const char *value)
{
    uint64_t ns = 0, now_us = sbx_clock_utc_us();
    sbx_status status = sbx_parse_duration(&ns, "--since", value, &self->err);

    if (status == SBX_OK) {
        self->filter.since_us = ns / SBX_NS_PER_US < now_us ? now_us - ns / SBX_NS_PER_US : 0;
    }
    return status;
}

static sbx_status take_limit(audit_reading *self, const char *value)
{
    sbx_status status = sbx_parse_count(&self->filter.limit, "--limit", value, &self->err);

    if (status == SBX_OK && self->filter.limit == UINT64_MAX) {
        self->filter.limit = 0;
    }
    return status;
}

static sbx_status take_option(audit_reading *self, const sbx_token *token)
{
    unsigned index = 0;

    switch (token->option->id) {
    case SBX_OPTION_JSON:
        self->form = FORM_JSON;
        return SBX_OK;
    case SBX_OPTION_JSONL:
        self->form = FORM_JSON_LINES;
        return SBX_OK;
    case SBX_OPTION_DENIED:
        self->filter.denied_only = true;
        return SBX_OK;
    case SBX_OPTION_HELP:
        self->wants_help = true;
        return SBX_OK;
    case SBX_OPTION_SINCE:
        return take_since(self, token->value);
    case SBX_OPTION_LIMIT:
        return take_limit(self, token->value);
    case SBX_OPTION_STATUS:
        self->filter.status = token->value;
        return sbx_option_choose(&index, token->option, token->value, &self->err);
    default:
        self->db = token->value;
        return SBX_OK; /* --db and --audit-db */
    }
}

static sbx_status read_command_line(audit_reading *self, int argc, char **argv)
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
    return status;
}

static sbx_status open_store(audit_reading *self)
{
    const sbx_store_options options = {.read_only = true, .busy_ns = BUSY_S * SBX_NS_PER_S};
    char *path = NULL;
    sbx_status status = SBX_OK;

    if (self->db == NULL) {
        status = sbx_store_default_path(&path, &self->err);
    }
    if (status == SBX_OK) {
        status =
            sbx_store_open(&self->store, self->db == NULL ? path : self->db, &options, &self->err);
    }
    free(path);
    return status;
}

static sbx_status print_some(audit_reading *self, size_t at_bytes)
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

/* The rows of a query as a table, some thousand at a time; the title, if any, only before rows. */
static sbx_status show_table(size_t *out_rows, audit_reading *self, sbx_query *query,
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
            status = print_some(self, PRINT_AT_BYTES);
        }
    } while (status == SBX_OK && cells != NULL);
    sbx_table_done(&table);
    return status;
}

/* The rows as objects: elements of a JSON array, or one on each line. */
static sbx_status show_json(audit_reading *self, sbx_query *query, bool is_lines)
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
        status = print_some(self, PRINT_AT_BYTES);
        if (status == SBX_OK) {
            status = sbx_query_next(query, &cells, &self->err);
        }
    }
    sbx_text_add(&self->text, is_lines ? "" : rows == 0 ? "]" : "\n]");
    return status;
}

static sbx_status show_list(audit_reading *self, open_query *open)
{
    sbx_query *query = NULL;
    size_t rows = 0;
    sbx_status status = open(&query, self->store, &self->filter, &self->err);

    if (status == SBX_OK && self->form == FORM_TABLE) {
        status = show_table(&rows, self, query, NULL);
        if (status == SBX_OK && rows == 0) {
            sbx_message(self->command == SBX_COMMAND_AUDIT_LS ? "no such run is recorded"
                                                              : "no denial is recorded");
        }
    } else if (status == SBX_OK) {
        status = show_json(self, query, self->form == FORM_JSON_LINES);
        sbx_text_add(&self->text, self->form == FORM_JSON ? "\n" : "");
    }
    sbx_query_free(query);
    return status;
}

/* One part of `show`: a titled table that is left out where it is empty, or a key with an array. */
static sbx_status show_part(audit_reading *self, const char *title, open_query *open)
{
    sbx_query *query = NULL;
    size_t rows = 0;
    sbx_status status = open(&query, self->store, &self->filter, &self->err);

    if (status == SBX_OK && self->form == FORM_JSON) {
        sbx_text_add_format(&self->text, ",\"%s\":", title);
        status = show_json(self, query, false);
    } else if (status == SBX_OK) {
        status = show_table(&rows, self, query, title);
    }
    sbx_query_free(query);
    return status;
}

static sbx_status show_run(audit_reading *self)
{
    char id[27];
    size_t column_count = 0;
    const sbx_column *columns = NULL;
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    sbx_status status = sbx_query_find_run(id, self->store, self->filter.run, &self->err);

    self->filter.run = id;
    if (status == SBX_OK) {
        status = sbx_query_runs(&query, self->store, &self->filter, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_query_next(query, &cells, &self->err);
    }
    if (status == SBX_OK && cells == NULL) {
        status = sbx_fail_plain(&self->err, SBX_NOT_FOUND, SBX_STEP_AUDIT, "run %s is gone", id);
    }
    if (status == SBX_OK) {
        columns = sbx_query_columns(query, &column_count);
        if (self->form == FORM_JSON) {
            sbx_json json;

            sbx_json_init(&json, &self->text);
            sbx_json_open_object(&json, NULL); /* closed below, behind the parts */
            sbx_table_row_to_json(&json, columns, column_count, cells);
        } else {
            sbx_table_render_record(&self->text, columns, column_count, cells, &self->screen);
        }
    }
    sbx_query_free(query);
    if (status == SBX_OK) {
        status = show_part(self, "denials", sbx_query_denials);
    }
    if (status == SBX_OK) {
        status = show_part(self, "processes", sbx_query_processes);
    }
    sbx_text_add(&self->text, self->form == FORM_JSON ? "}\n" : "");
    return status;
}

static sbx_status show(audit_reading *self)
{
    sbx_status status = open_store(self);

    if (status != SBX_OK) {
        return status;
    }
    self->screen = sbx_caller_screen(1);
    switch (self->command) {
    case SBX_COMMAND_AUDIT_LS:
        status = show_list(self, sbx_query_runs);
        break;
    case SBX_COMMAND_AUDIT_DENIALS:
        status = show_list(self, sbx_query_denials);
        break;
    default:
        status = show_run(self);
        break;
    }
    return status == SBX_OK ? print_some(self, 1) : status;
}

static int run(sbx_command_id command, uint64_t limit, int argc, char **argv)
{
    audit_reading self = {.command = command, .filter = {.limit = limit}};
    int code = SBX_EXIT_DONE;

    if (read_command_line(&self, argc, argv) != SBX_OK) {
        sbx_message_error(sbx_commands[command].name, &self.err);
        return SBX_EXIT_USAGE;
    }
    if (self.wants_help) {
        return sbx_help_print(command);
    }
    if (command == SBX_COMMAND_AUDIT_SHOW && self.filter.run == NULL) {
        (void)sbx_fail_plain(&self.err, SBX_INVALID, SBX_STEP_OPTIONS,
                             "no run is given — a run's id, its beginning, or \"latest\"");
        sbx_message_error(sbx_commands[command].name, &self.err);
        return SBX_EXIT_USAGE;
    }
    if (show(&self) != SBX_OK) {
        sbx_message_error(sbx_commands[command].name, &self.err);
        code = SBX_EXIT_FAILED;
    }
    sbx_store_close(self.store);
    sbx_text_done(&self.text);
    return code;
}

int sbx_command_audit_ls(int argc, char **argv)
{
    return run(SBX_COMMAND_AUDIT_LS, USUAL_ROWS, argc, argv);
}

int sbx_command_audit_denials(int argc, char **argv)
{
    return run(SBX_COMMAND_AUDIT_DENIALS, USUAL_ROWS, argc, argv);
}

int sbx_command_audit_show(int argc, char **argv)
{
    return run(SBX_COMMAND_AUDIT_SHOW, 0, argc, argv);
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
