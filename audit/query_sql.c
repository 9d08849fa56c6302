/*
 * SQL that somebody wrote. The connection is read-only already; the authorizer keeps the statement from
 * reaching past the database (ATTACH, PRAGMA), a clock from running for ever, limits from eating the
 * memory.
 */
#include <string.h>

#include "audit/query_parts.h"

enum {
    STEPS_BETWEEN_LOOKS = 10000,
    MOST_SQL_BYTES = 1 << 20,
    MOST_VALUE_BYTES = 16 << 20,
    MOST_HEAP_BYTES = 64 << 20,
    MOST_COLUMNS = 200,
};

void sbx_query_sql_begin(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1); /* without the account there is no limit */
}

/* Functions that say something about the process or the build, or make large things of nothing. */
static bool is_allowed_function(const char *name)
{
    static const char *const refused[] = {
        "load_extension", "fts3_tokenizer",           "zeroblob",
        "randomblob",     "sqlite_compileoption_get", "sqlite_compileoption_used"};

    for (size_t i = 0; i < SBX_COUNT_OF(refused); i++)
        if (name != NULL && sqlite3_stricmp(name, refused[i]) == 0)
            return false;
    return true;
}

static int authorize(void *context, int action, const char *first, const char *second,
                     const char *database, const char *inside)
{
    (void)context;
    (void)first;
    (void)database;
    (void)inside;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return is_allowed_function(second) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static int look_at_clock(void *context)
{
    sbx_query *self = context;
    const bool *cancel = self->store->cancel;

    self->was_stopped = sbx_clock_monotonic_ns() >= self->stop_ns ||
                        (cancel != NULL && *(const volatile bool *)cancel);
    return self->was_stopped;
}

void sbx_query_forget_foreign(sbx_query *self)
{
    (void)sqlite3_set_authorizer(self->store->db, NULL, NULL);
    sqlite3_progress_handler(self->store->db, 0, NULL, NULL);
    (void)sqlite3_hard_heap_limit64(0);
}

static void restrain(sbx_query *self, uint64_t time_ns)
{
    uint64_t now_ns = sbx_clock_monotonic_ns();
    sqlite3 *db = self->store->db;

    self->is_foreign = true;
    self->stop_ns = now_ns + time_ns < now_ns ? UINT64_MAX : now_ns + time_ns;
    (void)sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, MOST_SQL_BYTES);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES);
    (void)sqlite3_limit(db, SQLITE_LIMIT_COLUMN, MOST_COLUMNS);
    (void)sqlite3_hard_heap_limit64(MOST_HEAP_BYTES);
    (void)sqlite3_set_authorizer(db, authorize, self);
    sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, look_at_clock, self);
}

static sbx_status fail_sql(sqlite3 *db, sbx_error *err)
{
    if ((sqlite3_errcode(db) & 0xFF) == SQLITE_AUTH)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "the statement may only read the database: %s", sqlite3_errmsg(db));
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT, "the statement is refused: %s",
                          sqlite3_errmsg(db));
}

/* More text behind the statement than spaces, semicolons and comments is another one. */
static bool is_alone(sqlite3 *db, const char *tail)
{
    sqlite3_stmt *more = NULL;
    bool answer = true;

    while (*tail != '\0' && answer) {
        answer = sqlite3_prepare_v2(db, tail, -1, &more, &tail) == SQLITE_OK && more == NULL;
        sqlite3_finalize(more);
        more = NULL;
    }
    return answer;
}

static sbx_status prepare(sbx_query *self, const char *sql, sbx_error *err)
{
    const char *tail = "";
    sqlite3 *db = self->store->db;

    if (strlen(sql) > MOST_SQL_BYTES)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "the statement is longer than 1 MiB");
    if (sqlite3_prepare_v2(db, sql, -1, &self->select, &tail) != SQLITE_OK)
        return fail_sql(db, err);
    if (self->select == NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT, "there is no statement");
    if (!is_alone(db, tail))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "one statement at a time, and nothing behind it");
    if (!sqlite3_stmt_readonly(self->select) || sqlite3_column_count(self->select) == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "the statement may only read the database");
    return SBX_OK;
}

sbx_status sbx_query_sql(sbx_query **out, sbx_store *store, const char *sql, uint64_t limit,
                         uint64_t time_ns, sbx_error *err)
{
    sbx_column columns[MOST_COLUMNS];
    sbx_query *self = NULL;
    sbx_text none = {0};
    size_t count = 0;
    sbx_status st = sbx_query_create(&self, store, limit, err);

    if (st != SBX_OK)
        return sbx_query_hand_over(out, self, st);
    restrain(self, time_ns);
    st = prepare(self, sql, err);
    if (st == SBX_OK)
        count = (size_t)sqlite3_column_count(self->select);
    for (size_t i = 0; i < count && i < MOST_COLUMNS; i++) {
        const char *name = sqlite3_column_name(self->select, (int)i);

        columns[i] = (sbx_column){name == NULL ? "" : name, name == NULL ? "" : name, SBX_CELL_ANY};
    }
    if (st == SBX_OK)
        st = sbx_query_prepare(self, columns, count, &none, err);
    return sbx_query_hand_over(out, self, st);
}
