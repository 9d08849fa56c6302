/* Found by what a task says of its policy, as text. */
#include "harness/batch/policy_cache.h"

#include <stdlib.h>
#include <string.h>

static sbx_status check(sbx_checked_policy *out, const json_t *object, const sbx_batch_where *where,
                        sbx_error *err)
{
    sbx_policy policy = {0};
    sbx_status st;

    sbx_policy_init(&policy);
    st = sbx_batch_spec_policy(&policy, object, where, err);
    if (st == SBX_OK)
        st = sbx_batch_policy_digest(out->digest, &policy, err);
    if (st == SBX_OK) {
        uint64_t cpus = policy.limits.value[SBX_LIMIT_CPUS];

        out->memory_bytes = policy.limits.value[SBX_LIMIT_MEMORY];
        out->cpus_milli = cpus == SBX_UNLIMITED ? 0 : cpus > 1000000 ? 1000000 : (uint32_t)cpus;
    }
    sbx_policy_done(&policy);
    return st;
}

sbx_status sbx_policy_cache_find(const sbx_checked_policy **out, sbx_policy_cache *cache,
                                 const json_t *object, const sbx_batch_where *where, sbx_error *err)
{
    sbx_checked_policy *slot;
    json_t *asked =
        json_pack("{s:O*, s:O*, s:O*}", "policy", json_object_get(object, "policy"), "limits",
                  json_object_get(object, "limits"), "env", json_object_get(object, "env"));
    char *key = asked == NULL ? NULL : json_dumps(asked, JSON_COMPACT | JSON_SORT_KEYS);
    sbx_status st;

    json_decref(asked);
    if (key == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a policy");
    for (size_t i = 0; i < SBX_POLICY_CACHE_MAX; i++)
        if (cache->policies[i].key != NULL && strcmp(cache->policies[i].key, key) == 0) {
            *out = &cache->policies[i];
            free(key);
            return SBX_OK;
        }
    slot = &cache->policies[cache->next];
    free(slot->key);
    slot->key = NULL; /* until it is known to be good */
    st = check(slot, object, where, err);
    if (st != SBX_OK) {
        free(key);
        return st;
    }
    slot->key = key;
    cache->next = (cache->next + 1) % SBX_POLICY_CACHE_MAX;
    *out = slot;
    return SBX_OK;
}

void sbx_policy_cache_done(sbx_policy_cache *cache)
{
    for (size_t i = 0; i < SBX_POLICY_CACHE_MAX; i++)
        free(cache->policies[i].key);
    memset(cache, 0, sizeof(*cache));
}
