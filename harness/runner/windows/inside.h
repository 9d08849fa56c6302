/*
 * What sbx-runner.exe does between START and STARTED: from what sbx.exe asked for to a suspended process with a token of
 * the runner's own user. Pure but for the table of system calls, as enter.c, of which this is the part that another
 * user has to do.
 */
#ifndef SBX_RUNNER_WINDOWS_INSIDE_H
#define SBX_RUNNER_WINDOWS_INSIDE_H

#include "harness/runner/windows/protocol.h"
#include "harness/runner/windows/terminal_os.h"
#include "harness/target/windows/steps.h"

typedef struct sbx_inside {
    const sbx_target_os *os;            /* filled by the caller, */
    const sbx_terminal_os *terminal_os; /* as is this */
    sbx_os_token own;                   /* who the runner is */
    sbx_handle own_token, token;
    sbx_handle
        terminal; /* a pseudo console, where one was asked for; sbx_inside_done() closes it */
    sbx_os_process child;
} sbx_inside;

/* Who this process is, for HELLO. */
SBX_MUST_USE sbx_status sbx_inside_look(sbx_inside *inside, sbx_error *err);

/*
 * The process, suspended, in the job and asked of the system again; this process and its token are closed to it. On
 * failure nothing of it lives but perhaps the terminal. stdio: the process's ends; of a terminal the first two are what it
 * reads and writes. They are copied. The job's handle is the runner's, given by sbx.exe.
 */
SBX_MUST_USE sbx_status sbx_inside_make(sbx_inside *inside, const sbx_frame_start *start,
                                        sbx_handle job, const sbx_handle stdio[3], sbx_error *err);

void sbx_inside_done(sbx_inside *inside);

#endif
