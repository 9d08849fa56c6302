/*
 * harness/runner/windows/remote_os.h on the played Windows, with a sbx-runner.exe that is played as well: its steps
 * are the real ones (inside.c), in the same world, as another user, so that the n-th call that fails may be one of its.
 */
#ifndef SBX_TESTS_SUPPORT_PLAYED_REMOTE_H
#define SBX_TESTS_SUPPORT_PLAYED_REMOTE_H

#include "harness/runner/windows/remote_os.h"
#include "tests/support/played_windows.h"

#define PLAYED_CALLER "S-1-5-21-9-9-9-1001" /* played_windows.c's own */
#define PLAYED_LOGON "S-1-5-5-0-77"
#define PLAYED_SANDBOX_USER "S-1-5-21-9-9-9-1005"
#define PLAYED_SANDBOX_LOGON "S-1-5-5-0-99"
#define PLAYED_GROUP "S-1-5-21-9-9-9-1004"
#define PLAYED_PASSWORD "correct horse"

typedef struct played_runner_world {
    /* Lies of the system. */
    bool forgets_pipe_list, forgets_own_job, leaves_own_job;
    /* Lies of the runner, or of who came in its place. */
    bool other_client, other_user, other_nonce, other_version, other_child, other_process,
        talks_nonsense, says_nothing, tries_nothing, says_tried_unasked;
    /* The network: what the system answers to each try (closed: SBX_NET_DENIED), and who comes to the doors. */
    uint32_t net_answer[SBX_NET_TRIES];
    unsigned arrivals;
    bool has_no_ipv6, has_no_ipv6_loopback;
    /* What came about. */
    bool had_password, is_wiped;
    uint32_t job_rights;            /* that were given to it */
    bool was_tried, had_doors_open; /* the tries were made; and the doors were open then */
    size_t open_doors;              /* now */
    bool lists_group, lists_user;   /* what its process's objects are open to */
} played_runner_world;

extern played_runner_world played_runner;
extern const sbx_remote_os played_remote;

void played_remote_reset(void); /* and the world below it */
sbx_status played_load_password(char *out, size_t room, const char *account, sbx_error *err);

#endif
