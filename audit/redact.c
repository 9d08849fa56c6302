/* Recognising secrets in arguments; see redact.h. */
#include "audit/redact.h"

#include <string.h>

static const char mark[] = "[redacted]";

/* Names of options, variables, JSON keys and headers whose value is a secret. */
typedef enum name_match {
    NAME_WHOLE, /* the whole name */
    NAME_WORD,  /* the name or its last word: auth-token, accessToken */
    NAME_END,   /* also without a boundary: PGPASSWORD */
    NAME_UPPER, /* an upper-case variable's end: DEPLOY_KEY */
} name_match;

static const struct secret_name {
    const char *name; /* lower case, '_' stands for '-' too */
    name_match match;
    bool may_be_path; /* a value that is a path names the secret's file and is kept */
} secret_names[] = {
    {"token", NAME_WORD, false},         {"password", NAME_END, false},
    {"passwd", NAME_END, false},         {"passphrase", NAME_END, false},
    {"pass", NAME_WHOLE, false},         {"secret", NAME_WORD, false},
    {"api_key", NAME_WORD, false},       {"apikey", NAME_WORD, false},
    {"access_key", NAME_WORD, true},     {"secret_key", NAME_WORD, true},
    {"private_key", NAME_WORD, true},    {"credentials", NAME_WORD, true},
    {"authorization", NAME_WORD, false}, {"cookie", NAME_WHOLE, false},
    {"_key", NAME_UPPER, true},
};

/* Words that are a secret by their shape: the prefix, and how many characters of the class follow.
 */
static const struct token_shape {
    const char *prefix;
    const char *more; /* what may follow besides letters and digits */
    size_t least, most;
} token_shapes[] = {
    {"ghp_", "", 20, SIZE_MAX},     {"gho_", "", 20, SIZE_MAX},
    {"ghu_", "", 20, SIZE_MAX},     {"ghs_", "", 20, SIZE_MAX},
    {"ghr_", "", 20, SIZE_MAX},     {"github_pat_", "_", 20, SIZE_MAX},
    {"glpat-", "-_", 20, SIZE_MAX}, {"npm_", "", 30, SIZE_MAX},
    {"xoxa-", "-", 10, SIZE_MAX},   {"xoxb-", "-", 10, SIZE_MAX},
    {"xoxp-", "-", 10, SIZE_MAX},   {"sk-", "-_", 20, SIZE_MAX},
    {"AKIA", "", 16, 16},           {"eyJ", "-_.", 20, SIZE_MAX}, /* a JWT, if it has two dots */
};

/* One argument on its way through. */
typedef struct scan {
    sbx_text *out;
    const char *start, *at, *end;
    bool is_script; /* holds several words */
    sbx_redactor next;
} scan;

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' || c == '.' ? '_' : c;
}

bool sbx_redact_ends_word(char c)
{
    return c == '\0' || strchr(" \t\r\n\"'`;|&()<>{},", c) != NULL;
}

static bool is_name_char(char c)
{
    return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.';
}

static bool name_matches(const struct secret_name *secret, const char *name, size_t bytes)
{
    size_t length = strlen(secret->name);
    const char *tail = name + bytes - length;

    if (bytes < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (lower(tail[i]) != secret->name[i])
            return false;
    if (bytes == length)
        return secret->match != NAME_UPPER;
    switch (secret->match) {
    case NAME_WHOLE:
        return false;
    case NAME_WORD:
        return !is_letter_or_digit(tail[-1]) ||
               (tail[0] >= 'A' && tail[0] <= 'Z' && tail[-1] >= 'a' && tail[-1] <= 'z');
    case NAME_END:
        return true;
    case NAME_UPPER:
        for (size_t i = 0; i < bytes; i++)
            if (name[i] == '-' || (name[i] >= 'a' && name[i] <= 'z'))
                return false;
        return true;
    }
    return false;
}

/* The table's entry, or NULL where the name is none of a secret. */
static const struct secret_name *find_secret(const scan *in, const char *name, size_t bytes)
{
    static const struct secret_name added = {"", NAME_WHOLE, false};

    while (bytes > 0 && name[0] == '-') {
        name++;
        bytes--;
    }
    if (bytes > 3 && memcmp(name, "no-", 3) == 0)
        return NULL; /* --no-password takes no value */
    if (sbx_redaction_name_matches(in->next.redaction, name, bytes))
        return &added;
    if (!sbx_redaction_has_built_in(in->next.redaction))
        return NULL;
    for (size_t i = 0; i < SBX_COUNT_OF(secret_names); i++)
        if (name_matches(&secret_names[i], name, bytes))
            return &secret_names[i];
    return NULL;
}

static bool is_path(const char *value, const char *end)
{
    return value < end && (value[0] == '/' || value[0] == '~' || value[0] == '.');
}

static const char *word_end(const char *at, const char *end)
{
    while (at < end && !sbx_redact_ends_word(*at))
        at++;
    return at;
}

/* How long the token at this place is, 0: none starts here. */
static size_t token_bytes(const char *at, const char *end)
{
    for (size_t i = 0; i < SBX_COUNT_OF(token_shapes); i++) {
        const struct token_shape *shape = &token_shapes[i];
        size_t prefix = strlen(shape->prefix), bytes = prefix, dots = 0;

        if ((size_t)(end - at) < prefix || memcmp(at, shape->prefix, prefix) != 0)
            continue;
        while (at + bytes < end && at[bytes] != '\0' &&
               (is_letter_or_digit(at[bytes]) || strchr(shape->more, at[bytes]) != NULL)) {
            dots += at[bytes] == '.';
            bytes++;
        }
        if (bytes - prefix >= shape->least && bytes - prefix <= shape->most &&
            (strchr(shape->more, '.') == NULL || dots == 2))
            return bytes;
    }
    return 0;
}

/* The password of scheme://user:password@host; NULL: there is none. */
static const char *find_url_password(const char *word, const char *end, const char **out_end)
{
    const char *at, *colon = NULL;

    for (at = word; at + 2 < end && memcmp(at, "://", 3) != 0; at++)
        ;
    if (at + 2 >= end)
        return NULL;
    *out_end = NULL;
    for (at += 3; at < end && *at != '/' && *at != '?' && *at != '#'; at++) {
        if (*at == ':' && colon == NULL)
            colon = at + 1;
        if (*at == '@')
            *out_end = at; /* the last one: a password may hold an @ */
    }
    return colon != NULL && *out_end != NULL && colon < *out_end ? colon : NULL;
}

/* A word without a secret name: as it is, but for tokens and a URL's password. */
static void put_word(const scan *in, const char *word, const char *end)
{
    const sbx_redaction *redaction = in->next.redaction;
    bool has_built_in = sbx_redaction_has_built_in(redaction);
    const char *password_end = NULL;
    const char *password = has_built_in ? find_url_password(word, end, &password_end) : NULL;
    sbx_text *out = in->out;

    for (const char *at = word; at < end;) {
        bool is_start = at == word || !is_letter_or_digit(at[-1]);
        size_t bytes = is_start && has_built_in ? token_bytes(at, end) : 0;

        if (bytes == 0 && (at == word || sbx_redaction_parts_words(at[-1])))
            bytes = sbx_redaction_word_bytes(redaction, at, end, at == word);

        if (at == password) {
            sbx_text_add(out, mark);
            at = password_end;
        } else if (bytes > 0) {
            sbx_text_add(out, mark);
            at += bytes;
        } else {
            sbx_text_add_bytes(out, at, 1);
            at++;
        }
    }
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* Writes the secret up to stop. */
static void put_mark(scan *in, const char *stop, bool may_be_path)
{
    if (may_be_path && is_path(in->at, stop))
        sbx_text_add_bytes(in->out, in->at, (size_t)(stop - in->at));
    else if (stop > in->at)
        sbx_text_add(in->out, mark);
    in->at = stop;
}

/* The secret that starts here: a quotation, a word, or all the rest where the argument is one
 * option. */
static void put_secret(scan *in, bool may_be_path, bool is_rest)
{
    const char *stop = in->end;

    if (!is_rest && in->at < in->end && is_quote(*in->at)) {
        char quote = *in->at;

        sbx_text_add_bytes(in->out, in->at++, 1);
        stop = memchr(in->at, quote, (size_t)(in->end - in->at));
        if (stop == NULL)
            stop = in->end;
    } else if (!is_rest) {
        stop = word_end(in->at, in->end);
    }
    put_mark(in, stop, may_be_path);
}

/* "Bearer", "Basic" …: the scheme is kept, the rest of the line or of the quotation goes. */
static void put_header_value(scan *in)
{
    static const char *const schemes[] = {"bearer", "basic", "token", "digest"};
    const char *start = skip_spaces(in->at, in->end);
    const char *stop = word_end(start, in->end);

    for (size_t i = 0; i < SBX_COUNT_OF(schemes); i++) {
        size_t length = strlen(schemes[i]), same = 0;

        while (same < length && start + same < stop && lower(start[same]) == schemes[i][same])
            same++;
        if (same == length && start + same == stop)
            start = skip_spaces(stop, in->end);
    }
    sbx_text_add_bytes(in->out, in->at, (size_t)(start - in->at));
    for (stop = start; stop < in->end && !is_quote(*stop) && *stop != '\n' && *stop != '\r';)
        stop++;
    if (stop > start)
        sbx_text_add(in->out, mark);
    in->at = stop;
}

/* The run of name characters that ends at `end`. */
static const char *name_start(const char *word, const char *end)
{
    while (end > word && is_name_char(end[-1]))
        end--;
    return end;
}

/*
 * A secret's name has been written, in->at is behind it: writes what stands between it and the
 * value, and the value. False: no value follows here.
 */
static bool put_value(scan *in, const struct secret_name *secret, const char *name)
{
    const char *at = in->at;
    bool is_json = at < in->end && is_quote(*at);
    bool is_header = strcmp(secret->name, "authorization") == 0 ||
                     strcmp(secret->name, "cookie") == 0 ||
                     (lower(name[0]) == 'x' && name[1] == '-');

    if (is_json) /* "password": "x" */
        at = skip_spaces(at + 1, in->end);
    if (at >= in->end || (*at != ':' && (is_json || *at != '=')))
        return false;
    if (*at == ':' && !is_json) { /* but not registry/secret:latest */
        if (!is_header && (at + 1 >= in->end || at[1] != ' '))
            return false;
        sbx_text_add(in->out, ":");
        in->at++;
        put_header_value(in);
        return true;
    }
    at++;
    if (is_json) {
        at = skip_spaces(at, in->end);
        if (at >= in->end || !is_quote(*at))
            return false;
    }
    sbx_text_add_bytes(in->out, in->at, (size_t)(at - in->at));
    in->at = at;
    put_secret(in, secret->may_be_path, !is_json && (!in->is_script || in->start[0] == '-'));
    return true;
}

/* One word: plain, or up to a secret's name and then that secret. */
static void put_next_word(scan *in)
{
    const char *stop = word_end(in->at, in->end), *word = in->at, *name_end = word, *name;
    const struct secret_name *secret = NULL;

    for (; secret == NULL && name_end <= stop; name_end++)
        if (name_end == stop || *name_end == '=' || *name_end == ':') {
            name = name_start(word, name_end);
            secret = find_secret(in, name, (size_t)(name_end - name));
        }
    if (secret == NULL) {
        put_word(in, word, stop);
        in->at = stop;
        return;
    }
    name_end--;
    put_word(in, word, name_end);
    in->at = name_end;
    if (put_value(in, secret, name))
        return;
    put_word(in, in->at, stop);
    in->at = stop;
    in->next.next_is_secret = word[0] == '-' && name_end == stop;
    in->next.next_may_be_path = secret->may_be_path;
}

void sbx_redact_argument(sbx_text *out, sbx_redactor *state, const char *argument, size_t bytes)
{
    scan in = {.out = out,
               .start = argument,
               .at = argument,
               .end = argument + bytes,
               .next = {.redaction = state->redaction}};

    if (bytes == 0)
        return;
    for (const char *at = argument; at < in.end; at++)
        in.is_script = in.is_script || *at == ' ' || *at == '\n' || is_quote(*at);
    if (state->next_is_secret && argument[0] != '-') {
        put_mark(&in, in.end, state->next_may_be_path); /* the whole of it, blanks and all */
        *state = (sbx_redactor){.redaction = state->redaction};
        return;
    }
    while (in.at < in.end) {
        bool is_secret = in.next.next_is_secret;

        if (sbx_redact_ends_word(*in.at) && !(is_secret && is_quote(*in.at))) {
            sbx_text_add_bytes(out, in.at++, 1);
            continue;
        }
        in.next.next_is_secret = false;
        if (is_secret && *in.at != '-')
            put_secret(&in, in.next.next_may_be_path, false);
        else
            put_next_word(&in);
    }
    *state = in.next;
}
