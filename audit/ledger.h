/*
 * The event ledger: every fact that sbx records, as the JSON bytes that were written, each row
 * chained to the one before. The other tables are an index over it.
 *
 *     hash = SHA-256("sbx1" || seq as 8 bytes big endian || prev_hash || body)
 *
 * The first row's prev_hash is 32 zero bytes. An edited row or one taken out of the middle breaks
 * the chain; rows cut off at the end do not, that takes an anchor outside of the file.
 */
#ifndef SBX_AUDIT_LEDGER_H
#define SBX_AUDIT_LEDGER_H

#include <sqlite3.h>

#include "harness/base/error.h"
#include "harness/base/sha256.h"
#include "harness/base/text.h"

/* What one row says. Times and names are repeated in the body, which is what the hash covers. */
typedef struct sbx_ledger_event {
    const char *
        kind; /* db.create db.migrate prune run.start run.end run.refused run.lost run.learned denial.batch process.batch */
    uint64_t us;
    int64_t run;      /* row number, 0: of no run */
    const char *body; /* JSON */
    size_t body_bytes;
} sbx_ledger_event;

/* The two statements, prepared at first use. All zero is a valid empty one. */
typedef struct sbx_ledger {
    sqlite3_stmt *last, *insert;
} sbx_ledger;

/* Returns SQLite's result code. Context: inside a write transaction, or two rows get one number. */
SBX_MUST_USE int sbx_ledger_append(sbx_ledger *ledger, sqlite3 *db, const sbx_ledger_event *event);
/* The last row's number and hash; 0 and zeros in an empty ledger. CORRUPT: its hash is none. */
SBX_MUST_USE int sbx_ledger_last(sbx_ledger *ledger, sqlite3 *db, uint64_t *out_seq,
                                 uint8_t out_hash[SBX_SHA256_BYTES]);
/* The hash of a row. */
void sbx_ledger_hash(uint8_t out[SBX_SHA256_BYTES], uint64_t seq, const uint8_t *prev_hash,
                     const void *body, size_t body_bytes);
void sbx_ledger_done(sbx_ledger *ledger);

#endif
