/* The merged policy as canonical JSON: what the audit database keeps once per distinct policy. */
#include <string.h>

#include "harness/base/json.h"
#include "harness/policy/parts.h"

static void add_list(sbx_json *json, const char *key, const sbx_strings *list)
{
    sbx_json_open_array(json, key);
    for (size_t i = 0; i < list->count; i++)
        sbx_json_string(json, NULL, list->item[i]);
    sbx_json_close_array(json);
}

static void add_filesystem(sbx_json *json, const sbx_policy *policy)
{
    sbx_json_open_object(json, "filesystem");
    add_list(json, "read", &policy->read);
    add_list(json, "write", &policy->write);
    sbx_json_open_array(json, "deny_read");
    for (size_t i = 0; i < policy->deny_read.count; i++)
        sbx_json_string(json, NULL, policy->deny_read.item[i]);
    for (const char *const *secret = sbx_policy_secrets(); policy->deny_secrets && *secret != NULL;
         secret++)
        sbx_json_string(json, NULL, *secret);
    sbx_json_close_array(json);
    add_list(json, "deny_write", &policy->deny_write);
    sbx_json_close_object(json);
}

/* Of variables that were set the names only: a value may be a secret. */
static void add_env(sbx_json *json, const sbx_policy *policy)
{
    sbx_json_open_object(json, "env");
    add_list(json, "keep", &policy->env_keep);
    add_list(json, "deny", &policy->env_deny);
    sbx_json_open_array(json, "set");
    for (size_t i = 0; i < policy->env_set.count; i++)
        sbx_json_bytes(json, NULL, policy->env_set.item[i], strcspn(policy->env_set.item[i], "="));
    sbx_json_close_array(json);
    sbx_json_close_object(json);
}

void sbx_policy_limits_to_json(sbx_json *json, const sbx_limits *limits)
{
    sbx_json_open_object(json, "limits");
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        if (limits->value[kind] != SBX_UNLIMITED)
            sbx_json_unsigned(json, sbx_limit_word((sbx_limit_kind)kind), limits->value[kind]);
    sbx_json_unsigned(json, "grace_ns", limits->grace_ns);
    sbx_json_string(json, "memory_action", limits->memory_fails ? "fail" : "kill");
    sbx_json_close_object(json);
}

void sbx_policy_to_json(sbx_text *out, const sbx_policy *policy)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "name", policy->name);
    add_filesystem(&json, policy);
    add_list(&json, "protect", &policy->protect);
    sbx_json_open_object(&json, "network");
    sbx_json_string(&json, "mode", sbx_network_word(policy->network));
    sbx_json_bool(&json, "unix_sockets", policy->unix_sockets);
    sbx_json_close_object(&json);
    add_env(&json, policy);
    sbx_policy_limits_to_json(&json, &policy->limits);
    sbx_json_string(&json, "identity", sbx_identity_word(policy->identity));
    if (policy
            ->windows_everyone) { /* who does not ask for it has the same text, and digest, as ever */
        sbx_json_open_object(&json, "windows");
        sbx_json_bool(&json, "everyone", true);
        sbx_json_close_object(&json);
    }
    sbx_json_close_object(&json);
}
