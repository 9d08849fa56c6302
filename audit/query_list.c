/* Lists of runs, denials and processes, read by key: a page begins where the last one ended. */
#include <string.h>

#include "audit/query_parts.h"
#include "audit/query_tables.h"

/*
 * ?1 ?2 where the last page ended, ?3 the last run asked for, from ?10 on the filter. There is no
 * second condition on the near end: SQLite would start there instead, at every page.
 */
static void add_range(sbx_text *sql, const sbx_query_table *table, const char *key,
                      bool is_ascending)
{
    bool has_subkey = strcmp(table->subkey, "0") != 0;
    const char *order = is_ascending ? ">" : "<";

    if (has_subkey)
        sbx_text_add_format(sql, "%s %s= ?1 AND (%s, %s) %s (?1, ?2)", key, order, key,
                            table->subkey, order);
    else
        sbx_text_add_format(sql, "%s %s ?1 AND ?2 IS NOT NULL", key, order);
    sbx_text_add_format(sql, " AND %s %s= ?3", key, is_ascending ? "<" : ">");
}

/* Rows of a table are in the order of their keys, so this reads nothing twice and sorts nothing. */
static void write_sql(sbx_text *sql, const sbx_query *self, const sbx_query_table *table,
                      bool is_ascending)
{
    const sbx_selection *selection = &self->selection;
    const char *direction = is_ascending ? "ASC" : "DESC";
    const char *key = selection->has_candidates ? "cand.run" : table->key;

    sbx_text_add_format(sql, "SELECT %s, %s", key, table->subkey);
    for (size_t i = 0; i < table->column_count; i++)
        sbx_text_add_format(sql, ", %s", table->columns[i].sql);
    sbx_text_add(sql, " FROM ");
    if (selection->has_candidates)
        sbx_text_add_format(sql, "%s AS cand CROSS JOIN %s ON %s = cand.run ",
                            selection->candidates, table->name, table->key);
    else
        sbx_text_add_format(sql, "%s ", table->name);
    sbx_text_add_format(sql, "%s WHERE ", table->joins);
    add_range(sql, table, key, is_ascending);
    sbx_text_add(sql, sbx_text_string(&selection->where));
    sbx_text_add_format(sql, " ORDER BY %s %s", key, direction);
    if (strcmp(table->subkey, "0") != 0)
        sbx_text_add_format(sql, ", %s %s", table->subkey, direction);
}

static sbx_status list(sbx_query **out, sbx_store *store, const sbx_query_table *table,
                       const sbx_query_filter *filter, sbx_filter_rows rows, sbx_error *err)
{
    sbx_column columns[SBX_QUERY_COLUMNS_MAX];
    bool is_ascending = filter->run != NULL;
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = sbx_query_create(&self, store, filter->limit, err);

    if (st == SBX_OK)
        st = sbx_selection_make(&self->selection, store, filter, rows, err);
    if (st != SBX_OK)
        return sbx_query_hand_over(out, self, st);
    for (size_t i = 0; i < table->column_count; i++)
        columns[i] = table->columns[i].column;
    self->is_list = true;
    if (is_ascending) {
        self->key = self->selection.first == INT64_MIN ? INT64_MIN : self->selection.first - 1;
        self->subkey = INT64_MAX;
    } else {
        self->key = self->selection.last == INT64_MAX ? INT64_MAX : self->selection.last + 1;
        self->subkey = INT64_MIN;
    }
    write_sql(&sql, self, table, is_ascending);
    st = sbx_query_prepare(self, columns, table->column_count, &sql, err);
    if (st == SBX_OK)
        sqlite3_bind_int64(self->select, 3,
                           is_ascending ? self->selection.last : self->selection.first);
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}

sbx_status sbx_query_runs(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                          sbx_error *err)
{
    return list(out, store, &sbx_query_table_runs, filter, SBX_ROWS_RUNS, err);
}

sbx_status sbx_query_denials(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                             sbx_error *err)
{
    return list(out, store, &sbx_query_table_denials, filter, SBX_ROWS_DENIALS, err);
}

sbx_status sbx_query_processes(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                               sbx_error *err)
{
    return list(out, store, &sbx_query_table_processes, filter, SBX_ROWS_PROCESSES, err);
}
