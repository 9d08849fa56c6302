/* The sandbox users at work: does a process of theirs run, and can they read what every user can? */
#include "harness/setup/windows/os_parts.h"

#include <sddl.h>
#include <stdlib.h>
#include <wtsapi32.h>

#include "harness/setup/windows/files.h"

typedef struct terminal_services {
    BOOL(WINAPI *list)(HANDLE, DWORD, DWORD, PWTS_PROCESS_INFOW *, DWORD *);
    void(WINAPI *done)(PVOID);
} terminal_services;

static sbx_status look_through(const WTS_PROCESS_INFOW *list, DWORD count, const char *user,
                               const char *sid, sbx_error *err)
{
    wchar_t *wide = sbx_wide(sid);
    PSID wanted = NULL;
    sbx_status st = SBX_OK;

    if (wide == NULL || !ConvertStringSidToSidW(wide, &wanted))
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_IDENTITY, "no memory for a SID");
    for (DWORD i = 0; st == SBX_OK && i < count; i++)
        if (list[i].pUserSid != NULL && EqualSid(list[i].pUserSid, wanted))
            st = sbx_fail_plain(err, SBX_BUSY, SBX_STEP_IDENTITY,
                                "process %u runs as %s, and would lose its walls — wait for the "
                                "end of the run",
                                (unsigned)list[i].ProcessId, user);
    if (wanted != NULL)
        LocalFree(wanted);
    free(wide);
    return st;
}

sbx_status sbx_setup_is_idle(sbx_error *err)
{
    static const char *const names[] = {"WTSEnumerateProcessesW", "WTSFreeMemory"};
    static const char *const users[] = {SBX_SETUP_OFFLINE, SBX_SETUP_ONLINE};
    WTS_PROCESS_INFOW *list = NULL;
    terminal_services call;
    DWORD count = 0;
    sbx_status st = SBX_OK;

    for (size_t i = 0; st == SBX_OK && i < SBX_COUNT_OF(users); i++) {
        char sid[SBX_SID_TEXT_BYTES];

        if (sbx_setup_sid(sid, users[i]) != 0)
            continue; /* there is no such user */
        if (list == NULL) {
            st = sbx_functions_find(&call, sizeof(call), "wtsapi32.dll", names, SBX_COUNT_OF(names),
                                    err);
            if (st == SBX_OK && !call.list(WTS_CURRENT_SERVER_HANDLE, 0, 1, &list, &count))
                st = sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, GetLastError(),
                                    "listing whose processes run");
        }
        if (st == SBX_OK)
            st = look_through(list, count, users[i], sid, err);
    }
    if (list != NULL)
        call.done(list);
    return st;
}

/* --- reading --- */

/* As that user; a folder that this Windows does not have is none. */
static uint32_t try_folder(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE folder = INVALID_HANDLE_VALUE;
    uint32_t code = ERROR_INVALID_NAME;

    if (wide != NULL) {
        folder = CreateFileW(wide, FILE_LIST_DIRECTORY | FILE_TRAVERSE | FILE_READ_ATTRIBUTES,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                             OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
        code = folder == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    }
    if (folder != INVALID_HANDLE_VALUE)
        CloseHandle(folder);
    free(wide);
    return code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ? 0 : code;
}

static sbx_status try_one(HANDLE logon, const char *user, sbx_setup_folder which, sbx_error *err)
{
    sbx_text path = {0};
    uint32_t code;
    sbx_status st = SBX_OK;

    if (sbx_setup_folder_find(&path, which, NULL) != SBX_OK) {
        sbx_text_done(&path);
        return SBX_OK; /* this Windows has no such folder */
    }
    if (!ImpersonateLoggedOnUser(logon))
        st = sbx_fail_win32(err, SBX_REFUSED, SBX_STEP_IDENTITY, GetLastError(), "acting as %s",
                            user);
    if (st == SBX_OK) {
        code = try_folder(sbx_text_string(&path));
        RevertToSelf();
        if (code != 0)
            st = sbx_fail_win32(err, SBX_REFUSED, SBX_STEP_IDENTITY, code, "%s cannot read %s",
                                user, sbx_text_string(&path));
    }
    sbx_text_done(&path);
    return st;
}

sbx_status sbx_setup_try_reading(const char *user, sbx_error *err)
{
    static const sbx_setup_folder open_to_all[] = {
        SBX_SETUP_FOLDER_WINDOWS, SBX_SETUP_FOLDER_PROGRAMS, SBX_SETUP_FOLDER_PROGRAMS_X86,
        SBX_SETUP_FOLDER_DATA};
    const char *why = NULL;
    HANDLE logon = sbx_setup_logon(&why, user);
    sbx_status st = SBX_OK;

    if (logon == NULL)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY, "the user %s: %s", user, why);
    for (size_t i = 0; st == SBX_OK && i < SBX_COUNT_OF(open_to_all); i++)
        st = try_one(logon, user, open_to_all[i], err);
    CloseHandle(logon);
    return st;
}
