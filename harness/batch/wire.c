/* Whether a message is one. */
#include "harness/batch/wire.h"

#include <string.h>

bool sbx_batch_order_is_valid(const sbx_batch_order *order)
{
    return order->magic == SBX_WIRE_ORDER && order->text_bytes > 0 &&
           order->text_bytes <= SBX_WIRE_TEXT_MAX && order->attempt > 0 &&
           memchr(order->batch, '\0', sizeof(order->batch)) != NULL;
}

bool sbx_batch_report_is_valid(const sbx_batch_report *report)
{
    return report->magic == SBX_WIRE_REPORT && report->text_bytes >= 2 &&
           report->text_bytes <= SBX_WIRE_TEXT_MAX && report->verdict < SBX_BATCH_SKIPPED &&
           memchr(report->run_id, '\0', sizeof(report->run_id)) != NULL &&
           memchr(report->kind, '\0', sizeof(report->kind)) != NULL;
}
