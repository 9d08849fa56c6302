/* Ed25519 signatures, by libsodium. */
#ifndef SBX_BASE_ED25519_H
#define SBX_BASE_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SBX_ED25519_KEY_BYTES = 32, SBX_ED25519_SIGNATURE_BYTES = 64 };

/* secret is the 32 bytes from which the key pair is made. */
void sbx_ed25519_public(uint8_t out[SBX_ED25519_KEY_BYTES],
                        const uint8_t secret[SBX_ED25519_KEY_BYTES]);
void sbx_ed25519_sign(uint8_t out[SBX_ED25519_SIGNATURE_BYTES], const void *message, size_t bytes,
                      const uint8_t secret[SBX_ED25519_KEY_BYTES]);
bool sbx_ed25519_is_signed(const void *message, size_t bytes,
                           const uint8_t signature[SBX_ED25519_SIGNATURE_BYTES],
                           const uint8_t public_key[SBX_ED25519_KEY_BYTES]);

/* Overwrites a secret, also where a compiler sees that nobody reads it any more. */
void sbx_forget(void *secret, size_t bytes);

#endif
