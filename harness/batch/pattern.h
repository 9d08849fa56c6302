/* Regular expressions (POSIX ERE) with bounds, so that neither a pattern nor a text can use up time or memory. */
#ifndef SBX_BATCH_PATTERN_H
#define SBX_BATCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

enum { SBX_PATTERN_BYTES_MAX = 1024, SBX_PATTERN_TEXT_BYTES_MAX = 1024 * 1024 };

/* What is wrong with it, or NULL. */
const char *sbx_pattern_problem(const char *pattern);

/* Found in the first SBX_PATTERN_TEXT_BYTES_MAX of text, where a NUL ends a line. A pattern that has a problem is found
 * nowhere. */
bool sbx_pattern_is_in(const char *pattern, const char *text, size_t bytes);

#endif
