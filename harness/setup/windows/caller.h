/*
 * May this process set up, and for whom? Asked before anything is touched.
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_CALLER_H
#define SBX_SETUP_WINDOWS_CALLER_H

#include "harness/base/error.h"

/*
 * Fails: REFUSED  not elevated; or elevated as another account than the one that is signed in, for which the passwords
 *                 could not be kept; or a domain controller, which has no accounts of its own
 */
SBX_MUST_USE sbx_status sbx_setup_caller_check(sbx_error *err);

#endif
