/*
 * `sbx policy from-run`, without the command around it: a run's row and its denials to a suggestion
 * (harness/policy/suggest.h), and the suggestion as a policy file, as options, or as JSON with everything that was
 * left out. All of it is safe on a terminal.
 */
#ifndef SBX_CLI_FROM_RUN_H
#define SBX_CLI_FROM_RUN_H

#include "harness/cli/run_record.h"
#include "harness/policy/suggest.h"

/*
 * db_path: the database, absolute: it is left out like any other secret.
 * Fails: as sbx_run_record_read() and sbx_suggest_begin()
 */
SBX_MUST_USE sbx_status sbx_from_run(sbx_suggestion *out, const sbx_run_record *run,
                                     sbx_store *store, const char *db_path, sbx_error *err);

/* A policy file, readable. */
SBX_MUST_USE sbx_status sbx_from_run_to_file(sbx_text *out, sbx_suggestion *suggestion,
                                             sbx_error *err);
/* What to add to the run's own command line, quoted for a shell, on one line; "" for nothing. */
void sbx_from_run_to_options(sbx_text *out, const sbx_suggestion *suggestion);
SBX_MUST_USE sbx_status sbx_from_run_to_json(sbx_text *out, sbx_suggestion *suggestion,
                                             const char *run_id, sbx_error *err);
/* What the first two cannot hold, said on stderr. */
void sbx_from_run_say(const sbx_suggestion *suggestion);

#endif
