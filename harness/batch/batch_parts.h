/* The coordinator, for the files that it is made of. */
#ifndef SBX_BATCH_BATCH_PARTS_H
#define SBX_BATCH_BATCH_PARTS_H

#include "harness/batch/directory.h"
#include "harness/batch/journal.h"
#include "harness/batch/pool.h"
#include "harness/batch/schedule.h"

enum { SBX_BATCH_WORKER_DEATHS_MAX = 3 };

/* What is kept of a task that is not in the manifest. */
typedef struct sbx_batch_progress {
    uint16_t attempts; /* in all batches of this directory */
    uint16_t tries;    /* in this batch */
    uint8_t deaths;    /* of workers that had it */
    bool failed_once;  /* in this batch */
} sbx_batch_progress;

struct sbx_batch {
    sbx_batch_options options;
    sbx_batch_setup setup;
    sbx_directory *directory;
    sbx_pool *pool;
    sbx_manifest manifest;
    sbx_schedule *schedule;
    sbx_batch_progress *progress;
    sbx_batch_counts counts;
    char id[SBX_RUN_ID_BYTES];
    uint64_t started_ns, started_us, ended_ns;
    int interrupted;
    unsigned signals;    /* how many came */
    const char *stopped; /* "" while it goes on */
    const sbx_batch_watcher *watcher;
    sbx_text line, spec; /* scratch */
    sbx_error *err;
};

/* load.c: what earlier batches left to be done. */
SBX_MUST_USE sbx_status sbx_batch_settle(sbx_batch *batch, sbx_error *err);

#endif
