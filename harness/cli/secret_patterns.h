/* The patterns for secrets in arguments that a user added: from --redact, or the file in the user's configuration. */
#ifndef SBX_CLI_SECRET_PATTERNS_H
#define SBX_CLI_SECRET_PATTERNS_H

#include "audit/redaction.h"

/*
 * file: of --redact, NULL: the default one, which need not exist. *out NULL: none are added.
 * Fails: INVALID  the file or one of its patterns, with where it stands; nothing may be started then
 */
SBX_MUST_USE sbx_status sbx_secret_patterns_load(sbx_redaction **out, const char *file,
                                                 sbx_error *err);

#endif
