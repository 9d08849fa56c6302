/* Windows has no POSIX regular expressions, and no library for them is built in here yet. */
#include "harness/batch/pattern.h"

const char *sbx_pattern_problem(const char *pattern)
{
    (void)pattern;
    return "regular expressions are not on Windows yet";
}

bool sbx_pattern_is_in(const char *pattern, const char *text, size_t bytes)
{
    (void)pattern;
    (void)text;
    (void)bytes;
    return false;
}
