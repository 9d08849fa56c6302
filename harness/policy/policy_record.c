/* Reading back what policy_text.c wrote: the policy of a run as the audit database keeps it. */
#include <jansson.h>
#include <string.h>

#include "harness/base/json_read.h"
#include "harness/policy/parts.h"

static sbx_status complain(sbx_error *err, const char *what)
{
    return sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_POLICY, "the recorded policy: %s", what);
}

static sbx_status read_list(sbx_strings *list, const json_t *object, const char *key,
                            sbx_error *err)
{
    const json_t *value = json_object_get(object, key);
    size_t count = json_array_size(value);
    sbx_status st = SBX_OK;

    if (!json_is_array(value))
        return complain(err, "a list is missing");
    for (size_t i = 0; st == SBX_OK && i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));

        st = text == NULL ? complain(err, "a list holds something else than strings")
                          : sbx_strings_add(list, text, err);
    }
    return st;
}

/* The built-in secrets stand at the end of the list, all of them or none. */
static void take_secrets(sbx_policy *policy)
{
    const char *const *secrets = sbx_policy_secrets();
    sbx_strings *list = &policy->deny_read;
    size_t count = 0, first;

    while (secrets[count] != NULL)
        count++;
    if (list->count < count)
        return;
    first = list->count - count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(list->item[first + i], secrets[i]) != 0)
            return;
    policy->deny_secrets = true;
    sbx_strings_cut(list, first);
}

static sbx_status read_filesystem(sbx_policy *policy, const json_t *root, sbx_error *err)
{
    const json_t *object = json_object_get(root, "filesystem");
    sbx_status st;

    if ((st = read_list(&policy->read, object, "read", err)) != SBX_OK ||
        (st = read_list(&policy->write, object, "write", err)) != SBX_OK ||
        (st = read_list(&policy->deny_read, object, "deny_read", err)) != SBX_OK ||
        (st = read_list(&policy->deny_write, object, "deny_write", err)) != SBX_OK)
        return st;
    take_secrets(policy);
    return SBX_OK;
}

static sbx_status read_env(sbx_policy *policy, const json_t *root, sbx_error *err)
{
    const json_t *object = json_object_get(root, "env");
    sbx_status st;

    if ((st = read_list(&policy->env_keep, object, "keep", err)) != SBX_OK ||
        (st = read_list(&policy->env_deny, object, "deny", err)) != SBX_OK)
        return st;
    return read_list(&policy->env_set, object, "set", err);
}

static sbx_status read_limits(sbx_limits *limits, const json_t *root, sbx_error *err)
{
    const json_t *object = json_object_get(root, "limits");
    const char *action = json_string_value(json_object_get(object, "memory_action"));
    const json_t *grace = json_object_get(object, "grace_ns");

    if (action == NULL || !json_is_integer(grace))
        return complain(err, "its limits are missing");
    limits->grace_ns = (uint64_t)json_integer_value(grace);
    limits->memory_fails = strcmp(action, "fail") == 0;
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        const json_t *value = json_object_get(object, sbx_limit_word((sbx_limit_kind)kind));

        if (value != NULL && !json_is_integer(value))
            return complain(err, "a limit is no number");
        if (value != NULL)
            limits->value[kind] = (uint64_t)json_integer_value(value);
    }
    return SBX_OK;
}

static sbx_status read_words(sbx_policy *policy, const json_t *root, sbx_error *err)
{
    const json_t *network = json_object_get(root, "network");
    const char *name = json_string_value(json_object_get(root, "name"));
    const char *mode = json_string_value(json_object_get(network, "mode"));
    const char *identity = json_string_value(json_object_get(root, "identity"));

    if (name == NULL || mode == NULL || identity == NULL ||
        sbx_network_parse(&policy->network, mode, NULL) != SBX_OK ||
        sbx_identity_parse(&policy->identity, identity, NULL) != SBX_OK)
        return complain(err, "its name, network or identity is missing");
    policy->unix_sockets = json_is_true(json_object_get(network, "unix_sockets"));
    policy->windows_everyone =
        json_is_true(json_object_get(json_object_get(root, "windows"), "everyone"));
    sbx_policy_set_name(policy, name);
    return SBX_OK;
}

sbx_status sbx_policy_from_record(sbx_policy *policy, const char *text, size_t bytes,
                                  sbx_error *err)
{
    json_t *root = sbx_json_read(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    sbx_status st;

    if (root == NULL)
        return complain(err, "is not JSON");
    if ((st = read_words(policy, root, err)) == SBX_OK &&
        (st = read_filesystem(policy, root, err)) == SBX_OK &&
        (st = read_list(&policy->protect, root, "protect", err)) == SBX_OK &&
        (st = read_env(policy, root, err)) == SBX_OK)
        st = read_limits(&policy->limits, root, err);
    json_decref(root);
    return st;
}
