/* Reading rows page by page; see query.h. A page is read from where the last one ended, by key. */
#include "audit/query.h"

#include <stdlib.h>
#include <string.h>

#include "audit/query_tables.h"
#include "audit/store_parts.h"

/* A page ends with whichever comes first. */
enum { PAGE_ROWS = 256, PAGE_BYTES = 1 << 20 };

static const char doing[] = "reading it";

struct sbx_query {
    sbx_store *store;
    const sbx_query_table *table;
    sbx_column *columns;
    sqlite3_stmt *select;
    sbx_text status; /* the filter's, kept */
    bool is_ascending, is_at_end;
    uint64_t left;       /* rows that may still be given */
    int64_t key, subkey; /* of the last row that was read */
    sbx_cell *cells;     /* of the page, row after row */
    size_t row_count, row_at;
    sbx_text text; /* what they point into */
};

/*
 * ?1 ?2 where the last page ended, ?3 ?4 the runs asked for, ?5 since, ?6 status, ?7 only denied.
 * Rows of a table are in the order of their keys, so this reads nothing twice and sorts nothing.
 */
static void write_sql(sbx_text *sql, const sbx_query_table *table, bool is_ascending)
{
    const char *direction = is_ascending ? "ASC" : "DESC";

    sbx_text_add_format(sql, "SELECT %s, %s", table->key, table->subkey);
    for (size_t i = 0; i < table->column_count; i++)
        sbx_text_add_format(sql, ", %s", table->columns[i].sql);
    sbx_text_add_format(sql, " FROM %s WHERE ", table->from);
    if (strcmp(table->subkey, "0") == 0)
        sbx_text_add_format(sql, "%s %s ?1 AND ?2 IS NOT NULL", table->key,
                            is_ascending ? ">" : "<");
    else
        sbx_text_add_format(sql, "(%s, %s) %s (?1, ?2)", table->key, table->subkey,
                            is_ascending ? ">" : "<");
    sbx_text_add_format(sql, " AND %s BETWEEN ?3 AND ?4 AND %s >= ?5", table->key, table->since);
    sbx_text_add(sql, " AND (?6 IS NULL OR run.status = ?6)");
    sbx_text_add(sql,
                 " AND (NOT ?7 OR run.denied_total > 0 OR (run.denied_total IS NULL AND EXISTS("
                 "SELECT 1 FROM denial AS any_denial WHERE any_denial.run = run.id)))");
    if (strcmp(table->subkey, "0") == 0)
        sbx_text_add_format(sql, " ORDER BY %s %s", table->key, direction);
    else
        sbx_text_add_format(sql, " ORDER BY %s %s, %s %s", table->key, direction, table->subkey,
                            direction);
}

/*
 * The first run that can have started since then, or a later end of nothing. Run ids begin with the
 * time they were made, and that index tells in a moment what looking at every row would; an hour
 * more than asked for, because an id is older than its run's start.
 */
static sbx_status find_first_since(int64_t *out_run, sbx_store *store, uint64_t since_us,
                                   sbx_error *err)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t slack_us = UINT64_C(3600000000);
    uint64_t ms = since_us > slack_us ? (since_us - slack_us) / 1000 : 0;
    char prefix[11];
    sqlite3_stmt *select = NULL;
    sbx_status st =
        sbx_store_prepare(&select, store, "SELECT min(id) FROM run WHERE run_id >= ?", doing, err);
    int rc;

    if (st != SBX_OK)
        return st;
    for (int i = 9; i >= 0; i--, ms >>= 5)
        prefix[i] = digits[ms & 31];
    prefix[10] = '\0';
    sqlite3_bind_text(select, 1, prefix, -1, SQLITE_STATIC);
    rc = sqlite3_step(select);
    if (rc != SQLITE_ROW)
        st = sbx_store_fail(store, rc, doing, err);
    else
        *out_run = sqlite3_column_type(select, 0) == SQLITE_NULL ? INT64_MAX
                                                                 : sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return st;
}

static sbx_status find_row(int64_t *out_run, sbx_store *store, const char *run_id, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st =
        sbx_store_prepare(&select, store, "SELECT id FROM run WHERE run_id = ?", doing, err);
    int rc;

    if (st != SBX_OK)
        return st;
    sqlite3_bind_text(select, 1, run_id, -1, SQLITE_STATIC);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        *out_run = sqlite3_column_int64(select, 0);
    else
        st = sbx_store_fail(store, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, doing, err);
    sqlite3_finalize(select);
    return st;
}

/* Binds everything but where a page begins. */
static sbx_status bind_filter(sbx_query *self, const sbx_query_filter *filter, sbx_error *err)
{
    int64_t first = INT64_MIN, last = INT64_MAX;
    char run_id[SBX_RUN_ID_BYTES];
    sbx_status st = SBX_OK;

    if (filter->run != NULL) {
        st = sbx_query_find_run(run_id, self->store, filter->run, err);
        if (st == SBX_OK)
            st = find_row(&first, self->store, run_id, err);
        last = first;
    } else if (filter->since_us != 0 && self->table == &sbx_query_table_runs) {
        st = find_first_since(&first, self->store, filter->since_us, err);
    }
    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(self->select, 3, first);
    sqlite3_bind_int64(self->select, 4, last);
    sqlite3_bind_int64(self->select, 5, (sqlite3_int64)(filter->since_us & INT64_MAX));
    if (filter->status != NULL) {
        sbx_text_add(&self->status, filter->status);
        st = sbx_text_check(&self->status, err);
        sqlite3_bind_text(self->select, 6, sbx_text_string(&self->status), -1, SQLITE_STATIC);
    }
    sqlite3_bind_int(self->select, 7, filter->denied_only);
    return st;
}

static sbx_status prepare(sbx_query *self, sbx_error *err)
{
    size_t count = self->table->column_count;
    sbx_text sql = {0};
    sbx_status st;

    self->columns = calloc(count, sizeof(*self->columns));
    self->cells = calloc(count * PAGE_ROWS, sizeof(*self->cells));
    write_sql(&sql, self->table, self->is_ascending);
    if (self->columns == NULL || self->cells == NULL)
        sql.failed = true;
    st = sbx_text_check(&sql, err);
    if (st == SBX_OK)
        st = sbx_store_prepare(&self->select, self->store, sbx_text_string(&sql), doing, err);
    for (size_t i = 0; st == SBX_OK && i < count; i++)
        self->columns[i] = self->table->columns[i].column;
    sbx_text_done(&sql);
    return st;
}

static sbx_status create(sbx_query **out, sbx_store *store, const sbx_query_table *table,
                         const sbx_query_filter *filter, sbx_error *err)
{
    sbx_query *self = calloc(1, sizeof(*self));
    sbx_status st;

    *out = NULL;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory for a query");
    self->store = store;
    self->table = table;
    self->left = filter->limit == 0 ? UINT64_MAX : filter->limit;
    self->is_ascending = filter->run != NULL;
    self->key = self->subkey = self->is_ascending ? INT64_MIN : INT64_MAX;
    st = prepare(self, err);
    if (st == SBX_OK)
        st = bind_filter(self, filter, err);
    if (st == SBX_OK) {
        *out = self;
        self = NULL;
    }
    sbx_query_free(self);
    return st;
}

sbx_status sbx_query_runs(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                          sbx_error *err)
{
    return create(out, store, &sbx_query_table_runs, filter, err);
}

sbx_status sbx_query_denials(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                             sbx_error *err)
{
    return create(out, store, &sbx_query_table_denials, filter, err);
}

sbx_status sbx_query_processes(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                               sbx_error *err)
{
    return create(out, store, &sbx_query_table_processes, filter, err);
}

const sbx_column *sbx_query_columns(const sbx_query *query, size_t *out_count)
{
    *out_count = query->table->column_count;
    return query->columns;
}

/* Copies the row under the statement; text is an offset until the page is complete. */
static void copy_row(sbx_query *self)
{
    sbx_cell *cells = self->cells + self->row_count * self->table->column_count;

    self->key = sqlite3_column_int64(self->select, 0);
    self->subkey = sqlite3_column_int64(self->select, 1);
    for (size_t i = 0; i < self->table->column_count; i++) {
        int at = (int)i + 2;
        const void *data;

        cells[i] = (sbx_cell){0};
        switch (sqlite3_column_type(self->select, at)) {
        case SQLITE_NULL:
            cells[i].is_null = true;
            break;
        case SQLITE_INTEGER:
            cells[i].integer = sqlite3_column_int64(self->select, at);
            break;
        default:
            data = sqlite3_column_blob(self->select, at);
            cells[i].text_bytes = (size_t)sqlite3_column_bytes(self->select, at);
            cells[i].integer = (int64_t)self->text.bytes;
            sbx_text_add_bytes(&self->text, data, cells[i].text_bytes);
            sbx_text_add_bytes(&self->text, "", 1);
            cells[i].text = ""; /* the text may still move: place_texts() */
        }
    }
    self->row_count++;
}

static void place_texts(sbx_query *self)
{
    for (size_t i = 0; i < self->row_count * self->table->column_count; i++)
        if (self->cells[i].text != NULL) {
            self->cells[i].text = self->text.data + self->cells[i].integer;
            self->cells[i].integer = 0;
        }
}

static sbx_status read_page(sbx_query *self, sbx_error *err)
{
    sbx_status st;
    int rc = SQLITE_ROW;

    self->row_count = self->row_at = 0;
    sbx_text_clear(&self->text);
    sqlite3_bind_int64(self->select, 1, self->key);
    sqlite3_bind_int64(self->select, 2, self->subkey);
    while (self->row_count < PAGE_ROWS && self->row_count < self->left &&
           self->text.bytes < PAGE_BYTES) {
        rc = sqlite3_step(self->select);
        if (rc != SQLITE_ROW)
            break;
        copy_row(self);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = sbx_store_fail(self->store, rc, doing, err);
    else
        st = sbx_text_check(&self->text, err);
    (void)sqlite3_reset(self->select); /* ends the read transaction */
    self->is_at_end = rc == SQLITE_DONE;
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
    *out_cells = query->cells + query->row_at++ * query->table->column_count;
    query->left--;
    return SBX_OK;
}

void sbx_query_free(sbx_query *query)
{
    if (query == NULL)
        return;
    sqlite3_finalize(query->select);
    sbx_text_done(&query->status);
    sbx_text_done(&query->text);
    free(query->columns);
    free(query->cells);
    free(query);
}
