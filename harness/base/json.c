/* Writing JSON into an sbx_text. */
#include "harness/base/json.h"

#include <string.h>

void sbx_json_init(sbx_json *json, sbx_text *out)
{
    json->out = out;
    json->needs_comma = false;
}

/* Control and other unsafe characters go out as \u escapes: JSON on a terminal is safe as well. */
static void add_escaped(sbx_text *out, const char *data, size_t bytes)
{
    size_t plain = 0;

    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = sbx_utf8_decode(&code, data + at, bytes - at);
        bool is_plain = length > 0 && code != '\\' && code != '"' && !sbx_utf8_is_unsafe(code);

        if (is_plain) {
            at += length;
            plain += length;
            continue;
        }
        sbx_text_add_bytes(out, data + at - plain, plain);
        plain = 0;
        if (length == 0)
            sbx_text_add(out, "\xEF\xBF\xBD");
        else if (code == '\\' || code == '"')
            sbx_text_add(out, code == '"' ? "\\\"" : "\\\\");
        else if (code == '\n')
            sbx_text_add(out, "\\n");
        else if (code == '\t')
            sbx_text_add(out, "\\t");
        else
            sbx_text_add_format(out, "\\u%04x", (unsigned)code);
        at += length > 0 ? length : 1;
    }
    sbx_text_add_bytes(out, data + bytes - plain, plain);
}

/* Nearly all strings are plain, and an export writes them by the hundred million: one copy. */
static void add_quoted(sbx_text *out, const char *data, size_t bytes)
{
    size_t plain = sbx_text_plain_bytes(data, bytes);
    char *to = sbx_text_reserve(out, plain + 2);

    if (to == NULL)
        return;
    *to++ = '"';
    if (plain > 0)
        memcpy(to, data, plain);
    to += plain;
    out->bytes += plain + 1;
    if (plain < bytes) {
        *to = '\0';
        add_escaped(out, data + plain, bytes - plain);
        sbx_text_add_bytes(out, "\"", 1);
        return;
    }
    *to++ = '"';
    *to = '\0';
    out->bytes++;
}

/* Whatever stands before a value. Nearly all keys are the program's own words; those of labels are not. */
static void begin(sbx_json *json, const char *key)
{
    size_t bytes = key == NULL ? 0 : strlen(key);
    char *to, *from;

    if (key != NULL && sbx_text_plain_bytes(key, bytes) != bytes) {
        sbx_text_add_bytes(json->out, ",", json->needs_comma ? 1 : 0);
        add_quoted(json->out, key, bytes);
        sbx_text_add_bytes(json->out, ":", 1);
        json->needs_comma = true;
        return;
    }
    to = from = sbx_text_reserve(json->out, bytes + 4);
    if (to == NULL)
        return;
    if (json->needs_comma)
        *to++ = ',';
    if (key != NULL) {
        *to++ = '"';
        memcpy(to, key, bytes);
        to += bytes;
        *to++ = '"';
        *to++ = ':';
    }
    *to = '\0';
    json->out->bytes += (size_t)(to - from);
    json->needs_comma = true;
}

void sbx_json_open_object(sbx_json *json, const char *key)
{
    begin(json, key);
    sbx_text_add_bytes(json->out, "{", 1);
    json->needs_comma = false;
}

void sbx_json_close_object(sbx_json *json)
{
    sbx_text_add_bytes(json->out, "}", 1);
    json->needs_comma = true;
}

void sbx_json_open_array(sbx_json *json, const char *key)
{
    begin(json, key);
    sbx_text_add_bytes(json->out, "[", 1);
    json->needs_comma = false;
}

void sbx_json_close_array(sbx_json *json)
{
    sbx_text_add_bytes(json->out, "]", 1);
    json->needs_comma = true;
}

void sbx_json_string(sbx_json *json, const char *key, const char *value)
{
    if (value == NULL)
        sbx_json_null(json, key);
    else
        sbx_json_bytes(json, key, value, strlen(value));
}

void sbx_json_bytes(sbx_json *json, const char *key, const char *data, size_t bytes)
{
    begin(json, key);
    add_quoted(json->out, data, bytes);
}

void sbx_json_unsigned(sbx_json *json, const char *key, uint64_t value)
{
    begin(json, key);
    sbx_text_add_unsigned(json->out, value);
}

void sbx_json_signed(sbx_json *json, const char *key, int64_t value)
{
    begin(json, key);
    sbx_text_add_signed(json->out, value);
}

void sbx_json_bool(sbx_json *json, const char *key, bool value)
{
    begin(json, key);
    sbx_text_add(json->out, value ? "true" : "false");
}

void sbx_json_null(sbx_json *json, const char *key)
{
    begin(json, key);
    sbx_text_add(json->out, "null");
}

void sbx_json_hex(sbx_json *json, const char *key, const void *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *byte = data;

    begin(json, key);
    sbx_text_add_bytes(json->out, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        char pair[2] = {digits[byte[i] >> 4], digits[byte[i] & 15]};

        sbx_text_add_bytes(json->out, pair, sizeof(pair));
    }
    sbx_text_add_bytes(json->out, "\"", 1);
}

void sbx_json_raw(sbx_json *json, const char *key, const char *value)
{
    begin(json, key);
    sbx_text_add(json->out, value);
}
