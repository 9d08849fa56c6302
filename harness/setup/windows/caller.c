/* See caller.h. */
#include "harness/setup/windows/caller.h"

#include <stdlib.h>
#include <windows.h>
#include <wtsapi32.h>

#include "harness/base/windows/functions.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/as_user.h"

/* --- who is signed in here --- */

typedef struct terminal_services {
    BOOL(WINAPI *ask)(HANDLE, DWORD, WTS_INFO_CLASS, LPWSTR *, DWORD *);
    void(WINAPI *done)(PVOID);
} terminal_services;

typedef struct account {
    wchar_t name[256], domain[256];
} account;

static bool ask(wchar_t out[256], WTS_INFO_CLASS what, const terminal_services *call)
{
    wchar_t *found = NULL;
    DWORD bytes = 0;
    bool is_there =
        call->ask(WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, what, &found, &bytes) != 0 &&
        found != NULL;

    out[0] = L'\0';
    if (is_there)
        (void)lstrcpynW(out, found, 256);
    if (found != NULL)
        call->done(found);
    return is_there;
}

static bool own_account(account *out)
{
    _Alignas(TOKEN_USER) char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    DWORD bytes = 0, name_units = 256, domain_units = 256;
    SID_NAME_USE use;
    HANDLE token = NULL;
    bool found;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    found = GetTokenInformation(token, TokenUser, room, sizeof(room), &bytes) &&
            LookupAccountSidW(NULL, ((TOKEN_USER *)(void *)room)->User.Sid, out->name, &name_units,
                              out->domain, &domain_units, &use);
    CloseHandle(token);
    return found;
}

static bool is_same(const wchar_t *one, const wchar_t *other)
{
    return CompareStringOrdinal(one, -1, other, -1, TRUE) == CSTR_EQUAL;
}

static sbx_status refuse_other(const account *own, const account *session, sbx_error *err)
{
    sbx_text mine = {0}, theirs = {0};
    sbx_status st;

    sbx_text_add_wide(&mine, own->name, wcslen(own->name));
    sbx_text_add_wide(&theirs, session->name, wcslen(session->name));
    st =
        sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                       "elevated as %s, but %s is signed in here and would run sbx: passwords kept "
                       "for one account are not read by another — let %s be an administrator while "
                       "setting up, or sign in as %s",
                       sbx_text_string(&mine), sbx_text_string(&theirs), sbx_text_string(&theirs),
                       sbx_text_string(&mine));
    sbx_text_done(&mine);
    sbx_text_done(&theirs);
    return st;
}

/* Nobody is signed in where a service or a remote shell runs: then the process is who it is. */
static sbx_status check_session(sbx_error *err)
{
    static const char *const names[] = {"WTSQuerySessionInformationW", "WTSFreeMemory"};
    account own = {.name = L""}, session = {.name = L""};
    terminal_services call;
    sbx_status st =
        sbx_functions_find(&call, sizeof(call), "wtsapi32.dll", names, SBX_COUNT_OF(names), err);

    if (st != SBX_OK)
        return st;
    if (!own_account(&own))
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, GetLastError(),
                              "asking whose account this is");
    if (!ask(session.name, WTSUserName, &call) || !ask(session.domain, WTSDomainName, &call))
        return sbx_fail_win32(err, SBX_REFUSED, SBX_STEP_IDENTITY, GetLastError(),
                              "asking who is signed in");
    if (session.name[0] == L'\0' ||
        (is_same(own.name, session.name) && is_same(own.domain, session.domain)))
        return SBX_OK;
    return refuse_other(&own, &session, err);
}

/* --- what this machine is --- */

static sbx_status check_machine(sbx_error *err)
{
    wchar_t kind[32] = L"";
    DWORD bytes = sizeof(kind);
    LSTATUS code =
        RegGetValueW(HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control\\ProductOptions",
                     L"ProductType", RRF_RT_REG_SZ, NULL, kind, &bytes);

    if (code == 0 && is_same(kind, L"LanmanNT"))
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "this is a domain controller: its accounts are the domain's, and the "
                              "sandbox users would be, too");
    return SBX_OK;
}

sbx_status sbx_setup_caller_check(sbx_error *err)
{
    sbx_status st = check_machine(err);

    if (st == SBX_OK && !sbx_as_user_is_elevated())
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                            "not elevated: sandbox users, firewall rules and filters are an "
                            "administrator's to make — run it as administrator");
    return st == SBX_OK ? check_session(err) : st;
}
