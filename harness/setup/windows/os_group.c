/* The group of the sandbox users, and who is in it. Nobody else may be: it is what files are granted to. */
#include "harness/setup/windows/netapi.h"

#include <sddl.h>
#include <stdlib.h>
#include <string.h>

uint32_t sbx_netapi_find(sbx_netapi *out)
{
    static const char *const names[] = {"NetApiBufferFree",
                                        "NetLocalGroupAdd",
                                        "NetLocalGroupGetInfo",
                                        "NetLocalGroupDel",
                                        "NetLocalGroupGetMembers",
                                        "NetLocalGroupAddMembers",
                                        "NetLocalGroupDelMembers",
                                        "NetUserAdd",
                                        "NetUserGetInfo",
                                        "NetUserSetInfo",
                                        "NetUserDel"};

    _Static_assert(SBX_COUNT_OF(names) * sizeof(FARPROC) == sizeof(*out), "a name for each call");
    return sbx_setup_functions(out, sizeof(*out), "netapi32.dll", names, SBX_COUNT_OF(names));
}

static bool is_no_group(uint32_t code)
{
    return code == NERR_GroupNotFound || code == ERROR_NO_SUCH_ALIAS;
}

/* --- members --- */

/* NULL with 0: the group has none, or this system says nothing about it. */
static uint32_t get_members(LOCALGROUP_MEMBERS_INFO_0 **out, DWORD *out_count, const char *group,
                            const sbx_netapi *net)
{
    wchar_t *wide = sbx_wide(group);
    DWORD total = 0;
    BYTE *found = NULL;
    uint32_t code = ERROR_NOT_ENOUGH_MEMORY;

    *out_count = 0;
    if (wide != NULL)
        code =
            net->members_get(NULL, wide, 0, &found, MAX_PREFERRED_LENGTH, out_count, &total, NULL);
    free(wide);
    *out = (LOCALGROUP_MEMBERS_INFO_0 *)(void *)found;
    if (found == NULL)
        *out_count = 0;
    return code;
}

static PSID sid_of(const char *account, uint32_t *code)
{
    char text[SBX_SID_TEXT_BYTES];
    wchar_t *wide = NULL;
    PSID sid = NULL;

    *code = sbx_setup_sid(text, account);
    if (*code == 0)
        wide = sbx_wide(text);
    if (*code == 0 && (wide == NULL || !ConvertStringSidToSidW(wide, &sid)))
        *code = wide == NULL ? ERROR_NOT_ENOUGH_MEMORY : GetLastError();
    free(wide);
    return sid;
}

static bool is_sandbox_user(PSID sid)
{
    static const char *const users[] = {SBX_SETUP_OFFLINE, SBX_SETUP_ONLINE};
    bool is_one = false;

    for (size_t i = 0; i < SBX_COUNT_OF(users) && !is_one; i++) {
        uint32_t code;
        PSID user = sid_of(users[i], &code);

        is_one = user != NULL && EqualSid(user, sid);
        LocalFree(user);
    }
    return is_one;
}

static uint32_t member_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    LOCALGROUP_MEMBERS_INFO_0 *members = NULL;
    sbx_netapi net;
    DWORD count = 0;
    PSID sid = NULL;
    uint32_t code = sbx_netapi_find(&net);

    *out = SBX_SETUP_ABSENT;
    if (code != 0)
        return code;
    sid = sid_of(item->about, &code);
    if (code == ERROR_NONE_MAPPED)
        return 0; /* nobody of that name is in it */
    if (code == 0)
        code = get_members(&members, &count, item->name, &net);
    if (is_no_group(code))
        code = 0;
    for (DWORD i = 0; code == 0 && i < count; i++)
        if (EqualSid(members[i].lgrmi0_sid, sid))
            *out = SBX_SETUP_THERE;
    if (members != NULL)
        net.buffer_free(members);
    LocalFree(sid);
    return code;
}

static uint32_t change_member(const sbx_setup_item *item, bool adds)
{
    LOCALGROUP_MEMBERS_INFO_0 member = {0};
    wchar_t *group = sbx_wide(item->name);
    sbx_netapi net;
    uint32_t code = group == NULL ? ERROR_NOT_ENOUGH_MEMORY : sbx_netapi_find(&net);

    if (code == 0)
        member.lgrmi0_sid = sid_of(item->about, &code);
    if (code == 0)
        code = adds ? net.members_add(NULL, group, 0, (BYTE *)&member, 1)
                    : net.members_del(NULL, group, 0, (BYTE *)&member, 1);
    LocalFree(member.lgrmi0_sid);
    free(group);
    return code;
}

static uint32_t member_put(const sbx_setup_item *item)
{
    return change_member(item, true);
}

static uint32_t member_take(const sbx_setup_item *item)
{
    return change_member(item, false);
}

const sbx_setup_part sbx_setup_part_member = {member_find, member_put, member_take};

/* --- the group --- */

/* *out_is_ours also false where there is none. */
static uint32_t look_at_group(bool *out_exists, bool *out_is_ours, const sbx_setup_item *item,
                              const sbx_netapi *net)
{
    wchar_t *wide = sbx_wide(item->name);
    BYTE *room = NULL;
    const LOCALGROUP_INFO_1 *found;
    uint32_t code = ERROR_NOT_ENOUGH_MEMORY;

    *out_exists = *out_is_ours = false;
    if (wide != NULL)
        code = net->group_get(NULL, wide, 1, &room);
    free(wide);
    if (code != 0)
        return is_no_group(code) ? 0 : code;
    if (room == NULL) { /* a system that only pretends to have groups */
        sbx_setup_say("NetLocalGroupGetInfo says yes and nothing more");
        return 0;
    }
    found = (const LOCALGROUP_INFO_1 *)(void *)room;
    *out_exists = true;
    *out_is_ours =
        found->lgrpi1_comment != NULL && wcscmp(found->lgrpi1_comment, SBX_SETUP_COMMENT) == 0;
    net->buffer_free(room);
    return 0;
}

/* Counts who is in it and no sandbox user; removes: also takes them out. */
static uint32_t look_for_strangers(size_t *out_count, const sbx_setup_item *item, bool removes,
                                   const sbx_netapi *net)
{
    LOCALGROUP_MEMBERS_INFO_0 *members = NULL;
    wchar_t *group = sbx_wide(item->name);
    DWORD count = 0;
    uint32_t code =
        group == NULL ? ERROR_NOT_ENOUGH_MEMORY : get_members(&members, &count, item->name, net);

    *out_count = 0;
    for (DWORD i = 0; code == 0 && i < count; i++) {
        if (is_sandbox_user(members[i].lgrmi0_sid))
            continue;
        ++*out_count;
        if (removes)
            code = net->members_del(NULL, group, 0, (BYTE *)&members[i], 1);
    }
    if (members != NULL)
        net->buffer_free(members);
    free(group);
    return code;
}

static uint32_t group_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    bool exists = false, is_ours = false;
    size_t strangers = 0;
    sbx_netapi net;
    uint32_t code = sbx_netapi_find(&net);

    *out = SBX_SETUP_ABSENT;
    if (code == 0)
        code = look_at_group(&exists, &is_ours, item, &net);
    if (code != 0 || !exists)
        return code;
    *out = SBX_SETUP_OTHER;
    if (!is_ours) {
        sbx_setup_say("not made by sbx-setup");
        return 0;
    }
    if ((code = look_for_strangers(&strangers, item, false, &net)) != 0)
        return code;
    if (strangers == 0)
        *out = SBX_SETUP_THERE;
    else
        sbx_setup_say("somebody else is in it");
    return 0;
}

/* One that does not read back as ours could never be taken away again: it goes at once. */
static uint32_t add_group(wchar_t *name, const sbx_setup_item *item, const sbx_netapi *net)
{
    LOCALGROUP_INFO_1 wanted = {.lgrpi1_name = name,
                                .lgrpi1_comment = (wchar_t *)(uintptr_t)SBX_SETUP_COMMENT};
    bool exists = false, is_ours = false;
    uint32_t code = net->group_add(NULL, 1, (BYTE *)&wanted, NULL);

    if (code != 0)
        return code;
    code = look_at_group(&exists, &is_ours, item, net);
    if (code == 0 && !is_ours) {
        sbx_setup_say("its comment did not read back");
        code = ERROR_NOT_SUPPORTED;
    }
    if (code != 0)
        (void)net->group_del(NULL, name);
    return code;
}

static uint32_t group_put(const sbx_setup_item *item)
{
    wchar_t *wide = sbx_wide(item->name);
    bool exists = false, is_ours = false;
    size_t strangers = 0;
    sbx_netapi net;
    uint32_t code = wide == NULL ? ERROR_NOT_ENOUGH_MEMORY : sbx_netapi_find(&net);

    if (code == 0)
        code = look_at_group(&exists, &is_ours, item, &net);
    if (code == 0 && !exists)
        code = add_group(wide, item, &net);
    else if (code == 0)
        code = is_ours ? look_for_strangers(&strangers, item, true, &net) : SBX_SETUP_NOT_OURS;
    free(wide);
    return code;
}

static uint32_t group_take(const sbx_setup_item *item)
{
    wchar_t *wide = sbx_wide(item->name);
    bool exists = false, is_ours = false;
    sbx_netapi net;
    uint32_t code = wide == NULL ? ERROR_NOT_ENOUGH_MEMORY : sbx_netapi_find(&net);

    if (code == 0)
        code = look_at_group(&exists, &is_ours, item, &net);
    if (code == 0 && exists)
        code = is_ours ? net.group_del(NULL, wide) : SBX_SETUP_NOT_OURS;
    free(wide);
    return code;
}

const sbx_setup_part sbx_setup_part_group = {group_find, group_put, group_take};
