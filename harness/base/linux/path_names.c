/* Where a path begins, and which names are the same, on Linux. */
#include "harness/base/path.h"

#include <string.h>

size_t sbx_path_root_bytes(const char *path)
{
    return path[0] == '/' ? 1 : 0;
}

bool sbx_path_is_same(const char *one, const char *other)
{
    return strcmp(one, other) == 0;
}

bool sbx_path_is_within(const char *path, const char *dir)
{
    size_t length = strlen(dir);

    if (strncmp(path, dir, length) != 0)
        return false;
    return path[length] == '\0' || path[length] == '/' || (length == 1 && dir[0] == '/');
}

bool sbx_variable_is_named(const char *entry, const char *name, size_t bytes)
{
    return strncmp(entry, name, bytes) == 0 && entry[bytes] == '=';
}
