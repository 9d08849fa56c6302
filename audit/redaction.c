/* See redaction.h. */
#include "audit/redaction.h"

#include <stdlib.h>
#include <string.h>

#include "audit/redact.h"

struct sbx_redaction {
    char **names, **words;
    size_t name_count, word_count;
    bool without_built_in;
};

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' || c == '.' ? '_' : c;
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool sbx_redaction_parts_words(char c)
{
    return c != '\0' && strchr("=:/@?#", c) != NULL;
}

/* At most as many steps as glob and text have characters multiplied: going back is to the last star only. */
static bool matches(const char *glob, const char *text, size_t bytes, bool folds)
{
    const char *star = NULL;
    size_t at = 0, star_at = 0;

    while (at < bytes) {
        if (*glob == '*') {
            star = ++glob;
            star_at = at;
        } else if (*glob == '?' ||
                   (*glob != '\0' && *glob == (folds ? fold(text[at]) : text[at]))) {
            glob++;
            at++;
        } else if (star != NULL) {
            glob = star;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

bool sbx_redaction_has_built_in(const sbx_redaction *redaction)
{
    return redaction == NULL || !redaction->without_built_in;
}

bool sbx_redaction_name_matches(const sbx_redaction *redaction, const char *name, size_t bytes)
{
    if (redaction == NULL || bytes == 0)
        return false;
    for (size_t i = 0; i < redaction->name_count; i++)
        if (matches(redaction->names[i], name, bytes, true))
            return true;
    return false;
}

size_t sbx_redaction_word_bytes(const sbx_redaction *redaction, const char *at, const char *end,
                                bool is_word_start)
{
    size_t whole = (size_t)(end - at), part = 0;

    if (redaction == NULL || whole == 0)
        return 0;
    while (part < whole && !sbx_redaction_parts_words(at[part]))
        part++;
    for (size_t i = 0; i < redaction->word_count; i++) {
        const char *glob = redaction->words[i];

        if (is_word_start && matches(glob, at, whole, false))
            return whole;
        if (part > 0 && matches(glob, at, part, false))
            return glob[strlen(glob) - 1] == '*' ? whole : part;
    }
    return 0;
}

/* --- taking them --- */

static sbx_status complain(sbx_error *err, const char *kind, const char *pattern, const char *what)
{
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "the %s pattern \"%s\" %s", kind,
                          pattern, what);
}

static sbx_status check_name(const char *glob, sbx_error *err)
{
    bool says_something = false;

    if (strlen(glob) > SBX_REDACTION_NAME_BYTES_MAX)
        return complain(err, "name", glob, "is longer than 64 characters");
    for (const char *at = glob; *at != '\0'; at++) {
        if (!is_letter_or_digit(*at) && strchr("_-.*?", *at) == NULL)
            return complain(err, "name", glob,
                            "can never match: names are letters, digits, _, - and .");
        says_something = says_something || is_letter_or_digit(*at);
    }
    return says_something ? SBX_OK : complain(err, "name", glob, "would take every value");
}

static sbx_status check_word(const char *glob, sbx_error *err)
{
    size_t literals = 0;

    if (strlen(glob) > SBX_REDACTION_WORD_BYTES_MAX)
        return complain(err, "word", glob, "is longer than 128 bytes");
    for (const char *at = glob; *at != '\0'; at++) {
        if (*at != '?' && (sbx_redact_ends_word(*at) || sbx_redaction_parts_words(*at)))
            return complain(err, "word", glob,
                            "can never match: words end at blanks, quotes and = : / @ # and the "
                            "like");
        literals += *at != '*' && *at != '?';
    }
    return literals >= SBX_REDACTION_WORD_LITERALS_LEAST
               ? SBX_OK
               : complain(err, "word", glob,
                          "would take too much: it must have three characters besides * and ?");
}

typedef sbx_status check_pattern(const char *glob, sbx_error *err);

static sbx_status take(char ***out, size_t *out_count, const char *const *globs, size_t count,
                       check_pattern *check, bool folds, sbx_error *err)
{
    if (count > SBX_REDACTION_PATTERNS_MAX)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "%zu patterns of one kind are more than %d", count,
                              (int)SBX_REDACTION_PATTERNS_MAX);
    *out = calloc(count + 1, sizeof(**out));
    for (size_t i = 0; *out != NULL && i < count; i++) {
        sbx_status st = check(globs[i], err);

        if (st != SBX_OK)
            return st;
        (*out)[i] = strdup(globs[i]);
        if ((*out)[i] == NULL)
            break;
        for (char *at = (*out)[i]; folds && *at != '\0'; at++)
            *at = fold(*at);
        *out_count = i + 1;
    }
    return *out_count == count && *out != NULL
               ? SBX_OK
               : sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_OPTIONS, "no memory for patterns");
}

sbx_status sbx_redaction_create(sbx_redaction **out, const sbx_redaction_patterns *patterns,
                                sbx_error *err)
{
    sbx_redaction *self = calloc(1, sizeof(*self));
    sbx_status st;

    *out = NULL;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_OPTIONS, "no memory for patterns");
    self->without_built_in = patterns->without_built_in;
    st = take(&self->names, &self->name_count, patterns->names, patterns->name_count, check_name,
              true, err);
    if (st == SBX_OK)
        st = take(&self->words, &self->word_count, patterns->words, patterns->word_count,
                  check_word, false, err);
    if (st == SBX_OK)
        *out = self;
    else
        sbx_redaction_free(self);
    return st;
}

static void free_list(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void sbx_redaction_free(sbx_redaction *redaction)
{
    if (redaction == NULL)
        return;
    free_list(redaction->names, redaction->name_count);
    free_list(redaction->words, redaction->word_count);
    free(redaction);
}

void sbx_redaction_describe(sbx_redaction_patterns *out, const sbx_redaction *redaction)
{
    *out = (sbx_redaction_patterns){0};
    if (redaction == NULL)
        return;
    *out = (sbx_redaction_patterns){.names = (const char *const *)redaction->names,
                                    .words = (const char *const *)redaction->words,
                                    .name_count = redaction->name_count,
                                    .word_count = redaction->word_count,
                                    .without_built_in = redaction->without_built_in};
}
