/*
 * A process that has what no command shall have (handles of others like it, of the database) closes itself to the
 * commands of the same user. The runner does so for its own process; this is for who runs runners.
 */
#ifndef SBX_RUNNER_WINDOWS_GUARD_H
#define SBX_RUNNER_WINDOWS_GUARD_H

#include "harness/base/text.h"

/*
 * This process and its token: no command ends, reads or opens them. must_hold: what is read back is what was set, or
 * it is REFUSED. A process that is to start a command itself cannot do so any more.
 */
SBX_MUST_USE sbx_status sbx_guard_this_process(bool must_hold, sbx_error *err);

/* The same lists, as SDDL, for a process and its first thread that are about to be made. */
SBX_MUST_USE sbx_status sbx_guard_describe(sbx_text *out_process, sbx_text *out_thread,
                                           sbx_error *err);

#endif
