/*
 * Path B in sbx.exe: the command's process is made by sbx-runner.exe, as a sandbox user, and its streams come by way of
 * it. Everything else of a run (job, clocks, rows, entries) is as on path A.
 *
 *   1. sbx_other_user_init()      before sbx_launch_prepare(), which then starts the runner
 *   2. sbx_other_user_streams()   behind sbx_launch_start(), before the command is let go
 *      sbx_other_user_resize()    any time behind that, where the command has a terminal
 *   3. sbx_other_user_drain()     the job is dead: until all that the command wrote is handed on
 *   4. sbx_other_user_done()      the runner's end; before sbx_launch_end()
 */
#ifndef SBX_RUNNER_WINDOWS_OTHER_USER_H
#define SBX_RUNNER_WINDOWS_OTHER_USER_H

#include <windows.h>

#include "harness/runner/windows/relay.h"
#include "harness/runner/windows/remote.h"

typedef struct sbx_other_user {
    sbx_remote remote;
    sbx_launch_maker maker;
    sbx_relay *relay; /* NULL: none (yet) */
    HANDLE port;
} sbx_other_user;

/*
 * launch: its plan says which user, and it gets the maker. --net none is tried by that user, and where the plan counts on
 * it, a wall that does not hold is a refusal; with --allow-degraded other->remote.net_holds says it.
 */
void sbx_other_user_init(sbx_other_user *other, sbx_launch *launch);

/* The port hears (SBX_PORT_RUNNER_KEY) when the runner is gone before it should be. */
SBX_MUST_USE sbx_status sbx_other_user_streams(sbx_other_user *other, const sbx_launch *launch,
                                               HANDLE port, sbx_error *err);

/* other: an sbx_other_user. The command's terminal has that size from now on. */
void sbx_other_user_resize(void *other, const sbx_os_size *size);

/* came: becomes true where the user does not want to wait any longer. */
void sbx_other_user_drain(sbx_other_user *other, const bool *came);
void sbx_other_user_done(sbx_other_user *other); /* also of one that was never made */

/* The same try without a run, for who wants to know: starts the runner as the offline user, and ends it. */
SBX_MUST_USE sbx_status sbx_other_user_prove_net(sbx_error *err);

#endif
