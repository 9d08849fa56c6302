/*
 * The rows of run against the events that made them. One table says which member of an event is
 * which column; a column that is in no rule is a column that nobody verifies, and a test tries each.
 */
#include <string.h>

#include "audit/verify_parts.h"

static const char limits[] = "limits", supervisor[] = "supervisor";

#define KEY(name) name, sizeof(name) - 1

/* In the order in which store_start.c and store_end.c write them. */
static const sbx_rule start_rules[] = {
    {NULL, KEY("started_us"), "started_us", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("argv"), "argv", SBX_RULE_RAW, SBX_RULE_OLD},
    {NULL, KEY("argv_hex"), "argv_hex", SBX_RULE_RAW, SBX_RULE_OLD},
    {NULL, KEY("cwd"), "cwd", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("cwd_hex"), "cwd", SBX_RULE_HEX, SBX_RULE_OLD},
    {NULL, KEY("env_names"), "env_names", SBX_RULE_RAW, SBX_RULE_OLD},
    {NULL, KEY("policy"), "NULL", SBX_RULE_SHARED, SBX_RULE_OLD},
    {NULL, KEY("policy_sha256"), "NULL", SBX_RULE_SHARED, SBX_RULE_OLD},
    {NULL, KEY("node_sha256"), "NULL", SBX_RULE_SHARED, SBX_RULE_OLD},
    {NULL, KEY("network"), "network", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("identity"), "identity", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("backend"), "backend", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("enforcement"), "enforcement", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("missing"), "missing", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("walls"), "walls", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("session"), "session", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("agent"), "agent", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("labels"), "labels", SBX_RULE_RAW, SBX_RULE_OLD},
    {NULL, KEY("caller_uid"), "caller_uid", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("target_uid"), "target_uid", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("memory"), "limit_memory_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("swap"), "limit_swap_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("cpus"), "limit_cpus_milli", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("cpu"), "limit_cpu_ns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("wall"), "limit_wall_ns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("idle"), "limit_idle_ns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("procs"), "limit_procs", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("fsize"), "limit_fsize_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("files"), "limit_files", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {limits, KEY("output"), "limit_output_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("grace_ns"), "grace_ns", SBX_RULE_UNSIGNED, SBX_RULE_LATE},
    {NULL, KEY("leases"), "leases", SBX_RULE_RAW, SBX_RULE_LATE},
    {supervisor, KEY("pid"), "supervisor_pid", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {supervisor, KEY("start"), "supervisor_start", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {supervisor, KEY("boot"), "supervisor_boot", SBX_RULE_TEXT, SBX_RULE_OLD},
    {supervisor, KEY("pidns"), "supervisor_pidns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("batch"), "batch", SBX_RULE_TEXT, SBX_RULE_V2},
    {NULL, KEY("task"), "task", SBX_RULE_TEXT, SBX_RULE_V2},
    {NULL, KEY("attempt"), "attempt", SBX_RULE_UNSIGNED, SBX_RULE_V2},
};

static const sbx_rule end_rules[] = {
    {NULL, KEY("ended_us"), "ended_us", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("status"), "status", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("reason"), "reason", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("message"), "message", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("exit_code"), "exit_code", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("command_exit_code"), "command_exit_code", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("signal"), "signal", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("wall_ns"), "wall_ns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("user_ns"), "user_ns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("system_ns"), "system_ns", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("memory_peak_bytes"), "memory_peak_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("processes_peak"), "processes_peak", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("io_read_bytes"), "io_read_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("io_write_bytes"), "io_write_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("output_bytes"), "output_bytes", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("output_truncated"), "output_truncated", SBX_RULE_BOOL, SBX_RULE_OLD},
    {NULL, KEY("leaked_procs"), "leaked_procs", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("denied_total"), "denied_total", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("denied_lost"), "denied_lost", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("processes_lost"), "processes_lost", SBX_RULE_UNSIGNED, SBX_RULE_OLD},
    {NULL, KEY("audit_sources"), "audit_sources", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("audit_complete"), "audit_complete", SBX_RULE_BOOL, SBX_RULE_OLD},
    {NULL, KEY("limits_hit"), "limits_hit", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("enforcers"), "enforcers", SBX_RULE_RAW, SBX_RULE_OLD},
    {NULL, KEY("samples"), "samples", SBX_RULE_RAW, SBX_RULE_V3},
};

enum {
    START_COUNT = SBX_COUNT_OF(start_rules),
    END_COUNT = SBX_COUNT_OF(end_rules),
    WALK_FIRST = 4, /* id, run_id, node, policy stand before */
    END_FIRST = 1,  /* status stands before */
    END_ENDED = END_FIRST,
    END_STATUS = END_FIRST + 1,
    END_DENIED_TOTAL = END_FIRST + 17,
};

/* A body that is being held against a row. */
typedef struct comparison {
    sbx_verifier *self;
    const sbx_event_row *event;
    const char *run_id;
    sqlite3_stmt *row;
    const sbx_rule *rules;
    size_t count, next; /* next: the rule that is likely the next one's */
    int first_column;
    uint64_t seen; /* bits of rules */
    sbx_slice shared[SBX_SHARED_VALUES];
} comparison;

_Static_assert(START_COUNT <= 64 && END_COUNT <= 64, "seen has 64 bits");

/* An older table does not have it. */
static const char *column_of(const sbx_rule *about, int version)
{
    bool is_missing =
        (about->age == SBX_RULE_V2 && version < 2) || (about->age == SBX_RULE_V3 && version < 3);

    return is_missing ? "NULL" : about->column;
}

sbx_status sbx_verify_prepare_runs(sbx_verifier *self)
{
    sbx_text walk = {0}, end = {0};
    sbx_status st;

    sbx_text_add(&walk, "SELECT id, run_id, node, policy");
    sbx_text_add(&end, "SELECT status");
    for (size_t i = 0; i < START_COUNT; i++)
        sbx_text_add_format(&walk, ", %s", column_of(&start_rules[i], self->version));
    for (size_t i = 0; i < END_COUNT; i++) {
        sbx_text_add_format(&walk, ", %s", column_of(&end_rules[i], self->version));
        sbx_text_add_format(&end, ", %s", column_of(&end_rules[i], self->version));
    }
    sbx_text_add(&walk, " FROM run ORDER BY id");
    sbx_text_add(&end, " FROM run WHERE id = ?");
    st = sbx_text_check(&walk, self->err);
    if (st == SBX_OK)
        st = sbx_text_check(&end, self->err);
    if (st == SBX_OK)
        st = sbx_store_prepare(&self->walk, self->store, sbx_text_string(&walk), "verifying it",
                               self->err);
    if (st == SBX_OK)
        st = sbx_store_prepare(&self->end, self->store, sbx_text_string(&end), "verifying it",
                               self->err);
    sbx_text_done(&walk);
    sbx_text_done(&end);
    return st;
}

static bool is_unsigned(sqlite3_stmt *row, int column, sbx_slice value)
{
    uint64_t number;

    if (!sbx_slice_unsigned(&number, value))
        return false;
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return number == SBX_UNLIMITED;
    return sqlite3_column_type(row, column) == SQLITE_INTEGER &&
           (sqlite3_column_int64(row, column) == (int64_t)number ||
            (number > INT64_MAX && sqlite3_column_int64(row, column) == INT64_MAX));
}

static bool is_signed(sqlite3_stmt *row, int column, sbx_slice value)
{
    int64_t number;

    return sqlite3_column_type(row, column) == SQLITE_INTEGER && sbx_slice_signed(&number, value) &&
           sqlite3_column_int64(row, column) == number;
}

/* A column that holds UTF-8 as BLOB, or other bytes as TEXT, is not one that sbx wrote. */
static bool is_text(sqlite3_stmt *row, int column, sbx_slice value)
{
    const char *data = sqlite3_column_blob(row, column);
    size_t bytes = (size_t)sqlite3_column_bytes(row, column);

    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return sbx_slice_is(value, "null");
    if (sqlite3_column_type(row, column) == SQLITE_BLOB && sbx_utf8_is_valid(data, bytes))
        return false;
    return sbx_slice_is_string(value, data == NULL ? "" : data, bytes);
}

static bool is_same(sqlite3_stmt *row, int column, sbx_rule_kind kind, sbx_slice value)
{
    const void *data;

    switch (kind) {
    case SBX_RULE_TEXT:
        return is_text(row, column, value);
    case SBX_RULE_UNSIGNED:
        return is_unsigned(row, column, value);
    case SBX_RULE_SIGNED:
        return is_signed(row, column, value);
    case SBX_RULE_BOOL:
        return sqlite3_column_type(row, column) == SQLITE_INTEGER &&
               sbx_slice_is(value, sqlite3_column_int64(row, column) == 1 ? "true" : "false") &&
               (uint64_t)sqlite3_column_int64(row, column) <= 1;
    case SBX_RULE_RAW:
        data = sqlite3_column_blob(row, column);
        return sqlite3_column_type(row, column) == SQLITE_TEXT &&
               (size_t)sqlite3_column_bytes(row, column) == value.bytes &&
               memcmp(data, value.data, value.bytes) == 0;
    case SBX_RULE_HEX:
        data = sqlite3_column_blob(row, column);
        return sqlite3_column_type(row, column) == SQLITE_BLOB &&
               sbx_slice_is_hex(value, data, (size_t)sqlite3_column_bytes(row, column));
    case SBX_RULE_SHARED:
        break;
    }
    return false;
}

/* What was written, cut to a length that fits into a line. */
static void report(const comparison *with, const sbx_rule *about, int column, sbx_slice value)
{
    enum { SHOWN = 120 };
    const char *text = (const char *)sqlite3_column_text(with->row, column);
    int bytes = text == NULL ? 4 : sqlite3_column_bytes(with->row, column);

    sbx_verify_found(with->self, SBX_FINDING_ROW_DIFFERS, "run", with->event->seq, with->run_id,
                     "run %s: %s is %.*s, and event %llu says %.*s", with->run_id, about->column,
                     bytes < SHOWN ? bytes : SHOWN, text == NULL ? "null" : text,
                     (unsigned long long)with->event->seq,
                     value.bytes < SHOWN ? (int)value.bytes : (int)SHOWN, value.data);
}

static void take_shared(comparison *with, const sbx_rule *about, sbx_slice value)
{
    size_t at = 0;

    while (about > with->rules && about[-1].kind == SBX_RULE_SHARED) {
        about--;
        at++;
    }
    with->shared[at] = value;
}

static void compare_member(comparison *with, const char *group, const sbx_member *member)
{
    for (size_t tried = 0; tried < with->count; tried++) {
        size_t at = with->next + tried < with->count ? with->next + tried
                                                     : with->next + tried - with->count;
        const sbx_rule *about = &with->rules[at];
        int column = with->first_column + (int)at;

        if (member->key.bytes != about->key_bytes || group != about->group ||
            memcmp(member->key.data, about->key, about->key_bytes) != 0)
            continue;
        with->next = at + 1 == with->count ? 0 : at + 1;
        with->seen |= UINT64_C(1) << at;
        if (about->kind == SBX_RULE_SHARED)
            take_shared(with, about, member->value);
        else if (!is_same(with->row, column, about->kind, member->value))
            report(with, about, column, member->value);
        return;
    }
}

/* What the event does not say the row must not say. */
static void compare_absent(const comparison *with)
{
    static const char nothing[] = "nothing";

    for (size_t at = 0; at < with->count; at++) {
        const sbx_rule *about = &with->rules[at];
        int column = with->first_column + (int)at;
        int type;

        if ((with->seen >> at & 1) != 0 || about->kind == SBX_RULE_SHARED ||
            (about->age == SBX_RULE_LATE && !with->self->is_strict))
            continue;
        type = sqlite3_column_type(with->row, column);
        if (about->kind == SBX_RULE_HEX ? type == SQLITE_BLOB : type != SQLITE_NULL)
            report(with, about, column, (sbx_slice){nothing, sizeof(nothing) - 1});
    }
}

static void compare_nested(comparison *with, const char *group, sbx_slice value)
{
    sbx_member member;
    sbx_body body;

    sbx_body_begin(&body, value);
    while (sbx_body_next(&member, &body))
        compare_member(with, group, &member);
}

/* Members of the head and of the other half of a run.refused have no rule here, and do no harm. */
static void compare_each(comparison *with)
{
    sbx_member member;
    sbx_body body;

    sbx_body_begin(&body, with->event->body);
    while (sbx_body_next(&member, &body)) {
        if (sbx_slice_is(member.key, limits))
            compare_nested(with, limits, member.value);
        else if (sbx_slice_is(member.key, supervisor))
            compare_nested(with, supervisor, member.value);
        else
            compare_member(with, NULL, &member);
    }
    if (body.failed)
        sbx_verify_found(with->self, SBX_FINDING_EDITED, "event", with->event->seq, with->run_id,
                         "event %llu: its body is not JSON", (unsigned long long)with->event->seq);
    compare_absent(with);
}

static void compare(comparison *with)
{
    if (!sbx_verify_is_as_written(with->shared, with->event->rest, with->row, with->first_column,
                                  with->rules, with->count))
        compare_each(with);
}

static void report_extra(sbx_verifier *self)
{
    const char *run_id = (const char *)sqlite3_column_text(self->walk, 1);

    sbx_verify_found(self, SBX_FINDING_ROW_EXTRA, "run", 0, run_id == NULL ? "" : run_id,
                     "run %s (row %lld): no event began it", run_id == NULL ? "" : run_id,
                     (long long)self->cursor_run);
}

static sbx_status walk_on(sbx_verifier *self)
{
    int rc = sqlite3_step(self->walk);

    self->is_cursor_row = rc == SQLITE_ROW;
    self->cursor_run = rc == SQLITE_ROW ? sqlite3_column_int64(self->walk, 0) : INT64_MAX;
    if (rc == SQLITE_ROW)
        self->result->runs++;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SBX_OK : sbx_verify_failed(self, rc);
}

/* Rows are numbered in the order of their starts: what lies between has none. */
static sbx_status walk_to(sbx_verifier *self, int64_t run)
{
    sbx_status st = SBX_OK;

    while (st == SBX_OK && self->cursor_run < run) {
        if (self->is_cursor_row && !self->is_cursor_met)
            report_extra(self);
        st = walk_on(self);
        self->is_cursor_met = false;
    }
    return st;
}

sbx_status sbx_verify_rows_left(sbx_verifier *self)
{
    return walk_to(self, INT64_MAX);
}

sbx_status sbx_verify_start(sbx_verifier *self, const sbx_event_row *event, sbx_slice run_id,
                            bool has_end)
{
    comparison with = {.self = self,
                       .event = event,
                       .row = self->walk,
                       .rules = start_rules,
                       .count = START_COUNT,
                       .first_column = WALK_FIRST,
                       .shared = {{"", 0}, {"", 0}, {"", 0}}};
    char id[SBX_RUN_ID_BYTES] = "";
    sbx_status st = walk_to(self, event->run);

    if (st != SBX_OK)
        return st;
    if (run_id.bytes == SBX_RUN_ID_BYTES + 1)
        memcpy(id, run_id.data + 1, SBX_RUN_ID_BYTES - 1);
    with.run_id = id;
    if (!self->is_cursor_row || self->cursor_run != event->run) {
        sbx_verify_found(self, SBX_FINDING_ROW_MISSING, "run", event->seq, id,
                         "run %s: event %llu began it, and there is no such row", id,
                         (unsigned long long)event->seq);
        return SBX_OK;
    }
    self->is_cursor_met = true;
    if (!is_same(self->walk, 1, SBX_RULE_TEXT, run_id))
        report(&with, &(sbx_rule){.column = "run_id"}, 1, run_id);
    if (has_end) /* both halves in one */
        compare_each(&with);
    else
        compare(&with);
    st = sbx_verify_policy(self, event, id, sqlite3_column_int64(self->walk, 3),
                           sqlite3_column_int64(self->walk, WALK_FIRST),
                           with.shared[SBX_SHARED_POLICY], with.shared[SBX_SHARED_POLICY_SHA256]);
    if (st == SBX_OK)
        st = sbx_verify_node(self, event, id, sqlite3_column_int64(self->walk, 2),
                             sqlite3_column_int64(self->walk, WALK_FIRST),
                             with.shared[SBX_SHARED_NODE_SHA256]);
    if (st == SBX_OK && has_end) {
        with.rules = end_rules;
        with.count = END_COUNT;
        with.next = 0;
        with.seen = 0;
        with.first_column = WALK_FIRST + START_COUNT;
        compare_each(&with);
    }
    return st;
}

/* The row's end, under self->end; OK and *out_found false: there is no such row. */
static sbx_status find_end(bool *out_found, sbx_verifier *self, int64_t run)
{
    int rc;

    (void)sqlite3_reset(self->end);
    sqlite3_bind_int64(self->end, 1, run);
    rc = sqlite3_step(self->end);
    *out_found = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SBX_OK : sbx_verify_failed(self, rc);
}

/* Done with it. Of a column that there was no memory for the statement says so here: then what was found means nothing. */
static sbx_status end_read(sbx_verifier *self)
{
    int rc = sqlite3_reset(self->end);

    return rc == SQLITE_OK ? SBX_OK : sbx_verify_failed(self, rc);
}

/* Often the walk still stands on the row. */
sbx_status sbx_verify_end(sbx_verifier *self, const sbx_event_row *event, const char *run_id)
{
    comparison with = {.self = self,
                       .event = event,
                       .run_id = run_id,
                       .row = self->walk,
                       .rules = end_rules,
                       .count = END_COUNT,
                       .first_column = WALK_FIRST + START_COUNT};
    bool found = true;
    sbx_status st = SBX_OK;

    if (!self->is_cursor_row || self->cursor_run != event->run) {
        with.row = self->end;
        with.first_column = END_FIRST;
        st = find_end(&found, self, event->run);
    }
    if (st == SBX_OK && found)
        compare(&with);
    return st == SBX_OK ? end_read(self) : st;
}

/* The event says no more than why, and when; denied_total since version 2. */
sbx_status sbx_verify_lost(bool *out_is_lost, sbx_verifier *self, const sbx_event_row *event,
                           const char *run_id)
{
    comparison with = {.self = self,
                       .event = event,
                       .run_id = run_id,
                       .row = self->end,
                       .rules = end_rules,
                       .count = END_COUNT,
                       .first_column = END_FIRST,
                       .seen = UINT64_C(1) << (END_ENDED - END_FIRST) |
                               UINT64_C(1) << (END_STATUS - END_FIRST)};
    const char *status;
    bool found = false;
    sbx_status st = find_end(&found, self, event->run);

    *out_is_lost = false;
    if (st != SBX_OK || !found)
        return st;
    status = (const char *)sqlite3_column_text(self->end, 0);
    *out_is_lost = status != NULL && strcmp(status, "lost") == 0;
    if (*out_is_lost) {
        if (sqlite3_column_int64(self->end, END_ENDED) != event->us)
            report(&with, &end_rules[0], END_ENDED, (sbx_slice){"another time", 12});
        if (!self->is_strict)
            with.seen |= UINT64_C(1) << (END_DENIED_TOTAL - END_FIRST);
        compare_each(&with);
    }
    return end_read(self);
}

sbx_status sbx_verify_running(sbx_verifier *self, const sbx_open_run *run)
{
    const char *status;
    bool found = false, is_right;
    sbx_status st = find_end(&found, self, run->run);

    if (st != SBX_OK || !found)
        return st;
    status = (const char *)sqlite3_column_text(self->end, 0);
    is_right = status != NULL && strcmp(status, run->is_partial ? "lost" : "running") == 0;
    for (int at = 0; at < END_COUNT && is_right && !run->is_partial; at++)
        is_right = END_FIRST + at == END_STATUS ||
                   sqlite3_column_type(self->end, END_FIRST + at) == SQLITE_NULL;
    if (!is_right)
        sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, "run", 0, run->run_id,
                         "run %s: its row says how it ended (%s), and no event does", run->run_id,
                         status == NULL ? "" : status);
    return end_read(self);
}
