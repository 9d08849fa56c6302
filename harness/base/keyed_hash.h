/* A short hash that nobody can aim at without its key: for tables and comparisons within a process. */
#ifndef SBX_BASE_KEYED_HASH_H
#define SBX_BASE_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { SBX_KEYED_HASH_KEY_BYTES = 16 };

uint64_t sbx_keyed_hash(const void *data, size_t bytes,
                        const uint8_t key[SBX_KEYED_HASH_KEY_BYTES]);

#endif
