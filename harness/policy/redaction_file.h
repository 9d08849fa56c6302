/*
 * The file with which somebody adds patterns for secrets in arguments (audit/redaction.h says what they mean):
 *
 *     {"version": 1, "names": ["deploy_pin"], "words": ["acme_*"]}
 *
 * "without_built_in_patterns": true takes away what sbx knows by itself; there is no shorter way to say it. As in a
 * policy, unknown keys, keys that stand twice and wrong types are errors that name file, line and key.
 */
#ifndef SBX_POLICY_REDACTION_FILE_H
#define SBX_POLICY_REDACTION_FILE_H

#include "harness/policy/policy.h"

typedef struct sbx_redaction_file {
    sbx_strings names, words;
    bool without_built_in;
} sbx_redaction_file;

/* out_exists: NULL where the file must exist. Else a missing one is nothing. */
SBX_MUST_USE sbx_status sbx_redaction_file_read(sbx_redaction_file *out, bool *out_exists,
                                                const char *path, sbx_error *err);
void sbx_redaction_file_done(sbx_redaction_file *file); /* takes a zeroed one too */

#endif
