/*
 * Filters of the Windows Filtering Platform that block a sandbox user, whatever the firewall's own rules say: kept by
 * the system over restarts, of a provider and in a sublayer of their own, the first one that is asked.
 */
#include "harness/setup/windows/os_parts.h"

#include <fwpmu.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of the Windows SDK's fwpmu.h and fwpmtypes.h that mingw-w64 does not have. */
enum {
    PERSISTENT = 0x1,      /* FWPM_{PROVIDER,SUBLAYER,FILTER}_FLAG_PERSISTENT */
    BOOT_TIME = 0x2,       /* FWPM_FILTER_FLAG_BOOTTIME */
    NO_LATER_PERMIT = 0x8, /* FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT */
    IS_DISABLED = 0x20,    /* FWPM_FILTER_FLAG_DISABLED */
    BY_WINNT = 10,         /* RPC_C_AUTHN_WINNT */
    FIRST = 0xffff,        /* the sublayer's weight */
};

#define BY_USER /* FWPM_CONDITION_ALE_USER_ID */                                                   \
    {                                                                                              \
        0xaf043a0a, 0xb34d, 0x4f86,                                                                \
        {                                                                                          \
            0x97, 0x9c, 0xc9, 0x03, 0x71, 0xaf, 0x6e, 0x66                                         \
        }                                                                                          \
    }

static const GUID by_user = BY_USER;

/* Ours, made once and never changed: by them a later setup finds what an earlier one made. */
static const GUID provider_key = {
    0x62d12d5b, 0x37f1, 0x440a, {0x9b, 0x2a, 0xc6, 0xa8, 0x51, 0xd6, 0x87, 0x95}};
static const GUID sublayer_key = {
    0x50ed39a0, 0xfe7d, 0x4011, {0xba, 0x55, 0x73, 0x63, 0xca, 0xa1, 0x9f, 0x60}};
static const GUID first_filter_key = {
    0x6136f7c2, 0x958a, 0x4307, {0xbf, 0xba, 0x51, 0x3e, 0x0b, 0x62, 0xcb, 0x00}};

/* FWPM_LAYER_ALE_AUTH_CONNECT, …_LISTEN, …_RECV_ACCEPT, FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT; _V4 and _V6. */
static const struct {
    const char *name;
    GUID key;
} layers[] = {
    {"connect/v4", {0xc38d57d1, 0x05a7, 0x4c33, {0x90, 0x4f, 0x7f, 0xbc, 0xee, 0xe6, 0x0e, 0x82}}},
    {"connect/v6", {0x4a72393b, 0x319f, 0x44bc, {0x84, 0xc3, 0xba, 0x54, 0xdc, 0xb3, 0xb6, 0xb4}}},
    {"listen/v4", {0x88bb5dad, 0x76d7, 0x4227, {0x9c, 0x71, 0xdf, 0x0a, 0x3e, 0xd7, 0xbe, 0x7e}}},
    {"listen/v6", {0x7ac9de24, 0x17dd, 0x4814, {0xb4, 0xbd, 0xa9, 0xfb, 0xc9, 0x5a, 0x32, 0x1b}}},
    {"accept/v4", {0xe1cd9fe7, 0xf4b5, 0x4273, {0x96, 0xc0, 0x59, 0x2e, 0x48, 0x7b, 0x86, 0x50}}},
    {"accept/v6", {0xa3b42c97, 0x9f04, 0x4672, {0xb8, 0x7e, 0xce, 0xe9, 0xc4, 0x83, 0x25, 0x7f}}},
    {"assign/v4", {0x1247d66d, 0x0b60, 0x4a15, {0x8d, 0x44, 0x71, 0x55, 0xd0, 0xf5, 0x3a, 0x0c}}},
    {"assign/v6", {0x55a650e1, 0x5f0a, 0x4eca, {0xa6, 0x53, 0x88, 0xf5, 0x3b, 0x26, 0xaa, 0x8c}}},
};

/* --- the engine --- */

/* In the order of the names below. */
typedef struct wfp {
    DWORD(WINAPI *open)
    (const wchar_t *, UINT32, SEC_WINNT_AUTH_IDENTITY_W *, const FWPM_SESSION0 *, HANDLE *);
    DWORD(WINAPI *close)(HANDLE);
    void(WINAPI *free)(void **);
    DWORD(WINAPI *begin)(HANDLE, UINT32);
    DWORD(WINAPI *commit)(HANDLE);
    DWORD(WINAPI *abort)(HANDLE);
    DWORD(WINAPI *add_provider)(HANDLE, const FWPM_PROVIDER0 *, PSECURITY_DESCRIPTOR);
    DWORD(WINAPI *delete_provider)(HANDLE, const GUID *);
    DWORD(WINAPI *add_sublayer)(HANDLE, const FWPM_SUBLAYER0 *, PSECURITY_DESCRIPTOR);
    DWORD(WINAPI *get_sublayer)(HANDLE, const GUID *, FWPM_SUBLAYER0 **);
    DWORD(WINAPI *delete_sublayer)(HANDLE, const GUID *);
    DWORD(WINAPI *add_filter)(HANDLE, const FWPM_FILTER0 *, PSECURITY_DESCRIPTOR, UINT64 *);
    DWORD(WINAPI *get_filter)(HANDLE, const GUID *, FWPM_FILTER0 **);
    DWORD(WINAPI *delete_filter)(HANDLE, const GUID *);
} wfp;

static uint32_t find_wfp(wfp *out)
{
    static const char *const names[] = {
        "FwpmEngineOpen0",       "FwpmEngineClose0",         "FwpmFreeMemory0",
        "FwpmTransactionBegin0", "FwpmTransactionCommit0",   "FwpmTransactionAbort0",
        "FwpmProviderAdd0",      "FwpmProviderDeleteByKey0", "FwpmSubLayerAdd0",
        "FwpmSubLayerGetByKey0", "FwpmSubLayerDeleteByKey0", "FwpmFilterAdd0",
        "FwpmFilterGetByKey0",   "FwpmFilterDeleteByKey0"};

    _Static_assert(SBX_COUNT_OF(names) * sizeof(FARPROC) == sizeof(*out), "a name for each call");
    return sbx_setup_functions(out, sizeof(*out), "fwpuclnt.dll", names, SBX_COUNT_OF(names));
}

typedef struct engine {
    wfp call;
    HANDLE handle;
    const GUID *layer;
    GUID filter; /* its key */
} engine;

static uint32_t enter(engine *out, const sbx_setup_item *item)
{
    uint32_t code = find_wfp(&out->call);

    out->handle = NULL;
    out->layer = NULL;
    for (size_t i = 0; i < SBX_COUNT_OF(layers); i++)
        if (strcmp(layers[i].name, item->layer) == 0) {
            out->layer = &layers[i].key;
            out->filter = first_filter_key;
            out->filter.Data4[7] = (BYTE)i;
        }
    if (code == 0 && out->layer == NULL)
        code = ERROR_INVALID_PARAMETER;
    if (code == 0)
        code = out->call.open(NULL, BY_WINNT, NULL, NULL, &out->handle);
    if (code != 0 && code != SBX_SETUP_NO_FUNCTION)
        sbx_setup_say("the filtering platform does not answer");
    return code;
}

static void leave(engine *self)
{
    if (self->handle != NULL)
        self->call.close(self->handle);
}

/* --- reading a filter back --- */

static bool is_key(const GUID *one, const GUID *other)
{
    return one != NULL && memcmp(one, other, sizeof(*one)) == 0;
}

static const char *compare(const FWPM_FILTER0 *filter, const engine *self, const char *user)
{
    const FWPM_FILTER_CONDITION0 *condition = filter->filterCondition;
    char sid[SBX_SID_TEXT_BYTES];

    if (!is_key(&filter->layerKey, self->layer) || !is_key(&filter->subLayerKey, &sublayer_key) ||
        !is_key(filter->providerKey, &provider_key))
        return "it is in another place";
    if (filter->action.type != FWP_ACTION_BLOCK || (filter->flags & PERSISTENT) == 0 ||
        (filter->flags & NO_LATER_PERMIT) == 0 || (filter->flags & (IS_DISABLED | BOOT_TIME)) != 0)
        return "it does not block, or not for good";
    if (filter->numFilterConditions != 1 || condition == NULL ||
        !is_key(&condition->fieldKey, &by_user) || condition->matchType != FWP_MATCH_EQUAL ||
        condition->conditionValue.type != FWP_SECURITY_DESCRIPTOR_TYPE ||
        condition->conditionValue.sd == NULL)
        return "it is not for a user";
    if (sbx_setup_sid(sid, user) != 0 ||
        !sbx_setup_match_is((PSECURITY_DESCRIPTOR)condition->conditionValue.sd->data, sid))
        return "it is not for that user";
    return NULL;
}

static const char *look_at_sublayer(const engine *self)
{
    FWPM_SUBLAYER0 *found = NULL;
    bool is_it = self->call.get_sublayer(self->handle, &sublayer_key, &found) == 0 &&
                 found != NULL && found->weight == FIRST && (found->flags & PERSISTENT) != 0;

    if (found != NULL)
        self->call.free((void **)&found);
    return is_it ? NULL : "its sublayer is not the first, or not there for good";
}

static uint32_t filter_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    FWPM_FILTER0 *found = NULL;
    const char *amiss;
    engine self;
    uint32_t code = enter(&self, item);

    *out = SBX_SETUP_ABSENT;
    if (code == 0)
        code = self.call.get_filter(self.handle, &self.filter, &found);
    if (code == 0 && found != NULL) {
        amiss = compare(found, &self, item->about);
        if (amiss == NULL)
            amiss = look_at_sublayer(&self);
        *out = amiss == NULL ? SBX_SETUP_THERE : SBX_SETUP_OTHER;
        sbx_setup_say(amiss == NULL ? "" : amiss);
        self.call.free((void **)&found);
    }
    leave(&self);
    return code == (uint32_t)FWP_E_FILTER_NOT_FOUND ? 0 : code;
}

/* --- putting it there --- */

static uint32_t unless(uint32_t code, HRESULT expected)
{
    return code == (uint32_t)expected ? 0 : code;
}

static uint32_t add_provider(const engine *self)
{
    static wchar_t name[] = L"sbx";
    FWPM_PROVIDER0 wanted = {.providerKey = provider_key, .flags = PERSISTENT};

    wanted.displayData.name = name;
    return unless(self->call.add_provider(self->handle, &wanted, NULL), FWP_E_ALREADY_EXISTS);
}

static uint32_t add_sublayer(const engine *self)
{
    static wchar_t name[] = L"sbx";
    GUID provider = provider_key;
    FWPM_SUBLAYER0 wanted = {.subLayerKey = sublayer_key,
                             .flags = PERSISTENT,
                             .providerKey = &provider,
                             .weight = FIRST};

    wanted.displayData.name = name;
    return unless(self->call.add_sublayer(self->handle, &wanted, NULL), FWP_E_ALREADY_EXISTS);
}

static uint32_t add_filter(const engine *self, wchar_t *name, FWP_BYTE_BLOB *user)
{
    GUID provider = provider_key;
    FWPM_FILTER_CONDITION0 condition = {.fieldKey = BY_USER, .matchType = FWP_MATCH_EQUAL};
    FWPM_FILTER0 wanted = {.filterKey = self->filter,
                           .flags = PERSISTENT | NO_LATER_PERMIT,
                           .providerKey = &provider,
                           .layerKey = *self->layer,
                           .subLayerKey = sublayer_key,
                           .numFilterConditions = 1,
                           .filterCondition = &condition};
    UINT64 id = 0;
    uint32_t code;

    condition.conditionValue.type = FWP_SECURITY_DESCRIPTOR_TYPE;
    condition.conditionValue.sd = user;
    wanted.displayData.name = name;
    wanted.weight.type =
        FWP_EMPTY; /* the system's choice: there is no other in the sublayer that matters */
    wanted.action.type = FWP_ACTION_BLOCK;
    code = unless(self->call.delete_filter(self->handle, &self->filter), FWP_E_FILTER_NOT_FOUND);
    return code != 0 ? code : self->call.add_filter(self->handle, &wanted, NULL, &id);
}

/* In one transaction: whoever is ended in here leaves what was there before. */
static uint32_t add_all(const engine *self, wchar_t *name, FWP_BYTE_BLOB *user)
{
    uint32_t code = self->call.begin(self->handle, 0);

    if (code != 0)
        return code;
    if ((code = add_provider(self)) == 0 && (code = add_sublayer(self)) == 0)
        code = add_filter(self, name, user);
    if (code == 0)
        return self->call.commit(self->handle);
    (void)self->call.abort(self->handle);
    return code;
}

static uint32_t make_user(PSECURITY_DESCRIPTOR *out, FWP_BYTE_BLOB *out_blob, const char *user)
{
    char sid[SBX_SID_TEXT_BYTES];
    sbx_text text = {0};
    wchar_t *wide = NULL;
    ULONG bytes = 0;
    uint32_t code = sbx_setup_sid(sid, user);

    sbx_setup_match_print(&text, sid);
    if (code == 0 && (text.failed || (wide = sbx_wide(sbx_text_string(&text))) == NULL))
        code = ERROR_NOT_ENOUGH_MEMORY;
    if (code == 0 &&
        !ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1, out, &bytes))
        code = GetLastError();
    *out_blob = (FWP_BYTE_BLOB){.size = bytes, .data = (UINT8 *)*out};
    free(wide);
    sbx_text_done(&text);
    return code;
}

static uint32_t filter_put(const sbx_setup_item *item)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    FWP_BYTE_BLOB user;
    wchar_t *name = sbx_wide(item->name);
    engine self;
    uint32_t code = enter(&self, item);

    if (code == 0 && name == NULL)
        code = ERROR_NOT_ENOUGH_MEMORY;
    if (code == 0)
        code = make_user(&descriptor, &user, item->about);
    if (code == 0)
        code = add_all(&self, name, &user);
    leave(&self);
    if (descriptor != NULL)
        LocalFree(descriptor);
    free(name);
    return code;
}

/* Sublayer and provider go with their last filter: as long as there is one, they are in use. */
static uint32_t filter_take(const sbx_setup_item *item)
{
    engine self;
    uint32_t code = enter(&self, item);

    if (code == 0)
        code = unless(self.call.delete_filter(self.handle, &self.filter), FWP_E_FILTER_NOT_FOUND);
    if (code == 0) {
        code = unless(self.call.delete_sublayer(self.handle, &sublayer_key), FWP_E_IN_USE);
        code = unless(code, FWP_E_SUBLAYER_NOT_FOUND);
    }
    if (code == 0) {
        code = unless(self.call.delete_provider(self.handle, &provider_key), FWP_E_IN_USE);
        code = unless(code, FWP_E_PROVIDER_NOT_FOUND);
    }
    leave(&self);
    return code;
}

const sbx_setup_part sbx_setup_part_filter = {filter_find, filter_put, filter_take};
