/* The index as a file: finding, making, attaching it; see index.h. */
#include "audit/index.h"

#include <stdlib.h>
#include <string.h>

#include "audit/database_file.h"
#include "audit/index_parts.h"
#include "audit/store_parts.h"

static sbx_status read_text(sbx_text *out, sbx_store *store, const char *sql, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, store, sql, "looking for its index", err);
    int rc;

    if (st != SBX_OK)
        return st;
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        sbx_text_add(out, (const char *)sqlite3_column_text(select, 0));
    else
        st = sbx_store_fail(store, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "looking for its index",
                            err);
    sqlite3_finalize(select);
    return st;
}

/* "DIRECTORY/index-01J….db": the id is as the database says, and the database is only data. */
static sbx_status find_path(sbx_text *out, sbx_store *store, const char *directory, sbx_error *err)
{
    sbx_text id = {0};
    sbx_status st = read_text(&id, store, "SELECT value FROM meta WHERE key = 'database_id'", err);

    if (st == SBX_OK &&
        (id.bytes != SBX_RUN_ID_BYTES - 1 ||
         strspn(sbx_text_string(&id), "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != id.bytes))
        st = sbx_store_fail(store, SQLITE_CORRUPT, "reading its id", err);
    if (st == SBX_OK) {
        sbx_text_add_format(out, "%s/index-%s.db", directory, sbx_text_string(&id));
        st = sbx_text_check(out, err);
    }
    sbx_text_done(&id);
    return st;
}

static sbx_status make_file(const char *path, sbx_error *err)
{
    unsigned char *image = NULL;
    size_t bytes = 0;
    bool exists = false;
    sbx_status st = sbx_database_file_check(&exists, path, err);
    int rc;

    if (st != SBX_OK || exists)
        return st;
    rc = sbx_index_new_image(&image, &bytes);
    if (rc != SQLITE_OK)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "the index %s: %s", path,
                            sqlite3_errstr(rc));
    else
        st = sbx_database_file_create(&exists, path, image, bytes, err);
    sqlite3_free(image);
    return st;
}

static int work(sqlite3 *db, const sbx_index_options *options)
{
    uint64_t done = 0, all = 0;
    bool is_current = false;
    int rc;

    do {
        if (options->cancel != NULL && *(const volatile bool *)options->cancel)
            return SQLITE_INTERRUPT;
        rc = sbx_index_step(&is_current, &done, &all, db);
        if (rc == SQLITE_OK && !is_current && options->progress != NULL)
            options->progress(options->context, done, all);
    } while (rc == SQLITE_OK && !is_current);
    return rc;
}

/* Another's index, an older one, one that is damaged: nothing in it is needed. */
static bool is_useless(int rc)
{
    switch (rc & 0xFF) {
    case SQLITE_SCHEMA:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* a table is missing */
        return true;
    default:
        return false;
    }
}

static sbx_status bring_up_to_date(sbx_store *store, const char *path,
                                   const sbx_index_options *options, sbx_error *err)
{
    int rc = SQLITE_OK;

    for (int attempt = 0; attempt < 2; attempt++) {
        sqlite3 *db = NULL;

        if (make_file(path, err) != SBX_OK)
            return err->status;
        rc = sbx_index_open(&db, path, store->path);
        if (rc == SQLITE_OK)
            rc = work(db, options);
        if (rc != SQLITE_OK)
            (void)sbx_fail_plain(err, SBX_IO, SBX_STEP_AUDIT, "the index %s: %s", path,
                                 sqlite3_errmsg(db));
        sqlite3_close(db);
        if (!is_useless(rc))
            break;
        sbx_database_file_remove(path);
    }
    /* One that is only behind, because nobody may write it or somebody else does, is of use. */
    if (rc == SQLITE_OK || (rc & 0xFF) == SQLITE_READONLY || (rc & 0xFF) == SQLITE_BUSY)
        return SBX_OK;
    return SBX_IO;
}

/* What is still being made by somebody else does not know which runs it lacks. */
static bool is_complete(sbx_store *store)
{
    sqlite3_stmt *select = NULL;
    bool answer = false;

    if (sbx_store_prepare(&select, store, "SELECT built_run >= build_to FROM ix.state",
                          "looking at its index", NULL) != SBX_OK)
        return false;
    if (sqlite3_step(select) == SQLITE_ROW)
        answer = sqlite3_column_int(select, 0) == 1;
    sqlite3_finalize(select);
    return answer;
}

static sbx_status attach(sbx_store *store, const char *path, sbx_error *err)
{
    sqlite3_stmt *attach = NULL;
    sbx_status st = sbx_store_prepare(&attach, store, "ATTACH ? AS ix", "attaching its index", err);

    if (st != SBX_OK)
        return st;
    sqlite3_bind_text(attach, 1, path, -1, SQLITE_STATIC);
    st = sbx_store_step(store, attach, "attaching its index", err);
    sqlite3_finalize(attach);
    if (st == SBX_OK && !is_complete(store)) {
        (void)sqlite3_exec(store->db, "DETACH ix", NULL, NULL, NULL);
        st =
            sbx_fail_plain(err, SBX_BUSY, SBX_STEP_AUDIT, "the index %s is not complete yet", path);
    }
    return st;
}

/* Whether the database is large enough to need one; run numbers have few gaps. */
static bool is_large(sbx_store *store, uint64_t from_runs)
{
    sqlite3_stmt *select = NULL;
    bool answer = false;

    if (sbx_store_prepare(&select, store,
                          "SELECT (SELECT max(id) FROM run) - (SELECT min(id) FROM run) + 1",
                          "looking for its index", NULL) != SBX_OK)
        return false;
    if (sqlite3_step(select) == SQLITE_ROW)
        answer = (uint64_t)sqlite3_column_int64(select, 0) >= from_runs;
    sqlite3_finalize(select);
    return answer;
}

bool sbx_index_attach(sbx_store *store, const sbx_index_options *options, sbx_error *out_why)
{
    sbx_text path = {0};
    sbx_error own = {0};
    sbx_status st;

    if (store->has_index || !is_large(store, options->from_runs))
        return store->has_index;
    st = find_path(&path, store, options->directory, &own);
    if (st == SBX_OK)
        st = bring_up_to_date(store, sbx_text_string(&path), options, &own);
    if (st == SBX_OK)
        st = attach(store, sbx_text_string(&path), &own);
    store->has_index = st == SBX_OK;
    if (st != SBX_OK && out_why != NULL)
        *out_why = own;
    sbx_text_done(&path);
    return store->has_index;
}
