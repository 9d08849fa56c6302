/* `sbx audit show`: everything about one run. */
#include "harness/cli/audit_parts.h"
#include "harness/cli/table.h"

typedef sbx_status open_query(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                              sbx_error *err);

/* One part: a titled table that is left out where it is empty, or a key with an array. */
static sbx_status show_part(sbx_audit *self, const char *title, open_query *open)
{
    sbx_query *query = NULL;
    size_t rows = 0;
    sbx_status status = open(&query, self->store, &self->filter, &self->err);

    if (status == SBX_OK && self->form == SBX_FORM_JSON) {
        sbx_text_add_format(&self->text, ",\"%s\":", title);
        status = sbx_audit_print_json(self, query, false);
    } else if (status == SBX_OK) {
        status = sbx_audit_print_table(&rows, self, query, title);
    }
    sbx_query_free(query);
    return status;
}

static sbx_status show_run(sbx_audit *self)
{
    char id[27];
    size_t column_count = 0;
    const sbx_column *columns = NULL;
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    sbx_status status = sbx_query_find_run(id, self->store, self->operands[0], &self->err);

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
        if (self->form == SBX_FORM_JSON) {
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
    sbx_text_add(&self->text, self->form == SBX_FORM_JSON ? "}\n" : "");
    self->filter.run = NULL;
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
