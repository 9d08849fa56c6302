/* What the commands that keep the audit database in order share: opening it, its key, their output. */
#ifndef SBX_CLI_AUDIT_FILE_H
#define SBX_CLI_AUDIT_FILE_H

#include "audit/seal.h"
#include "audit/store.h"
#include "harness/cli/command.h"
#include "harness/cli/option.h"

/* db NULL: the default one. Waits up to 10 s for other writers. */
SBX_MUST_USE sbx_status sbx_audit_file_open(sbx_store **out, const char *db,
                                            const sbx_store_options *options, sbx_error *err);

/* The caller's key; exists false where there is none. Forget it when done. */
SBX_MUST_USE sbx_status sbx_audit_file_key(sbx_seal_key *out, sbx_error *err);

/* syslog, or a file: where the line goes. */
SBX_MUST_USE sbx_status sbx_audit_file_anchor(const char *where, const sbx_seal *seal,
                                              sbx_store *store, sbx_error *err);

/* Takes one option or operand of the command line into context. */
typedef sbx_status sbx_audit_file_take(void *context, const sbx_token *token, sbx_error *err);

/*
 * Reads the command line. True: go on. False: *out_code is what to exit with, --help or an error were
 * printed.
 */
bool sbx_audit_file_options(int *out_code, sbx_command_id command, int argc, char **argv,
                            sbx_audit_file_take *take, void *context, sbx_error *err);

/* "2 operands", INVALID. */
sbx_status sbx_audit_file_no_operand(const sbx_token *token, sbx_error *err);

#endif
