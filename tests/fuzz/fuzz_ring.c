/*
 * The ring of sbx-trace.dll, into which every process of a run may write anything. The input is patches: two bytes of
 * slot, one of how long, and as many bytes over the slot's beginning; one beyond the last slot is the ring's own head.
 */
#include "audit/sources/windows/net_name.h"
#include "audit/sources/windows/nt_name.h"
#include "audit/sources/windows/ring.h"
#include "tests/fuzz/fuzz.h"

static const sbx_nt_drives drives = {.device = {[2] = "\\Device\\HarddiskVolume3"}};

static void see(void *context, const sbx_ring_record *record)
{
    size_t *count = context;
    sbx_text out = {0};
    bool is_address;

    (*count)++;
    SBX_FUZZ_MUST(record->kind == SBX_RING_HELLO || record->kind == SBX_RING_DENIED);
    SBX_FUZZ_MUST(record->pid > 0 && record->pid <= INT32_MAX);
    SBX_FUZZ_MUST(record->units <= SBX_RING_UNITS);
    if (record->kind == SBX_RING_DENIED)
        SBX_FUZZ_MUST(record->op < SBX_RING_OP_COUNT && record->units > 0);
    sbx_nt_name_add(&out, record->name, record->units, &drives);
    SBX_FUZZ_MUST(!out.failed && out.bytes <= 3 * (size_t)SBX_RING_UNITS);
    sbx_text_clear(&out);
    is_address = sbx_net_socket_add(&out, record->name, record->units);
    SBX_FUZZ_MUST(!out.failed && out.bytes <= 64 && is_address == (out.bytes > 0));
    sbx_text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbx_ring *ring = malloc(sizeof(*ring));
    sbx_ring_reader reader = {.ring = ring};
    size_t count = 0, taken;

    SBX_FUZZ_MUST(ring != NULL);
    sbx_ring_init(ring);
    while (size > 0) {
        size_t slot = (size_t)sbx_fuzz_take(&data, &size, 2) % (SBX_RING_SLOTS + 1);
        size_t bytes = (size_t)sbx_fuzz_take(&data, &size, 1);
        unsigned char *at =
            slot == SBX_RING_SLOTS ? (unsigned char *)ring : (unsigned char *)&ring->slot[slot];

        if (bytes > size)
            bytes = size;
        if (bytes > 0)
            memcpy(at, data, bytes);
        data += bytes;
        size -= bytes;
    }
    taken = sbx_ring_read(&reader, see, &count);
    SBX_FUZZ_MUST(taken <= SBX_RING_SLOTS && count + reader.refused == taken);
    SBX_FUZZ_MUST(reader.lost <= SBX_RING_LOST_MAX);
    sbx_ring_finish(&reader, see, &count);
    SBX_FUZZ_MUST(reader.lost <= SBX_RING_LOST_MAX + (uint64_t)SBX_RING_SLOTS);
    free(ring);
    return 0;
}
