/*
 * The database file on Windows. It is written under a name that nobody else has, flushed, and renamed without
 * replacing: no process ever sees half of it, and of many that make it at once one wins.
 */
#include "audit/database_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/path.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

static sbx_status fail(sbx_error *err, DWORD code, const char *doing, const char *path)
{
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, code, "%s %s", doing, path);
}

static sbx_status refuse_network(const char *path, sbx_error *err)
{
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_AUDIT,
        "audit database %s: on another machine's share, where several writers would corrupt it; "
        "name a file on a local drive with --audit-db",
        path);
}

sbx_status sbx_database_file_check(bool *out_exists, const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    wchar_t drive[] = L"?:\\";
    DWORD attributes;
    sbx_status st = SBX_OK;

    *out_exists = false;
    if (wide == NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "audit database %s: the path is not UTF-8", path);
    if (sbx_path_root_bytes(path) > 0) {
        drive[0] = (wchar_t)(unsigned char)path[0];
        if (GetDriveTypeW(drive) == DRIVE_REMOTE)
            st = refuse_network(path, err);
    } else if (wide[0] == L'\\' && wide[1] == L'\\') {
        st = refuse_network(path, err);
    }
    if (st == SBX_OK) {
        attributes = GetFileAttributesW(wide);
        *out_exists = attributes != INVALID_FILE_ATTRIBUTES;
        if (!*out_exists && GetLastError() != ERROR_FILE_NOT_FOUND &&
            GetLastError() != ERROR_PATH_NOT_FOUND)
            st = fail(err, GetLastError(), "audit database", path);
    }
    free(wide);
    return st;
}

/* Each folder above the file that is missing. */
static sbx_status make_folders(const char *path, SECURITY_ATTRIBUTES *owner_only, sbx_error *err)
{
    char *folder = strdup(path);
    sbx_status st = SBX_OK;

    if (folder == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "audit database %s: no memory",
                              path);
    for (char *at = folder + sbx_path_root_bytes(path); *at != '\0' && st == SBX_OK; at++) {
        wchar_t *wide;

        if (*at != '/')
            continue;
        *at = '\0';
        wide = sbx_wide_path(folder);
        if (wide == NULL ||
            (!CreateDirectoryW(wide, owner_only) && GetLastError() != ERROR_ALREADY_EXISTS &&
             GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES))
            st = fail(err, GetLastError(), "creating the folder", folder);
        free(wide);
        *at = '/';
    }
    free(folder);
    return st;
}

static bool write_all(HANDLE file, const char *data, size_t bytes)
{
    while (bytes > 0) {
        DWORD part = bytes > 1u << 30 ? 1u << 30 : (DWORD)bytes, written = 0;

        if (!WriteFile(file, data, part, &written, NULL))
            return false;
        data += written;
        bytes -= written;
    }
    return true;
}

/* Written under `temporary`, then renamed. */
static sbx_status write_and_name(bool *out_is_new, const wchar_t *temporary, const wchar_t *name,
                                 const char *path, const void *data, size_t bytes,
                                 SECURITY_ATTRIBUTES *owner_only, sbx_error *err)
{
    HANDLE file = CreateFileW(temporary, GENERIC_WRITE, 0, owner_only, CREATE_NEW,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD code = 0;

    if (file == INVALID_HANDLE_VALUE)
        return fail(err, GetLastError(), "creating the audit database", path);
    if (!write_all(file, data, bytes) || !FlushFileBuffers(file))
        code = GetLastError();
    CloseHandle(file);
    if (code == 0 && !MoveFileExW(temporary, name, MOVEFILE_WRITE_THROUGH))
        code = GetLastError();
    *out_is_new = code == 0;
    if (code == 0)
        return SBX_OK;
    DeleteFileW(temporary);
    if (code == ERROR_ALREADY_EXISTS || code == ERROR_FILE_EXISTS)
        return SBX_OK; /* somebody else was faster */
    return fail(err, code, "creating the audit database", path);
}

sbx_status sbx_database_file_create(bool *out_is_new, const char *path, const void *data,
                                    size_t bytes, sbx_error *err)
{
    sbx_security owner_only = {0};
    sbx_text beside = {0};
    uint64_t random = 0;
    wchar_t *temporary = NULL, *name = NULL;
    sbx_status st;

    *out_is_new = false;
    if ((st = sbx_random_bytes(&random, sizeof(random), err)) != SBX_OK ||
        (st = sbx_security_owner_only(&owner_only, SBX_STEP_AUDIT, err)) != SBX_OK ||
        (st = make_folders(path, &owner_only.attributes, err)) != SBX_OK)
        goto out;
    sbx_text_add_format(&beside, "%s.new-%llx", path, (unsigned long long)random);
    st = sbx_text_check(&beside, err);
    if (st != SBX_OK)
        goto out;
    temporary = sbx_wide_path(sbx_text_string(&beside));
    name = sbx_wide_path(path);
    if (temporary == NULL || name == NULL)
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                            "audit database %s: the path is not UTF-8", path);
    else
        st = write_and_name(out_is_new, temporary, name, path, data, bytes, &owner_only.attributes,
                            err);
out:
    free(temporary);
    free(name);
    sbx_text_done(&beside);
    sbx_security_done(&owner_only);
    return st;
}

sbx_status sbx_database_file_reserve(const char *path, sbx_error *err)
{
    sbx_security owner_only = {0};
    wchar_t *name = sbx_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    sbx_status st = sbx_security_owner_only(&owner_only, SBX_STEP_AUDIT, err);

    if (st == SBX_OK && name != NULL)
        file = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, &owner_only.attributes,
                           CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (st == SBX_OK && file == INVALID_HANDLE_VALUE)
        st = fail(err, name == NULL ? ERROR_INVALID_NAME : GetLastError(), "creating the file",
                  path);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(name);
    sbx_security_done(&owner_only);
    return st;
}

/* MoveFileEx() replaces nothing unless it is told to. */
sbx_status sbx_database_file_publish(const char *temporary, const char *path, sbx_error *err)
{
    wchar_t *from = sbx_wide_path(temporary), *to = sbx_wide_path(path);
    sbx_status st = SBX_OK;

    if (from == NULL || to == NULL)
        st = fail(err, ERROR_INVALID_NAME, "creating the file", path);
    else if (!MoveFileExW(from, to, MOVEFILE_WRITE_THROUGH))
        st = fail(err, GetLastError(), "creating the file", path);
    free(from);
    free(to);
    return st;
}

bool sbx_database_file_hold(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
    return true;
}

void sbx_database_file_discard(const char *path)
{
    wchar_t *name = sbx_wide_path(path);

    if (name != NULL)
        DeleteFileW(name);
    free(name);
}

void sbx_database_file_remove(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < SBX_COUNT_OF(endings); i++) {
        sbx_text name = {0};

        sbx_text_add_format(&name, "%s%s", path, endings[i]);
        if (!name.failed)
            sbx_database_file_discard(sbx_text_string(&name));
        sbx_text_done(&name);
    }
}
