/*
 * Making a pseudo console for a command, in the process that makes the command's (sbx.exe, or on path B
 * sbx-runner.exe).
 *
 * The system starts a host for it, conhost.exe, with the unrestricted token of who asks, outside of the command's job. Were
 * that an ordinary process, a command of the same user could read or end it, and on path B, where all commands are one
 * user, change it. So it is born with a list that lets in the system alone: new processes get the default list of
 * their maker's token, which is such a one for the moment of this call.
 */
#ifndef SBX_RUNNER_WINDOWS_PSEUDO_H
#define SBX_RUNNER_WINDOWS_PSEUDO_H

#include "harness/base/error.h"
#include "harness/runner/windows/terminal_os.h"

typedef struct sbx_pseudo_wish {
    sbx_os_size size;
    sbx_handle from, to;  /* what it reads and writes; copied, the caller's to close */
    sbx_handle own_token; /* of this process */
    bool must_hold;       /* the list must read back as it was set */
} sbx_pseudo_wish;

/*
 * On failure there is none, and the default list is as it was, unless that is what failed.
 * Fails: IO       step STDIO
 *        REFUSED  the list did not read back (step IDENTITY)
 */
SBX_MUST_USE sbx_status sbx_pseudo_make(sbx_handle *out, const sbx_pseudo_wish *wish,
                                        const sbx_terminal_os *os, const sbx_target_os *target_os,
                                        sbx_error *err);

#endif
