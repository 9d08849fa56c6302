/*
 * sbx.exe's side of sbx-runner.exe: another user's process that makes the command's process for us. Pure but for the
 * tables of system calls.
 *
 *   1. sbx_remote_open()   the runner, started as the account and closed to its own user, in a job of its own that only
 *                          we hold; it has come to our pipe, and is who it should be. Where the network shall be closed
 *                          to it, it has tried. Nothing of the command exists yet
 *   2. sbx_remote_make()   the command's process, suspended, as handles of our own
 *   3.                     the pipe and the reader go on in relay.h, for the streams
 *   4. sbx_remote_close()  the runner's end
 *
 * What the runner says is believed only until it can be asked of the system: who connected, whose process it is, which
 * job it is in. The command's job is ours; the runner gets a handle by which it can put a process in, and no more. The
 * two jobs lie beside each other: by Windows' documents a job with restrictions on windows, as the command's is, can be
 * in no other one.
 */
#ifndef SBX_RUNNER_WINDOWS_REMOTE_H
#define SBX_RUNNER_WINDOWS_REMOTE_H

#include "harness/runner/windows/protocol.h"
#include "harness/runner/windows/remote_os.h"
#include "harness/target/windows/steps.h"

typedef struct sbx_remote {
    /* Filled by the caller; they outlive it. */
    const sbx_remote_os *os;
    const sbx_target_os *target_os;
    const char *account,
        *group; /* of this machine; NULL: the caller itself, for a host without sandbox users */
    /* The account's password into out. NULL with no account. */
    sbx_status (*load_password)(char *out, size_t room, const char *account, sbx_error *err);
    bool must_hold;     /* what is set must read back: lists, the token */
    bool allows_everyone; /* of sbx_token_sids: of the command's token */
    bool job_must_hold; /* and the runner's job */
    bool tries_net;     /* the network shall be closed to that user: it has to try (net_wall.h) */
    bool net_must_hold; /* and where it is not the run is refused; else net_holds says it */

    char user[SBX_OS_SID_BYTES];      /* who the runner has to be */
    char group_sid[SBX_OS_SID_BYTES]; /* "": none */
    sbx_os_token who;                 /* who it says it is */
    char pipe_name[64];
    uint8_t nonce[SBX_PROTOCOL_NONCE_BYTES];
    sbx_handle pipe, own_job;
    sbx_os_process runner;
    sbx_protocol_reader reader; /* of what the runner says */
    bool net_holds;             /* tried, in this run */
    sbx_error net_error;        /* why it does not, where it was tried */
} sbx_remote;

/*
 * caller: our own user. out_group: the SID of the group, "": there is none.
 * Fails: NOT_FOUND  there is no such account
 *        REFUSED    a list, the job or the runner is not what it has to be (step IDENTITY or JOB), or the network is
 *                   not closed to it (step NET)
 *        IO         the system said no; a wrong password is one such
 */
SBX_MUST_USE sbx_status sbx_remote_open(sbx_remote *remote, const char *caller,
                                        char out_group[SBX_OS_SID_BYTES], sbx_error *err);

/* wish: its token is not used; of stdio it counts which are there. Fails also as the runner did (inside.h). */
SBX_MUST_USE sbx_status sbx_remote_make(sbx_remote *remote, sbx_os_process *out,
                                        const sbx_os_wish *wish, const char *run_sid,
                                        const char *caller, sbx_error *err);

/* The two above, for a launch. */
sbx_launch_maker sbx_remote_maker(sbx_remote *remote);

void sbx_remote_close(sbx_remote *remote);

#endif
