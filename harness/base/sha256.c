/* A hash as text. */
#include "harness/base/sha256.h"

void sbx_sha256_hex(char out[65], const uint8_t hash[SBX_SHA256_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < SBX_SHA256_BYTES; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[64] = '\0';
}
