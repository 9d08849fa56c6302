/*
 * What this host can do, asked as cheaply as the launch path allows: one open or one system call per
 * answer, nothing forked. `sbx doctor` tries the walls for real; this only knows what is on offer.
 */
#ifndef SBX_POLICY_HOST_H
#define SBX_POLICY_HOST_H

#include <stdbool.h>

/* Windows: what is there of a setup of the sandbox users (path B); see harness/policy/windows/accounts.h. */
typedef enum sbx_host_users {
    SBX_USERS_ABSENT,     /* nobody has set this machine up */
    SBX_USERS_UNKNOWN,    /* what a setup remembers cannot be read, or the system not be asked */
    SBX_USERS_INCOMPLETE, /* a setup began, and was ended or failed */
    SBX_USERS_FOREIGN,    /* another user's setup, whose passwords are kept for that one */
    SBX_USERS_OTHER,      /* an account of such a name is not the one that was made */
    SBX_USERS_THERE,
} sbx_host_users;

typedef struct sbx_host {
    int landlock_abi;         /* 0: none */
    bool is_root;             /* CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID in this user namespace */
    bool has_every_id;        /* root of a user namespace in which every uid exists: not a rootless
                                 container's root */
    bool has_user_namespaces; /* the knobs allow them; the kernel may still refuse at clone time */
    const char *user_namespaces_refused_by; /* the knob that says no, for messages; or NULL */
    const char *user_namespaces_fix;        /* what turns that knob; or NULL */
    bool inside_sbx;                        /* this process is already confined by sbx */
    bool has_seccomp_notify;                /* denials can be watched */
    /* Windows: tried at each start, by setting one and reading it back. */
    bool restricts_tokens; /* restricting SIDs, write-restriction and dropped privileges hold */
    bool keeps_aces;       /* an entry for a SID that nobody has is there when read again */
    bool holds_jobs;       /* a job's limits are there when read again */
    sbx_host_users
        sandbox_users; /* looked for where they are of use; what is in the accounts' way is tried later */
} sbx_host;

/* is_root's host is not asked about user namespaces: root needs none. */
void sbx_host_look(sbx_host *out);

#endif
