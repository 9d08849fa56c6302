/* The target's token, and the list of the process that guards it; each read back. */
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/target/windows/steps.h"

#define TOKEN_ALL UINT32_C(0xF01FF)
#define TOKEN_LOOK UINT32_C(0x20008) /* read its list, query it */

/* Only the one by which folders are walked through stays. */
enum { PRIVILEGES_MAX = 1 };

sbx_status sbx_token_make_sid(char out[SBX_OS_SID_BYTES], sbx_error *err)
{
    uint32_t part[4];
    sbx_status st = sbx_random_bytes(part, sizeof(part), err);

    if (st == SBX_OK)
        (void)snprintf(out, SBX_OS_SID_BYTES, SBX_RUN_SID_FORMAT, (unsigned long)part[0],
                       (unsigned long)part[1], (unsigned long)part[2], (unsigned long)part[3]);
    return st;
}

void sbx_token_sids_of(sbx_token_sids *out, const char *run_sid, const sbx_os_token *who,
                       const char *caller, const char *group)
{
    *out = (sbx_token_sids){.run = run_sid, .user = who->user};
    if (who->logon[0] != '\0')
        out->logon = who->logon;
    if (strcmp(who->user, caller) != 0) {
        out->is_sandbox_user = true;
        out->group = group[0] != '\0' ? group : NULL;
        out->overseer = caller;
    }
}

static sbx_status refuse(sbx_error *err, const char *what)
{
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                          "%s did not read back as it was set: this system does not hold it", what);
}

static bool restricts(const sbx_os_token *found, const char *sid)
{
    for (size_t i = 0; i < found->restricting_count && i < SBX_COUNT_OF(found->restricting); i++)
        if (strcmp(found->restricting[i], sid) == 0)
            return true;
    return false;
}

bool sbx_token_list_is(const sbx_os_list *found, const sbx_ace *asked, size_t count)
{
    if (found->count != count || count > SBX_OS_LIST_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool is_there = false;

        for (size_t k = 0; k < count && !is_there; k++)
            is_there = found->ace[k].kind == asked[i].kind && found->ace[k].mask == asked[i].mask &&
                       strcmp(found->ace[k].sid, asked[i].sid) == 0;
        if (!is_there)
            return false;
    }
    return true;
}

sbx_status sbx_token_check(sbx_handle token, const sbx_token_plan *plan, const sbx_target_os *os,
                           sbx_error *err)
{
    sbx_os_token found = {0};
    sbx_os_code code = os->read_token(&found, token);

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "read the command's token back");
    if (strcmp(found.user, plan->user) != 0)
        return refuse(err, "whose token the command has");
    if (!found.is_restricted || found.restricting_count != plan->restricting_count)
        return refuse(err, "the command's token");
    for (size_t i = 0; i < plan->restricting_count; i++)
        if (!restricts(&found, plan->restricting[i]))
            return refuse(err, "a SID that restricts the command's token");
    if (found.privilege_count > PRIVILEGES_MAX)
        return refuse(err, "the command's lack of privileges");
    return SBX_OK;
}

/* What the target's new objects get, and who may open its token: itself, among others. */
static sbx_status set_lists(sbx_handle token, const sbx_token_plan *plan, bool must_hold,
                            const sbx_target_os *os, sbx_error *err)
{
    sbx_ace own[SBX_TOKEN_ACES_MAX];
    sbx_os_list found = {.count = 0};
    sbx_os_code code = os->set_default_list(token, plan->default_aces, plan->default_count);

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code,
                           "set what the command's new objects are open to");
    if ((code = os->read_default_list(&found, token)) != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code,
                           "read back what the command's new objects are open to");
    if (must_hold && !sbx_token_list_is(&found, plan->default_aces, plan->default_count))
        return refuse(err, "what the command's new objects are open to");
    for (size_t i = 0; i < plan->default_count; i++) {
        own[i] = plan->default_aces[i];
        own[i].mask = own[i].mask == SBX_GENERIC_ALL ? TOKEN_ALL : TOKEN_LOOK;
    }
    if ((code = os->set_list(token, own, plan->default_count)) != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code,
                           "set who may open the command's token");
    return SBX_OK;
}

sbx_status sbx_token_make(sbx_handle *out, const sbx_token_plan *plan, bool must_hold,
                          const sbx_target_os *os, sbx_error *err)
{
    sbx_handle own = NULL, token = NULL;
    sbx_os_code code = os->open_token(&own);
    sbx_status st = SBX_OK;

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "open sbx's own token");
    code = os->restrict_token(&token, own, plan->flags, plan->restricting, plan->restricting_count);
    if (code != 0)
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "make a restricted token");
    if (st == SBX_OK && must_hold)
        st = sbx_token_check(token, plan, os, err);
    if (st == SBX_OK)
        st = set_lists(token, plan, must_hold, os, err);
    os->close(own);
    if (st != SBX_OK) {
        if (token != NULL)
            os->close(token);
        return st;
    }
    *out = token;
    return SBX_OK;
}

sbx_status sbx_token_guard(sbx_handle object, const sbx_ace *aces, size_t count, bool must_hold,
                           const sbx_target_os *os, sbx_error *err)
{
    sbx_os_list found = {.count = 0};
    sbx_os_code code = os->set_list(object, aces, count);

    if (code == 0)
        code = os->read_list(&found, object);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code,
                           "close sbx's own process to the command");
    if (must_hold && !sbx_token_list_is(&found, aces, count))
        return refuse(err, "who may open sbx's own process");
    return SBX_OK;
}

sbx_status sbx_token_guard_process(const char *user, bool must_hold, const sbx_target_os *os,
                                   sbx_error *err)
{
    sbx_ace aces[SBX_TOKEN_ACES_MAX];
    size_t count = sbx_guard_aces(aces, user);

    return sbx_token_guard(NULL, aces, count, must_hold, os, err);
}

sbx_status sbx_token_guard_own(sbx_handle own_token, const char *user, bool must_hold,
                               const sbx_target_os *os, sbx_error *err)
{
    sbx_ace aces[SBX_TOKEN_ACES_MAX];
    size_t count = sbx_guard_aces(aces, user);

    for (size_t i = 0; i < count; i++)
        aces[i].mask = aces[i].mask == SBX_PROCESS_ALL  ? TOKEN_ALL
                       : strcmp(aces[i].sid, user) == 0 ? TOKEN_LOOK
                                                        : SBX_RIGHT_READ_CONTROL;
    return sbx_token_guard(own_token, aces, count, must_hold, os, err);
}
