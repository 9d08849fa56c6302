/* The steps from each older version, and making the rest from schema.sql; see migrate.h. */
#include "audit/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "audit/database_file.h"
#include "schema_sql.h"

static const char doing[] = "bringing it to this sbx's format";

/* What turns tables of the version `from` into those of the next one. */
typedef struct step {
    int from;
    const char *sql;                   /* "": nothing but new objects */
    int (*run)(sqlite3 *db, int from); /* what SQL alone cannot do; NULL: nothing. SQLite's code */
} step;

static const step steps[] = {
    /* 1 → 2; seals, and the trigger that lets go what a prune stands for, are new objects. */
    {.from = 1,
     .sql = "ALTER TABLE run ADD COLUMN batch TEXT; ALTER TABLE run ADD COLUMN task TEXT;"
            "ALTER TABLE run ADD COLUMN attempt INTEGER"},
    /* 2 → 3 */
    {.from = 2, .sql = "ALTER TABLE run ADD COLUMN samples TEXT"},
};

_Static_assert(SBX_COUNT_OF(steps) == SBX_SCHEMA_VERSION - SBX_SCHEMA_OLDEST,
               "a version needs a step");

static int read_version(sqlite3 *db, int *out)
{
    sqlite3_stmt *pragma = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &pragma, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(pragma);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int(pragma, 0);
    sqlite3_finalize(pragma);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

static int run_steps(sqlite3 *db, int version)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < SBX_COUNT_OF(steps) && rc == SQLITE_OK; i++) {
        if (steps[i].from < version)
            continue;
        rc = sqlite3_exec(db, steps[i].sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK && steps[i].run != NULL)
            rc = steps[i].run(db, steps[i].from);
    }
    return rc;
}

/* The statement that the database has for an object, NULL: it has none of that name. */
static int find_object(sqlite3 *db, sbx_text *out_sql, bool *out_exists, const char *name)
{
    sqlite3_stmt *select = NULL;
    int rc =
        sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE name = ?", -1, &select, NULL);

    *out_exists = false;
    sbx_text_clear(out_sql);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(select, 1, name, -1, SQLITE_STATIC);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW) {
        *out_exists = true;
        sbx_text_add(out_sql, (const char *)sqlite3_column_text(select, 0));
    }
    sqlite3_finalize(select);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Tables and indexes are left as they are: their texts differ where a column was added. */
static int make_object(sqlite3 *db, const char *type, const char *name, const char *sql)
{
    sbx_text present = {0}, drop = {0};
    bool exists = false, is_code = strcmp(type, "trigger") == 0 || strcmp(type, "view") == 0;
    int rc = find_object(db, &present, &exists, name);

    if (rc == SQLITE_OK && exists && is_code && strcmp(sbx_text_string(&present), sql) != 0) {
        sbx_text_add_format(&drop, "DROP %s \"%s\"", type, name);
        rc = drop.failed ? SQLITE_NOMEM : sqlite3_exec(db, drop.data, NULL, NULL, NULL);
        exists = false;
    }
    if (rc == SQLITE_OK && !exists)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sbx_text_done(&present);
    sbx_text_done(&drop);
    return rc;
}

/* Everything that a new database has and this one has not. */
static int make_objects(sqlite3 *db)
{
    static const char in_order[] =
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY "
        "CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'trigger' THEN 2 ELSE 3 END, rowid";
    sqlite3 *fresh = NULL;
    sqlite3_stmt *select = NULL;
    int rc = sqlite3_open_v2(":memory:", &fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(fresh, sbx_schema_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(fresh, in_order, -1, &select, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(select)) == SQLITE_ROW)
        rc = make_object(db, (const char *)sqlite3_column_text(select, 0),
                         (const char *)sqlite3_column_text(select, 1),
                         (const char *)sqlite3_column_text(select, 2));
    sqlite3_finalize(select);
    sqlite3_close(fresh);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* In the ledger too: from here on rows are what this version means by them. */
static sbx_status put_event(sbx_store *store, int version, const char *backup, sbx_error *err)
{
    uint64_t now_us = sbx_clock_utc_us();
    sbx_text text = {0};
    sbx_json body;
    sbx_status st;

    sbx_store_begin_body(&body, &text, "db.migrate", now_us, NULL);
    sbx_json_signed(&body, "from_version", version);
    sbx_json_signed(&body, "to_version", SBX_SCHEMA_VERSION);
    sbx_json_string(&body, "backup", sbx_path_name(backup));
    st = sbx_store_put_event(store, &body, "db.migrate", now_us, 0, err);
    sbx_text_done(&text);
    return st;
}

static sbx_status change(sbx_store *store, int version, const char *backup, sbx_error *err)
{
    sbx_text pragma = {0};
    int rc = run_steps(store->db, version);
    sbx_status st;

    if (rc == SQLITE_OK)
        rc = make_objects(store->db);
    sbx_text_add_format(&pragma, "PRAGMA user_version = %d", (int)SBX_SCHEMA_VERSION);
    if (rc == SQLITE_OK)
        rc = pragma.failed ? SQLITE_NOMEM : sqlite3_exec(store->db, pragma.data, NULL, NULL, NULL);
    sbx_text_done(&pragma);
    if (rc != SQLITE_OK)
        return sbx_store_fail(store, rc, doing, err);
    st = put_event(store, version, backup, err);
    return st == SBX_OK ? sbx_store_commit(store, doing, err) : st;
}

/* "audit.db.v1", or with a number where that name is taken: no backup replaces another. */
static sbx_status back_up(sbx_text *out_path, const sbx_store *store, int version, sbx_error *err)
{
    enum { MOST = 1000 };
    bool exists = true;
    sbx_status st = SBX_OK;

    for (int number = 1; st == SBX_OK && exists && number < MOST; number++) {
        sbx_text_clear(out_path);
        sbx_text_add_format(out_path, "%s.v%d", store->path, version);
        if (number > 1)
            sbx_text_add_format(out_path, ".%d", number);
        st = sbx_text_check(out_path, err);
        if (st == SBX_OK)
            st = sbx_database_file_check(&exists, sbx_text_string(out_path), err);
    }
    if (st == SBX_OK)
        st = sbx_store_copy(store, sbx_text_string(out_path), err);
    if (st != SBX_OK)
        sbx_error_context(err, "backing up before the format changes");
    return st;
}

sbx_status sbx_store_migrate(sbx_store *store, sbx_error *err)
{
    sbx_text backup = {0};
    int version = 0, rc;
    sbx_status st = sbx_store_begin(store, doing, err);

    if (st != SBX_OK)
        return st;
    rc = read_version(store->db, &version); /* as it is under the lock */
    if (rc != SQLITE_OK)
        st = sbx_store_fail(store, rc, doing, err);
    else if (version < SBX_SCHEMA_OLDEST)
        st = sbx_store_fail(store, SQLITE_CORRUPT, "its version is none that sbx ever wrote", err);
    else if (version < SBX_SCHEMA_VERSION)
        st = back_up(&backup, store, version, err);
    if (st == SBX_OK && version < SBX_SCHEMA_VERSION)
        st = change(store, version, sbx_text_string(&backup), err);
    if (st == SBX_OK)
        store->version = SBX_SCHEMA_VERSION;
    sbx_store_rollback(store); /* nothing after a commit */
    sbx_ledger_done(&store->ledger);
    sbx_text_done(&backup);
    return st;
}
