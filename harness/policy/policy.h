/*
 * The policy: what was asked for, by a built-in policy, a file and options, in that order. First of
 * the three lives: policy (asked) -> plan (checked, frozen) -> run (live).
 *
 * Built in: "read-only" (the default: read anywhere but secrets, write only the private temp
 * directory, no network), "workspace" (read-only, and the working directory writable), "grader"
 * (workspace, with a bare environment and limits for one untrusted program).
 *
 * Lists only grow while policies are merged; deny always wins, whoever said it. Paths are absolute, or
 * "." and "~/x" (the command's working directory, the caller's home), until the plan resolves them.
 * Owns every string in it.
 */
#ifndef SBX_POLICY_POLICY_H
#define SBX_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/text.h"
#include "limits/limits.h"

typedef enum sbx_network {
    SBX_NETWORK_NONE,     /* no address can be reached */
    SBX_NETWORK_LOOPBACK, /* the job's own loopback */
    SBX_NETWORK_FULL,     /* the host's network */
    SBX_NETWORK_ADVISORY, /* Windows path A only: asked of the programs, not enforced */
} sbx_network;

const char *sbx_network_word(sbx_network network);
SBX_MUST_USE sbx_status sbx_network_parse(sbx_network *out, const char *word, sbx_error *err);

typedef enum sbx_identity {
    SBX_IDENTITY_AUTO,    /* sandbox where that needs nothing more (root, or after setup), else self */
    SBX_IDENTITY_SELF,    /* path A: the caller's own uid, stripped */
    SBX_IDENTITY_SANDBOX, /* path B: a uid that is nobody's */
} sbx_identity;

const char *sbx_identity_word(sbx_identity identity);
SBX_MUST_USE sbx_status sbx_identity_parse(sbx_identity *out, const char *word, sbx_error *err);

/* A list of strings that it owns. */
typedef struct sbx_strings {
    char **item;
    size_t count, room;
} sbx_strings;

SBX_MUST_USE sbx_status sbx_strings_add(sbx_strings *list, const char *text, sbx_error *err);
void sbx_strings_cut(sbx_strings *list, size_t count); /* keeps the first ones */
void sbx_strings_remove(sbx_strings *list, size_t index);
void sbx_strings_done(sbx_strings *list);

typedef struct sbx_policy {
    char name[64];
    sbx_strings read;       /* extra roots that must be readable by the sandbox identity */
    sbx_strings write;      /* writable roots */
    sbx_strings deny_read;  /* neither read nor written; must exist */
    bool deny_secrets;      /* neither read nor written, where they exist: sbx_policy_secrets() */
    sbx_strings deny_write; /* read-only inside writable roots */
    sbx_strings protect;    /* names that are read-only at the top of every writable root, made or not */
    sbx_strings env_keep;   /* globs of names passed on; "*" by default */
    sbx_strings env_deny;   /* globs of names never passed on; wins over keep */
    sbx_strings env_set;    /* NAME=VALUE, or NAME for the caller's own value; the last one wins; over
                               deny, because it was said by name */
    sbx_network network;
    bool unix_sockets; /* may open AF_UNIX sockets: then every path socket of the host can be reached */
    sbx_identity identity;
    bool windows_everyone; /* Windows path A: what Everyone may write the command may write too, NUL among it. Linux:
                              nothing */
    sbx_limits limits;
} sbx_policy;

/*
 * The built-in secrets: "~/…" for the caller's home, else absolute; the name may hold a glob after the
 * last slash. NULL at the end.
 */
const char *const *sbx_policy_secrets(void);

/* An empty policy: nothing allowed to write, no network, nothing kept of the environment. */
void sbx_policy_init(sbx_policy *policy);
void sbx_policy_done(sbx_policy *policy); /* takes a zeroed or half-built one too */

/* Lays a built-in policy over an initialised one. An unknown name is INVALID with the known ones. */
SBX_MUST_USE sbx_status sbx_policy_builtin(sbx_policy *policy, const char *name, sbx_error *err);

/*
 * Reads a policy file: versioned JSON, schema in docs/policy.schema.json. "extends" names a built-in
 * policy or a file (relative to this one; at most 8 deep); without it, it is "read-only", and null
 * starts from nothing. Unknown keys, duplicate keys, wrong types, relative paths ("." and "./x" mean the
 * file's directory) and non-UTF-8 are errors that name file, line and key. Limits of the file: 1 MiB.
 */
SBX_MUST_USE sbx_status sbx_policy_read_file(sbx_policy *policy, const char *path, sbx_error *err);

/* The same from memory, for tests and fuzzing. where is named in messages; base_dir resolves ".". */
SBX_MUST_USE sbx_status sbx_policy_parse(sbx_policy *policy, const char *text, size_t bytes,
                                         const char *where, const char *base_dir, sbx_error *err);

/* A built-in policy, or a file where the name contains a '/' or ends in ".json". */
SBX_MUST_USE sbx_status sbx_policy_load(sbx_policy *policy, const char *name_or_path, sbx_error *err);

/* The merged policy as canonical JSON: every key, in a fixed order; of set variables only the names. */
void sbx_policy_to_json(sbx_text *out, const sbx_policy *policy);

/*
 * Reads what sbx_policy_to_json() wrote into an initialised policy. Variables that were set come back without
 * their values, which are nowhere: as the caller's own.
 * Fails: CORRUPT  it is something else
 */
SBX_MUST_USE sbx_status sbx_policy_from_record(sbx_policy *policy, const char *text, size_t bytes,
                                               sbx_error *err);

/*
 * The policy as a file that sbx_policy_read_file() takes: what the nearest built-in policy does not say already.
 * out_unprotect: names that this one protects and the policy does not, which no file can say.
 */
SBX_MUST_USE sbx_status sbx_policy_to_file(sbx_text *out, sbx_strings *out_unprotect,
                                           const sbx_policy *policy, sbx_error *err);

#endif
