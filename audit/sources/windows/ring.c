/* The reader's side; see ring.h. */
#include "audit/sources/windows/ring.h"

#include <string.h>

#include "audit/sources/windows/ring_state.h"

_Static_assert(sizeof(sbx_ring_slot) == 1024, "a slot is as every process of a run lays it out");
_Static_assert(sizeof(sbx_ring) == 1024 * (SBX_RING_SLOTS + 1), "and so is the ring");

void sbx_ring_init(sbx_ring *ring)
{
    memset(ring, 0, sizeof(*ring));
    ring->slots = SBX_RING_SLOTS;
    ring->slot_bytes = sizeof(sbx_ring_slot);
    __atomic_store_n(&ring->magic, SBX_RING_MAGIC, __ATOMIC_RELEASE);
}

/* Of a copy that nobody else can change. */
static bool makes_sense(sbx_ring_record *out, const sbx_ring_slot *copy)
{
    *out = (sbx_ring_record){.kind = (sbx_ring_kind)copy->kind,
                             .op = (sbx_ring_op)copy->op,
                             .pid = copy->pid,
                             .value = copy->value,
                             .is_cut = copy->is_cut != 0,
                             .name = copy->name,
                             .units = copy->units};
    if (copy->pid == 0 || copy->pid > INT32_MAX || copy->units > SBX_RING_UNITS)
        return false;
    if (copy->kind == SBX_RING_HELLO)
        return true;
    return copy->kind == SBX_RING_DENIED && copy->op < SBX_RING_OP_COUNT && copy->units > 0 &&
           copy->value == SBX_RING_STATUS_DENIED;
}

static void take(sbx_ring_reader *reader, sbx_ring_slot *slot, sbx_ring_visit *visit, void *context)
{
    sbx_ring_slot copy;
    sbx_ring_record record;

    memcpy(&copy, slot, sizeof(copy));
    __atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_RELEASE);
    if (makes_sense(&record, &copy))
        visit(context, &record);
    else
        reader->refused++;
}

/* Their count goes round, and may say anything: a wild one is believed up to a bound. */
static void note_lost(sbx_ring_reader *reader)
{
    uint32_t now = __atomic_load_n(&reader->ring->lost, __ATOMIC_RELAXED);
    uint32_t more = now - reader->lost_seen;

    reader->lost += more > SBX_RING_LOST_MAX ? SBX_RING_LOST_MAX : more;
    reader->lost_seen = now;
}

size_t sbx_ring_read(sbx_ring_reader *reader, sbx_ring_visit *visit, void *context)
{
    size_t taken = 0;

    for (size_t i = 0; i < SBX_RING_SLOTS; i++) {
        sbx_ring_slot *slot = &reader->ring->slot[i];
        uint32_t state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);

        if (state == SLOT_FREE || state == SLOT_WRITING)
            continue;
        if (state == SLOT_READY) {
            take(reader, slot, visit, context);
        } else { /* no writer of ours leaves it so */
            __atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_RELEASE);
            reader->refused++;
        }
        taken++;
    }
    note_lost(reader);
    return taken;
}

void sbx_ring_finish(sbx_ring_reader *reader, sbx_ring_visit *visit, void *context)
{
    (void)sbx_ring_read(reader, visit, context);
    for (size_t i = 0; i < SBX_RING_SLOTS; i++)
        if (__atomic_load_n(&reader->ring->slot[i].state, __ATOMIC_RELAXED) == SLOT_WRITING)
            reader->lost++;
}
