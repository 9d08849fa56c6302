/* A hash table of texts; see report_strings.h. */
#include "audit/report_strings.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"

/*
 * Programs under audit choose the texts, so that they could choose ones that collide: what they cannot
 * choose is where the table is in memory, which is mixed in.
 */
static uint64_t hash_of(const sbx_report_strings *strings, const unsigned char *data, size_t bytes)
{
    uint64_t hash = (uint64_t)(uintptr_t)strings ^ UINT64_C(0x9E3779B97F4A7C15);

    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ data[i]) * UINT64_C(0xFF51AFD7ED558CCD);
        hash ^= hash >> 32;
    }
    return hash;
}

static void place(sbx_report_strings *strings, uint32_t number)
{
    size_t slot = strings->entries[number].hash & (strings->slot_count - 1);

    while (strings->slots[slot] != 0)
        slot = (slot + 1) & (strings->slot_count - 1);
    strings->slots[slot] = number + 1;
}

/* Room for one more, with at least half of the slots free. */
static bool grow(sbx_report_strings *strings)
{
    if (strings->count == strings->room) {
        size_t room = strings->room == 0 ? 1024 : strings->room * 2;
        sbx_report_string *entries = realloc(strings->entries, room * sizeof(*entries));

        if (entries == NULL || room > UINT32_MAX / 2) {
            strings->entries = entries == NULL ? strings->entries : entries;
            return false;
        }
        strings->entries = entries;
        strings->room = room;
    }
    if ((strings->count + 1) * 2 > strings->slot_count) {
        size_t slot_count = strings->slot_count == 0 ? 4096 : strings->slot_count * 2;
        uint32_t *slots = calloc(slot_count, sizeof(*slots));

        if (slots == NULL)
            return false;
        free(strings->slots);
        strings->slots = slots;
        strings->slot_count = slot_count;
        for (uint32_t i = 0; i < strings->count; i++)
            place(strings, i);
    }
    return true;
}

uint32_t sbx_report_string_number(bool *out_is_new, sbx_report_strings *strings, const void *data,
                                  size_t bytes)
{
    uint64_t hash = hash_of(strings, data, bytes);
    sbx_report_string *entry;

    if (out_is_new != NULL)
        *out_is_new = false;
    if (strings->slot_count > 0)
        for (size_t slot = hash & (strings->slot_count - 1); strings->slots[slot] != 0;
             slot = (slot + 1) & (strings->slot_count - 1)) {
            entry = &strings->entries[strings->slots[slot] - 1];
            if (entry->hash == hash && entry->bytes == bytes &&
                (bytes == 0 || memcmp(strings->raw.data + entry->start, data, bytes) == 0))
                return strings->slots[slot] - 1;
        }
    if (strings->failed || !grow(strings)) {
        strings->failed = true;
        return 0;
    }
    entry = &strings->entries[strings->count];
    *entry = (sbx_report_string){.hash = hash, .start = strings->raw.bytes, .bytes = bytes};
    sbx_text_add_bytes(&strings->raw, data, bytes);
    if (strings->raw.failed) { /* what is in the table can be compared with */
        strings->failed = true;
        return 0;
    }
    place(strings, (uint32_t)strings->count);
    if (out_is_new != NULL)
        *out_is_new = true;
    return (uint32_t)strings->count++;
}

void sbx_report_strings_write(sbx_text *out, const sbx_report_strings *strings)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (size_t i = 0; i < strings->count; i++)
        sbx_json_bytes(&json, NULL,
                       strings->raw.data == NULL ? ""
                                                 : strings->raw.data + strings->entries[i].start,
                       strings->entries[i].bytes);
    sbx_json_close_array(&json);
    out->failed = out->failed || strings->failed;
}

void sbx_report_strings_done(sbx_report_strings *strings)
{
    sbx_text_done(&strings->raw);
    free(strings->entries);
    free(strings->slots);
    *strings = (sbx_report_strings){0};
}
