/* The result and the row of a command that was refused before it was planned. */
#include "harness/runner/refusal.h"

#include "harness/base/clock.h"

void sbx_refusal_describe(sbx_result *result, const sbx_error *why)
{
    if (sbx_run_id_make(result->run_id, NULL) != SBX_OK)
        result->run_id[0] = '\0';
    result->events.has_error = true;
    result->events.error = *why;
    result->verdict = sbx_verdict_of(&result->events);
    result->started_us = result->ended_us = sbx_clock_utc_us();
    result->output_bytes = SBX_UNLIMITED;
    result->audit_complete = 1; /* nothing ran: nothing can be missing */
    sbx_usage_init(&result->usage);
}

sbx_status sbx_refusal_record(const sbx_result *result, const sbx_refusal *refusal,
                              sbx_store *store, sbx_error *err)
{
    static const char *const no_names[] = {NULL};
    const sbx_store_start start = {
        .run_id = result->run_id,
        .argv = refusal->argv,
        .cwd = refusal->cwd,
        .env = no_names,
        .policy_name = refusal->policy_name,
        .policy_json = "{}",
        .network = sbx_network_word(refusal->network),
        .identity = sbx_identity_word(refusal->identity),
        .backend = "none",
        .enforcement = "full",
        .missing = "",
        .walls = "",
        .session = refusal->session,
        .agent = refusal->agent,
        .labels = refusal->labels,
        .batch = refusal->batch,
        .task = refusal->task,
        .attempt = refusal->attempt,
        .caller_uid = refusal->caller_uid,
        .target_uid = refusal->caller_uid,
        .limits = refusal->limits,
        .started_us = result->started_us,
    };
    const sbx_store_end end = {
        .status = sbx_outcome_word(result->verdict.outcome),
        .reason = result->verdict.reason,
        .message = result->events.error.message,
        .exit_code = result->verdict.exit_code,
        .ended_us = result->ended_us,
        .usage = result->usage,
        .output_bytes = SBX_UNLIMITED,
        .audit_sources = "",
        .audit_complete = result->audit_complete,
        .limits_hit = "",
    };

    return sbx_store_run_refused(store, &start, &end, err);
}
