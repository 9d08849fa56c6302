/*
 * The pass over the caller's profile (grants.h) on a real Windows: with the caller's rights and not an administrator's,
 * and at its end tried out: can a sandbox user read what every user of this machine is thought to read?
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_PASS_H
#define SBX_SETUP_WINDOWS_PASS_H

#include "harness/setup/windows/state.h"

/*
 * Waited for. What becomes of it is in grants.json, also where it fails.
 * Fails: BUSY  another one is at work
 */
SBX_MUST_USE sbx_status sbx_setup_pass_run(sbx_error *err);

/* Starts `sbx-setup grants` as a process of its own, without a console; returns at once. */
SBX_MUST_USE sbx_status sbx_setup_pass_start(sbx_error *err);

/* Takes away all that earlier ones have set. The caller holds the lock of the grants. */
SBX_MUST_USE sbx_status sbx_setup_pass_undo(sbx_error *err);

#endif
