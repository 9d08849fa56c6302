/* Writing a file beside its place, on Windows. */
#include "harness/cli/output_file.h"

#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/path.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

void sbx_output_file_init(sbx_output_file *file)
{
    memset(file, 0, sizeof(*file));
    file->fd = file->directory_fd = -1;
}

/* The temporary name in the directory of the path as it was given. For free(). */
static wchar_t *temporary_path(const sbx_output_file *file)
{
    sbx_text path = {0};
    wchar_t *wide = NULL;

    sbx_text_add_bytes(&path, file->path, strlen(file->path) - strlen(file->name));
    sbx_text_add(&path, file->temporary);
    if (!path.failed)
        wide = sbx_wide_path(sbx_text_string(&path));
    sbx_text_done(&path);
    return wide;
}

void sbx_output_file_done(sbx_output_file *file)
{
    if (file->fd >= 0)
        (void)_close(file->fd);
    if (file->temporary[0] != '\0') {
        wchar_t *temporary = temporary_path(file);

        if (temporary != NULL)
            (void)DeleteFileW(temporary);
        free(temporary);
    }
    free(file->name);
    free(file->path);
    sbx_output_file_init(file);
}

static sbx_status fail(const sbx_output_file *file, sbx_status status, DWORD code, const char *why,
                       sbx_error *err)
{
    if (code == 0)
        return sbx_fail_plain(err, status, SBX_STEP_RESULT, "--out: \"%s\" %s", file->path, why);
    return sbx_fail_win32(err, status, SBX_STEP_RESULT, code, "--out: \"%s\" %s", file->path, why);
}

/* NUL and its like are files by their name only, in every directory. */
static sbx_status check_place(const sbx_output_file *file, const wchar_t *wide, sbx_error *err)
{
    HANDLE found =
        CreateFileW(wide, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                    OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    DWORD code = GetLastError();
    BY_HANDLE_FILE_INFORMATION about;
    bool is_plain;

    if (found == INVALID_HANDLE_VALUE)
        return code == ERROR_FILE_NOT_FOUND
                   ? SBX_OK
                   : fail(file, SBX_INVALID, code, "cannot be looked at", err);
    is_plain =
        GetFileType(found) == FILE_TYPE_DISK && GetFileInformationByHandle(found, &about) &&
        (about.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) == 0;
    CloseHandle(found);
    if (!is_plain)
        return fail(file, SBX_INVALID, 0,
                    "is there and is not a regular file — without --out it goes to stdout", err);
    return SBX_OK;
}

static sbx_status make_temporary(sbx_output_file *file, sbx_error *err)
{
    sbx_security owner_only = {0};
    uint64_t random = 0;
    wchar_t *temporary = NULL;
    HANDLE made = INVALID_HANDLE_VALUE;
    sbx_status st;

    if ((st = sbx_random_bytes(&random, sizeof(random), err)) != SBX_OK ||
        (st = sbx_security_owner_only(&owner_only, SBX_STEP_RESULT, err)) != SBX_OK)
        return st;
    (void)snprintf(file->temporary, sizeof(file->temporary), ".sbx-out-%016llx",
                   (unsigned long long)random);
    temporary = temporary_path(file);
    if (temporary != NULL)
        made = CreateFileW(temporary, GENERIC_WRITE, 0, &owner_only.attributes, CREATE_NEW,
                           FILE_ATTRIBUTE_NORMAL, NULL);
    if (made == INVALID_HANDLE_VALUE) {
        st = fail(file, SBX_INVALID, temporary == NULL ? ERROR_INVALID_NAME : GetLastError(),
                  "cannot be written: no file can be made beside it", err);
        file->temporary[0] = '\0';
    } else if ((file->fd = _open_osfhandle((intptr_t)made, 0)) < 0) {
        CloseHandle(made);
        st = fail(file, SBX_NO_MEMORY, 0, "cannot be written: too many files are open", err);
    }
    free(temporary);
    sbx_security_done(&owner_only);
    return st;
}

/* A path of either kind of slash; the part after the last. */
static const char *name_of(char *path)
{
    for (char *at = path; *at != '\0'; at++)
        if (*at == '\\')
            *at = '/';
    return sbx_path_name(path);
}

sbx_status sbx_output_file_open(sbx_output_file *file, const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    sbx_status st = SBX_OK;

    file->path = strdup(path);
    file->name = file->path == NULL ? NULL : strdup(name_of(file->path));
    if (file->name == NULL)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_RESULT, "--out: no memory");
    else if (wide == NULL || file->name[0] == '\0' || strchr(file->name, ':') != NULL ||
             strcmp(file->name, ".") == 0 || strcmp(file->name, "..") == 0)
        st = fail(file, SBX_INVALID, 0, "is not the name of a file", err);
    if (st == SBX_OK)
        st = check_place(file, wide, err);
    if (st == SBX_OK)
        st = make_temporary(file, err);
    free(wide);
    if (st != SBX_OK)
        sbx_output_file_done(file);
    return st;
}

sbx_status sbx_output_file_write(sbx_output_file *file, const char *data, size_t bytes,
                                 sbx_error *err)
{
    HANDLE handle = (HANDLE)_get_osfhandle(file->fd);

    while (bytes > 0) {
        DWORD part = bytes > 1u << 30 ? 1u << 30 : (DWORD)bytes, done = 0;

        if (!WriteFile(handle, data, part, &done, NULL))
            return fail(file, SBX_IO, GetLastError(), "cannot be written", err);
        data += done;
        bytes -= done;
    }
    return SBX_OK;
}

sbx_status sbx_output_file_commit(sbx_output_file *file, sbx_error *err)
{
    wchar_t *from = temporary_path(file), *to = sbx_wide_path(file->path);
    int fd = file->fd;
    sbx_status st = SBX_OK;

    file->fd = -1;
    if (_close(fd) != 0)
        st = fail(file, SBX_IO, 0, "cannot be written", err);
    else if (from == NULL || to == NULL)
        st = fail(file, SBX_NO_MEMORY, 0, "cannot be replaced: no memory", err);
    else if (!MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING))
        st = fail(file, SBX_IO, GetLastError(), "cannot be replaced", err);
    if (st == SBX_OK)
        file->temporary[0] = '\0';
    free(from);
    free(to);
    return st;
}
