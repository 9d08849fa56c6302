/* Removing, a bounded number of rows at a time; see prune.h. */
#include <string.h>

#include "audit/prune_parts.h"

static const char doing[] = "removing old runs from it";

enum {
    EVENTS_AT_ONCE = 200, /* looked at in one transaction … */
    ROWS_AT_ONCE = 4000,  /* … which ends earlier behind so many rows of other tables */
    PAGES_AT_ONCE = 200,
    LONGEST_PAUSE_US = 50000,
};

void sbx_prune_pause(sbx_pruning *self, uint64_t begun_ns)
{
    uint64_t took_us = (sbx_clock_monotonic_ns() - begun_ns) / SBX_NS_PER_US;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);

    (void)self;
    system->xSleep(system, (int)(took_us < LONGEST_PAUSE_US ? took_us : LONGEST_PAUSE_US));
}

/* One transaction's worth. */
typedef struct batch {
    sbx_pruning *self;
    const sbx_prune_set *set;
    sqlite3_stmt *events, *denials, *processes, *run, *delete_events;
    uint64_t at; /* the last event that was looked at */
    uint64_t rows;
    sbx_seal stretch; /* of events that go; to_seq 0: none is open */
} batch;

static sbx_status prepare(batch *with)
{
    const struct {
        sqlite3_stmt **out;
        const char *sql;
    } all[] = {
        {&with->events,
         "SELECT seq, event.run, kind, run.id, prev_hash, hash FROM event LEFT JOIN run "
         "ON run.id = event.run WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3"},
        {&with->denials, "DELETE FROM denial WHERE run = ?"},
        {&with->processes, "DELETE FROM process WHERE run = ?"},
        {&with->run, "DELETE FROM run WHERE id = ?"},
        {&with->delete_events, "DELETE FROM event WHERE seq BETWEEN ? AND ?"},
    };
    sbx_status st = SBX_OK;

    for (size_t i = 0; i < SBX_COUNT_OF(all) && st == SBX_OK; i++)
        st = sbx_store_prepare(all[i].out, with->self->store, all[i].sql, doing, with->self->err);
    return st;
}

static void finish(batch *with)
{
    sqlite3_finalize(with->events);
    sqlite3_finalize(with->denials);
    sqlite3_finalize(with->processes);
    sqlite3_finalize(with->run);
    sqlite3_finalize(with->delete_events);
}

static sbx_status delete_of_run(batch *with, sqlite3_stmt *stmt, int64_t run, uint64_t *count)
{
    sbx_status st;

    sqlite3_bind_int64(stmt, 1, run);
    st = sbx_store_step(with->self->store, stmt, doing, with->self->err);
    *count += (uint64_t)sqlite3_changes(with->self->store->db);
    return st;
}

static sbx_status delete_run(batch *with, int64_t run)
{
    sbx_prune_result *result = with->self->result;
    uint64_t before = result->denials + result->processes + result->runs;
    sbx_status st = delete_of_run(with, with->denials, run, &result->denials);

    if (st == SBX_OK)
        st = delete_of_run(with, with->processes, run, &result->processes);
    if (st == SBX_OK)
        st = delete_of_run(with, with->run, run, &result->runs);
    with->rows += result->denials + result->processes + result->runs - before;
    return st;
}

static sbx_status find_stand_in(sbx_seal *out, batch *with, const char *sql, uint64_t seq)
{
    sbx_store *store = with->self->store;
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, store, sql, doing, with->self->err);
    int rc;

    out->id = 0;
    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(select, 1, (sqlite3_int64)seq);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW && !sbx_seal_read_row(out, select))
        st = sbx_store_fail(store, SQLITE_CORRUPT, "reading a prune of before", with->self->err);
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = sbx_store_fail(store, rc, doing, with->self->err);
    sqlite3_finalize(select);
    return st;
}

#define STAND_IN "SELECT " SBX_SEAL_COLUMNS " FROM seal WHERE kind = 'prune' AND "

/* The stretch that was begun becomes a row, and its events go. One that ends where it begins is made
 * longer, one that begins where it ends becomes part of it. */
static sbx_status close_stretch(batch *with)
{
    sbx_pruning *self = with->self;
    uint64_t first = with->stretch.from_seq, last = with->stretch.to_seq;
    sbx_seal near = {0}, all = with->stretch;
    sbx_status st;

    if (last == 0)
        return SBX_OK;
    st = find_stand_in(&near, with, STAND_IN "to_seq = ?", first - 1);
    if (st == SBX_OK && near.id != 0) {
        all.id = near.id;
        all.from_seq = near.from_seq;
        memcpy(all.prev_hash, near.prev_hash, sizeof(all.prev_hash));
    }
    if (st == SBX_OK)
        st = find_stand_in(&near, with, STAND_IN "from_seq = ?", last + 1);
    if (st == SBX_OK && near.id != 0) {
        sqlite3_stmt *stmt = NULL;

        all.to_seq = near.to_seq;
        memcpy(all.hash, near.hash, sizeof(all.hash));
        st = sbx_store_prepare(&stmt, self->store, "DELETE FROM seal WHERE id = ?", doing,
                               self->err);
        if (st == SBX_OK) {
            sqlite3_bind_int64(stmt, 1, near.id);
            st = sbx_store_step(self->store, stmt, doing, self->err);
        }
        sqlite3_finalize(stmt);
    }
    all.us = sbx_clock_utc_us();
    if (st == SBX_OK)
        st = sbx_store_put_seal(self->store, &all, self->options->key, self->err);
    if (st == SBX_OK) {
        sqlite3_bind_int64(with->delete_events, 1, (sqlite3_int64)first);
        sqlite3_bind_int64(with->delete_events, 2, (sqlite3_int64)last);
        st = sbx_store_step(self->store, with->delete_events, doing, self->err);
        self->result->events += (uint64_t)sqlite3_changes(self->store->db);
    }
    with->stretch = (sbx_seal){0};
    return st;
}

static sbx_status extend_stretch(batch *with, uint64_t seq)
{
    const void *prev_hash = sqlite3_column_blob(with->events, 4);
    const void *hash = sqlite3_column_blob(with->events, 5);

    if (sqlite3_column_bytes(with->events, 4) != SBX_SHA256_BYTES ||
        sqlite3_column_bytes(with->events, 5) != SBX_SHA256_BYTES)
        return sbx_store_fail(with->self->store, SQLITE_CORRUPT,
                              "an event has no hash: nothing more is removed", with->self->err);
    if (with->stretch.to_seq == 0) {
        with->stretch = (sbx_seal){.kind = "prune", .reason = "prune", .from_seq = seq};
        memcpy(with->stretch.prev_hash, prev_hash, SBX_SHA256_BYTES);
    }
    with->stretch.to_seq = seq;
    memcpy(with->stretch.hash, hash, SBX_SHA256_BYTES);
    return SBX_OK;
}

/* Inside a transaction; *out_is_end: the set's last event was reached. */
static sbx_status remove_some(bool *out_is_end, batch *with)
{
    sbx_status st = SBX_OK;
    int rc = SQLITE_DONE;

    sqlite3_bind_int64(with->events, 1, (sqlite3_int64)with->at);
    sqlite3_bind_int64(with->events, 2, (sqlite3_int64)with->set->last_seq);
    sqlite3_bind_int64(with->events, 3, EVENTS_AT_ONCE);
    with->rows = 0;
    *out_is_end = true;
    while (st == SBX_OK && with->rows < ROWS_AT_ONCE &&
           (rc = sqlite3_step(with->events)) == SQLITE_ROW) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(with->events, 0);
        int64_t run = sqlite3_column_int64(with->events, 1);
        bool has_row = sqlite3_column_type(with->events, 3) != SQLITE_NULL;

        *out_is_end = false;
        if (with->stretch.to_seq != 0 && seq != with->stretch.to_seq + 1)
            st = close_stretch(with); /* a gap of before */
        if (st == SBX_OK &&
            sbx_prune_may_go(with->set, seq, sqlite3_column_type(with->events, 1) != SQLITE_NULL,
                             run, has_row, (const char *)sqlite3_column_text(with->events, 2)))
            st = extend_stretch(with, seq);
        else if (st == SBX_OK)
            st = close_stretch(with);
        if (st == SBX_OK && has_row && sbx_prune_set_has(with->set, run))
            st = delete_run(with, run);
        with->at = seq;
    }
    if (st == SBX_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = sbx_store_fail(with->self->store, rc, doing, with->self->err);
    (void)sqlite3_reset(with->events);
    return st == SBX_OK ? close_stretch(with) : st;
}

sbx_status sbx_prune_remove(sbx_pruning *self, const sbx_prune_set *set)
{
    batch with = {.self = self, .set = set};
    sbx_status st = prepare(&with);
    bool is_end = false;

    while (st == SBX_OK && !is_end) {
        uint64_t begun_ns;

        st = sbx_store_begin(self->store, doing, self->err);
        if (st != SBX_OK)
            break;
        begun_ns = sbx_clock_monotonic_ns();
        st = remove_some(&is_end, &with);
        if (st == SBX_OK)
            st = sbx_store_commit(self->store, doing, self->err);
        else
            sbx_store_rollback(self->store);
        sbx_store_tidy(self->store);
        sbx_prune_pause(self, begun_ns);
    }
    finish(&with);
    return st;
}

sbx_status sbx_prune_number(int64_t *out, sbx_pruning *self, const char *sql)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, self->store, sql, doing, self->err);
    int rc;

    *out = 0;
    if (st != SBX_OK)
        return st;
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(select, 0);
    else if (rc != SQLITE_DONE)
        st = sbx_store_fail(self->store, rc, doing, self->err);
    sqlite3_finalize(select);
    return st;
}

/* Looked for while others write; then only runs that began since can have taken one up. */
static sbx_status remove_unused_of(sbx_pruning *self, const char *find, const char *remove)
{
    sqlite3_stmt *select = NULL, *stmt = NULL;
    int64_t last_run = 0;
    sbx_status st = sbx_prune_number(&last_run, self, "SELECT max(id) FROM run");
    int rc = SQLITE_ROW;

    if (st == SBX_OK)
        st = sbx_store_prepare(&select, self->store, find, doing, self->err);
    if (st == SBX_OK)
        st = sbx_store_prepare(&stmt, self->store, remove, doing, self->err);
    while (st == SBX_OK && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        sqlite3_bind_int64(stmt, 1, sqlite3_column_int64(select, 0));
        sqlite3_bind_int64(stmt, 2, last_run);
        (void)sqlite3_reset(
            select); /* a reader cannot become a writer; the next one is found anew */
        st = sbx_store_begin(self->store, doing, self->err);
        if (st == SBX_OK)
            st = sbx_store_step(self->store, stmt, doing, self->err);
        if (st == SBX_OK)
            st = sbx_store_commit(self->store, doing, self->err);
        else
            sbx_store_rollback(self->store);
    }
    if (st == SBX_OK && rc != SQLITE_DONE)
        st = sbx_store_fail(self->store, rc, doing, self->err);
    sqlite3_finalize(select);
    sqlite3_finalize(stmt);
    return st;
}

sbx_status sbx_prune_remove_unused(sbx_pruning *self)
{
    sbx_status st = remove_unused_of(
        self,
        "SELECT id FROM policy WHERE NOT EXISTS(SELECT 1 FROM run WHERE policy = policy.id) LIMIT "
        "1",
        "DELETE FROM policy WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM run WHERE run.id > ?2 AND "
        "policy = ?1)");

    return st != SBX_OK ? st
                        : remove_unused_of(self,
                                           "SELECT id FROM node WHERE NOT EXISTS(SELECT 1 FROM run "
                                           "WHERE node = node.id) LIMIT 1",
                                           "DELETE FROM node WHERE id = ?1 AND NOT EXISTS(SELECT 1 "
                                           "FROM run WHERE run.id > ?2 AND node = ?1)");
}

sbx_status sbx_prune_give_back(sbx_pruning *self)
{
    sqlite3 *db = self->store->db;
    int64_t before = -1, left = 0, is_incremental = 0;
    int64_t page_bytes = 0;
    sbx_status st = sbx_prune_number(&is_incremental, self, "PRAGMA auto_vacuum");

    if (st == SBX_OK)
        st = sbx_prune_number(&left, self, "PRAGMA freelist_count");
    while (st == SBX_OK && is_incremental == 2 && left > 0 && left != before) {
        uint64_t begun_ns = sbx_clock_monotonic_ns();
        int rc = sqlite3_exec(db, "PRAGMA incremental_vacuum(200)", NULL, NULL, NULL);

        if (rc != SQLITE_OK)
            return sbx_store_fail(self->store, rc, "giving back what is free in it", self->err);
        before = left;
        st = sbx_prune_number(&left, self, "PRAGMA freelist_count");
        sbx_store_tidy(self->store);
        sbx_prune_pause(self, begun_ns);
    }
    if (st == SBX_OK)
        st = sbx_prune_number(&page_bytes, self, "PRAGMA page_size");
    self->result->free_bytes = (uint64_t)(left * page_bytes);
    if (st != SBX_OK)
        return st;
    self->store->may_wait = false; /* for readers that have all the time in the world */
    self->result->is_wal_left =
        sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK;
    self->store->may_wait = true;
    return SBX_OK;
}
