/* Words of a JSON array; see command_text.h. */
#include "audit/command_text.h"

#include <string.h>

#include "audit/body.h"

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

/* The four digits behind \u; -1: there are none. */
static int32_t read_unit(const char *at, const char *end)
{
    int32_t unit = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static void add_code(sbx_text *out, uint32_t code)
{
    char bytes[4];
    size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(count == 1 ? code : (0xF00u >> count & 0xFF) | code);
    sbx_text_add_bytes(out, bytes, count);
}

/* What stands behind \u, as one code point from one unit or two; returns behind it. */
static const char *add_unicode(sbx_text *out, const char *at, const char *end)
{
    int32_t unit = read_unit(at, end), low;
    bool is_high = unit >= 0xD800 && unit < 0xDC00;

    if (unit < 0)
        return at;
    at += 4;
    if (is_high && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        low = read_unit(at + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
            add_code(out, 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
            return at + 6;
        }
    }
    add_code(out, unit >= 0xD800 && unit < 0xE000 ? 0xFFFD : (uint32_t)unit);
    return at;
}

static void add_string(sbx_text *out, const char *at, const char *end)
{
    static const char escapes[] = "bfnrt", values[] = "\b\f\n\r\t";

    while (at < end) {
        const char *back = memchr(at, '\\', (size_t)(end - at)), *which;

        if (back == NULL || end - back < 2) {
            sbx_text_add_bytes(out, at, (size_t)(end - at));
            return;
        }
        sbx_text_add_bytes(out, at, (size_t)(back - at));
        at = back + 2;
        which = back[1] == '\0' ? NULL : strchr(escapes, back[1]);
        if (back[1] == 'u')
            at = add_unicode(out, at, end);
        else
            sbx_text_add_bytes(out, which == NULL ? back + 1 : values + (which - escapes), 1);
    }
}

void sbx_command_text_add(sbx_text *out, const char *argv, size_t bytes)
{
    size_t before = out->bytes;
    bool is_next = false;
    sbx_member word;
    sbx_body body;

    sbx_body_begin(&body, (sbx_slice){argv, bytes});
    while (body.is_array && sbx_body_next(&word, &body)) {
        sbx_text_add_bytes(out, " ", is_next ? 1 : 0);
        is_next = true;
        if (word.value.data[0] == '"')
            add_string(out, word.value.data + 1, word.value.data + word.value.bytes - 1);
        else
            sbx_text_add_bytes(out, word.value.data, word.value.bytes);
    }
    if (body.is_array && !body.failed)
        return;
    out->bytes = out->failed ? out->bytes : before;
    sbx_text_add_bytes(out, argv, bytes);
}

static void sql_command(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *argv = (const char *)sqlite3_value_text(values[0]);
    size_t bytes = (size_t)sqlite3_value_bytes(values[0]);
    sbx_text text = {0};

    (void)count;
    if (argv == NULL || (bytes == 2 && memcmp(argv, "[]", 2) == 0))
        return;
    sbx_command_text_add(&text, argv, bytes);
    if (text.failed)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text64(context, sbx_text_string(&text), text.bytes, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    sbx_text_done(&text);
}

int sbx_command_text_register(sqlite3 *db)
{
    return sqlite3_create_function_v2(db, "sbx_command", 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                      sql_command, NULL, NULL, NULL);
}
