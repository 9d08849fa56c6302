/* For messages about a policy file: where a key stands, and which one was probably meant. */
#include "harness/policy/policy_keys.h"

#include <string.h>

enum { KEY_BYTES_MAX = 32 };

/* The length of the white space at text. */
static size_t blank(const char *text, const char *end)
{
    size_t count = 0;

    while (text + count < end && text[count] != '\0' && strchr(" \t\r\n", text[count]) != NULL)
        count++;
    return count;
}

static const char *find_key(const char *text, size_t bytes, const char *key, size_t key_bytes)
{
    const char *end = text + bytes;

    for (const char *at = text; at + key_bytes + 2 < end; at++) {
        const char *after = at + key_bytes + 2;

        if (*at != '"' || after[-1] != '"' || memcmp(at + 1, key, key_bytes) != 0)
            continue;
        after += blank(after, end);
        if (after < end && *after == ':')
            return at;
    }
    return NULL;
}

unsigned sbx_policy_key_line(const char *text, size_t bytes, const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *key = dot != NULL ? dot + 1 : path;
    const char *found = find_key(text, bytes, key, strcspn(key, "["));
    unsigned line = 1;

    if (found == NULL)
        return 0;
    for (const char *at = text; at < found; at++)
        line += *at == '\n';
    return line;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters have to be changed, put in or taken out. */
static size_t distance(const char *a, const char *b)
{
    size_t row[KEY_BYTES_MAX + 1];
    size_t a_bytes = strlen(a), b_bytes = strlen(b);

    if (a_bytes > KEY_BYTES_MAX || b_bytes > KEY_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t above = row[j];
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);

            row[j] = smaller(changed, smaller(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b_bytes];
}

const char *sbx_policy_key_nearest(const char *const *known, size_t count, const char *key)
{
    const char *best = NULL;
    size_t best_distance = 3; /* further away it is a guess, and none is better */

    for (size_t i = 0; i < count; i++) {
        size_t apart = distance(known[i], key);

        if (apart < best_distance && apart < strlen(known[i])) {
            best = known[i];
            best_distance = apart;
        }
    }
    return best;
}
