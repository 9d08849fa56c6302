/*
 * Waiting for changes on Windows; see follow.h. By the clock: that a file was written the system tells a directory's
 * watchers when it has time to, and to whom the file is a mapping never.
 */
#include "harness/cli/follow.h"

#include <windows.h>

#include "harness/base/windows/wide.h"

enum { LOOK_EVERY_MS = 250 };

static HANDLE asked_to_end; /* of the one follow that a process has */

static BOOL WINAPI on_signal(DWORD kind)
{
    (void)kind;
    return SetEvent(asked_to_end);
}

sbx_status sbx_follow_begin(sbx_follow *out, const char *database_path, sbx_error *err)
{
    (void)database_path; /* who looks at it will say that it is not there */
    *out = (sbx_follow){.change_fd = -1, .signal_fd = -1};
    asked_to_end = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (asked_to_end != NULL && SetConsoleCtrlHandler(on_signal, TRUE))
        return SBX_OK;
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, GetLastError(), "cannot wait for signals");
}

/* Has who read our output gone? Only a pipe tells. */
static bool is_unread(void)
{
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD done = 0;

    return GetFileType(out) == FILE_TYPE_PIPE && !WriteFile(out, "", 0, &done, NULL);
}

sbx_status sbx_follow_wait(bool *out_is_over, sbx_follow *follow, sbx_error *err)
{
    DWORD came = WaitForSingleObject(asked_to_end, LOOK_EVERY_MS);

    (void)follow;
    if (came == WAIT_FAILED)
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, GetLastError(),
                              "cannot wait for changes");
    *out_is_over = came == WAIT_OBJECT_0 || is_unread();
    return SBX_OK;
}

void sbx_follow_end(sbx_follow *follow)
{
    if (asked_to_end != NULL) {
        (void)SetConsoleCtrlHandler(on_signal, FALSE);
        CloseHandle(asked_to_end);
        asked_to_end = NULL;
    }
    *follow = (sbx_follow){.change_fd = -1, .signal_fd = -1};
}
