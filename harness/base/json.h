/*
 * Writing JSON into an sbx_text: commas and escaping are looked after, nesting is the caller's.
 * Bytes that are not UTF-8 are written as U+FFFD, so that the output is always valid JSON; where
 * the exact bytes matter the caller adds a second key with sbx_json_hex.
 * (Reading is jansson's, in harness/policy, harness/batch and harness/setup only.)
 */
#ifndef SBX_BASE_JSON_H
#define SBX_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/text.h"

typedef struct sbx_json {
    sbx_text *out;
    bool needs_comma;
} sbx_json;

void sbx_json_init(sbx_json *json, sbx_text *out);
/* key NULL: an array element or the top value. */
void sbx_json_open_object(sbx_json *json, const char *key);
void sbx_json_close_object(sbx_json *json);
void sbx_json_open_array(sbx_json *json, const char *key);
void sbx_json_close_array(sbx_json *json);
void sbx_json_string(sbx_json *json, const char *key, const char *value); /* NULL: null */
void sbx_json_bytes(sbx_json *json, const char *key, const char *data, size_t bytes);
void sbx_json_unsigned(sbx_json *json, const char *key, uint64_t value);
void sbx_json_signed(sbx_json *json, const char *key, int64_t value);
void sbx_json_bool(sbx_json *json, const char *key, bool value);
void sbx_json_null(sbx_json *json, const char *key);
void sbx_json_hex(sbx_json *json, const char *key, const void *data, size_t bytes);
/* Text that is JSON already. */
void sbx_json_raw(sbx_json *json, const char *key, const char *value);

#endif
