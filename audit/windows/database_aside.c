/* Putting another file in the database's place; see database_file.h. */
#include <stdlib.h>

#include "audit/database_file.h"
#include "harness/base/clock.h"
#include "harness/base/text.h"
#include "harness/base/windows/wide.h"

/* A file beside it that nobody else can open meanwhile, and that goes with its handle. */
sbx_status sbx_database_file_lock(int64_t *out_lock, const char *path, uint64_t timeout_ns,
                                  sbx_error *err)
{
    uint64_t began_ns = sbx_clock_monotonic_ns();
    sbx_text name = {0};
    wchar_t *wide;
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_INVALID_NAME;

    sbx_text_add_format(&name, "%s.lock", path);
    wide = name.failed ? NULL : sbx_wide_path(sbx_text_string(&name));
    while (wide != NULL) {
        file =
            CreateFileW(wide, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
        code = GetLastError();
        if (file != INVALID_HANDLE_VALUE || sbx_clock_monotonic_ns() - began_ns >= timeout_ns ||
            (code != ERROR_SHARING_VIOLATION && code != ERROR_ACCESS_DENIED))
            break;
        Sleep(5);
    }
    free(wide);
    sbx_text_done(&name);
    if (file == INVALID_HANDLE_VALUE)
        return sbx_fail_win32(err, code == ERROR_SHARING_VIOLATION ? SBX_BUSY : SBX_IO,
                              SBX_STEP_AUDIT, code, "locking %s", path);
    *out_lock = (int64_t)(intptr_t)file;
    return SBX_OK;
}

void sbx_database_file_unlock(int64_t lock)
{
    CloseHandle((HANDLE)(intptr_t)lock);
}

/* MoveFileEx() replaces nothing unless it is told to. */
sbx_status sbx_database_file_move(const char *from, const char *to, sbx_error *err)
{
    wchar_t *wide_from = sbx_wide_path(from), *wide_to = sbx_wide_path(to);
    DWORD code = ERROR_INVALID_NAME;

    if (wide_from != NULL && wide_to != NULL)
        code = MoveFileExW(wide_from, wide_to, MOVEFILE_WRITE_THROUGH) ? 0 : GetLastError();
    free(wide_from);
    free(wide_to);
    if (code == 0 || code == ERROR_FILE_NOT_FOUND)
        return SBX_OK;
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_AUDIT, code, "renaming %s to %s", from, to);
}

sbx_status sbx_database_file_exchange(const char *one, const char *other, sbx_error *err)
{
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                          "exchanging %s and %s: Windows cannot in one step", one, other);
}
