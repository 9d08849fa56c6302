/*
 * A new database as bytes: made in memory from schema.sql, so that the file can appear complete.
 * Its first ledger row says when it was made and gives it a name that no other database has.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/store_parts.h"
#include "harness/base/json.h"
#include "schema_sql.h"

#ifndef SBX_VERSION
#define SBX_VERSION "0.1.0"
#endif

/* Bytes 18 and 19 of the header: 2 and 2 say that the journal is a WAL. */
enum { WRITE_VERSION_AT = 18, READ_VERSION_AT = 19, VERSION_WAL = 2 };

static int put_meta(sqlite3 *db, const char *id, uint64_t now_us)
{
    sqlite3_stmt *insert = NULL;
    int rc = sqlite3_prepare_v2(db,
                                "INSERT INTO meta VALUES('database_id', ?1), ('created_us', ?2), "
                                "('created_by', ?3)",
                                -1, &insert, NULL);
    sbx_binder binder = {.stmt = insert};

    if (rc != SQLITE_OK)
        return rc;
    sbx_bind_text(&binder, id);
    sbx_bind_unsigned(&binder, now_us);
    sbx_bind_text(&binder, "sbx " SBX_VERSION);
    rc = sqlite3_step(insert);
    sqlite3_finalize(insert);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int put_first_event(sqlite3 *db, const char *id, uint64_t now_us, const char *replaced)
{
    sbx_ledger ledger = {0};
    sbx_text body = {0};
    sbx_json json;
    int rc;

    sbx_json_init(&json, &body);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "kind", "db.create");
    sbx_json_unsigned(&json, "us", now_us);
    sbx_json_string(&json, "database_id", id);
    sbx_json_string(&json, "created_by", "sbx " SBX_VERSION);
    sbx_json_unsigned(&json, "schema", SBX_SCHEMA_VERSION);
    if (replaced != NULL)
        sbx_json_string(&json, "set_aside", replaced);
    sbx_json_close_object(&json);
    rc = body.failed ? SQLITE_NOMEM
                     : sbx_ledger_append(&ledger, db,
                                         &(sbx_ledger_event){.kind = "db.create",
                                                             .us = now_us,
                                                             .body = sbx_text_string(&body),
                                                             .body_bytes = body.bytes});
    sbx_ledger_done(&ledger);
    sbx_text_done(&body);
    return rc;
}

sbx_status sbx_store_new_image(unsigned char **out, size_t *out_bytes, const char *path,
                               const char *replaced, sbx_error *err)
{
    char id[SBX_RUN_ID_BYTES];
    uint64_t now_us = sbx_clock_utc_us();
    sqlite3 *db = NULL;
    unsigned char *image = NULL;
    sqlite3_int64 bytes = 0;
    sbx_status st = sbx_run_id_make(id, err);
    int rc;

    if (st != SBX_OK)
        return st;
    rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sbx_schema_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = put_meta(db, id, now_us);
    if (rc == SQLITE_OK)
        rc = put_first_event(db, id, now_us, replaced);
    if (rc == SQLITE_OK) {
        image = sqlite3_serialize(db, "main", &bytes, 0);
        rc = image == NULL ? SQLITE_NOMEM : SQLITE_OK;
    }
    if (rc != SQLITE_OK) {
        st = sbx_store_fail(&(sbx_store){.db = db, .path = (char *)(uintptr_t)path}, rc,
                            "making a new one", err);
    } else {
        image[WRITE_VERSION_AT] = VERSION_WAL;
        image[READ_VERSION_AT] = VERSION_WAL;
        *out = image;
        *out_bytes = (size_t)bytes;
    }
    sqlite3_close(db);
    return st;
}
