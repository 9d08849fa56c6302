/*
 * Denials and processes: what the events of a run say, kept until it has ended, against its rows.
 * A description is kept as it is, or where there is no room as a fingerprint of its text; the row is read
 * along it, or written down as the event would have it, and must be the same.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/denial.h"
#include "audit/processes.h"
#include "audit/verify_parts.h"
#include "harness/base/keyed_hash.h"

static void say_too_many(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run)
{
    if (!run->has_failed)
        sbx_verify_found(self, SBX_FINDING_EDITED, "event", event->seq, run->run_id,
                         "run %s: event %llu numbers a denial or a process as sbx never does",
                         run->run_id, (unsigned long long)event->seq);
    run->has_failed = true;
}

static sbx_entry *find_entry(sbx_entries *entries, uint64_t index, uint64_t most)
{
    if (index >= most)
        return NULL;
    if (index >= entries->room) {
        size_t room = entries->room == 0 ? 8 : entries->room * 2;
        sbx_entry *item;

        while (room <= index)
            room *= 2;
        item = realloc(entries->item, room * sizeof(*item));
        if (item == NULL)
            return NULL;
        memset(item + entries->room, 0, (room - entries->room) * sizeof(*item));
        entries->item = item;
        entries->room = room;
    }
    if (index >= entries->count)
        entries->count = index + 1;
    return &entries->item[index];
}

static uint64_t print_of(const sbx_verifier *self, const char *from, const char *to)
{
    return sbx_keyed_hash(from, (size_t)(to - from), self->print_key);
}

static void keep(sbx_verifier *self, sbx_open_run *run, sbx_entry *entry, const char *from,
                 const char *to)
{
    size_t bytes = (size_t)(to - from);

    entry->bytes = 0;
    if (bytes <= SBX_KEPT_OF_RUN_MAX - run->kept.bytes &&
        bytes <= SBX_KEPT_MAX - self->open.kept_bytes) {
        entry->at = (uint32_t)run->kept.bytes;
        sbx_text_add_bytes(&run->kept, from, bytes);
        if (!run->kept.failed) {
            self->open.kept_bytes += bytes;
            entry->bytes = (uint32_t)bytes;
            return;
        }
    }
    entry->print = print_of(self, from, to);
}

static sbx_slice kept_of(const sbx_open_run *run, const sbx_entry *entry)
{
    return (sbx_slice){run->kept.data + entry->at, entry->bytes};
}

/* The row as an event would have it is in message. */
static bool is_described_so(const sbx_verifier *self, const sbx_open_run *run,
                            const sbx_entry *entry)
{
    const sbx_text *text = &self->message;

    if (text->failed)
        return false;
    if (entry->bytes == 0)
        return print_of(self, text->data, text->data + text->bytes) == entry->print;
    return text->bytes == entry->bytes &&
           memcmp(text->data, run->kept.data + entry->at, entry->bytes) == 0;
}

/* "class" to "confidence" are said once; the count and the times each time. */
static void take_denial(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run,
                        sbx_slice text)
{
    sbx_member member;
    sbx_body body;
    sbx_entry *entry = NULL;
    const char *from = NULL, *to = NULL;
    uint64_t number = 0;

    sbx_body_begin(&body, text);
    while (sbx_body_next(&member, &body)) {
        if (entry == NULL) {
            if (!sbx_slice_is(member.key, "idx") || !sbx_slice_unsigned(&number, member.value))
                break;
            entry = find_entry(&run->denials, number, SBX_DENIALS_MAX);
            if (entry == NULL)
                break;
        } else if (sbx_slice_is(member.key, "first_us")) {
            (void)sbx_slice_unsigned(&entry->first_us, member.value);
        } else if (sbx_slice_is(member.key, "last_us")) {
            (void)sbx_slice_unsigned(&entry->last_us, member.value);
        } else if (sbx_slice_is(member.key, "count")) {
            (void)sbx_slice_unsigned(&entry->count, member.value);
        } else {
            from = from == NULL ? member.key.data - 1 : from;
            to = member.value.data + member.value.bytes;
        }
    }
    if (entry == NULL || body.failed) {
        say_too_many(self, event, run);
        return;
    }
    if (from != NULL) {
        run->denials.given += entry->seq == 0;
        entry->seq = event->seq;
        keep(self, run, entry, from, to);
    }
}

/* Said whole each time. */
static void take_process(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run,
                         sbx_slice text)
{
    sbx_member member;
    sbx_body body;
    sbx_entry *entry = NULL;
    uint64_t number = 0;

    sbx_body_begin(&body, text);
    if (sbx_body_next(&member, &body) && sbx_slice_is(member.key, "idx") &&
        sbx_slice_unsigned(&number, member.value))
        entry = find_entry(&run->processes, number, SBX_PROCESSES_MAX);
    if (entry == NULL) {
        say_too_many(self, event, run);
        return;
    }
    run->processes.given += entry->seq == 0;
    entry->seq = event->seq;
    keep(self, run, entry, body.at, text.data + text.bytes);
}

/*
 * The same for a body as sbx writes it, which is read once and not three times. What it takes for a
 * description is what lies before the next words that follow one; it has to be what the row is written
 * down as, and so no other bytes do any harm.
 */
static bool take_denials(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run,
                         sbx_cursor *at)
{
    do {
        uint64_t index, first_us, last_us, count;
        const char *from = NULL, *to = NULL;
        sbx_entry *entry;

        if (!sbx_cursor_take(at, "{\"idx\":") || !sbx_cursor_number(&index, at))
            return false;
        if (!sbx_cursor_is_at(at, ",\"first_us\":")) {
            from = at->at + 1;
            to = sbx_cursor_find(at, ",\"first_us\":");
            if (to == NULL)
                return false;
            at->at = to;
        }
        if (!sbx_cursor_take(at, ",\"first_us\":") || !sbx_cursor_number(&first_us, at) ||
            !sbx_cursor_take(at, ",\"last_us\":") || !sbx_cursor_number(&last_us, at) ||
            !sbx_cursor_take(at, ",\"count\":") || !sbx_cursor_number(&count, at) ||
            !sbx_cursor_take(at, "}"))
            return false;
        entry = find_entry(&run->denials, index, SBX_DENIALS_MAX);
        if (entry == NULL)
            return false;
        entry->first_us = first_us;
        entry->last_us = last_us;
        entry->count = count;
        if (from != NULL) {
            run->denials.given += entry->seq == 0;
            entry->seq = event->seq;
            keep(self, run, entry, from, to);
        }
    } while (sbx_cursor_take(at, ","));
    return sbx_cursor_take(at, "]");
}

/* They are the last thing in a body. */
static bool take_processes(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run,
                           sbx_cursor *at)
{
    const char *last = at->end - 2; /* "]}" */

    if (at->end - at->at < 3 || memcmp(last, "]}", 2) != 0)
        return false;
    do {
        uint64_t index;
        const char *from, *to;
        sbx_entry *entry;

        if (!sbx_cursor_take(at, "{\"idx\":") || !sbx_cursor_number(&index, at))
            return false;
        from = at->at;
        to = sbx_cursor_find(at, "},{\"idx\":");
        to = to == NULL ? last : to + 1;
        entry = find_entry(&run->processes, index, SBX_PROCESSES_MAX);
        if (entry == NULL)
            return false;
        run->processes.given += entry->seq == 0;
        entry->seq = event->seq;
        keep(self, run, entry, from, to);
        at->at = to;
    } while (sbx_cursor_take(at, ","));
    return sbx_cursor_take(at, "]");
}

static bool take_all(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run)
{
    sbx_cursor at = {event->rest.data, event->rest.data + event->rest.bytes};

    if (sbx_cursor_take(&at, ",\"denials\":[") && !take_denials(self, event, run, &at))
        return false;
    if (sbx_cursor_take(&at, ",\"processes\":[") && !take_processes(self, event, run, &at))
        return false;
    return sbx_cursor_take(&at, "}") && at.at == at.end;
}

/* What the quick way took before it met something is taken again, and is then the same. */
void sbx_verify_batch(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run)
{
    sbx_body body, list;
    sbx_member member, each;

    if (take_all(self, event, run))
        return;
    sbx_body_begin(&body, event->body);
    while (sbx_body_next(&member, &body)) {
        bool is_denials = sbx_slice_is(member.key, "denials");

        if (!is_denials && !sbx_slice_is(member.key, "processes"))
            continue;
        sbx_body_begin(&list, member.value);
        while (sbx_body_next(&each, &list))
            if (is_denials)
                take_denial(self, event, run, each.value);
            else
                take_process(self, event, run, each.value);
    }
}

/* --- rows, as an event would have them --- */

static void add_text(sbx_json *json, const char *key, const char *hex_key, sqlite3_stmt *row,
                     int column)
{
    const char *data = sqlite3_column_blob(row, column);
    size_t bytes = (size_t)sqlite3_column_bytes(row, column);
    int type = sqlite3_column_type(row, column);

    if (type == SQLITE_NULL) {
        sbx_json_null(json, key);
        return;
    }
    if (bytes > 0 && sbx_text_plain_bytes(data, bytes) == bytes) { /* as nearly all are */
        sbx_json_raw(json, key, "\"");
        sbx_text_add_bytes(json->out, data, bytes);
        sbx_text_add_bytes(json->out, "\"", 1);
        return;
    }
    sbx_json_bytes(json, key, data == NULL ? "" : data, bytes);
    if (hex_key != NULL && type == SQLITE_BLOB)
        sbx_json_hex(json, hex_key, data, bytes);
}

static void add_int(sbx_json *json, const char *key, sqlite3_stmt *row, int column)
{
    sbx_json_signed(json, key, sqlite3_column_int64(row, column));
}

static void write_denial(sbx_text *out, sqlite3_stmt *row)
{
    sbx_json json;

    sbx_json_init(&json, out);
    add_text(&json, "class", NULL, row, 1);
    add_text(&json, "op", NULL, row, 2);
    add_text(&json, "target", "target_hex", row, 3);
    add_int(&json, "pid", row, 4);
    add_text(&json, "exe", "exe_hex", row, 5);
    add_int(&json, "errno", row, 6);
    add_text(&json, "rule", NULL, row, 7);
    add_text(&json, "source", NULL, row, 8);
    add_text(&json, "confidence", NULL, row, 9);
}

/* Or it could say what the columns behind it say no more. */
static bool is_one_value(const char *text, size_t bytes)
{
    return bytes > 0 && sbx_body_value_bytes((sbx_slice){text, bytes}) == bytes;
}

static void write_process(sbx_text *out, sqlite3_stmt *row)
{
    const char *argv = (const char *)sqlite3_column_text(row, 6);
    sbx_json json;

    sbx_text_add_bytes(out, ",", 1); /* behind idx */
    sbx_json_init(&json, out);
    add_int(&json, "pid", row, 1);
    add_int(&json, "parent_pid", row, 2);
    add_int(&json, "start_us", row, 3);
    if (sqlite3_column_type(row, 4) != SQLITE_NULL)
        add_int(&json, "end_us", row, 4);
    add_text(&json, "exe", "exe_hex", row, 5);
    if (argv == NULL)
        sbx_json_null(&json, "argv");
    else if (is_one_value(argv, (size_t)sqlite3_column_bytes(row, 6)))
        sbx_json_raw(&json, "argv", argv);
    else /* no event has it so */
        sbx_json_bytes(&json, "no argv", argv, (size_t)sqlite3_column_bytes(row, 6));
    if (sqlite3_column_type(row, 7) != SQLITE_NULL)
        add_int(&json, "exit_code", row, 7);
    sbx_text_add_bytes(out, "}", 1);
}

static bool is_number(sqlite3_stmt *row, int column, uint64_t wanted)
{
    sqlite3_value *value = sqlite3_column_value(row, column);
    int64_t is = sqlite3_value_int64(value);

    return sqlite3_value_type(value) == SQLITE_INTEGER &&
           (is == (int64_t)wanted || (wanted > INT64_MAX && is == INT64_MAX));
}

#define KEY(word) word, sizeof(word) - 1

static const sbx_rule denial_rules[] = {
    {NULL, KEY("class"), "class", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("op"), "op", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("target"), "target", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("pid"), "pid", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("exe"), "exe", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("errno"), "errno", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("rule"), "rule", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("source"), "source", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("confidence"), "confidence", SBX_RULE_TEXT, SBX_RULE_OLD},
};

static const sbx_rule process_rules[] = {
    {NULL, KEY("pid"), "pid", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("parent_pid"), "parent_pid", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("start_us"), "start_us", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("end_us"), "end_us", SBX_RULE_SIGNED, SBX_RULE_OLD},
    {NULL, KEY("exe"), "exe", SBX_RULE_TEXT, SBX_RULE_OLD},
    {NULL, KEY("argv"), "argv", SBX_RULE_RAW, SBX_RULE_OLD},
    {NULL, KEY("exit_code"), "exit_code", SBX_RULE_SIGNED, SBX_RULE_OLD},
};

/* The first column that is not as the event says, or NULL. */
static const char *compare_denial(sbx_verifier *self, const sbx_open_run *run,
                                  const sbx_entry *entry, sqlite3_stmt *row)
{
    if (entry->bytes == 0 || !sbx_verify_are_as_written(kept_of(run, entry), row, 1, denial_rules,
                                                        SBX_COUNT_OF(denial_rules))) {
        sbx_text_clear(&self->message);
        write_denial(&self->message, row);
        if (!is_described_so(self, run, entry))
            return "what was denied, to whom or why";
    }
    if (!is_number(row, 10, entry->count))
        return "count";
    if (!is_number(row, 11, entry->first_us))
        return "first_us";
    return is_number(row, 12, entry->last_us) ? NULL : "last_us";
}

static const char *compare_process(sbx_verifier *self, const sbx_open_run *run,
                                   const sbx_entry *entry, sqlite3_stmt *row)
{
    if (entry->bytes > 0 && sbx_verify_is_as_written(NULL, kept_of(run, entry), row, 1,
                                                     process_rules, SBX_COUNT_OF(process_rules)))
        return NULL;
    sbx_text_clear(&self->message);
    write_process(&self->message, row);
    return is_described_so(self, run, entry) ? NULL : "what was started, when, or how it ended";
}

typedef const char *compare_row(sbx_verifier *self, const sbx_open_run *run, const sbx_entry *entry,
                                sqlite3_stmt *row);

static sbx_status compare_rows(sbx_verifier *self, const sbx_open_run *run, sbx_entries *entries,
                               const char *table, sqlite3_stmt *select, compare_row *compare)
{
    const char *differs;
    int rc;

    sbx_text_clear(&self->message);
    sqlite3_bind_int64(select, 1, run->run);
    while ((rc = sqlite3_step(select)) == SQLITE_ROW) {
        uint64_t index = (uint64_t)sqlite3_column_int64(select, 0);
        sbx_entry *entry = index < entries->count ? &entries->item[index] : NULL;

        if (entry == NULL || entry->seq == 0) {
            if (!run->is_partial)
                sbx_verify_found(self, SBX_FINDING_ROW_EXTRA, table, 0, run->run_id,
                                 "run %s: %s %llu is in no event", run->run_id, table,
                                 (unsigned long long)index);
            continue;
        }
        differs = compare(self, run, entry, select);
        if (self->message.failed) {
            rc = SQLITE_NOMEM;
            break;
        }
        if (differs != NULL)
            sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, table, entry->seq, run->run_id,
                             "run %s: %s %llu: %s is not as event %llu and those after it say",
                             run->run_id, table, (unsigned long long)index, differs,
                             (unsigned long long)entry->seq);
        entry->seq = 0;
    }
    (void)sqlite3_reset(select);
    for (size_t i = 0; i < entries->count && rc == SQLITE_DONE; i++)
        if (entries->item[i].seq != 0)
            sbx_verify_found(self, SBX_FINDING_ROW_MISSING, table, entries->item[i].seq,
                             run->run_id,
                             "run %s: %s %zu is in event %llu, and there is no such row",
                             run->run_id, table, i, (unsigned long long)entries->item[i].seq);
    return rc == SQLITE_DONE ? SBX_OK : sbx_verify_failed(self, rc);
}

/* Runs without a denial in the ledger are not looked up: the totals at the end tell. */
sbx_status sbx_verify_entries(sbx_verifier *self, sbx_open_run *run)
{
    sbx_status st = SBX_OK;

    self->result->denials += run->denials.given;
    self->result->processes += run->processes.given;
    if (run->denials.count > 0)
        st = compare_rows(self, run, &run->denials, "denial", self->denials, compare_denial);
    if (st == SBX_OK && run->processes.count > 0)
        st = compare_rows(self, run, &run->processes, "process", self->processes, compare_process);
    return st;
}

/* --- rows of runs of which the ledger says nothing --- */

static sbx_status count_rows(uint64_t *out, sbx_verifier *self, const char *sql)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, self->store, sql, "verifying it", self->err);
    int rc;

    if (st != SBX_OK)
        return st;
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        *out = (uint64_t)sqlite3_column_int64(select, 0);
    else
        st = sbx_verify_failed(self, rc);
    sqlite3_finalize(select);
    return st;
}

/* Which: only where the totals say that there are some. The rows of runs that an event speaks of
 * were looked at already. */
static sbx_status find_extra(sbx_verifier *self, const char *table, const char *sql)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, self->store, sql, "verifying it", self->err);
    int rc = SQLITE_ROW;

    while (st == SBX_OK && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        const char *run_id = (const char *)sqlite3_column_text(select, 1);

        sbx_verify_found(self, SBX_FINDING_ROW_EXTRA, table, 0, run_id == NULL ? "" : run_id,
                         "run %s (row %lld): %s %lld is in no event", run_id == NULL ? "" : run_id,
                         (long long)sqlite3_column_int64(select, 0), table,
                         (long long)sqlite3_column_int64(select, 2));
    }
    if (st == SBX_OK && rc != SQLITE_DONE)
        st = sbx_verify_failed(self, rc);
    sqlite3_finalize(select);
    return st;
}

sbx_status sbx_verify_entry_totals(sbx_verifier *self)
{
    static const struct {
        const char *table, *count, *extra;
    } all[] = {
        {"denial", "SELECT count(*) FROM denial",
         "SELECT denial.run, run_id, idx FROM denial LEFT JOIN run ON run.id = denial.run WHERE "
         "denial.run NOT IN(SELECT run FROM event WHERE kind = 'denial.batch' AND run NOTNULL)"},
        {"process", "SELECT count(*) FROM process",
         "SELECT process.run, run_id, idx FROM process LEFT JOIN run ON run.id = process.run WHERE "
         "process.run NOT IN(SELECT run FROM event WHERE run NOTNULL AND (kind = 'process.batch' "
         "OR "
         "(kind = 'denial.batch' AND instr(body, '\"processes\":[') > 0)))"},
    };
    const uint64_t spoken[] = {self->result->denials, self->result->processes};
    sbx_status st = SBX_OK;

    for (size_t i = 0; i < SBX_COUNT_OF(all) && st == SBX_OK; i++) {
        uint64_t rows = 0;

        st = count_rows(&rows, self, all[i].count);
        if (st == SBX_OK && rows != spoken[i])
            st = find_extra(self, all[i].table, all[i].extra);
    }
    return st;
}
