/*
 * See arguments.h. They mostly lie one behind the other, on a stack or a heap: then one call reads them all instead of one for
 * each, while the program waits.
 */
#include "audit/sources/linux/arguments.h"

#include <string.h>

#include "audit/sources/linux/memory.h"
#include "harness/base/json.h"

enum { MOST_BYTES = SBX_ARGUMENT_BYTES_MOST + 1 }; /* with its end */

typedef struct stretch {
    uint64_t from;
    size_t bytes;
    char data[8 * MOST_BYTES];
} stretch;

/* From the first of these to the last of them that lies near behind it, and a whole argument more; as far as it can be read. */
static void read_stretch(stretch *out, pid_t task, const uint64_t *pointers, size_t count)
{
    uint64_t last = pointers[0];

    for (size_t i = 1; i < count && pointers[i] != 0; i++)
        if (pointers[i] > last && pointers[i] - pointers[0] < sizeof(out->data) - MOST_BYTES)
            last = pointers[i];
    out->from = pointers[0];
    out->bytes = sbx_memory_read(task, out->from, out->data, last - out->from + MOST_BYTES);
}

/* Where it lies in there, with its end; NULL: not, or it is longer than is kept. */
static const char *find_in(const stretch *in, uint64_t address, size_t *out_bytes)
{
    const char *at, *end;
    size_t room;

    if (address - in->from >= in->bytes) /* or before it */
        return NULL;
    at = in->data + (address - in->from);
    room = in->bytes - (size_t)(address - in->from);
    end = memchr(at, '\0', room < MOST_BYTES ? room : MOST_BYTES);
    if (end == NULL)
        return NULL;
    *out_bytes = (size_t)(end - at);
    return at;
}

/* The first of these. */
static void add_one(sbx_json *json, stretch *near, pid_t task, const uint64_t *pointers,
                    size_t count, size_t *budget)
{
    size_t bytes;
    const char *at = find_in(near, pointers[0], &bytes);

    if (at == NULL) {
        read_stretch(near, task, pointers, count);
        at = find_in(near, pointers[0], &bytes);
    }
    if (at == NULL) { /* too long, or not to be read to its end */
        at = near->data;
        bytes = near->bytes < SBX_ARGUMENT_BYTES_CUT ? near->bytes : SBX_ARGUMENT_BYTES_CUT;
    }
    if (bytes > *budget)
        bytes = *budget;
    sbx_json_bytes(json, NULL, at, bytes);
    *budget -= bytes;
}

void sbx_arguments_read(sbx_text *out, pid_t task, uint64_t address)
{
    uint64_t pointers[SBX_ARGUMENTS_MOST];
    size_t count = sbx_memory_read(task, address, pointers, sizeof(pointers)) / sizeof(pointers[0]);
    size_t budget = SBX_ARGUMENTS_BYTES_MOST, i;
    stretch near;
    sbx_json json;

    near.from = near.bytes = 0;
    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (i = 0; i < count && pointers[i] != 0 && budget > 0; i++)
        add_one(&json, &near, task, pointers + i, count - i, &budget);
    if (i < count ? pointers[i] != 0 : count > 0)
        sbx_json_string(&json, NULL, "\xE2\x80\xA6");
    sbx_json_close_array(&json);
}
