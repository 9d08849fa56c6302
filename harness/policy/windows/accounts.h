/*
 * The sandbox users' names (path B). sbx-setup makes the accounts under the same ones (harness/setup/windows/setup.h; a
 * test compares).
 */
#ifndef SBX_POLICY_WINDOWS_ACCOUNTS_H
#define SBX_POLICY_WINDOWS_ACCOUNTS_H

#include <stdbool.h>

#define SBX_ACCOUNT_GROUP "SbxUsers"
#define SBX_ACCOUNT_OFFLINE "SbxOffline" /* whom the firewall keeps from every address */
#define SBX_ACCOUNT_ONLINE "SbxOnline"

/* All three, on this machine. Asks the system's account service, which costs: for who asks for that identity. */
bool sbx_accounts_are_there(void);

#endif
