/* What the files of the prune share. Who may include it: prune*.c. */
#ifndef SBX_AUDIT_PRUNE_PARTS_H
#define SBX_AUDIT_PRUNE_PARTS_H

#include "audit/prune.h"
#include "audit/seal_parts.h"

/* Runs that go, in the order of their rows, and the last event that is about one of them. */
typedef struct sbx_prune_set {
    int64_t *run;
    size_t count, room;
    uint64_t last_seq;                   /* 0: none */
    uint64_t events, denials, processes; /* of them */
} sbx_prune_set;

typedef struct sbx_pruning {
    sbx_store *store;
    const sbx_prune_options *options;
    sbx_prune_result *result;
    sbx_error *err;
} sbx_pruning;

/* Runs that have ended, before that time, among those up to that row; the oldest at_most of them. */
SBX_MUST_USE sbx_status sbx_prune_choose(sbx_prune_set *out, sbx_pruning *self, uint64_t before_us,
                                         int64_t last_run, uint64_t at_most);
void sbx_prune_set_done(sbx_prune_set *set);
bool sbx_prune_set_has(const sbx_prune_set *set, int64_t run);

/* The event can go: it is about one of them, or about none that is there, or tells of an old prune. */
bool sbx_prune_may_go(const sbx_prune_set *set, uint64_t seq, bool has_run, int64_t run,
                      bool has_row, const char *kind);

/* All of the set, in as many transactions as it takes. */
SBX_MUST_USE sbx_status sbx_prune_remove(sbx_pruning *self, const sbx_prune_set *set);
/* Rows of policy and node that no run has any more. */
SBX_MUST_USE sbx_status sbx_prune_remove_unused(sbx_pruning *self);
/* What is free goes back to the file system. */
SBX_MUST_USE sbx_status sbx_prune_give_back(sbx_pruning *self);

/* One number of SQL. */
SBX_MUST_USE sbx_status sbx_prune_number(int64_t *out, sbx_pruning *self, const char *sql);
/* Others write for as long as we did. */
void sbx_prune_pause(sbx_pruning *self, uint64_t begun_ns);

#endif
