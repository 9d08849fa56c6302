/* SHA-256 by CNG. */
#include "harness/base/sha256.h"

#include <windows.h>

#include <bcrypt.h>
#include <stdbool.h>
#include <stdlib.h>

/* As long as the process; CNG's own handle, hence safe to share. */
static BCRYPT_ALG_HANDLE provider(void)
{
    static void *volatile kept;
    BCRYPT_ALG_HANDLE opened = NULL;

    if (kept == NULL &&
        BCryptOpenAlgorithmProvider(&opened, BCRYPT_SHA256_ALGORITHM, NULL, 0) == 0 &&
        InterlockedCompareExchangePointer(&kept, opened, NULL) != NULL)
        BCryptCloseAlgorithmProvider(opened, 0); /* another thread was faster */
    return kept;
}

/* CNG counts in 32 bits. */
static bool add(BCRYPT_HASH_HANDLE hash, const unsigned char *data, size_t bytes)
{
    while (bytes > 0) {
        ULONG part = bytes > 1u << 30 ? 1u << 30 : (ULONG)bytes;

        if (BCryptHashData(hash, (PUCHAR)(uintptr_t)data, part, 0) != 0)
            return false;
        data += part;
        bytes -= part;
    }
    return true;
}

void sbx_sha256(uint8_t out[SBX_SHA256_BYTES], const sbx_bytes *parts, size_t part_count)
{
    BCRYPT_HASH_HANDLE hash = NULL;
    bool ok = BCryptCreateHash(provider(), &hash, NULL, 0, NULL, 0, 0) == 0;

    for (size_t i = 0; ok && i < part_count; i++)
        ok = add(hash, parts[i].data, parts[i].bytes);
    ok = ok && BCryptFinishHash(hash, out, SBX_SHA256_BYTES, 0) == 0;
    if (hash != NULL)
        BCryptDestroyHash(hash);
    if (!ok)
        abort(); /* without memory for a hash; a wrong one would break the ledger for good */
}
