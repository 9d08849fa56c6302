/* See file.h. The C library's own tmpfile() wants the root of the drive, and its fopen() a name in the code page. */
#include "harness/base/file.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <wchar.h>

#include "harness/base/clock.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

/* The handle is the file's from here on, also where there is none. */
static FILE *stream_of(HANDLE handle, const char *mode)
{
    int fd = handle == INVALID_HANDLE_VALUE ? -1 : _open_osfhandle((intptr_t)handle, _O_BINARY);
    FILE *file = fd < 0 ? NULL : _fdopen(fd, mode);

    if (file == NULL && fd >= 0)
        (void)_close(fd);
    else if (file == NULL && handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return file;
}

FILE *sbx_file_open(const char *path, sbx_step step, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE handle = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_INVALID_NAME;
    FILE *file;

    if (wide != NULL) {
        handle =
            CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
        code = GetLastError();
    }
    free(wide);
    file = stream_of(handle, "rb");
    if (file == NULL)
        (void)sbx_fail_win32(err, SBX_INVALID, step,
                             handle == INVALID_HANDLE_VALUE ? code : ERROR_TOO_MANY_OPEN_FILES,
                             "open %s", path);
    return file;
}

FILE *sbx_file_stdin(void)
{
    (void)_setmode(_fileno(stdin), _O_BINARY);
    return stdin;
}

FILE *sbx_file_temporary(void)
{
    wchar_t folder[MAX_PATH + 1], name[MAX_PATH + 40];
    sbx_security owner_only = {0};
    uint64_t random = 0;
    HANDLE handle;

    if (GetTempPathW(SBX_COUNT_OF(folder), folder) == 0 ||
        sbx_random_bytes(&random, sizeof(random), NULL) != SBX_OK ||
        sbx_security_owner_only(&owner_only, SBX_STEP_NONE, NULL) != SBX_OK)
        return NULL;
    (void)swprintf(name, SBX_COUNT_OF(name), L"%lssbx-%llx.tmp", folder,
                   (unsigned long long)random);
    handle = CreateFileW(name, GENERIC_READ | GENERIC_WRITE | DELETE, 0, &owner_only.attributes,
                         CREATE_NEW, FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    sbx_security_done(&owner_only);
    return stream_of(handle, "w+b");
}

bool sbx_file_seek(FILE *file, uint64_t at)
{
    return at <= INT64_MAX && _fseeki64(file, (int64_t)at, SEEK_SET) == 0;
}
