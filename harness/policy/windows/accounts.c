/* See accounts.h. */
#include "harness/policy/windows/accounts.h"

#include <stdio.h>
#include <wchar.h>
#include <windows.h>

#include "harness/base/compiler.h"

/* Accounts of this machine, not of a domain that happens to have such names. */
static bool has_account(const wchar_t *name)
{
    wchar_t machine[MAX_COMPUTERNAME_LENGTH + 1], whole[MAX_COMPUTERNAME_LENGTH + 32], domain[256];
    DWORD machine_units = SBX_COUNT_OF(machine), domain_units = SBX_COUNT_OF(domain);
    char sid[SECURITY_MAX_SID_SIZE];
    DWORD sid_bytes = sizeof(sid);
    SID_NAME_USE use;

    return GetComputerNameW(machine, &machine_units) &&
           swprintf(whole, SBX_COUNT_OF(whole), L"%ls\\%ls", machine, name) > 0 &&
           LookupAccountNameW(NULL, whole, sid, &sid_bytes, domain, &domain_units, &use);
}

bool sbx_accounts_are_there(void)
{
    return has_account(L"" SBX_ACCOUNT_GROUP) && has_account(L"" SBX_ACCOUNT_OFFLINE) &&
           has_account(L"" SBX_ACCOUNT_ONLINE);
}
