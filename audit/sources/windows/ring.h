/*
 * The ring through which sbx-trace.dll, in the processes of a run, tells the supervisor which accesses were denied: one
 * section of fixed size, which every process of the run has mapped, writable. So everything in it is what a hostile
 * program says, at any moment, also while it is read.
 *
 * Life of a ring:
 *   1. sbx_ring_init()     by the supervisor, in a section of sizeof(sbx_ring) bytes without a name
 *   2. sbx_ring_put()      by any thread of any process of the run, as often as it likes; never waits
 *   3. sbx_ring_read()     by the supervisor's one thread, now and then: one pass over all slots, never waits
 *   4. sbx_ring_finish()   when nobody is alive who could write
 *
 * A slot is FREE, then WRITING (its writer alone may touch it), then READY, then FREE again. There is no order among
 * slots, and no place that everybody waits for: a writer that is ended in the middle costs one slot until the end.
 * What a reader believes: nothing but that the memory is there. Each slot is copied once and only the copy is looked
 * at; what does not make sense is counted and thrown away; no loop depends on a number in the ring.
 *
 * Plain C without the system, the same on Linux, where it is tested.
 * Who may include it: harness/target/windows, harness/runner/windows and tests.
 */
#ifndef SBX_AUDIT_SOURCES_WINDOWS_RING_H
#define SBX_AUDIT_SOURCES_WINDOWS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SBX_RING_SLOTS = 1024,
    SBX_RING_UNITS = 498,    /* of a name; a longer one keeps its end, which tells more */
    SBX_RING_TRIES = 64,     /* slots that a writer looks at before its record is lost */
    SBX_RING_LOST_MAX = 4096 /* what one pass believes of the writers' count of what they lost */
};

typedef enum sbx_ring_kind {
    SBX_RING_HELLO = 1, /* this process is traced; value: how many functions could not be wrapped */
    SBX_RING_DENIED = 2, /* value: the status, always SBX_RING_STATUS_DENIED */
} sbx_ring_kind;

#define SBX_RING_STATUS_DENIED UINT32_C(0xC0000022) /* STATUS_ACCESS_DENIED */

typedef enum sbx_ring_op {
    SBX_RING_WRITE,
    SBX_RING_CREATE,
    SBX_RING_REMOVE,
    SBX_RING_RENAME,
    SBX_RING_LINK,
    SBX_RING_KEY_WRITE, /* the registry's */
    SBX_RING_KEY_CREATE,
    SBX_RING_PROCESS, /* another process, to end or change it; the name is its number in decimal */
    SBX_RING_MAP,     /* memory that others have by a name, to write in it */
    SBX_RING_PORT,    /* a port of another process (ALPC), to call it */
    SBX_RING_CONNECT, /* of the network: the name is a struct sockaddr, see net_name.h */
    SBX_RING_BIND,
    SBX_RING_OP_COUNT
} sbx_ring_op;

typedef struct sbx_ring_slot {
    uint32_t state;
    uint32_t kind;
    uint32_t pid;
    uint32_t op;
    uint32_t value;
    uint32_t is_cut; /* the name's beginning is missing */
    uint32_t units;
    uint16_t name[SBX_RING_UNITS]; /* UTF-16, as the kernel was asked: \??\C:\docs\file */
} sbx_ring_slot;

typedef struct sbx_ring {
    uint32_t magic, slots, slot_bytes;
    uint32_t next; /* where the next writer begins to look */
    uint32_t lost; /* by writers that found no free slot */
    uint32_t unused[251];
    sbx_ring_slot slot[SBX_RING_SLOTS];
} sbx_ring;

/* A record before it is in the ring, and after it was taken from there. */
typedef struct sbx_ring_record {
    sbx_ring_kind kind;
    sbx_ring_op op;
    uint32_t pid;
    uint32_t value;
    bool is_cut;
    const uint16_t *name;
    size_t units;
} sbx_ring_record;

void sbx_ring_init(sbx_ring *ring);

/* Is it one of ours, with the slots that this program knows? */
bool sbx_ring_is_usable(const sbx_ring *ring);

/*
 * False: there was no room within SBX_RING_TRIES slots, and the ring's count of the lost has grown.
 * Context: anywhere in a target, under any lock; needs no stack worth the name, no memory, no system call
 */
bool sbx_ring_put(sbx_ring *ring, const sbx_ring_record *record);

typedef struct sbx_ring_reader {
    sbx_ring *ring;
    uint32_t lost_seen; /* of the ring's own count */
    uint64_t lost;      /* what writers said they lost, and slots that nobody finished */
    uint64_t refused;   /* what made no sense */
} sbx_ring_reader;

/* record and its name are the reader's, until visit returns. */
typedef void sbx_ring_visit(void *context, const sbx_ring_record *record);

/* One pass; how many slots were taken, whatever was in them. At most SBX_RING_SLOTS calls of visit. */
size_t sbx_ring_read(sbx_ring_reader *reader, sbx_ring_visit *visit, void *context);

/* The last pass: what is still being written never will be, and is lost. */
void sbx_ring_finish(sbx_ring_reader *reader, sbx_ring_visit *visit, void *context);

#endif
