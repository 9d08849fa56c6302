/*
 * The masks that stand for secrets, and who touched them. harness/target/linux/masks.c makes them,
 * this reads them after the run. What is known: which name was looked at, and when first; not by whom.
 * What is not seen: a refused listing of a secret directory, and names that it does not have.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_MASKS_H
#define SBX_AUDIT_SOURCES_LINUX_MASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/denial.h"

enum {
    SBX_MASK_TIME = 1, /* seconds since 1970: nobody came yet */
    SBX_MASK_NAME_BYTES = 24,
};

/* Below a directory of mode 0 in the private /dev. */
#define SBX_MASK_TARGET "/dev/denied/secret"

/* The name of the mask for the rule with that index: "m<index>". Context: after fork. */
void sbx_mask_name(char out[SBX_MASK_NAME_BYTES], size_t index);

/* Adds what was read of one secret. fd: the directory of masks. */
void sbx_masks_look(int fd, size_t index, const char *secret, bool is_directory, const char *rule,
                    sbx_denials *denials);

#endif
