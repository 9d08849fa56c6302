/* Seals as text and as rows; see seal.h. */
#include "audit/seal.h"

#include <string.h>

#include "audit/seal_parts.h"

static const char doing[] = "sealing the ledger";

/* What is signed. */
static void add_text(sbx_text *out, const sbx_seal *seal, const char *database_id)
{
    char prev[65], hash[65];

    sbx_sha256_hex(prev, seal->prev_hash);
    sbx_sha256_hex(hash, seal->hash);
    sbx_text_add_format(
        out, SBX_SEAL_BEGIN "%s kind=%s reason=%s us=%llu from=%llu to=%llu prev=%s hash=%s",
        database_id, seal->kind, seal->reason, (unsigned long long)seal->us,
        (unsigned long long)seal->from_seq, (unsigned long long)seal->to_seq, prev, hash);
}

void sbx_seal_add_line(sbx_text *out, const sbx_seal *seal, const char *database_id)
{
    char half[65];

    add_text(out, seal, database_id);
    if (!seal->is_signed)
        return;
    sbx_sha256_hex(half, seal->public_key);
    sbx_text_add_format(out, " key=%s signature=", half);
    sbx_sha256_hex(half, seal->signature);
    sbx_text_add(out, half);
    sbx_sha256_hex(half, seal->signature + SBX_ED25519_SIGNATURE_BYTES / 2);
    sbx_text_add(out, half);
}

sbx_seal_state sbx_seal_check(const sbx_seal *seal, const char *database_id,
                              const uint8_t *public_key)
{
    sbx_text text = {0};
    bool is_good;

    if (!seal->is_signed)
        return SBX_SEAL_UNSIGNED;
    if (public_key != NULL && memcmp(public_key, seal->public_key, sizeof(seal->public_key)) != 0)
        return SBX_SEAL_FOREIGN;
    add_text(&text, seal, database_id);
    is_good = !text.failed &&
              sbx_ed25519_is_signed(text.data, text.bytes, seal->signature, seal->public_key);
    sbx_text_done(&text);
    return is_good ? SBX_SEAL_GOOD : SBX_SEAL_WRONG;
}

/* The text behind " name=" in a line, or NULL. */
static const char *find_field(const char *line, const char *name)
{
    size_t bytes = strlen(name);

    for (const char *at = strchr(line, ' '); at != NULL; at = strchr(at + 1, ' '))
        if (strncmp(at + 1, name, bytes) == 0 && at[1 + bytes] == '=')
            return at + 2 + bytes;
    return NULL;
}

static bool read_number(uint64_t *out, const char *line, const char *name)
{
    const char *at = find_field(line, name);
    uint64_t value = 0;

    if (at == NULL || *at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > INT64_MAX / 10 - 1)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *out = value;
    return true;
}

static bool read_hex(uint8_t *out, size_t bytes, const char *line, const char *name)
{
    const char *at = find_field(line, name);

    return at != NULL && sbx_hex_read(out, bytes, at);
}

/* kind and reason are words that sbx writes, or the seal is none. */
static bool read_words(sbx_seal *out, const char *kind, const char *reason)
{
    size_t bytes = strcspn(reason, " ");

    if (strncmp(kind, "seal", 4) == 0 && (kind[4] == ' ' || kind[4] == '\0'))
        out->kind = "seal";
    else if (strncmp(kind, "prune", 5) == 0 && (kind[5] == ' ' || kind[5] == '\0'))
        out->kind = "prune";
    else
        return false;
    if (bytes >= sizeof(out->reason))
        return false;
    memcpy(out->reason, reason, bytes);
    out->reason[bytes] = '\0';
    return true;
}

bool sbx_seal_read_line(sbx_seal *out, const char *line, const char *database_id)
{
    const char *at = strstr(line, SBX_SEAL_BEGIN), *kind, *reason;

    *out = (sbx_seal){0};
    if (at == NULL || strncmp(at + strlen(SBX_SEAL_BEGIN), database_id, strlen(database_id)) != 0)
        return false;
    kind = find_field(at, "kind");
    reason = find_field(at, "reason");
    if (kind == NULL || reason == NULL || !read_words(out, kind, reason) ||
        !read_number(&out->us, at, "us") || !read_number(&out->from_seq, at, "from") ||
        !read_number(&out->to_seq, at, "to") ||
        !read_hex(out->prev_hash, sizeof(out->prev_hash), at, "prev") ||
        !read_hex(out->hash, sizeof(out->hash), at, "hash"))
        return false;
    out->is_signed = read_hex(out->public_key, sizeof(out->public_key), at, "key") &&
                     read_hex(out->signature, sizeof(out->signature), at, "signature");
    return true;
}

static bool read_blob(uint8_t *out, size_t bytes, sqlite3_stmt *row, int column)
{
    const void *data = sqlite3_column_blob(row, column);

    if (sqlite3_column_bytes(row, column) != (int)bytes)
        return false;
    memcpy(out, data, bytes);
    return true;
}

bool sbx_seal_read_row(sbx_seal *out, sqlite3_stmt *row)
{
    const char *kind = (const char *)sqlite3_column_text(row, 1);
    const char *reason = (const char *)sqlite3_column_text(row, 2);

    *out = (sbx_seal){.id = sqlite3_column_int64(row, 0),
                      .us = (uint64_t)sqlite3_column_int64(row, 3),
                      .from_seq = (uint64_t)sqlite3_column_int64(row, 4),
                      .to_seq = (uint64_t)sqlite3_column_int64(row, 5),
                      .is_signed = sqlite3_column_type(row, 9) != SQLITE_NULL};
    return kind != NULL && reason != NULL && read_words(out, kind, reason) &&
           read_blob(out->prev_hash, sizeof(out->prev_hash), row, 6) &&
           read_blob(out->hash, sizeof(out->hash), row, 7) &&
           (!out->is_signed || (read_blob(out->public_key, sizeof(out->public_key), row, 8) &&
                                read_blob(out->signature, sizeof(out->signature), row, 9)));
}

sbx_status sbx_store_database_id(char out[SBX_RUN_ID_BYTES], sbx_store *store, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(
        &select, store, "SELECT value FROM meta WHERE key = 'database_id'", "reading its id", err);
    int rc;

    if (st != SBX_OK)
        return st;
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(select, 0) == SBX_RUN_ID_BYTES - 1)
        memcpy(out, sqlite3_column_text(select, 0), SBX_RUN_ID_BYTES);
    else
        st = sbx_store_fail(store, rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_CORRUPT : rc,
                            "reading its id", err);
    sqlite3_finalize(select);
    return st;
}

sbx_status sbx_store_put_seal(sbx_store *store, sbx_seal *seal, const sbx_seal_key *key,
                              sbx_error *err)
{
    static const char put[] =
        "INSERT OR REPLACE INTO seal(" SBX_SEAL_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?)";
    char database_id[SBX_RUN_ID_BYTES];
    sqlite3_stmt *stmt = NULL;
    sbx_text text = {0};
    sbx_binder binder = {0};
    sbx_status st = sbx_store_database_id(database_id, store, err);

    if (st == SBX_OK) {
        seal->is_signed = key->exists;
        memcpy(seal->public_key, key->public_key, sizeof(seal->public_key));
        add_text(&text, seal, database_id);
        st = sbx_text_check(&text, err);
    }
    if (st == SBX_OK && key->exists)
        sbx_ed25519_sign(seal->signature, text.data, text.bytes, key->secret);
    sbx_text_done(&text);
    if (st == SBX_OK)
        st = sbx_store_prepare(&stmt, store, put, doing, err);
    if (st != SBX_OK)
        return st;
    binder.stmt = stmt;
    if (seal->id == 0)
        sbx_bind_null(&binder);
    else
        sbx_bind_int(&binder, seal->id);
    sbx_bind_text(&binder, seal->kind);
    sbx_bind_text(&binder, seal->reason);
    sbx_bind_unsigned(&binder, seal->us);
    sbx_bind_unsigned(&binder, seal->from_seq);
    sbx_bind_unsigned(&binder, seal->to_seq);
    (void)sqlite3_bind_blob(stmt, 7, seal->prev_hash, sizeof(seal->prev_hash), SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 8, seal->hash, sizeof(seal->hash), SQLITE_STATIC);
    if (seal->is_signed) {
        (void)sqlite3_bind_blob(stmt, 9, seal->public_key, sizeof(seal->public_key), SQLITE_STATIC);
        (void)sqlite3_bind_blob(stmt, 10, seal->signature, sizeof(seal->signature), SQLITE_STATIC);
    }
    st = sbx_store_step(store, stmt, doing, err);
    sqlite3_finalize(stmt);
    if (st == SBX_OK && seal->id == 0)
        seal->id = sqlite3_last_insert_rowid(store->db);
    return st;
}

sbx_status sbx_store_last_seal(sbx_seal *out, sbx_store *store, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare(&select, store,
                                      "SELECT " SBX_SEAL_COLUMNS
                                      " FROM seal WHERE kind = 'seal' ORDER BY id DESC LIMIT 1",
                                      doing, err);
    int rc;

    *out = (sbx_seal){.kind = "seal"};
    if (st != SBX_OK)
        return st;
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW && !sbx_seal_read_row(out, select))
        st = sbx_store_fail(store, SQLITE_CORRUPT, "reading its last seal", err);
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = sbx_store_fail(store, rc, doing, err);
    sqlite3_finalize(select);
    return st;
}

/* Inside a transaction. */
static sbx_status seal_now(sbx_seal *out, bool *out_is_new, sbx_store *store,
                           const sbx_seal_key *key, const char *reason, sbx_error *err)
{
    sbx_seal last;
    uint64_t seq = 0;
    uint8_t hash[SBX_SHA256_BYTES];
    sbx_status st = sbx_store_last_seal(&last, store, err);
    int rc = st == SBX_OK ? sbx_ledger_last(&store->ledger, store->db, &seq, hash) : SQLITE_OK;

    if (rc != SQLITE_OK)
        st = sbx_store_fail(store, rc, doing, err);
    if (st != SBX_OK)
        return st;
    if (last.to_seq > seq)
        return sbx_store_fail(store, SQLITE_CORRUPT,
                              "its ledger ends before its last seal says that it did", err);
    *out = last;
    if (last.id != 0 && last.to_seq >= seq && last.is_signed == key->exists &&
        (!key->exists || memcmp(last.public_key, key->public_key, sizeof(last.public_key)) == 0))
        return SBX_OK;
    *out_is_new = true;
    *out = (sbx_seal){
        .kind = "seal", .us = sbx_clock_utc_us(), .from_seq = last.to_seq + 1, .to_seq = seq};
    if (out->from_seq > seq) /* the same rows, with another key */
        out->from_seq = last.from_seq;
    memcpy(out->prev_hash, out->from_seq == last.from_seq ? last.prev_hash : last.hash,
           sizeof(out->prev_hash));
    memcpy(out->hash, hash, sizeof(out->hash));
    (void)strncpy(out->reason, reason, sizeof(out->reason) - 1);
    return sbx_store_put_seal(store, out, key, err);
}

sbx_status sbx_store_seal(sbx_seal *out, bool *out_is_new, sbx_store *store,
                          const sbx_seal_key *key, const char *reason, sbx_error *err)
{
    sbx_status st = sbx_store_begin(store, doing, err);

    *out_is_new = false;
    if (st != SBX_OK)
        return st;
    st = seal_now(out, out_is_new, store, key, reason, err);
    if (st == SBX_OK && *out_is_new)
        return sbx_store_commit(store, doing, err);
    sbx_store_rollback(store);
    return st;
}
