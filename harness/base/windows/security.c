/* See security.h. */
#include "harness/base/windows/security.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/windows/wide.h"

static sbx_status print_sid(char out[SBX_SID_TEXT_BYTES], PSID sid, sbx_error *err)
{
    wchar_t *wide = NULL;
    size_t i;

    if (!ConvertSidToStringSidW(sid, &wide))
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, GetLastError(),
                              "writing the caller's SID");
    for (i = 0; wide[i] != L'\0' && i + 1 < SBX_SID_TEXT_BYTES; i++)
        out[i] = (char)wide[i]; /* letters, digits and dashes */
    out[i] = '\0';
    LocalFree(wide);
    return SBX_OK;
}

/* The thread's, where it acts as somebody; looked at as the process, who may do that when the other may not. */
static bool open_token(HANDLE *out)
{
    return OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, out) ||
           OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, out);
}

sbx_status sbx_security_user(char out[SBX_SID_TEXT_BYTES], sbx_error *err)
{
    _Alignas(TOKEN_USER) char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    const TOKEN_USER *user = (const TOKEN_USER *)(const void *)room;
    HANDLE token = NULL;
    DWORD bytes = 0;
    sbx_status st;

    if (!open_token(&token) || !GetTokenInformation(token, TokenUser, room, sizeof(room), &bytes))
        st = sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, GetLastError(),
                            "asking who the caller is");
    else
        st = print_sid(out, user->User.Sid, err);
    if (token != NULL)
        CloseHandle(token);
    return st;
}

sbx_status sbx_security_of_text(sbx_security *out, const char *sddl, sbx_step step, sbx_error *err)
{
    wchar_t *wide = sbx_wide(sddl);
    PSECURITY_DESCRIPTOR descriptor = NULL;
    sbx_status st = SBX_OK;

    if (wide == NULL || !ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1,
                                                                              &descriptor, NULL))
        st = sbx_fail_win32(err, SBX_INVALID, step, GetLastError(),
                            "reading the security descriptor %s", sddl);
    else
        out->attributes = (SECURITY_ATTRIBUTES){.nLength = sizeof(out->attributes),
                                                .lpSecurityDescriptor = descriptor};
    free(wide);
    return st;
}

sbx_status sbx_security_owner_only(sbx_security *out, sbx_step step, sbx_error *err)
{
    char user[SBX_SID_TEXT_BYTES], sddl[SBX_SID_TEXT_BYTES + 96];
    sbx_status st = sbx_security_user(user, err);

    if (st != SBX_OK)
        return st;
    (void)snprintf(sddl, sizeof(sddl), "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;%s)", user);
    return sbx_security_of_text(out, sddl, step, err);
}

void sbx_security_done(sbx_security *security)
{
    if (security->attributes.lpSecurityDescriptor != NULL)
        LocalFree(security->attributes.lpSecurityDescriptor);
    *security = (sbx_security){0};
}
