/*
 * What may not be read: the policy's paths, the built-in secrets, the audit database. A restricted token cannot
 * keep anything from being read that its user can read, so on path A such a rule only holds against writing;
 * plan_walls.c says so.
 */
#include <string.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

static sbx_status deny_paths(sbx_making *making, sbx_error *err)
{
    const sbx_strings *paths = &making->policy->deny_read;

    for (size_t i = 0; i < paths->count; i++) {
        sbx_place_found found;
        const char *path;
        sbx_status st;

        if ((st = sbx_place_absolute(&path, making, paths->item[i], err)) != SBX_OK ||
            (st = sbx_place_find(&found, making, path, err)) != SBX_OK)
            return st;
        if (found.path == NULL || strlen(found.path) == sbx_path_root_bytes(found.path))
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  found.path == NULL ? "the path to deny %s does not exist"
                                                     : "%s cannot be denied as a whole",
                                  path);
        sbx_rules_add(making, SBX_RULE_DENY, found.is_directory, found.path, "deny");
    }
    return SBX_OK;
}

sbx_status sbx_plan_add_denials(sbx_making *making, sbx_error *err)
{
    sbx_status st = deny_paths(making, err);

    if (st != SBX_OK || !making->policy->deny_secrets)
        return st;
    for (size_t i = 0; i < SBX_COUNT_OF(making->homes); i++) {
        if (making->homes[i] == NULL)
            continue;
        for (const char *const *secret = sbx_policy_secrets(); *secret != NULL; secret++) {
            sbx_place_found found;

            if (strncmp(*secret, "~/", 2) == 0 && strchr(*secret, '*') == NULL &&
                sbx_place_find(&found, making,
                               sbx_making_join(making, making->homes[i], *secret + 2),
                               NULL) == SBX_OK &&
                found.path != NULL)
                sbx_rules_add(making, SBX_RULE_DENY, found.is_directory, found.path, "secret");
        }
    }
    return SBX_OK;
}

/* The database's directory, resolved as far as it exists. */
sbx_status sbx_plan_add_audit(sbx_making *making, sbx_error *err)
{
    const char *path, *name;
    sbx_text clean = {0};
    sbx_place_found found;
    sbx_status st;

    if (making->request->audit_path == NULL)
        return SBX_OK;
    st = sbx_place_absolute(&path, making, making->request->audit_path, err);
    if (st == SBX_OK)
        st = sbx_path_clean(&clean, NULL, path, err);
    if (st != SBX_OK)
        return st;
    path = sbx_making_copy(making, sbx_text_string(&clean));
    sbx_text_done(&clean);
    name = sbx_path_name(path);
    st = sbx_place_find(&found, making,
                        sbx_making_copy_bytes(making, path, (size_t)(name - path - 1)), err);
    if (st != SBX_OK)
        return st;
    if (found.path != NULL)
        path = sbx_making_join(making, found.path, name);
    making->plan->audit_path = path;
    if (sbx_rules_covering(making, SBX_RULE_WRITE, path) != NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the audit database %s lies in a writable root, where the command "
                              "could change it: name another with --audit-db",
                              path);
    return SBX_OK;
}
