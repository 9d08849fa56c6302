/* For messages about a policy file: where a key stands, and which one was probably meant. */
#ifndef SBX_POLICY_KEYS_H
#define SBX_POLICY_KEYS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The line of the first member with the last key of path ("limits.memory", "protect[2]"), from 1; 0
 * where it is not found (it was written with escapes).
 */
unsigned sbx_policy_key_line(const char *text, size_t bytes, const char *path);

/* The known key that differs from key in at most two letters, or NULL. */
const char *sbx_policy_key_nearest(const char *const *known, size_t count, const char *key);

#endif
