/* SHA-256: by the processor where it can, else by libsodium. */
#include "harness/base/sha256.h"

#include <sodium/crypto_hash_sha256.h>
#include <string.h>

#include "harness/base/linux/sha256_ni.h"

enum { BLOCK_BYTES = 64 };

static void by_library(uint8_t out[SBX_SHA256_BYTES], const sbx_bytes *parts, size_t part_count)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < part_count; i++)
        if (parts[i].bytes > 0)
            crypto_hash_sha256_update(&state, parts[i].data, parts[i].bytes);
    crypto_hash_sha256_final(&state, out);
}

typedef struct hasher {
    uint32_t state[8];
    uint8_t block[BLOCK_BYTES]; /* what is not a whole one yet */
    size_t held;
    uint64_t bytes;
} hasher;

static void add(hasher *self, const uint8_t *data, size_t bytes)
{
    size_t whole;

    self->bytes += bytes;
    if (self->held > 0) {
        size_t some = bytes < BLOCK_BYTES - self->held ? bytes : BLOCK_BYTES - self->held;

        memcpy(self->block + self->held, data, some);
        self->held += some;
        data += some;
        bytes -= some;
        if (self->held < BLOCK_BYTES)
            return;
        sbx_sha256_ni_blocks(self->state, self->block, 1);
    }
    whole = bytes / BLOCK_BYTES;
    sbx_sha256_ni_blocks(self->state, data, whole);
    self->held = bytes % BLOCK_BYTES;
    memcpy(self->block, data + whole * BLOCK_BYTES, self->held);
}

/* A one, zeros, and the number of bits, so that the last block is whole. */
static void finish(uint8_t out[SBX_SHA256_BYTES], hasher *self)
{
    uint8_t padding[BLOCK_BYTES + 8] = {0x80};
    uint64_t bits = self->bytes * 8;
    size_t zeros = (2 * BLOCK_BYTES - 8 - self->held) % BLOCK_BYTES;

    zeros = zeros == 0 ? BLOCK_BYTES : zeros; /* the 0x80 takes one of them */
    for (int i = 0; i < 8; i++)
        padding[zeros + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    add(self, padding, zeros + 8);
    for (int i = 0; i < SBX_SHA256_BYTES; i++)
        out[i] = (uint8_t)(self->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sbx_sha256(uint8_t out[SBX_SHA256_BYTES], const sbx_bytes *parts, size_t part_count)
{
    static _Atomic int is_there; /* 0: not asked yet; who asks twice hears the same */
    hasher self = {.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                             0x1f83d9ab, 0x5be0cd19}};

    if (is_there == 0)
        is_there = sbx_sha256_ni_is_there() ? 1 : -1;
    if (is_there < 0) {
        by_library(out, parts, part_count);
        return;
    }
    for (size_t i = 0; i < part_count; i++)
        if (parts[i].bytes > 0)
            add(&self, parts[i].data, parts[i].bytes);
    finish(out, &self);
}
