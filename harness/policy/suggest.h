/*
 * A run's denials turned round: the smallest policy that would have allowed them.
 *
 * Life:
 *   1. sbx_suggest_begin()   the run's policy, as it is recorded
 *   2. sbx_suggest_add()     each thing that it was refused (or that it did outside its roots, while learning)
 *   3. sbx_suggest_finish()  decides: policy is then the run's own and what was added
 *
 * Left out, and named with the reason: secrets, protected names, whatever the run's policy denies by name, the
 * audit database, system directories and files of the home directory that are obeyed later and outside of any
 * sandbox, sockets of the host, and what no policy can give. Every root that is added has been put to the same
 * check that a run makes (sbx_plan_make()), and is left out with its words where that says no: so neither / nor
 * a home directory ever becomes one. What was left out and lies in a root that was added is made read-only there
 * by name, so that it stays denied; other protected names are, as everywhere, at the top of a root only.
 *
 * What was wanted is text that an untrusted program chose: nothing here is safe on a terminal as it is.
 */
#ifndef SBX_POLICY_SUGGEST_H
#define SBX_POLICY_SUGGEST_H

#include "harness/policy/plan.h"

/* One thing that was refused, in the words of a row of denials. */
typedef struct sbx_wish {
    const char *kind, *op; /* "file", "create" */
    const char *target;
    size_t target_bytes; /* bytes, not always UTF-8 */
    const char *rule;    /* "no writable root", "secret" … */
    uint64_t count;
} sbx_wish;

typedef struct sbx_left_out {
    sbx_text op, target, rule, why; /* target: as it is */
    uint64_t count;
} sbx_left_out;

/* A path that may become a root, or make its directory one. */
typedef struct sbx_root {
    const char *path;
    bool is_directory;
    bool is_gone; /* another one holds it */
} sbx_root;

typedef struct sbx_suggestion {
    sbx_policy policy;
    sbx_network network_before;
    sbx_strings write;      /* the roots that were added */
    sbx_strings deny_write; /* and what in them was left out */
    sbx_strings
        unprotect; /* what no file can say, and must be said with it (sbx_policy_to_file()) */
    sbx_strings cautions;   /* what is wider than what was asked for, and what cannot be known */
    sbx_left_out *left_out; /* in the order of first sight */
    size_t left_out_count, left_out_room;
    /* While it is made. */
    sbx_plan plan; /* of the run's own policy: homes and walls */
    sbx_plan_request request;
    sbx_root *roots;
    size_t root_count, root_room;
    sbx_strings held; /* what must stay denied */
    bool failed;      /* no memory */
} sbx_suggestion;

/*
 * record: as sbx_policy_to_json() wrote it. request: whose homes, which database, in which directory; its command
 * does not matter.
 * Fails: CORRUPT  no recorded policy
 *        as sbx_plan_make(): the run's own policy cannot be planned here and now
 */
SBX_MUST_USE sbx_status sbx_suggest_begin(sbx_suggestion *out, const char *record,
                                          size_t record_bytes, const sbx_plan_request *request,
                                          sbx_error *err);
void sbx_suggest_add(sbx_suggestion *self, const sbx_wish *wish);
SBX_MUST_USE sbx_status sbx_suggest_finish(sbx_suggestion *self, sbx_error *err);
void sbx_suggest_done(sbx_suggestion *self); /* takes a zeroed or half-built one too */

#endif
