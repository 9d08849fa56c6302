/* The environment of the command: what the policy keeps of the caller's, and what it sets. */
#include <string.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

/* The list while it grows; big enough from the start. */
typedef struct environment {
    const char **item;
    size_t count;
} environment;

static size_t name_bytes(const char *entry)
{
    return strcspn(entry, "=");
}

static bool matches_one(const sbx_strings *globs, const char *name)
{
    for (size_t i = 0; i < globs->count; i++)
        if (sbx_glob_matches(globs->item[i], name))
            return true;
    return false;
}

static bool is_kept(const sbx_policy *policy, const char *entry)
{
    char name[256];
    size_t bytes = name_bytes(entry);

    if (entry[bytes] == '\0' || bytes == 0 || bytes >= sizeof(name))
        return false; /* no name, or one that nobody has: not worth guessing what it holds */
    memcpy(name, entry, bytes);
    name[bytes] = '\0';
    return matches_one(&policy->env_keep, name) && !matches_one(&policy->env_deny, name);
}

static void put(environment *env, const char *entry)
{
    size_t bytes = name_bytes(entry);

    for (size_t i = 0; i < env->count; i++) {
        if (sbx_variable_is_named(env->item[i], entry, bytes)) {
            env->item[i] = entry;
            return;
        }
    }
    env->item[env->count++] = entry;
}

static const char *find(const char *const *list, const char *name, size_t bytes)
{
    for (; list != NULL && *list != NULL; list++)
        if (sbx_variable_is_named(*list, name, bytes))
            return *list;
    return NULL;
}

/* "NAME=VALUE", or "NAME" for what the caller has. */
static void put_set(environment *env, sbx_making *making, const char *item)
{
    size_t bytes = name_bytes(item);

    if (item[bytes] == '\0')
        item = find(making->request->environment, item, bytes);
    if (item != NULL)
        put(env, sbx_making_copy(making, item));
}

void sbx_plan_make_environment(sbx_making *making)
{
    const char *const *caller = making->request->environment;
    const sbx_policy *policy = making->policy;
    sbx_plan *plan = making->plan;
    char run_id[sizeof("SBX_RUN_ID=") + sizeof(plan->run_id)] = "SBX_RUN_ID=";
    const char *const *own = sbx_plan_own_variables(making);
    const char *path;
    environment env = {0};
    size_t count = 0, own_count = 0;

    while (caller != NULL && caller[count] != NULL)
        count++;
    while (own[own_count] != NULL)
        own_count++;
    env.item =
        sbx_making_get(making, (count + own_count + policy->env_set.count + 2) * sizeof(*env.item));
    if (env.item == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (is_kept(policy, caller[i]))
            env.item[env.count++] = sbx_making_copy(making, caller[i]);
    for (size_t i = 0; i < own_count; i++)
        put_set(&env, making, own[i]);
    for (size_t i = 0; i < policy->env_set.count; i++)
        put_set(&env, making, policy->env_set.item[i]);
    memcpy(run_id + name_bytes(run_id) + 1, plan->run_id, sizeof(plan->run_id));
    put(&env, sbx_making_copy(making, run_id));
    env.item[env.count] = NULL;
    plan->env = env.item;
    path = sbx_plan_variable(plan, "PATH");
    plan->path_list = path != NULL ? path : sbx_plan_default_path_list();
}

const char *sbx_plan_variable(const sbx_plan *plan, const char *name)
{
    size_t bytes = strlen(name);
    const char *entry = find(plan->env, name, bytes);

    return entry != NULL ? entry + bytes + 1 : NULL;
}
