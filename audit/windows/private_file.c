/* Private files on Windows; see private_file.h. */
#include "audit/private_file.h"

#include <stdlib.h>
#include <windows.h>

#include <aclapi.h>

#include "audit/database_file.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

/* Those who read everything anyway, and the caller. */
typedef struct trusted {
    union {
        SID sid;
        BYTE room[SECURITY_MAX_SID_SIZE];
    } system, administrators, user;
} trusted;

static bool find_user(PSID out, DWORD room)
{
    _Alignas(TOKEN_USER) char about[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    HANDLE token = NULL;
    DWORD bytes = 0;
    bool found;

    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token) && /* who acts as another */
        !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    found = GetTokenInformation(token, TokenUser, about, sizeof(about), &bytes) &&
            CopySid(room, out, ((TOKEN_USER *)(void *)about)->User.Sid);
    CloseHandle(token);
    return found;
}

static bool find_trusted(trusted *out)
{
    DWORD system = sizeof(out->system), administrators = sizeof(out->administrators);

    return CreateWellKnownSid(WinLocalSystemSid, NULL, &out->system, &system) &&
           CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, &out->administrators,
                              &administrators) &&
           find_user(&out->user, sizeof(out->user));
}

static bool is_trusted(trusted *who, PSID sid)
{
    return EqualSid(sid, &who->system) || EqualSid(sid, &who->administrators) ||
           EqualSid(sid, &who->user);
}

/* Nobody else gets anything by it. What is no plain entry is not understood, and not trusted. No list is everybody. */
static bool is_closed(trusted *who, PACL list)
{
    ACL_SIZE_INFORMATION about;

    if (list == NULL || !GetAclInformation(list, &about, sizeof(about), AclSizeInformation))
        return false;
    for (DWORD i = 0; i < about.AceCount; i++) {
        ACCESS_ALLOWED_ACE *ace = NULL;

        if (!GetAce(list, i, (void **)(void *)&ace))
            return false;
        if (ace->Header.AceType == ACCESS_DENIED_ACE_TYPE)
            continue;
        if (ace->Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
            (ace->Mask != 0 && !is_trusted(who, &ace->SidStart)))
            return false;
    }
    return true;
}

static sbx_status check(HANDLE file, const char *path, sbx_error *err)
{
    trusted who;
    BY_HANDLE_FILE_INFORMATION about;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    DWORD code;
    sbx_status st = SBX_OK;

    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileInformationByHandle(file, &about) ||
        (about.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT, "%s: is no plain file", path);
    if (!find_trusted(&who))
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, GetLastError(),
                              "asking who the caller is");
    code = GetSecurityInfo(file, SE_FILE_OBJECT,
                           OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                           &list, NULL, &descriptor);
    if (code != ERROR_SUCCESS)
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, code, "looking at %s", path);
    if (owner == NULL || !is_trusted(&who, owner))
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT, "%s: belongs to somebody else", path);
    else if (!is_closed(&who, list))
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                            "%s: others may read or write it — take it from them with icacls "
                            "/inheritance:r and think whether they have read it",
                            path);
    LocalFree(descriptor);
    return st;
}

static sbx_status read_all(char *out, size_t room, HANDLE file, const char *path, sbx_error *err)
{
    size_t at = 0;
    DWORD bytes = 0;

    do {
        if (!ReadFile(file, out + at, (DWORD)(room - 1 - at), &bytes, NULL)) {
            out[0] = '\0';
            return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, GetLastError(), "reading %s", path);
        }
        at += bytes;
    } while (bytes > 0 && at < room - 1);
    out[at] = '\0';
    return SBX_OK;
}

sbx_status sbx_private_file_read(char *out, size_t room, bool *out_exists, const char *path,
                                 bool is_private, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_INVALID_NAME;
    sbx_status st = SBX_OK;

    out[0] = '\0';
    if (wide != NULL) {
        file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                           is_private ? FILE_FLAG_OPEN_REPARSE_POINT : 0, NULL);
        code = GetLastError();
    }
    free(wide);
    *out_exists = file != INVALID_HANDLE_VALUE;
    if (!*out_exists && (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND))
        return SBX_OK;
    if (!*out_exists)
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, code, "opening %s", path);
    if (is_private)
        st = check(file, path, err);
    if (st == SBX_OK)
        st = read_all(out, room, file, path, err);
    CloseHandle(file);
    return st;
}

sbx_status sbx_private_file_rename(const char *from, const char *to, sbx_error *err)
{
    return sbx_database_file_publish(from, to, err);
}
