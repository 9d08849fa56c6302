/* The chain of the ledger, row after row; see verify.h. */
#include <string.h>

#include "audit/verify_parts.h"

enum {
    LOOK_AT_EACH = 4096,  /* rows between two looks at whether to stop */
    MOVED_AT_MOST = 1000, /* numbers to either side that an event is tried for … */
    MOVED_TRIES = 64,     /* … of the first events that are wrong */
};

typedef struct chain {
    uint64_t expected; /* number of the next row */
    uint8_t prev[SBX_SHA256_BYTES];
    unsigned tries;
} chain;

/* The number under which the row was written, where it is near; 0: none. */
static uint64_t find_number(chain *at, const sbx_event_row *row)
{
    uint8_t hash[SBX_SHA256_BYTES];
    uint64_t first = row->seq > MOVED_AT_MOST ? row->seq - MOVED_AT_MOST : 1;

    if (at->tries++ >= MOVED_TRIES)
        return 0;
    for (uint64_t number = first; number <= row->seq + MOVED_AT_MOST; number++) {
        sbx_ledger_hash(hash, number, row->prev_hash, row->body.data, row->body.bytes);
        if (memcmp(hash, row->hash, sizeof(hash)) == 0)
            return number;
    }
    return 0;
}

/* Rows that are missing: prunes must stand for them, one behind the other. */
static sbx_status cross_gap(sbx_verifier *self, chain *at, const sbx_event_row *row)
{
    sbx_seal seal;
    bool found = true;
    sbx_status st = SBX_OK;

    while (at->expected < row->seq) {
        st = sbx_verify_stand_in(&found, &seal, self, at->expected);
        if (st != SBX_OK)
            return st;
        if (!found || seal.to_seq < at->expected || seal.to_seq >= row->seq)
            break;
        if (memcmp(seal.prev_hash, at->prev, sizeof(at->prev)) != 0)
            sbx_verify_found(self, SBX_FINDING_SEAL_WRONG, "seal", seal.to_seq, "",
                             "prune %lld stands for events %llu to %llu, and does not follow the "
                             "event before them",
                             (long long)seal.id, (unsigned long long)seal.from_seq,
                             (unsigned long long)seal.to_seq);
        memcpy(at->prev, seal.hash, sizeof(at->prev));
        self->result->removed_count += seal.to_seq - at->expected + 1;
        at->expected = seal.to_seq + 1;
    }
    if (at->expected == row->seq)
        return SBX_OK;
    sbx_verify_found(self, SBX_FINDING_REMOVED, "event", at->expected, "",
                     at->expected + 1 == row->seq
                         ? "event %llu is missing, and no prune stands for it"
                         : "events %llu to %llu are missing, and no prune stands for them",
                     (unsigned long long)at->expected, (unsigned long long)row->seq - 1);
    at->expected = row->seq;
    memcpy(at->prev, row->prev_hash, sizeof(at->prev));
    return SBX_OK;
}

static void check_row(sbx_verifier *self, chain *at, const sbx_event_row *row)
{
    uint8_t hash[SBX_SHA256_BYTES];
    bool follows = memcmp(row->prev_hash, at->prev, sizeof(at->prev)) == 0, is_right;
    uint64_t number;

    sbx_ledger_hash(hash, row->seq, row->prev_hash, row->body.data, row->body.bytes);
    is_right = memcmp(hash, row->hash, sizeof(hash)) == 0;
    if (follows && is_right)
        return;
    if (is_right) {
        sbx_verify_found(self, SBX_FINDING_REPLACED, "event", row->seq, "",
                         "event %llu does not follow event %llu: one of the two is another than "
                         "was written",
                         (unsigned long long)row->seq, (unsigned long long)row->seq - 1);
        return;
    }
    number = find_number(at, row);
    if (number != 0)
        sbx_verify_found(self, SBX_FINDING_REORDERED, "event", row->seq, "",
                         "event %llu is the one that was written as number %llu",
                         (unsigned long long)row->seq, (unsigned long long)number);
    else
        sbx_verify_found(self, SBX_FINDING_EDITED, "event", row->seq, "",
                         "event %llu is not what its hash was computed of",
                         (unsigned long long)row->seq);
}

/* False where the columns are not of the types that sbx writes. */
static bool read_row(sbx_event_row *out, sqlite3_stmt *row)
{
    *out =
        (sbx_event_row){.seq = (uint64_t)sqlite3_column_int64(row, 0),
                        .us = sqlite3_column_int64(row, 1),
                        .kind = {sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2)},
                        .run = sqlite3_column_int64(row, 3),
                        .has_run = sqlite3_column_type(row, 3) != SQLITE_NULL,
                        .body = {sqlite3_column_blob(row, 4), (size_t)sqlite3_column_bytes(row, 4)},
                        .prev_hash = sqlite3_column_blob(row, 5),
                        .hash = sqlite3_column_blob(row, 6)};
    return sqlite3_column_bytes(row, 5) == SBX_SHA256_BYTES &&
           sqlite3_column_bytes(row, 6) == SBX_SHA256_BYTES && out->body.data != NULL &&
           out->kind.data != NULL && (!out->has_run || out->run > 0);
}

static sbx_status take_row(sbx_verifier *self, chain *at)
{
    sbx_event_row row;
    sbx_status st;
    bool is_whole = read_row(&row, self->events);

    if (self->result->events++ == 0)
        self->result->first_seq = row.seq;
    self->result->last_seq = row.seq;
    if (!is_whole) {
        sbx_verify_found(self, SBX_FINDING_EDITED, "event", row.seq, "",
                         "event %llu has a column that sbx never wrote so",
                         (unsigned long long)row.seq);
        at->expected = row.seq + 1;
        if (row.hash != NULL && sqlite3_column_bytes(self->events, 6) == SBX_SHA256_BYTES)
            memcpy(at->prev, row.hash, sizeof(at->prev));
        return SBX_OK;
    }
    if (row.seq != at->expected) {
        st = cross_gap(self, at, &row);
        if (st != SBX_OK)
            return st;
    }
    check_row(self, at, &row);
    memcpy(at->prev, row.hash, sizeof(at->prev));
    at->expected = row.seq + 1;
    return sbx_verify_event(self, &row);
}

sbx_status sbx_verify_chain(sbx_verifier *self)
{
    const bool *cancel = self->options->cancel;
    chain at = {.expected = 1};
    sbx_status st = SBX_OK;
    int rc = SQLITE_DONE;

    while (st == SBX_OK && (rc = sqlite3_step(self->events)) == SQLITE_ROW) {
        st = take_row(self, &at);
        if (st == SBX_OK && cancel != NULL && self->result->events % LOOK_AT_EACH == 0 &&
            *(const volatile bool *)cancel)
            st = sbx_fail_plain(self->err, SBX_BUSY, SBX_STEP_AUDIT,
                                "cancelled while verifying the audit database");
    }
    if (st == SBX_OK && rc != SQLITE_DONE)
        st = sbx_verify_failed(self, rc);
    if (st == SBX_OK && self->result->events == 0)
        sbx_verify_found(self, SBX_FINDING_REMOVED, "event", 1, "",
                         "the ledger is empty, and its first event is made with the database");
    return st;
}
