/* Which runs go, and how far into the ledger they reach; see prune.h. */
#include <stdlib.h>
#include <string.h>

#include "audit/prune_parts.h"

static const char doing[] = "choosing what to remove from it";

void sbx_prune_set_done(sbx_prune_set *set)
{
    free(set->run);
    *set = (sbx_prune_set){0};
}

static bool add_run(sbx_prune_set *set, int64_t run)
{
    if (set->count == set->room) {
        size_t room = set->room == 0 ? 256 : set->room * 2;
        int64_t *items = realloc(set->run, room * sizeof(*items));

        if (items == NULL)
            return false;
        set->run = items;
        set->room = room;
    }
    set->run[set->count++] = run;
    return true;
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

bool sbx_prune_set_has(const sbx_prune_set *set, int64_t run)
{
    return set->count > 0 && bsearch(&run, set->run, set->count, sizeof(run), compare) != NULL;
}

/* db.create and db.migrate stay: they say what the database is. */
bool sbx_prune_may_go(const sbx_prune_set *set, uint64_t seq, bool has_run, int64_t run,
                      bool has_row, const char *kind)
{
    if (seq > set->last_seq)
        return false;
    if (has_run)
        return sbx_prune_set_has(set, run) || !has_row;
    return kind != NULL && strncmp(kind, "db.", 3) != 0;
}

static sbx_status choose_runs(sbx_prune_set *out, sbx_pruning *self, uint64_t before_us,
                              int64_t last_run, uint64_t at_most)
{
    sqlite3_stmt *select = NULL;
    sbx_status st =
        sbx_store_prepare(&select, self->store,
                          "SELECT id FROM run WHERE id <= ?1 AND status != 'running' AND "
                          "ended_us < ?2 ORDER BY id LIMIT ?3",
                          doing, self->err);
    int rc = SQLITE_ROW;

    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(select, 1, last_run);
    sqlite3_bind_int64(select, 2, before_us > INT64_MAX ? INT64_MAX : (int64_t)before_us);
    sqlite3_bind_int64(select, 3, at_most > INT64_MAX ? -1 : (int64_t)at_most);
    while (st == SBX_OK && (rc = sqlite3_step(select)) == SQLITE_ROW)
        if (!add_run(out, sqlite3_column_int64(select, 0)))
            st = sbx_store_fail(self->store, SQLITE_NOMEM, doing, self->err);
    if (st == SBX_OK && rc != SQLITE_DONE)
        st = sbx_store_fail(self->store, rc, doing, self->err);
    sqlite3_finalize(select);
    return st;
}

static bool is_last_of_run(const char *kind, bool is_lost)
{
    return strcmp(kind, "run.end") == 0 || strcmp(kind, "run.refused") == 0 ||
           (is_lost && strcmp(kind, "run.lost") == 0);
}

/*
 * Through the ledger from its begin until each of the runs has ended. Events of a run that was taken for
 * lost can still come behind that: they are about a run without a row, which verify says, and go with
 * the next prune.
 */
static sbx_status find_last_event(sbx_prune_set *set, sbx_pruning *self)
{
    sqlite3_stmt *select = NULL;
    size_t ended = 0;
    sbx_status st =
        sbx_store_prepare(&select, self->store,
                          "SELECT seq, event.run, kind, run.id, status = 'lost' FROM event "
                          "LEFT JOIN run ON run.id = event.run ORDER BY seq",
                          doing, self->err);
    int rc = SQLITE_ROW;

    while (st == SBX_OK && ended < set->count && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        const char *kind = (const char *)sqlite3_column_text(select, 2);
        bool is_ours = sbx_prune_set_has(set, sqlite3_column_int64(select, 1));

        set->last_seq = (uint64_t)sqlite3_column_int64(select, 0);
        ended +=
            is_ours && kind != NULL && is_last_of_run(kind, sqlite3_column_int(select, 4) != 0);
        set->events += sbx_prune_may_go(
            set, set->last_seq, sqlite3_column_type(select, 1) != SQLITE_NULL,
            sqlite3_column_int64(select, 1), sqlite3_column_type(select, 3) != SQLITE_NULL, kind);
    }
    if (st == SBX_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = sbx_store_fail(self->store, rc, doing, self->err);
    sqlite3_finalize(select);
    return st;
}

static sbx_status count_rows(uint64_t *out, sbx_pruning *self, const sbx_prune_set *set,
                             const char *sql)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, self->store, sql, doing, self->err);
    int rc = SQLITE_ROW;

    for (size_t i = 0; i < set->count && st == SBX_OK && rc == SQLITE_ROW; i++) {
        sqlite3_bind_int64(select, 1, set->run[i]);
        rc = sqlite3_step(select);
        *out += (uint64_t)sqlite3_column_int64(select, 0);
        (void)sqlite3_reset(select);
    }
    sqlite3_finalize(select);
    return st == SBX_OK && rc != SQLITE_ROW ? sbx_store_fail(self->store, rc, doing, self->err)
                                            : st;
}

sbx_status sbx_prune_choose(sbx_prune_set *out, sbx_pruning *self, uint64_t before_us,
                            int64_t last_run, uint64_t at_most)
{
    sbx_status st;

    *out = (sbx_prune_set){0};
    st = choose_runs(out, self, before_us, last_run, at_most);
    if (st == SBX_OK)
        st = find_last_event(out, self);
    if (st == SBX_OK)
        st = count_rows(&out->denials, self, out, "SELECT count(*) FROM denial WHERE run = ?");
    if (st == SBX_OK)
        st = count_rows(&out->processes, self, out, "SELECT count(*) FROM process WHERE run = ?");
    return st;
}
