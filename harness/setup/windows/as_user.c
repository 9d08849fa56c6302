/* See as_user.h. */
#include "harness/setup/windows/as_user.h"

#include <windows.h>

#include "harness/base/windows/wide.h"

static bool find_administrators(SID *out, DWORD bytes)
{
    return CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, out, &bytes) != 0;
}

typedef union sid_room {
    SID sid;
    BYTE room[SECURITY_MAX_SID_SIZE];
} sid_room;

sbx_status sbx_as_user_begin(sbx_error *err)
{
    sid_room administrators;
    SID_AND_ATTRIBUTES disabled = {.Sid = &administrators.sid};
    HANDLE token = NULL, lesser = NULL;
    DWORD code = 0;

    if (!find_administrators(&administrators.sid, sizeof(administrators)) ||
        !OpenProcessToken(GetCurrentProcess(), TOKEN_DUPLICATE | TOKEN_QUERY | TOKEN_ASSIGN_PRIMARY,
                          &token) ||
        !CreateRestrictedToken(token, DISABLE_MAX_PRIVILEGE | LUA_TOKEN, 1, &disabled, 0, NULL, 0,
                               NULL, &lesser) ||
        !ImpersonateLoggedOnUser(lesser))
        code = GetLastError();
    if (lesser != NULL)
        CloseHandle(lesser);
    if (token != NULL)
        CloseHandle(token);
    if (code == 0)
        return SBX_OK;
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, code,
                          "giving up the administrator's rights for work in the caller's places");
}

void sbx_as_user_end(void)
{
    (void)RevertToSelf();
}

bool sbx_as_user_is_elevated(void)
{
    sid_room administrators;
    TOKEN_ELEVATION about = {0};
    HANDLE token = NULL;
    DWORD bytes = 0;
    BOOL is_member = FALSE;
    bool is_elevated;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    is_elevated = GetTokenInformation(token, TokenElevation, &about, sizeof(about), &bytes) &&
                  about.TokenIsElevated != 0 &&
                  find_administrators(&administrators.sid, sizeof(administrators)) &&
                  CheckTokenMembership(NULL, &administrators.sid, &is_member) && is_member;
    CloseHandle(token);
    return is_elevated;
}
