/*
 * The sandbox users (path B): their names, and whether they are as a setup of this caller's left them. sbx-setup makes the
 * accounts under the same names (harness/setup/windows/setup.h; a test compares).
 *
 * This is only what a file and the account service say. Whether the network is closed to such a user is tried in each run
 * (harness/runner/windows/net_wall.h).
 */
#ifndef SBX_POLICY_WINDOWS_ACCOUNTS_H
#define SBX_POLICY_WINDOWS_ACCOUNTS_H

#include "harness/policy/host.h"
#include "harness/setup/windows/state.h"

#define SBX_ACCOUNT_GROUP "SbxUsers"
#define SBX_ACCOUNT_OFFLINE "SbxOffline" /* to whom the network is closed: --net none */
#define SBX_ACCOUNT_ONLINE "SbxOnline"

/* Who is who today, "S-1-…"; "": there is no such account. */
typedef struct sbx_accounts_today {
    char caller[SBX_STATE_SID_BYTES];
    char group[SBX_STATE_SID_BYTES], offline[SBX_STATE_SID_BYTES], online[SBX_STATE_SID_BYTES];
} sbx_accounts_today;

/* Pure. state: what the setup remembers; NULL: nothing. */
sbx_host_users sbx_accounts_judge(const sbx_state *state, const sbx_accounts_today *today);

/* What is amiss, and what to do about it, in words that go on: "nobody has …" and "`sbx-setup install` …". */
const char *sbx_accounts_amiss(sbx_host_users users);
const char *sbx_accounts_fix(sbx_host_users users);

/* Of this machine. Where nobody has set it up that costs one look for a file; else the account service is asked, too. */
sbx_host_users sbx_accounts_look(void);

#endif
