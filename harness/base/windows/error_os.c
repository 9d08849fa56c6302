/* The system's text for its own codes, always in English: the words are stored and compared. */
#include <windows.h>

#include <stdio.h>
#include <string.h>

#include "harness/base/error.h"

/* Kept per thread, as long as until the next call. */
static _Thread_local char kept[256];

const char *sbx_os_text(sbx_os_domain domain, int code)
{
    DWORD language = MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US);
    wchar_t wide[200];
    DWORD units;

    if (domain == SBX_OS_ERRNO)
        return strerror(code);
    if (domain != SBX_OS_WIN32)
        return ""; /* SQLite's words are in the message already */
    units = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                               FORMAT_MESSAGE_MAX_WIDTH_MASK,
                           NULL, (DWORD)code, language, wide, SBX_COUNT_OF(wide), NULL);
    if (units == 0) /* an installation without English */
        units = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                                   FORMAT_MESSAGE_MAX_WIDTH_MASK,
                               NULL, (DWORD)code, 0, wide, SBX_COUNT_OF(wide), NULL);
    while (units > 0 && (wide[units - 1] == L' ' || wide[units - 1] == L'.'))
        units--;
    units = (DWORD)WideCharToMultiByte(CP_UTF8, 0, wide, (int)units, kept, sizeof(kept) - 24, NULL,
                                       NULL);
    (void)snprintf(kept + units, sizeof(kept) - units, "%s(%u)", units > 0 ? " " : "Windows error ",
                   (unsigned)code);
    return kept;
}
