/*
 * Reading what an event says, as fast as its hash can be computed: the members of one object in their
 * order, each value as the JSON text that it is, without copies. Made for the ledger's own bytes;
 * whatever else is given, it stays within them and says where it does not understand.
 */
#ifndef SBX_AUDIT_BODY_H
#define SBX_AUDIT_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct sbx_slice {
    const char *data;
    size_t bytes;
} sbx_slice;

typedef struct sbx_body {
    const char *at, *end;
    bool is_array;
    bool is_begun;
    bool failed; /* not JSON */
} sbx_body;

typedef struct sbx_member {
    sbx_slice key;   /* without the quotes; empty in an array */
    sbx_slice value; /* with them */
} sbx_member;

/* text: an object or an array, whole. */
void sbx_body_begin(sbx_body *body, sbx_slice text);
/* false: no more, or failed. */
bool sbx_body_next(sbx_member *out, sbx_body *body);

/* How long the value is that the text begins with; 0: it begins with none that has an end. */
size_t sbx_body_value_bytes(sbx_slice text);

static inline bool sbx_slice_is(sbx_slice slice, const char *text)
{
    size_t bytes = strlen(text); /* of a literal: known when this is compiled */

    return slice.bytes == bytes && memcmp(slice.data, text, bytes) == 0;
}

/* A number that is whole and fits; false otherwise. */
bool sbx_slice_unsigned(uint64_t *out, sbx_slice value);
bool sbx_slice_signed(int64_t *out, sbx_slice value);
/* The value is the JSON of that text, as sbx_json_bytes() writes it. */
bool sbx_slice_is_string(sbx_slice value, const char *data, size_t bytes);
/* … of these bytes in hexadecimal. */
bool sbx_slice_is_hex(sbx_slice value, const void *data, size_t bytes);

#endif
