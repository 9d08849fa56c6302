/* From a filter to SQL; see filter.h. */
#include "audit/filter.h"

#include <stdio.h>
#include <string.h>

#include "audit/index_parts.h"

static const char doing[] = "reading it";

/* A condition with one value: the text around "?N". */
static void add_condition(sbx_selection *self, const char *before, const char *after,
                          sbx_selection_value value)
{
    if (self->value_count == SBX_SELECTION_VALUES) {
        self->where.failed = true;
        return;
    }
    sbx_text_add_format(&self->where, " AND %s?%d%s", before,
                        SBX_SELECTION_FIRST + self->value_count, after);
    self->values[self->value_count++] = value;
}

static void add_text(sbx_selection *self, const char *before, const char *after, const char *text)
{
    if (text != NULL)
        add_condition(self, before, after, (sbx_selection_value){.text = text});
}

static void add_number(sbx_selection *self, const char *before, const char *after, uint64_t number)
{
    add_condition(
        self, before, after,
        (sbx_selection_value){.number = number > INT64_MAX ? INT64_MAX : (int64_t)number});
}

/* "key=value", or "key". */
static void add_label(sbx_selection *self, const char *label)
{
    if (strchr(label, '=') != NULL)
        add_text(self,
                 "EXISTS(SELECT 1 FROM json_each(run.labels) AS label WHERE label.key || '=' || "
                 "label.value = ",
                 ")", label);
    else
        add_text(self,
                 "EXISTS(SELECT 1 FROM json_each(run.labels) AS label WHERE label.key = ", ")",
                 label);
}

static void add_run_conditions(sbx_selection *self)
{
    const sbx_query_filter *filter = self->filter;

    add_text(self, "run.status = ", "", filter->status);
    add_text(self, "run.reason = ", "", filter->reason);
    add_text(self, "run.session = ", "", filter->session);
    add_text(self, "run.agent = ", "", filter->agent);
    add_text(self, "run.batch = ", "", filter->batch);
    if (filter->has_user)
        add_number(self, "run.caller_uid = ", "", filter->user);
    for (size_t i = 0; i < filter->label_count; i++)
        add_label(self, filter->labels[i]);
    if (filter->mem_over_percent > 0)
        add_number(self,
                   "run.limit_memory_bytes > 0 AND run.memory_peak_bytes * 1000 / "
                   "run.limit_memory_bytes >= 10 * ",
                   "", filter->mem_over_percent);
    if (filter->denied_only)
        sbx_text_add(&self->where,
                     " AND (run.denied_total > 0 OR (run.denied_total IS NULL AND EXISTS("
                     "SELECT 1 FROM denial AS any_denial WHERE any_denial.run = run.id)))");
}

static void add_row_conditions(sbx_selection *self, sbx_filter_rows rows)
{
    static const char *const times[] = {[SBX_ROWS_RUNS] = "run.started_us",
                                        [SBX_ROWS_DENIALS] = "denial.last_us",
                                        [SBX_ROWS_PROCESSES] = "process.start_us"};
    const sbx_query_filter *filter = self->filter;
    char before[64];

    if (filter->since_us > 0) {
        (void)snprintf(before, sizeof(before), "%s >= ", times[rows]);
        add_number(self, before, "", filter->since_us);
    }
    if (filter->until_us > 0) {
        (void)snprintf(before, sizeof(before), "%s <= ", times[rows]);
        add_number(self, before, "", filter->until_us);
    }
    if (rows == SBX_ROWS_DENIALS)
        add_text(self, "CAST(denial.target AS TEXT) GLOB ", "", filter->path);
    else
        add_text(self,
                 "EXISTS(SELECT 1 FROM denial AS that_denial WHERE that_denial.run = run.id AND "
                 "CAST(that_denial.target AS TEXT) GLOB ",
                 ")", filter->path);
    if (rows == SBX_ROWS_DENIALS)
        add_text(self, "CAST(denial.exe AS TEXT) GLOB ", "", filter->exe);
    else if (rows == SBX_ROWS_PROCESSES)
        add_text(self, "CAST(process.exe AS TEXT) GLOB ", "", filter->exe);
    else
        add_text(self,
                 "EXISTS(SELECT 1 FROM process AS that_process WHERE that_process.run = run.id AND "
                 "CAST(that_process.exe AS TEXT) GLOB ",
                 ")", filter->exe);
}

/*
 * The first run that can have started since then, or the end of nothing. Run ids begin with the time
 * they were made, and that index tells in a moment what looking at every row would; an hour more than
 * asked for, because an id is older than its run's start.
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
        sbx_store_prepare(&select, store, "SELECT min(+id) FROM run WHERE run_id >= ?", doing, err);
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

static sbx_status execute(sbx_store *store, const char *sql, sbx_error *err)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? SBX_OK : sbx_store_fail(store, rc, doing, err);
}

/* Runs that the index does not know the end of: that run, are lost, or ended after it was written. */
#define OPEN_RUNS                                                                                  \
    "SELECT id FROM run INDEXED BY run_running WHERE status = 'running' UNION SELECT run FROM "    \
    "ix.lost UNION SELECT "                                                                        \
    "event.run FROM ix.state CROSS JOIN event WHERE event.seq > state.seq AND event.run IS NOT "   \
    "NULL"

sbx_status sbx_filter_find_open_runs(sbx_store *store, sbx_error *err)
{
    return execute(store,
                   "CREATE TEMP TABLE IF NOT EXISTS open_runs(run INTEGER PRIMARY KEY);"
                   "DELETE FROM temp.open_runs;"
                   "INSERT INTO temp.open_runs " OPEN_RUNS
                   " EXCEPT SELECT run FROM ix.indexed WHERE run IN(" OPEN_RUNS ")",
                   err);
}

/* One thing that the index knows the runs of. */
typedef struct criterion {
    const char *which; /* a condition on ix.name or ix.measure with ?1 */
    bool is_measure;
    int kind;
    sbx_selection_value value;
} criterion;

enum { CRITERIA_MAX = 12 + SBX_FILTER_LABELS_MAX, CANDIDATES_MAX = 100000 };

static const char is_value[] = "value = ?1", is_glob[] = "CAST(value AS TEXT) GLOB ?1";
static const char is_least[] = "value >= ?1";
/* Behind "key=", in the order of texts, comes nothing that "key>" does not follow. */
static const char is_key[] = "value >= ?1 || '=' AND value < ?1 || '>'";

static void want(criterion *list, size_t *count, const char *which, int kind, const char *text)
{
    if (text != NULL)
        list[(*count)++] = (criterion){.which = which, .kind = kind, .value = {.text = text}};
}

static const char *glob_or_value(const char *pattern)
{
    return pattern != NULL && strpbrk(pattern, "*?[") == NULL ? is_value : is_glob;
}

static size_t list_criteria(criterion *list, const sbx_query_filter *filter, sbx_filter_rows rows)
{
    size_t count = 0;

    want(list, &count, glob_or_value(filter->path), SBX_INDEX_PATH, filter->path);
    want(list, &count, glob_or_value(filter->exe),
         rows == SBX_ROWS_DENIALS ? SBX_INDEX_DENIED_EXE : SBX_INDEX_EXE, filter->exe);
    if (filter->status != NULL && strcmp(filter->status, "ok") != 0)
        want(list, &count, is_value, SBX_INDEX_STATUS, filter->status);
    if (filter->reason != NULL && filter->reason[0] != '\0')
        want(list, &count, is_value, SBX_INDEX_REASON, filter->reason);
    want(list, &count, is_value, SBX_INDEX_SESSION, filter->session);
    want(list, &count, is_value, SBX_INDEX_AGENT, filter->agent);
    want(list, &count, is_value, SBX_INDEX_BATCH, filter->batch);
    for (size_t i = 0; i < filter->label_count; i++)
        want(list, &count, strchr(filter->labels[i], '=') != NULL ? is_value : is_key,
             SBX_INDEX_LABEL, filter->labels[i]);
    if (filter->has_user)
        list[count++] = (criterion){is_value, false, SBX_INDEX_USER, {.number = filter->user}};
    if (filter->mem_over_percent > 0 && filter->mem_over_percent < INT64_MAX / 10)
        list[count++] = (criterion){is_least,
                                    true,
                                    SBX_INDEX_MEMORY_SHARE,
                                    {.number = (int64_t)filter->mem_over_percent * 10}};
    if (filter->denied_only)
        list[count++] = (criterion){is_least, true, SBX_INDEX_DENIED, {.number = 1}};
    return count;
}

/* Prepares a statement with the criterion's condition behind it, and its value bound. */
static sbx_status prepare_with(sqlite3_stmt **out, sbx_store *store, const char *before,
                               const char *after, const criterion *about, sbx_error *err)
{
    sbx_text sql = {0};
    sbx_status st;

    sbx_text_add_format(&sql, "%s WHERE kind = %d AND %s%s", before, about->kind, about->which,
                        after);
    st = sbx_text_check(&sql, err);
    if (st == SBX_OK)
        st = sbx_store_prepare(out, store, sbx_text_string(&sql), doing, err);
    if (st == SBX_OK && about->value.text != NULL)
        sqlite3_bind_text(*out, 1, about->value.text, -1, SQLITE_STATIC);
    else if (st == SBX_OK)
        sqlite3_bind_int64(*out, 1, about->value.number);
    sbx_text_done(&sql);
    return st;
}

/* In how many runs it is, or more than CANDIDATES_MAX. */
static sbx_status count_runs(int64_t *out, sbx_store *store, const criterion *about, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st =
        about->is_measure
            ? prepare_with(&select, store, "SELECT count(*) FROM (SELECT 1 FROM ix.measure",
                           " LIMIT 100001)", about, err)
            : prepare_with(&select, store, "SELECT coalesce(sum(runs), 0) FROM ix.name", "", about,
                           err);
    int rc;

    *out = INT64_MAX;
    if (st != SBX_OK)
        return st;
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(select, 0);
    else
        st = sbx_store_fail(store, rc, doing, err);
    sqlite3_finalize(select);
    return st;
}

_Static_assert(CANDIDATES_MAX == 100000, "the number in the statement");

static sbx_status fill_candidates(sbx_selection *self, const criterion *about, sbx_error *err)
{
    static unsigned number;
    sqlite3_stmt *insert = NULL;
    sbx_text sql = {0};
    sbx_status st;

    (void)snprintf(self->candidates, sizeof(self->candidates), "temp.cand_%u", ++number);
    sbx_text_add_format(&sql, "CREATE TABLE %s(run INTEGER PRIMARY KEY);", self->candidates);
    sbx_text_add_format(&sql, "INSERT INTO %s " OPEN_RUNS, self->candidates);
    st = sbx_text_check(&sql, err);
    if (st == SBX_OK)
        st = execute(self->store, sbx_text_string(&sql), err);
    self->has_candidates = st == SBX_OK;
    sbx_text_clear(&sql);
    sbx_text_add_format(&sql,
                        about->is_measure
                            ? "INSERT OR IGNORE INTO %s SELECT run FROM ix.measure"
                            : "INSERT OR IGNORE INTO %s SELECT run FROM ix.name CROSS JOIN "
                              "ix.posting ON posting.name = name.id",
                        self->candidates);
    if (st == SBX_OK)
        st = sbx_text_check(&sql, err);
    if (st == SBX_OK)
        st = prepare_with(&insert, self->store, sbx_text_string(&sql), "", about, err);
    if (st == SBX_OK)
        st = sbx_store_step(self->store, insert, doing, err);
    sqlite3_finalize(insert);
    sbx_text_done(&sql);
    return st;
}

/* The rarest thing that is asked for says which runs to look at; where all is frequent, the newest
 * runs soon have enough that fit. */
static sbx_status find_candidates(sbx_selection *self, sbx_filter_rows rows, sbx_error *err)
{
    criterion list[CRITERIA_MAX];
    size_t count = list_criteria(list, self->filter, rows), rarest = 0;
    int64_t least = INT64_MAX, runs = 0;

    if (!self->store->has_index || self->filter->run != NULL)
        return SBX_OK;
    for (size_t i = 0; i < count; i++) {
        sbx_status st = count_runs(&runs, self->store, &list[i], err);

        if (st != SBX_OK)
            return st;
        if (runs < least) {
            least = runs;
            rarest = i;
        }
    }
    return least <= CANDIDATES_MAX ? fill_candidates(self, &list[rarest], err) : SBX_OK;
}

sbx_status sbx_selection_make(sbx_selection *out, sbx_store *store, const sbx_query_filter *filter,
                              sbx_filter_rows rows, sbx_error *err)
{
    sbx_status st = SBX_OK;

    *out = (sbx_selection){.store = store, .filter = filter, .first = INT64_MIN, .last = INT64_MAX};
    add_run_conditions(out);
    add_row_conditions(out, rows);
    out->is_narrow = out->where.bytes > 0 || filter->run != NULL;
    if (filter->run != NULL) {
        st = sbx_query_find_run(out->run_id, store, filter->run, err);
        if (st == SBX_OK)
            st = find_row(&out->first, store, out->run_id, err);
        out->last = out->first;
    } else if (filter->since_us != 0 && rows == SBX_ROWS_RUNS) {
        st = find_first_since(&out->first, store, filter->since_us, err);
    }
    if (st == SBX_OK)
        st = sbx_text_check(&out->where, err);
    if (st == SBX_OK)
        st = find_candidates(out, rows, err);
    if (st != SBX_OK)
        sbx_selection_done(out);
    return st;
}

void sbx_selection_bind(const sbx_selection *selection, sqlite3_stmt *stmt)
{
    for (int i = 0; i < selection->value_count; i++) {
        const sbx_selection_value *value = &selection->values[i];

        if (value->text != NULL)
            sqlite3_bind_text(stmt, SBX_SELECTION_FIRST + i, value->text, -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(stmt, SBX_SELECTION_FIRST + i, value->number);
    }
}

void sbx_selection_done(sbx_selection *selection)
{
    sbx_text drop = {0};

    if (selection->has_candidates) {
        sbx_text_add_format(&drop, "DROP TABLE %s", selection->candidates);
        (void)sqlite3_exec(selection->store->db, sbx_text_string(&drop), NULL, NULL, NULL);
    }
    selection->has_candidates = false;
    sbx_text_done(&drop);
    sbx_text_done(&selection->where);
}
