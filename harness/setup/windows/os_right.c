/* Ways to log on that the sandbox users are denied. */
#include "harness/setup/windows/os_parts.h"

#include <ntsecapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define NOT_FOUND                                                                                  \
    ((NTSTATUS)0xC0000034) /* STATUS_OBJECT_NAME_NOT_FOUND: the account has no rights at all */

typedef struct asking {
    LSA_HANDLE policy;
    PSID sid;
    wchar_t *right;
} asking;

static void stop(asking *self)
{
    if (self->policy != NULL)
        LsaClose(self->policy);
    LocalFree(self->sid);
    free(self->right);
}

/* ERROR_NONE_MAPPED: there is no such account. */
static uint32_t begin(asking *out, const sbx_setup_item *item)
{
    LSA_OBJECT_ATTRIBUTES nothing = {.Length = sizeof(nothing)};
    char text[SBX_SID_TEXT_BYTES];
    wchar_t *wide;
    uint32_t code = sbx_setup_sid(text, item->about);

    *out = (asking){.right = sbx_wide(item->name)};
    if (code != 0)
        return code;
    wide = sbx_wide(text);
    if (wide == NULL || out->right == NULL)
        code = ERROR_NOT_ENOUGH_MEMORY;
    else if (!ConvertStringSidToSidW(wide, &out->sid))
        code = GetLastError();
    free(wide);
    if (code == 0)
        code = LsaNtStatusToWinError(LsaOpenPolicy(NULL, &nothing,
                                                   POLICY_LOOKUP_NAMES | POLICY_CREATE_ACCOUNT |
                                                       POLICY_VIEW_LOCAL_INFORMATION,
                                                   &out->policy));
    return code;
}

static LSA_UNICODE_STRING as_string(wchar_t *text)
{
    USHORT bytes = (USHORT)(wcslen(text) * sizeof(*text));

    return (LSA_UNICODE_STRING){.Length = bytes, .MaximumLength = bytes, .Buffer = text};
}

static bool is_named(const LSA_UNICODE_STRING *found, const wchar_t *name)
{
    size_t units = found->Length / sizeof(wchar_t);

    return units == wcslen(name) && wmemcmp(found->Buffer, name, units) == 0;
}

static uint32_t right_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    LSA_UNICODE_STRING *rights = NULL;
    ULONG count = 0;
    asking ask;
    NTSTATUS status;
    uint32_t code = begin(&ask, item);

    *out = SBX_SETUP_ABSENT;
    if (code == 0) {
        status = LsaEnumerateAccountRights(ask.policy, ask.sid, &rights, &count);
        code = status == NOT_FOUND ? 0 : LsaNtStatusToWinError(status);
        for (ULONG i = 0; code == 0 && rights != NULL && i < count; i++)
            if (is_named(&rights[i], ask.right))
                *out = SBX_SETUP_THERE;
        if (rights != NULL)
            LsaFreeMemory(rights);
    }
    stop(&ask);
    return code == ERROR_NONE_MAPPED ? 0 : code;
}

static uint32_t right_put(const sbx_setup_item *item)
{
    asking ask;
    uint32_t code = begin(&ask, item);

    if (code == 0) {
        LSA_UNICODE_STRING right = as_string(ask.right);

        code = LsaNtStatusToWinError(LsaAddAccountRights(ask.policy, ask.sid, &right, 1));
    }
    stop(&ask);
    return code;
}

static uint32_t right_take(const sbx_setup_item *item)
{
    asking ask;
    uint32_t code = begin(&ask, item);

    if (code == 0) {
        LSA_UNICODE_STRING right = as_string(ask.right);

        code = LsaNtStatusToWinError(LsaRemoveAccountRights(ask.policy, ask.sid, FALSE, &right, 1));
    }
    stop(&ask);
    return code;
}

const sbx_setup_part sbx_setup_part_right = {right_find, right_put, right_take};
