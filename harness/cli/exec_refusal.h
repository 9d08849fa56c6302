/*
 * A command that is refused before it could be planned: such a one has a row in the audit database
 * and a result file too.
 */
#ifndef SBX_CLI_EXEC_REFUSAL_H
#define SBX_CLI_EXEC_REFUSAL_H

#include "audit/redaction.h"
#include "harness/cli/exec_request.h"
#include "harness/runner/runner.h"

/* Makes *result and *plan say what is known of such a run: both zeroed by the caller, who also gives
 * them back. asked_policy is its name where it could not be read. */
void sbx_exec_refusal_describe(sbx_result *result, sbx_plan *plan, const sbx_policy *policy,
                               const char *asked_policy, const char *audit_path,
                               const sbx_error *why);

/* Writes the row. */
SBX_MUST_USE sbx_status sbx_exec_refusal_record(const sbx_result *result, const sbx_plan *plan,
                                                const sbx_exec_request *request,
                                                const sbx_redaction *redaction, sbx_error *err);

#endif
