/* Ed25519 by libsodium. */
#include "harness/base/ed25519.h"

#include <sodium/crypto_sign_ed25519.h>
#include <sodium/utils.h>

void sbx_ed25519_public(uint8_t out[SBX_ED25519_KEY_BYTES],
                        const uint8_t secret[SBX_ED25519_KEY_BYTES])
{
    uint8_t both[crypto_sign_ed25519_SECRETKEYBYTES];

    (void)crypto_sign_ed25519_seed_keypair(out, both, secret);
    sodium_memzero(both, sizeof(both));
}

void sbx_ed25519_sign(uint8_t out[SBX_ED25519_SIGNATURE_BYTES], const void *message, size_t bytes,
                      const uint8_t secret[SBX_ED25519_KEY_BYTES])
{
    uint8_t both[crypto_sign_ed25519_SECRETKEYBYTES];
    uint8_t public_key[SBX_ED25519_KEY_BYTES];

    (void)crypto_sign_ed25519_seed_keypair(public_key, both, secret);
    (void)crypto_sign_ed25519_detached(out, NULL, message, bytes, both);
    sodium_memzero(both, sizeof(both));
}

bool sbx_ed25519_is_signed(const void *message, size_t bytes,
                           const uint8_t signature[SBX_ED25519_SIGNATURE_BYTES],
                           const uint8_t public_key[SBX_ED25519_KEY_BYTES])
{
    return crypto_sign_ed25519_verify_detached(signature, message, bytes, public_key) == 0;
}

void sbx_forget(void *secret, size_t bytes)
{
    sodium_memzero(secret, bytes);
}
