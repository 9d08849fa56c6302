/*
 * What this host can do, asked as cheaply as the launch path allows: one open or one system call per
 * answer, nothing forked. `sbx doctor` tries the walls for real; this only knows what is on offer.
 */
#ifndef SBX_POLICY_HOST_H
#define SBX_POLICY_HOST_H

#include <stdbool.h>

typedef struct sbx_host {
    int landlock_abi;           /* 0: none */
    bool is_root;               /* CAP_SYS_ADMIN and CAP_SETUID in this user namespace */
    bool has_user_namespaces;   /* the knobs allow them; the kernel may still refuse at clone time */
    const char *user_namespaces_refused_by; /* the knob that says no, for messages; or NULL */
    bool inside_sbx;            /* this process is already confined by sbx (or another seccomp listener) */
    bool has_seccomp_notify;
    unsigned online_cpus;
} sbx_host;

void sbx_host_look(sbx_host *out);

#endif
