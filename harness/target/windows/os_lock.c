/*
 * One at a time: an access list is read, changed and written as a whole, and of two who do that at once the one who
 * writes last would take the other's entry away, one by which a protected name is closed among them.
 */
#include <wchar.h>

#include "harness/base/windows/security.h"
#include "harness/target/windows/os_parts.h"

/* A list with everything below it takes its time; a command that holds the lock itself, which it could, is outwaited
 * by nobody: the run is refused then. */
enum { LONGEST_MS = 120000 };

sbx_os_code sbx_os_lock_lists(HANDLE *out)
{
    char user[SBX_SID_TEXT_BYTES];
    wchar_t name[SBX_SID_TEXT_BYTES + 32];
    HANDLE lock;
    DWORD answer;

    *out = NULL;
    if (sbx_security_user(user, NULL) != SBX_OK)
        return ERROR_INVALID_SID;
    (void)swprintf(name, SBX_COUNT_OF(name), L"Global\\sbx-entries-%hs", user);
    lock = CreateMutexW(NULL, FALSE, name);
    if (lock == NULL)
        return GetLastError();
    answer = WaitForSingleObject(lock, LONGEST_MS);
    if (answer != WAIT_OBJECT_0 && answer != WAIT_ABANDONED) { /* its holder was killed: ours now */
        sbx_os_code code = answer == WAIT_TIMEOUT ? ERROR_TIMEOUT : GetLastError();

        CloseHandle(lock);
        return code;
    }
    *out = lock;
    return 0;
}

void sbx_os_unlock_lists(HANDLE lock)
{
    if (lock == NULL)
        return;
    (void)ReleaseMutex(lock);
    CloseHandle(lock);
}
