/* See files.h. */
#include "harness/setup/windows/files.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <aclapi.h>
#include <objbase.h>
#include <sddl.h>
#include <shlobj.h>

#include "harness/base/clock.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

enum { LARGEST_BYTES = 4 << 20 };

/* --- places --- */

/* Their own copies: the header's would have to be linked. */
static const GUID profile_id = {
    0x5E6C858F, 0x0E22, 0x4760, {0x9A, 0xFE, 0xEA, 0x33, 0x17, 0xB6, 0x71, 0x73}};
static const GUID local_id = {
    0xF1B32785, 0x6FBA, 0x4FCF, {0x9D, 0x55, 0x7B, 0x8E, 0x7F, 0x15, 0x70, 0x91}};
static const GUID data_id = {
    0x62AB5D82, 0xFDC1, 0x4DC3, {0xA9, 0xDD, 0x07, 0x0D, 0x1D, 0x49, 0x5D, 0x97}};
static const GUID windows_id = {
    0xF38BF404, 0x1D43, 0x42F2, {0x93, 0x05, 0x67, 0xDE, 0x0B, 0x28, 0xFC, 0x23}};
static const GUID programs_id = {
    0x905E63B6, 0xC1BF, 0x494E, {0xB2, 0x9C, 0x65, 0xB7, 0x32, 0xD3, 0xD2, 0x1A}};
static const GUID programs_x86_id = {
    0x7C5A40EF, 0xA0FB, 0x4BFC, {0x87, 0x4A, 0xC0, 0xF2, 0xE0, 0xB9, 0xFA, 0x8E}};

static const struct {
    const GUID *id;
    const char *below;
} folders[] = {
    [SBX_SETUP_FOLDER_PROFILE] = {&profile_id, ""},
    [SBX_SETUP_FOLDER_LOCAL] = {&local_id, "/sbx"},
    [SBX_SETUP_FOLDER_MACHINE] = {&data_id, "/sbx"},
    [SBX_SETUP_FOLDER_WINDOWS] = {&windows_id, ""},
    [SBX_SETUP_FOLDER_PROGRAMS] = {&programs_id, ""},
    [SBX_SETUP_FOLDER_PROGRAMS_X86] = {&programs_x86_id, ""},
    [SBX_SETUP_FOLDER_DATA] = {&data_id, ""},
};

sbx_status sbx_setup_folder_find(sbx_text *out, sbx_setup_folder which, sbx_error *err)
{
    wchar_t *wide = NULL;
    HRESULT result = SHGetKnownFolderPath(folders[which].id, 0, NULL, &wide);

    if (SUCCEEDED(result)) {
        sbx_text_add_wide_path(out, wide, wcslen(wide));
        sbx_text_add(out, folders[which].below);
    }
    CoTaskMemFree(wide);
    if (FAILED(result))
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, result,
                              "asking for a folder of the system's");
    return sbx_text_check(out, err);
}

static sbx_status fail(sbx_error *err, DWORD code, const char *doing, const char *path)
{
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, code, "%s %s", doing, path);
}

sbx_status sbx_setup_folder_make(const char *path, const char *sddl, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    sbx_security security = {0};
    sbx_status st = sbx_security_of_text(&security, sddl, SBX_STEP_IDENTITY, err);

    if (st == SBX_OK && (wide == NULL || !CreateDirectoryW(wide, &security.attributes)) &&
        (wide == NULL || GetLastError() != ERROR_ALREADY_EXISTS))
        st = fail(err, wide == NULL ? ERROR_INVALID_NAME : GetLastError(), "making the folder",
                  path);
    sbx_security_done(&security);
    free(wide);
    return st;
}

sbx_status sbx_setup_folder_remove(const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD code = ERROR_INVALID_NAME;

    if (wide != NULL)
        code = RemoveDirectoryW(wide) ? 0 : GetLastError();
    free(wide);
    if (code == 0 || code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ||
        code == ERROR_DIR_NOT_EMPTY)
        return SBX_OK;
    return fail(err, code, "taking away the folder", path);
}

/* --- who may write there --- */

#define READING                                                                                    \
    (READ_CONTROL | SYNCHRONIZE | FILE_READ_DATA | FILE_READ_EA | FILE_READ_ATTRIBUTES |           \
     FILE_EXECUTE | GENERIC_READ | GENERIC_EXECUTE)

static bool is_trusted(PSID sid, const char *user)
{
    static const char *const always[] = {"S-1-5-18", "S-1-5-32-544"};
    wchar_t *wide = NULL;
    sbx_text text = {0};
    bool is_one;

    if (sid == NULL || !ConvertSidToStringSidW(sid, &wide))
        return false;
    sbx_text_add_wide(&text, wide, wcslen(wide));
    LocalFree(wide);
    is_one = strcmp(sbx_text_string(&text), always[0]) == 0 ||
             strcmp(sbx_text_string(&text), always[1]) == 0 ||
             strcmp(sbx_text_string(&text), user) == 0;
    sbx_text_done(&text);
    return is_one;
}

/* Without a list everybody may do everything. */
static bool is_closed(PACL list, const char *user)
{
    for (DWORD i = 0; list != NULL && i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *ace = NULL;

        if (!GetAce(list, i, (void **)(void *)&ace))
            return false;
        if (ace->Header.AceType == ACCESS_DENIED_ACE_TYPE)
            continue;
        if (ace->Header.AceType != ACCESS_ALLOWED_ACE_TYPE)
            return false;
        if ((ace->Mask & ~(DWORD)READING) != 0 && !is_trusted(&ace->SidStart, user))
            return false;
    }
    return list != NULL;
}

static sbx_status check_open(HANDLE folder, const char *path, sbx_error *err)
{
    BY_HANDLE_FILE_INFORMATION about;
    char user[SBX_SID_TEXT_BYTES];
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    DWORD code;
    bool is_good;
    sbx_status st = sbx_security_user(user, err);

    if (st != SBX_OK)
        return st;
    if (!GetFileInformationByHandle(folder, &about))
        return fail(err, GetLastError(), "looking at", path);
    code = GetSecurityInfo(folder, SE_FILE_OBJECT,
                           OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                           &list, NULL, &descriptor);
    if (code != ERROR_SUCCESS)
        return fail(err, code, "reading who may write to", path);
    is_good = (about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0 &&
              (about.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 &&
              is_trusted(owner, user) && is_closed(list, user);
    LocalFree(descriptor);
    if (is_good)
        return SBX_OK;
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_IDENTITY,
        "%s: is a link, or belongs to others, or others may write to it — look at "
        "what is in it, take it away, and set up again",
        path);
}

sbx_status sbx_setup_folder_check(const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE folder = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_INVALID_NAME;
    sbx_status st;

    if (wide != NULL) {
        folder =
            CreateFileW(wide, READ_CONTROL | FILE_READ_ATTRIBUTES,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                        FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
        code = GetLastError();
    }
    free(wide);
    if (folder == INVALID_HANDLE_VALUE)
        return fail(err, code, "opening the folder", path);
    st = check_open(folder, path, err);
    CloseHandle(folder);
    return st;
}

/* --- files --- */

static DWORD write_new(const wchar_t *path, const char *text, SECURITY_ATTRIBUTES *security)
{
    HANDLE file =
        CreateFileW(path, GENERIC_WRITE, 0, security, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD bytes = (DWORD)strlen(text), done = 0, code = 0;

    if (file == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (!WriteFile(file, text, bytes, &done, NULL) || done != bytes || !FlushFileBuffers(file))
        code = GetLastError();
    CloseHandle(file);
    return code;
}

sbx_status sbx_setup_file_write(const char *path, const char *text, const char *sddl,
                                sbx_error *err)
{
    sbx_security security = {0};
    sbx_text beside = {0};
    wchar_t *temporary = NULL, *name = sbx_wide_path(path);
    uint64_t random = 0;
    DWORD code = ERROR_NOT_ENOUGH_MEMORY;
    sbx_status st = sbx_random_bytes(&random, sizeof(random), err);

    if (st == SBX_OK)
        st = sbx_security_of_text(&security, sddl, SBX_STEP_IDENTITY, err);
    if (st == SBX_OK) {
        sbx_text_add_format(&beside, "%s.new-%llx", path, (unsigned long long)random);
        if (!beside.failed)
            temporary = sbx_wide_path(sbx_text_string(&beside));
        if (temporary != NULL && name != NULL)
            code = write_new(temporary, text, &security.attributes);
        if (code == 0 &&
            !MoveFileExW(temporary, name, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
            code = GetLastError();
            (void)DeleteFileW(temporary);
        }
        if (code != 0)
            st = fail(err, code, "writing", path);
    }
    free(temporary);
    free(name);
    sbx_text_done(&beside);
    sbx_security_done(&security);
    return st;
}

static sbx_status read_open(char **out, HANDLE file, const char *path, sbx_error *err)
{
    LARGE_INTEGER size;
    DWORD bytes = 0;

    if (!GetFileSizeEx(file, &size))
        return fail(err, GetLastError(), "reading", path);
    if (size.QuadPart > LARGEST_BYTES)
        return sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_IDENTITY, "%s: is too large", path);
    *out = calloc(1, (size_t)size.QuadPart + 1);
    if (*out == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_IDENTITY, "reading %s: no memory", path);
    if (!ReadFile(file, *out, (DWORD)size.QuadPart, &bytes, NULL))
        return fail(err, GetLastError(), "reading", path);
    (*out)[bytes] = '\0';
    return SBX_OK;
}

sbx_status sbx_setup_file_read(char **out, const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_INVALID_NAME;
    sbx_status st;

    *out = NULL;
    if (wide != NULL) {
        file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                           OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
        code = GetLastError();
    }
    free(wide);
    if (file == INVALID_HANDLE_VALUE)
        return code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND
                   ? SBX_OK
                   : fail(err, code, "opening", path);
    st = read_open(out, file, path, err);
    CloseHandle(file);
    if (st != SBX_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}

sbx_status sbx_setup_file_remove(const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD code = ERROR_INVALID_NAME;

    if (wide != NULL)
        code = DeleteFileW(wide) ? 0 : GetLastError();
    free(wide);
    if (code == 0 || code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
        return SBX_OK;
    return fail(err, code, "taking away", path);
}
