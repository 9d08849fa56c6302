/*
 * Filling an sbx_error without allocation, locale or stdio, so that it also works between fork and
 * exec. The formatter knows %s %d %u %zu %llu %% and nothing else.
 */
#include "harness/base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

const char *sbx_status_word(sbx_status status)
{
    static const char *const words[] = {
#define X(name, word) [SBX_##name] = word,
        SBX_STATUS_MAP(X)
#undef X
    };
    return (size_t)status < SBX_COUNT_OF(words) ? words[status] : "unknown";
}

const char *sbx_step_word(sbx_step step)
{
    static const char *const words[] = {
#define X(name, word) [SBX_STEP_##name] = word,
        SBX_STEP_MAP(X)
#undef X
    };
    return (size_t)step < SBX_COUNT_OF(words) ? words[step] : "unknown";
}

/* Where the text goes; what does not fit is dropped. */
typedef struct span {
    char *at, *end; /* end: place of the last NUL */
} span;

static void put_bytes(span *out, const char *data, size_t bytes)
{
    size_t room = (size_t)(out->end - out->at);

    if (bytes > room) {
        bytes = room;
        while (bytes > 0 && ((unsigned char)data[bytes] & 0xC0) == 0x80)
            bytes--; /* never half a UTF-8 sequence */
        out->end = out->at + bytes;
    }
    memcpy(out->at, data, bytes);
    out->at += bytes;
}

static void put_unsigned(span *out, uint64_t value, bool is_negative)
{
    char digits[24];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (is_negative)
        digits[--start] = '-';
    put_bytes(out, digits + start, sizeof(digits) - start);
}

/* One conversion; returns the rest of the format. An unknown one is shown as it stands. */
static const char *put_conversion(span *out, const char *format, va_list *args)
{
    if (format[0] == 's') {
        const char *text = va_arg(*args, const char *);

        if (text == NULL)
            text = "(null)";
        put_bytes(out, text, strlen(text));
        return format + 1;
    }
    if (format[0] == 'd') {
        int value = va_arg(*args, int);

        put_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
        return format + 1;
    }
    if (format[0] == 'u') {
        put_unsigned(out, va_arg(*args, unsigned), false);
        return format + 1;
    }
    if (strncmp(format, "zu", 2) == 0) {
        put_unsigned(out, va_arg(*args, size_t), false);
        return format + 2;
    }
    if (strncmp(format, "llu", 3) == 0) {
        put_unsigned(out, va_arg(*args, unsigned long long), false);
        return format + 3;
    }
    if (format[0] == '%') {
        put_bytes(out, "%", 1);
        return format + 1;
    }
    put_bytes(out, "%", 1);
    return format;
}

static void put_format(span *out, const char *format, va_list *args)
{
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");

        put_bytes(out, format, plain);
        format += plain;
        if (*format == '%')
            format = put_conversion(out, format + 1, args);
    }
    *out->at = '\0';
}

sbx_status sbx_fail(sbx_error *err, sbx_status status, sbx_step step, sbx_os_domain domain,
                    int code, const char *format, ...)
{
    const char *system_text = domain == SBX_OS_NONE ? "" : sbx_os_text(domain, code);
    size_t tail_bytes = system_text[0] == '\0' ? 0 : strlen(system_text) + 2;
    span out;
    va_list args;

    if (err == NULL)
        return status;
    err->status = status;
    err->step = step;
    err->os_domain = domain;
    err->os_code = code;

    /* A path of 4096 bytes must not push out the reason: the reason's room is kept free. */
    out.at = err->message;
    out.end = err->message + sizeof(err->message) - 1 - tail_bytes;
    va_start(args, format);
    put_format(&out, format, &args);
    va_end(args);
    if (tail_bytes > 0) {
        out.end = out.at + tail_bytes;
        put_bytes(&out, ": ", 2);
        put_bytes(&out, system_text, tail_bytes - 2);
        *out.at = '\0';
    }
    return status;
}

void sbx_error_context(sbx_error *err, const char *format, ...)
{
    char old[SBX_ERROR_TEXT_BYTES];
    span out;
    va_list args;

    if (err == NULL)
        return;
    memcpy(old, err->message, sizeof(old));
    old[sizeof(old) - 1] = '\0';
    out.at = err->message;
    out.end = err->message + sizeof(err->message) - 1;
    va_start(args, format);
    put_format(&out, format, &args);
    va_end(args);
    put_bytes(&out, ": ", 2);
    put_bytes(&out, old, strlen(old));
    *out.at = '\0';
}
