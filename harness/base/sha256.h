/* SHA-256, by libsodium on Linux and CNG on Windows. */
#ifndef SBX_BASE_SHA256_H
#define SBX_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SBX_SHA256_BYTES = 32 };

/* One shot over the parts in order. */
typedef struct sbx_bytes {
    const void *data;
    size_t bytes;
} sbx_bytes;

void sbx_sha256(uint8_t out[SBX_SHA256_BYTES], const sbx_bytes *parts, size_t part_count);
/* 64 lower-case digits and a NUL. */
void sbx_sha256_hex(char out[65], const uint8_t hash[SBX_SHA256_BYTES]);

#endif
