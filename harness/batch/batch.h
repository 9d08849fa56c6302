/*
 * A batch: a manifest's tasks run by worker processes, with their results in a directory. Between the runner, which
 * knows one command, and the program, which prints.
 *
 *   1. sbx_batch_create()   takes the directory and gets workers (pool.h): forked on Linux, while this process is
 *                           small; on Windows each task starts one
 *   2. sbx_batch_load()     reads the manifest and what is there of earlier batches, decides what is to be run
 *   3. sbx_batch_run()      runs it; one thread, one poll
 *   4. sbx_batch_write_reports()  writes what is made of the results
 *   5. sbx_batch_free()
 *
 * When this process is killed its workers are, and with them everything they run.
 * Context: a process without threads that has its signals for itself: INT, TERM and HUP (Windows: ^C, ^Break and the
 * console's end) are taken while a batch runs. The first one finishes what runs, the second kills it.
 */
#ifndef SBX_BATCH_BATCH_H
#define SBX_BATCH_BATCH_H

#include <stdio.h>

#include "harness/batch/manifest.h"

typedef struct sbx_batch sbx_batch;

/* "soon,fail=3", "now,fail=10%": the share is of all tasks of the manifest. */
typedef struct sbx_batch_halt {
    bool is_set, is_now;
    uint32_t failures; /* 0: percent counts */
    uint32_t percent;
} sbx_batch_halt;

SBX_MUST_USE sbx_status sbx_batch_halt_parse(sbx_batch_halt *out, const char *text, sbx_error *err);

typedef struct sbx_batch_options {
    uint32_t jobs;         /* 0: as many as there are CPUs */
    uint64_t memory_bytes; /* for all tasks together; 0: what the host has available */
    const char *out_dir;   /* absolute; NULL: results are kept nowhere */
    bool resume;
    const char *rerun; /* "failed", "flaky" or a batch's id; NULL: everything */
    sbx_batch_halt halt;
    uint64_t timeout_ns;    /* of the whole batch; 0: none */
    const char *audit_path; /* NULL: no audit */
    bool audit_required;
    const struct sbx_redaction *redaction; /* audit/redaction.h; kept, not copied */
    bool allow_degraded, watch_denials;
    const char *session, *agent;
    const char *const *labels;
    const char *const *environment;
} sbx_batch_options;

typedef struct sbx_batch_counts {
    uint32_t total;    /* tasks to be run */
    uint32_t settled;  /* finished before: not run again */
    uint32_t left_out; /* not asked for by rerun */
    uint32_t passed, failed, errors, skipped, flaky;
    uint32_t not_run; /* the batch was stopped first */
    uint32_t attempts, workers_lost;
    uint64_t memory_peak_bytes; /* of the largest task */
    uint64_t denied_total;
} sbx_batch_counts;

/* A task has ended for this batch, or will be tried again. */
typedef struct sbx_batch_notice {
    const sbx_batch *batch;
    const char *id;
    const char *verdict; /* pass fail error skip */
    const char *kind;    /* "", or why */
    const char *detail;  /* for people; may hold anything */
    uint32_t attempt;
    bool is_final, is_flaky;
    uint64_t wall_ns;
} sbx_batch_notice;

typedef struct sbx_batch_watcher {
    void (*ended)(void *context, const sbx_batch_notice *notice);
    /* Called when something changed and at least every second; NULL: not. */
    void (*tick)(void *context, const sbx_batch *batch);
    void *context;
} sbx_batch_watcher;

/*
 * Fails: BUSY     another batch is at work in that directory
 *        INVALID  it holds results and neither resume nor rerun says what to do with them, or it holds none and one
 *                 of them does
 */
SBX_MUST_USE sbx_status sbx_batch_create(sbx_batch **out, const sbx_batch_options *options,
                                         sbx_error *err);
void sbx_batch_free(sbx_batch *batch); /* NULL is fine */

SBX_MUST_USE sbx_status sbx_batch_load(sbx_batch *batch, FILE *manifest,
                                       const sbx_manifest_options *options, sbx_error *err);

SBX_MUST_USE sbx_status sbx_batch_run(sbx_batch *batch, const sbx_batch_watcher *watcher,
                                      sbx_error *err);

/* junit.xml, joblog, results.tap (format.h), report.html and summary.json, in the directory of results; nothing without
 * one. */
SBX_MUST_USE sbx_status sbx_batch_write_reports(const sbx_batch *batch, sbx_error *err);

const sbx_batch_counts *sbx_batch_counted(const sbx_batch *batch);
const char *sbx_batch_id(const sbx_batch *batch);
const sbx_manifest *sbx_batch_manifest(const sbx_batch *batch);
uint64_t sbx_batch_elapsed_ns(const sbx_batch *batch);
uint64_t sbx_batch_started_us(const sbx_batch *batch);
/* The signal that stopped it; 0: none. */
int sbx_batch_interrupted(const sbx_batch *batch);
/* "" or why it was stopped: "halt", "timeout", "interrupted". */
const char *sbx_batch_stopped(const sbx_batch *batch);
/* Time that is left, by history where there is one, else by the rate so far; SBX_UNLIMITED: not known yet. */
uint64_t sbx_batch_left_ns(const sbx_batch *batch);
uint32_t sbx_batch_running(const sbx_batch *batch);

/* The summary as JSON: summary.json, and for who wants it elsewhere. */
void sbx_batch_summary(sbx_text *out, const sbx_batch *batch);

#endif
