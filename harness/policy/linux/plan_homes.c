/*
 * The caller's home directories: what $HOME says, and what the account says. Both, because a program
 * that sets HOME to something else does not move anybody's secrets.
 */
#include <string.h>

#include "harness/policy/parts.h"

const char *sbx_plan_caller_path(const sbx_making *making, const char *name)
{
    size_t bytes = strlen(name);

    for (const char *const *each = making->request->environment; each != NULL && *each != NULL;
         each++)
        if (strncmp(*each, name, bytes) == 0 && (*each)[bytes] == '=')
            return (*each)[bytes + 1] == '/' ? *each + bytes + 1 : NULL;
    return NULL;
}

/* A home that is not there has no secrets; one that cannot be looked at is nothing to stop at. */
static const char *resolve(sbx_making *making, const char *path)
{
    sbx_place_found found;

    if (path == NULL || sbx_place_find(&found, making, path, NULL) != SBX_OK || !found.is_directory)
        return NULL;
    return found.path;
}

sbx_status sbx_plan_find_homes(sbx_making *making, sbx_error *err)
{
    const char *said = sbx_plan_caller_path(making, "HOME");
    const char *account;
    sbx_status st = sbx_plan_look_up_accounts(&account, making, err);

    if (st != SBX_OK)
        return st;
    if (said != NULL && account != NULL && strcmp(said, account) == 0)
        account = NULL; /* the usual case, and no need to ask twice */
    said = resolve(making, said);
    account = resolve(making, account);
    if (said != NULL && account != NULL && strcmp(said, account) == 0)
        account = NULL;
    making->homes[0] = said != NULL ? said : account;
    making->homes[1] = said != NULL ? account : NULL;
    return SBX_OK;
}
