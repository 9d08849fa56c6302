/* policy and node: the rows that runs share, against the runs that start with them. */
#include <stdlib.h>
#include <string.h>

#include "audit/verify_parts.h"

/* Rows whose first run can be told from later ones; of others nobody asks for first_us. */
enum { REMEMBERED = 65536 };

void sbx_verify_forget_shared(sbx_verifier *self)
{
    for (size_t i = 0; i < SBX_COUNT_OF(self->policies); i++)
        sbx_text_done(&self->policies[i].name);
    free(self->seen_policies);
    free(self->seen_nodes);
}

static const void *column(sqlite3_stmt *row, int at, size_t *out_bytes)
{
    const void *data = sqlite3_column_blob(row, at);

    *out_bytes = (size_t)sqlite3_column_bytes(row, at);
    return data == NULL ? "" : data;
}

static void take_sha256(sbx_shared *out, sqlite3_stmt *row, int at)
{
    size_t bytes;
    const char *text = column(row, at, &bytes);

    memset(out->sha256, 0, sizeof(out->sha256));
    if (bytes == 64)
        memcpy(out->sha256, text, 64);
}

static bool is_sha256(const sbx_shared *of, const sbx_bytes *parts, size_t count)
{
    uint8_t hash[SBX_SHA256_BYTES];
    char digits[65];

    sbx_sha256(hash, parts, count);
    sbx_sha256_hex(digits, hash);
    return strcmp(digits, of->sha256) == 0;
}

static bool read_policy(sbx_shared *out, sqlite3_stmt *row)
{
    sbx_bytes json, name;

    take_sha256(out, row, 0);
    name.data = column(row, 1, &name.bytes);
    sbx_text_clear(&out->name);
    sbx_text_add_bytes(&out->name, name.data, name.bytes);
    out->first_us = sqlite3_column_int64(row, 2);
    json.data = column(row, 3, &json.bytes);
    return is_sha256(out, &json, 1);
}

/* Each text with its NUL, as store_start.c hashes them. */
static bool read_node(sbx_shared *out, sqlite3_stmt *row)
{
    sbx_bytes parts[5];

    take_sha256(out, row, 0);
    out->first_us = sqlite3_column_int64(row, 6);
    for (int i = 0; i < 5; i++) {
        const char *text = (const char *)sqlite3_column_text(row, i + 1);

        parts[i].data = text == NULL ? "" : text;
        parts[i].bytes = text == NULL ? 1 : (size_t)sqlite3_column_bytes(row, i + 1) + 1;
    }
    return is_sha256(out, parts, 5);
}

/* The row, from the cache or read and checked by itself; *out NULL: there is none. */
static sbx_status find_shared(const sbx_shared **out, sbx_verifier *self, sbx_shared *cache,
                              int64_t id, const char *table)
{
    sbx_shared *place = &cache[(uint64_t)id % SBX_SHARED_KEPT];
    bool is_policy = cache == self->policies, is_right = true;
    sqlite3_stmt *select = is_policy ? self->policy : self->node;
    int rc, last;

    *out = place;
    if (place->id == id && id != 0)
        return SBX_OK;
    place->id = 0;
    sqlite3_bind_int64(select, 1, id);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW) {
        is_right = is_policy ? read_policy(place, select) : read_node(place, select);
        place->id = id;
    } else {
        *out = NULL;
    }
    last = sqlite3_reset(select); /* also of a column that there was no memory for */
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sbx_verify_failed(self, rc);
    if (last != SQLITE_OK || place->name.failed) {
        place->id = 0;
        return sbx_verify_failed(self, last != SQLITE_OK ? last : SQLITE_NOMEM);
    }
    if (!is_right)
        sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, table, 0, "",
                         "%s %lld is not what its sha256 was computed of", table, (long long)id);
    return SBX_OK;
}

/* *out: it is the first time. */
static sbx_status see(bool *out, sbx_verifier *self, uint8_t **bits, uint64_t *count, int64_t id)
{
    *out = false;
    if (*bits == NULL)
        *bits = calloc(1, REMEMBERED / 8);
    if (*bits == NULL)
        return sbx_verify_failed(self, SQLITE_NOMEM);
    if (id <= 0 || id >= REMEMBERED)
        return SBX_OK;
    *out = ((*bits)[id / 8] >> (id % 8) & 1) == 0;
    (*bits)[id / 8] |= (uint8_t)(1u << (id % 8));
    *count += *out;
    return SBX_OK;
}

static void report_missing(sbx_verifier *self, const sbx_event_row *event, const char *run_id,
                           const char *table)
{
    sbx_verify_found(self, SBX_FINDING_ROW_MISSING, table, event->seq, run_id,
                     "run %s: its row names a %s that is not there", run_id, table);
}

static void check_first(sbx_verifier *self, const sbx_event_row *event, const char *run_id,
                        const char *table, const sbx_shared *row, int64_t started_us)
{
    if (self->result->removed_count == 0 && row->first_us != started_us)
        sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, table, event->seq, run_id,
                         "%s %lld: first_us is %lld, and the first run that has it, %s, began at "
                         "%lld",
                         table, (long long)row->id, (long long)row->first_us, run_id,
                         (long long)started_us);
}

sbx_status sbx_verify_policy(sbx_verifier *self, const sbx_event_row *event, const char *run_id,
                             int64_t policy, int64_t started_us, sbx_slice name, sbx_slice sha256)
{
    const sbx_shared *row = NULL;
    sbx_status st = find_shared(&row, self, self->policies, policy, "policy");
    bool is_name, is_first;

    if (st != SBX_OK)
        return st;
    if (row == NULL) {
        report_missing(self, event, run_id, "policy");
        return SBX_OK;
    }
    is_name = row->name.bytes == 0 ? sbx_slice_is(name, "null") || sbx_slice_is(name, "\"\"")
                                   : sbx_slice_is_string(name, row->name.data, row->name.bytes);
    if (!is_name || !sbx_slice_is_string(sha256, row->sha256, strlen(row->sha256)))
        sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, is_name ? "run" : "policy", event->seq,
                         run_id, "run %s: its policy, row %lld, is another than event %llu says",
                         run_id, (long long)policy, (unsigned long long)event->seq);
    st = see(&is_first, self, &self->seen_policies, &self->seen_policy_count, policy);
    if (is_first)
        check_first(self, event, run_id, "policy", row, started_us);
    return st;
}

sbx_status sbx_verify_node(sbx_verifier *self, const sbx_event_row *event, const char *run_id,
                           int64_t node, int64_t started_us, sbx_slice sha256)
{
    const sbx_shared *row = NULL;
    sbx_status st = find_shared(&row, self, self->nodes, node, "node");
    bool is_first;

    if (st != SBX_OK)
        return st;
    if (row == NULL) {
        report_missing(self, event, run_id, "node");
        return SBX_OK;
    }
    if (!sbx_slice_is_string(sha256, row->sha256, strlen(row->sha256)))
        sbx_verify_found(self, SBX_FINDING_ROW_DIFFERS, "run", event->seq, run_id,
                         "run %s: its node, row %lld, is another than event %llu says", run_id,
                         (long long)node, (unsigned long long)event->seq);
    st = see(&is_first, self, &self->seen_nodes, &self->seen_node_count, node);
    if (is_first)
        check_first(self, event, run_id, "node", row, started_us);
    return st;
}

/* A prune that was stopped leaves some; without one there is none. */
sbx_status sbx_verify_unused(sbx_verifier *self)
{
    static const char *const tables[] = {"policy", "node"};
    const uint8_t *const bits[] = {self->seen_policies, self->seen_nodes};
    sbx_status st = SBX_OK;

    for (size_t i = 0; i < SBX_COUNT_OF(tables) && st == SBX_OK && self->result->removed_count == 0;
         i++) {
        sqlite3_stmt *select = NULL;
        int rc = SQLITE_ROW;

        st = sbx_store_prepare(&select, self->store,
                               i == 0 ? "SELECT id FROM policy" : "SELECT id FROM node",
                               "verifying it", self->err);
        while (st == SBX_OK && (rc = sqlite3_step(select)) == SQLITE_ROW) {
            int64_t id = sqlite3_column_int64(select, 0);

            if (id <= 0 ||
                (id < REMEMBERED && (bits[i] == NULL || (bits[i][id / 8] >> (id % 8) & 1) == 0)))
                sbx_verify_found(self, SBX_FINDING_ROW_EXTRA, tables[i], 0, "",
                                 "%s %lld: no run began with it", tables[i], (long long)id);
        }
        if (st == SBX_OK && rc != SQLITE_DONE)
            st = sbx_verify_failed(self, rc);
        sqlite3_finalize(select);
    }
    return st;
}
