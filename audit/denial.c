/*
 * The set of a run's denials: an array in order of first sight, and a hash table of indexes into
 * it. The target chooses the keys, so the hash is SipHash-1-3 under a random key: it cannot aim at
 * one chain. The table is never more than half full.
 */
#include "audit/denial.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"

const char *sbx_denial_class_word(sbx_denial_class value)
{
    static const char *const words[] = {"file", "network", "process", "syscall"};

    return (size_t)value < SBX_COUNT_OF(words) ? words[value] : "unknown";
}

const char *sbx_denial_source_word(sbx_denial_source value)
{
    static const char *const words[] = {"seccomp", "landlock",     "mask",
                                        "ntdll",   "security_log", "wfp"};

    return (size_t)value < SBX_COUNT_OF(words) ? words[value] : "unknown";
}

const char *sbx_confidence_word(sbx_confidence value)
{
    static const char *const words[] = {"kernel", "broker", "observed", "inferred"};

    return (size_t)value < SBX_COUNT_OF(words) ? words[value] : "unknown";
}

typedef struct entry {
    sbx_denial denial;
    uint64_t hash;
    bool is_changed, is_taken;
} entry;

struct sbx_denials {
    entry *entries;
    size_t count, room;
    uint32_t *slots;      /* index + 1, 0: free */
    size_t slot_count;    /* a power of two */
    size_t first_changed; /* none before it */
    size_t text_bytes;
    uint64_t key[2];
    uint64_t total, lost;
};

enum { FIRST_SLOTS = 64 };

sbx_denials *sbx_denials_create(void)
{
    sbx_denials *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->slots = calloc(FIRST_SLOTS, sizeof(*set->slots));
    set->slot_count = FIRST_SLOTS;
    if (set->slots == NULL || sbx_random_bytes(set->key, sizeof(set->key), NULL) != SBX_OK) {
        sbx_denials_free(set);
        return NULL;
    }
    return set;
}

void sbx_denials_free(sbx_denials *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        free((char *)(uintptr_t)set->entries[i].denial.target); /* exe lies in the same block */
    free(set->entries);
    free(set->slots);
    free(set);
}

typedef struct siphash {
    uint64_t v[4];
    uint64_t tail; /* bytes that do not fill a word yet */
    size_t bytes;
} siphash;

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void siphash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void siphash_word(siphash *self, uint64_t word)
{
    self->v[3] ^= word;
    siphash_round(self->v);
    self->v[0] ^= word;
}

static void siphash_add(siphash *self, const void *data, size_t bytes)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < bytes; i++) {
        self->tail |= (uint64_t)at[i] << (8 * (self->bytes % 8));
        if (++self->bytes % 8 == 0) {
            siphash_word(self, self->tail);
            self->tail = 0;
        }
    }
}

static uint64_t siphash_end(siphash *self)
{
    siphash_word(self, self->tail | (uint64_t)self->bytes << 56);
    self->v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        siphash_round(self->v);
    return self->v[0] ^ self->v[1] ^ self->v[2] ^ self->v[3];
}

static uint64_t hash_of(const sbx_denials *set, const sbx_denial *denial)
{
    siphash hash = {.v = {set->key[0] ^ UINT64_C(0x736f6d6570736575),
                          set->key[1] ^ UINT64_C(0x646f72616e646f6d),
                          set->key[0] ^ UINT64_C(0x6c7967656e657261),
                          set->key[1] ^ UINT64_C(0x7465646279746573)}};
    uint32_t words[] = {(uint32_t)denial->kind, (uint32_t)denial->source,
                        (uint32_t)denial->target_bytes};

    siphash_add(&hash, words, sizeof(words));
    siphash_add(&hash, denial->target, denial->target_bytes);
    siphash_add(&hash, denial->op, strlen(denial->op));
    if (denial->exe != NULL)
        siphash_add(&hash, denial->exe, strlen(denial->exe));
    return siphash_end(&hash);
}

static bool is_same(const sbx_denial *a, const sbx_denial *b)
{
    return a->kind == b->kind && a->source == b->source && a->target_bytes == b->target_bytes &&
           memcmp(a->target, b->target, a->target_bytes) == 0 && strcmp(a->op, b->op) == 0 &&
           (a->exe == NULL) == (b->exe == NULL) && (a->exe == NULL || strcmp(a->exe, b->exe) == 0);
}

/* The slot that holds the denial, or the free one where it belongs. */
static uint32_t *find_slot(const sbx_denials *set, const sbx_denial *denial, uint64_t hash)
{
    size_t mask = set->slot_count - 1;

    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &set->slots[at];

        if (*slot == 0)
            return slot;
        if (set->entries[*slot - 1].hash == hash &&
            is_same(&set->entries[*slot - 1].denial, denial))
            return slot;
    }
}

/* Room for one more entry, in a table at most half full. */
static bool make_room(sbx_denials *set)
{
    uint32_t *slots;
    size_t slot_count = set->slot_count * 2;

    if (set->count == set->room) {
        size_t room = set->room == 0 ? 16 : set->room * 2;
        entry *entries = realloc(set->entries, room * sizeof(*entries));

        if (entries == NULL)
            return false;
        set->entries = entries;
        set->room = room;
    }
    if ((set->count + 1) * 2 <= set->slot_count)
        return true;
    slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        size_t at = (size_t)set->entries[i].hash & (slot_count - 1);

        while (slots[at] != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(set->slots);
    set->slots = slots;
    set->slot_count = slot_count;
    return true;
}

/* target and exe in one block, both with a NUL. */
static bool copy_texts(sbx_denials *set, sbx_denial *denial)
{
    size_t exe_bytes = denial->exe == NULL ? 0 : strlen(denial->exe) + 1;
    size_t bytes = denial->target_bytes + 1 + exe_bytes;
    char *block;

    if (bytes > (size_t)SBX_DENIALS_TEXT_BYTES_MAX - set->text_bytes)
        return false;
    block = malloc(bytes);
    if (block == NULL)
        return false;
    memcpy(block, denial->target, denial->target_bytes);
    block[denial->target_bytes] = '\0';
    denial->target = block;
    if (denial->exe != NULL) {
        memcpy(block + denial->target_bytes + 1, denial->exe, exe_bytes);
        denial->exe = block + denial->target_bytes + 1;
    }
    set->text_bytes += bytes;
    return true;
}

static bool add_new(sbx_denials *set, const sbx_denial *denial, uint64_t hash)
{
    entry *added;

    if (set->count >= SBX_DENIALS_MAX || !make_room(set))
        return false;
    added = &set->entries[set->count];
    *added = (entry){.denial = *denial, .hash = hash, .is_changed = true};
    if (!copy_texts(set, &added->denial))
        return false;
    *find_slot(set, &added->denial, hash) = (uint32_t)set->count + 1;
    if (set->first_changed > set->count)
        set->first_changed = set->count;
    set->count++;
    return true;
}

void sbx_denials_add(sbx_denials *set, const sbx_denial *denial)
{
    uint64_t hash = hash_of(set, denial);
    uint32_t slot = *find_slot(set, denial, hash);
    entry *known;

    set->total += denial->count;
    if (slot == 0) {
        if (!add_new(set, denial, hash))
            set->lost += denial->count;
        return;
    }
    known = &set->entries[slot - 1];
    known->denial.count += denial->count;
    if (denial->first_us < known->denial.first_us)
        known->denial.first_us = denial->first_us;
    if (denial->last_us > known->denial.last_us)
        known->denial.last_us = denial->last_us;
    known->is_changed = true;
    if (set->first_changed > slot - 1)
        set->first_changed = slot - 1;
}

size_t sbx_denials_count(const sbx_denials *set)
{
    return set->count;
}

const sbx_denial *sbx_denials_get(const sbx_denials *set, size_t index)
{
    return index < set->count ? &set->entries[index].denial : NULL;
}

uint64_t sbx_denials_total(const sbx_denials *set)
{
    return set->total;
}

uint64_t sbx_denials_lost(const sbx_denials *set)
{
    return set->lost;
}

void sbx_denials_take_changes(sbx_denials *set, sbx_denial_visit *visit, void *context)
{
    for (size_t i = set->first_changed; i < set->count; i++) {
        entry *self = &set->entries[i];

        if (!self->is_changed)
            continue;
        visit(context, i, &self->denial, !self->is_taken);
        self->is_changed = false;
        self->is_taken = true;
    }
    set->first_changed = set->count;
}

void sbx_denials_retake(sbx_denials *set)
{
    for (size_t i = 0; i < set->count; i++) {
        set->entries[i].is_changed = true;
        set->entries[i].is_taken = false;
    }
    set->first_changed = 0;
}
