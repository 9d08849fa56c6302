/* Putting the page together; see report.h. */
#include "audit/report.h"

#include <string.h>

#include "audit/report_data.h"
#include "harness/base/sha256.h"
#include "report_css.h"
#include "report_html.h"
#include "report_js.h"

/* The hash of a script or a style sheet as a content security policy names it. */
static void put_hash(sbx_text *out, const char *content)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t hash[33] = {0}; /* one more: the last group of three is not full */
    char base64[45];

    sbx_sha256(hash, (const sbx_bytes[]){{content, strlen(content)}}, 1);
    for (size_t i = 0, at = 0; i < 33; i += 3) {
        uint32_t three = (uint32_t)hash[i] << 16 | (uint32_t)hash[i + 1] << 8 | hash[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            base64[at++] = digits[three >> shift & 63];
    }
    base64[43] = '=';
    base64[44] = '\0';
    sbx_text_add(out, base64);
}

static void put_unit(sbx_text *out, uint32_t unit)
{
    sbx_text_add_format(out, "\\u%04x", (unsigned)unit);
}

/*
 * JSON has "<" only inside of strings, where it may be written as an escape: nothing ends the block. And
 * whatever is not ASCII: a browser holds a text of eight-bit characters in half the memory.
 */
static void put_data(sbx_text *out, const sbx_text *data)
{
    const char *at = sbx_text_string(data), *end = at + data->bytes, *plain = at;

    while (at < end) {
        uint32_t code = 0;
        size_t length = 1;

        if ((unsigned char)*at < 0x7F && *at != '<') {
            at++;
            continue;
        }
        sbx_text_add_bytes(out, plain, (size_t)(at - plain));
        length = sbx_utf8_decode(&code, at, (size_t)(end - at));
        if (length == 0) {
            code = 0xFFFD;
            length = 1;
        }
        if (code > 0xFFFF) {
            put_unit(out, 0xD7C0 + (code >> 10));
            put_unit(out, 0xDC00 + (code & 0x3FF));
        } else {
            put_unit(out, code);
        }
        at += length;
        plain = at;
    }
    sbx_text_add_bytes(out, plain, (size_t)(at - plain));
}

/* The template up to its next "@NAME@", and the name. NULL: that was the rest. */
static const char *put_until_mark(sbx_text *out, const char *at, char name[16])
{
    for (const char *mark = strchr(at, '@'); mark != NULL; mark = strchr(mark + 1, '@')) {
        size_t length = strspn(mark + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

        if (length == 0 || length >= 16 || mark[1 + length] != '@')
            continue;
        sbx_text_add_bytes(out, at, (size_t)(mark - at));
        memcpy(name, mark + 1, length);
        name[length] = '\0';
        return mark + length + 2;
    }
    sbx_text_add(out, at);
    return NULL;
}

sbx_status sbx_report_make(sbx_text *out, sbx_store *store, const sbx_report_request *request,
                           sbx_error *err)
{
    sbx_text data = {0};
    char name[16];
    sbx_status st = sbx_report_data(&data, store, request, err);

    for (const char *at = sbx_report_html;
         st == SBX_OK && (at = put_until_mark(out, at, name)) != NULL;) {
        if (strcmp(name, "SCRIPT_HASH") == 0)
            put_hash(out, sbx_report_js);
        else if (strcmp(name, "STYLE_HASH") == 0)
            put_hash(out, sbx_report_css);
        else if (strcmp(name, "STYLE") == 0)
            sbx_text_add(out, sbx_report_css);
        else if (strcmp(name, "SCRIPT") == 0)
            sbx_text_add(out, sbx_report_js);
        else if (strcmp(name, "DATA") == 0)
            put_data(out, &data);
    }
    if (st == SBX_OK)
        st = sbx_text_check(out, err);
    sbx_text_done(&data);
    return st;
}
