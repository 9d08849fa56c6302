/* What the files of the verification share. Who may include it: verify*.c. */
#ifndef SBX_AUDIT_VERIFY_PARTS_H
#define SBX_AUDIT_VERIFY_PARTS_H

#include "audit/body.h"
#include "audit/seal_parts.h"
#include "audit/verify.h"

/* What the ledger said last about one denial or process of a run. */
typedef struct sbx_entry {
    uint64_t seq;                      /* of the event that described it; 0: none has yet */
    uint32_t at, bytes;                /* what never changes, in kept; 0 bytes: there was no room … */
    uint64_t print;                    /* … for more than its fingerprint */
    uint64_t count, first_us, last_us; /* of a denial */
} sbx_entry;

typedef struct sbx_entries {
    sbx_entry *item;
    size_t count, room, given; /* given: with a description */
} sbx_entries;

/* A run that has begun in the ledger and not ended yet. */
typedef struct sbx_open_run {
    int64_t run; /* row; 0: this place of the map is free */
    char run_id[SBX_RUN_ID_BYTES];
    bool is_lost;    /* taken for lost, and the row says that its end came after that */
    bool is_partial; /* its beginning was compared already */
    bool has_failed; /* more entries than there can be, or no memory: said once */
    sbx_entries denials, processes;
    sbx_text kept;   /* their descriptions */
} sbx_open_run;

/* Enough for what is short, which most runs are; the second for all that are open together. */
enum { SBX_KEPT_OF_RUN_MAX = 32 << 10, SBX_KEPT_MAX = 2 << 20 };

typedef struct sbx_open_runs {
    sbx_open_run *item; /* open addressing; room is a power of two */
    size_t count, room;
    size_t kept_bytes; /* of all of them */
} sbx_open_runs;

/* One event, as it was read. */
typedef struct sbx_event_row {
    uint64_t seq;
    int64_t us, run;
    bool has_run;
    sbx_slice kind, body;
    sbx_slice rest; /* of the body, behind its head */
    const uint8_t *prev_hash, *hash;
} sbx_event_row;

/* A row of policy or node, checked by itself. */
typedef struct sbx_shared {
    int64_t id, first_us;
    char sha256[65];
    sbx_text name;
} sbx_shared;

enum { SBX_SHARED_KEPT = 64 };

typedef enum sbx_rule_kind {
    SBX_RULE_TEXT,     /* a string; the column NULL: null or not there */
    SBX_RULE_HEX,      /* there where the column is a BLOB: its bytes */
    SBX_RULE_RAW,      /* JSON in both */
    SBX_RULE_UNSIGNED, /* what SQLite cannot hold is its largest, UINT64_MAX is NULL */
    SBX_RULE_SIGNED,
    SBX_RULE_BOOL,
    SBX_RULE_SHARED, /* says which row of policy or node; no column of its own */
} sbx_rule_kind;

typedef enum sbx_rule_age {
    SBX_RULE_OLD,
    SBX_RULE_LATE, /* events of version 1 do not have it */
    SBX_RULE_V2,   /* tables of version 1, either */
    SBX_RULE_V3,   /* … of version 2, either */
} sbx_rule_age;

/* Which member of a body is which column. */
typedef struct sbx_rule {
    const char *group; /* the object within the body, NULL: the body itself */
    const char *key;
    size_t key_bytes;
    const char *column;
    sbx_rule_kind kind;
    sbx_rule_age age;
} sbx_rule;

/* The values of SBX_RULE_SHARED, in the order of their rules. */
enum { SBX_SHARED_POLICY, SBX_SHARED_POLICY_SHA256, SBX_SHARED_NODE_SHA256, SBX_SHARED_VALUES };

typedef struct sbx_verifier {
    sbx_store *store;
    const sbx_verify_options *options;
    sbx_verify_result *result;
    sbx_error *err;
    sbx_text message;
    int version;        /* of the schema */
    bool is_strict;     /* from here on every column is in its event */
    bool is_cursor_row; /* the walk stands on a row … */
    bool is_cursor_met; /* … whose event was read */
    int64_t cursor_run;
    sqlite3_stmt *events, *walk, *end, *find_run, *denials, *processes, *stand_in, *event_at,
        *policy, *node;
    sbx_open_runs open;
    uint8_t *seen_policies, *seen_nodes; /* bits: a run of theirs was read */
    uint64_t seen_policy_count, seen_node_count;
    uint8_t print_key[16];
    sbx_shared policies[SBX_SHARED_KEPT], nodes[SBX_SHARED_KEPT];
} sbx_verifier;

/* Reports; the message is a format. */
void sbx_verify_found(sbx_verifier *self, sbx_finding_kind kind, const char *table, uint64_t seq,
                      const char *run_id, const char *format, ...) SBX_PRINTF(6, 7);

/* Turns SQLite's code into ours. */
sbx_status sbx_verify_failed(sbx_verifier *self, int rc);

/* The chain, and everything that follows from each event. */
SBX_MUST_USE sbx_status sbx_verify_chain(sbx_verifier *self);
/* An event that is as it was written, or not: what it says of other tables. */
SBX_MUST_USE sbx_status sbx_verify_event(sbx_verifier *self, sbx_event_row *event);
/* Runs without an end, rows without an event. */
SBX_MUST_USE sbx_status sbx_verify_rest(sbx_verifier *self);

/* run: the start (the walk goes to that row), and the end. */
SBX_MUST_USE sbx_status sbx_verify_start(sbx_verifier *self, const sbx_event_row *event,
                                         sbx_slice run_id, bool has_end);
SBX_MUST_USE sbx_status sbx_verify_end(sbx_verifier *self, const sbx_event_row *event,
                                       const char *run_id);
/* The run's row says that it was lost; where it says something else, *out_is_lost is false. */
SBX_MUST_USE sbx_status sbx_verify_lost(bool *out_is_lost, sbx_verifier *self,
                                        const sbx_event_row *event, const char *run_id);
/* A run that has no end in the ledger. */
SBX_MUST_USE sbx_status sbx_verify_running(sbx_verifier *self, const sbx_open_run *run);
/* The walk to the end: rows that no event made. */
SBX_MUST_USE sbx_status sbx_verify_rows_left(sbx_verifier *self);
SBX_MUST_USE sbx_status sbx_verify_prepare_runs(sbx_verifier *self);

/* A body that is read word by word. */
typedef struct sbx_cursor {
    const char *at, *end;
} sbx_cursor;

static inline bool sbx_cursor_is_at(const sbx_cursor *self, const char *words)
{
    size_t bytes = strlen(words); /* of a literal: known when this is compiled */

    return (size_t)(self->end - self->at) >= bytes && memcmp(self->at, words, bytes) == 0;
}

static inline bool sbx_cursor_take(sbx_cursor *self, const char *words)
{
    if (!sbx_cursor_is_at(self, words))
        return false;
    self->at += strlen(words);
    return true;
}

/* At most 18 digits, which cannot overflow; false: none, or more. */
static inline bool sbx_cursor_number(uint64_t *out, sbx_cursor *self)
{
    const char *from = self->at, *most = self->end - from > 18 ? from + 18 : self->end;
    uint64_t number = 0;

    while (self->at < most && (unsigned char)(*self->at - '0') <= 9)
        number = number * 10 + (uint64_t)(*self->at++ - '0');
    *out = number;
    return self->at > from && self->at < self->end && (unsigned char)(*self->at - '0') > 9;
}

/* Where the words stand next; NULL: nowhere. */
const char *sbx_cursor_find(const sbx_cursor *self, const char *words);

/*
 * True: the rest of a body, from the comma or brace at `rest` on, is to the byte what is written of
 * this row. False: it is not, or cannot be told so quickly; look at each member. Of what it takes,
 * all can be said of a row that was not changed, so that the other way is for the few that were.
 */
bool sbx_verify_is_as_written(sbx_slice out_shared[SBX_SHARED_VALUES], sbx_slice rest,
                              sqlite3_stmt *row, int first_column, const sbx_rule *rules,
                              size_t count);
/* The same for members of an object that go from the first of the rules to the last. */
bool sbx_verify_are_as_written(sbx_slice members, sqlite3_stmt *row, int first_column,
                               const sbx_rule *rules, size_t count);
/* The head of a body: kind, us, and the run's id where it has one, as the columns have them. */
bool sbx_verify_is_head(sbx_slice *out_run_id, sbx_slice *out_rest, const sbx_event_row *event);

/* denial and process: what a batch says, and what the rows say when the run has ended. */
void sbx_verify_batch(sbx_verifier *self, const sbx_event_row *event, sbx_open_run *run);
SBX_MUST_USE sbx_status sbx_verify_entries(sbx_verifier *self, sbx_open_run *run);
SBX_MUST_USE sbx_status sbx_verify_entry_totals(sbx_verifier *self);

/* policy and node: of a run that starts, and those that no run has. */
SBX_MUST_USE sbx_status sbx_verify_policy(sbx_verifier *self, const sbx_event_row *event,
                                          const char *run_id, int64_t policy, int64_t started_us,
                                          sbx_slice name, sbx_slice sha256);
SBX_MUST_USE sbx_status sbx_verify_node(sbx_verifier *self, const sbx_event_row *event,
                                        const char *run_id, int64_t node, int64_t started_us,
                                        sbx_slice sha256);
SBX_MUST_USE sbx_status sbx_verify_unused(sbx_verifier *self);
void sbx_verify_forget_shared(sbx_verifier *self);

/* Seals and anchors, after the chain. */
SBX_MUST_USE sbx_status sbx_verify_seals(sbx_verifier *self);
SBX_MUST_USE sbx_status sbx_verify_anchors(sbx_verifier *self);
/* The prune that stands for the events from seq on; *out_found false: none begins there. */
SBX_MUST_USE sbx_status sbx_verify_stand_in(bool *out_found, sbx_seal *out, sbx_verifier *self,
                                            uint64_t seq);

/* The map of runs. */
sbx_open_run *sbx_open_runs_find(const sbx_open_runs *map, int64_t run);
sbx_open_run *sbx_open_runs_add(sbx_open_runs *map, int64_t run); /* NULL: no memory */
void sbx_open_runs_remove(sbx_open_runs *map, sbx_open_run *run);
void sbx_open_runs_done(sbx_open_runs *map);

#endif
