/*
 * Windows has no Ed25519 of its own, and no library for it is built in here yet: there are no signatures, and
 * sbx_ed25519_is_there() says so to whoever would make or check one.
 */
#include "harness/base/ed25519.h"

#include <stdlib.h>
#include <windows.h>

bool sbx_ed25519_is_there(void)
{
    return false;
}

void sbx_ed25519_public(uint8_t out[SBX_ED25519_KEY_BYTES],
                        const uint8_t secret[SBX_ED25519_KEY_BYTES])
{
    (void)out;
    (void)secret;
    abort();
}

void sbx_ed25519_sign(uint8_t out[SBX_ED25519_SIGNATURE_BYTES], const void *message, size_t bytes,
                      const uint8_t secret[SBX_ED25519_KEY_BYTES])
{
    (void)out;
    (void)message;
    (void)bytes;
    (void)secret;
    abort();
}

bool sbx_ed25519_is_signed(const void *message, size_t bytes,
                           const uint8_t signature[SBX_ED25519_SIGNATURE_BYTES],
                           const uint8_t public_key[SBX_ED25519_KEY_BYTES])
{
    (void)message;
    (void)bytes;
    (void)signature;
    (void)public_key;
    abort();
}

void sbx_forget(void *secret, size_t bytes)
{
    SecureZeroMemory(secret, bytes);
}
