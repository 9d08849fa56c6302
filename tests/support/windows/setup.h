/*
 * Running sbx-setup.exe, and looking at what it leaves behind. For tests/windows/test_setup*.c and test_secret.c.
 */
#ifndef SBX_TESTS_SUPPORT_WINDOWS_SETUP_H
#define SBX_TESTS_SUPPORT_WINDOWS_SETUP_H

#include <windows.h>


#include "harness/setup/windows/files.h"
#include "harness/setup/windows/os.h"

const char *setup_program(void); /* bin/sbx-setup.exe, C:\… */

/* Runs it, and fails the test unless it exits with that code and says that, on either stream. */
void setup_do(DWORD code, const char *says, const char *const *words);
#define SETUP(code, says, ...) setup_do((code), (says), (const char *const[]){__VA_ARGS__, NULL})

/* The last sixteen results stay. */
const char *setup_place(sbx_setup_folder which, const char *below);
bool setup_exists(const char *path);
void setup_copy(const char *from, const char *to);

const sbx_setup_item *setup_item(sbx_setup_kind kind, const char *name); /* of the plan */
sbx_setup_found setup_found(const sbx_setup_item *item);                 /* in the real system */

/* No state, no secret, no hidden account. */
void setup_check_nothing_left(void);

/* Skips the test where this process is not elevated, or somebody has set up this machine. Under Wine neither can be. */
void setup_needs_elevation(void **state);

#endif
