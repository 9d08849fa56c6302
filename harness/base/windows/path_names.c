/*
 * Where a path begins, and which names are the same, on Windows: drive and slash ("C:/"), and names whose case
 * does not matter, by the table that the file system itself uses.
 */
#include "harness/base/path.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/windows/wide.h"

size_t sbx_path_root_bytes(const char *path)
{
    bool has_letter = (path[0] >= 'A' && path[0] <= 'Z') || (path[0] >= 'a' && path[0] <= 'z');

    return has_letter && path[1] == ':' && (path[2] == '/' || path[2] == '\\') ? 3 : 0;
}

static bool is_same_text(const char *one, const char *other)
{
    wchar_t *left = sbx_wide(one), *right = sbx_wide(other);
    bool is_same = strcmp(one, other) == 0;

    if (!is_same && left != NULL && right != NULL)
        is_same = CompareStringOrdinal(left, -1, right, -1, TRUE) == CSTR_EQUAL;
    free(left);
    free(right);
    return is_same;
}

bool sbx_path_is_same(const char *one, const char *other)
{
    return is_same_text(one, other);
}

bool sbx_path_is_within(const char *path, const char *dir)
{
    wchar_t *whole = sbx_wide(path), *above = sbx_wide(dir);
    bool is_within = false;

    if (whole != NULL && above != NULL) {
        size_t units = wcslen(above), all = wcslen(whole);
        bool ends_in_slash = units > 0 && above[units - 1] == L'/';

        is_within =
            all >= units &&
            CompareStringOrdinal(whole, (int)units, above, (int)units, TRUE) == CSTR_EQUAL &&
            (all == units || ends_in_slash || whole[units] == L'/');
    }
    free(whole);
    free(above);
    return is_within;
}

bool sbx_variable_is_named(const char *entry, const char *name, size_t bytes)
{
    return _strnicmp(entry, name, bytes) == 0 && entry[bytes] == '=';
}
