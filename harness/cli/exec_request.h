/* What the command line of `sbx exec` asks for, before any policy is read. */
#ifndef SBX_CLI_EXEC_REQUEST_H
#define SBX_CLI_EXEC_REQUEST_H

#include "harness/policy/policy.h"

typedef enum sbx_denials_shown {
    SBX_DENIALS_AUTO, /* a summary, when the command failed */
    SBX_DENIALS_SUMMARY,
    SBX_DENIALS_JSON,
    SBX_DENIALS_OFF,
} sbx_denials_shown;

/* Text that points into argv lives as long as argv; what the lists hold is the request's own. */
typedef struct sbx_exec_request {
    const char *policy;              /* NULL: the default one */
    bool has_limit[SBX_LIMIT_COUNT]; /* said here, "unlimited" included */
    bool has_grace, has_memory_action;
    sbx_limits limits;
    sbx_strings write, read, deny; /* absolute */
    sbx_strings protect_paths;     /* absolute */
    sbx_strings protect_names, unprotect;
    sbx_strings env; /* NAME=VALUE, or NAME for the caller's */
    sbx_strings labels;
    const char **label_list; /* NULL-terminated view of labels; NULL: none */
    bool has_network, has_identity;
    sbx_network network;
    sbx_identity identity;
    bool unix_sockets, allow_everyone;
    char *cwd;        /* absolute; NULL: the caller's */
    char *audit_path; /* absolute; NULL: the default one */
    bool audit_best_effort;
    const char *redact; /* as given; NULL: the default file */
    bool allow_degraded, no_watch, dry_run;
    bool learns, allow_unconfined;
    const char *session, *agent;
    const char *result; /* as given */
    sbx_denials_shown denials;
    bool is_quiet, wants_json, wants_help;
    char *const *argv; /* the command, NULL-terminated; empty: none given */
} sbx_exec_request;

/*
 * Reads the options. argv is NULL-terminated and starts after "exec".
 * Fails: INVALID  anything malformed; the message names option, value and the form expected
 */
SBX_MUST_USE sbx_status sbx_exec_request_read(sbx_exec_request *request, int argc, char **argv,
                                              sbx_error *err);

/* Puts what was said on top of a loaded policy. */
SBX_MUST_USE sbx_status sbx_exec_request_apply(sbx_policy *policy, const sbx_exec_request *request,
                                               sbx_error *err);

void sbx_exec_request_done(sbx_exec_request *request);

#endif
