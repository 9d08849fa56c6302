/* Policies of tasks that were checked already. One costs more to check than a task, and most tasks have the same one. */
#ifndef SBX_BATCH_POLICY_CACHE_H
#define SBX_BATCH_POLICY_CACHE_H

#include "harness/batch/spec.h"

enum { SBX_POLICY_CACHE_MAX = 32 };

typedef struct sbx_checked_policy {
    char *key; /* what asks for it, as JSON; NULL: nothing is here */
    uint64_t memory_bytes;
    uint32_t cpus_milli;
    char digest[65];
} sbx_checked_policy;

/* All zero is an empty one. */
typedef struct sbx_policy_cache {
    sbx_checked_policy policies[SBX_POLICY_CACHE_MAX];
    size_t next;
} sbx_policy_cache;

/* The policy that a checked object with absolute paths asks for. *out is good until the next call. */
SBX_MUST_USE sbx_status sbx_policy_cache_find(const sbx_checked_policy **out,
                                              sbx_policy_cache *cache, const json_t *object,
                                              const sbx_batch_where *where, sbx_error *err);
void sbx_policy_cache_done(sbx_policy_cache *cache);

#endif
