/*
 * The results of a batch as other programs read them. Each format is written row by row, in the manifest's order,
 * so that what is in memory does not grow with the batch.
 *
 *   junit.xml     JUnit as Jenkins takes it: one suite, a case for each task. Its schema has no properties for a case:
 *                 the run's id is in the text of failures
 *   joblog        GNU parallel's: a line for each task that has run, with what its last command exited with, which
 *                 says nothing of what was expected
 *   results.tap   TAP 14
 *
 * Ids and messages may hold anything that JSON can, output any byte: what a format cannot carry is written as \xNN or
 * \u{NNNN}.
 */
#ifndef SBX_BATCH_FORMAT_H
#define SBX_BATCH_FORMAT_H

#include <jansson.h>

#include "harness/base/clock.h"
#include "harness/base/sha256.h"
#include "harness/batch/expect.h"

enum { SBX_FORMAT_OUTPUT_BYTES_MAX = 16 * 1024 /* of each stream: the end of it */ };

typedef struct sbx_format_totals {
    const char *name, *batch;
    const char *stopped; /* "" or why not all were run */
    uint64_t started_us, wall_ns;
    uint32_t tasks, failed, errors, skipped, not_run;
} sbx_format_totals;

/* One task. Lines are those of results.jsonl. */
typedef struct sbx_format_row {
    uint32_t number; /* its place in the manifest, from 1 */
    const char *id;
    const json_t *argv;
    const json_t *line; /* the result that counts; NULL: it has none */
    sbx_batch_verdict verdict;
    bool is_flaky;
    const json_t *earlier; /* array: attempts before it that failed, oldest first */
    sbx_bytes output[3];   /* of 1 and 2: the end of what it wrote, unless it passed */
    const sbx_format_totals *totals;
} sbx_format_row;

typedef struct sbx_format {
    const char *file;
    void (*begin)(sbx_text *out, const sbx_format_totals *totals);
    void (*row)(sbx_text *out, const sbx_format_row *row);
    void (*end)(sbx_text *out, const sbx_format_totals *totals);
} sbx_format;

extern const sbx_format sbx_format_junit, sbx_format_joblog, sbx_format_tap;

/* Text in which everything can be seen: what is not UTF-8, steers a terminal or is no character of XML becomes \xNN or
 * \u{NNNN}. is_block: ends of lines and tabs stay. */
void sbx_format_visible(sbx_text *out, const char *data, size_t bytes, bool is_block);

/* A word of a command as the shell reads it, in one line. */
void sbx_format_quote(sbx_text *out, const char *word);

/* "not run: halt", for a task without a result. */
void sbx_format_not_run(sbx_text *out, const sbx_format_totals *totals);

#endif
