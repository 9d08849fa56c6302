/* The table itself, and what its parts share; see os_parts.h. */
#include "harness/setup/windows/os_parts.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char words[SBX_ERROR_TEXT_BYTES];

void sbx_setup_say(const char *text)
{
    (void)snprintf(words, sizeof(words), "%s", text);
}

uint32_t sbx_setup_say_error(const sbx_error *err)
{
    sbx_setup_say(err->message);
    return err->os_domain == SBX_OS_WIN32 && err->os_code != 0 ? (uint32_t)err->os_code
                                                               : ERROR_GEN_FAILURE;
}

uint32_t sbx_setup_functions(void *out, size_t bytes, const char *library, const char *const *names,
                             size_t count)
{
    sbx_error err;

    if (sbx_functions_find(out, bytes, library, names, count, &err) == SBX_OK)
        return 0;
    sbx_setup_say(err.message);
    return SBX_SETUP_NO_FUNCTION;
}

/* --- names and descriptors --- */

/* With this machine's name in front: without it a domain's account of that name could be found. */
static wchar_t *full_name(const char *name)
{
    wchar_t machine[MAX_COMPUTERNAME_LENGTH + 1];
    DWORD units = MAX_COMPUTERNAME_LENGTH + 1;
    sbx_text text = {0};
    wchar_t *wide = NULL;

    if (GetComputerNameW(machine, &units)) {
        sbx_text_add_wide(&text, machine, units);
        sbx_text_add_format(&text, "\\%s", name);
        if (!text.failed)
            wide = sbx_wide(sbx_text_string(&text));
    }
    sbx_text_done(&text);
    return wide;
}

uint32_t sbx_setup_sid(char out[SBX_SID_TEXT_BYTES], const char *name)
{
    union {
        SID sid;
        BYTE room[SECURITY_MAX_SID_SIZE];
    } found;
    wchar_t domain[256], *wide = full_name(name), *printed = NULL;
    DWORD bytes = sizeof(found), units = 256;
    SID_NAME_USE use;
    uint32_t code = 0;

    out[0] = '\0';
    if (wide == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    if (!LookupAccountNameW(NULL, wide, &found.sid, &bytes, domain, &units, &use))
        code = GetLastError();
    else if (use != SidTypeUser && use != SidTypeAlias)
        code = ERROR_NONE_MAPPED;
    else if (!ConvertSidToStringSidW(&found.sid, &printed))
        code = GetLastError();
    for (size_t i = 0; printed != NULL && i + 1 < SBX_SID_TEXT_BYTES; i++) {
        out[i] = (char)printed[i]; /* letters, digits and dashes */
        if (printed[i] == L'\0')
            break;
    }
    LocalFree(printed);
    free(wide);
    return code;
}

/* The right is FWP_ACTRL_MATCH_FILTER, which is also what a rule of the firewall asks for. */
void sbx_setup_match_print(sbx_text *out, const char *sid)
{
    sbx_text_add_format(out, "O:LSD:(A;;CC;;;%s)", sid);
}

bool sbx_setup_match_is(PSECURITY_DESCRIPTOR descriptor, const char *sid)
{
    BOOL is_there = FALSE, is_default = FALSE;
    ACCESS_ALLOWED_ACE *ace = NULL;
    wchar_t *wide = sbx_wide(sid);
    PSID wanted = NULL;
    PACL list = NULL;
    bool is_it;

    is_it = wide != NULL && ConvertStringSidToSidW(wide, &wanted) &&
            GetSecurityDescriptorDacl(descriptor, &is_there, &list, &is_default) && is_there &&
            list != NULL && list->AceCount == 1 && GetAce(list, 0, (void **)(void *)&ace) &&
            ace->Header.AceType == ACCESS_ALLOWED_ACE_TYPE && (ace->Mask & 1) != 0 &&
            EqualSid(&ace->SidStart, wanted);
    if (wanted != NULL)
        LocalFree(wanted);
    free(wide);
    return is_it;
}

/* --- the table --- */

static const sbx_setup_part *const parts[] = {
    [SBX_SETUP_LOCAL_GROUP] = &sbx_setup_part_group,
    [SBX_SETUP_USER] = &sbx_setup_part_user,
    [SBX_SETUP_MEMBER] = &sbx_setup_part_member,
    [SBX_SETUP_DENIED_RIGHT] = &sbx_setup_part_right,
    [SBX_SETUP_HIDDEN] = &sbx_setup_part_hidden,
    [SBX_SETUP_RULE] = &sbx_setup_part_rule,
    [SBX_SETUP_FILTER] = &sbx_setup_part_filter,
    [SBX_SETUP_AUDIT_ENTRY] = &sbx_setup_part_audit_entry,
    [SBX_SETUP_AUDIT] = &sbx_setup_part_audit,
};

static uint32_t find(sbx_setup_found *out, const sbx_setup_item *item)
{
    sbx_setup_say("");
    return parts[item->kind]->find(out, item);
}

static uint32_t put(const sbx_setup_item *item)
{
    sbx_setup_say("");
    return parts[item->kind]->put(item);
}

static uint32_t take(const sbx_setup_item *item)
{
    sbx_setup_say("");
    return parts[item->kind]->take(item);
}

static const char *why(void)
{
    return words;
}

const sbx_setup_os sbx_setup_os_real = {.find = find, .put = put, .take = take, .why = why};
