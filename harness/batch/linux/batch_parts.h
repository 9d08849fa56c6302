/* The coordinator, for the files that it is made of. */
#ifndef SBX_BATCH_LINUX_BATCH_PARTS_H
#define SBX_BATCH_LINUX_BATCH_PARTS_H

#include "harness/batch/journal.h"
#include "harness/batch/linux/parts.h"
#include "harness/batch/schedule.h"

enum { SBX_BATCH_WORKER_DEATHS_MAX = 3 };

/* What is kept of a task that is not in the manifest. */
typedef struct sbx_batch_progress {
    uint16_t attempts; /* in all batches of this directory */
    uint16_t tries;    /* in this batch */
    uint8_t deaths;    /* of workers that had it */
    bool failed_once;  /* in this batch */
} sbx_batch_progress;

/* The directory of results and the journal in it. */
typedef struct sbx_batch_directory {
    int fd;                     /* the lock on it is shared with the workers; -1: none */
    int journal_fd;             /* the lock on it is the coordinator's */
    uint64_t unsynced_since_ns; /* 0: everything is durable */
} sbx_batch_directory;

struct sbx_batch {
    sbx_batch_options options;
    sbx_batch_setup setup;
    sbx_batch_directory directory;
    sbx_pool pool;
    sbx_manifest manifest;
    sbx_schedule *schedule;
    sbx_batch_progress *progress;
    sbx_batch_counts counts;
    char id[SBX_RUN_ID_BYTES];
    uint64_t started_ns, started_us, ended_ns;
    int signal_fd;
    int interrupted;
    unsigned signals;    /* how many came */
    const char *stopped; /* "" while it goes on */
    const sbx_batch_watcher *watcher;
    sbx_text line, spec; /* scratch */
    sbx_error *err;
};

/* directory.c */
SBX_MUST_USE sbx_status sbx_directory_open(sbx_batch_directory *out,
                                           const sbx_batch_options *options, sbx_error *err);
void sbx_directory_close(sbx_batch_directory *directory);
/* Writes a line that is complete; it is durable after the next sbx_directory_sync(). */
SBX_MUST_USE sbx_status sbx_directory_append(sbx_batch_directory *directory, const sbx_text *line,
                                             sbx_error *err);
SBX_MUST_USE sbx_status sbx_directory_sync(sbx_batch_directory *directory, sbx_error *err);
/* The journal for reading, or NULL. For fclose(). */
FILE *sbx_directory_journal(const sbx_batch_directory *directory);
/* Cuts a torn end off. */
SBX_MUST_USE sbx_status sbx_directory_cut(sbx_batch_directory *directory, uint64_t bytes,
                                          sbx_error *err);
/* Puts a whole file in the place of one of that name, durably. */
SBX_MUST_USE sbx_status sbx_directory_put(const sbx_batch_directory *directory, const char *name,
                                          const sbx_text *text, sbx_error *err);
/* The same for one that is written piece by piece: NULL and an error, or a file for sbx_directory_finish(). */
FILE *sbx_directory_begin(const sbx_batch_directory *directory, const char *name, sbx_error *err);
SBX_MUST_USE sbx_status sbx_directory_finish(const sbx_batch_directory *directory, const char *name,
                                             FILE *file, sbx_error *err);

/* load.c: what earlier batches left to be done. */
SBX_MUST_USE sbx_status sbx_batch_settle(sbx_batch *batch, sbx_error *err);

#endif
