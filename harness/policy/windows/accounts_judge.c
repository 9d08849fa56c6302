/* What a setup remembers against who is who today; see accounts.h. Pure. */
#include <string.h>

#include "harness/policy/windows/accounts.h"

/* What was never filled is nobody's. */
static bool is_same(const char *remembered, const char *today)
{
    return remembered[0] != '\0' && strcmp(remembered, today) == 0;
}

sbx_host_users sbx_accounts_judge(const sbx_state *state, const sbx_accounts_today *today)
{
    if (state == NULL)
        return SBX_USERS_ABSENT;
    if (!is_same(state->owner, today->caller))
        return SBX_USERS_FOREIGN;
    if (!state->is_complete)
        return SBX_USERS_INCOMPLETE;
    if (!is_same(state->group, today->group) || !is_same(state->offline, today->offline) ||
        !is_same(state->online, today->online))
        return SBX_USERS_OTHER;
    return SBX_USERS_THERE;
}

const char *sbx_accounts_amiss(sbx_host_users users)
{
    static const char *const words[] = {
        [SBX_USERS_ABSENT] = "nobody has set this machine up for sandbox users",
        [SBX_USERS_UNKNOWN] = "what the setup of the sandbox users remembers cannot be read",
        [SBX_USERS_INCOMPLETE] = "the setup of the sandbox users is not complete",
        [SBX_USERS_FOREIGN] = "the sandbox users were set up by another user, for that one alone",
        [SBX_USERS_OTHER] = "an account of the sandbox users is not the one that was set up",
        [SBX_USERS_THERE] = "the sandbox users are there",
    };
    return words[users];
}

const char *sbx_accounts_fix(sbx_host_users users)
{
    static const char *const words[] = {
        [SBX_USERS_ABSENT] = "`sbx-setup install` does that, once, as an administrator",
        [SBX_USERS_UNKNOWN] = "`sbx-setup status` says why",
        [SBX_USERS_INCOMPLETE] = "`sbx-setup repair` goes on with it",
        [SBX_USERS_FOREIGN] = "that user has to `sbx-setup uninstall` first",
        [SBX_USERS_OTHER] = "`sbx-setup status` says more",
        [SBX_USERS_THERE] = "",
    };
    return words[users];
}
