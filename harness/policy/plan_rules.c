/*
 * The list of path rules: growing, pins, pruning, order. Text only, nothing here asks the file system.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

static size_t held(const sbx_making *making)
{
    return making->rule_count < SBX_PLAN_RULES_MAX ? making->rule_count : SBX_PLAN_RULES_MAX;
}

void sbx_rules_add(sbx_making *making, sbx_rule_kind kind, bool is_directory, const char *path,
                   const char *source)
{
    for (size_t i = 0; i < held(making); i++)
        if (making->rules[i].kind == kind && sbx_path_is_same(making->rules[i].path, path))
            return;
    if (making->rule_count < SBX_PLAN_RULES_MAX)
        making->rules[making->rule_count] = (sbx_rule){kind, is_directory, path, source};
    making->rule_count++; /* past the end: sbx_rules_finish() says so */
}

const sbx_rule *sbx_rules_covering(const sbx_making *making, sbx_rule_kind kind, const char *path)
{
    for (size_t i = 0; i < held(making); i++)
        if (making->rules[i].kind == kind && sbx_path_is_within(path, making->rules[i].path))
            return &making->rules[i];
    return NULL;
}

/* Strictly below the path of a rule of that kind. */
static bool lies_below(const sbx_making *making, sbx_rule_kind kind, const char *path)
{
    for (size_t i = 0; i < held(making); i++) {
        const sbx_rule *rule = &making->rules[i];

        if (rule->kind == kind && sbx_path_is_within(path, rule->path) &&
            !sbx_path_is_same(path, rule->path))
            return true;
    }
    return false;
}

/* A root is a mount point already. */
static bool is_root(const sbx_making *making, const char *path)
{
    for (size_t i = 0; i < held(making); i++)
        if (making->rules[i].kind == SBX_RULE_WRITE &&
            sbx_path_is_same(making->rules[i].path, path))
            return true;
    return false;
}

/*
 * A directory between a root and something protected in it could be renamed, and another put in its
 * place: it becomes a mount point, which cannot be.
 */
static void add_pins(sbx_making *making, const char *root, const char *path)
{
    size_t all_bytes = strlen(root);
    size_t root_bytes = all_bytes == sbx_path_root_bytes(root) ? all_bytes - 1 : all_bytes;

    for (const char *slash = strchr(path + root_bytes + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        const char *between = sbx_making_copy_bytes(making, path, (size_t)(slash - path));

        if (making->failed)
            return;
        if (sbx_rules_covering(making, SBX_RULE_PROTECT, between) == NULL &&
            !is_root(making, between))
            sbx_rules_add(making, SBX_RULE_PIN, true, between, "pin");
    }
}

static void add_all_pins(sbx_making *making)
{
    size_t count = held(making);

    for (size_t i = 0; i < count; i++) {
        sbx_rule rule = making->rules[i];

        if (rule.kind != SBX_RULE_PROTECT && rule.kind != SBX_RULE_PROTECT_ABSENT &&
            rule.kind != SBX_RULE_DENY)
            continue;
        if (making->plan->learns) /* everything is a root */
            add_pins(making, "/", rule.path);
        for (size_t j = 0; j < count; j++)
            if (making->rules[j].kind == SBX_RULE_WRITE && making->rules[j].is_directory &&
                sbx_path_is_within(rule.path, making->rules[j].path) &&
                !sbx_path_is_same(rule.path, making->rules[j].path))
                add_pins(making, making->rules[j].path, rule.path);
    }
}

/* Another rule does what this one would, or hides what it stands on. */
static bool is_needless(const sbx_making *making, const sbx_rule *rule)
{
    switch (rule->kind) {
    case SBX_RULE_READ:
        return sbx_rules_covering(making, SBX_RULE_WRITE, rule->path) != NULL ||
               lies_below(making, SBX_RULE_READ, rule->path) ||
               sbx_rules_covering(making, SBX_RULE_DENY, rule->path) != NULL;
    case SBX_RULE_PROTECT:
    case SBX_RULE_PROTECT_ABSENT:
        return lies_below(making, SBX_RULE_PROTECT, rule->path) ||
               sbx_rules_covering(making, SBX_RULE_DENY, rule->path) != NULL;
    case SBX_RULE_PIN:
        return sbx_rules_covering(making, SBX_RULE_DENY, rule->path) != NULL;
    case SBX_RULE_DENY:
        return lies_below(making, SBX_RULE_DENY, rule->path);
    default:
        return false;
    }
}

static void prune(sbx_making *making)
{
    bool drop[SBX_PLAN_RULES_MAX];
    size_t kept = 0;

    for (size_t i = 0; i < making->rule_count; i++)
        drop[i] = is_needless(making, &making->rules[i]);
    for (size_t i = 0; i < making->rule_count; i++)
        if (!drop[i])
            making->rules[kept++] = making->rules[i];
    making->rule_count = kept;
}

static int compare(const void *left, const void *right)
{
    const sbx_rule *a = left, *b = right;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return strcmp(a->path, b->path);
}

/* Deny wins, and where it wins over something that was asked for by name, that is said. */
static sbx_status check_conflicts(const sbx_making *making, sbx_error *err)
{
    const sbx_rule *denied = sbx_rules_covering(making, SBX_RULE_DENY, making->plan->cwd);

    if (denied != NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the working directory %s lies in %s, which is denied (%s)",
                              making->plan->cwd, denied->path, denied->source);
    for (size_t i = 0; i < making->rule_count; i++) {
        const sbx_rule *rule = &making->rules[i];
        bool writes = rule->kind == SBX_RULE_WRITE;

        if (!writes && !(rule->kind == SBX_RULE_READ && strcmp(rule->source, "read") == 0))
            continue;
        denied = sbx_rules_covering(making, SBX_RULE_DENY, rule->path);
        if (denied != NULL)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "%s shall be %s, but %s is denied (%s), and deny wins",
                                  rule->path, writes ? "writable" : "readable", denied->path,
                                  denied->source);
        denied = writes ? sbx_rules_covering(making, SBX_RULE_PROTECT, rule->path) : NULL;
        if (denied != NULL)
            return sbx_fail_plain(
                err, SBX_INVALID, SBX_STEP_PLAN,
                "%s shall be writable, but %s is protected (%s; --unprotect takes "
                "a name off the list)",
                rule->path, denied->path, denied->source);
    }
    return SBX_OK;
}

sbx_status sbx_rules_finish(sbx_making *making, sbx_error *err)
{
    sbx_status st;

    add_all_pins(making);
    if (making->rule_count > SBX_PLAN_RULES_MAX)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "%zu path rules are more than %d: name directories instead of files",
                              making->rule_count, (int)SBX_PLAN_RULES_MAX);
    st = check_conflicts(making, err);
    if (st != SBX_OK)
        return st;
    prune(making);
    qsort(making->rules, making->rule_count, sizeof(*making->rules), compare);
    return SBX_OK;
}
