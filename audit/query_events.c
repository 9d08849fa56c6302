/* The ledger as lines for people: starts, ends and denials, in the order they were written. */
#include <string.h>

#include "audit/query_parts.h"

static const char doing[] = "reading its ledger";

static const sbx_column columns[] = {
    {"us", "TIME", SBX_CELL_TIME},        {"kind", "WHAT", SBX_CELL_TEXT},
    {"run_id", "RUN", SBX_CELL_TEXT},     {"status", "STATUS", SBX_CELL_TEXT},
    {"count", "COUNT", SBX_CELL_INTEGER}, {"text", "DETAIL", SBX_CELL_TEXT},
    {"reason", NULL, SBX_CELL_TEXT},      {"exit_code", NULL, SBX_CELL_INTEGER},
    {"op", NULL, SBX_CELL_TEXT},          {"target", NULL, SBX_CELL_TEXT},
    {"exe", NULL, SBX_CELL_TEXT},         {"rule", NULL, SBX_CELL_TEXT},
};

/*
 * A batch of denials has one row for each. Of a denial that was known before, the event says only how
 * often; what it is stands in its own row.
 */
static const char select_events[] =
    "SELECT event.seq, 0, event.us, CASE event.kind WHEN 'run.start' THEN 'start' WHEN "
    "'denial.batch' THEN 'denied' WHEN 'run.refused' THEN 'refused' WHEN 'run.lost' THEN 'lost' "
    "ELSE 'end' END, run.run_id, event.body->>'status', each.value->>'count', "
    "CASE event.kind WHEN 'run.start' THEN (SELECT group_concat(value, ' ') FROM "
    "json_each(event.body, '$.argv')) WHEN 'denial.batch' THEN denial.op || ' ' || "
    "CAST(denial.target AS TEXT) ELSE trim(coalesce('exit ' || (event.body->>'exit_code'), "
    "'') || ' ' || coalesce(event.body->>'reason', '') || ' ' || coalesce(event.body->>'message', "
    "'')) END, event.body->>'reason', event.body->>'exit_code', "
    "denial.op, denial.target, denial.exe, denial.rule FROM event CROSS JOIN run ON run.id = "
    "event.run LEFT JOIN json_each(CASE event.kind WHEN 'denial.batch' THEN event.body ELSE '{}' "
    "END, '$.denials') AS each LEFT JOIN denial ON denial.run = event.run AND denial.idx = "
    "each.value->>'idx' WHERE event.seq > ?1 AND ?2 = 0 AND event.kind IN('run.start', 'run.end', "
    "'run.refused', 'run.lost', 'denial.batch')";

sbx_status sbx_query_events(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                            int64_t after, sbx_error *err)
{
    sbx_query_filter own = *filter;
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = sbx_query_create(&self, store, 0, err);

    if (st != SBX_OK)
        return sbx_query_hand_over(out, self, st);
    own.since_us = own.until_us = 0;
    own.denied_only = false;
    st = sbx_selection_make(&self->selection, store, &own, SBX_ROWS_RUNS, err);
    if (st == SBX_OK) {
        sbx_text_add(&sql, select_events);
        if (self->selection.has_candidates)
            sbx_text_add_format(&sql, " AND run.id IN(SELECT run FROM %s)",
                                self->selection.candidates);
        sbx_text_add_format(&sql,
                            " AND run.id BETWEEN %lld AND %lld%s%s ORDER BY event.seq, "
                            "each.key",
                            (long long)self->selection.first, (long long)self->selection.last,
                            sbx_text_string(&self->selection.where),
                            filter->denied_only ? " AND event.kind = 'denial.batch'" : "");
        st = sbx_query_prepare(self, columns, SBX_COUNT_OF(columns), &sql, err);
    }
    if (st == SBX_OK) {
        sqlite3_bind_int64(self->select, 1, after);
        sqlite3_bind_int64(self->select, 2, 0);
        self->given_key = after;
        self->selection.filter = NULL; /* ours is gone when this returns */
    }
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}

int64_t sbx_query_last_event(const sbx_query *query)
{
    return query->given_key;
}

sbx_status sbx_query_event_before_last(int64_t *out, sbx_store *store, uint64_t count,
                                       sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, store,
                                      "SELECT coalesce((SELECT seq FROM event ORDER BY seq DESC "
                                      "LIMIT 1 OFFSET ?1), 0)",
                                      doing, err);
    int rc;

    *out = 0;
    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(select, 1, count > INT64_MAX ? INT64_MAX : (sqlite3_int64)count);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(select, 0);
    else
        st = sbx_store_fail(store, rc, doing, err);
    sqlite3_finalize(select);
    return st;
}
