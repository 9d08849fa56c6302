/*
 * What coordinator and workers of a batch say to each other. What counts as valid is safe to use: texts end, lengths
 * and numbers are within what is said. The text behind a report is a part of a line of the results.
 */
#include "harness/batch/journal.h"
#include "harness/batch/wire.h"
#include "tests/fuzz/fuzz.h"

static void check_order(const uint8_t *data, size_t size)
{
    sbx_batch_order order = {0};

    memcpy(&order, data, size < sizeof(order) ? size : sizeof(order));
    if (!sbx_batch_order_is_valid(&order))
        return;
    SBX_FUZZ_MUST(order.text_bytes <= SBX_WIRE_TEXT_MAX && order.attempt > 0);
    SBX_FUZZ_MUST(strnlen(order.batch, sizeof(order.batch)) < sizeof(order.batch));
}

/* The body is pasted into a line; the journal reads that line back as one. */
static void check_report(const uint8_t *data, size_t size)
{
    sbx_batch_report report = {0};

    memcpy(&report, data, size < sizeof(report) ? size : sizeof(report));
    if (!sbx_batch_report_is_valid(&report))
        return;
    SBX_FUZZ_MUST(strnlen(report.run_id, sizeof(report.run_id)) < sizeof(report.run_id));
    SBX_FUZZ_MUST(strnlen(report.kind, sizeof(report.kind)) < sizeof(report.kind));
    SBX_FUZZ_MUST(report.verdict < SBX_BATCH_SKIPPED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_order(data, size);
    check_report(data, size);
    return 0;
}
