/* What a run changed while nothing refused it: out of the one event that says so. */
#include "audit/query_parts.h"

static const sbx_column columns[] = {
    {"count", "COUNT", SBX_CELL_INTEGER}, {"op", "OP", SBX_CELL_TEXT},
    {"target", "TARGET", SBX_CELL_TEXT},  {"exe", "PROGRAM", SBX_CELL_TEXT},
    {"target_hex", NULL, SBX_CELL_TEXT},  {"pid", NULL, SBX_CELL_INTEGER},
    {"first_us", NULL, SBX_CELL_TIME},    {"last_us", NULL, SBX_CELL_TIME},
};

static const char select_learned[] =
    "SELECT 0, 0, value->>'count', value->>'op', value->>'target', value->>'exe', "
    "value->>'target_hex', value->>'pid', value->>'first_us', value->>'last_us' "
    "FROM (SELECT body FROM event WHERE kind = 'run.learned' AND "
    "run = (SELECT id FROM run WHERE run_id = ?1) ORDER BY seq DESC LIMIT 1) AS found, "
    "json_each(found.body, '$.learned')";

sbx_status sbx_query_learned(sbx_query **out, sbx_store *store, const char *run_id, sbx_error *err)
{
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = sbx_query_create(&self, store, 0, err);

    if (st == SBX_OK) {
        sbx_text_add(&sql, select_learned);
        st = sbx_query_prepare(self, columns, SBX_COUNT_OF(columns), &sql, err);
    }
    if (st == SBX_OK)
        sqlite3_bind_text(self->select, 1, run_id, -1, SQLITE_TRANSIENT);
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}
