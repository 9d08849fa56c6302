/* A growable byte string, UTF-8, and text made safe for a terminal. */
#include "harness/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sbx_text_done(sbx_text *text)
{
    free(text->data);
    *text = (sbx_text){0};
}

void sbx_text_clear(sbx_text *text)
{
    text->bytes = 0;
    text->failed = false;
    if (text->data != NULL)
        text->data[0] = '\0';
}

static bool grow(sbx_text *text, size_t bytes)
{
    size_t room = text->room;
    char *data;

    if (text->failed)
        return false;
    if (bytes >= SIZE_MAX / 2 - text->bytes) {
        text->failed = true;
        return false;
    }
    if (room == 0)
        room = 256;
    while (room <= text->bytes + bytes)
        room *= 2;
    data = realloc(text->data, room);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

/* Room for that many bytes more and the NUL. */
static inline bool reserve(sbx_text *text, size_t bytes)
{
    return bytes < text->room - text->bytes && !text->failed ? true : grow(text, bytes);
}

char *sbx_text_reserve(sbx_text *text, size_t bytes)
{
    return reserve(text, bytes) ? text->data + text->bytes : NULL;
}

void sbx_text_add_bytes(sbx_text *text, const void *data, size_t bytes)
{
    if (bytes == 0 || !reserve(text, bytes))
        return;
    memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = '\0';
}

/* By hand: an export writes tens of millions of numbers, and printf's reading of its format shows. */
static void add_number(sbx_text *text, uint64_t value, bool is_negative)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[24];
    size_t at = sizeof(digits);

    for (; value >= 100; value /= 100)
        memcpy(digits + (at -= 2), pairs + value % 100 * 2, 2);
    if (value >= 10)
        memcpy(digits + (at -= 2), pairs + value * 2, 2);
    else
        digits[--at] = (char)('0' + value);
    if (is_negative)
        digits[--at] = '-';
    sbx_text_add_bytes(text, digits + at, sizeof(digits) - at);
}

void sbx_text_add_unsigned(sbx_text *text, uint64_t value)
{
    add_number(text, value, false);
}

void sbx_text_add_signed(sbx_text *text, int64_t value)
{
    add_number(text, value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value, value < 0);
}

void sbx_text_add(sbx_text *text, const char *string)
{
    sbx_text_add_bytes(text, string, strlen(string));
}

void sbx_text_add_format(sbx_text *text, const char *format, ...)
{
    char small[256];
    int bytes;
    va_list args;

    va_start(args, format);
    bytes = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (bytes < 0) {
        text->failed = true;
    } else if ((size_t)bytes < sizeof(small)) {
        sbx_text_add_bytes(text, small, (size_t)bytes);
    } else if (reserve(text, (size_t)bytes)) {
        va_start(args, format);
        vsnprintf(text->data + text->bytes, (size_t)bytes + 1, format, args);
        va_end(args);
        text->bytes += (size_t)bytes;
    }
}

sbx_status sbx_text_check(const sbx_text *text, sbx_error *err)
{
    if (text->failed)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_NONE, "out of memory for a text");
    return SBX_OK;
}

const char *sbx_text_string(const sbx_text *text)
{
    return text->data != NULL ? text->data : "";
}

static bool is_high(uint32_t unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low(uint32_t unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

static void add_code(sbx_text *text, uint32_t code)
{
    char bytes[4];
    size_t count = 0;

    if (code < 0x80) {
        bytes[count++] = (char)code;
    } else if (code < 0x800) {
        bytes[count++] = (char)(0xC0 | code >> 6);
        bytes[count++] = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        bytes[count++] = (char)(0xE0 | code >> 12);
        bytes[count++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[count++] = (char)(0x80 | (code & 0x3F));
    } else {
        bytes[count++] = (char)(0xF0 | code >> 18);
        bytes[count++] = (char)(0x80 | (code >> 12 & 0x3F));
        bytes[count++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[count++] = (char)(0x80 | (code & 0x3F));
    }
    sbx_text_add_bytes(text, bytes, count);
}

void sbx_text_add_utf16(sbx_text *text, const uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t code = units[i];

        if (is_high(code) && i + 1 < count && is_low(units[i + 1]))
            code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)units[++i] - 0xDC00);
        add_code(text, code);
    }
}

size_t sbx_utf8_decode(uint32_t *out_code, const char *data, size_t bytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)data;
    size_t length;
    uint32_t code;

    if (bytes == 0)
        return 0;
    if (byte[0] < 0x80) {
        *out_code = byte[0];
        return 1;
    }
    length = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : 2;
    if (byte[0] < 0xC2 || byte[0] > 0xF4 || length > bytes)
        return 0;
    code = byte[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (byte[i] & 0x3Fu);
    }
    if (code < smallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *out_code = code;
    return length;
}

/* Eight at a time: the high bit of each byte of `other` says that the byte is another one. */
size_t sbx_text_plain_bytes(const char *data, size_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t at = 0;

    for (; bytes - at >= 8; at += 8) {
        uint64_t eight, quotes, slashes, other;

        memcpy(&eight, data + at, 8);
        quotes = eight ^ ones * '"';
        slashes = eight ^ ones * '\\';
        other = eight | (eight + ones) | (eight - ones * 0x20) | ((quotes - ones) & ~quotes) |
                ((slashes - ones) & ~slashes);
        if ((other & highs) != 0)
            break;
    }
    while (at < bytes && data[at] >= 0x20 && data[at] < 0x7F && data[at] != '"' && data[at] != '\\')
        at++;
    return at;
}

bool sbx_utf8_is_valid(const char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = sbx_utf8_decode(&code, data + at, bytes - at);

        if (length == 0 || code == 0)
            return false;
        at += length;
    }
    return true;
}

bool sbx_utf8_is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0x200E ||
           code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

void sbx_text_add_escaped(sbx_text *text, const char *data, size_t bytes)
{
    size_t plain = sbx_text_plain_bytes(data, bytes); /* before `at`, that go out as they are */

    for (size_t at = plain; at < bytes;) {
        uint32_t code = 0;
        size_t length = sbx_utf8_decode(&code, data + at, bytes - at);
        bool is_plain = length > 0 && code != '\\' && !sbx_utf8_is_unsafe(code);

        if (is_plain) {
            length += sbx_text_plain_bytes(data + at + length, bytes - at - length);
            at += length;
            plain += length;
            continue;
        }
        sbx_text_add_bytes(text, data + at - plain, plain);
        plain = 0;
        if (length == 0)
            sbx_text_add_format(text, "\\x%02x", (unsigned)(unsigned char)data[at]);
        else if (code == '\\')
            sbx_text_add(text, "\\\\");
        else if (code < 0x80)
            sbx_text_add_format(text, "\\x%02x", (unsigned)code);
        else
            sbx_text_add_format(text, "\\u{%04X}", (unsigned)code);
        at += length > 0 ? length : 1;
    }
    sbx_text_add_bytes(text, data + bytes - plain, plain);
}
