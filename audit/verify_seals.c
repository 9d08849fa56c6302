/* Seals and anchors against the chain that was verified before; see verify.h. */
#include <string.h>

#include "audit/lines.h"
#include "audit/verify_parts.h"

typedef struct seals {
    sbx_seal last; /* of kind seal */
    size_t key;    /* the first of the keys that still counts */
} seals;

sbx_status sbx_verify_stand_in(bool *out_found, sbx_seal *out, sbx_verifier *self, uint64_t seq)
{
    int rc, last;

    *out_found = false;
    if (self->stand_in == NULL) /* a version without seals */
        return SBX_OK;
    sqlite3_bind_int64(self->stand_in, 1, (sqlite3_int64)seq);
    rc = sqlite3_step(self->stand_in);
    *out_found = rc == SQLITE_ROW && sbx_seal_read_row(out, self->stand_in);
    last = sqlite3_reset(self->stand_in);
    return last == SQLITE_OK ? SBX_OK : sbx_verify_failed(self, last);
}

/* Whether the ledger's row has that hash; *out_found false: there is no such row. */
static sbx_status find_hash(bool *out_found, bool *out_is_same, sbx_verifier *self, uint64_t seq,
                            const uint8_t hash[SBX_SHA256_BYTES])
{
    const void *kept = NULL;
    int rc, last;

    sqlite3_bind_int64(self->event_at, 1, (sqlite3_int64)seq);
    rc = sqlite3_step(self->event_at);
    *out_found = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        kept = sqlite3_column_blob(self->event_at, 0);
    *out_is_same = kept != NULL && sqlite3_column_bytes(self->event_at, 0) == SBX_SHA256_BYTES &&
                   memcmp(kept, hash, SBX_SHA256_BYTES) == 0;
    last = sqlite3_reset(self->event_at); /* also of a column that there was no memory for */
    return last == SQLITE_OK ? SBX_OK : sbx_verify_failed(self, last);
}

/* The state of a signature with regard to all keys that count; a later key ends an earlier one. */
static sbx_seal_state check_signature(const sbx_verifier *self, seals *all, const sbx_seal *seal)
{
    const sbx_verify_options *options = self->options;

    if (options->key_count == 0)
        return sbx_seal_check(seal, self->result->database_id, NULL);
    for (size_t i = all->key; i < options->key_count; i++) {
        sbx_seal_state state = sbx_seal_check(seal, self->result->database_id, options->keys[i]);

        if (state == SBX_SEAL_GOOD)
            all->key = i;
        if (state != SBX_SEAL_FOREIGN)
            return state;
    }
    return SBX_SEAL_FOREIGN;
}

static bool report_signature(sbx_verifier *self, const sbx_seal *seal, sbx_seal_state state)
{
    char key[65];

    sbx_sha256_hex(key, seal->public_key);
    self->result->good_seals += state == SBX_SEAL_GOOD;
    self->result->unsigned_seals += state == SBX_SEAL_UNSIGNED;
    if (state == SBX_SEAL_WRONG)
        sbx_verify_found(self, SBX_FINDING_SEAL_WRONG, "seal", seal->to_seq, "",
                         "seal %lld (%s, to event %llu): its signature is not of what it says",
                         (long long)seal->id, seal->kind, (unsigned long long)seal->to_seq);
    if (state == SBX_SEAL_FOREIGN)
        sbx_verify_found(self, SBX_FINDING_SEAL_FOREIGN, "seal", seal->to_seq, "",
                         "seal %lld (%s, to event %llu) is signed with the key %s, which is none "
                         "that counts here",
                         (long long)seal->id, seal->kind, (unsigned long long)seal->to_seq, key);
    if (state == SBX_SEAL_UNSIGNED && self->options->key_count > 0)
        sbx_verify_found(self, SBX_FINDING_UNSIGNED, "seal", seal->to_seq, "",
                         "seal %lld (%s, to event %llu) has no signature", (long long)seal->id,
                         seal->kind, (unsigned long long)seal->to_seq);
    return state == SBX_SEAL_GOOD;
}

/* Each begins where the one before ended, or says the same with another key. */
static void check_order(sbx_verifier *self, const seals *all, const sbx_seal *seal)
{
    bool follows = seal->from_seq == all->last.to_seq + 1 &&
                   memcmp(seal->prev_hash, all->last.hash, sizeof(seal->prev_hash)) == 0;
    bool repeats = all->last.id != 0 && seal->from_seq == all->last.from_seq &&
                   seal->to_seq == all->last.to_seq &&
                   memcmp(seal->hash, all->last.hash, sizeof(seal->hash)) == 0;

    if (!follows && !repeats)
        sbx_verify_found(self, SBX_FINDING_SEAL_MISSING, "seal", seal->from_seq, "",
                         "seal %lld begins at event %llu, and the one before it ends at %llu: one "
                         "between them is gone",
                         (long long)seal->id, (unsigned long long)seal->from_seq,
                         (unsigned long long)all->last.to_seq);
}

/* The statement: the ledger had that row with that hash. *out_holds: as far as can be told. */
static sbx_status check_statement(bool *out_holds, sbx_verifier *self, const sbx_seal *seal,
                                  const char *table)
{
    unsigned long long to = seal->to_seq, last = self->result->last_seq;
    bool is_anchor = strcmp(table, "anchor") == 0, found, is_same;
    sbx_status st = find_hash(&found, &is_same, self, seal->to_seq, seal->hash);

    *out_holds = st == SBX_OK && found && is_same;
    if (st != SBX_OK || *out_holds)
        return st;
    if (found)
        sbx_verify_found(self, is_anchor ? SBX_FINDING_ANCHOR_WRONG : SBX_FINDING_SEAL_WRONG, table,
                         seal->to_seq, "",
                         "%s of event %llu: that event is another one than was sealed", table, to);
    else if (seal->to_seq > self->result->last_seq)
        sbx_verify_found(self, SBX_FINDING_TRUNCATED, table, seal->to_seq, "",
                         "the ledger ends at event %llu, and a%s says that it had event %llu", last,
                         is_anchor ? "n anchor" : " seal", to);
    return SBX_OK;
}

/* What it stands for must be gone: in the chain every row of it was missing. */
static sbx_status check_prune(sbx_verifier *self, const sbx_seal *seal)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, self->store,
                                      "SELECT min(seq) FROM event WHERE seq BETWEEN ?1 AND ?2",
                                      "verifying it", self->err);
    int rc;

    if (st != SBX_OK)
        return st;
    sqlite3_bind_int64(select, 1, (sqlite3_int64)seal->from_seq);
    sqlite3_bind_int64(select, 2, (sqlite3_int64)seal->to_seq);
    rc = sqlite3_step(select);
    if (rc != SQLITE_ROW)
        st = sbx_verify_failed(self, rc);
    else if (sqlite3_column_type(select, 0) != SQLITE_NULL)
        sbx_verify_found(self, SBX_FINDING_SEAL_WRONG, "seal", seal->to_seq, "",
                         "prune %lld stands for events %llu to %llu, and event %lld is there",
                         (long long)seal->id, (unsigned long long)seal->from_seq,
                         (unsigned long long)seal->to_seq,
                         (long long)sqlite3_column_int64(select, 0));
    sqlite3_finalize(select);
    return st;
}

static sbx_status check_seal(sbx_verifier *self, seals *all, const sbx_seal *seal)
{
    bool is_good = report_signature(self, seal, check_signature(self, all, seal));
    bool holds = false;
    sbx_status st;

    self->result->seals++;
    if (strcmp(seal->kind, "prune") == 0)
        return check_prune(self, seal);
    check_order(self, all, seal);
    st = check_statement(&holds, self, seal, "seal");
    if (st == SBX_OK && holds && is_good) {
        self->result->sealed_seq = seal->to_seq;
        self->result->sealed_us = seal->us;
        memcpy(self->result->sealed_key, seal->public_key, sizeof(seal->public_key));
    }
    all->last = *seal;
    return st;
}

static void check_tail(sbx_verifier *self)
{
    unsigned long long sealed = self->result->sealed_seq, last = self->result->last_seq;

    if (self->options->key_count == 0 || sealed >= last)
        return;
    if (sealed == 0)
        sbx_verify_found(self, SBX_FINDING_UNSEALED, "event", last, "",
                         "no seal with that key vouches for any event");
    else
        sbx_verify_found(self, SBX_FINDING_UNSEALED, "event", sealed + 1, "",
                         "events %llu to %llu are behind the last seal: nobody vouches for them",
                         sealed + 1, last);
}

sbx_status sbx_verify_seals(sbx_verifier *self)
{
    seals all = {.last = {.kind = "seal"}};
    sqlite3_stmt *select = NULL;
    sbx_status st = SBX_OK;
    sbx_seal seal;
    int rc = SQLITE_DONE;

    if (self->version >= 2)
        st = sbx_store_prepare(&select, self->store,
                               "SELECT " SBX_SEAL_COLUMNS " FROM seal ORDER BY id", "verifying it",
                               self->err);
    while (st == SBX_OK && select != NULL && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        if (sbx_seal_read_row(&seal, select))
            st = check_seal(self, &all, &seal);
        else
            sbx_verify_found(self, SBX_FINDING_SEAL_WRONG, "seal", 0, "",
                             "seal %lld is none that sbx wrote",
                             (long long)sqlite3_column_int64(select, 0));
    }
    if (st == SBX_OK && rc != SQLITE_DONE)
        st = sbx_verify_failed(self, rc);
    sqlite3_finalize(select);
    if (st == SBX_OK)
        check_tail(self);
    return st;
}

/* An anchor that a prune has overtaken can only be held against where the prune ended. */
static sbx_status check_anchor(sbx_verifier *self, const char *line)
{
    sbx_seal seal;
    seals all = {0};
    sbx_seal_state state;
    bool holds;

    if (!sbx_seal_read_line(&seal, line, self->result->database_id) ||
        strcmp(seal.kind, "seal") != 0)
        return SBX_OK;
    self->result->anchors++;
    state = check_signature(self, &all, &seal);
    if (state == SBX_SEAL_WRONG || state == SBX_SEAL_FOREIGN)
        sbx_verify_found(self, SBX_FINDING_ANCHOR_WRONG, "anchor", seal.to_seq, "",
                         "the anchor of event %llu is not signed with a key that counts here",
                         (unsigned long long)seal.to_seq);
    return check_statement(&holds, self, &seal, "anchor");
}

sbx_status sbx_verify_anchors(sbx_verifier *self)
{
    sbx_lines *lines = NULL;
    const char *line = NULL;
    sbx_status st;

    if (self->options->anchor_path == NULL)
        return SBX_OK;
    st = sbx_lines_open(&lines, self->options->anchor_path, self->err);
    while (st == SBX_OK) {
        st = sbx_lines_next(&line, lines, self->err);
        if (st != SBX_OK || line == NULL)
            break;
        st = check_anchor(self, line);
    }
    sbx_lines_close(lines);
    if (st == SBX_OK && self->result->anchors == 0)
        sbx_verify_found(self, SBX_FINDING_UNSEALED, "anchor", 0, "",
                         "%s: holds no anchor of the database %s", self->options->anchor_path,
                         self->result->database_id);
    return st;
}
