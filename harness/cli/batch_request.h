/* What the command line of `sbx batch run` asks for. */
#ifndef SBX_CLI_BATCH_REQUEST_H
#define SBX_CLI_BATCH_REQUEST_H

#include "audit/redaction.h"
#include "harness/batch/batch.h"
#include "harness/cli/progress.h"

/* Text that points into argv lives as long as argv. */
typedef struct sbx_batch_request {
    sbx_batch_options options; /* its texts are those below, or argv's */
    const char *manifest;      /* as given; "-": stdin */
    sbx_progress_mode progress;
    bool is_lines, is_quiet, wants_json, wants_help, dry_run;
    sbx_text overrides; /* for sbx_manifest_options; empty: none */
    sbx_text out_dir, audit_path;
    sbx_redaction *redaction;
    sbx_strings labels;
    const char **label_list;
} sbx_batch_request;

/*
 * Reads the options, and says where the audit database is.
 * Fails: INVALID  anything malformed; values of limits are looked at with the manifest
 */
SBX_MUST_USE sbx_status sbx_batch_request_read(sbx_batch_request *request, int argc, char **argv,
                                               sbx_error *err);
void sbx_batch_request_done(sbx_batch_request *request);

#endif
