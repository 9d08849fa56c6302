/*
 * What a job used over time, in a bounded number of points: for a curve of a run, whether it took a
 * second or a week.
 *
 * Pure: the caller looks at the job and at the clock. The first look is after SBX_SAMPLES_FIRST_NS; a
 * run that is over before has none and pays nothing. When there are SBX_SAMPLES_MAX points, two at a
 * time become one and from then on it is looked half as often: 12 s of a run have a point each 100 ms, an
 * hour one each 51 s, and an hour is looked at less than 700 times.
 *
 * A point stands for the stretch from the one before it (or the start): the CPU time used until its end,
 * and the most memory and processes that were seen in it. So a peak that was seen stays.
 */
#ifndef SBX_LIMITS_SAMPLES_H
#define SBX_LIMITS_SAMPLES_H

#include <stddef.h>

#include "harness/base/json.h"
#include "limits/limits.h"

#define SBX_SAMPLES_FIRST_NS (UINT64_C(100) * 1000 * 1000)
enum { SBX_SAMPLES_MAX = 120 };

/* What nobody could tell is SBX_UNLIMITED. */
typedef struct sbx_sample {
    uint64_t at_ns;           /* since the command's first instruction */
    uint64_t cpu_ns;          /* of the whole job until then */
    uint64_t memory_bytes;    /* now, as the limit counts it */
    uint64_t processes_count; /* now: processes and threads of the command */
} sbx_sample;

typedef struct sbx_samples {
    uint64_t interval_ns;
    size_t count;
    sbx_sample item[SBX_SAMPLES_MAX];
} sbx_samples;

void sbx_samples_init(sbx_samples *samples);
/* Later ones only: at_ns must not go back. */
void sbx_samples_add(sbx_samples *samples, const sbx_sample *sample);
/* [[at ms, cpu ms, memory bytes, processes], …], null where it is not known. NULL: an empty array. */
void sbx_samples_to_json(sbx_json *json, const char *key, const sbx_samples *samples);

#endif
