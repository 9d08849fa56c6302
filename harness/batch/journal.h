/*
 * results.jsonl: the journal of a directory of results. Lines are only ever added.
 *
 *     {"sbx_results":1,"batch":"01J…","name":"hw3","tasks":200,"resumed":false,"started_us":…}
 *     {"task":"alice/t1","spec":"5f…","batch":"01J…","attempt":1,"final":true,"verdict":"pass", …}
 *
 * A task has finished in a batch when there is a line with its id, the hash of its spec and "final": true with
 * verdict pass or fail. That line is the truth that --resume goes by: what has none is run again, and so is what
 * ended in an error of sbx or was skipped.
 *
 * Durability: a line is written by one call as soon as the result is known, so that a killed coordinator loses none.
 * It is made durable (fdatasync) at most SBX_JOURNAL_SYNC_MS later, and before the batch ends. A loss of power can
 * therefore take the last lines away; those tasks are run again. What the file then ends in is no line, which is
 * recognised and cut off. A broken line with a good one behind it is damage, and refused.
 */
#ifndef SBX_BATCH_JOURNAL_H
#define SBX_BATCH_JOURNAL_H

#include <stdio.h>

#include "harness/base/clock.h"
#include "harness/batch/manifest.h"

enum { SBX_JOURNAL_SYNC_MS = 200 };

/* One line that is there, taken apart. Texts are good until the next line. */
typedef struct sbx_journal_line {
    const json_t *object;
    bool is_header;
    const char *batch;
    uint64_t at;    /* in the file */
    uint32_t bytes; /* without its end */
} sbx_journal_line;

typedef sbx_status sbx_journal_visit(void *context, const sbx_journal_line *line, sbx_error *err);

/*
 * Every line of a journal in order. *out_good_bytes: the length up to the end of the last whole line.
 * Fails: CORRUPT  a line that is none, with a good one behind it
 */
SBX_MUST_USE sbx_status sbx_journal_read(uint64_t *out_good_bytes, FILE *file,
                                         sbx_journal_visit *visit, void *context, sbx_error *err);

/* The header of a batch, with its line end. */
void sbx_journal_header(sbx_text *out, const char *batch, const sbx_manifest *manifest,
                        bool is_resumed);

typedef struct sbx_journal_record {
    const char *task, *batch;
    const uint8_t *hash;
    uint32_t attempt;
    bool is_final, is_flaky;
    const char *body; /* the worker's part: a JSON object */
} sbx_journal_record;

/* The line of a result, with its end. */
void sbx_journal_result(sbx_text *out, const sbx_journal_record *record);

#endif
