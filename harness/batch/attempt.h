/*
 * What a worker makes of an order: the task's policy, its plan, its run, and a verdict on it. The same on both systems;
 * they differ in who a worker is (pool.h), how it runs a plan (engine.h) and what files are (attempt_files.h).
 */
#ifndef SBX_BATCH_ATTEMPT_H
#define SBX_BATCH_ATTEMPT_H

#include "harness/batch/pool.h"

/* What is kept from one attempt to the next. */
typedef struct sbx_attempts sbx_attempts;

/* setup must live as long, and so does this: to the end of the process. */
SBX_MUST_USE sbx_status sbx_attempts_begin(sbx_attempts **out, const sbx_batch_setup *setup,
                                           sbx_error *err);

/*
 * Always fills *out; *out_text is the report's, good until the next call. is_stopped: the batch was told to stop before
 * this began; nothing is run then. False: no memory for the report.
 */
bool sbx_attempts_make(sbx_batch_report *out, const sbx_text **out_text, sbx_attempts *attempts,
                       const sbx_batch_order *order, const sbx_text *spec, bool is_stopped);

/* Nothing to do: all rows durable. */
void sbx_attempts_settle(sbx_attempts *attempts);

#endif
