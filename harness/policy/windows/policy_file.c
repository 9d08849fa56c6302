/* A policy file's bytes, and the directory that its relative paths mean. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/windows/wide.h"
#include "harness/policy/parts.h"

static sbx_status read_all(sbx_text *out, HANDLE file, const char *path, sbx_error *err)
{
    char room[8192];

    for (;;) {
        DWORD got = 0;

        if (!ReadFile(file, room, sizeof(room), &got, NULL))
            return sbx_fail_win32(err, SBX_IO, SBX_STEP_POLICY, GetLastError(),
                                  "read %s", path);
        if (got == 0)
            return sbx_text_check(out, err);
        sbx_text_add_bytes(out, room, got);
        if (out->bytes > SBX_POLICY_FILE_BYTES_MAX)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY, "%s: is larger than 1 MiB",
                                  path);
    }
}

/* The real directory: the file may be reached by a link, and "./x" lies beside what the link names. */
static sbx_status find_directory(sbx_text *out, HANDLE file, const char *path, sbx_error *err)
{
    wchar_t *wide = NULL;
    DWORD units = GetFinalPathNameByHandleW(file, NULL, 0, FILE_NAME_NORMALIZED);
    char *slash;

    if (units > 0)
        wide = malloc((units + 1) * sizeof(*wide));
    if (wide == NULL || (units = GetFinalPathNameByHandleW(file, wide, units + 1, 0)) == 0) {
        free(wide);
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_POLICY, GetLastError(),
                              "find the directory of %s", path);
    }
    sbx_text_add_wide_path(out, wide, units);
    free(wide);
    slash = out->failed ? NULL : strrchr(out->data, '/');
    if (slash != NULL) {
        out->bytes = (size_t)(slash - out->data) + (slash - out->data == 2 ? 1 : 0);
        out->data[out->bytes] = '\0';
    }
    return sbx_text_check(out, err);
}

sbx_status sbx_policy_file_get(sbx_text *out, sbx_text *out_directory, const char *path,
                               sbx_error *err)
{
    wchar_t *wide = sbx_wide(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code;
    sbx_status st;

    if (wide != NULL)
        file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                           FILE_ATTRIBUTE_NORMAL, NULL);
    code = wide == NULL ? ERROR_INVALID_NAME : GetLastError();
    free(wide);
    if (file == INVALID_HANDLE_VALUE)
        return sbx_fail_win32(err,
                              code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ||
                                      code == ERROR_INVALID_NAME
                                  ? SBX_INVALID
                                  : SBX_IO,
                              SBX_STEP_POLICY, code, "open %s", path);
    if (GetFileType(file) != FILE_TYPE_DISK) /* a pipe or a device could keep us waiting for ever */
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY, "%s: is not a regular file", path);
    else if ((st = read_all(out, file, path, err)) == SBX_OK)
        st = find_directory(out_directory, file, path, err);
    CloseHandle(file);
    return st;
}
