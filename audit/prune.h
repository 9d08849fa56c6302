/*
 * Taking old runs out of the database: their rows, and their events out of the ledger.
 *
 * The chain stays verifiable. The ledger is sealed first; for each stretch of events that goes, a row of
 * kind prune is left that says which they were and with which hash they ended (seal.h), signed where there
 * is a key; a prune event tells what was asked for; and all of it is sealed again. Each transaction
 * removes a bounded number of rows and leaves a database that verifies; between two of them other writers
 * have as much time as the last one took. Killed in between, what was begun is found and finished by the
 * next prune.
 *
 * Never removed: a run that has not ended, and what is younger than what was asked to be kept.
 */
#ifndef SBX_AUDIT_PRUNE_H
#define SBX_AUDIT_PRUNE_H

#include "audit/seal.h"

typedef struct sbx_prune_options {
    uint64_t keep_ns; /* runs that ended not longer ago are kept; SBX_UNLIMITED: does not matter */
    uint64_t keep_runs; /* so many newest ones are kept; SBX_UNLIMITED: does not matter */
    uint64_t max_bytes; /* then the oldest go until no more is in use, whatever else was said */
    bool is_dry;        /* only count */
    const sbx_seal_key *key; /* exists false: seals without a signature */
} sbx_prune_options;

typedef struct sbx_prune_result {
    uint64_t runs, events, denials, processes; /* removed, or that would be */
    uint64_t bytes_before, bytes_after;        /* of the file; dry: what is in use */
    uint64_t
        free_bytes;    /* that stay in the file: it was made without the means to give them back */
    bool is_wal_left;  /* a reader keeps the WAL from being emptied: the file shrinks later */
    bool is_too_large; /* what is left is more than max_bytes */
} sbx_prune_result;

/* At least one of keep_ns, keep_runs and max_bytes must be given. */
SBX_MUST_USE sbx_status sbx_store_prune(sbx_prune_result *out, sbx_store *store,
                                        const sbx_prune_options *options, sbx_error *err);

#endif
