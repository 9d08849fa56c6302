/* The row and the result of a command that was refused before it was planned. */
#include "harness/cli/exec_refusal.h"

#include <string.h>

#include "harness/base/clock.h"
#include "harness/cli/caller.h"

enum { BUSY_S = 10 };

void sbx_exec_refusal_describe(sbx_result *result, sbx_plan *plan, const sbx_policy *policy,
                               const char *asked_policy, const char *audit_path,
                               const sbx_error *why)
{
    plan->policy_name = policy->name[0] != '\0' ? policy->name : asked_policy;
    plan->limits = policy->limits;
    plan->network = policy->network;
    plan->identity = policy->identity;
    plan->audit_path = audit_path;
    if (sbx_run_id_make(result->run_id, NULL) != SBX_OK) {
        result->run_id[0] = '\0';
    }
    result->events.has_error = true;
    result->events.error = *why;
    result->verdict = sbx_verdict_of(&result->events);
    result->started_us = result->ended_us = sbx_clock_utc_us();
    result->output_bytes = SBX_UNLIMITED;
    result->audit_complete = 1; /* nothing ran: nothing can be missing */
    sbx_usage_init(&result->usage);
}

sbx_status sbx_exec_refusal_record(const sbx_result *result, const sbx_plan *plan,
                                   const sbx_exec_request *request, sbx_error *err)
{
    static const char *const no_names[] = {NULL};
    sbx_store_options options = {.busy_ns = BUSY_S * SBX_NS_PER_S};
    sbx_text cwd = {0};
    sbx_store *store = NULL;
    sbx_status status = SBX_OK;

    /* An unknown working directory is no reason not to record. */
    if (request->cwd != NULL) {
        sbx_text_add(&cwd, request->cwd);
    } else {
        (void)!sbx_caller_absolute(&cwd, ".", NULL);
    }
    const sbx_store_start start = {
        .run_id = result->run_id,
        .argv = (const char *const *)request->argv,
        .cwd = sbx_text_string(&cwd),
        .env = no_names,
        .policy_name = plan->policy_name,
        .policy_json = "{}",
        .network = sbx_network_word(plan->network),
        .identity = sbx_identity_word(plan->identity),
        .backend = "none",
        .enforcement = "full",
        .missing = "",
        .walls = "",
        .session = request->session,
        .agent = request->agent,
        .labels = request->label_list,
        .caller_uid = sbx_caller_user(),
        .target_uid = sbx_caller_user(),
        .limits = &plan->limits,
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
    status = sbx_store_open(&store, plan->audit_path, &options, err);
    if (status == SBX_OK) {
        status = sbx_store_run_refused(store, &start, &end, err);
    }
    sbx_store_close(store);
    sbx_text_done(&cwd);
    return status;
}
