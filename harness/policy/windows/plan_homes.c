/* The caller's home directory, and the place of the run's private temp directory. */
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/windows/wide.h"
#include "harness/policy/parts.h"

const char *sbx_plan_caller_path(const sbx_making *making, const char *name)
{
    size_t bytes = strlen(name);

    for (const char *const *each = making->request->environment; each != NULL && *each != NULL;
         each++)
        if (sbx_variable_is_named(*each, name, bytes))
            return sbx_path_root_bytes(*each + bytes + 1) > 0 ? *each + bytes + 1 : NULL;
    return NULL;
}

static const char *with_slashes(sbx_making *making, const char *path)
{
    size_t bytes = strlen(path);
    char *copy = sbx_making_get(making, bytes + 1);

    if (copy == NULL)
        return "";
    for (size_t i = 0; i <= bytes; i++)
        copy[i] = path[i] == '\\' ? '/' : path[i];
    return copy;
}

/* A home that is not there has no secrets; one that cannot be looked at is nothing to stop at. */
static const char *resolve(sbx_making *making, const char *name)
{
    const char *path = sbx_plan_caller_path(making, name);
    sbx_place_found found;

    if (path == NULL ||
        sbx_place_find(&found, making, with_slashes(making, path), NULL) != SBX_OK ||
        !found.is_directory)
        return NULL;
    return found.path;
}

sbx_status sbx_plan_find_homes(sbx_making *making, sbx_error *err)
{
    const char *profile = resolve(making, "USERPROFILE"), *home = resolve(making, "HOME");
    const char *local =
        resolve(making, "LOCALAPPDATA"); /* its files' own name: it is compared later */

    making->homes[0] = profile != NULL ? profile : home;
    making->homes[1] =
        profile != NULL && home != NULL && !sbx_path_is_same(profile, home) ? home : NULL;
    if (local == NULL)
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_PLAN,
            "LOCALAPPDATA is not a directory on a local drive: there is no place for "
            "the command's temp directory");
    making->plan->temp_path =
        sbx_making_join(making, sbx_making_join(making, local, "sbx/temp"), making->plan->run_id);
    return SBX_OK;
}
