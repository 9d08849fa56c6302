/* Small steps on a statement and on an event's body, shared by the files that write. */
#include <string.h>

#include "audit/store_parts.h"

void sbx_bind_text(sbx_binder *binder, const char *text)
{
    (void)sqlite3_bind_text(binder->stmt, ++binder->at, text, -1, SQLITE_STATIC);
}

void sbx_bind_bytes(sbx_binder *binder, const char *data, size_t bytes)
{
    if (sbx_utf8_is_valid(data, bytes))
        (void)sqlite3_bind_text64(binder->stmt, ++binder->at, data, bytes, SQLITE_STATIC,
                                  SQLITE_UTF8);
    else
        (void)sqlite3_bind_blob64(binder->stmt, ++binder->at, data, bytes, SQLITE_STATIC);
}

void sbx_bind_int(sbx_binder *binder, int64_t value)
{
    (void)sqlite3_bind_int64(binder->stmt, ++binder->at, value);
}

void sbx_bind_unsigned(sbx_binder *binder, uint64_t value)
{
    if (value == SBX_UNLIMITED)
        sbx_bind_null(binder);
    else
        sbx_bind_int(binder, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void sbx_bind_null(sbx_binder *binder)
{
    (void)sqlite3_bind_null(binder->stmt, ++binder->at);
}

sbx_status sbx_store_prepare(sqlite3_stmt **out, sbx_store *store, const char *sql,
                             const char *doing, sbx_error *err)
{
    int rc = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);

    return rc == SQLITE_OK ? SBX_OK : sbx_store_fail(store, rc, doing, err);
}

sbx_status sbx_store_prepare_kept(sqlite3_stmt **out, sbx_store *store, const char *sql,
                                  const char *doing, sbx_error *err)
{
    sbx_kept_statement *place = NULL;
    sbx_status st;

    for (size_t i = 0; i < SBX_STATEMENTS_KEPT && place == NULL; i++)
        if (store->kept[i].sql == sql || store->kept[i].sql == NULL)
            place = &store->kept[i];
    if (place != NULL && place->stmt != NULL) {
        *out = place->stmt;
        return SBX_OK;
    }
    st = sbx_store_prepare(out, store, sql, doing, err);
    if (st == SBX_OK && place != NULL)
        *place = (sbx_kept_statement){sql, *out};
    return st;
}

void sbx_store_let_go(sbx_store *store, sqlite3_stmt *stmt)
{
    for (size_t i = 0; stmt != NULL && i < SBX_STATEMENTS_KEPT; i++)
        if (store->kept[i].stmt == stmt) {
            (void)sqlite3_reset(stmt);
            (void)sqlite3_clear_bindings(stmt); /* they point into what is the caller's */
            return;
        }
    sqlite3_finalize(stmt);
}

void sbx_store_forget_kept(sbx_store *store)
{
    for (size_t i = 0; i < SBX_STATEMENTS_KEPT; i++)
        sqlite3_finalize(store->kept[i].stmt);
    memset(store->kept, 0, sizeof(store->kept));
}

sbx_status sbx_store_step(sbx_store *store, sqlite3_stmt *stmt, const char *doing, sbx_error *err)
{
    int rc = sqlite3_step(stmt);
    sbx_status st =
        rc == SQLITE_DONE || rc == SQLITE_ROW ? SBX_OK : sbx_store_fail(store, rc, doing, err);

    (void)sqlite3_reset(stmt);
    return st;
}

void sbx_store_begin_body(sbx_json *body, sbx_text *out, const char *kind, uint64_t us,
                          const char *run_id)
{
    sbx_json_init(body, out);
    sbx_json_open_object(body, NULL);
    sbx_json_string(body, "kind", kind);
    sbx_json_unsigned(body, "us", us);
    if (run_id != NULL)
        sbx_json_string(body, "run", run_id);
}

sbx_status sbx_store_put_event(sbx_store *store, sbx_json *body, const char *kind, uint64_t us,
                               int64_t run, sbx_error *err)
{
    sbx_status st;
    int rc;

    sbx_json_close_object(body);
    st = sbx_text_check(body->out, err);
    if (st != SBX_OK)
        return st;
    rc = sbx_ledger_append(&store->ledger, store->db,
                           &(sbx_ledger_event){.kind = kind,
                                               .us = us,
                                               .run = run,
                                               .body = sbx_text_string(body->out),
                                               .body_bytes = body->out->bytes});
    return rc == SQLITE_OK ? SBX_OK : sbx_store_fail(store, rc, "appending to the ledger", err);
}

sbx_status sbx_store_find_run_id(char out[SBX_RUN_ID_BYTES], sbx_store *store, int64_t run,
                                 sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = SBX_OK;
    int rc;

    if (run == store->run && run != 0) {
        memcpy(out, store->run_id, SBX_RUN_ID_BYTES);
        return SBX_OK;
    }
    st = sbx_store_prepare(&select, store, "SELECT run_id FROM run WHERE id = ?", "finding a run",
                           err);
    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(select, 1, run);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(select, 0) == SBX_RUN_ID_BYTES - 1)
        memcpy(out, sqlite3_column_text(select, 0), SBX_RUN_ID_BYTES);
    else
        st = sbx_store_fail(store, rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_CORRUPT : rc,
                            "finding a run that was recorded", err);
    sqlite3_finalize(select);
    return st;
}
