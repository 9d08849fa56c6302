/*
 * Seals: signed statements about the ledger, in the table seal.
 *
 * What is signed is one line of text, so that it can be written down elsewhere (an anchor) and
 * checked with other tools; an anchor has the key and the signature behind it:
 *
 *     sbx-seal 1 database=ID kind=KIND reason=WORD us=N from=SEQ to=SEQ prev=HEX hash=HEX
 *     … key=HEX signature=HEX
 *
 * kind seal    the ledger up to row `to` ends with `hash`. Through the chain that says everything about the
 *              rows before. `from` and `prev` are where the seal before ended (1 and zeros: none before), so
 *              that a seal taken away leaves a gap.
 * kind prune   stands for the rows from `from` to `to`, which were removed: `prev` is the hash before them,
 *              `hash` the last one's. What follows is chained to that.
 *
 * Without a key a seal has no signature: it still tells where a prune was.
 */
#ifndef SBX_AUDIT_SEAL_H
#define SBX_AUDIT_SEAL_H

#include <sqlite3.h>

#include "audit/seal_key.h"
#include "audit/store.h"
#include "harness/base/clock.h"
#include "harness/base/sha256.h"

#define SBX_SEAL_BEGIN "sbx-seal 1 database="

typedef struct sbx_seal {
    int64_t id;       /* row, 0: none yet */
    const char *kind; /* "seal", "prune" */
    char reason[16];  /* command run prune backup */
    uint64_t us, from_seq, to_seq;
    uint8_t prev_hash[SBX_SHA256_BYTES], hash[SBX_SHA256_BYTES];
    bool is_signed;
    uint8_t public_key[SBX_ED25519_KEY_BYTES], signature[SBX_ED25519_SIGNATURE_BYTES];
} sbx_seal;

typedef enum sbx_seal_state {
    SBX_SEAL_GOOD,
    SBX_SEAL_UNSIGNED,
    SBX_SEAL_FOREIGN, /* signed with another key than that */
    SBX_SEAL_WRONG,   /* the signature is not of this text */
} sbx_seal_state;

/* public_key NULL: whatever key it names. */
sbx_seal_state sbx_seal_check(const sbx_seal *seal, const char *database_id,
                              const uint8_t *public_key);

/* With its key and signature, if it has them: what an anchor says. */
void sbx_seal_add_line(sbx_text *out, const sbx_seal *seal, const char *database_id);
/* The seal that a line holds anywhere in it; false: none of that database. */
bool sbx_seal_read_line(sbx_seal *out, const char *line, const char *database_id);

/* Columns as sbx_seal_columns names them, from column 0 on; false: no such row was ever written. */
#define SBX_SEAL_COLUMNS                                                                           \
    "id, kind, reason, us, from_seq, to_seq, prev_hash, hash, public_key, signature"
bool sbx_seal_read_row(sbx_seal *out, sqlite3_stmt *row);

/*
 * Seals the ledger as it is now, in a transaction of its own. key->exists false: without a signature.
 * *out_is_new false: the last seal, with that key, says the same; it is given again.
 */
SBX_MUST_USE sbx_status sbx_store_seal(sbx_seal *out, bool *out_is_new, sbx_store *store,
                                       const sbx_seal_key *key, const char *reason, sbx_error *err);

SBX_MUST_USE sbx_status sbx_store_database_id(char out[SBX_RUN_ID_BYTES], sbx_store *store,
                                              sbx_error *err);

#endif
