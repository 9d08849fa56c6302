/*
 * The setup of a worker as one message: a head, and texts with a NUL behind each. One that may be missing has a '+' in
 * front where it is there, and is "-" where not.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/redaction.h"
#include "harness/base/windows/wide.h"
#include "harness/batch/windows/parts.h"

enum {
    AUDIT_REQUIRED = 1,
    ALLOW_DEGRADED = 2,
    WATCH_DENIALS = 4,
    HAS_REDACTION = 8,
    WITHOUT_BUILT_IN = 16,
    LABELS_MAX = 100000,
};

/* --- writing --- */

static void put(sbx_text *out, const char *text)
{
    sbx_text_add_bytes(out, text, strlen(text) + 1);
}

static void put_optional(sbx_text *out, const char *text)
{
    if (text != NULL)
        sbx_text_add(out, "+");
    put(out, text == NULL ? "-" : text);
}

sbx_status sbx_letter_write(sbx_letter *out, sbx_text *out_text, const sbx_batch_setup *setup,
                            sbx_error *err)
{
    sbx_redaction_patterns patterns = {0};

    sbx_redaction_describe(&patterns, setup->redaction);
    *out = (sbx_letter){.magic = SBX_LETTER_MAGIC,
                        .name_count = (uint32_t)patterns.name_count,
                        .word_count = (uint32_t)patterns.word_count};
    out->flags = (setup->audit_required ? AUDIT_REQUIRED : 0u) |
                 (setup->allow_degraded ? ALLOW_DEGRADED : 0u) |
                 (setup->watch_denials ? WATCH_DENIALS : 0u) |
                 (setup->redaction != NULL ? HAS_REDACTION : 0u) |
                 (patterns.without_built_in ? WITHOUT_BUILT_IN : 0u);
    sbx_text_clear(out_text);
    put_optional(out_text, setup->out_path);
    put_optional(out_text, setup->audit_path);
    put_optional(out_text, setup->session);
    put_optional(out_text, setup->agent);
    for (; setup->labels != NULL && setup->labels[out->label_count] != NULL; out->label_count++)
        put(out_text, setup->labels[out->label_count]);
    for (size_t i = 0; i < patterns.name_count; i++)
        put(out_text, patterns.names[i]);
    for (size_t i = 0; i < patterns.word_count; i++)
        put(out_text, patterns.words[i]);
    if (!out_text->failed && out_text->bytes > SBX_LETTER_TEXT_MAX)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_BATCH,
                              "labels, session and paths are more than 1 MiB together");
    out->text_bytes = (uint32_t)out_text->bytes;
    return sbx_text_check(out_text, err);
}

/* --- reading --- */

typedef struct reading {
    const char *at, *end;
    bool is_broken;
} reading;

static const char *take(reading *self)
{
    const char *text = self->at;
    const char *nul = memchr(text, '\0', (size_t)(self->end - text));

    if (nul == NULL) {
        self->is_broken = true;
        return "";
    }
    self->at = nul + 1;
    return text;
}

static const char *take_optional(reading *self)
{
    const char *text = take(self);

    if (text[0] != '+' && strcmp(text, "-") != 0)
        self->is_broken = true;
    return text[0] == '+' ? text + 1 : NULL;
}

/* NULL-terminated; NULL: no memory. */
static const char **take_list(reading *self, uint32_t count)
{
    const char **list = calloc((size_t)count + 1, sizeof(*list));

    for (uint32_t i = 0; list != NULL && i < count; i++)
        list[i] = take(self);
    return list;
}

static sbx_status make_redaction(sbx_batch_setup *out, const sbx_letter *letter,
                                 const sbx_redaction_patterns *patterns, sbx_error *err)
{
    sbx_redaction *redaction = NULL;
    sbx_status st;

    if ((letter->flags & HAS_REDACTION) == 0)
        return SBX_OK;
    st = sbx_redaction_create(&redaction, patterns, err);
    out->redaction = redaction;
    return st;
}

sbx_status sbx_letter_read(sbx_batch_setup *out, const sbx_letter *letter, const sbx_text *text,
                           sbx_error *err)
{
    reading self = {.at = text->data, .end = text->data + text->bytes};
    sbx_redaction_patterns patterns = {.name_count = letter->name_count,
                                       .word_count = letter->word_count,
                                       .without_built_in = (letter->flags & WITHOUT_BUILT_IN) != 0};

    if (letter->label_count > LABELS_MAX || letter->name_count > SBX_REDACTION_PATTERNS_MAX ||
        letter->word_count > SBX_REDACTION_PATTERNS_MAX)
        return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_BATCH, "a worker's setup makes no sense");
    *out = (sbx_batch_setup){.out_fd = -1,
                             .audit_required = (letter->flags & AUDIT_REQUIRED) != 0,
                             .allow_degraded = (letter->flags & ALLOW_DEGRADED) != 0,
                             .watch_denials = (letter->flags & WATCH_DENIALS) != 0,
                             .environment = sbx_windows_environment()};
    out->out_path = take_optional(&self);
    out->audit_path = take_optional(&self);
    out->session = take_optional(&self);
    out->agent = take_optional(&self);
    out->labels = take_list(&self, letter->label_count);
    patterns.names = take_list(&self, letter->name_count);
    patterns.words = take_list(&self, letter->word_count);
    if (out->labels == NULL || patterns.names == NULL || patterns.words == NULL ||
        out->environment == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a worker");
    if (self.is_broken || self.at != self.end)
        return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_BATCH, "a worker's setup makes no sense");
    return make_redaction(out, letter, &patterns, err);
}
