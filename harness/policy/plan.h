/*
 * The plan: a policy and a command, checked against this host and frozen. Second of the three lives.
 * Everything that can be refused is refused while the plan is made; runner and target take a
 * const sbx_plan * and decide nothing.
 *
 * Strings live in the plan and are owned by it. Paths are absolute and resolved (no symlink in them),
 * so that the mounts below go exactly where the plan says.
 */
#ifndef SBX_POLICY_PLAN_H
#define SBX_POLICY_PLAN_H

#include <stdint.h>

#include "harness/base/text.h"
#include "harness/policy/host.h"
#include "harness/policy/policy.h"

/* Path B: who the target is. Nobody's ids: a plan is refused where an account or a group of the host has them. */
enum {
    SBX_UID_OFFLINE = 64000, /* network none and loopback */
    SBX_UID_ONLINE = 64001,
};

enum {
    SBX_PLAN_RULES_MAX = 256,
    /* An empty directory of this mode in the place of an absent protected name is sbx's own. */
    SBX_PLACEHOLDER_MODE = 01555,
};

/* What happens at a path. Applied in this order, so that a later kind wins over an earlier one. */
typedef enum sbx_rule_kind {
    SBX_RULE_READ,           /* readable by the sandbox identity (id-mapped), read-only */
    SBX_RULE_WRITE,          /* a writable root */
    SBX_RULE_PROTECT,        /* exists: read-only inside a writable root */
    SBX_RULE_PROTECT_ABSENT, /* does not exist: an empty read-only directory stands in its place for
                               the length of the run, so that it cannot be made */
    SBX_RULE_PIN,  /* a directory between a writable root and a protected path: may be used,
                               not renamed */
    SBX_RULE_DENY, /* neither read nor written; never below another one */
    SBX_RULE_COUNT
} sbx_rule_kind;

const char *sbx_rule_word(sbx_rule_kind kind);

typedef struct sbx_rule {
    sbx_rule_kind kind;
    bool is_directory;
    const char *path;
    const char
        *source; /* why: "write", "read", "deny", "deny_write", "protect .git", "secret", "audit",
                           "home", "cwd", "command", "pin" */
} sbx_rule;

/* What the run needs of the host beyond files; see docs/architecture.md for what each wall holds. */
typedef enum sbx_wall {
    SBX_WALL_MOUNTS,   /* mount namespace: read-only world, private temp, masks */
    SBX_WALL_PIDS,     /* pid namespace: kill-on-close, no signals out */
    SBX_WALL_IPC,      /* ipc namespace */
    SBX_WALL_NET,      /* net namespace */
    SBX_WALL_LANDLOCK, /* second wall for writes and TCP; abstract sockets, signals, ptrace scoped */
    SBX_WALL_SECCOMP,
    SBX_WALL_UID,   /* path B: another uid */
    SBX_WALL_TOKEN, /* Windows: a token that may write only where the run's own SID may */
    SBX_WALL_ACES,  /* Windows: entries for that SID at the roots and the protected names */
    SBX_WALL_JOB,   /* Windows: a job that dies when it is closed and that nobody leaves */
    SBX_WALL_COUNT
} sbx_wall;

const char *sbx_wall_word(sbx_wall wall);

typedef struct sbx_plan {
    char run_id[27]; /* ULID, sortable by time */
    const char *policy_name;
    const char *const *argv; /* NULL-terminated */
    size_t argc;
    const char *const *env; /* NULL-terminated NAME=VALUE, already filtered */
    const char *path_list;  /* PATH of env, for looking up argv[0] */
    const char *cwd;
    const char *homes[2];  /* the caller's, resolved: $HOME and the account's; NULL: none, or the same */
    const sbx_rule *rules; /* sorted: kind, then path */
    size_t rule_count;
    sbx_limits limits;
    sbx_network network;
    bool unix_sockets;
    sbx_identity identity;           /* SELF or SANDBOX, never AUTO */
    uint32_t caller_uid, target_uid; /* Windows: 0, names are in the record */
    uint32_t caller_gid, target_gid;
    bool
        user_namespace; /* the namespaces hang on a fresh user namespace: a caller without rights */
    bool uses_namespaces; /* false: user namespaces are refused here, Landlock + seccomp only */
    bool walls[SBX_WALL_COUNT];
    int landlock_abi; /* 0: none */
    const char *
        temp_path; /* Windows: the private temp directory, made for the run; Linux: NULL, /tmp is */
    uint64_t
        temp_bytes; /* size of the private temp file system; SBX_UNLIMITED: the kernel's half */
    bool allow_degraded;
    sbx_text missing;   /* what was wanted and is not there, comma separated: words of walls, and
                                 temp (a private one), protect, deny (for writing, inside a root), deny_read;
                                 and what was given up because it was asked for: writes, everyone */
    bool allows_everyone; /* Windows: Everyone restricts the token too; `missing` has "everyone" */
    bool watch_denials; /* seccomp user notification; sbx-trace.dll */
    bool learns; /* the world outside of the roots is writable, and who changes it is written down; `missing` has
                    "writes" */
    const char *audit_path;   /* the database, resolved; masked in the target */
    bool audit_before_mounts; /* its files must exist before the target's mounts are made */
    sbx_text policy_json; /* the resolved policy, canonical JSON: stored once per distinct hash */
    struct sbx_plan_memory *memory;
} sbx_plan;

typedef struct sbx_plan_request {
    const char *const *argv;
    const char *const *environment; /* the caller's */
    const char *cwd;                /* NULL: the caller's */
    const char *audit_path;         /* NULL: no database (best effort) */
    bool allow_degraded;
    bool watch_denials;
    bool learns; /* the caller has said in so many words that nothing confines writes */
    const sbx_host *host; /* NULL: look; a test says what host it wants */
} sbx_plan_request;

/*
 * Checks and freezes.
 * Fails: INVALID  a root that does not exist or is neither directory nor file, a root that is a system
 *                 directory, the caller's home or holds it, a root or working directory in a denied
 *                 place, a denied path that does not exist, a protected name that is a symlink, a
 *                 relative or non-UTF-8 path, an empty command
 *        REFUSED  learning where there are no namespaces, no watch or another user: then what must stay
 *                 denied could not be, or nothing could be learned
 *                 something asked for that this host cannot enforce, with the fix in the message;
 *                 with allow_degraded it is added to `missing` instead
 */
SBX_MUST_USE sbx_status sbx_plan_make(sbx_plan *out_plan, const sbx_policy *policy,
                                      const sbx_plan_request *request, sbx_error *err);
void sbx_plan_done(sbx_plan *plan);

const char *sbx_plan_variable(const sbx_plan *plan, const char *name); /* of plan->env, or NULL */

/* Path B with roots that are shown as the target's own: owners have to be mapped. */
bool sbx_plan_maps_owners(const sbx_plan *plan);

/* The whole plan as JSON, for --dry-run. Environment values are left out, names are shown. */
SBX_MUST_USE sbx_status sbx_plan_to_json(sbx_text *out, const sbx_plan *plan, sbx_error *err);

#endif
