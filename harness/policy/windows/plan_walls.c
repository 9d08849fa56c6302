/* Which walls the run has, and what is missing of them on this host. */
#include <string.h>

#include "harness/policy/parts.h"
#include "harness/policy/windows/accounts.h"

/* As on Linux: another user where sbx may become one, which here is where this caller has set that up. */
static void choose_identity(sbx_making *making)
{
    sbx_identity asked = making->policy->identity;

    if (making->request->host == NULL && asked != SBX_IDENTITY_SELF)
        making->host.sandbox_users = sbx_accounts_look();
    making->plan->identity =
        asked == SBX_IDENTITY_SANDBOX ||
                (asked == SBX_IDENTITY_AUTO && making->host.sandbox_users == SBX_USERS_THERE)
            ? SBX_IDENTITY_SANDBOX
            : SBX_IDENTITY_SELF;
}

sbx_status sbx_plan_check_host(sbx_making *making, sbx_error *err)
{
    sbx_plan *plan = making->plan;

    if (making->request->host != NULL)
        making->host = *making->request->host;
    else
        sbx_host_look(&making->host);
    if (making->host.inside_sbx)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_PLAN,
            "sbx is itself running inside sbx, whose walls cannot be nested: start the "
            "command directly, it is confined already");
    if (plan->learns)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_PLAN, "--learn exists on Linux only");
    choose_identity(making);
    plan->walls[SBX_WALL_UID] =
        plan->identity == SBX_IDENTITY_SANDBOX && making->host.sandbox_users == SBX_USERS_THERE;
    /* A promise that the run has to prove: no user here has the loopback alone, and no token closes the network. */
    plan->walls[SBX_WALL_NET] = plan->walls[SBX_WALL_UID] && plan->network == SBX_NETWORK_NONE;
    plan->walls[SBX_WALL_TOKEN] = making->host.restricts_tokens;
    plan->walls[SBX_WALL_ACES] = making->host.keeps_aces && making->host.restricts_tokens;
    plan->walls[SBX_WALL_JOB] = making->host.holds_jobs;
    plan->allows_everyone = making->policy->windows_everyone;
    plan->watch_denials = making->request->watch_denials;
    return SBX_OK;
}

static void add_missing(sbx_plan *plan, const char *word)
{
    if (plan->missing.bytes > 0)
        sbx_text_add(&plan->missing, ",");
    sbx_text_add(&plan->missing, word);
}

/* Of a path that nobody may read: the sandbox user has no right there, and a restricted token of the caller's has. */
static bool is_read_denied(const sbx_plan *plan)
{
    return plan->walls[SBX_WALL_UID] && plan->walls[SBX_WALL_ACES];
}

static bool has_rule(const sbx_making *making, sbx_rule_kind kind)
{
    for (size_t i = 0; i < making->rule_count; i++)
        if (making->rules[i].kind == kind)
            return true;
    return false;
}

/* Windows knows no such limit of a process, and sbx is not on the way of its writes. */
static bool asks_unheld_limit(const sbx_plan *plan)
{
    return plan->limits.value[SBX_LIMIT_FILE_SIZE] != SBX_UNLIMITED ||
           plan->limits.value[SBX_LIMIT_FILES] != SBX_UNLIMITED;
}

static void add_unheld_limits(sbx_plan *plan)
{
    static const sbx_limit_kind kinds[] = {SBX_LIMIT_FILE_SIZE, SBX_LIMIT_FILES};

    for (size_t i = 0; i < SBX_COUNT_OF(kinds); i++)
        if (plan->limits.value[kinds[i]] != SBX_UNLIMITED)
            add_missing(plan, sbx_limit_word(kinds[i]));
}

/* Asked for, so no reason to refuse; but the row of such a run says that the wall for writes has that door. */
static sbx_status note_everyone(sbx_plan *plan, sbx_error *err)
{
    if (plan->allows_everyone)
        add_missing(plan, "everyone");
    return sbx_text_check(&plan->missing, err);
}

typedef struct lacks {
    bool user, network, deny_read;
} lacks;

/* Of --identity self nobody has looked whether there are such users. */
static void explain_users(sbx_text *out, const sbx_making *making, const lacks *what)
{
    sbx_host_users users = making->host.sandbox_users;
    bool is_loopback = making->plan->network == SBX_NETWORK_LOOPBACK;
    bool is_self = making->policy->identity == SBX_IDENTITY_SELF;
    bool needs_user = what->network && !is_loopback && !is_self;

    if (what->user || needs_user)
        sbx_text_add_format(out, "For %s sandbox users are needed, and %s: %s. ",
                            !needs_user   ? "uid"
                            : !what->user ? "net"
                                          : "net and uid",
                            sbx_accounts_amiss(users), sbx_accounts_fix(users));
    if (what->network && is_loopback)
        sbx_text_add(out, "No user here has the loopback alone: --net none closes that too. ");
    else if (what->network && is_self)
        sbx_text_add(out, "The network can be closed to sandbox users only, not to yourself. ");
    if (what->user)
        sbx_text_add(out, "--identity self does without. ");
    if (what->network)
        sbx_text_add(out, "--net advisory asks the programs. ");
}

static sbx_status refuse(const sbx_making *making, const lacks *what, sbx_error *err)
{
    const sbx_plan *plan = making->plan;
    sbx_text why = {0};

    explain_users(&why, making, what);
    if (what->deny_read)
        sbx_text_add(&why, "A restricted token reads what its user can; a policy file that "
                           "\"extends\" null asks for no secrets to be kept. ");
    if (asks_unheld_limit(plan))
        sbx_text_add(&why, "Nothing on Windows holds --fsize and --files. ");
    (void)sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_PLAN,
                         "this host does not hold: %s. %s--allow-degraded runs without them and "
                         "records it",
                         sbx_text_string(&plan->missing), sbx_text_string(&why));
    sbx_text_done(&why);
    return SBX_REFUSED;
}

/* Only what was asked for: an advisory network asks for no wall. */
sbx_status sbx_plan_settle_walls(sbx_making *making, sbx_error *err)
{
    static const sbx_wall needed[] = {SBX_WALL_TOKEN, SBX_WALL_ACES, SBX_WALL_JOB};
    sbx_plan *plan = making->plan;
    bool asks_network = plan->network == SBX_NETWORK_NONE || plan->network == SBX_NETWORK_LOOPBACK;
    lacks what = {
        .user = plan->identity == SBX_IDENTITY_SANDBOX && !plan->walls[SBX_WALL_UID],
        .network = asks_network && !plan->walls[SBX_WALL_NET],
        .deny_read = has_rule(making, SBX_RULE_DENY) && !is_read_denied(plan),
    };
    sbx_status st;

    for (size_t i = 0; i < SBX_COUNT_OF(needed); i++)
        if (!plan->walls[needed[i]])
            add_missing(plan, sbx_wall_word(needed[i]));
    if (what.network)
        add_missing(plan, sbx_wall_word(SBX_WALL_NET));
    if (what.user)
        add_missing(plan, sbx_wall_word(SBX_WALL_UID));
    if (what.deny_read)
        add_missing(plan, "deny_read");
    add_unheld_limits(plan);
    st = sbx_text_check(&plan->missing, err);
    if (st != SBX_OK)
        return st;
    if (plan->missing.bytes == 0 || plan->allow_degraded)
        return note_everyone(plan, err);
    return refuse(making, &what, err);
}
