/* See stand_in.h. */
#include "harness/policy/windows/stand_in.h"

#include <stdlib.h>
#include <windows.h>

#include "harness/base/windows/wide.h"
#include "harness/policy/windows/ace_plan.h"

#include <aclapi.h>
#include <sddl.h>

static bool has_mark(PACL list)
{
    const sbx_ace mark = sbx_ace_of_stand_in();
    wchar_t *wide = sbx_wide(mark.sid);
    PSID sid = NULL;
    bool is_there = false;

    if (wide != NULL && ConvertStringSidToSidW(wide, &sid))
        for (DWORD i = 0; list != NULL && i < list->AceCount; i++) {
            ACCESS_ALLOWED_ACE *entry = NULL;

            is_there |= GetAce(list, i, (void **)&entry) &&
                        entry->Header.AceType == (BYTE)mark.kind &&
                        entry->Header.AceFlags == (BYTE)mark.flags && entry->Mask == mark.mask &&
                        EqualSid(&entry->SidStart, sid);
        }
    if (sid != NULL)
        LocalFree(sid);
    free(wide);
    return is_there;
}

/* Never follows a link. */
bool sbx_place_stands_in(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE place = INVALID_HANDLE_VALUE;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    bool is_one = false;

    if (wide != NULL)
        place = CreateFileW(
            wide, READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
            OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (place != INVALID_HANDLE_VALUE) {
        is_one = GetSecurityInfo(place, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL,
                                 &list, NULL, &descriptor) == ERROR_SUCCESS &&
                 has_mark(list);
        CloseHandle(place);
    }
    if (descriptor != NULL)
        LocalFree(descriptor);
    free(wide);
    return is_one;
}
