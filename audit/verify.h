/*
 * Does the record still say what was written? Reads the whole database once, in one transaction, in
 * memory that does not grow with it (it grows with the runs that were going on at one time), and
 * reports each thing that does not hold, with the record that it is about.
 *
 * Looked at:
 *   - the chain: every row's number, its prev_hash, its hash over the stored bytes
 *   - event's other columns against the body
 *   - run, process, denial, policy and node, value by value, against the events that made them; rows that no
 *     event made, and events whose rows are gone
 *   - seals: signature, order, and the row they speak of; prunes: what they stand for
 *   - anchors: seals written down elsewhere
 *
 * What that proves, and what not, is in docs/audit-evidence.md.
 */
#ifndef SBX_AUDIT_VERIFY_H
#define SBX_AUDIT_VERIFY_H

#include "audit/seal_key.h"
#include "audit/store.h"

/* Append only: the words are in the JSON of `sbx audit verify`. */
#define SBX_FINDING_MAP(X)                                                                         \
    X(EDITED, "edited")       /* an event is not what its hash says */                             \
    X(REMOVED, "removed")     /* events are missing, and no prune stands for them */               \
    X(REORDERED, "reordered") /* an event stands where another one was written */                  \
    X(REPLACED, "replaced")   /* an event does not follow the one before it: one of both is new */ \
    X(TRUNCATED, "truncated") /* the ledger ends before a seal or an anchor says it did */         \
    X(ROW_DIFFERS, "row_differs")                                                                  \
    X(ROW_MISSING, "row_missing")                                                                  \
    X(ROW_EXTRA, "row_extra")                                                                      \
    X(SEAL_WRONG, "seal_wrong")     /* signature or statement does not hold */                     \
    X(SEAL_FOREIGN, "seal_foreign") /* signed with another key */                                  \
    X(SEAL_MISSING, "seal_missing") /* between two seals there was one */                          \
    X(ANCHOR_WRONG, "anchor_wrong") /* an anchor says something else */                            \
    X(UNSIGNED, "unsigned")         /* from here on: it holds, and nobody signed it */             \
    X(UNSEALED, "unsealed")

typedef enum sbx_finding_kind {
#define X(name, word) SBX_FINDING_##name,
    SBX_FINDING_MAP(X)
#undef X
} sbx_finding_kind;

const char *sbx_finding_word(sbx_finding_kind kind);

typedef struct sbx_finding {
    sbx_finding_kind kind;
    const char *table;   /* event run process denial policy node seal anchor meta */
    uint64_t seq;        /* the event it is about, 0: none */
    const char *run_id;  /* "": none */
    const char *message; /* may quote what hostile programs chose: escape it */
} sbx_finding;

typedef void sbx_finding_report(void *context, const sbx_finding *finding);

enum { SBX_VERIFY_KEYS_MAX = 16 };

typedef struct sbx_verify_options {
    /*
     * Whose signatures count, in the order in which the keys were in use: after a seal with a later
     * one an earlier one does not count any more. 0: whatever key a seal names, and nothing has to be sealed.
     */
    uint8_t keys[SBX_VERIFY_KEYS_MAX][SBX_ED25519_KEY_BYTES];
    size_t key_count;
    const char *anchor_path; /* a text with anchors among other lines; NULL: none */
    sbx_finding_report *report;
    void *context;
    const bool *cancel; /* looked at now and then; NULL: never */
} sbx_verify_options;

typedef struct sbx_verify_result {
    char database_id[27];
    uint64_t events, first_seq, last_seq;
    uint64_t runs, processes, denials;
    uint64_t removed_count; /* events that prunes stand for */
    uint64_t half_pruned;   /* events of runs that a prune began to remove */
    uint64_t seals, good_seals, unsigned_seals, anchors;
    uint64_t sealed_seq; /* up to here a good signature vouches; 0: nothing */
    uint64_t sealed_us;  /* when that was */
    uint8_t sealed_key[SBX_ED25519_KEY_BYTES];
    uint64_t wrong_count;    /* findings before UNSIGNED */
    uint64_t unsealed_count; /* the others */
} sbx_verify_result;

/* OK also where something does not hold; not OK: it could not be read to its end. */
SBX_MUST_USE sbx_status sbx_verify(sbx_verify_result *out, sbx_store *store,
                                   const sbx_verify_options *options, sbx_error *err);

#endif
