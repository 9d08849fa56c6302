/* `sbx audit tail`: what was recorded last, and what comes. */
#include <stdlib.h>

#include "harness/cli/audit_parts.h"
#include "harness/cli/csv.h"
#include "harness/cli/follow.h"
#include "harness/cli/table.h"

enum { USUAL_EVENTS = 10 };

typedef struct tail {
    sbx_audit *audit;
    int64_t after; /* the number of the last event that was looked at */
    sbx_table table;
    sbx_column *columns; /* the table's: they outlive the query */
    bool has_begun;
} tail;

static sbx_status begin(tail *self, const sbx_query *query)
{
    size_t count = 0;
    const sbx_column *columns = sbx_query_columns(query, &count);

    self->columns = malloc(count * sizeof(*columns));
    if (self->columns == NULL) {
        return sbx_fail_plain(&self->audit->err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        self->columns[i] = columns[i];
    }
    sbx_table_init(&self->table, self->columns, count);
    if (self->audit->form == SBX_FORM_CSV) {
        sbx_csv_head(&self->audit->text, self->columns, count);
    }
    self->has_begun = true;
    return SBX_OK;
}

static void add_row(tail *self, const sbx_cell *cells)
{
    size_t count = self->table.column_count;
    sbx_text *text = &self->audit->text;
    sbx_json json;

    switch (self->audit->form) {
    case SBX_FORM_TABLE:
        sbx_table_add(&self->table, cells);
        break;
    case SBX_FORM_CSV:
        sbx_csv_row(text, self->columns, count, cells);
        break;
    case SBX_FORM_JSON:
    case SBX_FORM_JSONL:
        sbx_json_init(&json, text);
        sbx_json_open_object(&json, NULL);
        sbx_table_row_to_json(&json, self->columns, count, cells);
        sbx_json_close_object(&json);
        sbx_text_add(text, "\n");
        break;
    }
}

/* A row that waits to be printed keeps its widths, so some thousand are printed at once at most. */
static sbx_status print_some(tail *self, size_t at_rows)
{
    sbx_audit *audit = self->audit;
    sbx_status status = SBX_OK;

    if (self->table.row_count > 0 && self->table.row_count >= at_rows) {
        status = sbx_table_render(&audit->text, &self->table, &audit->screen, &audit->err);
    }
    return status == SBX_OK ? sbx_audit_flush(audit, at_rows > 1 ? 64 * 1024 : 1) : status;
}

/* What is new. All up to the last event there is has been looked at then, whatever was shown of it. */
static sbx_status look(tail *self)
{
    enum { ROWS_AT_ONCE = 1000 };
    sbx_audit *audit = self->audit;
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    int64_t last = 0;
    sbx_status status = sbx_query_event_before_last(&last, audit->store, 0, &audit->err);

    if (status == SBX_OK && last <= self->after && self->has_begun) {
        return SBX_OK;
    }
    if (status == SBX_OK) {
        status = sbx_query_events(&query, audit->store, &audit->filter, self->after, &audit->err);
    }
    if (status == SBX_OK && !self->has_begun) {
        status = begin(self, query);
    }
    do {
        if (status == SBX_OK) {
            status = sbx_query_next(query, &cells, &audit->err);
        }
        if (status == SBX_OK && cells != NULL) {
            add_row(self, cells);
            status = print_some(self, ROWS_AT_ONCE);
        }
    } while (status == SBX_OK && cells != NULL);
    if (status == SBX_OK) {
        self->after = sbx_query_last_event(query);
        self->after = last > self->after ? last : self->after;
        status = print_some(self, 1);
    }
    sbx_query_free(query);
    return status;
}

static sbx_status follow(tail *self)
{
    sbx_audit *audit = self->audit;
    bool is_over = false;
    sbx_follow changes = {0};
    char *usual = NULL;
    sbx_status status = SBX_OK;

    if (audit->db == NULL) {
        status = sbx_store_default_path(&usual, &audit->err);
    }
    if (status == SBX_OK) {
        status = sbx_follow_begin(&changes, audit->db == NULL ? usual : audit->db, &audit->err);
    }
    while (status == SBX_OK && !is_over) {
        status = look(self);
        if (status == SBX_OK) {
            status = sbx_follow_wait(&is_over, &changes, &audit->err);
        }
    }
    sbx_follow_end(&changes);
    free(usual);
    return status;
}

static sbx_status print(sbx_audit *audit)
{
    tail self = {.audit = audit, .after = 0};
    sbx_status status = SBX_OK;

    if (audit->filter.limit > 0) {
        status = sbx_query_event_before_last(&self.after, audit->store, audit->filter.limit,
                                             &audit->err);
    }
    if (status == SBX_OK) {
        status = audit->follows ? follow(&self) : look(&self);
    }
    if (self.has_begun) {
        sbx_table_done(&self.table);
    }
    free(self.columns);
    return status;
}

int sbx_command_audit_tail(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_TAIL, .filter = {.limit = USUAL_EVENTS}};

    return sbx_audit_command(&self, argc, argv, print);
}
