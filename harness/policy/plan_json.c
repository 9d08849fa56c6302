/* The plan as JSON, for --dry-run. */
#include <string.h>

#include "harness/base/json.h"
#include "harness/policy/parts.h"

static void add_strings(sbx_json *json, const char *key, const char *const *list)
{
    sbx_json_open_array(json, key);
    for (; *list != NULL; list++)
        sbx_json_string(json, NULL, *list);
    sbx_json_close_array(json);
}

static void add_ids(sbx_json *json, const char *key, uint32_t uid, uint32_t gid)
{
    sbx_json_open_object(json, key);
    sbx_json_unsigned(json, "uid", uid);
    sbx_json_unsigned(json, "gid", gid);
    sbx_json_close_object(json);
}

static void add_rules(sbx_json *json, const sbx_plan *plan)
{
    sbx_json_open_array(json, "rules");
    for (size_t i = 0; i < plan->rule_count; i++) {
        const sbx_rule *rule = &plan->rules[i];

        sbx_json_open_object(json, NULL);
        sbx_json_string(json, "kind", sbx_rule_word(rule->kind));
        sbx_json_string(json, "path", rule->path);
        sbx_json_bool(json, "directory", rule->is_directory);
        sbx_json_string(json, "source", rule->source);
        sbx_json_close_object(json);
    }
    sbx_json_close_array(json);
}

static void add_walls(sbx_json *json, const sbx_plan *plan)
{
    sbx_json_open_array(json, "walls");
    for (int wall = 0; wall < SBX_WALL_COUNT; wall++)
        if (plan->walls[wall])
            sbx_json_string(json, NULL, sbx_wall_word((sbx_wall)wall));
    sbx_json_close_array(json);
    sbx_json_open_array(json, "missing");
    for (const char *word = sbx_text_string(&plan->missing); *word != '\0';) {
        size_t bytes = strcspn(word, ",");

        sbx_json_bytes(json, NULL, word, bytes);
        word += bytes + (word[bytes] == ',');
    }
    sbx_json_close_array(json);
    sbx_json_signed(json, "landlock_abi", plan->landlock_abi);
    sbx_json_bool(json, "user_namespace", plan->user_namespace);
}

/* Names only: a value may be a secret. */
static void add_environment(sbx_json *json, const sbx_plan *plan)
{
    sbx_json_open_array(json, "env");
    for (size_t i = 0; plan->env[i] != NULL; i++)
        sbx_json_bytes(json, NULL, plan->env[i], strcspn(plan->env[i], "="));
    sbx_json_close_array(json);
}

sbx_status sbx_plan_to_json(sbx_text *out, const sbx_plan *plan, sbx_error *err)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "run_id", plan->run_id);
    add_strings(&json, "command", plan->argv);
    sbx_json_string(&json, "cwd", plan->cwd);
    sbx_json_string(&json, "policy", plan->policy_name);
    sbx_json_string(&json, "identity", sbx_identity_word(plan->identity));
    add_ids(&json, "caller", plan->caller_uid, plan->caller_gid);
    add_ids(&json, "target", plan->target_uid, plan->target_gid);
    sbx_json_string(&json, "network", sbx_network_word(plan->network));
    sbx_json_bool(&json, "unix_sockets", plan->unix_sockets);
    sbx_json_string(&json, "enforcement", plan->missing.bytes > 0 ? "partial" : "full");
    add_walls(&json, plan);
    add_rules(&json, plan);
    sbx_policy_limits_to_json(&json, &plan->limits);
    if (plan->temp_bytes != SBX_UNLIMITED)
        sbx_json_unsigned(&json, "temp_bytes", plan->temp_bytes);
    add_environment(&json, plan);
    sbx_json_bool(&json, "watch_denials", plan->watch_denials);
    sbx_json_bool(&json, "learns", plan->learns);
    sbx_json_string(&json, "audit_db", plan->audit_path);
    sbx_json_raw(&json, "policy_resolved", sbx_text_string(&plan->policy_json));
    sbx_json_close_object(&json);
    return sbx_text_check(out, err);
}
