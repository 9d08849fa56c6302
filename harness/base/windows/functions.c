/* See functions.h. */
#include "harness/base/windows/functions.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "harness/base/windows/wide.h"

sbx_status sbx_functions_find(void *out, size_t bytes, const char *library,
                              const char *const *names, size_t count, sbx_error *err)
{
    wchar_t *wide = sbx_wide(library);
    HMODULE module = wide == NULL ? NULL : LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    DWORD code = GetLastError();

    free(wide);
    if (module == NULL)
        return sbx_fail_win32(err, SBX_REFUSED, SBX_STEP_IDENTITY, code,
                              "this Windows does not load %s", library);
    for (size_t i = 0; i < count && (i + 1) * sizeof(FARPROC) <= bytes; i++) {
        FARPROC found = GetProcAddress(module, names[i]);

        if (found == NULL)
            return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                                  "this Windows has no %s in %s", names[i], library);
        memcpy((char *)out + i * sizeof(found), &found, sizeof(found));
    }
    return SBX_OK;
}
