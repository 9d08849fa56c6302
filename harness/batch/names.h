/* Ids as names of files: any id gives a safe one, and two ids never give the same. */
#ifndef SBX_BATCH_NAMES_H
#define SBX_BATCH_NAMES_H

#include "harness/base/text.h"

/* Letters, digits, '_', '-' and '.' (but not in front) stay; every other byte becomes %XX. What grows longer than
 * 200 bytes is cut, and ends in '~' and the id's SHA-256. */
void sbx_batch_file_name(sbx_text *out, const char *id);

#endif
