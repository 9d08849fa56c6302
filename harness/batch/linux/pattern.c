/* POSIX extended regular expressions by the C library. */
#include "harness/batch/pattern.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATED_MAX = 255, STATES_MAX = 4096 };

/* The bounds of "{n,m}" multiply where they are nested, and the library writes every copy out. */
static const char *braces_problem(const char *at, unsigned *states)
{
    unsigned most = 0;

    for (at++; *at != '\0' && *at != '}'; at++) {
        unsigned number = 0;

        if (*at < '0' || *at > '9')
            continue;
        for (; *at >= '0' && *at <= '9' && number <= REPEATED_MAX; at++)
            number = number * 10 + (unsigned)(*at - '0');
        at--;
        most = number > most ? number : most;
    }
    if (most > REPEATED_MAX)
        return "repeats something more than 255 times";
    *states *= most == 0 ? 1 : most;
    return *states > STATES_MAX ? "has repetitions that multiply to more than 4096" : NULL;
}

static const char *bounds_problem(const char *pattern)
{
    unsigned states = 1;

    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9')
            return "has a back-reference, which has no bound in time";
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '{') {
            const char *problem = braces_problem(at, &states);

            if (problem != NULL)
                return problem;
        }
    }
    return NULL;
}

const char *sbx_pattern_problem(const char *pattern)
{
    const char *problem = NULL;
    regex_t compiled;

    if (strlen(pattern) > SBX_PATTERN_BYTES_MAX)
        return "is longer than 1 KiB";
    problem = bounds_problem(pattern);
    if (problem != NULL)
        return problem;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
        return "is not a POSIX extended regular expression";
    regfree(&compiled);
    return NULL;
}

/* As the library wants it, for which the first NUL would be the end; NULL: no memory. */
static char *copy_of(const char *text, size_t bytes)
{
    char *copy = malloc(bytes + 1);

    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < bytes; i++)
        copy[i] = (char)(text[i] == '\0' ? '\n' : text[i]);
    copy[bytes] = '\0';
    return copy;
}

bool sbx_pattern_is_in(const char *pattern, const char *text, size_t bytes)
{
    char *copy =
        copy_of(text, bytes < SBX_PATTERN_TEXT_BYTES_MAX ? bytes : SBX_PATTERN_TEXT_BYTES_MAX);
    regex_t compiled;
    bool is_found = false;

    if (copy != NULL && sbx_pattern_problem(pattern) == NULL &&
        regcomp(&compiled, pattern, REG_EXTENDED | REG_NEWLINE | REG_NOSUB) == 0) {
        is_found = regexec(&compiled, copy, 0, NULL, 0) == 0;
        regfree(&compiled);
    }
    free(copy);
    return is_found;
}
