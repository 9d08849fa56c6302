/*
 * One task as its manifest has it: which keys there are, which form each value has, and what a task is when the
 * defaults are laid under it. The rest of the layer only sees resolved specs.
 *
 * A resolved spec is canonical JSON: everything that decides what runs and what is expected of it, with absolute
 * paths, and nothing else. Its SHA-256 is, with the id, the identity of the task: a result counts for a task
 * only where both are the same. What files contain is not part of it, with one exception: the policy, which is
 * in it by its digest.
 */
#ifndef SBX_BATCH_SPEC_H
#define SBX_BATCH_SPEC_H

#include <jansson.h>

#include "harness/policy/policy.h"

enum {
    SBX_BATCH_LINE_BYTES_MAX = 1024 * 1024,
    SBX_BATCH_ID_BYTES_MAX = 255,
    SBX_BATCH_WEIGHT_MAX = 1000,
    SBX_BATCH_RETRIES_MAX = 100,
};

/* Where a message says that it is: "tasks.jsonl:12: limits: …". */
typedef struct sbx_batch_where {
    const char *name;
    unsigned line;        /* 0: of the command line */
    const char *base_dir; /* what relative paths are relative to; absolute */
} sbx_batch_where;

/* "NAME:LINE: key: problem detail"; returns INVALID. detail may be "". */
sbx_status sbx_batch_complain(const sbx_batch_where *where, const char *key, const char *problem,
                              const char *detail, sbx_error *err);

/* Every member is known, allowed there (is_defaults: id, argv and after are not), and has the right form. */
SBX_MUST_USE sbx_status sbx_batch_spec_check(const json_t *object, const sbx_batch_where *where,
                                             bool is_defaults, sbx_error *err);

/* Lays defaults under an object: what the object says wins; limits, env, expect and labels key by key. */
SBX_MUST_USE sbx_status sbx_batch_spec_under(json_t *object, const json_t *defaults,
                                             sbx_error *err);

/* Makes the paths of a checked object absolute, so that it means the same wherever it is read. */
SBX_MUST_USE sbx_status sbx_batch_spec_absolute(json_t *object, const sbx_batch_where *where,
                                                sbx_error *err);

/*
 * The policy that a checked object asks for: "policy" (a name, a file, or a policy written out), then "limits" and
 * "env" over it. policy: initialised by the caller, who gives it back.
 */
SBX_MUST_USE sbx_status sbx_batch_spec_policy(sbx_policy *policy, const json_t *object,
                                              const sbx_batch_where *where, sbx_error *err);

/* Two policies with the same digest are the same, values of variables included. 64 digits. */
SBX_MUST_USE sbx_status sbx_batch_policy_digest(char out[65], const sbx_policy *policy,
                                                sbx_error *err);

/*
 * The resolved spec of a merged object with absolute paths, and its hash. out is replaced; it reads back with
 * the keys id, labels (a list of key=value) and core, which is what the hash is over.
 */
SBX_MUST_USE sbx_status sbx_batch_spec_resolve(sbx_text *out, uint8_t out_hash[32],
                                               const json_t *object, const char *policy_digest,
                                               sbx_error *err);

/* A whole number, or missing where it is not there. */
uint64_t sbx_batch_number(const json_t *object, const char *key, uint64_t missing);

#endif
