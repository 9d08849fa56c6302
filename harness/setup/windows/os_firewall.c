/*
 * Rules of the Windows Firewall that block a sandbox user. A rule counts as there when it reads back as it was put and
 * the firewall minds it: no group policy overrides local rules, and it is on in all three kinds of network.
 */
#define COBJMACROS
#include "harness/setup/windows/os_parts.h"

#include <netfw.h>
#include <oleauto.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#include "harness/setup/windows/addresses.h"

enum {
    EVERY_PROFILE = 0x7fffffff,
    EVERY_PROTOCOL = 256,
    SAME_NAME_MAX = 16, /* names of rules are not unique */
};

#define NO_SUCH_RULE ((HRESULT)0x80070002) /* HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND) */

/* Their own copies: the header's would have to be linked. */
static const GUID policy_class = {
    0xe2b3c97f, 0x6ae1, 0x41ac, {0x81, 0x7a, 0xf6, 0xf9, 0x21, 0x66, 0xd7, 0xdd}};
static const GUID policy_interface = {
    0x98325047, 0xc671, 0x4174, {0x8d, 0x81, 0xde, 0xfc, 0xd3, 0xf0, 0x31, 0x86}};
static const GUID rule_class = {
    0x2c5bc43e, 0x3369, 0x4c33, {0xab, 0x0c, 0xbe, 0x94, 0x69, 0x67, 0x7a, 0xf4}};
static const GUID rule_interface = {
    0xb21563ff, 0xd696, 0x4222, {0xab, 0x46, 0x4e, 0x89, 0xb7, 0x3a, 0xb3, 0x4a}};

typedef struct firewall {
    bool has_com;
    INetFwPolicy2 *policy;
    INetFwRules *rules;
    BSTR name;
} firewall;

static void leave(firewall *self)
{
    SysFreeString(self->name);
    if (self->rules != NULL)
        INetFwRules_Release(self->rules);
    if (self->policy != NULL)
        INetFwPolicy2_Release(self->policy);
    if (self->has_com)
        CoUninitialize();
}

static HRESULT enter(firewall *out, const sbx_setup_item *item)
{
    wchar_t *wide = sbx_wide(item->name);
    /* Not an apartment, for which a window would be made. */
    HRESULT result = CoInitializeEx(NULL, COINIT_MULTITHREADED | COINIT_DISABLE_OLE1DDE);

    *out = (firewall){.has_com = SUCCEEDED(result)};
    if (out->has_com)
        result = CoCreateInstance(&policy_class, NULL, CLSCTX_INPROC_SERVER, &policy_interface,
                                  (void **)&out->policy);
    if (SUCCEEDED(result))
        result = INetFwPolicy2_get_Rules(out->policy, &out->rules);
    if (SUCCEEDED(result) && (wide == NULL || (out->name = SysAllocString(wide)) == NULL))
        result = E_OUTOFMEMORY;
    free(wide);
    return result;
}

static uint32_t code_of(HRESULT result)
{
    return SUCCEEDED(result) ? 0 : (uint32_t)result;
}

/* NULL with S_OK: there is none of that name. */
static HRESULT get_rule(INetFwRule3 **out, const firewall *wall)
{
    INetFwRule *plain = NULL;
    HRESULT result = INetFwRules_Item(wall->rules, wall->name, &plain);

    *out = NULL;
    if (result == NO_SUCH_RULE)
        return S_OK;
    if (SUCCEEDED(result) && plain == NULL)
        return E_FAIL;
    if (SUCCEEDED(result))
        result = INetFwRule_QueryInterface(plain, &rule_interface, (void **)out);
    if (plain != NULL)
        INetFwRule_Release(plain);
    return result;
}

/* --- reading a rule back --- */

typedef HRESULT(STDMETHODCALLTYPE *get_text)(INetFwRule3 *rule, BSTR *out);

static bool is_text(INetFwRule3 *rule, get_text get, const wchar_t *wanted)
{
    BSTR found = NULL;
    bool is_it = SUCCEEDED(get(rule, &found)) && wcscmp(found == NULL ? L"" : found, wanted) == 0;

    SysFreeString(found);
    return is_it;
}

static bool is_every_address(INetFwRule3 *rule, get_text get, const char *wanted)
{
    BSTR found = NULL;
    sbx_text text = {0};
    bool is_it = SUCCEEDED(get(rule, &found)) && found != NULL;

    if (is_it)
        sbx_text_add_wide(&text, found, wcslen(found));
    is_it = is_it && !text.failed && sbx_addresses_are_same(sbx_text_string(&text), wanted);
    sbx_text_done(&text);
    SysFreeString(found);
    return is_it;
}

static bool is_for(INetFwRule3 *rule, const char *sid)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    BSTR found = NULL;
    bool is_it = SUCCEEDED(INetFwRule3_get_LocalUserAuthorizedList(rule, &found)) &&
                 found != NULL &&
                 ConvertStringSecurityDescriptorToSecurityDescriptorW(found, SDDL_REVISION_1,
                                                                      &descriptor, NULL) &&
                 sbx_setup_match_is(descriptor, sid);

    if (descriptor != NULL)
        LocalFree(descriptor);
    SysFreeString(found);
    return is_it;
}

/* Blocks, all of it, and is switched on. */
static bool blocks(INetFwRule3 *rule, bool is_inbound)
{
    NET_FW_RULE_DIRECTION direction = is_inbound ? NET_FW_RULE_DIR_OUT : NET_FW_RULE_DIR_IN;
    NET_FW_ACTION action = NET_FW_ACTION_ALLOW;
    VARIANT_BOOL is_enabled = VARIANT_FALSE;
    LONG protocol = 0, profiles = 0;

    return SUCCEEDED(INetFwRule3_get_Direction(rule, &direction)) &&
           direction == (is_inbound ? NET_FW_RULE_DIR_IN : NET_FW_RULE_DIR_OUT) &&
           SUCCEEDED(INetFwRule3_get_Action(rule, &action)) && action == NET_FW_ACTION_BLOCK &&
           SUCCEEDED(INetFwRule3_get_Enabled(rule, &is_enabled)) && is_enabled != VARIANT_FALSE &&
           SUCCEEDED(INetFwRule3_get_Protocol(rule, &protocol)) && protocol == EVERY_PROTOCOL &&
           SUCCEEDED(INetFwRule3_get_Profiles(rule, &profiles)) && (profiles & 7) == 7;
}

static const char *compare(INetFwRule3 *rule, const sbx_setup_item *item)
{
    char sid[SBX_SID_TEXT_BYTES];

    if (!blocks(rule, item->is_inbound))
        return "it does not block, or not everything, or is switched off";
    if (sbx_setup_sid(sid, item->about) != 0 || !is_for(rule, sid))
        return "it is not for that user";
    if (!is_every_address(rule, rule->lpVtbl->get_RemoteAddresses, item->remote))
        return "its addresses are others";
    if (!is_every_address(rule, rule->lpVtbl->get_LocalAddresses, NULL) ||
        !is_text(rule, rule->lpVtbl->get_ApplicationName, L"") ||
        !is_text(rule, rule->lpVtbl->get_ServiceName, L"") ||
        !is_text(rule, rule->lpVtbl->get_InterfaceTypes, L"All"))
        return "it holds for some programs, services or interfaces only";
    return NULL;
}

/* Does the firewall mind rules of this machine at all? */
static const char *look_at_policy(INetFwPolicy2 *policy)
{
    static const NET_FW_PROFILE_TYPE2 profiles[] = {NET_FW_PROFILE2_DOMAIN, NET_FW_PROFILE2_PRIVATE,
                                                    NET_FW_PROFILE2_PUBLIC};
    static const char *const off[] = {"the firewall is off in domain networks",
                                      "the firewall is off in private networks",
                                      "the firewall is off in public networks"};
    NET_FW_MODIFY_STATE state = NET_FW_MODIFY_STATE_GP_OVERRIDE;

    if (FAILED(INetFwPolicy2_get_LocalPolicyModifyState(policy, &state)) ||
        state == NET_FW_MODIFY_STATE_GP_OVERRIDE)
        return "a group policy overrides the rules of this machine";
    for (size_t i = 0; i < SBX_COUNT_OF(profiles); i++) {
        VARIANT_BOOL is_on = VARIANT_FALSE;

        if (FAILED(INetFwPolicy2_get_FirewallEnabled(policy, profiles[i], &is_on)) ||
            is_on == VARIANT_FALSE)
            return off[i];
    }
    return NULL;
}

static uint32_t rule_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    INetFwRule3 *rule = NULL;
    const char *amiss;
    firewall wall;
    HRESULT result = enter(&wall, item);

    *out = SBX_SETUP_ABSENT;
    if (SUCCEEDED(result))
        result = get_rule(&rule, &wall);
    if (rule != NULL) {
        amiss = compare(rule, item);
        if (amiss == NULL)
            amiss = look_at_policy(wall.policy);
        *out = amiss == NULL ? SBX_SETUP_THERE : SBX_SETUP_OTHER;
        sbx_setup_say(amiss == NULL ? "" : amiss);
        INetFwRule3_Release(rule);
    }
    leave(&wall);
    return code_of(result);
}

/* --- putting it there --- */

typedef HRESULT(STDMETHODCALLTYPE *put_text)(INetFwRule3 *rule, BSTR value);

static HRESULT set_text(INetFwRule3 *rule, put_text put, const char *value)
{
    wchar_t *wide = sbx_wide(value);
    BSTR text = wide == NULL ? NULL : SysAllocString(wide);
    HRESULT result = text == NULL ? E_OUTOFMEMORY : put(rule, text);

    SysFreeString(text);
    free(wide);
    return result;
}

static HRESULT fill(INetFwRule3 *rule, const sbx_setup_item *item, const char *sid)
{
    INetFwRule3Vtbl *call = rule->lpVtbl;
    sbx_text list = {0};
    HRESULT result;

    sbx_setup_match_print(&list, sid);
    if (list.failed)
        result = E_OUTOFMEMORY;
    else if (SUCCEEDED(result = set_text(rule, call->put_Name, item->name)) &&
             SUCCEEDED(result = set_text(rule, call->put_Description,
                                         "Made by sbx-setup: no network for sandboxed commands")) &&
             SUCCEEDED(result = set_text(rule, call->put_Grouping, "sbx")) &&
             SUCCEEDED(result = call->put_Direction(
                           rule, item->is_inbound ? NET_FW_RULE_DIR_IN : NET_FW_RULE_DIR_OUT)) &&
             SUCCEEDED(result = call->put_Protocol(rule, EVERY_PROTOCOL)) &&
             SUCCEEDED(result = set_text(rule, call->put_RemoteAddresses,
                                         item->remote == NULL ? "*" : item->remote)) &&
             SUCCEEDED(result = set_text(rule, call->put_LocalUserAuthorizedList,
                                         sbx_text_string(&list))) &&
             SUCCEEDED(result = call->put_Profiles(rule, EVERY_PROFILE)) &&
             SUCCEEDED(result = call->put_Action(rule, NET_FW_ACTION_BLOCK)))
        result = call->put_Enabled(rule, VARIANT_TRUE);
    sbx_text_done(&list);
    return result;
}

/* All of that name. */
static HRESULT remove_all(const firewall *wall)
{
    for (int i = 0; i < SAME_NAME_MAX; i++) {
        INetFwRule3 *rule = NULL;
        HRESULT result = get_rule(&rule, wall);

        if (rule != NULL)
            INetFwRule3_Release(rule);
        if (FAILED(result) || rule == NULL)
            return result;
        if (FAILED(result = INetFwRules_Remove(wall->rules, wall->name)))
            return result;
    }
    return HRESULT_FROM_WIN32(ERROR_BUSY);
}

static uint32_t rule_put(const sbx_setup_item *item)
{
    char sid[SBX_SID_TEXT_BYTES];
    INetFwRule3 *rule = NULL;
    firewall wall;
    HRESULT result = enter(&wall, item);
    uint32_t code = sbx_setup_sid(sid, item->about);

    if (SUCCEEDED(result) && code != 0)
        result = HRESULT_FROM_WIN32(code);
    if (SUCCEEDED(result))
        result = CoCreateInstance(&rule_class, NULL, CLSCTX_INPROC_SERVER, &rule_interface,
                                  (void **)&rule);
    if (SUCCEEDED(result))
        result = fill(rule, item, sid);
    if (SUCCEEDED(result))
        result = remove_all(&wall);
    if (SUCCEEDED(result))
        result = INetFwRules_Add(wall.rules, (INetFwRule *)rule);
    if (rule != NULL)
        INetFwRule3_Release(rule);
    leave(&wall);
    return code_of(result);
}

static uint32_t rule_take(const sbx_setup_item *item)
{
    firewall wall;
    HRESULT result = enter(&wall, item);

    if (SUCCEEDED(result))
        result = remove_all(&wall);
    leave(&wall);
    return code_of(result);
}

const sbx_setup_part sbx_setup_part_rule = {rule_find, rule_put, rule_take};
