/* A keyed hash from the one that there is; see keyed_hash.h. */
#include "harness/base/keyed_hash.h"

#include <string.h>

#include "harness/base/sha256.h"

/* The key comes first and has one length: whoever does not know it can aim at nothing. */
uint64_t sbx_keyed_hash(const void *data, size_t bytes, const uint8_t key[SBX_KEYED_HASH_KEY_BYTES])
{
    uint8_t hash[SBX_SHA256_BYTES];
    uint64_t out;

    sbx_sha256(hash, (const sbx_bytes[]){{key, SBX_KEYED_HASH_KEY_BYTES}, {data, bytes}}, 2);
    memcpy(&out, hash, sizeof(out));
    return out;
}
