/*
 * Patterns that somebody added to those that sbx knows (redact.c), for secrets that only they know the look of.
 *
 *   names  globs of names whose value is a secret, wherever redact.c looks for names: options, variables, JSON keys,
 *          headers. Case does not matter, and '-', '.' and '_' are the same.
 *   words  globs of words that are secrets themselves. A word ends at blanks, quotes and what separates words in
 *          shells, JSON and URLs; with a '*' at its end, a glob takes also what is behind the next = : / @ ? or #.
 *
 * In a glob * stands for any text and ? for one character. A pattern that could never match, or that would take
 * nearly everything, is an error.
 */
#ifndef SBX_AUDIT_REDACTION_H
#define SBX_AUDIT_REDACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

enum {
    SBX_REDACTION_PATTERNS_MAX = 64, /* of each kind */
    SBX_REDACTION_NAME_BYTES_MAX = 64,
    SBX_REDACTION_WORD_BYTES_MAX = 128,
    SBX_REDACTION_WORD_LITERALS_LEAST = 3,
};

/* NULL stands for what sbx knows and nothing else. */
typedef struct sbx_redaction sbx_redaction;

typedef struct sbx_redaction_patterns {
    const char *const *names, *const *words;
    size_t name_count, word_count;
    bool without_built_in; /* what redact.c knows is not looked for */
} sbx_redaction_patterns;

/* Copies. Fails: INVALID  a pattern, named with what is wrong with it */
SBX_MUST_USE sbx_status sbx_redaction_create(sbx_redaction **out,
                                             const sbx_redaction_patterns *patterns,
                                             sbx_error *err);
void sbx_redaction_free(sbx_redaction *redaction); /* NULL is fine */

/* What it was made of, so that another process can have the same; borrowed. NULL: none. */
void sbx_redaction_describe(sbx_redaction_patterns *out, const sbx_redaction *redaction);

/*
 * Where the file with somebody's patterns is: $XDG_CONFIG_HOME/sbx/redact.json, else ~/.config/sbx/redact.json
 * (Windows: redact.json beside the database). Caller frees; NULL where there is no home.
 */
SBX_MUST_USE sbx_status sbx_redaction_default_path(char **out, sbx_error *err);

bool sbx_redaction_has_built_in(const sbx_redaction *redaction);
bool sbx_redaction_name_matches(const sbx_redaction *redaction, const char *name, size_t bytes);

/*
 * The secret that starts at `at`, at the beginning of a word or behind one of the characters that part it, in
 * bytes; 0: none. end: of the word.
 */
size_t sbx_redaction_word_bytes(const sbx_redaction *redaction, const char *at, const char *end,
                                bool is_word_start);
/* Whether a word may be parted there: one of = : / @ ? # */
bool sbx_redaction_parts_words(char c);

#endif
