/* Who the target is, behind which walls, and what is missing of them on this host. */
#include <string.h>
#include <unistd.h>

#include "harness/policy/parts.h"

static sbx_status choose_identity(sbx_making *making, sbx_error *err)
{
    sbx_plan *plan = making->plan;
    sbx_identity asked = making->policy->identity;
    bool can = making->host.is_root && making->host.has_every_id;

    plan->caller_uid = geteuid();
    plan->caller_gid = getegid();
    if (asked == SBX_IDENTITY_SANDBOX && !can)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "identity sandbox needs root, to become another user: run sbx as root, or "
            "take --identity self");
    if (plan->learns && asked == SBX_IDENTITY_SANDBOX)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "as the sandbox's user the command could not change what you could, and nothing would "
            "be learned: take --identity self with --learn");
    plan->identity = !plan->learns && asked != SBX_IDENTITY_SELF && can ? SBX_IDENTITY_SANDBOX
                                                                        : SBX_IDENTITY_SELF;
    plan->target_uid = plan->caller_uid;
    plan->target_gid = plan->caller_gid;
    if (plan->identity == SBX_IDENTITY_SANDBOX) {
        plan->target_uid = plan->network == SBX_NETWORK_FULL ? SBX_UID_ONLINE : SBX_UID_OFFLINE;
        plan->target_gid = plan->target_uid;
    }
    return SBX_OK;
}

/* Secrets, protected names and the audit database are held by mounts; what is written is seen by the watch. */
static sbx_status check_learning(const sbx_making *making, sbx_error *err)
{
    if (!making->plan->learns || (making->plan->uses_namespaces && making->plan->watch_denials))
        return SBX_OK;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_PLAN,
                          "--learn needs %s, which this host does not give",
                          making->plan->uses_namespaces ? "seccomp user notification"
                                                        : "namespaces, to keep secrets and the "
                                                          "audit database denied");
}

static sbx_status choose_walls(sbx_making *making, sbx_error *err)
{
    sbx_plan *plan = making->plan;
    const sbx_host *host = &making->host;

    plan->uses_namespaces = host->is_root || host->has_user_namespaces;
    plan->user_namespace = plan->uses_namespaces && !host->is_root;
    plan->landlock_abi = host->landlock_abi;
    if (!plan->uses_namespaces && !plan->allow_degraded)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "user namespaces are refused here by %s: `%s` allows them, or run sbx as "
            "root; --allow-degraded runs with Landlock and seccomp alone",
            host->user_namespaces_refused_by != NULL ? host->user_namespaces_refused_by
                                                     : "this host",
            host->user_namespaces_fix != NULL ? host->user_namespaces_fix : "sbx doctor");
    /* Degraded is less of what was asked for, not the opposite: this would open the whole network. */
    if (!plan->uses_namespaces && plan->network == SBX_NETWORK_LOOPBACK)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "a loopback of its own needs a network namespace, and namespaces are refused "
            "here: take --net none or --net full");
    plan->walls[SBX_WALL_MOUNTS] = plan->uses_namespaces;
    plan->walls[SBX_WALL_PIDS] = plan->uses_namespaces;
    plan->walls[SBX_WALL_IPC] = plan->uses_namespaces;
    plan->walls[SBX_WALL_NET] = plan->uses_namespaces && plan->network != SBX_NETWORK_FULL;
    plan->walls[SBX_WALL_LANDLOCK] = plan->landlock_abi > 0;
    plan->walls[SBX_WALL_SECCOMP] = true;
    plan->walls[SBX_WALL_UID] = plan->identity == SBX_IDENTITY_SANDBOX;
    return SBX_OK;
}

sbx_status sbx_plan_check_host(sbx_making *making, sbx_error *err)
{
    sbx_status st;

    if (making->request->host != NULL)
        making->host = *making->request->host;
    else
        sbx_host_look(&making->host);
    if (making->host.inside_sbx)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "sbx is itself running inside sbx, whose walls cannot be nested: start the "
            "command directly, it is confined already");
    if (making->plan->network == SBX_NETWORK_ADVISORY)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "network advisory exists on Windows only: here the network can be closed for "
            "certain (--net none)");
    st = choose_identity(making, err);
    if (st == SBX_OK)
        st = choose_walls(making, err);
    making->plan->watch_denials = making->request->watch_denials && making->host.has_seccomp_notify;
    return st == SBX_OK ? check_learning(making, err) : st;
}

static void add_missing(sbx_plan *plan, const char *word)
{
    if (plan->missing.bytes > 0)
        sbx_text_add(&plan->missing, ",");
    sbx_text_add(&plan->missing, word);
}

/* Without mounts, a path in a writable root cannot be taken out of it. Drops such rules, and says so. */
static void drop_unheld_rules(sbx_making *making)
{
    bool loses_protect = false, loses_deny = false;
    size_t kept = 0;

    for (size_t i = 0; i < making->rule_count; i++) {
        const sbx_rule rule = making->rules[i];

        if (rule.kind == SBX_RULE_PROTECT || rule.kind == SBX_RULE_PROTECT_ABSENT) {
            loses_protect = true;
            continue;
        }
        if (rule.kind == SBX_RULE_PIN)
            continue;
        if (rule.kind == SBX_RULE_DENY) /* reading is still refused */
            loses_deny |= sbx_rules_covering(making, SBX_RULE_WRITE, rule.path) != NULL;
        making->rules[kept++] = rule;
    }
    making->rule_count = kept;
    if (loses_protect)
        add_missing(making->plan, "protect");
    if (loses_deny)
        add_missing(making->plan, "deny");
}

sbx_status sbx_plan_settle_walls(sbx_making *making, sbx_error *err)
{
    sbx_plan *plan = making->plan;

    if (plan->learns)
        add_missing(plan, "writes");
    if (plan->uses_namespaces) /* then Landlock is a second wall before the same things */
        return SBX_OK;
    add_missing(plan, sbx_wall_word(SBX_WALL_MOUNTS));
    add_missing(plan, sbx_wall_word(SBX_WALL_PIDS));
    add_missing(plan, sbx_wall_word(SBX_WALL_IPC));
    if (plan->network != SBX_NETWORK_FULL)
        add_missing(plan, sbx_wall_word(SBX_WALL_NET));
    if (!plan->walls[SBX_WALL_LANDLOCK])
        add_missing(plan, sbx_wall_word(SBX_WALL_LANDLOCK));
    add_missing(plan, "temp");
    drop_unheld_rules(making);
    return sbx_text_check(&plan->missing, err);
}
