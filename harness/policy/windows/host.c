/*
 * What this host holds, tried: a setting is made, read back, and thrown away. A system that says yes to
 * everything and does nothing (Wine, an old emulation) is found out here, before a command is trusted to it.
 */
#include "harness/policy/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

#include <aclapi.h>
#include <sddl.h>

/* A SID that nobody has. */
static PSID stranger(void)
{
    uint32_t part[4];
    wchar_t text[80];
    PSID sid = NULL;

    if (sbx_random_bytes(part, sizeof(part), NULL) != SBX_OK)
        return NULL;
    (void)swprintf(text, SBX_COUNT_OF(text), L"S-1-5-21-%lu-%lu-%lu-%lu", (unsigned long)part[0],
                   (unsigned long)part[1], (unsigned long)part[2], (unsigned long)part[3]);
    return ConvertStringSidToSidW(text, &sid) ? sid : NULL;
}

static void *token_information(HANDLE token, TOKEN_INFORMATION_CLASS about)
{
    DWORD bytes = 0;
    void *room;

    (void)GetTokenInformation(token, about, NULL, 0, &bytes);
    room = bytes == 0 ? NULL : malloc(bytes);
    if (room != NULL && !GetTokenInformation(token, about, room, bytes, &bytes)) {
        free(room);
        room = NULL;
    }
    return room;
}

/* Exactly that SID restricts it, and no privilege is left but the one that walking folders needs. */
static bool is_as_asked(HANDLE token, PSID sid)
{
    TOKEN_GROUPS *restricting = token_information(token, TokenRestrictedSids);
    TOKEN_PRIVILEGES *left = token_information(token, TokenPrivileges);
    bool ok = restricting != NULL && restricting->GroupCount == 1 &&
              EqualSid(restricting->Groups[0].Sid, sid) && left != NULL &&
              left->PrivilegeCount <= 1 && IsTokenRestricted(token);

    free(restricting);
    free(left);
    return ok;
}

/* Does the system grant that right to the token, on a file that is the caller's and open to nobody else? */
static bool is_granted(HANDLE token, PSECURITY_DESCRIPTOR file, DWORD right)
{
    GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                               FILE_ALL_ACCESS};
    _Alignas(PRIVILEGE_SET) char used[256];
    DWORD used_bytes = sizeof(used), granted = 0;
    BOOL is_allowed = FALSE;

    return AccessCheck(file, token, right, &mapping, (PRIVILEGE_SET *)(void *)used, &used_bytes,
                       &granted, &is_allowed) &&
           is_allowed;
}

/*
 * What counts as writing for a write-restricted token is not said in so many words. The system is asked: reading
 * must stay, and nothing that changes, deletes or opens up the file may.
 */
static bool is_held_back(HANDLE token)
{
    static const DWORD changes[] = {
        FILE_WRITE_DATA, FILE_APPEND_DATA, FILE_WRITE_EA, FILE_DELETE_CHILD,
        DELETE,          WRITE_DAC,        WRITE_OWNER,   FILE_WRITE_ATTRIBUTES};
    char user[SBX_SID_TEXT_BYTES], sddl[2 * SBX_SID_TEXT_BYTES + 32];
    sbx_security file = {0};
    HANDLE asking = NULL;
    bool ok = sbx_security_user(user, NULL) == SBX_OK;

    (void)snprintf(sddl, sizeof(sddl), "O:%sG:SYD:P(A;;FA;;;%s)", ok ? user : "SY",
                   ok ? user : "SY");
    ok = ok && sbx_security_of_text(&file, sddl, SBX_STEP_PLAN, NULL) == SBX_OK &&
         DuplicateTokenEx(token, TOKEN_QUERY | TOKEN_IMPERSONATE, NULL, SecurityIdentification,
                          TokenImpersonation, &asking) &&
         is_granted(asking, file.attributes.lpSecurityDescriptor, FILE_GENERIC_READ);
    for (size_t i = 0; ok && i < SBX_COUNT_OF(changes); i++)
        ok = !is_granted(asking, file.attributes.lpSecurityDescriptor, changes[i]);
    if (asking != NULL)
        CloseHandle(asking);
    sbx_security_done(&file);
    return ok;
}

static bool try_token(PSID sid)
{
    SID_AND_ATTRIBUTES restricting = {.Sid = sid};
    HANDLE own = NULL, made = NULL;
    bool ok = OpenProcessToken(GetCurrentProcess(), TOKEN_DUPLICATE | TOKEN_QUERY, &own) &&
              CreateRestrictedToken(own, DISABLE_MAX_PRIVILEGE | LUA_TOKEN | WRITE_RESTRICTED, 0,
                                    NULL, 0, NULL, 1, &restricting, &made) &&
              is_as_asked(made, sid) && is_held_back(made);

    if (made != NULL)
        CloseHandle(made);
    if (own != NULL)
        CloseHandle(own);
    return ok;
}

/* A file that is gone with its handle. */
static HANDLE scratch_file(void)
{
    wchar_t folder[MAX_PATH + 1], name[MAX_PATH + 40];
    uint64_t random = 0;

    if (GetTempPathW(SBX_COUNT_OF(folder), folder) == 0 ||
        sbx_random_bytes(&random, sizeof(random), NULL) != SBX_OK)
        return INVALID_HANDLE_VALUE;
    (void)swprintf(name, SBX_COUNT_OF(name), L"%lssbx-%llx.tmp", folder,
                   (unsigned long long)random);
    return CreateFileW(name, GENERIC_WRITE | READ_CONTROL | WRITE_DAC | DELETE, 0, NULL, CREATE_NEW,
                       FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
}

static bool names_sid(PACL list, PSID sid)
{
    for (DWORD i = 0; list != NULL && i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry = NULL;

        if (GetAce(list, i, (void **)&entry) && entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE &&
            EqualSid(&entry->SidStart, sid))
            return true;
    }
    return false;
}

static bool try_entry(PSID sid)
{
    HANDLE file = scratch_file();
    PSECURITY_DESCRIPTOR before = NULL, after = NULL;
    PACL old = NULL, made = NULL, found = NULL;
    EXPLICIT_ACCESS_W entry = {.grfAccessPermissions = FILE_GENERIC_READ,
                               .grfAccessMode = GRANT_ACCESS,
                               .Trustee = {.TrusteeForm = TRUSTEE_IS_SID, .ptstrName = sid}};
    bool ok = file != INVALID_HANDLE_VALUE &&
              GetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &old,
                              NULL, &before) == ERROR_SUCCESS &&
              SetEntriesInAclW(1, &entry, old, &made) == ERROR_SUCCESS &&
              SetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, made,
                              NULL) == ERROR_SUCCESS &&
              GetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &found,
                              NULL, &after) == ERROR_SUCCESS &&
              names_sid(found, sid);

    if (before != NULL)
        LocalFree(before);
    if (after != NULL)
        LocalFree(after);
    if (made != NULL)
        LocalFree(made);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return ok;
}

static bool try_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION asked = {0}, found = {0};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    bool ok;

    asked.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
    asked.BasicLimitInformation.ActiveProcessLimit = 1000;
    ok = job != NULL &&
         SetInformationJobObject(job, JobObjectExtendedLimitInformation, &asked, sizeof(asked)) &&
         QueryInformationJobObject(job, JobObjectExtendedLimitInformation, &found, sizeof(found),
                                   NULL) &&
         found.BasicLimitInformation.LimitFlags == asked.BasicLimitInformation.LimitFlags &&
         found.BasicLimitInformation.ActiveProcessLimit == 1000;
    if (job != NULL)
        CloseHandle(job);
    return ok;
}

/* A variable alone could have been inherited by something that is not confined. */
static bool is_inside_sbx(void)
{
    HANDLE own = NULL;
    bool is_restricted =
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &own) && IsTokenRestricted(own);

    if (own != NULL)
        CloseHandle(own);
    return is_restricted && sbx_windows_variable("SBX_RUN_ID") != NULL;
}

void sbx_host_look(sbx_host *out)
{
    PSID sid = stranger();

    *out = (sbx_host){0};
    if (sid != NULL) {
        out->restricts_tokens = try_token(sid);
        out->keeps_aces = try_entry(sid);
        LocalFree(sid);
    }
    out->holds_jobs = try_job();
    out->inside_sbx = is_inside_sbx();
}
