/* The keys of a task, their forms, and the merge of a task with its defaults. */
#include "harness/batch/spec.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/sha256.h"
#include "harness/batch/expect.h"

enum { GROUP_BYTES_MAX = 64 };

sbx_status sbx_batch_complain(const sbx_batch_where *where, const char *key, const char *problem,
                              const char *detail, sbx_error *err)
{
    if (where->line == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_BATCH, "%s: %s: %s%s", where->name, key,
                              problem, detail);
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_BATCH, "%s:%u: %s: %s%s", where->name,
                          where->line, key, problem, detail);
}

/* --- forms --- */

typedef sbx_status check_value(const json_t *value, const char *key, const sbx_batch_where *where,
                               sbx_error *err);

static bool is_plain_text(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static sbx_status check_id(const json_t *value, const char *key, const sbx_batch_where *where,
                           sbx_error *err)
{
    const char *id = json_string_value(value);

    if (id == NULL || id[0] == '\0' || strlen(id) > SBX_BATCH_ID_BYTES_MAX || !is_plain_text(id))
        return sbx_batch_complain(
            where, key, "must be a string of 1 to 255 bytes without control characters", "", err);
    return SBX_OK;
}

static sbx_status check_strings(const json_t *value, const char *key, const sbx_batch_where *where,
                                sbx_error *err)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return sbx_batch_complain(where, key, "must be a list of strings", "", err);
    return json_is_array(value)
               ? SBX_OK
               : sbx_batch_complain(where, key, "must be a list of strings", "", err);
}

static sbx_status check_argv(const json_t *value, const char *key, const sbx_batch_where *where,
                             sbx_error *err)
{
    const char *first = json_string_value(json_array_get(value, 0));

    if (first == NULL || first[0] == '\0')
        return sbx_batch_complain(where, key, "must be a list that begins with a command", "", err);
    return check_strings(value, key, where, err);
}

static sbx_status check_path(const json_t *value, const char *key, const sbx_batch_where *where,
                             sbx_error *err)
{
    const char *path = json_string_value(value);

    return path != NULL && path[0] != '\0'
               ? SBX_OK
               : sbx_batch_complain(where, key, "must be a path", "", err);
}

static sbx_status check_group(const json_t *value, const char *key, const sbx_batch_where *where,
                              sbx_error *err)
{
    const char *group = json_string_value(value);

    return group != NULL && group[0] != '\0' && strlen(group) <= GROUP_BYTES_MAX
               ? SBX_OK
               : sbx_batch_complain(where, key, "must be a name of 1 to 64 bytes", "", err);
}

static sbx_status check_range(const json_t *value, const char *key, const sbx_batch_where *where,
                              json_int_t least, json_int_t most, const char *problem,
                              sbx_error *err)
{
    json_int_t number = json_integer_value(value);

    return json_is_integer(value) && number >= least && number <= most
               ? SBX_OK
               : sbx_batch_complain(where, key, problem, "", err);
}

static sbx_status check_weight(const json_t *value, const char *key, const sbx_batch_where *where,
                               sbx_error *err)
{
    return check_range(value, key, where, 1, SBX_BATCH_WEIGHT_MAX,
                       "must be a whole number from 1 to 1000", err);
}

static sbx_status check_retries(const json_t *value, const char *key, const sbx_batch_where *where,
                                sbx_error *err)
{
    return check_range(value, key, where, 0, SBX_BATCH_RETRIES_MAX,
                       "must be a whole number from 0 to 100", err);
}

/* limits and env: the policy reader looks inside. */
static sbx_status check_object(const json_t *value, const char *key, const sbx_batch_where *where,
                               sbx_error *err)
{
    return json_is_object(value) ? SBX_OK
                                 : sbx_batch_complain(where, key, "must be an object", "", err);
}

static sbx_status check_policy(const json_t *value, const char *key, const sbx_batch_where *where,
                               sbx_error *err)
{
    const char *name = json_string_value(value);

    return json_is_object(value) || (name != NULL && name[0] != '\0')
               ? SBX_OK
               : sbx_batch_complain(where, key,
                                    "must be a policy's name, a file, or a policy written out", "",
                                    err);
}

static sbx_status check_labels(const json_t *value, const char *key, const sbx_batch_where *where,
                               sbx_error *err)
{
    const char *name;
    json_t *each;

    if (!json_is_object(value))
        return sbx_batch_complain(where, key, "must be an object of strings", "", err);
    json_object_foreach((json_t *)(uintptr_t)value, name, each)
    {
        if (!json_is_string(each) || name[0] == '\0' || strchr(name, '=') != NULL)
            return sbx_batch_complain(where, key,
                                      "must be an object of strings, keys without =: ", name, err);
    }
    return SBX_OK;
}

/* --- the table --- */

static const struct {
    const char *name;
    bool in_defaults;
    check_value *check;
} members[] = {
    {"id", false, check_id},         {"argv", false, check_argv},
    {"cwd", true, check_path},       {"stdin", true, check_path},
    {"env", true, check_object},     {"limits", true, check_object},
    {"policy", true, check_policy},  {"expect", true, sbx_expect_check},
    {"after", false, check_strings}, {"group", true, check_group},
    {"weight", true, check_weight},  {"retries", true, check_retries},
    {"labels", true, check_labels},
};

sbx_status sbx_batch_spec_check(const json_t *object, const sbx_batch_where *where,
                                bool is_defaults, sbx_error *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return sbx_batch_complain(where, is_defaults ? "defaults" : "task", "must be an object", "",
                                  err);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t at = 0;
        sbx_status st;

        while (at < SBX_COUNT_OF(members) && strcmp(members[at].name, key) != 0)
            at++;
        if (at == SBX_COUNT_OF(members))
            return sbx_batch_complain(where, key,
                                      "unknown key (there are id argv cwd stdin env "
                                      "limits policy expect after group weight "
                                      "retries labels)",
                                      "", err);
        if (is_defaults && !members[at].in_defaults)
            return sbx_batch_complain(where, key, "is a task's own and cannot be a default", "",
                                      err);
        st = members[at].check(value, key, where, err);
        if (st != SBX_OK)
            return st;
    }
    if (!is_defaults && json_object_get(object, "argv") == NULL)
        return sbx_batch_complain(where, "argv", "is missing", "", err);
    if (!is_defaults && json_object_get(object, "id") == NULL)
        return sbx_batch_complain(where, "id", "is missing", "", err);
    return SBX_OK;
}

/* --- merge --- */

static sbx_status no_memory(sbx_error *err)
{
    return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a task");
}

sbx_status sbx_batch_spec_under(json_t *object, const json_t *defaults, sbx_error *err)
{
    static const char *const merged[] = {"limits", "env", "expect", "labels"};
    int rc = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(merged); i++) {
        json_t *own = json_object_get(object, merged[i]);
        json_t *under = json_object_get(defaults, merged[i]);

        if (own != NULL && under != NULL) {
            json_t *both = json_deep_copy(under); /* the defaults are everybody's */

            rc |= both == NULL || json_object_update(both, own) != 0 ||
                  json_object_set_new(object, merged[i], both) != 0;
        }
    }
    rc |= json_object_update_missing(object, (json_t *)(uintptr_t)defaults) != 0;
    return rc ? no_memory(err) : SBX_OK;
}

static sbx_status make_absolute(json_t *object, const char *key, const sbx_batch_where *where,
                                sbx_error *err)
{
    const char *path = json_string_value(json_object_get(object, key));
    sbx_text clean = {0};
    sbx_status st = SBX_OK;

    if (path == NULL || sbx_path_root_bytes(path) > 0)
        return SBX_OK;
    st = sbx_path_clean(&clean, where->base_dir, path, err);
    if (st == SBX_OK && json_object_set_new(object, key, json_string(sbx_text_string(&clean))) != 0)
        st = no_memory(err);
    sbx_text_done(&clean);
    return st;
}

/* As for --policy: a file's name contains a slash or ends in .json. */
static bool is_policy_file(const char *name)
{
    size_t bytes = strlen(name);

    return strchr(name, '/') != NULL || (bytes > 5 && strcmp(name + bytes - 5, ".json") == 0);
}

sbx_status sbx_batch_spec_absolute(json_t *object, const sbx_batch_where *where, sbx_error *err)
{
    const char *policy = json_string_value(json_object_get(object, "policy"));
    json_t *expect = json_object_get(object, "expect");
    sbx_status st = make_absolute(object, "cwd", where, err);

    if (st == SBX_OK)
        st = make_absolute(object, "stdin", where, err);
    if (st == SBX_OK && policy != NULL && is_policy_file(policy))
        st = make_absolute(object, "policy", where, err);
    if (st == SBX_OK && json_is_object(json_object_get(object, "policy")) &&
        json_object_set_new(object, "policy_dir", json_string(where->base_dir)) != 0)
        st = no_memory(err);
    for (int stream = 1; st == SBX_OK && stream <= 2; stream++) {
        json_t *output = json_object_get(expect, stream == 1 ? "stdout" : "stderr");

        if (json_is_object(output))
            st = make_absolute(output, "equals_file", where, err);
    }
    return st;
}

/* --- the policy --- */

/* A policy document that says only what is given, to be read over another policy. */
static sbx_status read_document(sbx_policy *policy, json_t *document, const sbx_batch_where *where,
                                const char *base_dir, sbx_error *err)
{
    sbx_text name = {0};
    char *text = NULL;
    sbx_status st = SBX_OK;

    if (json_object_get(document, "version") == NULL)
        (void)json_object_set_new(document, "version", json_integer(1));
    text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);
    sbx_text_add_format(&name, "%s:%u", where->name, where->line);
    if (text == NULL || name.failed)
        st = no_memory(err);
    else
        st = sbx_policy_parse(policy, text, strlen(text), sbx_text_string(&name), base_dir, err);
    sbx_text_done(&name);
    free(text);
    return st;
}

static sbx_status read_written_out(sbx_policy *policy, const json_t *object,
                                   const sbx_batch_where *where, sbx_error *err)
{
    const char *base = json_string_value(json_object_get(object, "policy_dir"));
    json_t *document = json_copy(json_object_get(object, "policy"));
    sbx_status st;

    if (document == NULL ||
        (json_object_get(document, "name") == NULL &&
         json_object_set_new(document, "name", json_string("written-out")) != 0))
        st = no_memory(err);
    else
        st = read_document(policy, document, where, base == NULL ? where->base_dir : base, err);
    json_decref(document);
    return st;
}

/* The overlay has no name of its own: the policy below keeps the one it has. */
static sbx_status read_overlay(sbx_policy *policy, const json_t *object,
                               const sbx_batch_where *where, sbx_error *err)
{
    json_t *limits = json_object_get(object, "limits"), *env = json_object_get(object, "env");
    char kept[sizeof(policy->name)];
    json_t *document;
    sbx_status st;

    if (limits == NULL && env == NULL)
        return SBX_OK;
    document = json_pack("{s:n, s:s, s:O*, s:{s:O*}}", "extends", "name", "overlay", "limits",
                         limits, "env", "set", env);
    if (document == NULL)
        return no_memory(err);
    memcpy(kept, policy->name, sizeof(kept));
    st = read_document(policy, document, where, where->base_dir, err);
    memcpy(policy->name, kept, sizeof(kept));
    json_decref(document);
    return st;
}

sbx_status sbx_batch_spec_policy(sbx_policy *policy, const json_t *object,
                                 const sbx_batch_where *where, sbx_error *err)
{
    const json_t *asked = json_object_get(object, "policy");
    sbx_status st;

    if (json_is_object(asked)) {
        st = read_written_out(policy, object, where, err);
    } else {
        st = sbx_policy_load(policy, asked == NULL ? "read-only" : json_string_value(asked), err);
        if (st != SBX_OK)
            sbx_error_context(err, "%s:%u: policy", where->name, where->line);
    }
    return st == SBX_OK ? read_overlay(policy, object, where, err) : st;
}

sbx_status sbx_batch_policy_digest(char out[65], const sbx_policy *policy, sbx_error *err)
{
    uint8_t hash[SBX_SHA256_BYTES];
    sbx_text text = {0};
    sbx_status st;

    sbx_policy_to_json(&text, policy);
    for (size_t i = 0; i < policy->env_set.count; i++) /* the JSON has their names only */
        sbx_text_add_bytes(&text, policy->env_set.item[i], strlen(policy->env_set.item[i]) + 1);
    st = sbx_text_check(&text, err);
    if (st == SBX_OK) {
        const sbx_bytes part = {text.data, text.bytes};

        sbx_sha256(hash, &part, 1);
        sbx_sha256_hex(out, hash);
    }
    sbx_text_done(&text);
    return st;
}

/* --- resolved --- */

/* ["key=value", …], as the audit database has them. */
static json_t *label_list(const json_t *labels)
{
    json_t *list = json_array();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)labels, key, value)
    {
        if (json_array_append_new(list, json_sprintf("%s=%s", key, json_string_value(value))) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

sbx_status sbx_batch_spec_resolve(sbx_text *out, uint8_t out_hash[32], const json_t *object,
                                  const char *policy_digest, sbx_error *err)
{
    static const char *const deciding[] = {"argv",   "cwd",    "stdin",      "env",
                                           "limits", "policy", "policy_dir", "expect"};
    json_t *core = json_object(), *labels = label_list(json_object_get(object, "labels"));
    char *core_text = NULL, *id = NULL, *label_text = NULL;
    sbx_status st = SBX_OK;
    int rc = core == NULL || labels == NULL;

    for (size_t i = 0; i < SBX_COUNT_OF(deciding); i++) {
        json_t *value = json_object_get(object, deciding[i]);

        if (value != NULL)
            rc |= json_object_set(core, deciding[i], value) != 0;
    }
    rc |= json_object_set_new(core, "policy_sha256", json_string(policy_digest)) != 0;
    core_text = json_dumps(core, JSON_COMPACT | JSON_SORT_KEYS);
    label_text = json_dumps(labels, JSON_COMPACT);
    id = json_dumps(json_object_get(object, "id"), JSON_ENCODE_ANY);
    if (rc || core_text == NULL || label_text == NULL || id == NULL) {
        st = no_memory(err);
        goto out;
    }
    {
        const sbx_bytes part = {core_text, strlen(core_text)};

        sbx_sha256(out_hash, &part, 1);
    }
    sbx_text_clear(out);
    sbx_text_add_format(out, "{\"id\":%s,\"labels\":%s,\"core\":", id, label_text);
    sbx_text_add(out, core_text);
    sbx_text_add(out, "}");
    st = sbx_text_check(out, err);

out:
    free(core_text);
    free(label_text);
    free(id);
    json_decref(core);
    json_decref(labels);
    return st;
}

uint64_t sbx_batch_number(const json_t *object, const char *key, uint64_t missing)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) && json_integer_value(value) >= 0
               ? (uint64_t)json_integer_value(value)
               : missing;
}
