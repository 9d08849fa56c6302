/* How long tasks took, from their runs. */
#include "audit/history.h"

#include "audit/store_parts.h"

enum { BUSY_MS = 1000 };

static const char select_tasks[] =
    "SELECT task, wall_ns FROM run WHERE id > (SELECT max(id) FROM run) - 100000"
    " AND task IS NOT NULL AND wall_ns IS NOT NULL ORDER BY id";

void sbx_history_each(const char *path, sbx_history_visit *visit, void *context)
{
    const sbx_store_options options = {.read_only = true, .busy_ns = BUSY_MS * SBX_NS_PER_MS};
    sqlite3_stmt *select = NULL;
    sbx_store *store = NULL;

    if (sbx_store_open(&store, path, &options, NULL) == SBX_OK &&
        sbx_store_prepare(&select, store, select_tasks, "reading it", NULL) == SBX_OK)
        while (sqlite3_step(select) == SQLITE_ROW) {
            const unsigned char *task = sqlite3_column_text(select, 0);
            sqlite3_int64 wall_ns = sqlite3_column_int64(select, 1);

            if (task != NULL && wall_ns >= 0)
                visit(context, (const char *)task, (uint64_t)wall_ns);
        }
    sqlite3_finalize(select);
    sbx_store_close(store);
}
