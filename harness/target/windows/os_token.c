/* Tokens, and the lists of processes and tokens. */
#include "harness/target/windows/os_parts.h"

#include <aclapi.h>
#include <stdlib.h>
#include <string.h>

enum {
    RIGHTS = TOKEN_DUPLICATE | TOKEN_QUERY | TOKEN_ASSIGN_PRIMARY | TOKEN_ADJUST_DEFAULT |
             TOKEN_ADJUST_SESSIONID | TOKEN_ADJUST_PRIVILEGES | READ_CONTROL | WRITE_DAC,
};

/* Opened once: afterwards the token is closed even to us (sbx_token_guard_own()), but for what is open. */
sbx_os_code sbx_os_open_token(sbx_handle *out)
{
    static HANDLE kept;
    HANDLE copy = NULL;

    if (kept == NULL && !OpenProcessToken(GetCurrentProcess(), RIGHTS, &kept))
        return GetLastError();
    if (!DuplicateHandle(GetCurrentProcess(), kept, GetCurrentProcess(), &copy, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        return GetLastError();
    *out = copy;
    return 0;
}

sbx_os_code sbx_os_open_process_token(sbx_handle *out, sbx_handle process)
{
    HANDLE token = NULL;

    if (!OpenProcessToken(process, TOKEN_QUERY, &token))
        return GetLastError();
    *out = token;
    return 0;
}

static void *ask(HANDLE token, TOKEN_INFORMATION_CLASS about, sbx_os_code *code)
{
    DWORD bytes = 0;
    void *room;

    (void)GetTokenInformation(token, about, NULL, 0, &bytes);
    room = malloc(bytes == 0 ? 1 : bytes);
    *code = room == NULL ? ERROR_NOT_ENOUGH_MEMORY : 0;
    if (room != NULL && !GetTokenInformation(token, about, room, bytes, &bytes)) {
        *code = GetLastError();
        free(room);
        room = NULL;
    }
    return room;
}

static void read_logon(sbx_os_token *out, const TOKEN_GROUPS *groups)
{
    for (DWORD i = 0; i < groups->GroupCount; i++)
        if ((groups->Groups[i].Attributes & SE_GROUP_LOGON_ID) == SE_GROUP_LOGON_ID)
            (void)sbx_os_sid_print(out->logon, groups->Groups[i].Sid);
}

/* A system that does not know restricting SIDs fails to tell them: then there are none. */
static void read_restricting(sbx_os_token *out, HANDLE token)
{
    sbx_os_code code;
    TOKEN_GROUPS *found = ask(token, TokenRestrictedSids, &code);

    for (DWORD i = 0; found != NULL && i < found->GroupCount; i++)
        if (out->restricting_count++ < sizeof(out->restricting) / sizeof(out->restricting[0]))
            (void)sbx_os_sid_print(out->restricting[i], found->Groups[i].Sid);
    free(found);
}

sbx_os_code sbx_os_read_token(sbx_os_token *out, sbx_handle token)
{
    sbx_os_code code = 0;
    TOKEN_USER *user = ask(token, TokenUser, &code);
    TOKEN_GROUPS *groups = code == 0 ? ask(token, TokenGroups, &code) : NULL;
    TOKEN_PRIVILEGES *privileges = code == 0 ? ask(token, TokenPrivileges, &code) : NULL;

    *out = (sbx_os_token){.restricting_count = 0};
    if (code == 0) {
        if (!sbx_os_sid_print(out->user, user->User.Sid))
            code = GetLastError();
        read_logon(out, groups);
        out->privilege_count = privileges->PrivilegeCount;
        read_restricting(out, token);
        out->is_restricted = IsTokenRestricted(token) != 0;
    }
    free(user);
    free(groups);
    free(privileges);
    return code;
}

sbx_os_code sbx_os_restrict_token(sbx_handle *out, sbx_handle token, uint32_t flags,
                                  const char *const *sids, size_t count)
{
    SID_AND_ATTRIBUTES restricting[8];
    HANDLE made = NULL;
    size_t known = 0;
    sbx_os_code code = 0;

    memset(restricting, 0, sizeof(restricting));
    for (; known < count && code == 0; known++)
        if (known == sizeof(restricting) / sizeof(restricting[0]) ||
            (restricting[known].Sid = sbx_os_sid(sids[known])) == NULL)
            code = ERROR_INVALID_SID;
    if (code == 0 &&
        !CreateRestrictedToken(token, flags, 0, NULL, 0, NULL, (DWORD)count, restricting, &made))
        code = GetLastError();
    for (size_t i = 0; i < known && i < sizeof(restricting) / sizeof(restricting[0]); i++)
        if (restricting[i].Sid != NULL)
            LocalFree(restricting[i].Sid);
    if (code == 0)
        *out = made;
    return code;
}

sbx_os_code sbx_os_drop_privileges(sbx_handle token)
{
    sbx_os_code code = 0;
    TOKEN_PRIVILEGES *held = ask(token, TokenPrivileges, &code);
    LUID kept;

    if (code == 0 && !LookupPrivilegeValueW(NULL, SE_CHANGE_NOTIFY_NAME, &kept))
        code = GetLastError();
    for (DWORD i = 0; code == 0 && i < held->PrivilegeCount; i++)
        if (held->Privileges[i].Luid.LowPart != kept.LowPart ||
            held->Privileges[i].Luid.HighPart != kept.HighPart)
            held->Privileges[i].Attributes = SE_PRIVILEGE_REMOVED;
    /* One that is kept keeps its state; and the call may succeed without having done all of it. */
    if (code == 0 && !AdjustTokenPrivileges(token, FALSE, held, 0, NULL, NULL))
        code = GetLastError();
    free(held);
    return code;
}

sbx_os_code sbx_os_set_default_list(sbx_handle token, const sbx_ace *aces, size_t count)
{
    TOKEN_DEFAULT_DACL list = {.DefaultDacl = sbx_os_list_make(aces, count)};
    sbx_os_code code = 0;

    if (list.DefaultDacl == NULL ||
        !SetTokenInformation(token, TokenDefaultDacl, &list, sizeof(list)))
        code = GetLastError();
    if (list.DefaultDacl != NULL)
        LocalFree(list.DefaultDacl);
    return code;
}

sbx_os_code sbx_os_read_default_list(sbx_os_list *out, sbx_handle token)
{
    sbx_os_code code = 0;
    TOKEN_DEFAULT_DACL *list = ask(token, TokenDefaultDacl, &code);

    if (list != NULL)
        sbx_os_list_read(out, list->DefaultDacl);
    free(list);
    return code;
}

static HANDLE or_this(sbx_handle object)
{
    return object == NULL ? GetCurrentProcess() : object;
}

sbx_os_code sbx_os_set_list(sbx_handle object, const sbx_ace *aces, size_t count)
{
    PACL list = sbx_os_list_make(aces, count);
    sbx_os_code code;

    if (list == NULL)
        return GetLastError();
    code = SetSecurityInfo(or_this(object), SE_KERNEL_OBJECT,
                           DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL,
                           NULL, list, NULL);
    LocalFree(list);
    return code;
}

sbx_os_code sbx_os_read_list(sbx_os_list *out, sbx_handle object)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    sbx_os_code code = GetSecurityInfo(or_this(object), SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION,
                                       NULL, NULL, &list, NULL, &descriptor);

    if (code == 0)
        sbx_os_list_read(out, list);
    if (descriptor != NULL)
        LocalFree(descriptor);
    return code;
}
