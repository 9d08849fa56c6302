/*
 * Reading a policy file's values. policy_json.c knows the document, policy_value.c each form of a
 * value; both complain through here.
 */
#ifndef SBX_POLICY_READ_H
#define SBX_POLICY_READ_H

#include <jansson.h>

#include "harness/policy/policy.h"

enum { SBX_POLICY_KEY_PATH_BYTES = 128 };

typedef struct sbx_policy_reader {
    sbx_policy *policy;
    const char *text; /* the document, for finding lines */
    size_t bytes;
    const char *where;    /* the file, for messages */
    const char *base_dir; /* what "." means */
    int depth;            /* of "extends" */
    sbx_error *err;
} sbx_policy_reader;

/* One key of an object: how its value is read, and into what. */
typedef struct sbx_policy_member sbx_policy_member;
typedef sbx_status sbx_policy_read_value(const sbx_policy_reader *reader,
                                         const sbx_policy_member *member, const char *path,
                                         const json_t *value);
struct sbx_policy_member {
    const char *name;
    sbx_policy_read_value *read; /* NULL: read elsewhere */
    size_t field;                /* offset of the list in sbx_policy, or a sbx_limit_kind */
};

/* "FILE:LINE: PATH: problem"; returns INVALID. detail may be "". */
sbx_status sbx_policy_complain(const sbx_policy_reader *reader, const char *path,
                               const char *problem, const char *detail);

/* Reads every member of an object by the table; a key that is not in it is an error. */
sbx_status sbx_policy_read_members(const sbx_policy_reader *reader, const char *path,
                                   const json_t *value, const sbx_policy_member *members,
                                   size_t count);

/* Lists of strings, into the sbx_strings at member->field. */
sbx_policy_read_value sbx_policy_read_paths;
sbx_policy_read_value sbx_policy_read_names;
sbx_policy_read_value sbx_policy_read_globs;
/* {"NAME": "value" or null} into env_set. */
sbx_policy_read_value sbx_policy_read_variables;
/* Limits, into limits.value[member->field]. */
sbx_policy_read_value sbx_policy_read_size;
sbx_policy_read_value sbx_policy_read_duration;
sbx_policy_read_value sbx_policy_read_count;
sbx_policy_read_value sbx_policy_read_cpus;
sbx_policy_read_value sbx_policy_read_grace;
sbx_policy_read_value sbx_policy_read_memory_action;

#endif
