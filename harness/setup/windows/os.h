/*
 * The real system behind the setup's table (setup.h). Windows only, and only for an elevated process.
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_OS_H
#define SBX_SETUP_WINDOWS_OS_H

#include "harness/base/windows/security.h"
#include "harness/setup/windows/setup.h"

extern const sbx_setup_os sbx_setup_os_real;

/* The SID of a local account or group of this machine, never of a domain's; 1332 (none mapped): there is none. */
uint32_t sbx_setup_sid(char out[SBX_SID_TEXT_BYTES], const char *name);

/*
 * May the walls be taken from the sandbox users now?
 * Fails: BUSY  a process of theirs runs; the message has its number
 */
SBX_MUST_USE sbx_status sbx_setup_is_idle(sbx_error *err);

/*
 * Signs in as that sandbox user and opens what every user may read: Windows, both Program Files, ProgramData.
 * Fails: REFUSED  one of them is closed to it; the message says which
 */
SBX_MUST_USE sbx_status sbx_setup_try_reading(const char *user, sbx_error *err);

#endif
