/* SHA-256 by libsodium. */
#include "harness/base/sha256.h"

#include <sodium/crypto_hash_sha256.h>

void sbx_sha256(uint8_t out[SBX_SHA256_BYTES], const sbx_bytes *parts, size_t part_count)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < part_count; i++)
        if (parts[i].bytes > 0)
            crypto_hash_sha256_update(&state, parts[i].data, parts[i].bytes);
    crypto_hash_sha256_final(&state, out);
}
