/*
 * What the system tells of refused accesses: entries of the global access lists for auditing, and the subcategories of
 * the audit policy. Both need a privilege that administrators have and do not use otherwise: it is switched on for one call.
 */
#include "harness/setup/windows/os_parts.h"

#include <sddl.h>
#include <stdlib.h>
#include <string.h>

/* Of the Windows SDK's ntsecapi.h, which mingw-w64 does not have. */
typedef struct audit_policy {
    GUID subcategory;
    ULONG what;
    GUID category; /* not looked at when it is set */
} audit_policy;

enum { ON_SUCCESS = 1, ON_FAILURE = 2, NOTHING = 4 };

/* In the order of the names below. */
typedef struct auditing {
    BOOLEAN(WINAPI *query)(const GUID *, ULONG, audit_policy **);
    BOOLEAN(WINAPI *set)(const audit_policy *, ULONG);
    VOID(WINAPI *free)(PVOID);
    BOOLEAN(WINAPI *query_list)(LPCWSTR, PACL *);
    BOOLEAN(WINAPI *set_list)(LPCWSTR, PACL);
} auditing;

static uint32_t find_auditing(auditing *out)
{
    static const char *const names[] = {"AuditQuerySystemPolicy", "AuditSetSystemPolicy",
                                        "AuditFree", "AuditQueryGlobalSaclW",
                                        "AuditSetGlobalSaclW"};

    _Static_assert(SBX_COUNT_OF(names) * sizeof(FARPROC) == sizeof(*out), "a name for each call");
    return sbx_setup_functions(out, sizeof(*out), "advapi32.dll", names, SBX_COUNT_OF(names));
}

/* --- the privilege --- */

typedef struct privilege {
    HANDLE token;
    TOKEN_PRIVILEGES before; /* none: nothing was changed */
} privilege;

static uint32_t begin(privilege *out)
{
    TOKEN_PRIVILEGES wanted = {.PrivilegeCount = 1};
    DWORD bytes = sizeof(out->before);
    uint32_t code = 0;

    *out = (privilege){.token = NULL};
    wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    if (!LookupPrivilegeValueW(NULL, L"SeSecurityPrivilege", &wanted.Privileges[0].Luid) ||
        !OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &out->token))
        return GetLastError();
    if (!AdjustTokenPrivileges(out->token, FALSE, &wanted, sizeof(out->before), &out->before,
                               &bytes))
        out->before.PrivilegeCount = 0;
    code = GetLastError(); /* also where the call says that all went well */
    if (code != 0)
        sbx_setup_say("the right to manage auditing (SeSecurityPrivilege)");
    return code;
}

static void end(privilege *self)
{
    if (self->token == NULL)
        return;
    if (self->before.PrivilegeCount > 0)
        (void)AdjustTokenPrivileges(self->token, FALSE, &self->before, 0, NULL, NULL);
    CloseHandle(self->token);
}

/* --- subcategories --- */

/* Audit_ObjectAccess_FileSystem, _Registry and _Handle. */
static const struct {
    const char *name;
    GUID key;
} subcategories[] = {
    {"File System", {0x0cce921d, 0x69ae, 0x11d9, {0xbe, 0xd3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}}},
    {"Registry", {0x0cce921e, 0x69ae, 0x11d9, {0xbe, 0xd3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}}},
    {"Handle Manipulation",
     {0x0cce9223, 0x69ae, 0x11d9, {0xbe, 0xd3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}}},
};

static const GUID *find_key(const char *name)
{
    for (size_t i = 0; i < SBX_COUNT_OF(subcategories); i++)
        if (strcmp(subcategories[i].name, name) == 0)
            return &subcategories[i].key;
    return NULL;
}

static uint32_t read_policy(ULONG *out, const GUID *key, const auditing *call)
{
    audit_policy *found = NULL;
    uint32_t code = 0;

    if (!call->query(key, 1, &found))
        code = GetLastError();
    else if (found == NULL)
        code = ERROR_INVALID_DATA;
    else
        *out = found->what;
    if (found != NULL)
        call->free(found);
    return code;
}

/* What is told of successes stays as it is. */
static uint32_t write_policy(const GUID *key, bool on_failure, const auditing *call)
{
    audit_policy wanted = {.subcategory = *key};
    ULONG before = 0;
    uint32_t code = read_policy(&before, key, call);

    if (code != 0)
        return code;
    wanted.what = (before & ON_SUCCESS) | (on_failure ? ON_FAILURE : 0u);
    if (wanted.what == 0)
        wanted.what = NOTHING; /* zero would be "unchanged" */
    return call->set(&wanted, 1) ? 0 : GetLastError();
}

static uint32_t audit_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    const GUID *key = find_key(item->name);
    auditing call;
    privilege right;
    ULONG what = 0;
    uint32_t code = key == NULL ? ERROR_INVALID_PARAMETER : find_auditing(&call);

    *out = SBX_SETUP_ABSENT;
    if (code != 0)
        return code;
    if ((code = begin(&right)) == 0 && (code = read_policy(&what, key, &call)) == 0 &&
        (what & ON_FAILURE) != 0)
        *out = SBX_SETUP_THERE;
    end(&right);
    return code;
}

static uint32_t audit_change(const sbx_setup_item *item, bool on_failure)
{
    const GUID *key = find_key(item->name);
    auditing call;
    privilege right;
    uint32_t code = key == NULL ? ERROR_INVALID_PARAMETER : find_auditing(&call);

    if (code != 0)
        return code;
    if ((code = begin(&right)) == 0)
        code = write_policy(key, on_failure, &call);
    end(&right);
    return code;
}

static uint32_t audit_put(const sbx_setup_item *item)
{
    return audit_change(item, true);
}

static uint32_t audit_take(const sbx_setup_item *item)
{
    return audit_change(item, false);
}

const sbx_setup_part sbx_setup_part_audit = {audit_find, audit_put, audit_take};

/* --- entries --- */

typedef struct entry {
    auditing call;
    privilege right;
    PSID group;
    wchar_t *type;
    DWORD mask;
    PACL list; /* NULL: the system has none */
} entry;

static void close_entry(entry *self)
{
    end(&self->right);
    LocalFree(self->group);
    if (self->list != NULL)
        LocalFree(self->list);
    free(self->type);
}

/* That there is no list yet is told as an error by some versions. */
static uint32_t read_list(entry *self)
{
    uint32_t code;

    if (self->call.query_list(self->type, &self->list))
        return 0;
    code = GetLastError();
    self->list = NULL;
    return code == ERROR_FILE_NOT_FOUND || code == ERROR_NOT_FOUND ? 0 : code;
}

/* ERROR_NONE_MAPPED: there is no such group, hence no entry for it. */
static uint32_t open_entry(entry *out, const sbx_setup_item *item)
{
    char sid[SBX_SID_TEXT_BYTES];
    wchar_t *wide = NULL;
    uint32_t code;

    *out = (entry){.mask = strcmp(item->name, "Key") == 0 ? KEY_ALL_ACCESS : FILE_ALL_ACCESS};
    if ((code = find_auditing(&out->call)) != 0 || (code = sbx_setup_sid(sid, item->about)) != 0)
        return code;
    wide = sbx_wide(sid);
    out->type = sbx_wide(item->name);
    if (wide == NULL || out->type == NULL)
        code = ERROR_NOT_ENOUGH_MEMORY;
    else if (!ConvertStringSidToSidW(wide, &out->group))
        code = GetLastError();
    free(wide);
    if (code == 0)
        code = begin(&out->right);
    return code == 0 ? read_list(out) : code;
}

static bool is_ours(const entry *self, const void *found)
{
    const SYSTEM_AUDIT_ACE *ace = found;

    return ace->Header.AceType == SYSTEM_AUDIT_ACE_TYPE &&
           EqualSid((PSID)(uintptr_t)&ace->SidStart, self->group);
}

static bool is_as_planned(const entry *self, const void *found)
{
    const SYSTEM_AUDIT_ACE *ace = found;

    return ace->Mask == self->mask &&
           (ace->Header.AceFlags & (SUCCESSFUL_ACCESS_ACE_FLAG | FAILED_ACCESS_ACE_FLAG)) ==
               FAILED_ACCESS_ACE_FLAG;
}

static uint32_t entry_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    size_t count = 0, planned = 0;
    entry self;
    uint32_t code = open_entry(&self, item);

    *out = SBX_SETUP_ABSENT;
    for (DWORD i = 0; code == 0 && self.list != NULL && i < self.list->AceCount; i++) {
        void *ace = NULL;

        if (!GetAce(self.list, i, &ace))
            code = GetLastError();
        else if (is_ours(&self, ace)) {
            count++;
            planned += is_as_planned(&self, ace);
        }
    }
    if (code == 0 && count > 0)
        *out = count == 1 && planned == 1 ? SBX_SETUP_THERE : SBX_SETUP_OTHER;
    close_entry(&self);
    return code == ERROR_NONE_MAPPED ? 0 : code;
}

/* All but ours, in their order. */
static uint32_t copy_others(PACL out, DWORD bytes, const entry *self)
{
    if (!InitializeAcl(out, bytes, self->list == NULL ? ACL_REVISION : self->list->AclRevision))
        return GetLastError();
    for (DWORD i = 0; self->list != NULL && i < self->list->AceCount; i++) {
        void *ace = NULL;

        if (!GetAce(self->list, i, &ace) ||
            (!is_ours(self, ace) && !AddAce(out, self->list->AclRevision, MAXDWORD, ace,
                                            ((const ACE_HEADER *)ace)->AceSize)))
            return GetLastError();
    }
    return 0;
}

/* The list as a whole is read, changed and written back: the system has no call for one entry. */
static uint32_t entry_change(const sbx_setup_item *item, bool is_wanted)
{
    PACL list = NULL;
    DWORD bytes;
    entry self;
    uint32_t code = open_entry(&self, item);

    if (code == 0) {
        bytes = (self.list == NULL ? (DWORD)sizeof(ACL) : self.list->AclSize) +
                (DWORD)sizeof(SYSTEM_AUDIT_ACE) + GetLengthSid(self.group);
        bytes = (bytes + 3) & ~3u;
        list = calloc(1, bytes);
        code = list == NULL ? ERROR_NOT_ENOUGH_MEMORY : copy_others(list, bytes, &self);
    }
    if (code == 0 && is_wanted &&
        !AddAuditAccessAceEx(list, list->AclRevision, 0, self.mask, self.group, FALSE, TRUE))
        code = GetLastError();
    if (code == 0 && !self.call.set_list(self.type, list->AceCount > 0 ? list : NULL))
        code = GetLastError();
    free(list);
    close_entry(&self);
    return code;
}

static uint32_t entry_put(const sbx_setup_item *item)
{
    return entry_change(item, true);
}

static uint32_t entry_take(const sbx_setup_item *item)
{
    return entry_change(item, false);
}

const sbx_setup_part sbx_setup_part_audit_entry = {entry_find, entry_put, entry_take};
