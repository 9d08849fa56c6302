/*
 * What killed runs have left on the host: entries and directories that the leases of their rows name. The next sbx
 * that opens the database takes them away; a repair does it without waiting for one.
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_KILLED_RUNS_H
#define SBX_SETUP_WINDOWS_KILLED_RUNS_H

#include <stddef.h>

#include "harness/base/error.h"

typedef struct sbx_killed_runs {
    size_t released; /* entries and directories that are gone now */
    size_t kept;     /* those that could not be taken away; their SIDs are nobody's */
} sbx_killed_runs;

/* In the caller's database ($SBX_AUDIT_DB, or the usual one), with the caller's rights; none is none. */
SBX_MUST_USE sbx_status sbx_killed_runs_release(sbx_killed_runs *out, sbx_error *err);

#endif
