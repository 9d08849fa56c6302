/*
 * A growable byte string, and what is said about text: UTF-8, and what may reach a terminal.
 *
 * An sbx_text that is all zero is a valid empty one. bytes is always followed by a NUL when data is
 * not NULL. Running out of memory makes it `failed`; further additions do nothing, and the one check
 * is sbx_text_check() at the end.
 */
#ifndef SBX_BASE_TEXT_H
#define SBX_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

typedef struct sbx_text {
    char *data;
    size_t bytes, room;
    bool failed;
} sbx_text;

void sbx_text_done(sbx_text *text);
void sbx_text_clear(sbx_text *text); /* keeps the memory */
void sbx_text_add(sbx_text *text, const char *string);
void sbx_text_add_bytes(sbx_text *text, const void *data, size_t bytes);
void sbx_text_add_format(sbx_text *text, const char *format, ...) SBX_PRINTF(2, 3);
/*
 * UTF-16 as UTF-8. Half a surrogate pair, which UTF-8 has no form for, becomes the three bytes that it would have, and
 * sbx_utf8_is_valid() says no to them.
 */
void sbx_text_add_utf16(sbx_text *text, const uint16_t *units, size_t count);
void sbx_text_add_unsigned(sbx_text *text, uint64_t value);
void sbx_text_add_signed(sbx_text *text, int64_t value);
/*
 * Room for that many bytes more, to be written there by the caller, who then adds their number to
 * `bytes` and puts a NUL behind them. NULL: no memory.
 */
char *sbx_text_reserve(sbx_text *text, size_t bytes);
SBX_MUST_USE sbx_status sbx_text_check(const sbx_text *text, sbx_error *err);
/* "" where nothing was added. */
const char *sbx_text_string(const sbx_text *text);

/*
 * How many bytes from the start are printable ASCII other than quotes and backslashes: what JSON, CSV and
 * a terminal take as it stands, and nearly all of what is ever written.
 */
size_t sbx_text_plain_bytes(const char *data, size_t bytes);

/* Strict UTF-8 (no surrogates, no overlong forms, no NUL). */
bool sbx_utf8_is_valid(const char *data, size_t bytes);

/*
 * The well-formed UTF-8 sequence at the start of data: its length (1 to 4) and its code point, or 0
 * where there is none. A NUL byte is the code point 0.
 */
size_t sbx_utf8_decode(uint32_t *out_code, const char *data, size_t bytes);

/* Code points that steer a terminal or hide text: C0, DEL, C1, bidirectional controls, line separators. */
bool sbx_utf8_is_unsafe(uint32_t code);

/*
 * Adds a string that an untrusted program chose so that it is safe on a terminal and in one line:
 * control characters (C0, DEL, C1), bidirectional overrides and bytes that are not UTF-8 become \xNN
 * or \u{NNNN}, a backslash becomes two.
 */
void sbx_text_add_escaped(sbx_text *text, const char *data, size_t bytes);

#endif
