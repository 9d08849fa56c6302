/*
 * What is expected of a task, and whether it held. Pure: the output is given as bytes.
 *
 *     "expect": {"exit": 0, "stdout": {"equals": "42\n"}, "memory": "64M"}
 *
 *   exit     the command's own exit code, or a list of them. Without exit, status, reason and signal: 0
 *   status   ok nonzero signal limit, as in the result;  reason: wall cpu memory …;  signal: a number
 *   stdout, stderr   a string (all of it, exactly), or an object of
 *              equals       the same
 *              equals_file  the same, from a file
 *              contains     a string, or a list of which every one must be there
 *              regex        a POSIX extended regular expression, looked for in the first MiB; ^ and $ are
 *                           the ends of lines. At most 1 KiB, no back-references, repetitions up to 255
 *              sha256       64 digits, of all of it
 *   wall, cpu, memory   upper bounds of what was used
 */
#ifndef SBX_BATCH_EXPECT_H
#define SBX_BATCH_EXPECT_H

#include "harness/base/sha256.h"
#include "harness/batch/spec.h"
#include "harness/runner/runner.h"

/* An exit code as this system has them, from a number of JSON. Linux: 0 to 255. Windows: 32 bits, -1 and
 * 4294967295 being the same. *out_form: what is expected, for messages. */
bool sbx_expect_code(int *out, json_int_t number, const char **out_form);

SBX_MUST_USE sbx_status sbx_expect_check(const json_t *value, const char *key,
                                         const sbx_batch_where *where, sbx_error *err);

typedef enum sbx_batch_verdict {
    SBX_BATCH_PASS,
    SBX_BATCH_FAIL,
    SBX_BATCH_ERROR,     /* sbx failed, or refused to start it */
    SBX_BATCH_CANCELLED, /* the batch was told to stop: says nothing about the task */
    SBX_BATCH_SKIPPED,   /* a task that it comes after did not pass */
    SBX_BATCH_VERDICT_COUNT
} sbx_batch_verdict;

/* "pass" "fail" "error" "cancelled" "skip". */
const char *sbx_batch_verdict_word(sbx_batch_verdict verdict);
bool sbx_batch_verdict_parse(sbx_batch_verdict *out, const char *word);

/* How it went. The files' texts are given by who mapped them. */
typedef struct sbx_batch_seen {
    const sbx_result *result;
    sbx_bytes output[3]; /* of 1 and 2 */
    sbx_bytes wanted[3]; /* of equals_file; data NULL: could not be read */
} sbx_batch_seen;

/*
 * kind is a word that can be counted: exit signal status limit.wall limit.memory … not_found not_executable
 * stdout stderr wall cpu memory refused error cancelled; "" for a pass. detail is one line for people that may
 * hold anything.
 */
sbx_batch_verdict sbx_expect_judge(const char **out_kind, sbx_text *out_detail,
                                   const json_t *expect, const sbx_batch_seen *seen);

#endif
