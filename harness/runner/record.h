/*
 * The run's rows in the audit database, for the runners of both systems: opened, begun, added to, ended. All are for
 * the supervisor's one thread.
 */
#ifndef SBX_RUNNER_RECORD_H
#define SBX_RUNNER_RECORD_H

#include "audit/processes.h"
#include "harness/runner/runner.h"

typedef struct sbx_record {
    const sbx_plan *plan;
    const char *backend;               /* of sbx_store_start */
    const bool *cancel;                /* of sbx_store_options */
    const char **leases; /* NULL: none. Freed with the record, what is in it is not. */
    const sbx_run_options *options;
    sbx_store *store;
    bool keeps_store; /* it is a worker's, which closes it */
    bool syncs_later; /* the end row is durable not before sbx_record_sync(), or the store's next start */
    int64_t row;      /* 0: no start row */
    sbx_processes *processes;
    sbx_denials *denials;
    sbx_denials *learned; /* NULL: nothing is */
    uint64_t flushed_ns, flush_pause_ns;
    bool append_failed; /* a batch could not be written */
    sbx_error append_error;
} sbx_record;

/*
 * The release of sbx_store_options for whoever opens a database to write: what a killed run left on the host is
 * taken away before its row says that it is lost.
 */
void sbx_record_release(const char *lease);

/* Opens the database; with audit not required a failure is kept in *result. */
SBX_MUST_USE sbx_status sbx_record_open(sbx_record *record, sbx_result *result, sbx_error *err);
/* The start row is durable when this returns OK. */
SBX_MUST_USE sbx_status sbx_record_start(sbx_record *record, sbx_result *result, sbx_error *err);
/* Writes what came since, if the lock is free and it is time. Returns when to call again (ns). */
uint64_t sbx_record_flush(sbx_record *record, uint64_t now_ns);
/* While the command runs, once: keeps the database's log short; has ready what the end row needs. */
void sbx_record_tidy(sbx_record *record);
void sbx_record_foresee(sbx_record *record);
/* The end row, or the whole row of a run that never started. */
void sbx_record_end(sbx_record *record, sbx_result *result);
/* Any thread, while no other one uses the record, or what result says of the audit. */
void sbx_record_sync(sbx_record *record, sbx_result *result);
void sbx_record_close(sbx_record *record);

#endif
