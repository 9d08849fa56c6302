/* Questions over many runs: the greatest, how they ended, what was denied most. */
#include <string.h>

#include "audit/index_parts.h"
#include "audit/query_parts.h"
#include "audit/query_tables.h"

enum { USUAL_ROWS = 20 };

static uint64_t rows_of(const sbx_query_filter *filter)
{
    return filter->limit == 0 ? USUAL_ROWS : filter->limit;
}

/* The runs that may fit, with the filter's conditions: "FROM … WHERE …". */
static void add_runs(sbx_text *sql, const sbx_selection *selection)
{
    if (selection->has_candidates)
        sbx_text_add_format(sql, "FROM %s AS cand CROSS JOIN run ON run.id = cand.run",
                            selection->candidates);
    else
        sbx_text_add(sql, "FROM run");
    sbx_text_add_format(sql, " WHERE run.id BETWEEN %lld AND %lld%s", (long long)selection->first,
                        (long long)selection->last, sbx_text_string(&selection->where));
}

/* All denials that fit. */
static void add_denials(sbx_text *sql, const sbx_selection *selection)
{
    if (selection->has_candidates)
        sbx_text_add_format(sql, "FROM %s AS cand CROSS JOIN denial ON denial.run = cand.run ",
                            selection->candidates);
    else
        sbx_text_add(sql, "FROM denial ");
    sbx_text_add_format(sql,
                        "JOIN run ON run.id = denial.run WHERE denial.run BETWEEN %lld AND "
                        "%lld%s",
                        (long long)selection->first, (long long)selection->last,
                        sbx_text_string(&selection->where));
}

static const struct {
    const char *sql; /* of a run */
    int measure;
} measures[] = {
    [SBX_BY_MEMORY] = {"run.memory_peak_bytes", SBX_INDEX_MEMORY},
    [SBX_BY_CPU] = {"run.user_ns + run.system_ns", SBX_INDEX_CPU},
    [SBX_BY_WALL] = {"run.wall_ns", SBX_INDEX_WALL},
    [SBX_BY_DENIALS] = {"nullif(coalesce(run.denied_total, (SELECT sum(count) FROM denial WHERE "
                        "denial.run = run.id)), 0)",
                        SBX_INDEX_DENIED},
};

/* Run numbers and values, at most limit, the greatest first. */
static void add_greatest(sbx_text *sql, const sbx_selection *selection, sbx_measure by,
                         uint64_t limit)
{
    const char *value = measures[by].sql;

    if (selection->store->has_index && !selection->has_candidates &&
        selection->first == INT64_MIN) {
        /* In the measure's order until enough of them fit; then the few that it does not know. */
        sbx_text_add_format(
            sql,
            "SELECT * FROM (SELECT measure.run AS id, measure.value AS value FROM ix.measure CROSS "
            "JOIN run ON run.id = measure.run WHERE measure.kind = %d%s ORDER BY measure.value "
            "DESC, measure.run DESC LIMIT %llu) UNION ALL SELECT * FROM (SELECT run.id, %s AS "
            "value "
            "FROM temp.open_runs CROSS JOIN run ON run.id = open_runs.run WHERE value IS NOT "
            "NULL%s)",
            measures[by].measure, sbx_text_string(&selection->where), (unsigned long long)limit,
            value, sbx_text_string(&selection->where));
        return;
    }
    sbx_text_add_format(sql, "SELECT run.id AS id, %s AS value ", value);
    add_runs(sql, selection);
    sbx_text_add(sql, " AND value IS NOT NULL");
}

static void write_top(sbx_text *sql, const sbx_selection *selection, sbx_measure by, uint64_t limit)
{
    const sbx_query_table *table = &sbx_query_table_runs;

    sbx_text_add(sql, "SELECT run.id, 0");
    for (size_t i = 0; i < table->column_count; i++)
        sbx_text_add_format(sql, ", %s", table->columns[i].sql);
    sbx_text_add(sql, " FROM (SELECT id, value FROM (");
    add_greatest(sql, selection, by, limit);
    sbx_text_add_format(sql,
                        ") ORDER BY value DESC, id DESC LIMIT %llu) AS greatest CROSS JOIN run "
                        "ON run.id = greatest.id %s ORDER BY greatest.value DESC, "
                        "greatest.id DESC",
                        (unsigned long long)limit, table->joins);
}

static sbx_status begin(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                        sbx_filter_rows rows, sbx_error *err)
{
    sbx_status st = sbx_query_create(out, store, rows_of(filter), err);

    if (st == SBX_OK)
        st = sbx_selection_make(&(*out)->selection, store, filter, rows, err);
    if (st == SBX_OK && store->has_index)
        st = sbx_filter_find_open_runs(store, err);
    return st;
}

sbx_status sbx_query_top(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                         sbx_measure by, sbx_error *err)
{
    const sbx_query_table *table = &sbx_query_table_runs;
    sbx_column columns[SBX_QUERY_COLUMNS_MAX];
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = begin(&self, store, filter, SBX_ROWS_RUNS, err);

    if (st == SBX_OK) {
        for (size_t i = 0; i < table->column_count; i++)
            columns[i] = table->columns[i].column;
        write_top(&sql, &self->selection, by, rows_of(filter));
        st = sbx_query_prepare(self, columns, table->column_count, &sql, err);
    }
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}

static const sbx_column stats_columns[] = {
    {"status", "STATUS", SBX_CELL_TEXT},
    {"reason", "REASON", SBX_CELL_TEXT},
    {"runs", "RUNS", SBX_CELL_INTEGER},
    {"wall_ns", "WALL", SBX_CELL_DURATION},
    {"cpu_ns", "CPU", SBX_CELL_DURATION},
    {"memory_peak_bytes", "MOST MEMORY", SBX_CELL_BYTES},
    {"denied_total", "DENIED", SBX_CELL_INTEGER},
    {"leaked_procs", "LEAKED", SBX_CELL_INTEGER},
};

#define STATS_OF_RUNS                                                                              \
    "SELECT run.status AS status, coalesce(run.reason, '') AS reason, count(*) AS runs, "          \
    "coalesce(sum(run.wall_ns), 0) AS wall_ns, coalesce(sum(run.user_ns + run.system_ns), 0) AS "  \
    "cpu_ns, coalesce(max(run.memory_peak_bytes), 0) AS memory, coalesce(sum(coalesce("            \
    "run.denied_total, (SELECT sum(count) FROM denial WHERE denial.run = run.id))), 0) AS "        \
    "denied, coalesce(sum(run.leaked_procs), 0) AS leaked "

static void write_stats(sbx_text *sql, const sbx_selection *selection)
{
    sbx_text_add(sql, "SELECT 0, 0, status, nullif(reason, ''), sum(runs), sum(wall_ns), "
                      "sum(cpu_ns), nullif(max(memory), 0), sum(denied), sum(leaked) FROM (");
    sbx_text_add(sql, STATS_OF_RUNS);
    if (selection->store->has_index && !selection->is_narrow)
        sbx_text_add(sql,
                     "FROM temp.open_runs CROSS JOIN run ON run.id = open_runs.run GROUP BY 1, 2 "
                     "UNION ALL SELECT status, reason, runs, wall_ns, cpu_ns, memory_peak_bytes, "
                     "denied, leaked FROM ix.daily");
    else {
        add_runs(sql, selection);
        sbx_text_add(sql, " GROUP BY 1, 2");
    }
    sbx_text_add_format(sql, ") GROUP BY 3, 4 ORDER BY 5 DESC, 3, 4 LIMIT %llu",
                        (unsigned long long)rows_of(selection->filter));
}

sbx_status sbx_query_stats(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                           sbx_error *err)
{
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = begin(&self, store, filter, SBX_ROWS_RUNS, err);

    if (st == SBX_OK) {
        write_stats(&sql, &self->selection);
        st = sbx_query_prepare(self, stats_columns, SBX_COUNT_OF(stats_columns), &sql, err);
    }
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}

/* How denials are grouped; the first column is what they have in common. */
static const struct {
    sbx_column column, hex;
    const char *sql; /* of a denial */
    int kind;        /* in the index; 0: it has no sums of these */
} groups[] = {
    [SBX_GROUP_PATH] = {{"target", "TARGET", SBX_CELL_TEXT},
                        {"target_hex", NULL, SBX_CELL_TEXT},
                        "denial.target",
                        SBX_INDEX_PATH},
    [SBX_GROUP_EXE] = {{"exe", "PROGRAM", SBX_CELL_TEXT},
                       {"exe_hex", NULL, SBX_CELL_TEXT},
                       "coalesce(denial.exe, '')",
                       SBX_INDEX_DENIED_EXE},
    [SBX_GROUP_RULE] = {{"rule", "RULE", SBX_CELL_TEXT},
                        {"rule_hex", NULL, SBX_CELL_TEXT},
                        "denial.rule",
                        SBX_INDEX_RULE},
    [SBX_GROUP_RUN] = {{"run_id", "RUN", SBX_CELL_TEXT},
                       {"run_id_hex", NULL, SBX_CELL_TEXT},
                       "run.run_id",
                       0},
};

/* The greatest of the index alone, where no open run was denied anything; else both put together. */
static sbx_status write_indexed_sums(sbx_text *sql, sbx_store *store, sbx_denial_group by,
                                     uint64_t limit, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    bool has_open;
    sbx_status st = sbx_store_prepare(
        &select, store,
        "SELECT 1 FROM temp.open_runs CROSS JOIN denial ON denial.run = open_runs.run LIMIT 1",
        "reading it", err);

    if (st != SBX_OK)
        return st;
    has_open = sqlite3_step(select) == SQLITE_ROW;
    sqlite3_finalize(select);
    if (!has_open)
        sbx_text_add_format(sql,
                            "SELECT value, count, runs, last_us FROM ix.name WHERE kind = %d "
                            "ORDER BY count DESC, value LIMIT %llu",
                            groups[by].kind, (unsigned long long)limit);
    else
        sbx_text_add_format(
            sql,
            "SELECT value, sum(count) AS count, sum(runs) AS runs, max(last_us) AS last_us FROM ("
            "SELECT value, count, runs, last_us FROM ix.name WHERE kind = %d UNION ALL SELECT %s "
            "AS "
            "value, sum(count), count(DISTINCT denial.run), max(last_us) FROM temp.open_runs CROSS "
            "JOIN denial ON denial.run = open_runs.run GROUP BY 1) GROUP BY 1 ORDER BY count DESC, "
            "value LIMIT %llu",
            groups[by].kind, groups[by].sql, (unsigned long long)limit);
    return SBX_OK;
}

/* By run, the runs with most denials first have their numbers in the index. */
static void write_run_sums(sbx_text *sql, const sbx_selection *selection, uint64_t limit)
{
    sbx_text_add(sql, "SELECT run.run_id AS value, sum(denial.count) AS count, 1 AS runs, "
                      "max(denial.last_us) AS last_us FROM (SELECT id FROM (");
    add_greatest(sql, selection, SBX_BY_DENIALS, limit);
    sbx_text_add_format(sql,
                        ") ORDER BY value DESC, id DESC LIMIT %llu) AS greatest CROSS JOIN "
                        "denial ON denial.run = greatest.id CROSS JOIN run ON run.id = "
                        "greatest.id GROUP BY greatest.id ORDER BY count DESC, greatest.id "
                        "DESC",
                        (unsigned long long)limit);
}

static sbx_status write_sums(sbx_text *sql, const sbx_selection *selection, sbx_denial_group by,
                             sbx_error *err)
{
    uint64_t limit = rows_of(selection->filter);
    sbx_status st = SBX_OK;

    sbx_text_add(sql, "SELECT 0, 0, nullif(value, ''), count, runs, last_us, CASE typeof(value) "
                      "WHEN 'blob' THEN lower(hex(value)) END FROM (");
    if (selection->is_narrow || !selection->store->has_index) {
        sbx_text_add_format(sql,
                            "SELECT %s AS value, sum(denial.count) AS count, count(DISTINCT "
                            "denial.run) AS runs, max(denial.last_us) AS last_us ",
                            groups[by].sql);
        add_denials(sql, selection);
        sbx_text_add_format(sql, " GROUP BY 1 ORDER BY count DESC, %s LIMIT %llu",
                            by == SBX_GROUP_RUN ? "max(denial.run) DESC" : "value",
                            (unsigned long long)limit);
    } else if (groups[by].kind == 0) {
        write_run_sums(sql, selection, limit);
    } else {
        st = write_indexed_sums(sql, selection->store, by, limit, err);
    }
    sbx_text_add(sql, ")");
    return st;
}

sbx_status sbx_query_denial_sums(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                                 sbx_denial_group by, sbx_error *err)
{
    const sbx_column columns[] = {
        groups[by].column,
        {"count", "COUNT", SBX_CELL_INTEGER},
        {"runs", "RUNS", SBX_CELL_INTEGER},
        {"last_us", "LAST", SBX_CELL_TIME},
        groups[by].hex,
    };
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = begin(&self, store, filter, SBX_ROWS_DENIALS, err);

    if (st == SBX_OK)
        st = write_sums(&sql, &self->selection, by, err);
    if (st == SBX_OK)
        st = sbx_query_prepare(self, columns, SBX_COUNT_OF(columns), &sql, err);
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}
