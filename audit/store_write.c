/* The transactions of a run. Each is begun IMMEDIATE: whoever may write first reads what nobody
 * changes. */
#include <string.h>

#include "audit/store_parts.h"

/*
 * Outside of a transaction. NORMAL differs from FULL, in WAL mode, by the sync of each commit and nothing else. Where
 * it cannot be set back at once, the next start does it or fails.
 */
static int set_lazy(sbx_store *store, bool is_lazy)
{
    int rc = sqlite3_exec(store->db,
                          is_lazy ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL",
                          NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        store->is_lazy = is_lazy;
    return rc;
}

sbx_status sbx_store_run_start(int64_t *out_run, sbx_store *store, const sbx_store_start *start,
                               sbx_error *err)
{
    static const char doing[] = "recording the run's start";
    sbx_text text = {0};
    sbx_json body;
    int64_t run = 0;
    int rc = store->is_lazy ? set_lazy(store, false) : SQLITE_OK;
    sbx_status st;

    *out_run = 0;
    if (rc != SQLITE_OK)
        return sbx_store_fail(store, rc, doing, err);
    st = sbx_store_begin(store, doing, err);
    if (st != SBX_OK)
        return st;
    sbx_store_begin_body(&body, &text, "run.start", start->started_us, start->run_id);
    st = sbx_store_put_start(&run, &body, store, start, err);
    if (st == SBX_OK)
        st = sbx_store_put_event(store, &body, "run.start", start->started_us, run, err);
    if (st == SBX_OK)
        st = sbx_store_commit(store, doing, err);
    if (st == SBX_OK) {
        store->has_unsynced = false;
        *out_run = run;
        store->run = strlen(start->run_id) == SBX_RUN_ID_BYTES - 1 ? run : 0;
        if (store->run != 0)
            memcpy(store->run_id, start->run_id, SBX_RUN_ID_BYTES);
    } else {
        sbx_store_rollback(store);
    }
    sbx_text_done(&text);
    return st;
}

/* What was taken out of the set and did not get into the database is new to the next batch. */
static sbx_status give_up(sbx_store *store, const sbx_store_batch *batch, sbx_status st)
{
    sbx_store_rollback(store);
    if (batch != NULL && batch->denials != NULL)
        sbx_denials_retake(batch->denials);
    return st;
}

sbx_status sbx_store_run_append(sbx_store *store, int64_t run, const sbx_store_batch *batch,
                                sbx_error *err)
{
    static const char doing[] = "recording denials and processes";
    bool is_empty = true;
    sbx_status st = sbx_store_begin(store, doing, err);

    if (st != SBX_OK)
        return st;
    st = sbx_store_put_batch(&is_empty, store, run, batch, err);
    if (st == SBX_OK && is_empty) {
        sbx_store_rollback(store);
        return SBX_OK;
    }
    if (st == SBX_OK)
        st = sbx_store_commit(store, doing, err);
    return st == SBX_OK ? SBX_OK : give_up(store, batch, st);
}

sbx_status sbx_store_sync(sbx_store *store, sbx_error *err)
{
    sqlite3_file *wal = NULL;
    int rc;

    if (!store->has_unsynced)
        return SBX_OK;
    rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc == SQLITE_OK)
        rc = wal == NULL || wal->pMethods == NULL ? SQLITE_IOERR
                                                  : wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
    if (rc != SQLITE_OK)
        return sbx_store_fail(store, rc, "syncing the run's end", err);
    store->has_unsynced = false;
    return SBX_OK;
}

void sbx_store_foresee(sbx_store *store)
{
    sbx_store_foresee_batch(store);
    sbx_store_foresee_end(store);
}

static sbx_status put_run_end(sbx_store *store, int64_t run, const sbx_store_end *end,
                              const sbx_store_batch *batch, sbx_error *err)
{
    static const char doing[] = "recording the run's end";
    char run_id[SBX_RUN_ID_BYTES];
    sbx_text text = {0};
    sbx_json body;
    bool is_empty;
    sbx_status st;

    st = sbx_store_begin(store, doing, err);
    if (st != SBX_OK)
        return st;
    st = sbx_store_find_run_id(run_id, store, run, err);
    if (st == SBX_OK)
        st = sbx_store_put_batch(&is_empty, store, run, batch, err);
    if (st == SBX_OK && end->learned != NULL)
        st = sbx_store_put_learned(store, run, run_id, end, err);
    if (st != SBX_OK)
        return give_up(store, batch, st);
    sbx_store_begin_body(&body, &text, "run.end", end->ended_us, run_id);
    st = sbx_store_put_end(&body, store, run, end, err);
    if (st == SBX_OK)
        st = sbx_store_put_event(store, &body, "run.end", end->ended_us, run, err);
    if (st == SBX_OK)
        st = sbx_store_commit(store, doing, err);
    if (st != SBX_OK)
        (void)give_up(store, batch, st);
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_store_run_end(sbx_store *store, int64_t run, const sbx_store_end *end,
                             const sbx_store_batch *batch, sbx_error *err)
{
    sbx_status st;

    sbx_store_tidy_overdue(store);
    if (end->syncs_later && !store->in_transaction)
        (void)set_lazy(store, true);
    st = put_run_end(store, run, end, batch, err);
    if (store->is_lazy) {
        store->has_unsynced |= st == SBX_OK;
        (void)set_lazy(store, false);
    }
    if (st == SBX_OK)
        sbx_store_seal_when_due(store, run);
    return st;
}

sbx_status sbx_store_run_refused(sbx_store *store, const sbx_store_start *start,
                                 const sbx_store_end *end, sbx_error *err)
{
    static const char doing[] = "recording the refusal";
    sbx_text text = {0};
    sbx_json body;
    int64_t run = 0;
    sbx_status st = sbx_store_begin(store, doing, err);

    if (st != SBX_OK)
        return st;
    sbx_store_begin_body(&body, &text, "run.refused", end->ended_us, start->run_id);
    st = sbx_store_put_start(&run, &body, store, start, err);
    if (st == SBX_OK)
        st = sbx_store_put_end(&body, store, run, end, err);
    if (st == SBX_OK)
        st = sbx_store_put_event(store, &body, "run.refused", end->ended_us, run, err);
    if (st == SBX_OK)
        st = sbx_store_commit(store, doing, err);
    else
        sbx_store_rollback(store);
    sbx_text_done(&text);
    return st;
}
