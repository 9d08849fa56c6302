/* Opening and closing a verification, its report, and what each kind of event leads to; see
 * verify.h. */
#include "audit/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/read_ahead.h"
#include "audit/verify_parts.h"

static const char doing[] = "verifying it";

const char *sbx_finding_word(sbx_finding_kind kind)
{
    static const char *const words[] = {
#define X(name, word) word,
        SBX_FINDING_MAP(X)
#undef X
    };
    return (size_t)kind < SBX_COUNT_OF(words) ? words[kind] : "unknown";
}

sbx_status sbx_verify_failed(sbx_verifier *self, int rc)
{
    return sbx_store_fail(self->store, rc, doing, self->err);
}

void sbx_verify_found(sbx_verifier *self, sbx_finding_kind kind, const char *table, uint64_t seq,
                      const char *run_id, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (kind >= SBX_FINDING_UNSIGNED)
        self->result->unsealed_count++;
    else
        self->result->wrong_count++;
    if (self->options->report != NULL)
        self->options->report(
            self->options->context,
            &(sbx_finding){
                .kind = kind, .table = table, .seq = seq, .run_id = run_id, .message = message});
}

/* Of a database of its own: the first row says so. */
static void check_create(sbx_verifier *self, const sbx_event_row *event, sbx_body *body)
{
    const char *id = self->result->database_id;
    sbx_member member;
    uint64_t schema;

    while (sbx_body_next(&member, body)) {
        if (sbx_slice_is(member.key, "database_id") &&
            !sbx_slice_is_string(member.value, id, strlen(id)))
            sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, "meta", event->seq, "",
                             "meta names the database %s, and event %llu names another", id,
                             (unsigned long long)event->seq);
        if ((sbx_slice_is(member.key, "schema") || sbx_slice_is(member.key, "to_version")) &&
            sbx_slice_unsigned(&schema, member.value) && schema >= 2)
            self->is_strict = true;
    }
}

/* What an event without a run that goes on can be: the rest of one that a prune took or will take
 * away, or one after a run was taken for lost. Or the sign that a row or an event is gone. */
static sbx_status find_its_run(sbx_open_run **out, sbx_verifier *self, const sbx_event_row *event,
                               sbx_slice run_id)
{
    char id[SBX_RUN_ID_BYTES] = "";
    bool exists, is_lost;
    int rc;

    *out = NULL;
    if (run_id.bytes == SBX_RUN_ID_BYTES + 1)
        memcpy(id, run_id.data + 1, SBX_RUN_ID_BYTES - 1);
    sqlite3_bind_int64(self->find_run, 1, event->run);
    rc = sqlite3_step(self->find_run);
    exists = rc == SQLITE_ROW;
    is_lost = exists && sqlite3_column_int(self->find_run, 0) != 0;
    (void)sqlite3_reset(self->find_run);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sbx_verify_failed(self, rc);
    if (!exists && self->result->removed_count > 0) {
        self->result->half_pruned++;
        return SBX_OK;
    }
    if (!exists || !is_lost) {
        sbx_verify_found(self, exists ? SBX_FINDING_ROW_EXTRA : SBX_FINDING_ROW_MISSING, "run",
                         event->seq, id,
                         exists ? "run %s: event %llu goes on with it, and no event before began it"
                                : "run %s: event %llu speaks of it, and there is no such row",
                         id, (unsigned long long)event->seq);
        return SBX_OK;
    }
    *out = sbx_open_runs_add(&self->open, event->run);
    if (*out == NULL)
        return sbx_verify_failed(self, SQLITE_NOMEM);
    memcpy((*out)->run_id, id, sizeof(id));
    (*out)->is_lost = (*out)->is_partial = true;
    return SBX_OK;
}

static sbx_status close_run(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run,
                            bool is_lost)
{
    bool stays = false;
    sbx_status st;

    if (is_lost) {
        st = sbx_verify_lost(&stays, self, event, run->run_id);
        run->is_lost = true;
        if (st != SBX_OK || !stays) /* an end must come that says what the row does */
            return st;
    } else {
        st = sbx_verify_end(self, event, run->run_id);
    }
    if (st == SBX_OK)
        st = sbx_verify_entries(self, run);
    sbx_open_runs_remove(&self->open, run);
    return st;
}

static sbx_status begin_run(sbx_verifier *self, const sbx_event_row *event, sbx_slice run_id)
{
    sbx_open_run *run;
    sbx_status st = sbx_verify_start(self, event, run_id, false);

    if (st != SBX_OK)
        return st;
    if (sbx_open_runs_find(&self->open, event->run) != NULL) {
        sbx_verify_found(self, SBX_FINDING_REPLACED, "event", event->seq, "",
                         "event %llu begins a run that has begun already",
                         (unsigned long long)event->seq);
        return SBX_OK;
    }
    run = sbx_open_runs_add(&self->open, event->run);
    if (run == NULL)
        return sbx_verify_failed(self, SQLITE_NOMEM);
    if (run_id.bytes == SBX_RUN_ID_BYTES + 1)
        memcpy(run->run_id, run_id.data + 1, SBX_RUN_ID_BYTES - 1);
    return SBX_OK;
}

static sbx_status go_on(sbx_verifier *self, const sbx_event_row *event, sbx_slice run_id)
{
    sbx_open_run *run = sbx_open_runs_find(&self->open, event->run);
    sbx_status st = SBX_OK;

    if (run == NULL)
        st = find_its_run(&run, self, event, run_id);
    if (st != SBX_OK || run == NULL)
        return st;
    if (!sbx_slice_is_string(run_id, run->run_id, strlen(run->run_id)))
        sbx_verify_found(self, SBX_FINDING_EDITED, "event", event->seq, run->run_id,
                         "event %llu: its column run is not the run that its body names",
                         (unsigned long long)event->seq);
    if (sbx_slice_is(event->kind, "run.end"))
        return close_run(self, event, run, false);
    if (sbx_slice_is(event->kind, "run.lost"))
        return close_run(self, event, run, true);
    if (!sbx_slice_is(event->kind, "run.learned")) /* stands in no table but this one */
        sbx_verify_batch(self, event, run);
    return SBX_OK;
}

/* kind, us and run stand first in every body; run only where the event is one of a run. */
static bool read_head(sbx_slice *out_run_id, sbx_body *body, sbx_verifier *self,
                      sbx_event_row *event)
{
    sbx_member kind, us, run = {0};
    sbx_body at;
    int64_t number = 0;
    bool is_right;

    sbx_body_begin(body, event->body);
    if (sbx_verify_is_head(out_run_id, &event->rest, event))
        return true;
    is_right = sbx_body_next(&kind, body) && sbx_slice_is(kind.key, "kind") &&
               sbx_slice_is_string(kind.value, event->kind.data, event->kind.bytes) &&
               sbx_body_next(&us, body) && sbx_slice_is(us.key, "us") &&
               sbx_slice_signed(&number, us.value) && number == event->us;
    at = *body;
    if (is_right && sbx_body_next(&run, &at) && sbx_slice_is(run.key, "run"))
        *body = at;
    else
        run = (sbx_member){0};
    *out_run_id = run.value;
    event->rest = (sbx_slice){body->at, (size_t)(body->end - body->at)};
    if (is_right && event->has_run == (run.key.bytes > 0))
        return true;
    sbx_verify_found(self, SBX_FINDING_EDITED, "event", event->seq, "",
                     "event %llu: its columns kind, us and run are not what its body says",
                     (unsigned long long)event->seq);
    return false;
}

sbx_status sbx_verify_event(sbx_verifier *self, sbx_event_row *event)
{
    sbx_body body;
    sbx_slice run_id;

    if (!read_head(&run_id, &body, self, event))
        return SBX_OK;
    if (!event->has_run) {
        if (event->seq == 1 || sbx_slice_is(event->kind, "db.migrate"))
            check_create(self, event, &body);
        return SBX_OK;
    }
    if (sbx_slice_is(event->kind, "run.start"))
        return begin_run(self, event, run_id);
    if (sbx_slice_is(event->kind, "run.refused"))
        return sbx_verify_start(self, event, run_id, true);
    return go_on(self, event, run_id);
}

sbx_status sbx_verify_rest(sbx_verifier *self)
{
    sbx_status st = SBX_OK;

    for (size_t i = 0; i < self->open.room && st == SBX_OK; i++) {
        if (self->open.item[i].run == 0)
            continue;
        st = sbx_verify_running(self, &self->open.item[i]);
        if (st == SBX_OK)
            st = sbx_verify_entries(self, &self->open.item[i]);
    }
    if (st == SBX_OK)
        st = sbx_verify_rows_left(self);
    if (st == SBX_OK)
        st = sbx_verify_entry_totals(self);
    return st == SBX_OK ? sbx_verify_unused(self) : st;
}

static sbx_status prepare(sbx_verifier *self)
{
    static const struct {
        size_t offset;
        const char *sql;
        int since; /* schema version */
    } all[] = {
        {offsetof(sbx_verifier, events),
         "SELECT seq, us, kind, run, body, prev_hash, hash FROM event ORDER BY seq", 1},
        {offsetof(sbx_verifier, find_run), "SELECT status = 'lost' FROM run WHERE id = ?", 1},
        {offsetof(sbx_verifier, denials),
         "SELECT idx, class, op, target, pid, exe, errno, rule, source, confidence, count, "
         "first_us, "
         "last_us FROM denial WHERE run = ? ORDER BY idx",
         1},
        {offsetof(sbx_verifier, processes),
         "SELECT idx, pid, parent_pid, start_us, end_us, exe, argv, exit_code FROM process "
         "WHERE run = ? ORDER BY idx",
         1},
        {offsetof(sbx_verifier, stand_in),
         "SELECT " SBX_SEAL_COLUMNS " FROM seal WHERE kind = 'prune' AND from_seq = ?", 2},
        {offsetof(sbx_verifier, event_at), "SELECT hash, body FROM event WHERE seq = ?", 1},
        {offsetof(sbx_verifier, policy),
         "SELECT sha256, name, first_us, json FROM policy WHERE id = ?", 1},
        {offsetof(sbx_verifier, node),
         "SELECT sha256, hostname, os, os_version, machine_id, sbx_version, first_us FROM node "
         "WHERE id = ?",
         1},
    };
    sbx_status st = SBX_OK;

    for (size_t i = 0; i < SBX_COUNT_OF(all) && st == SBX_OK; i++)
        if (all[i].since <= self->version)
            st = sbx_store_prepare((sqlite3_stmt **)(void *)((char *)self + all[i].offset),
                                   self->store, all[i].sql, doing, self->err);
    return st == SBX_OK ? sbx_verify_prepare_runs(self) : st;
}

static void finish(sbx_verifier *self)
{
    sqlite3_stmt *const all[] = {self->events,  self->walk,      self->end,      self->find_run,
                                 self->denials, self->processes, self->stand_in, self->event_at,
                                 self->policy,  self->node};

    for (size_t i = 0; i < SBX_COUNT_OF(all); i++)
        sqlite3_finalize(all[i]);
    sbx_open_runs_done(&self->open);
    sbx_verify_forget_shared(self);
    sbx_text_done(&self->message);
}

sbx_status sbx_verify(sbx_verify_result *out, sbx_store *store, const sbx_verify_options *options,
                      sbx_error *err)
{
    sbx_verifier self = {
        .store = store, .options = options, .result = out, .err = err, .version = store->version};
    sbx_status st;
    int rc;

    *out = (sbx_verify_result){0};
    rc = sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sbx_verify_failed(&self, rc);
    st = sbx_random_bytes(self.print_key, sizeof(self.print_key), err);
    if (st == SBX_OK)
        st = sbx_store_database_id(out->database_id, store, err);
    if (st == SBX_OK)
        st = prepare(&self);
    sbx_read_ahead_begin(store->db); /* something was read: the state is fixed */
    if (st == SBX_OK)
        st = sbx_verify_chain(&self);
    if (st == SBX_OK)
        st = sbx_verify_rest(&self);
    if (st == SBX_OK)
        st = sbx_verify_seals(&self);
    if (st == SBX_OK)
        st = sbx_verify_anchors(&self);
    finish(&self);
    sbx_read_ahead_end(store->db);
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}
