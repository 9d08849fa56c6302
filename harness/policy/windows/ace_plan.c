/* See ace_plan.h. Pure: nothing here asks the system, so it is the same on every one. */
#include "harness/policy/windows/ace_plan.h"

#include <string.h>

#include "harness/base/path.h"

#define CHANGES                                                                                    \
    (SBX_RIGHT_WRITE_DATA | SBX_RIGHT_APPEND_DATA | SBX_RIGHT_WRITE_EA | SBX_RIGHT_WRITE_ATTRIBUTES)
/* Of a root itself: it may be filled, not taken away. */
#define ROOT_RIGHTS (SBX_FILE_READ | SBX_FILE_EXECUTE | CHANGES)
#define BELOW_RIGHTS (ROOT_RIGHTS | SBX_RIGHT_DELETE)
#define TAKING_AWAY                                                                                \
    (SBX_RIGHT_DELETE | SBX_RIGHT_DELETE_CHILD | SBX_RIGHT_WRITE_DAC | SBX_RIGHT_WRITE_OWNER)
#define READING (SBX_RIGHT_READ_DATA | SBX_RIGHT_READ_EA | SBX_RIGHT_EXECUTE)

enum {
    ALL_BELOW = SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT,
};

typedef struct growing {
    sbx_ace_step *out;
    size_t room, count;
    const sbx_ace_sids *sids;
} growing;

static void add_for(growing *into, const sbx_ace_step *step, const char *sid)
{
    if (into->count == into->room)
        return;
    into->out[into->count] = *step;
    into->out[into->count++].ace.sid = sid;
}

/* For the run's SID, and for the group where there is one. */
static void add(growing *into, const sbx_rule *rule, bool is_made, sbx_ace_kind kind, uint32_t mask,
                unsigned flags)
{
    sbx_ace_step step = {.path = rule->path,
                         .is_directory = rule->is_directory,
                         .is_made = is_made,
                         .ace = {.kind = kind, .mask = mask, .flags = flags}};

    add_for(into, &step, into->sids->run);
    if (into->sids->group != NULL)
        add_for(into, &step, into->sids->group);
}

static void add_root(growing *into, const sbx_rule *rule, bool is_made)
{
    if (rule->is_directory)
        add(into, rule, is_made, SBX_ACE_ALLOW, BELOW_RIGHTS, ALL_BELOW | SBX_ACE_INHERIT_ONLY);
    add(into, rule, is_made, SBX_ACE_ALLOW, ROOT_RIGHTS, 0);
}

static bool lies_in_root(const sbx_plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->rule_count; i++)
        if (plan->rules[i].kind == SBX_RULE_WRITE && sbx_path_is_within(path, plan->rules[i].path))
            return true;
    return false;
}

static void add_closed(growing *into, const sbx_plan *plan, const sbx_rule *rule)
{
    unsigned flags = rule->is_directory ? ALL_BELOW : 0;

    switch (rule->kind) {
    case SBX_RULE_PROTECT:
        add(into, rule, false, SBX_ACE_DENY, CHANGES | TAKING_AWAY, flags);
        break;
    case SBX_RULE_PROTECT_ABSENT:
        add(into, rule, true, SBX_ACE_DENY, CHANGES | TAKING_AWAY, flags);
        break;
    case SBX_RULE_PIN:
        add(into, rule, false, SBX_ACE_DENY, TAKING_AWAY, 0);
        break;
    case SBX_RULE_DENY:
        if (into->sids->group != NULL)
            add(into, rule, false, SBX_ACE_DENY, CHANGES | TAKING_AWAY | READING, flags);
        else if (lies_in_root(plan, rule->path))
            add(into, rule, false, SBX_ACE_DENY, CHANGES | TAKING_AWAY, flags);
        break;
    default:
        break;
    }
}

size_t sbx_ace_plan(sbx_ace_step *out, size_t room, const sbx_plan *plan, const sbx_ace_sids *sids)
{
    growing into = {.out = out, .room = room, .sids = sids};

    for (size_t i = 0; i < plan->rule_count; i++)
        add_closed(&into, plan, &plan->rules[i]);
    if (plan->temp_path != NULL)
        add_root(&into,
                 &(sbx_rule){.kind = SBX_RULE_WRITE, .is_directory = true, .path = plan->temp_path},
                 true);
    for (size_t i = 0; i < plan->rule_count; i++)
        if (plan->rules[i].kind == SBX_RULE_WRITE)
            add_root(&into, &plan->rules[i], false);
    return into.count;
}

/* Exactly the format: digits between its dashes, and its end. */
bool sbx_sid_is_run(const char *sid)
{
    static const char begins[] = "S-1-5-21-", ends[] = "21592";
    const char *at = sid + sizeof(begins) - 1;

    if (strncmp(sid, begins, sizeof(begins) - 1) != 0)
        return false;
    for (int part = 0; part < 4; part++) {
        size_t digits = strspn(at, "0123456789");

        if (digits == 0 || digits > 10 || at[digits] != '-')
            return false;
        at += digits + 1;
    }
    return strcmp(at, ends) == 0;
}

sbx_ace sbx_ace_of_stand_in(void)
{
    return (sbx_ace){SBX_ACE_ALLOW, SBX_RIGHT_READ_CONTROL, 0,
                     "S-1-5-21-2794116043-1608251779-3373058216-905213374-21593"};
}

void sbx_token_plan_make(sbx_token_plan *out, const sbx_token_sids *sids)
{
    /*
     * All sandbox runs are one user, who restricts their tokens too: were it in the list, or owned in the usual way, each
     * run could change the others' processes. The group restricts nobody, so that the run's SID decides.
     */
    bool is_shared = sids->is_sandbox_user && sids->group != NULL;
    const char *all[] = {is_shared ? sids->group : sids->user, sids->run, sids->logon,
                         SBX_SID_SYSTEM};

    *out = (sbx_token_plan){.user = sids->user,
                            .flags = SBX_TOKEN_DISABLE_MAX_PRIVILEGE | SBX_TOKEN_LUA |
                                     SBX_TOKEN_WRITE_RESTRICTED};
    out->restricting[out->restricting_count++] = sids->run;
    if (sids->logon != NULL)
        out->restricting[out->restricting_count++] = sids->logon;
    /* The sandbox's user owns nothing but what its runs made; the caller owns everything. */
    if (sids->is_sandbox_user)
        out->restricting[out->restricting_count++] = sids->user;
    if (sids->allows_everyone)
        out->restricting[out->restricting_count++] = SBX_SID_EVERYONE;
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++)
        if (all[i] != NULL && all[i] != sids->logon)
            out->default_aces[out->default_count++] =
                (sbx_ace){SBX_ACE_ALLOW, SBX_GENERIC_ALL, 0, all[i]};
    if (is_shared)
        out->default_aces[out->default_count++] =
            (sbx_ace){SBX_ACE_ALLOW, SBX_RIGHT_READ_CONTROL, 0, SBX_SID_OWNER_RIGHTS};
    if (sids->overseer != NULL)
        out->default_aces[out->default_count++] =
            (sbx_ace){SBX_ACE_ALLOW, SBX_GENERIC_READ | SBX_GENERIC_EXECUTE, 0, sids->overseer};
}

size_t sbx_guard_aces(sbx_ace out[SBX_TOKEN_ACES_MAX], const char *user)
{
    size_t count = 0;

    out[count++] = (sbx_ace){SBX_ACE_ALLOW, SBX_PROCESS_ALL, 0, SBX_SID_SYSTEM};
    out[count++] = (sbx_ace){SBX_ACE_ALLOW, SBX_PROCESS_ALL, 0, SBX_SID_ADMINISTRATORS};
    out[count++] = (sbx_ace){SBX_ACE_ALLOW, SBX_RIGHT_READ_CONTROL, 0, SBX_SID_OWNER_RIGHTS};
    out[count++] =
        (sbx_ace){SBX_ACE_ALLOW, SBX_RIGHT_SYNCHRONIZE | SBX_PROCESS_QUERY_LIMITED, 0, user};
    return count;
}
