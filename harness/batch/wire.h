/*
 * What coordinator and workers say to each other, over one stream socket each. A message is one of the structures
 * below and as many bytes of text as it says. Both ends are the same program; all the same every message is
 * checked, and one that is not what it should be counts as the end of the worker.
 */
#ifndef SBX_BATCH_WIRE_H
#define SBX_BATCH_WIRE_H

#include <stdint.h>

#include "harness/base/clock.h"
#include "harness/batch/expect.h"

enum {
    SBX_WIRE_ORDER = 0x73627831,
    SBX_WIRE_REPORT = 0x73627832,
    SBX_WIRE_TEXT_MAX = 4 * SBX_BATCH_LINE_BYTES_MAX,
};

/* To the worker: run that. The text is the task's resolved spec. */
typedef struct sbx_batch_order {
    uint32_t magic;
    uint32_t text_bytes;
    uint32_t attempt; /* from 1 */
    char batch[SBX_RUN_ID_BYTES];
} sbx_batch_order;

/* Back: how it went. The text is a JSON object, the part of the results' line that the worker knows. */
typedef struct sbx_batch_report {
    uint32_t magic;
    uint32_t text_bytes;
    uint32_t verdict; /* sbx_batch_verdict */
    int32_t exit_code, signal;
    uint64_t wall_ns, memory_peak_bytes, denied_total, started_us, ended_us;
    char run_id[SBX_RUN_ID_BYTES];
    char kind[24];
} sbx_batch_report;

bool sbx_batch_order_is_valid(const sbx_batch_order *order);
bool sbx_batch_report_is_valid(const sbx_batch_report *report);

#endif
