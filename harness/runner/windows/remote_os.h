/*
 * What starting sbx-runner.exe and talking to it asks of Windows, as a table: a test puts a played system in its place,
 * lets the n-th call fail, or lets it lie. See harness/target/windows/os.h, whose types and rules these are: 0, or the
 * system's error number and then nothing was done.
 */
#ifndef SBX_RUNNER_WINDOWS_REMOTE_OS_H
#define SBX_RUNNER_WINDOWS_REMOTE_OS_H

#include "harness/runner/windows/net_wall.h"
#include "harness/target/windows/os.h"

enum {
    SBX_PASSWORD_BYTES = 512,
    SBX_OS_TIMEOUT = 1460,     /* ERROR_TIMEOUT */
    SBX_OS_PIPE_ENDED = 109,   /* ERROR_BROKEN_PIPE */
    SBX_OS_LOGON_FAILED = 1326 /* ERROR_LOGON_FAILURE */
};

/* Whose process the runner becomes. */
typedef struct sbx_remote_account {
    const char *name; /* of this machine; NULL: the caller's own, where the host has no others */
    const char *password; /* NULL with that */
} sbx_remote_account;

typedef struct sbx_remote_os {
    /* The account's SID on this machine, "S-1-5-21-…". */
    sbx_os_code (*find_account)(char out[SBX_OS_SID_BYTES], const char *name);

    /* --- the pipe --- */
    /*
     * The only end of that name there ever is: the call fails where somebody has one already. One client, of this
     * machine, and open to those entries alone.
     */
    sbx_os_code (*make_pipe)(sbx_handle *out, const char *name, const sbx_ace *aces, size_t count);
    sbx_os_code (*read_pipe_list)(sbx_os_list *out, sbx_handle pipe);
    /* Until a client is there; the end of the process or of the time is a failure. */
    sbx_os_code (*await_client)(sbx_handle pipe, sbx_handle process, unsigned timeout_ms);
    sbx_os_code (*client_pid)(uint32_t *out, sbx_handle pipe);
    /* At least one byte, or a failure. */
    sbx_os_code (*read_pipe)(sbx_handle pipe, void *data, size_t room, size_t *out_bytes,
                             unsigned timeout_ms);
    sbx_os_code (*write_pipe)(sbx_handle pipe, const void *data, size_t bytes,
                              unsigned timeout_ms); /* all of them */

    /* --- the runner --- */
    /* Dies with its last handle; who is in it may make processes that are not. No other limit. */
    sbx_os_code (*make_own_job)(sbx_handle *out);
    sbx_os_code (*read_own_job)(bool *out_is_so, sbx_handle job);
    /* Suspended. The program's only arguments are the pipe's name and the caller's number. */
    sbx_os_code (*make_runner)(sbx_os_process *out, const sbx_remote_account *account,
                               const char *pipe_name);
    sbx_os_code (*enter_job)(sbx_handle job, sbx_handle process);
    /* A copy for that process: out is its number there, with no more rights than these. */
    sbx_os_code (*give_handle)(uint64_t *out, sbx_handle process, sbx_handle handle,
                               uint32_t rights);
    /* That process's handle becomes ours; there it is closed. */
    sbx_os_code (*take_handle)(sbx_handle *out, sbx_handle process, uint64_t value);
    sbx_os_code (*process_pid)(uint32_t *out, sbx_handle process);

    /* --- is the network closed? net_wall.h --- */
    sbx_os_code (*open_doors)(sbx_net_doors *out);
    sbx_os_code (*count_arrivals)(unsigned *out, const sbx_net_doors *doors);
    void (*close_doors)(sbx_net_doors *doors);

    void (*wipe)(void *data, size_t bytes);
} sbx_remote_os;

/* The real one. Windows only. */
extern const sbx_remote_os sbx_remote_os_real;

#endif
