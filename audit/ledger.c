/* Appending to the chained ledger; see ledger.h. */
#include "audit/ledger.h"

#include <string.h>

static const char chain_label[] = "sbx1";

void sbx_ledger_hash(uint8_t out[SBX_SHA256_BYTES], uint64_t seq, const uint8_t *prev_hash,
                     const void *body, size_t body_bytes)
{
    uint8_t number[8];

    for (size_t i = 0; i < sizeof(number); i++)
        number[i] = (uint8_t)(seq >> (8 * (sizeof(number) - 1 - i)));
    sbx_sha256(out,
               (const sbx_bytes[]){
                   {chain_label, sizeof(chain_label) - 1},
                   {number, sizeof(number)},
                   {prev_hash, SBX_SHA256_BYTES},
                   {body, body_bytes},
               },
               4);
}

int sbx_ledger_last(sbx_ledger *ledger, sqlite3 *db, uint64_t *out_seq,
                    uint8_t out_hash[SBX_SHA256_BYTES])
{
    int rc = SQLITE_OK;

    *out_seq = 0;
    memset(out_hash, 0, SBX_SHA256_BYTES);
    if (ledger->last == NULL)
        rc = sqlite3_prepare_v2(db, "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1", -1,
                                &ledger->last, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(ledger->last);
    if (rc == SQLITE_ROW) {
        const void *hash = sqlite3_column_blob(ledger->last, 1);

        *out_seq = (uint64_t)sqlite3_column_int64(ledger->last, 0);
        if (sqlite3_column_bytes(ledger->last, 1) == SBX_SHA256_BYTES)
            memcpy(out_hash, hash, SBX_SHA256_BYTES);
        else
            rc = SQLITE_CORRUPT;
    }
    (void)sqlite3_reset(ledger->last);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sbx_ledger_append(sbx_ledger *ledger, sqlite3 *db, const sbx_ledger_event *event)
{
    uint8_t prev_hash[SBX_SHA256_BYTES], hash[SBX_SHA256_BYTES];
    uint64_t seq;
    int rc = sbx_ledger_last(ledger, db, &seq, prev_hash);

    if (rc == SQLITE_OK && ledger->insert == NULL)
        rc = sqlite3_prepare_v2(db, "INSERT INTO event VALUES(?,?,?,?,?,?,?)", -1, &ledger->insert,
                                NULL);
    if (rc != SQLITE_OK)
        return rc;
    seq++;
    sbx_ledger_hash(hash, seq, prev_hash, event->body, event->body_bytes);
    sqlite3_bind_int64(ledger->insert, 1, (sqlite3_int64)seq);
    sqlite3_bind_int64(ledger->insert, 2, (sqlite3_int64)event->us);
    sqlite3_bind_text(ledger->insert, 3, event->kind, -1, SQLITE_STATIC);
    if (event->run == 0)
        sqlite3_bind_null(ledger->insert, 4);
    else
        sqlite3_bind_int64(ledger->insert, 4, event->run);
    sqlite3_bind_text64(ledger->insert, 5, event->body, event->body_bytes, SQLITE_STATIC,
                        SQLITE_UTF8);
    sqlite3_bind_blob(ledger->insert, 6, prev_hash, sizeof(prev_hash), SQLITE_STATIC);
    rc = sqlite3_bind_blob(ledger->insert, 7, hash, sizeof(hash), SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(ledger->insert);
    (void)sqlite3_reset(ledger->insert);
    sqlite3_clear_bindings(ledger->insert);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void sbx_ledger_done(sbx_ledger *ledger)
{
    sqlite3_finalize(ledger->last);
    sqlite3_finalize(ledger->insert);
    *ledger = (sbx_ledger){0};
}
