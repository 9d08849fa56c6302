/* SipHash by libsodium. */
#include "harness/base/keyed_hash.h"

#include <sodium/crypto_shorthash_siphash24.h>
#include <string.h>

uint64_t sbx_keyed_hash(const void *data, size_t bytes, const uint8_t key[SBX_KEYED_HASH_KEY_BYTES])
{
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    uint64_t out;

    (void)crypto_shorthash_siphash24(hash, data, bytes, key);
    memcpy(&out, hash, sizeof(out));
    return out;
}
