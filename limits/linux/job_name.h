/*
 * The name of a job's groups says who made them: sbx-<pid>-<start>-<pid namespace>-<random>.
 * For limits/linux only.
 */
#ifndef SBX_LIMITS_LINUX_JOB_NAME_H
#define SBX_LIMITS_LINUX_JOB_NAME_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sbx_job_owner {
    int pid;
    uint64_t start_ticks;
    uint64_t pid_namespace; /* inode number: a pid means nothing outside of it */
} sbx_job_owner;

/* The calling process. */
bool sbx_job_owner_self(sbx_job_owner *out);

/* Takes a group's name apart; false where it is not one of ours. */
bool sbx_job_owner_parse(sbx_job_owner *out, const char *group_name);

/* The owner was a process of our pid namespace and certainly is no more: who is taken for gone loses its jobs. */
bool sbx_job_owner_is_gone(const sbx_job_owner *owner, uint64_t our_pid_namespace);

#endif
