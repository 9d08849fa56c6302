/* What the files of harness/policy share. Nobody else includes it. */
#ifndef SBX_POLICY_PARTS_H
#define SBX_POLICY_PARTS_H

#include "harness/base/json.h"
#include "harness/policy/host.h"
#include "harness/policy/plan.h"
#include "harness/policy/policy.h"

enum {
    SBX_POLICY_FILE_BYTES_MAX = 1024 * 1024,
    SBX_POLICY_DEPTH_MAX = 8,
};

/* Cut to what fits. */
void sbx_policy_set_name(sbx_policy *policy, const char *name);
/* Not a built-in policy's name. */
bool sbx_policy_name_is_file(const char *name);

/* The limits as a member "limits" of an open object: bytes, ns, thousandths of a CPU. */
void sbx_policy_limits_to_json(sbx_json *json, const sbx_limits *limits);

/* The whole of a regular file, at most SBX_POLICY_FILE_BYTES_MAX, and the directory that it lies in. */
SBX_MUST_USE sbx_status sbx_policy_file_get(sbx_text *out, sbx_text *out_directory,
                                            const char *path, sbx_error *err);

/* --- the plan, while it is made --- */

typedef struct sbx_making {
    sbx_plan *plan;
    const sbx_policy *policy;
    const sbx_plan_request *request;
    sbx_host host;
    unsigned cwd_mode;
    const char *homes[2]; /* resolved: $HOME and the account's; NULL: none, or both the same */
    sbx_rule *rules;      /* of plan->rules, while they grow */
    size_t rule_count;
    bool failed; /* out of memory: said once, at the end */
} sbx_making;

/* Memory that lives as long as the plan. NULL where there is none, which `failed` remembers; the
 * strings are "" then. */

void *sbx_making_get(sbx_making *making, size_t bytes);
const char *sbx_making_copy(sbx_making *making, const char *text);
const char *sbx_making_copy_bytes(sbx_making *making, const char *data, size_t bytes);
/* "directory/name" */
const char *sbx_making_join(sbx_making *making, const char *directory, const char *name);

/* plan_rules.c: adds, and asks what is there. path and source must live as long as the plan. */
void sbx_rules_add(sbx_making *making, sbx_rule_kind kind, bool is_directory, const char *path,
                   const char *source);
/* Does path lie in (or is it) the path of a rule of that kind? The rule, or NULL. */
const sbx_rule *sbx_rules_covering(const sbx_making *making, sbx_rule_kind kind, const char *path);
/* Adds pins, takes out what another rule makes needless, sorts. */
SBX_MUST_USE sbx_status sbx_rules_finish(sbx_making *making, sbx_error *err);

/* plan_environment.c, and what a command has to have on this system (plan_variables.c): NAME=VALUE, or NAME
 * for the caller's. NULL at the end. */
void sbx_plan_make_environment(sbx_making *making);
const char *const *sbx_plan_own_variables(sbx_making *making);
const char *sbx_plan_default_path_list(void);

/* linux/plan_paths.c: a path as the policy has it, to the one file that it names. */
typedef struct sbx_place_found {
    const char *path; /* without symlinks; NULL: does not exist */
    bool is_directory;
    bool is_regular;
    unsigned mode; /* permission bits */
} sbx_place_found;

/* Fails only where there is something but it cannot be told what. */
SBX_MUST_USE sbx_status sbx_place_find(sbx_place_found *out, sbx_making *making, const char *path,
                                       sbx_error *err);
/* Makes "." and "~/x" absolute. */
SBX_MUST_USE sbx_status sbx_place_absolute(const char **out, sbx_making *making, const char *path,
                                           sbx_error *err);
/* Never a root, nor owned anew as a whole: / /usr /etc /proc … */
bool sbx_place_is_system(const char *path);
/* In a directory of which the target sees a private one. */
bool sbx_place_is_private(const char *path);
/* The target can see what is at path of the host's files: not private, or brought back by a rule. */
bool sbx_place_is_visible(const sbx_making *making, const char *path);

/* linux/plan_homes.c: a variable of the caller's that holds an absolute path, or NULL. */
const char *sbx_plan_caller_path(const sbx_making *making, const char *name);

/* linux/plan_accounts.c: the caller's home by its account, or NULL. SBX_REFUSED where the target's id is somebody's. */
SBX_MUST_USE sbx_status sbx_plan_look_up_accounts(const char **out_home, sbx_making *making,
                                                  sbx_error *err);

/* The steps of sbx_plan_make() that ask the system, in order. */
SBX_MUST_USE sbx_status sbx_plan_check_host(sbx_making *making, sbx_error *err); /* plan_walls.c */
SBX_MUST_USE sbx_status sbx_plan_find_cwd(sbx_making *making, sbx_error *err);   /* plan_paths.c */
SBX_MUST_USE sbx_status sbx_plan_find_homes(sbx_making *making, sbx_error *err); /* plan_homes.c */
SBX_MUST_USE sbx_status sbx_plan_add_roots(sbx_making *making, sbx_error *err);  /* plan_roots.c */
SBX_MUST_USE sbx_status sbx_plan_add_denials(sbx_making *making,
                                             sbx_error *err);                   /* plan_denials.c */
SBX_MUST_USE sbx_status sbx_plan_add_audit(sbx_making *making, sbx_error *err); /* plan_denials.c */
SBX_MUST_USE sbx_status sbx_plan_add_protected(sbx_making *making,
                                               sbx_error *err); /* plan_roots.c */
SBX_MUST_USE sbx_status sbx_plan_settle_walls(sbx_making *making,
                                              sbx_error *err); /* plan_walls.c */

#endif
