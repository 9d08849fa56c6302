/*
 * The passwords of the sandbox users, kept where only the caller can read them: encrypted by DPAPI for the caller's
 * account, in LocalAppData/sbx/secrets/USER.secret, a file that nobody else may open and that is read back when it is
 * written. They are made by the system's generator, and no person ever sees one.
 *
 * What is encrypted by one account is not read by another, also not by an administrator's: who sets up and who runs
 * sbx must be the same user (sbx-setup.exe refuses anything else).
 *
 * Who may include it: harness/setup/windows, who starts the runner, tests. Context: any thread.
 */
#ifndef SBX_SETUP_WINDOWS_SECRET_H
#define SBX_SETUP_WINDOWS_SECRET_H

#include <stddef.h>

#include "harness/base/error.h"

enum { SBX_SECRET_BYTES = 41 }; /* 40 characters, of all four kinds, and a NUL */

/* A new password. */
SBX_MUST_USE sbx_status sbx_secret_make(char out[SBX_SECRET_BYTES], sbx_error *err);

/* Over an older one of that user; durable, and read back. user: letters and digits. */
SBX_MUST_USE sbx_status sbx_secret_save(const char *user, const char *password, sbx_error *err);

/*
 * The caller wipes it. On failure out is "".
 * Fails: NOT_FOUND  there is none: nothing was set up for this account
 *        REFUSED    others may read the file, or it is another account's
 *        CORRUPT    not what was written
 */
SBX_MUST_USE sbx_status sbx_secret_load(char out[SBX_SECRET_BYTES], const char *user,
                                        sbx_error *err);

/* Not there is fine; the folder goes with the last one, and the one above it, where nothing else is in it. */
SBX_MUST_USE sbx_status sbx_secret_remove(const char *user, sbx_error *err);

/* Also where a compiler thinks that nobody will look. */
void sbx_secret_wipe(void *secret, size_t bytes);

#endif
