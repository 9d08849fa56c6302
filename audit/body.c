/* A reader for the ledger's JSON; see body.h. */
#include "audit/body.h"

#include <string.h>

#include "harness/base/json.h"

void sbx_body_begin(sbx_body *body, sbx_slice text)
{
    *body = (sbx_body){.at = text.data, .end = text.data + text.bytes};
    body->failed = text.bytes < 2 || (text.data[0] != '{' && text.data[0] != '[');
    if (body->failed)
        return;
    body->is_array = text.data[0] == '[';
    body->at++;
}

/* Behind the string that begins at at; NULL: it has no end. */
static const char *skip_string(const char *at, const char *end)
{
    const char *from = ++at;

    for (;;) {
        const char *quote = memchr(from, '"', (size_t)(end - from)), *back = quote;

        if (quote == NULL)
            return NULL;
        while (back > at && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote + 1;
        from = quote + 1;
    }
}

static const char *skip_nested(const char *at, const char *end)
{
    int depth = 0;

    while (at != NULL && at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
        if (depth == 0)
            return at;
    }
    return NULL;
}

static const char *skip_value(const char *at, const char *end)
{
    const char *begin = at;

    if (at >= end)
        return NULL;
    if (*at == '"')
        return skip_string(at, end);
    if (*at == '{' || *at == '[')
        return skip_nested(at, end);
    while (at < end && ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || *at == '-' ||
                        *at == '+' || *at == '.' || *at == 'E'))
        at++;
    return at == begin ? NULL : at;
}

size_t sbx_body_value_bytes(sbx_slice text)
{
    const char *behind = skip_value(text.data, text.data + text.bytes);

    return behind == NULL ? 0 : (size_t)(behind - text.data);
}

static bool fail(sbx_body *body)
{
    body->failed = true;
    return false;
}

bool sbx_body_next(sbx_member *out, sbx_body *body)
{
    const char *at = body->at, *end = body->end, *behind;

    if (body->failed)
        return false;
    if (at < end && *at == (body->is_array ? ']' : '}'))
        return at + 1 == end ? false : fail(body);
    if (body->is_begun && (at >= end || *at++ != ','))
        return fail(body);
    body->is_begun = true;
    out->key = (sbx_slice){at, 0};
    if (!body->is_array) {
        behind = at < end && *at == '"' ? skip_string(at, end) : NULL;
        if (behind == NULL || behind >= end || *behind != ':')
            return fail(body);
        out->key = (sbx_slice){at + 1, (size_t)(behind - at) - 2};
        at = behind + 1;
    }
    behind = skip_value(at, end);
    if (behind == NULL)
        return fail(body);
    out->value = (sbx_slice){at, (size_t)(behind - at)};
    body->at = behind;
    return true;
}

bool sbx_slice_unsigned(uint64_t *out, sbx_slice value)
{
    uint64_t number = 0;

    if (value.bytes == 0 || value.bytes > 20)
        return false;
    for (size_t i = 0; i < value.bytes; i++) {
        uint64_t digit = (uint64_t)(unsigned char)value.data[i] - '0';

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *out = number;
    return true;
}

bool sbx_slice_signed(int64_t *out, sbx_slice value)
{
    bool is_negative = value.bytes > 0 && value.data[0] == '-';
    uint64_t number;

    if (!sbx_slice_unsigned(&number,
                            (sbx_slice){value.data + is_negative, value.bytes - is_negative}) ||
        number > (uint64_t)INT64_MAX + is_negative)
        return false;
    *out = is_negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

bool sbx_slice_is_string(sbx_slice value, const char *data, size_t bytes)
{
    sbx_text text = {0};
    sbx_json json;
    bool is_same;

    /* Mostly it stands there as it is: the same bytes between quotes, and none of them escapes. */
    if (value.bytes == bytes + 2 && (bytes == 0 || (memcmp(value.data + 1, data, bytes) == 0 &&
                                                    memchr(data, '\\', bytes) == NULL)))
        return value.data[0] == '"';
    if (value.bytes <= bytes) /* escapes make longer, and U+FFFD is three bytes for one */
        return false;
    sbx_json_init(&json, &text);
    sbx_json_bytes(&json, NULL, data == NULL ? "" : data, bytes);
    is_same = !text.failed && text.bytes == value.bytes &&
              memcmp(text.data, value.data, value.bytes) == 0;
    sbx_text_done(&text);
    return is_same;
}

bool sbx_slice_is_hex(sbx_slice value, const void *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *byte = data;

    if (value.bytes != 2 * bytes + 2 || value.data[0] != '"')
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (value.data[1 + 2 * i] != digits[byte[i] >> 4] ||
            value.data[2 + 2 * i] != digits[byte[i] & 15])
            return false;
    return true;
}
