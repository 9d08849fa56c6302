/*
 * Taking secrets out of arguments before they are stored. What is recognised is a table in
 * redact.c: values of options and variables whose name says so (--token=…, --password …,
 * API_KEY=…), header lines (Authorization: Bearer …), passwords in URLs, and words with the shape
 * of a known token (ghp_…, sk-…, AKIA…, JWTs). The rest of the argument keeps its shape:
 * "--token=[redacted]".
 *
 * A shell's whole script is one argument, so the words inside of an argument are looked at as well.
 * This is a net with holes: a secret that looks like nothing special is stored. Who knows what theirs look
 * like can add patterns (redaction.h).
 */
#ifndef SBX_AUDIT_REDACT_H
#define SBX_AUDIT_REDACT_H

#include "audit/redaction.h"
#include "harness/base/text.h"

/* What one argument says about the next ("--password", "x"). All zero but redaction at the start of a list. */
typedef struct sbx_redactor {
    const sbx_redaction *redaction; /* NULL: none but the built-in patterns */
    bool next_is_secret;
    bool next_may_be_path; /* and is kept if it is one */
} sbx_redactor;

/* Appends the argument as it may be stored. */
void sbx_redact_argument(sbx_text *out, sbx_redactor *state, const char *argument, size_t bytes);

/*
 * Appends a list as a JSON array. out_hex, if any argument is not UTF-8, gets an array of the bytes
 * in hexadecimal, else stays empty.
 */
void sbx_redact_argv(sbx_text *out, sbx_text *out_hex, const char *const *argv);

/* The same for a list that is a JSON array of strings already. False: it is not one. */
bool sbx_redact_argv_json(sbx_text *out, const char *json);

/* The same two with the patterns that somebody added; NULL: none are. */
void sbx_redact_argv_by(const sbx_redaction *redaction, sbx_text *out, sbx_text *out_hex,
                        const char *const *argv);
bool sbx_redact_argv_json_by(const sbx_redaction *redaction, sbx_text *out, const char *json);

/* What ends a word of a shell's script, of JSON or of a query string. */
bool sbx_redact_ends_word(char c);

#endif
