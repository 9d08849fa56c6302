/* A policy file as a document: its keys, what it extends, and in which order they count. */
#include <stdio.h>
#include <string.h>

#include "harness/base/json_read.h"
#include "harness/base/path.h"
#include "harness/policy/parts.h"
#include "harness/policy/policy_keys.h"
#include "harness/policy/policy_read.h"

static sbx_status parse_document(sbx_policy *policy, const char *text, size_t bytes,
                                 const char *where, const char *base_dir, int depth,
                                 sbx_error *err);

/* --- objects --- */

enum { MEMBERS_MAX = 16 };

static sbx_status unknown_key(const sbx_policy_reader *reader, const char *path, const char *key,
                              const sbx_policy_member *members, size_t count)
{
    const char *known[MEMBERS_MAX];
    const char *nearest;

    for (size_t i = 0; i < count; i++)
        known[i] = members[i].name;
    nearest = sbx_policy_key_nearest(known, count, key);
    if (nearest == NULL)
        return sbx_policy_complain(reader, path, "unknown key", "");
    return sbx_policy_complain(reader, path, "unknown key; did you mean ", nearest);
}

sbx_status sbx_policy_read_members(const sbx_policy_reader *reader, const char *path,
                                   const json_t *value, const sbx_policy_member *members,
                                   size_t count)
{
    const char *key;
    json_t *each;

    if (!json_is_object(value))
        return sbx_policy_complain(reader, path, "must be an object", "");
    json_object_foreach((json_t *)(uintptr_t)value, key, each)
    {
        const sbx_policy_member *member = NULL;
        char below[SBX_POLICY_KEY_PATH_BYTES];
        sbx_status st;

        snprintf(below, sizeof(below), "%s%s%.64s", path, path[0] == '\0' ? "" : ".", key);
        for (size_t i = 0; i < count; i++)
            if (strcmp(members[i].name, key) == 0)
                member = &members[i];
        if (member == NULL)
            return unknown_key(reader, below, key, members, count);
        if (member->read == NULL)
            continue;
        st = member->read(reader, member, below, each);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

#define LIST(key, how, list)                                                                       \
    {                                                                                              \
        key, how, offsetof(sbx_policy, list)                                                       \
    }

static sbx_status read_filesystem(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                  const char *path, const json_t *value)
{
    static const sbx_policy_member members[] = {
        LIST("read", sbx_policy_read_paths, read),
        LIST("write", sbx_policy_read_paths, write),
        LIST("deny_read", sbx_policy_read_paths, deny_read),
        LIST("deny_write", sbx_policy_read_paths, deny_write),
    };

    (void)member;
    return sbx_policy_read_members(reader, path, value, members, SBX_COUNT_OF(members));
}

static sbx_status read_env(const sbx_policy_reader *reader, const sbx_policy_member *member,
                           const char *path, const json_t *value)
{
    static const sbx_policy_member members[] = {
        LIST("keep", sbx_policy_read_globs, env_keep),
        LIST("deny", sbx_policy_read_globs, env_deny),
        LIST("set", sbx_policy_read_variables, env_set),
    };

    (void)member;
    return sbx_policy_read_members(reader, path, value, members, SBX_COUNT_OF(members));
}

static sbx_status read_limits(const sbx_policy_reader *reader, const sbx_policy_member *member,
                              const char *path, const json_t *value)
{
    static const sbx_policy_member members[] = {
        {"memory", sbx_policy_read_size, SBX_LIMIT_MEMORY},
        {"swap", sbx_policy_read_size, SBX_LIMIT_SWAP},
        {"cpus", sbx_policy_read_cpus, SBX_LIMIT_CPUS},
        {"cpu", sbx_policy_read_duration, SBX_LIMIT_CPU},
        {"wall", sbx_policy_read_duration, SBX_LIMIT_WALL},
        {"idle", sbx_policy_read_duration, SBX_LIMIT_IDLE},
        {"procs", sbx_policy_read_count, SBX_LIMIT_PROCESSES},
        {"fsize", sbx_policy_read_size, SBX_LIMIT_FILE_SIZE},
        {"files", sbx_policy_read_count, SBX_LIMIT_FILES},
        {"output", sbx_policy_read_size, SBX_LIMIT_OUTPUT},
        {"grace", sbx_policy_read_grace, 0},
        {"memory_action", sbx_policy_read_memory_action, 0},
    };

    (void)member;
    return sbx_policy_read_members(reader, path, value, members, SBX_COUNT_OF(members));
}

static sbx_status read_mode(const sbx_policy_reader *reader, const sbx_policy_member *member,
                            const char *path, const json_t *value)
{
    const char *word = json_string_value(value);

    (void)member;
    if (word == NULL || sbx_network_parse(&reader->policy->network, word, NULL) != SBX_OK)
        return sbx_policy_complain(reader, path,
                                   "must be \"none\", \"loopback\", \"full\" or \"advisory\"", "");
    return SBX_OK;
}

static sbx_status read_unix_sockets(const sbx_policy_reader *reader,
                                    const sbx_policy_member *member, const char *path,
                                    const json_t *value)
{
    (void)member;
    if (!json_is_boolean(value))
        return sbx_policy_complain(reader, path, "must be true or false", "");
    reader->policy->unix_sockets = json_is_true(value);
    return SBX_OK;
}

static sbx_status read_network(const sbx_policy_reader *reader, const sbx_policy_member *member,
                               const char *path, const json_t *value)
{
    static const sbx_policy_member members[] = {
        {"mode", read_mode, 0},
        {"unix_sockets", read_unix_sockets, 0},
    };

    if (json_is_string(value))
        return read_mode(reader, member, path, value);
    return sbx_policy_read_members(reader, path, value, members, SBX_COUNT_OF(members));
}

static sbx_status read_identity(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                const char *path, const json_t *value)
{
    const char *word = json_string_value(value);

    (void)member;
    if (word == NULL || sbx_identity_parse(&reader->policy->identity, word, NULL) != SBX_OK)
        return sbx_policy_complain(reader, path, "must be \"auto\", \"self\" or \"sandbox\"", "");
    return SBX_OK;
}

static sbx_status read_everyone(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                const char *path, const json_t *value)
{
    (void)member;
    if (!json_is_boolean(value))
        return sbx_policy_complain(reader, path, "must be true or false", "");
    reader->policy->windows_everyone = json_is_true(value);
    return SBX_OK;
}

static sbx_status read_windows(const sbx_policy_reader *reader, const sbx_policy_member *member,
                               const char *path, const json_t *value)
{
    static const sbx_policy_member members[] = {{"everyone", read_everyone, 0}};

    (void)member;
    return sbx_policy_read_members(reader, path, value, members, SBX_COUNT_OF(members));
}

/* --- the top --- */

static sbx_status read_version(const sbx_policy_reader *reader, const json_t *root)
{
    const json_t *version = json_object_get(root, "version");

    if (version == NULL)
        return sbx_policy_complain(reader, "version", "is missing (this sbx reads version 1)", "");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return sbx_policy_complain(reader, "version", "must be 1, which is all that this sbx reads",
                                   "");
    return SBX_OK;
}

static sbx_status read_name(const sbx_policy_reader *reader, const json_t *root)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const json_t *value = json_object_get(root, "name");
    const char *name = json_string_value(value);
    char from_file[sizeof(reader->policy->name)];
    size_t bytes;

    if (value == NULL) {
        name = sbx_path_name(reader->where);
        bytes = strlen(name);
        if (bytes > 5 && strcmp(name + bytes - 5, ".json") == 0)
            bytes -= 5;
        snprintf(from_file, sizeof(from_file), "%.*s", (int)(bytes < 63 ? bytes : 63), name);
        sbx_policy_set_name(reader->policy, from_file);
        return SBX_OK;
    }
    if (name == NULL || name[0] == '\0' || strspn(name, letters) != strlen(name) ||
        strlen(name) >= sizeof(reader->policy->name))
        return sbx_policy_complain(
            reader, "name", "must be 1 to 63 letters, digits, dots, dashes or underscores", "");
    sbx_policy_set_name(reader->policy, name);
    return SBX_OK;
}

static sbx_status read_file(sbx_policy *policy, const char *path, int depth, sbx_error *err)
{
    sbx_text text = {0}, directory = {0};
    sbx_status st = sbx_policy_file_get(&text, &directory, path, err);

    if (st == SBX_OK)
        st = parse_document(policy, sbx_text_string(&text), text.bytes, path,
                            sbx_text_string(&directory), depth, err);
    sbx_text_done(&text);
    sbx_text_done(&directory);
    return st;
}

/* What is underneath. Without the key it is the default policy, so that nobody loses the secrets by
 * leaving out a line. */
static sbx_status read_extends(const sbx_policy_reader *reader, const json_t *root)
{
    const json_t *value = json_object_get(root, "extends");
    const char *name = json_string_value(value);
    sbx_text path = {0};
    sbx_status st;

    if (json_is_null(value))
        return SBX_OK;
    if (value == NULL)
        return sbx_policy_builtin(reader->policy, "read-only", reader->err);
    if (name == NULL)
        return sbx_policy_complain(reader, "extends", "must be a policy's name, a file or null",
                                   "");
    if (!sbx_policy_name_is_file(name)) {
        st = sbx_policy_builtin(reader->policy, name, reader->err);
        if (st == SBX_INVALID)
            return sbx_policy_complain(reader, "extends",
                                       "no built-in policy (read-only, workspace, grader), and a "
                                       "file's name contains a / or ends in .json: ",
                                       name);
        return st;
    }
    if (reader->depth + 1 >= SBX_POLICY_DEPTH_MAX)
        return sbx_policy_complain(reader, "extends", "is too deep (at most 8; a circle?): ", name);
    st = sbx_path_clean(&path, reader->base_dir, name, reader->err);
    if (st == SBX_OK)
        st = read_file(reader->policy, path.data, reader->depth + 1, reader->err);
    sbx_text_done(&path);
    return st;
}

static sbx_status read_top(const sbx_policy_reader *reader, const json_t *root)
{
    static const sbx_policy_member members[] = {
        {"$schema", NULL, 0},
        {"version", NULL, 0},
        {"name", NULL, 0},
        {"extends", NULL, 0},
        {"filesystem", read_filesystem, 0},
        LIST("protect", sbx_policy_read_names, protect),
        {"network", read_network, 0},
        {"env", read_env, 0},
        {"limits", read_limits, 0},
        {"identity", read_identity, 0},
        {"windows", read_windows, 0},
    };
    const json_t *schema = json_object_get(root, "$schema");
    sbx_status st;

    if (!json_is_object(root))
        return sbx_fail_plain(reader->err, SBX_INVALID, SBX_STEP_POLICY, "%s: must be an object",
                              reader->where);
    if (schema != NULL && !json_is_string(schema))
        return sbx_policy_complain(reader, "$schema", "must be a string", "");
    if ((st = read_version(reader, root)) != SBX_OK ||
        (st = read_extends(reader, root)) != SBX_OK || (st = read_name(reader, root)) != SBX_OK)
        return st;
    return sbx_policy_read_members(reader, "", root, members, SBX_COUNT_OF(members));
}

static sbx_status parse_document(sbx_policy *policy, const char *text, size_t bytes,
                                 const char *where, const char *base_dir, int depth, sbx_error *err)
{
    const sbx_policy_reader reader = {policy, text, bytes, where, base_dir, depth, err};
    json_error_t problem;
    json_t *root;
    sbx_status st;

    if (bytes > SBX_POLICY_FILE_BYTES_MAX)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY, "%s: is larger than 1 MiB", where);
    root = sbx_json_read(text, bytes, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL)
        return sbx_fail_plain(err,
                              json_error_code(&problem) == json_error_out_of_memory ? SBX_NO_MEMORY
                                                                                    : SBX_INVALID,
                              SBX_STEP_POLICY, "%s:%d: %s", where, problem.line, problem.text);
    st = read_top(&reader, root);
    json_decref(root);
    return st;
}

sbx_status sbx_policy_parse(sbx_policy *policy, const char *text, size_t bytes, const char *where,
                            const char *base_dir, sbx_error *err)
{
    return parse_document(policy, text, bytes, where, base_dir, 0, err);
}

sbx_status sbx_policy_read_file(sbx_policy *policy, const char *path, sbx_error *err)
{
    return read_file(policy, path, 0, err);
}
