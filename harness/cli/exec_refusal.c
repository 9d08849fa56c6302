/* The row and the result of a command that was refused before it was planned. */
#include "harness/cli/exec_refusal.h"

#include <string.h>

#include "harness/base/clock.h"
#include "harness/cli/caller.h"
#include "harness/runner/record.h"
#include "harness/runner/refusal.h"

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
    sbx_refusal_describe(result, why);
}

sbx_status sbx_exec_refusal_record(const sbx_result *result, const sbx_plan *plan,
                                   const sbx_exec_request *request, const sbx_redaction *redaction,
                                   sbx_error *err)
{
    const sbx_store_options options = {
        .busy_ns = BUSY_S * SBX_NS_PER_S, .release = sbx_record_release, .redaction = redaction};
    sbx_refusal refusal = {
        .argv = (const char *const *)request->argv,
        .policy_name = plan->policy_name,
        .limits = &plan->limits,
        .network = plan->network,
        .identity = plan->identity,
        .caller_uid = sbx_caller_user(),
        .session = request->session,
        .agent = request->agent,
        .labels = request->label_list,
    };
    sbx_text cwd = {0};
    sbx_store *store = NULL;
    sbx_status status = SBX_OK;

    /* An unknown working directory is no reason not to record. */
    if (request->cwd != NULL) {
        sbx_text_add(&cwd, request->cwd);
    } else {
        (void)!sbx_caller_absolute(&cwd, ".", NULL);
    }
    refusal.cwd = sbx_text_string(&cwd);
    status = sbx_store_open(&store, plan->audit_path, &options, err);
    if (status == SBX_OK) {
        status = sbx_refusal_record(result, &refusal, store, err);
    }
    sbx_store_close(store);
    sbx_text_done(&cwd);
    return status;
}
