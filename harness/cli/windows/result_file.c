/*
 * The file of --result, on Windows: a new file in a held directory, renamed into place. The directory is open
 * without leave to delete or rename it, so its path means the same one until the end.
 */
#include "harness/cli/result_file.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/path.h"
#include "harness/base/windows/wide.h"

void sbx_result_file_init(sbx_result_file *file)
{
    memset(file, 0, sizeof(*file));
    file->directory_fd = -1;
}

void sbx_result_file_done(sbx_result_file *file)
{
    if (file->directory_fd >= 0)
        (void)_close(file->directory_fd);
    free(file->name);
    free(file->path);
    sbx_result_file_init(file);
}

static sbx_status fail(sbx_error *err, DWORD code, const char *path, const char *why)
{
    if (code == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_RESULT, "--result: \"%s\" %s", path, why);
    return sbx_fail_win32(err, SBX_INVALID, SBX_STEP_RESULT, code, "--result: \"%s\": %s", path,
                          why);
}

/* Names with a meaning of their own ("NUL", "x:stream") are no files that a rename could replace. */
static bool is_plain_name(const char *name)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul"};
    size_t stem = strcspn(name, ".");

    if (name[0] == '\0' || strpbrk(name, ":*?\"<>|\\/") != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < SBX_COUNT_OF(devices); i++)
        if (stem == 3 && _strnicmp(name, devices[i], 3) == 0)
            return false;
    return !(stem == 4 && name[3] >= '0' && name[3] <= '9' &&
             (_strnicmp(name, "com", 3) == 0 || _strnicmp(name, "lpt", 3) == 0));
}

static HANDLE open_directory(const char *directory)
{
    wchar_t *wide = sbx_wide_path(directory);
    HANDLE handle = INVALID_HANDLE_VALUE;

    if (wide == NULL)
        SetLastError(ERROR_INVALID_NAME);
    else
        handle = CreateFileW(wide, FILE_ADD_FILE | FILE_TRAVERSE | SYNCHRONIZE,
                             FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                             FILE_FLAG_BACKUP_SEMANTICS, NULL);
    free(wide);
    return handle;
}

/* What is there already must be a file that may be replaced. */
static sbx_status check_target(const sbx_result_file *file, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(file->path);
    DWORD attributes = wide == NULL ? 0 : GetFileAttributesW(wide);
    DWORD code = GetLastError();

    free(wide);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return code == ERROR_FILE_NOT_FOUND ? SBX_OK
                                            : fail(err, code, file->path, "cannot be looked at");
    if ((attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0)
        return fail(err, 0, file->path, "is there and is not a regular file");
    return SBX_OK;
}

static sbx_status hold_directory(sbx_result_file *file, const char *asked, sbx_error *err)
{
    const char *name = sbx_path_name(file->path);
    size_t bytes = (size_t)(name - file->path);
    sbx_text directory = {0};
    HANDLE handle;
    sbx_status st;

    sbx_text_add_bytes(&directory, file->path, bytes > 3 ? bytes - 1 : bytes);
    st = sbx_text_check(&directory, err);
    if (st != SBX_OK)
        return st;
    handle = open_directory(sbx_text_string(&directory));
    sbx_text_done(&directory);
    if (handle == INVALID_HANDLE_VALUE)
        return fail(err, GetLastError(), asked, "its directory cannot be written to");
    file->directory_fd = _open_osfhandle((intptr_t)handle, _O_RDONLY);
    if (file->directory_fd < 0) {
        CloseHandle(handle);
        return fail(err, ERROR_TOO_MANY_OPEN_FILES, asked, "its directory cannot be held");
    }
    return SBX_OK;
}

/* Absolute: the working directory need not stay. */
static sbx_status name_file(sbx_result_file *file, const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide(path), full[MAX_PATH * 4];
    DWORD units = wide == NULL ? 0 : GetFullPathNameW(wide, SBX_COUNT_OF(full), full, NULL);
    sbx_text text = {0};

    free(wide);
    if (units == 0 || units >= SBX_COUNT_OF(full))
        return fail(err, 0, path, "is not the name of a file");
    sbx_text_add_wide_path(&text, full, units);
    file->path = text.data;
    if (text.failed || file->path == NULL ||
        (file->name = strdup(sbx_path_name(text.data))) == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_RESULT, "--result: no memory");
    return SBX_OK;
}

sbx_status sbx_result_file_open(sbx_result_file *file, const char *path, sbx_error *err)
{
    const char *slash = strrchr(path, '\\');
    const char *name = sbx_path_name(slash != NULL ? slash + 1 : path);
    sbx_status st;

    if (strcmp(path, "-") == 0)
        return fail(err, 0, path,
                    "is not a file — stdout belongs to the command; for the result on "
                    "stderr use --json");
    if (!is_plain_name(name))
        return fail(err, 0, path, "is not the name of a file");
    st = name_file(file, path, err);
    if (st == SBX_OK)
        st = hold_directory(file, path, err);
    if (st == SBX_OK)
        st = check_target(file, err);
    if (st != SBX_OK)
        sbx_result_file_done(file);
    return st;
}

static bool look(BY_HANDLE_FILE_INFORMATION *out, const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE handle = INVALID_HANDLE_VALUE;
    bool ok;

    if (wide != NULL)
        handle = CreateFileW(wide, FILE_READ_ATTRIBUTES,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                             OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    ok = handle != INVALID_HANDLE_VALUE && GetFileInformationByHandle(handle, out);
    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    free(wide);
    return ok;
}

bool sbx_result_file_is(const sbx_result_file *file, const char *path)
{
    BY_HANDLE_FILE_INFORMATION here, there;

    return file->directory_fd >= 0 && look(&here, file->path) && look(&there, path) &&
           here.dwVolumeSerialNumber == there.dwVolumeSerialNumber &&
           here.nFileIndexHigh == there.nFileIndexHigh && here.nFileIndexLow == there.nFileIndexLow;
}

static DWORD write_new(const wchar_t *name, const sbx_text *text)
{
    HANDLE handle =
        CreateFileW(name, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    const char *at = sbx_text_string(text);
    size_t left = text->bytes;
    DWORD code = 0;

    if (handle == INVALID_HANDLE_VALUE)
        return GetLastError();
    while (left > 0 && code == 0) {
        DWORD part = left > 1u << 20 ? 1u << 20 : (DWORD)left, done = 0;

        if (!WriteFile(handle, at, part, &done, NULL))
            code = GetLastError();
        at += done;
        left -= done;
    }
    CloseHandle(handle);
    return code;
}

sbx_status sbx_result_file_write(const sbx_result_file *file, const sbx_text *text, sbx_error *err)
{
    uint64_t random = 0;
    sbx_text beside = {0};
    wchar_t *temporary = NULL, *name = NULL;
    DWORD code = ERROR_NOT_ENOUGH_MEMORY;
    sbx_status st = sbx_random_bytes(&random, sizeof(random), err);

    if (st != SBX_OK)
        return st;
    sbx_text_add_bytes(&beside, file->path, strlen(file->path) - strlen(file->name));
    sbx_text_add_format(&beside, ".sbx-result-%llx", (unsigned long long)random);
    temporary = beside.failed ? NULL : sbx_wide_path(sbx_text_string(&beside));
    name = sbx_wide_path(file->path);
    if (temporary != NULL && name != NULL) {
        code = write_new(temporary, text);
        if (code == 0 && !MoveFileExW(temporary, name, MOVEFILE_REPLACE_EXISTING))
            code = GetLastError();
        if (code != 0)
            DeleteFileW(temporary);
    }
    free(temporary);
    free(name);
    sbx_text_done(&beside);
    if (code != 0)
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_RESULT, code, "--result: cannot write %s",
                              file->path);
    return SBX_OK;
}
