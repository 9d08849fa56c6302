/* See accounts.h. */
#include "harness/policy/windows/accounts.h"

#include <stdio.h>
#include <wchar.h>

#include "harness/base/windows/security.h"
#include "harness/setup/windows/state_file.h"

#include <sddl.h>

_Static_assert((int)SBX_STATE_SID_BYTES >= (int)SBX_SID_TEXT_BYTES, "a SID fits");

static void print_sid(char out[SBX_STATE_SID_BYTES], PSID sid)
{
    wchar_t *text = NULL;

    if (!ConvertSidToStringSidW(sid, &text))
        return;
    if (wcslen(text) < SBX_STATE_SID_BYTES)
        (void)snprintf(out, SBX_STATE_SID_BYTES, "%ls", text);
    LocalFree(text);
}

/* Accounts of this machine, not of a domain that happens to have such names. */
static void find_account(char out[SBX_STATE_SID_BYTES], const wchar_t *name)
{
    wchar_t machine[MAX_COMPUTERNAME_LENGTH + 1], whole[MAX_COMPUTERNAME_LENGTH + 32], domain[256];
    DWORD machine_units = SBX_COUNT_OF(machine), domain_units = SBX_COUNT_OF(domain);
    char sid[SECURITY_MAX_SID_SIZE];
    DWORD sid_bytes = sizeof(sid);
    SID_NAME_USE use;

    out[0] = '\0';
    if (GetComputerNameW(machine, &machine_units) &&
        swprintf(whole, SBX_COUNT_OF(whole), L"%ls\\%ls", machine, name) > 0 &&
        LookupAccountNameW(NULL, whole, sid, &sid_bytes, domain, &domain_units, &use))
        print_sid(out, sid);
}

/* The file first: without one there is nothing to ask the account service for. */
sbx_host_users sbx_accounts_look(void)
{
    sbx_accounts_today today;
    sbx_state state;
    bool exists = false;

    if (sbx_state_load(&state, &exists, NULL) != SBX_OK)
        return SBX_USERS_UNKNOWN;
    if (!exists)
        return SBX_USERS_ABSENT;
    if (sbx_security_user(today.caller, NULL) != SBX_OK)
        return SBX_USERS_UNKNOWN;
    find_account(today.group, L"" SBX_ACCOUNT_GROUP);
    find_account(today.offline, L"" SBX_ACCOUNT_OFFLINE);
    find_account(today.online, L"" SBX_ACCOUNT_ONLINE);
    return sbx_accounts_judge(&state, &today);
}
