/*
 * A policy as a file: what the nearest built-in policy says already is left to it. Lists only grow from there
 * on, so that the nearest one is the largest of which the policy has everything.
 */
#include <string.h>

#include "harness/base/clock.h"
#include "harness/policy/parts.h"

static bool holds(const sbx_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i], text) == 0)
            return true;
    return false;
}

static bool holds_all(const sbx_strings *list, const sbx_strings *wanted)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (!holds(list, wanted->item[i]))
            return false;
    return true;
}

static bool lies_below(const sbx_policy *base, const sbx_policy *policy, bool with_names)
{
    return base->deny_secrets == policy->deny_secrets && holds_all(&policy->write, &base->write) &&
           holds_all(&policy->env_keep, &base->env_keep) &&
           holds_all(&policy->env_deny, &base->env_deny) &&
           (!with_names || holds_all(&policy->protect, &base->protect));
}

/*
 * "" for a start from nothing. A name that was taken off the list of protected ones no file can take off: then
 * the second look is for a base without regard to them.
 */
static const char *find_base(sbx_policy *base, const sbx_policy *policy, sbx_error *err)
{
    static const char *const names[] = {"grader", "workspace", "read-only"};

    for (size_t i = 0; i < 2 * SBX_COUNT_OF(names); i++) {
        const char *name = names[i % SBX_COUNT_OF(names)];

        sbx_policy_init(base);
        if (sbx_policy_builtin(base, name, err) != SBX_OK)
            return NULL;
        if (lies_below(base, policy, i < SBX_COUNT_OF(names)))
            return name;
        sbx_policy_done(base);
    }
    sbx_policy_init(base);
    return "";
}

/* What the base does not have. "." is a built-in policy's word for the working directory, and means another in a
 * file. */
static bool is_more(const sbx_strings *list, const sbx_strings *base, size_t at)
{
    const char *text = list->item[at];

    if (holds(base, text) || strcmp(text, ".") == 0)
        return false;
    for (size_t i = 0; i < at; i++)
        if (strcmp(list->item[i], text) == 0)
            return false; /* said once already */
    return true;
}

/* The object that a list stands in is opened by its first member. */
typedef struct section {
    sbx_json *json;
    const char *name;
    bool is_open;
} section;

static sbx_json *open_section(section *in)
{
    if (!in->is_open)
        sbx_json_open_object(in->json, in->name);
    in->is_open = true;
    return in->json;
}

static void close_section(section *in)
{
    if (in->is_open)
        sbx_json_close_object(in->json);
}

static bool has_more(const sbx_strings *list, const sbx_strings *base)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_more(list, base, i))
            return true;
    return false;
}

static void add_list(sbx_json *json, const char *key, const sbx_strings *list,
                     const sbx_strings *base)
{
    sbx_json_open_array(json, key);
    for (size_t i = 0; i < list->count; i++)
        if (is_more(list, base, i))
            sbx_json_string(json, NULL, list->item[i]);
    sbx_json_close_array(json);
}

static void add_lists(sbx_json *json, const sbx_policy *policy, const sbx_policy *base)
{
    const struct {
        const char *key;
        const sbx_strings *list, *base;
    } lists[] = {{"read", &policy->read, &base->read},
                 {"write", &policy->write, &base->write},
                 {"deny_read", &policy->deny_read, &base->deny_read},
                 {"deny_write", &policy->deny_write, &base->deny_write}};
    section in = {json, "filesystem", false};

    for (size_t i = 0; i < SBX_COUNT_OF(lists); i++)
        if (has_more(lists[i].list, lists[i].base))
            add_list(open_section(&in), lists[i].key, lists[i].list, lists[i].base);
    close_section(&in);
    if (has_more(&policy->protect, &base->protect))
        add_list(json, "protect", &policy->protect, &base->protect);
}

static void add_network(sbx_json *json, const sbx_policy *policy)
{
    if (policy->unix_sockets) {
        sbx_json_open_object(json, "network");
        sbx_json_string(json, "mode", sbx_network_word(policy->network));
        sbx_json_bool(json, "unix_sockets", true);
        sbx_json_close_object(json);
    } else if (policy->network != SBX_NETWORK_NONE) {
        sbx_json_string(json, "network", sbx_network_word(policy->network));
    }
}

/* The values that were set are not recorded: the caller's own are passed on. */
static void add_env(sbx_json *json, const sbx_policy *policy, const sbx_policy *base)
{
    section in = {json, "env", false};

    if (has_more(&policy->env_keep, &base->env_keep))
        add_list(open_section(&in), "keep", &policy->env_keep, &base->env_keep);
    if (has_more(&policy->env_deny, &base->env_deny))
        add_list(open_section(&in), "deny", &policy->env_deny, &base->env_deny);
    if (has_more(&policy->env_set, &base->env_set)) {
        sbx_json_open_object(open_section(&in), "set");
        for (size_t i = 0; i < policy->env_set.count; i++)
            if (is_more(&policy->env_set, &base->env_set, i))
                sbx_json_null(json, policy->env_set.item[i]);
        sbx_json_close_object(json);
    }
    close_section(&in);
}

static void add_duration(sbx_text *out, uint64_t ns)
{
    if (ns % SBX_NS_PER_S == 0)
        sbx_text_add_format(out, "%llus", (unsigned long long)(ns / SBX_NS_PER_S));
    else if (ns % SBX_NS_PER_MS == 0)
        sbx_text_add_format(out, "%llums", (unsigned long long)(ns / SBX_NS_PER_MS));
    else
        sbx_text_add_format(out, "%llu.%03lluus", (unsigned long long)(ns / SBX_NS_PER_US),
                            (unsigned long long)(ns % SBX_NS_PER_US));
}

static void add_limit(sbx_json *json, sbx_limit_kind kind, uint64_t value)
{
    const char *word = sbx_limit_word(kind);
    sbx_text text = {0};

    if (value == SBX_UNLIMITED)
        sbx_text_add(&text, "unlimited");
    else if (kind == SBX_LIMIT_CPU || kind == SBX_LIMIT_WALL || kind == SBX_LIMIT_IDLE)
        add_duration(&text, value);
    else if (kind == SBX_LIMIT_CPUS)
        sbx_text_add_format(&text, "%llu.%03llu", (unsigned long long)(value / 1000),
                            (unsigned long long)(value % 1000));
    if (text.bytes > 0)
        sbx_json_string(json, word, sbx_text_string(&text));
    else
        sbx_json_unsigned(json, word, value);
    sbx_text_done(&text);
}

static void add_limits(sbx_json *json, const sbx_limits *limits, const sbx_limits *base)
{
    section in = {json, "limits", false};
    sbx_text grace = {0};

    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        if (limits->value[kind] != base->value[kind])
            add_limit(open_section(&in), (sbx_limit_kind)kind, limits->value[kind]);
    if (limits->grace_ns != base->grace_ns) {
        add_duration(&grace, limits->grace_ns);
        sbx_json_string(open_section(&in), "grace", sbx_text_string(&grace));
    }
    if (limits->memory_fails != base->memory_fails)
        sbx_json_string(open_section(&in), "memory_action", limits->memory_fails ? "fail" : "kill");
    close_section(&in);
    sbx_text_done(&grace);
}

sbx_status sbx_policy_to_file(sbx_text *out, sbx_strings *out_unprotect, const sbx_policy *policy,
                              sbx_error *err)
{
    sbx_policy base = {0};
    const char *name = find_base(&base, policy, err);
    sbx_status st = name == NULL ? SBX_NO_MEMORY : SBX_OK;
    sbx_json json;

    for (size_t i = 0; st == SBX_OK && i < base.protect.count; i++)
        if (!holds(&policy->protect, base.protect.item[i]))
            st = sbx_strings_add(out_unprotect, base.protect.item[i], err);
    if (st == SBX_OK) {
        sbx_json_init(&json, out);
        sbx_json_open_object(&json, NULL);
        sbx_json_unsigned(&json, "version", 1);
        sbx_json_string(&json, "extends", name[0] == '\0' ? NULL : name);
        add_lists(&json, policy, &base);
        add_network(&json, policy);
        add_env(&json, policy, &base);
        add_limits(&json, &policy->limits, &base.limits);
        if (policy->identity != SBX_IDENTITY_AUTO)
            sbx_json_string(&json, "identity", sbx_identity_word(policy->identity));
        if (policy->windows_everyone) {
            sbx_json_open_object(&json, "windows");
            sbx_json_bool(&json, "everyone", true);
            sbx_json_close_object(&json);
        }
        sbx_json_close_object(&json);
        st = sbx_text_check(out, err);
    }
    sbx_policy_done(&base);
    return st;
}
