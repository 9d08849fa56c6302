/* The system's text for its own codes, from the library's untranslated table: usable after fork. */
#include <string.h>

#include "harness/base/error.h"

const char *sbx_os_text(sbx_os_domain domain, int code)
{
    const char *text;

    if (domain != SBX_OS_ERRNO)
        return ""; /* SQLite's words are in the message already; Win32 codes do not occur here */
#ifdef __GLIBC__
    text = strerrordesc_np(code);
#else
    text = strerror(code); /* musl never translates without setlocale(), which nobody calls here */
#endif
    return text != NULL ? text : "unknown error";
}
