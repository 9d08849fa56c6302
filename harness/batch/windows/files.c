/* Files of a batch, opened by their path. */
#include <stdlib.h>

#include "harness/base/windows/wide.h"
#include "harness/batch/windows/parts.h"

static bool is_plain(HANDLE file)
{
    BY_HANDLE_FILE_INFORMATION about;

    return GetFileType(file) == FILE_TYPE_DISK && GetFileInformationByHandle(file, &about) &&
           (about.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) ==
               0;
}

HANDLE sbx_batch_file_open(const char *path, DWORD access, DWORD share, DWORD how, DWORD flags)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_INVALID_NAME;

    if (wide != NULL) {
        file =
            CreateFileW(wide, access, share, NULL, how, flags | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
        code = GetLastError();
    }
    free(wide);
    if (file != INVALID_HANDLE_VALUE && !is_plain(file)) {
        CloseHandle(file);
        file = INVALID_HANDLE_VALUE;
        code = ERROR_INVALID_NAME;
    }
    SetLastError(code);
    return file;
}

DWORD sbx_batch_directory_make(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD code = wide == NULL ? ERROR_INVALID_NAME : 0, attributes;

    if (wide != NULL && !CreateDirectoryW(wide, NULL))
        code = GetLastError();
    if (code == ERROR_ALREADY_EXISTS) {
        attributes = GetFileAttributesW(wide);
        code = attributes == INVALID_FILE_ATTRIBUTES ? GetLastError()
               : (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0 ||
                       (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0
                   ? ERROR_DIRECTORY
                   : 0;
    }
    free(wide);
    return code;
}
