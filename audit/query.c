/* Reading rows page by page; see query.h. */
#include <stdlib.h>
#include <string.h>

#include "audit/command_text.h"
#include "audit/query_parts.h"

/* A page ends with whichever comes first. */
enum { PAGE_ROWS = 256, PAGE_BYTES = 1 << 20 };

static const char doing[] = "reading it";

sbx_status sbx_query_create(sbx_query **out, sbx_store *store, uint64_t limit, sbx_error *err)
{
    sbx_query *self = calloc(1, sizeof(*self));

    *out = self;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory for a query");
    self->store = store;
    self->selection.store = store;
    self->left = limit == 0 ? UINT64_MAX : limit;
    return SBX_OK;
}

static sbx_status register_functions(const sbx_query *self, sbx_error *err)
{
    int rc = sbx_command_text_register(self->store->db);

    return rc == SQLITE_OK ? SBX_OK : sbx_store_fail(self->store, rc, doing, err);
}

sbx_status sbx_query_prepare(sbx_query *self, const sbx_column *columns, size_t count,
                             const sbx_text *sql, sbx_error *err)
{
    sbx_status st = sbx_text_check(sql, err);

    self->column_count = count;
    self->columns = calloc(count, sizeof(*self->columns));
    self->cells = calloc(count * PAGE_ROWS, sizeof(*self->cells));
    self->keys = calloc(PAGE_ROWS, sizeof(*self->keys));
    if (self->columns == NULL || self->cells == NULL || self->keys == NULL)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory for a query");
    if (st == SBX_OK && self->select == NULL) /* not for SQL that somebody wrote */
        st = register_functions(self, err);
    if (st == SBX_OK && self->select == NULL)
        st = sbx_store_prepare(&self->select, self->store, sbx_text_string(sql), doing, err);
    if (st != SBX_OK)
        return st;
    memcpy(self->columns, columns, count * sizeof(*columns));
    sbx_selection_bind(&self->selection, self->select);
    return SBX_OK;
}

sbx_status sbx_query_hand_over(sbx_query **out, sbx_query *self, sbx_status st)
{
    *out = st == SBX_OK ? self : NULL;
    if (st != SBX_OK)
        sbx_query_free(self);
    return st;
}

const sbx_column *sbx_query_columns(const sbx_query *query, size_t *out_count)
{
    *out_count = query->column_count;
    return query->columns;
}

/* A text is an offset until the page is complete: it may still move. */
static void copy_cell(sbx_query *self, sbx_cell *cell, int at)
{
    const void *data;

    *cell = (sbx_cell){0};
    switch (sqlite3_column_type(self->select, at)) {
    case SQLITE_NULL:
        cell->is_null = true;
        break;
    case SQLITE_INTEGER:
        cell->integer = sqlite3_column_int64(self->select, at);
        break;
    case SQLITE_FLOAT:
        cell->is_real = true;
        cell->real = sqlite3_column_double(self->select, at);
        cell->integer = sqlite3_column_int64(self->select, at);
        break;
    default:
        data = sqlite3_column_blob(self->select, at);
        cell->text_bytes = (size_t)sqlite3_column_bytes(self->select, at);
        cell->integer = (int64_t)self->text.bytes;
        sbx_text_add_bytes(&self->text, data, cell->text_bytes);
        sbx_text_add_bytes(&self->text, "", 1);
        cell->text = "";
    }
}

static void copy_row(sbx_query *self)
{
    sbx_cell *cells = self->cells + self->row_count * self->column_count;
    int first = self->is_foreign ? 0 : 2;

    if (!self->is_foreign) {
        self->key = sqlite3_column_int64(self->select, 0);
        self->subkey = sqlite3_column_int64(self->select, 1);
    }
    for (size_t i = 0; i < self->column_count; i++)
        copy_cell(self, &cells[i], (int)i + first);
    self->keys[self->row_count++] = self->key;
}

static void place_texts(sbx_query *self)
{
    for (size_t i = 0; i < self->row_count * self->column_count; i++)
        if (self->cells[i].text != NULL) {
            self->cells[i].text = self->text.data + self->cells[i].integer;
            self->cells[i].integer = 0;
        }
}

static sbx_status fail_step(sbx_query *self, int rc, sbx_error *err)
{
    if (!self->is_foreign)
        return sbx_store_fail(self->store, rc, doing, err);
    if (self->was_stopped)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                              "the statement took too long and was stopped — ask for less, or give "
                              "it more time with --timeout");
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT, "the statement failed: %s",
                          sqlite3_errmsg(self->store->db));
}

static sbx_status read_page(sbx_query *self, sbx_error *err)
{
    sbx_status st;
    int rc = SQLITE_ROW;

    self->row_count = self->row_at = 0;
    sbx_text_clear(&self->text);
    if (self->is_list) {
        sqlite3_bind_int64(self->select, 1, self->key);
        sqlite3_bind_int64(self->select, 2, self->subkey);
    }
    while (self->row_count < PAGE_ROWS && self->row_count < self->left &&
           self->text.bytes < PAGE_BYTES) {
        rc = sqlite3_step(self->select);
        if (rc != SQLITE_ROW)
            break;
        copy_row(self);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = fail_step(self, rc, err);
    else
        st = sbx_text_check(&self->text, err);
    self->is_at_end = rc == SQLITE_DONE;
    if (self->is_list || self->is_at_end || st != SBX_OK)
        (void)sqlite3_reset(self->select); /* ends the read transaction */
    if (st == SBX_OK)
        place_texts(self);
    return st;
}

sbx_status sbx_query_next(sbx_query *query, const sbx_cell **out_cells, sbx_error *err)
{
    sbx_status st = SBX_OK;

    *out_cells = NULL;
    if (query->left == 0)
        return SBX_OK;
    if (query->row_at == query->row_count && !query->is_at_end)
        st = read_page(query, err);
    if (st != SBX_OK || query->row_at == query->row_count)
        return st;
    query->given_key = query->keys[query->row_at];
    *out_cells = query->cells + query->row_at++ * query->column_count;
    query->left--;
    return SBX_OK;
}

sbx_status sbx_query_has_more(bool *out, sbx_query *query, sbx_error *err)
{
    const sbx_cell *cells = NULL;
    sbx_status st;

    *out = false;
    if (query->left > 0)
        return SBX_OK;
    query->left = 1;
    st = sbx_query_next(query, &cells, err);
    query->left = 0;
    *out = cells != NULL;
    return st;
}

void sbx_query_free(sbx_query *query)
{
    if (query == NULL)
        return;
    sqlite3_finalize(query->select);
    if (query->is_foreign)
        sbx_query_forget_foreign(query);
    sbx_selection_done(&query->selection);
    sbx_text_done(&query->text);
    free(query->columns);
    free(query->cells);
    free(query->keys);
    free(query);
}
