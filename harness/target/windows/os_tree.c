/*
 * Taking a directory away with all that is in it: what a hostile command left there. Links are taken away, not
 * followed; nobody of the run lives any more who could change what is looked at.
 */
#include "harness/target/windows/os_parts.h"

#include <stdlib.h>
#include <wchar.h>

#include "harness/base/windows/wide.h"

enum { DEPTH_MAX = 512 };

static wchar_t *join(const wchar_t *folder, const wchar_t *name)
{
    size_t folder_units = wcslen(folder), name_units = wcslen(name);
    wchar_t *path = malloc((folder_units + name_units + 2) * sizeof(*path));

    if (path == NULL)
        return NULL;
    wmemcpy(path, folder, folder_units);
    path[folder_units] = L'\\';
    wmemcpy(path + folder_units + 1, name, name_units + 1);
    return path;
}

static DWORD remove_one(const wchar_t *path, DWORD attributes)
{
    if ((attributes & FILE_ATTRIBUTE_READONLY) != 0)
        (void)SetFileAttributesW(path, attributes & ~(DWORD)FILE_ATTRIBUTE_READONLY);
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
        return RemoveDirectoryW(path) ? 0 : GetLastError();
    return DeleteFileW(path) ? 0 : GetLastError();
}

static DWORD remove_below(const wchar_t *folder, unsigned depth);

static DWORD remove_found(const wchar_t *folder, const WIN32_FIND_DATAW *found, unsigned depth)
{
    wchar_t *path = join(folder, found->cFileName);
    DWORD code = path == NULL ? ERROR_NOT_ENOUGH_MEMORY : 0;

    if (code == 0 && (found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0 &&
        (found->dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0)
        code = remove_below(path, depth + 1);
    if (code == 0)
        code = remove_one(path, found->dwFileAttributes);
    free(path);
    return code;
}

/* Goes on past what cannot be taken away; the first reason is told. */
static DWORD remove_below(const wchar_t *folder, unsigned depth)
{
    wchar_t *pattern = depth > DEPTH_MAX ? NULL : join(folder, L"*");
    WIN32_FIND_DATAW found;
    HANDLE list = pattern == NULL ? INVALID_HANDLE_VALUE : FindFirstFileW(pattern, &found);
    DWORD first = 0;

    if (list == INVALID_HANDLE_VALUE) {
        first = pattern == NULL ? ERROR_FILENAME_EXCED_RANGE : GetLastError();
        free(pattern);
        return first == ERROR_FILE_NOT_FOUND ? 0 : first;
    }
    do {
        DWORD code;

        if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0)
            continue;
        code = remove_found(folder, &found, depth);
        if (first == 0)
            first = code;
    } while (FindNextFileW(list, &found));
    FindClose(list);
    free(pattern);
    return first;
}

sbx_os_code sbx_os_remove_tree(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD attributes = wide == NULL ? INVALID_FILE_ATTRIBUTES : GetFileAttributesW(wide);
    DWORD code = wide == NULL ? ERROR_INVALID_NAME : 0;

    if (code == 0 && attributes == INVALID_FILE_ATTRIBUTES)
        code = GetLastError();
    if (code == 0 && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 &&
        (attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0)
        code = remove_below(wide, 0);
    if (code == 0)
        code = remove_one(wide, attributes);
    free(wide);
    return code;
}
