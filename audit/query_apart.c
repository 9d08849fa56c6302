/* What two runs were not both denied. */
#include "audit/query_parts.h"

static const sbx_column columns[] = {
    {"left", "LEFT", SBX_CELL_INTEGER},  {"right", "RIGHT", SBX_CELL_INTEGER},
    {"op", "OP", SBX_CELL_TEXT},         {"target", "TARGET", SBX_CELL_TEXT},
    {"exe", "PROGRAM", SBX_CELL_TEXT},   {"rule", "RULE", SBX_CELL_TEXT},
    {"target_hex", NULL, SBX_CELL_TEXT}, {"exe_hex", NULL, SBX_CELL_TEXT},
};

#define SIDE(number)                                                                               \
    "SELECT op, target, coalesce(exe, '') AS exe, rule, sum(count) AS count FROM denial WHERE "    \
    "run = (SELECT id FROM run WHERE run_id = ?" number ") GROUP BY 1, 2, 3, 4"
#define HEX(name) "CASE typeof(" name ") WHEN 'blob' THEN lower(hex(" name ")) END"

static const char select_apart[] = "WITH a AS (" SIDE("1") "), b AS (" SIDE(
    "2") ") SELECT 0, 0, a.count, b.count, op, target, "
         "nullif(exe, ''), rule, " HEX("target") ", " HEX(
             "exe") " FROM a FULL JOIN b USING(op, target, "
                    "exe, rule) WHERE a.count IS NULL OR b.count IS NULL ORDER BY a.count IS NULL, "
                    "coalesce(a.count, b.count) DESC, target";

sbx_status sbx_query_denials_apart(sbx_query **out, sbx_store *store, const char *left,
                                   const char *right, sbx_error *err)
{
    sbx_query *self = NULL;
    sbx_text sql = {0};
    sbx_status st = sbx_query_create(&self, store, 0, err);

    if (st == SBX_OK) {
        sbx_text_add(&sql, select_apart);
        st = sbx_query_prepare(self, columns, SBX_COUNT_OF(columns), &sql, err);
    }
    if (st == SBX_OK) {
        sqlite3_bind_text(self->select, 1, left, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(self->select, 2, right, -1, SQLITE_TRANSIENT);
    }
    sbx_text_done(&sql);
    return sbx_query_hand_over(out, self, st);
}
