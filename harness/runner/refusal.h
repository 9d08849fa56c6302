/*
 * A command that is refused before there is a plan of it: such a one has a result and a row in the audit database too,
 * start and end in one.
 */
#ifndef SBX_RUNNER_REFUSAL_H
#define SBX_RUNNER_REFUSAL_H

#include "harness/policy/policy.h"
#include "harness/runner/runner.h"

/* What was asked for. */
typedef struct sbx_refusal {
    const char *const *argv; /* NULL-terminated */
    const char *cwd;         /* "": not known */
    const char *policy_name;
    const sbx_limits *limits;
    sbx_network network;
    sbx_identity identity;
    uint32_t caller_uid;
    const char *session, *agent;
    const char *const *labels; /* NULL-terminated key=value, or NULL */
    const char *batch, *task;  /* NULL: of no batch */
    unsigned attempt;
} sbx_refusal;

/* Makes *result, zeroed by the caller, say that, with a run id of its own. */
void sbx_refusal_describe(sbx_result *result, const sbx_error *why);

/* Writes the row; durable before this returns. */
SBX_MUST_USE sbx_status sbx_refusal_record(const sbx_result *result, const sbx_refusal *refusal,
                                           sbx_store *store, sbx_error *err);

#endif
