/* Access lists: from sbx's entries to Windows' and back; and the table itself. */
#include "harness/target/windows/os_parts.h"

#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/windows/wide.h"
#include "harness/policy/windows/ace_plan.h"

PSID sbx_os_sid(const char *text)
{
    wchar_t *wide = sbx_wide(text);
    PSID sid = NULL;

    if (wide != NULL && !ConvertStringSidToSidW(wide, &sid))
        sid = NULL;
    free(wide);
    return sid;
}

bool sbx_os_sid_print(char out[SBX_OS_SID_BYTES], PSID sid)
{
    wchar_t *wide = NULL;
    size_t i;

    out[0] = '\0';
    if (!ConvertSidToStringSidW(sid, &wide))
        return false;
    for (i = 0; wide[i] != L'\0' && i + 1 < SBX_OS_SID_BYTES; i++)
        out[i] = (char)wide[i]; /* letters, digits and dashes */
    out[i] = '\0';
    LocalFree(wide);
    return true;
}

/* Deny before allow: a list is read from its start, and the first word counts. */
static bool add(PACL list, const sbx_ace *ace, bool denies)
{
    PSID sid;
    BOOL ok;

    if ((ace->kind == SBX_ACE_DENY) != denies)
        return true;
    sid = sbx_os_sid(ace->sid);
    if (sid == NULL)
        return false;
    ok = denies ? AddAccessDeniedAceEx(list, ACL_REVISION, ace->flags, ace->mask, sid)
                : AddAccessAllowedAceEx(list, ACL_REVISION, ace->flags, ace->mask, sid);
    LocalFree(sid);
    return ok != 0;
}

PACL sbx_os_list_make(const sbx_ace *aces, size_t count)
{
    DWORD bytes =
        (DWORD)(sizeof(ACL) + count * (sizeof(ACCESS_ALLOWED_ACE) + SECURITY_MAX_SID_SIZE));
    PACL list = LocalAlloc(LPTR, bytes);
    bool ok = list != NULL && InitializeAcl(list, bytes, ACL_REVISION);

    for (size_t i = 0; ok && i < count; i++)
        ok = add(list, &aces[i], true);
    for (size_t i = 0; ok && i < count; i++)
        ok = add(list, &aces[i], false);
    if (!ok && list != NULL) {
        DWORD code = GetLastError();

        LocalFree(list);
        list = NULL;
        SetLastError(code);
    }
    return list;
}

/* Both kinds have the same form; others (objects, callbacks) are none of ours. */
static bool is_plain(const ACE_HEADER *header)
{
    return header->AceType == ACCESS_ALLOWED_ACE_TYPE || header->AceType == ACCESS_DENIED_ACE_TYPE;
}

static PSID sid_of(const ACE_HEADER *header)
{
    return (PSID)(uintptr_t) & ((const ACCESS_ALLOWED_ACE *)(const void *)header)->SidStart;
}

void sbx_os_list_read(sbx_os_list *out, PACL list)
{
    *out = (sbx_os_list){.count = 0};
    for (DWORD i = 0; list != NULL && i < list->AceCount; i++) {
        ACE_HEADER *header = NULL;
        sbx_os_ace *ace = &out->ace[out->count < SBX_OS_LIST_MAX ? out->count : 0];

        out->count++;
        if (out->count > SBX_OS_LIST_MAX || !GetAce(list, i, (void **)&header) || !is_plain(header))
            continue;
        ace->kind = header->AceType == ACCESS_DENIED_ACE_TYPE ? SBX_ACE_DENY : SBX_ACE_ALLOW;
        ace->mask = ((const ACCESS_ALLOWED_ACE *)(const void *)header)->Mask;
        ace->flags = header->AceFlags;
        (void)sbx_os_sid_print(ace->sid, sid_of(header));
    }
}

static bool is_like(const ACE_HEADER *found, const sbx_ace *ace)
{
    return is_plain(found) && found->AceType == (BYTE)ace->kind &&
           found->AceFlags == (BYTE)ace->flags &&
           ((const ACCESS_ALLOWED_ACE *)(const void *)found)->Mask == ace->mask;
}

bool sbx_os_ace_is(const ACE_HEADER *found, const sbx_ace *ace, PSID sid)
{
    return is_like(found, ace) && EqualSid(sid_of(found), sid);
}

bool sbx_os_ace_is_of_run(const ACE_HEADER *found, const sbx_ace *ace, const char *run)
{
    char sid[SBX_OS_SID_BYTES];

    return is_like(found, ace) && sbx_os_sid_print(sid, sid_of(found)) && sbx_sid_is_run(sid) &&
           strcmp(sid, run) != 0;
}

/* --- the rest of the table: one call each --- */

static sbx_os_code is_in_job(bool *out, sbx_handle process, sbx_handle job)
{
    BOOL is_in = FALSE;

    if (!IsProcessInJob(process, job, &is_in))
        return GetLastError();
    *out = is_in != 0;
    return 0;
}

static sbx_os_code resume(sbx_handle thread)
{
    return ResumeThread(thread) == (DWORD)-1 ? GetLastError() : 0;
}

static sbx_os_code end_process(sbx_handle process)
{
    enum { ENDED = 137, WAIT_MS = 5000 };

    if (!TerminateProcess(process, ENDED) && GetLastError() != ERROR_ACCESS_DENIED)
        return GetLastError(); /* denied: it is dying already */
    return WaitForSingleObject(process, WAIT_MS) == WAIT_OBJECT_0 ? 0 : ERROR_TIMEOUT;
}

static sbx_os_code lock_places(sbx_handle *out)
{
    HANDLE lock = NULL;
    sbx_os_code code = sbx_os_lock_lists(&lock);

    *out = lock;
    return code;
}

static void close_handle(sbx_handle handle)
{
    CloseHandle(handle);
}

static void close_desktop(sbx_handle desktop)
{
    CloseDesktop(desktop);
}

const sbx_target_os sbx_target_os_real = {
    .open_token = sbx_os_open_token,
    .open_process_token = sbx_os_open_process_token,
    .read_token = sbx_os_read_token,
    .restrict_token = sbx_os_restrict_token,
    .drop_privileges = sbx_os_drop_privileges,
    .set_default_list = sbx_os_set_default_list,
    .read_default_list = sbx_os_read_default_list,
    .set_list = sbx_os_set_list,
    .read_list = sbx_os_read_list,
    .is_file = sbx_os_is_file,
    .system_folder = sbx_os_system_folder,
    .open_place = sbx_os_open_place,
    .open_file_id = sbx_os_open_file_id,
    .add_ace = sbx_os_add_ace,
    .remove_ace = sbx_os_remove_ace,
    .count_aces = sbx_os_count_aces,
    .count_runs = sbx_os_count_runs,
    .lock_places = lock_places,
    .unlock_places = sbx_os_unlock_lists,
    .make_directory = sbx_os_make_directory,
    .remove_directory = sbx_os_remove_directory,
    .remove_tree = sbx_os_remove_tree,
    .write_file = sbx_os_write_file,
    .make_desktop = sbx_os_make_desktop,
    .make_process = sbx_os_make_process,
    .is_in_job = is_in_job,
    .resume = resume,
    .end_process = end_process,
    .close = close_handle,
    .close_desktop = close_desktop,
};
