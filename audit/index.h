/*
 * The index: what makes questions over a million runs quick. A file of its own, made and brought up to
 * date by those who ask, so that a run that is recorded pays nothing for it.
 *
 * It holds nothing that the database does not say, and is never believed: it names the runs that may
 * be an answer, and the question's own conditions are checked on the database's rows. Only sums over
 * everything (`stats`, `denials --by`, `top` without a filter) are read from it. Whoever doubts it
 * deletes it. It lies in the state directory, where no target can write, under the database's own id.
 *
 * In it are the runs that have ended, for good: such a row never changes. The others, those that run
 * or are lost, and those that ended after it was last brought up to date, are looked at one by one
 * ("open runs"). So an index that is behind, or cannot be written, makes a question slower and not
 * wrong. After a prune it is made anew.
 *
 * Life: sbx_store_open() for reading, sbx_index_attach(), questions, sbx_store_close().
 */
#ifndef SBX_AUDIT_INDEX_H
#define SBX_AUDIT_INDEX_H

#include "audit/store.h"

/* Fewer runs than this are as quickly read as looked up. */
enum { SBX_INDEX_FROM_RUNS = 5000 };

typedef struct sbx_index_options {
    const char *directory; /* is made where it is missing */
    uint64_t from_runs;    /* no index for a smaller database; SBX_INDEX_FROM_RUNS is usual */
    /* Called before each step of a long work, with the runs that are in and those to come; may be NULL. */
    void (*progress)(void *context, uint64_t done_runs, uint64_t all_runs);
    void *context;
    const bool *cancel; /* as in sbx_store_options: stops between two steps; what is done stays */
} sbx_index_options;

/*
 * Makes or brings up to date, and attaches, the index of a database that is open. Where that cannot
 * be done nothing is attached and *out_why, if not NULL, says why; questions are answered without.
 */
bool sbx_index_attach(sbx_store *store, const sbx_index_options *options, sbx_error *out_why);

#endif
