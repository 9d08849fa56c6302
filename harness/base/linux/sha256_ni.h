/*
 * SHA-256 by the processor's own instructions: five times as fast as libsodium's, which has none. The
 * hash is the same one; tests/unit/test_sha256_ni.c holds the two against each other.
 */
#ifndef SBX_BASE_LINUX_SHA256_NI_H
#define SBX_BASE_LINUX_SHA256_NI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* This processor has them. */
bool sbx_sha256_ni_is_there(void);
/* Blocks of 64 bytes into the eight words of FIPS 180-4. Context: only where they are there. */
void sbx_sha256_ni_blocks(uint32_t state[8], const uint8_t *data, size_t blocks);

#endif
