/* Which run a person means, and its policy. */
#include <string.h>

#include "audit/query.h"
#include "audit/store_parts.h"

enum { ID_LENGTH = SBX_RUN_ID_BYTES - 1 };

/* Upper case, the alphabet of run ids; false where no id can begin like this. */
static bool normalise(char out[SBX_RUN_ID_BYTES], const char *argument)
{
    size_t length = strlen(argument);

    if (length == 0 || length > ID_LENGTH)
        return false;
    for (size_t i = 0; i <= length; i++)
        out[i] = (char)(argument[i] >= 'a' && argument[i] <= 'z' ? argument[i] - 'a' + 'A'
                                                                 : argument[i]);
    return strspn(out, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == length;
}

/* The first two ids the statement gives; *out_count 0 to 2. */
static sbx_status read_ids(char out[2][SBX_RUN_ID_BYTES], int *out_count, sbx_store *store,
                           sqlite3_stmt *select, sbx_error *err)
{
    int rc;

    *out_count = 0;
    while ((rc = sqlite3_step(select)) == SQLITE_ROW && *out_count < 2) {
        const char *id = (const char *)sqlite3_column_text(select, 0);
        size_t length = id == NULL ? 0 : strnlen(id, ID_LENGTH);

        memcpy(out[*out_count], id == NULL ? "" : id, length);
        out[(*out_count)++][length] = '\0';
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SBX_OK
                                                 : sbx_store_fail(store, rc, "finding a run", err);
}

sbx_status sbx_query_find_run(char out_id[27], sbx_store *store, const char *argument,
                              sbx_error *err)
{
    /* Behind the prefix, in the order of ids, comes nothing that 'Z' does not follow: '[' is one
     * more. */
    static const char by_prefix[] =
        "SELECT run_id FROM run WHERE run_id >= ?1 AND run_id < ?1 || '[' LIMIT 2";
    static const char latest[] = "SELECT run_id FROM run ORDER BY id DESC LIMIT 1";
    bool is_latest = strcmp(argument, "latest") == 0;
    char prefix[SBX_RUN_ID_BYTES] = "", ids[2][SBX_RUN_ID_BYTES];
    sqlite3_stmt *select = NULL;
    int count = 0;
    sbx_status st = SBX_OK;

    if (is_latest || normalise(prefix, argument)) {
        st =
            sbx_store_prepare(&select, store, is_latest ? latest : by_prefix, "finding a run", err);
        if (st == SBX_OK && !is_latest)
            sqlite3_bind_text(select, 1, prefix, -1, SQLITE_STATIC);
        if (st == SBX_OK)
            st = read_ids(ids, &count, store, select, err);
        sqlite3_finalize(select);
    }
    if (st != SBX_OK)
        return st;
    if (count == 0 && is_latest)
        return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_AUDIT, "no run is recorded in %s",
                              store->path);
    if (count == 0)
        return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_AUDIT,
                              "no run in %s has an id that begins with \"%s\"", store->path,
                              argument);
    if (count > 1)
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_AUDIT,
            "several runs have an id that begins with \"%s\" (%s, %s …): give more of it", argument,
            ids[0], ids[1]);
    memcpy(out_id, ids[0], SBX_RUN_ID_BYTES);
    return SBX_OK;
}

sbx_status sbx_query_policy(sbx_text *out, sbx_store *store, const char *run_id, sbx_error *err)
{
    static const char doing[] = "reading a run's policy";
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(
        &select, store,
        "SELECT json FROM policy WHERE id = (SELECT policy FROM run WHERE run_id = ?1)", doing,
        err);
    int rc = SQLITE_ROW;

    if (st == SBX_OK) {
        sqlite3_bind_text(select, 1, run_id, -1, SQLITE_STATIC);
        rc = sqlite3_step(select);
        if (rc == SQLITE_ROW)
            sbx_text_add_bytes(out, sqlite3_column_blob(select, 0),
                               (size_t)sqlite3_column_bytes(select, 0));
        else
            st = sbx_store_fail(store, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, doing, err);
    }
    sqlite3_finalize(select);
    return st == SBX_OK ? sbx_text_check(out, err) : st;
}
