/* See pseudo.h. */
#include "harness/runner/windows/pseudo.h"

#include "harness/target/windows/steps.h"

/* Not even to look at: who may look at a process may open its token, and that one's list is nobody's to set. */
static const sbx_ace host_aces[] = {
    {SBX_ACE_ALLOW, SBX_GENERIC_ALL, 0, SBX_SID_SYSTEM},
    {SBX_ACE_ALLOW, SBX_RIGHT_READ_CONTROL, 0, SBX_SID_OWNER_RIGHTS},
};

static sbx_status close_default_list(const sbx_pseudo_wish *wish, const sbx_target_os *os,
                                     sbx_error *err)
{
    sbx_os_list found = {.count = 0};
    sbx_os_code code = os->set_default_list(wish->own_token, host_aces, SBX_COUNT_OF(host_aces));

    if (code == 0)
        code = os->read_default_list(&found, wish->own_token);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code,
                           "close the host of the command's terminal to others");
    if (wish->must_hold && !sbx_token_list_is(&found, host_aces, SBX_COUNT_OF(host_aces)))
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "who may open the host of the command's terminal did not read back "
                              "as it was set: this system does not hold it");
    return SBX_OK;
}

static sbx_status open_default_list(const sbx_pseudo_wish *wish, const sbx_os_list *list,
                                    const sbx_target_os *os, sbx_error *err)
{
    sbx_ace aces[SBX_OS_LIST_MAX];
    sbx_os_code code;

    for (size_t i = 0; i < list->count; i++)
        aces[i] =
            (sbx_ace){list->ace[i].kind, list->ace[i].mask, list->ace[i].flags, list->ace[i].sid};
    if ((code = os->set_default_list(wish->own_token, aces, list->count)) != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code,
                           "set back what this process's new objects are open to");
    return SBX_OK;
}

sbx_status sbx_pseudo_make(sbx_handle *out, const sbx_pseudo_wish *wish, const sbx_terminal_os *os,
                           const sbx_target_os *target_os, sbx_error *err)
{
    sbx_os_list kept = {.count = 0};
    sbx_handle made = NULL;
    sbx_error own;
    sbx_os_code code = target_os->read_default_list(&kept, wish->own_token);
    sbx_status st = SBX_OK, undone;

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code,
                           "ask what this process's new objects are open to");
    if (kept.count > SBX_OS_LIST_MAX) /* not all of it is known: it could not be set back */
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "what this process's new objects are open to is a longer list (%zu) "
                              "than sbx keeps (%d)",
                              kept.count, (int)SBX_OS_LIST_MAX);
    st = close_default_list(wish, target_os, err);
    if (st == SBX_OK && (code = os->make_pseudo(&made, &wish->size, wish->from, wish->to)) != 0) {
        made = NULL;
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code, "make a terminal for the command");
    }
    undone = open_default_list(wish, &kept, target_os, &own);
    if (undone != SBX_OK && made != NULL) {
        os->close_pseudo(made);
        made = NULL;
    }
    if (st == SBX_OK && undone != SBX_OK) {
        if (err != NULL)
            *err = own;
        st = undone;
    }
    if (st == SBX_OK)
        *out = made;
    return st;
}
