/* Redacting a whole argument list, into JSON. */
#include "audit/redact.h"

#include <string.h>

#include "harness/base/json.h"

void sbx_redact_argv(sbx_text *out, sbx_text *out_hex, const char *const *argv)
{
    sbx_redact_argv_by(NULL, out, out_hex, argv);
}

void sbx_redact_argv_by(const sbx_redaction *redaction, sbx_text *out, sbx_text *out_hex,
                        const char *const *argv)
{
    sbx_redactor state = {.redaction = redaction};
    sbx_text one = {0}, hex = {0};
    sbx_json list, hex_list;
    bool is_lossy = false;

    sbx_json_init(&list, out);
    sbx_json_init(&hex_list, &hex);
    sbx_json_open_array(&list, NULL);
    sbx_json_open_array(&hex_list, NULL);
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
        sbx_text_clear(&one);
        sbx_redact_argument(&one, &state, argv[i], strlen(argv[i]));
        out->failed = out->failed || one.failed;
        sbx_json_bytes(&list, NULL, sbx_text_string(&one), one.bytes);
        sbx_json_hex(&hex_list, NULL, sbx_text_string(&one), one.bytes);
        is_lossy = is_lossy || !sbx_utf8_is_valid(sbx_text_string(&one), one.bytes);
    }
    sbx_json_close_array(&list);
    sbx_json_close_array(&hex_list);
    if (is_lossy) {
        sbx_text_add_bytes(out_hex, sbx_text_string(&hex), hex.bytes);
        out_hex->failed = out_hex->failed || hex.failed;
    }
    sbx_text_done(&one);
    sbx_text_done(&hex);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A code below U+10000, as the writer of JSON escapes them; a surrogate comes out as what it is,
 * lossy. */
static void add_code(sbx_text *out, unsigned code)
{
    char bytes[3] = {(char)code, 0, 0};
    size_t count = 1;

    if (code >= 0x800) {
        bytes[0] = (char)(0xE0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (code & 0x3F));
        count = 3;
    } else if (code >= 0x80) {
        bytes[0] = (char)(0xC0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3F));
        count = 2;
    }
    sbx_text_add_bytes(out, bytes, count);
}

/* What follows a backslash; NULL: no JSON. */
static const char *read_escape(sbx_text *out, const char *at)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *letter = *at == '\0' ? NULL : strchr(letters, *at);
    unsigned code = 0;

    if (letter != NULL) {
        sbx_text_add_bytes(out, &meant[letter - letters], 1);
        return at + 1;
    }
    if (*at++ != 'u')
        return NULL;
    for (int i = 0; i < 4; i++, at++) {
        int digit = hex_value(*at);

        if (digit < 0)
            return NULL;
        code = code << 4 | (unsigned)digit;
    }
    add_code(out, code);
    return at;
}

/* The string that starts at `at`; returns what is behind it, NULL: no JSON string. */
static const char *read_string(sbx_text *out, const char *at)
{
    if (*at++ != '"')
        return NULL;
    while (*at != '"') {
        size_t plain = strcspn(at, "\"\\");

        sbx_text_add_bytes(out, at, plain);
        at += plain;
        if (*at == '\0')
            return NULL;
        if (*at == '\\' && (at = read_escape(out, at + 1)) == NULL)
            return NULL;
    }
    return at + 1;
}

bool sbx_redact_argv_json(sbx_text *out, const char *json)
{
    return sbx_redact_argv_json_by(NULL, out, json);
}

bool sbx_redact_argv_json_by(const sbx_redaction *redaction, sbx_text *out, const char *json)
{
    sbx_redactor state = {.redaction = redaction};
    sbx_text raw = {0}, one = {0};
    sbx_json list;
    const char *at = json;
    bool is_first = true;

    sbx_json_init(&list, out);
    sbx_json_open_array(&list, NULL);
    for (at = *at == '[' ? at + 1 : NULL; at != NULL && *at != ']'; is_first = false) {
        if (!is_first && *at++ != ',') {
            at = NULL;
            break;
        }
        sbx_text_clear(&raw);
        sbx_text_clear(&one);
        at = read_string(&raw, at);
        if (at == NULL)
            break;
        sbx_redact_argument(&one, &state, sbx_text_string(&raw), raw.bytes);
        out->failed = out->failed || raw.failed || one.failed;
        sbx_json_bytes(&list, NULL, sbx_text_string(&one), one.bytes);
    }
    sbx_json_close_array(&list);
    sbx_text_done(&raw);
    sbx_text_done(&one);
    return at != NULL && at[1] == '\0';
}
