/*
 * Windows' UTF-16 and sbx's bytes, both ways without loss, and what the system's calls are asked with.
 *
 * Inside sbx text is UTF-8. A file name of Windows may hold half a surrogate pair, which UTF-8 has no form
 * for; it becomes the three bytes that it would have (so-called WTF-8). sbx_utf8_is_valid() says no to
 * them, so the plan refuses such a path and the audit stores it as bytes.
 *
 * Who may include it: windows/ folders and their tests.
 */
#ifndef SBX_BASE_WINDOWS_WIDE_H
#define SBX_BASE_WINDOWS_WIDE_H

#include <windows.h>

#include "harness/base/text.h"

/* A UTF-16 string for free(); NULL: no memory, or the text is not UTF-8 (nor of the form above). */
wchar_t *sbx_wide(const char *text);

/* The same, for a path: slashes become backslashes, and one that is absolute gets the form without a limit on
 * its length. */
wchar_t *sbx_wide_path(const char *path);

void sbx_text_add_wide(sbx_text *text, const wchar_t *wide, size_t units);

/* A path of Windows in sbx's form: without the prefix of long paths, with slashes, the drive in upper case. */
void sbx_text_add_wide_path(sbx_text *text, const wchar_t *wide, size_t units);

#define sbx_fail_win32(err, status, step, code, ...)                                               \
    sbx_fail((err), (status), (step), SBX_OS_WIN32, (int)(code), __VA_ARGS__)

/* NULL-terminated NAME=VALUE of this process, as UTF-8, made once and kept; NULL: no memory. Entries that
 * begin with '=' (the drives' directories) are left out. */
const char *const *sbx_windows_environment(void);

/* A variable of it, by a name whose case does not matter; NULL where it is not there or empty. */
const char *sbx_windows_variable(const char *name);

#endif
