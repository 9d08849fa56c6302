/*
 * The order. Two lists: what the job's init does, and what the target does after it. Order is the
 * security property here, so it is all on one screen; each step is one function with one error.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"
#include "harness/target/linux/vfork_into.h"

/*
 * Dies with the supervisor, and with it, as pid 1, all of the job. Without a pid namespace it has to live on
 * instead and kill the others, which nobody else would: the socket's end tells it (reap.c). The socket is
 * looked at afterwards, because the supervisor may have died before the signal was asked for: then its end
 * is closed, and the first receive says so.
 */
static sbx_status die_with_supervisor(const sbx_plan *plan, sbx_error *err)
{
    if (plan->walls[SBX_WALL_PIDS] && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_SPAWN, errno, "ask to die with sbx");
    return SBX_OK;
}

static sbx_status forbid_new_privileges(sbx_error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "set no_new_privs");
    return SBX_OK;
}

enum { CHILD_STACK_BYTES = 64 * 1024 }; /* more than become_command() takes of ours */

#define STEP(call)                                                                                 \
    do {                                                                                           \
        if ((call) != SBX_OK)                                                                      \
            sbx_wire_fail(entry->control_fd, &err);                                                \
    } while (0)

/* A child of init by vfork: shares its memory until execve, and must not return. */
SBX_NORETURN static void become_command(const sbx_entry *entry, int masks_fd, char path[4096])
{
    const sbx_plan *plan = entry->plan;
    sbx_error err;
    int listener;

    if (entry->shares_memory)
        STEP(sbx_job_enter(entry->job, &err));
    STEP(sbx_stdio_take(entry, &err)); /* terminal, pipes, working directory */
    STEP(sbx_job_restrict_self(entry->job, &err));
    STEP(sbx_ids_become_target(plan, &err));  /* another uid (path B); no way back */
    STEP(forbid_new_privileges(&err));        /* before both filters, which ask for it */
    STEP(sbx_landlock_restrict(entry, &err)); /* opens its roots: before capabilities go */
    STEP(sbx_rlimits_apply(entry, &err));     /* after the last open of ours: --files may be few */
    STEP(sbx_ids_drop_capabilities(&err));    /* ambient and all the rest */
    STEP(sbx_command_find(path, plan, &err)); /* before the filter: a lookup is no execve */
    STEP(sbx_seccomp_load(&listener, entry, &err)); /* last: the steps above need what it forbids */
    STEP(sbx_wire_send_ready(entry->control_fd, listener, masks_fd, &err));
    STEP(sbx_wire_wait_go(entry->control_fd, &err)); /* the start row is durable from here on */
    STEP(sbx_command_execute(path, entry, &err));    /* every other descriptor is close-on-exec */
    abort();
}

void sbx_target_init(const sbx_entry *entry)
{
    static char path[4096];
    const sbx_plan *plan = entry->plan;
    struct clone_args request;
    sbx_error err;
    int target, masks_fd;

    STEP(die_with_supervisor(entry->plan, &err));
    for (size_t i = 0; i < entry->lock_count; i++) /* or they outlive a killed supervisor by us */
        close(entry->locks[i]);
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* or our own /proc files are root's; see reap.c */
    if (!entry->shares_memory)
        STEP(sbx_job_enter(entry->job, &err)); /* what comes now is charged to the job already */
    STEP(sbx_ids_map_self(plan, &err));        /* path A: one uid, one gid, no groups to set */
    STEP(sbx_namespaces_make(entry, &err));    /* mounts, ipc, net: while sbx opens the database */
    STEP(sbx_mounts_make(&masks_fd, entry, &err)); /* read-only world, roots, private temp, masks */
    STEP(sbx_stdio_close_on_exec(&err));
    if (!entry->has_no_bounding)
        STEP(sbx_ids_drop_bounding(&err)); /* for both of us, while there is a right to */

    sbx_vfork_into_describe(&request, sbx_job_clone_fd(entry->job));
    if (entry->shares_memory && sbx_job_clone_fd(entry->job) >= 0)
        target = (int)sbx_vfork_into(&request, sizeof(request));
    else if ((target = vfork()) < 0)
        target = -errno;
    if (target == 0)
        become_command(entry, masks_fd, path);
    SBX_FORGET_STACK((char *)&request - CHILD_STACK_BYTES, CHILD_STACK_BYTES);
    if (target < 0) {
        (void)sbx_fail_errno(&err, SBX_IO, SBX_STEP_SPAWN, -target, "fork the command");
        sbx_wire_fail(entry->control_fd, &err);
    }
    sbx_init_reap(entry, target); /* gives up its rights first */
}
