/* The writers' side; see ring.h. Part of sbx-trace.dll, which has no C library. */
#include "audit/sources/windows/ring.h"
#include "audit/sources/windows/ring_state.h"

bool sbx_ring_is_usable(const sbx_ring *ring)
{
    return ring->magic == SBX_RING_MAGIC && ring->slots == SBX_RING_SLOTS &&
           ring->slot_bytes == sizeof(sbx_ring_slot);
}

static void fill(sbx_ring_slot *slot, const sbx_ring_record *record)
{
    size_t units = record->units, skip = 0;

    if (units > SBX_RING_UNITS) {
        skip = units - SBX_RING_UNITS;
        units = SBX_RING_UNITS;
    }
    slot->kind = record->kind;
    slot->pid = record->pid;
    slot->op = record->op;
    slot->value = record->value;
    slot->is_cut = record->is_cut || skip > 0;
    slot->units = (uint32_t)units;
    for (size_t i = 0; i < units; i++)
        slot->name[i] = record->name[skip + i];
}

bool sbx_ring_put(sbx_ring *ring, const sbx_ring_record *record)
{
    uint32_t first = __atomic_fetch_add(&ring->next, 1, __ATOMIC_RELAXED);

    for (uint32_t i = 0; i < SBX_RING_TRIES; i++) {
        sbx_ring_slot *slot = &ring->slot[(first + i) % SBX_RING_SLOTS];
        uint32_t state = SLOT_FREE;

        if (!__atomic_compare_exchange_n(&slot->state, &state, SLOT_WRITING, false,
                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            continue;
        fill(slot, record);
        __atomic_store_n(&slot->state, SLOT_READY, __ATOMIC_RELEASE);
        return true;
    }
    (void)__atomic_fetch_add(&ring->lost, 1, __ATOMIC_RELAXED);
    return false;
}
