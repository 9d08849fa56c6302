/* Ids as names of files: any id gives a safe one, and two ids never give the same. */
#ifndef SBX_BATCH_NAMES_H
#define SBX_BATCH_NAMES_H

#include "harness/base/text.h"

/*
 * Letters, digits, '_', '-' and '.' (but not in front) stay; every other byte becomes %XX. What grows longer than
 * 200 bytes is cut, and ends in '~' and the id's SHA-256.
 * Windows: capitals become %XX too, because the case of a name does not matter there; and so does the first letter
 * of a device's name (nul, com1.txt) and a dot at the end.
 */
void sbx_batch_file_name(sbx_text *out, const char *id);

/* Of those that stay: does this system take the byte at id[at] for itself? */
bool sbx_batch_name_keeps(const char *id, size_t at);

#endif
