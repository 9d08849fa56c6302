/* Seals inside a transaction of the caller's. Who may include it: seal.c, prune*.c, verify*.c. */
#ifndef SBX_AUDIT_SEAL_PARTS_H
#define SBX_AUDIT_SEAL_PARTS_H

#include "audit/seal.h"
#include "audit/store_parts.h"

/* Signs it where there is a key, and writes it: a new row, or in the place of seal->id. */
SBX_MUST_USE sbx_status sbx_store_put_seal(sbx_store *store, sbx_seal *seal,
                                           const sbx_seal_key *key, sbx_error *err);

/* The last one of kind seal; id 0: there is none. */
SBX_MUST_USE sbx_status sbx_store_last_seal(sbx_seal *out, sbx_store *store, sbx_error *err);

#endif
