/* See kernel_log.h. */
#include "audit/sources/windows/kernel_log.h"

enum { ACCESS_DENIED = 5 }; /* the system's number, which both events stand for and neither has */

static void add(sbx_kernel_log *log, const sbx_kernel_denial *found, sbx_denial_source source,
                uint32_t pid)
{
    sbx_denial denial = {.kind = found->kind,
                         .op = found->op,
                         .target = sbx_text_string(&found->target),
                         .target_bytes = found->target.bytes,
                         .pid = (int32_t)pid,
                         .exe = found->program.bytes > 0 ? found->program.data : NULL,
                         .error = ACCESS_DENIED,
                         .source = source,
                         .confidence = SBX_CONFIDENCE_KERNEL,
                         .first_us = found->time_us,
                         .last_us = found->time_us,
                         .count = 1};

    denial.rule =
        log->rule_of(log->context, denial.op, denial.target, denial.kind == SBX_DENIAL_NETWORK);
    sbx_denials_add(log->denials, &denial);
    log->taken++;
}

void sbx_kernel_log_security(sbx_kernel_log *log,
                             const sbx_event_value values[SBX_SECURITY_FIELD_COUNT])
{
    sbx_kernel_denial found;
    sbx_event_verdict verdict = sbx_security_event_read(&found, values, log->user, log->drives);

    if (verdict == SBX_EVENT_BROKEN)
        log->lost++;
    else if (verdict == SBX_EVENT_FOREIGN || !log->is_ours(log->context, found.pid))
        log->foreign++;
    else
        add(log, &found, SBX_SOURCE_SECURITY_LOG, found.pid);
    sbx_kernel_denial_done(&found);
}

void sbx_kernel_log_drop(sbx_kernel_log *log, const sbx_net_drop *drop)
{
    sbx_kernel_denial found;
    sbx_event_verdict verdict = sbx_net_drop_read(&found, drop, log->user, log->drives);
    uint32_t pid = 0;

    if (verdict == SBX_EVENT_BROKEN)
        log->lost++;
    else if (verdict == SBX_EVENT_FOREIGN ||
             !log->has_program(log->context, sbx_text_string(&found.program), &pid))
        log->foreign++;
    else
        add(log, &found, SBX_SOURCE_WFP, pid);
    sbx_kernel_denial_done(&found);
}
