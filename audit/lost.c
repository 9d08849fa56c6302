/*
 * Runs whose supervisor is gone: killed with -9, or with the machine. Nothing that it recorded is
 * lost, only the end is missing; the row says so from the next open on.
 */
#include <string.h>

#include "audit/store_parts.h"

static const char doing[] = "looking for lost runs";

enum { LOST_AT_ONCE = 64 };

static void read_supervisor(sbx_supervisor *out, sqlite3_stmt *row)
{
    const char *boot_id = (const char *)sqlite3_column_text(row, 3);

    *out = (sbx_supervisor){
        .pid = sqlite3_column_int64(row, 1),
        .start_ticks = (uint64_t)sqlite3_column_int64(row, 2),
        .pid_namespace = (uint64_t)sqlite3_column_int64(row, 4),
    };
    if (boot_id != NULL && strlen(boot_id) < sizeof(out->boot_id))
        memcpy(out->boot_id, boot_id, strlen(boot_id) + 1);
}

/* Usually there is none, or only live ones. */
static sbx_status find_lost(int64_t *out_runs, size_t *out_count, sbx_store *store, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_supervisor supervisor;
    sbx_status st =
        sbx_store_prepare(&select, store,
                          "SELECT id, supervisor_pid, supervisor_start, supervisor_boot, "
                          "supervisor_pidns FROM run WHERE status = 'running'",
                          doing, err);
    int rc = SQLITE_ROW;

    *out_count = 0;
    if (st != SBX_OK)
        return st;
    while (*out_count < LOST_AT_ONCE && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        read_supervisor(&supervisor, select);
        if (sbx_supervisor_is_gone(&supervisor, sbx_store_supervisor(store)))
            out_runs[(*out_count)++] = sqlite3_column_int64(select, 0);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = sbx_store_fail(store, rc, doing, err);
    sqlite3_finalize(select);
    return st;
}

/* Before the row says that it is lost: whoever is killed in here leaves it to the next one. */
static sbx_status give_back(sbx_store *store, int64_t run, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st;
    int rc;

    if (store->release == NULL)
        return SBX_OK;
    st = sbx_store_prepare(&select, store,
                           "SELECT value FROM run, json_each(leases) WHERE run.id = ?1 "
                           "AND status = 'running'",
                           doing, err);
    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(select, 1, run);
    while ((rc = sqlite3_step(select)) == SQLITE_ROW)
        store->release((const char *)sqlite3_column_text(select, 0));
    if (rc != SQLITE_DONE)
        st = sbx_store_fail(store, rc, doing, err);
    sqlite3_finalize(select);
    return st;
}

/* Another sbx may have been faster, or the run has ended since we read: then nothing changes. */
static sbx_status mark_one(sbx_store *store, int64_t run, sbx_error *err)
{
    static const char update[] =
        "UPDATE run SET status = 'lost', reason = 'supervisor', ended_us = ?2, denied_total = "
        "(SELECT coalesce(sum(count), 0) FROM denial WHERE run = ?1) WHERE id = ?1 AND status = "
        "'running' RETURNING denied_total";
    uint64_t now_us = sbx_clock_utc_us();
    char run_id[SBX_RUN_ID_BYTES];
    sqlite3_stmt *stmt = NULL;
    int64_t denied_total = -1;
    sbx_text text = {0};
    sbx_json body;
    int rc;
    sbx_status st = give_back(store, run, err);

    if (st == SBX_OK)
        st = sbx_store_prepare(&stmt, store, update, doing, err);
    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)now_us);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        denied_total = sqlite3_column_int64(stmt, 0);
        rc = sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    if (rc != SQLITE_DONE)
        return sbx_store_fail(store, rc, doing, err);
    if (denied_total < 0)
        return SBX_OK;
    st = sbx_store_find_run_id(run_id, store, run, err);
    if (st == SBX_OK) {
        sbx_store_begin_body(&body, &text, "run.lost", now_us, run_id);
        sbx_json_string(&body, "reason", "supervisor");
        sbx_json_signed(&body, "denied_total", denied_total);
        st = sbx_store_put_event(store, &body, "run.lost", now_us, run, err);
    }
    sbx_text_done(&text);
    return st;
}

static sbx_status mark_some(size_t *out_count, sbx_store *store, sbx_error *err)
{
    int64_t runs[LOST_AT_ONCE];
    sbx_status st = find_lost(runs, out_count, store, err);

    if (st != SBX_OK || *out_count == 0)
        return st;
    st = sbx_store_begin(store, doing, err);
    for (size_t i = 0; i < *out_count && st == SBX_OK; i++)
        st = mark_one(store, runs[i], err);
    if (st == SBX_OK)
        st = sbx_store_commit(store, doing, err);
    if (st != SBX_OK)
        sbx_store_rollback(store);
    return st;
}

sbx_status sbx_store_mark_lost(sbx_store *store, sbx_error *err)
{
    enum { LONGEST_WAIT_MS = 100 };
    uint64_t busy_ns = store->busy_ns;
    size_t count = 0;
    sbx_error own;
    sbx_status st;

    if (store->busy_ns > LONGEST_WAIT_MS * SBX_NS_PER_MS)
        store->busy_ns = LONGEST_WAIT_MS * SBX_NS_PER_MS;
    do {
        st = mark_some(&count, store, &own);
    } while (st == SBX_OK && count == LOST_AT_ONCE);
    store->busy_ns = busy_ns;
    if (st == SBX_OK || st == SBX_BUSY) /* the next open marks them */
        return SBX_OK;
    if (err != NULL)
        *err = own;
    return st;
}
