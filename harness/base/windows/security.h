/*
 * Who this process is, and security descriptors as text says them (SDDL).
 *
 * Who may include it: windows/ folders and their tests.
 */
#ifndef SBX_BASE_WINDOWS_SECURITY_H
#define SBX_BASE_WINDOWS_SECURITY_H

#include <windows.h>

#include "harness/base/text.h"

enum { SBX_SID_TEXT_BYTES = 192 }; /* "S-1-…" with 15 sub-authorities fits */

/* The caller's user, "S-1-5-21-…". */
SBX_MUST_USE sbx_status sbx_security_user(char out[SBX_SID_TEXT_BYTES], sbx_error *err);

/* What CreateFile and its like take. Zeroed is nothing. */
typedef struct sbx_security {
    SECURITY_ATTRIBUTES attributes;
} sbx_security;

/* Fails: INVALID  not SDDL */
SBX_MUST_USE sbx_status sbx_security_of_text(sbx_security *out, const char *sddl, sbx_step step,
                                             sbx_error *err);

/* For a new file or folder: the caller, the system and administrators; nothing inherited from above. */
SBX_MUST_USE sbx_status sbx_security_owner_only(sbx_security *out, sbx_step step, sbx_error *err);

void sbx_security_done(sbx_security *security);

#endif
