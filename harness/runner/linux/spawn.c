/* The job's first process: made in its namespaces (and, on cgroup v2, in its group) by one call. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

static sbx_status write_map(pid_t pid, const char *name, uint32_t from, uint32_t to, sbx_error *err)
{
    char path[64], text[160];
    uint32_t low = from < to ? from : to, high = from < to ? to : from;
    int bytes, fd;
    ssize_t put;

    /* from appears as to; everybody else as himself, so that modes mean what they meant. */
    bytes = snprintf(text, sizeof(text), "%u %u 1\n", from, to);
    if (low > 0)
        bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "0 0 %u\n", low);
    if (high - low > 1)
        bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "%u %u %u\n", low + 1,
                          low + 1, high - low - 1);
    bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "%u %u %u\n", high + 1, high + 1,
                      UINT32_MAX - 1 - high);
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "open %s", name);
    put = write(fd, text, (size_t)bytes);
    close(fd);
    if (put != bytes)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "write %s", name);
    return SBX_OK;
}

/*
 * Exists only so that its namespace does; shares our memory and touches nothing of it. It holds our end of the
 * socket too, so it must not outlive us: asked for first, and then looked whether it was too late.
 */
static int wait_to_be_killed(void *parent)
{
    (void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (syscall(SYS_getppid) == *(const pid_t *)parent)
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
    return 0;
}

/* The helper is killed and left to die: waiting for that would give its CPU to somebody else first. */
sbx_status sbx_spawn_make_idmap(int *out_fd, pid_t *out_pid, const sbx_plan *plan, sbx_error *err)
{
    _Alignas(16) static char stack[4096];
    char path[64];
    sbx_status st;
    pid_t pid, self = getpid();

    pid = clone(wait_to_be_killed, stack + sizeof(stack),
                CLONE_VM | CLONE_FILES | CLONE_NEWUSER | SIGCHLD, &self);
    if (pid < 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno,
                              "make a user namespace to map owners (--identity self needs none)");
    *out_pid = pid;
    st = write_map(pid, "uid_map", plan->caller_uid, plan->target_uid, err);
    if (st == SBX_OK)
        st = write_map(pid, "gid_map", plan->caller_gid, plan->target_gid, err);
    if (st == SBX_OK) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
        *out_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (*out_fd < 0)
            st = sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "open the mapping");
    }
    (void)kill(pid, SIGKILL);
    return st;
}

sbx_status sbx_spawn_idmap(sbx_child *child, const sbx_plan *plan, sbx_error *err)
{
    sbx_wire message = {.kind = SBX_WIRE_IDMAP};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof(control.room)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    int fd = -1;
    sbx_status st = SBX_OK;

    if (!sbx_plan_maps_owners(plan))
        return SBX_OK;
    st = sbx_spawn_make_idmap(&fd, &child->mapper, plan, err);
    if (st != SBX_OK)
        return st;
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fd, sizeof(int));
    if (sendmsg(child->control_fd, &header, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_SPAWN, errno, "hand the mapping to the job");
    close(fd); /* EPIPE: init has failed already, and says itself why */
    return st;
}

/* Only what a process must be born into. The rest takes longer, and init makes it for itself while we
 * open the database. */
uint64_t sbx_spawn_namespaces(const sbx_plan *plan)
{
    uint64_t flags = 0;

    if (plan->uses_namespaces && plan->user_namespace)
        flags |= CLONE_NEWUSER;
    if (plan->uses_namespaces && plan->walls[SBX_WALL_PIDS])
        flags |= CLONE_NEWPID;
    return flags;
}

sbx_status sbx_spawn_explain(const sbx_plan *plan, int code, sbx_error *err)
{
    if (plan->user_namespace &&
        (code == EPERM || code == EACCES || code == ENOSPC || code == EUSERS))
        return sbx_fail_errno(
            err, SBX_REFUSED, SBX_STEP_NAMESPACE, code,
            "make a user namespace: this host refuses it to ordinary users, or has too "
            "many (see `sbx doctor`); --allow-degraded runs with Landlock and seccomp alone");
    return sbx_fail_errno(err, code == EAGAIN || code == ENOMEM ? SBX_IO : SBX_REFUSED,
                          SBX_STEP_SPAWN, code, "make the job's first process");
}

static sbx_status make_socket(int pair[2], sbx_error *err)
{
    int one = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_SPAWN, errno, "make the control socket");
    (void)setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one,
                     sizeof(one)); /* the target's pid, as ours */
    return SBX_OK;
}

sbx_status sbx_spawn_shared(sbx_child *out, sbx_entry *entry, sbx_launcher *launcher,
                            sbx_error *err)
{
    int pair[2];
    sbx_status st = make_socket(pair, err);

    if (st != SBX_OK)
        return st;
    *out = (sbx_child){.pidfd = -1, .control_fd = pair[0]};
    entry->control_fd = pair[1];
    sbx_launcher_start(launcher, entry, pair[0]);
    return SBX_OK;
}

void sbx_spawn_meet(sbx_child *child, const sbx_launcher *launcher)
{
    child->pid = sbx_launcher_pid(launcher);
    if (child->pid > 0)
        child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
}

sbx_status sbx_spawn(sbx_child *out, const sbx_entry *entry, sbx_error *err)
{
    struct clone_args args = {0};
    sbx_entry mine = *entry;
    int pair[2], pidfd = -1;
    long pid;
    sbx_status st = make_socket(pair, err);

    if (st != SBX_OK)
        return st;
    mine.control_fd = pair[1];
    args.flags = CLONE_PIDFD | sbx_spawn_namespaces(entry->plan);
    args.pidfd = (uint64_t)(uintptr_t)&pidfd;
    args.exit_signal = SIGCHLD;
    if (sbx_job_clone_fd(entry->job) >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)sbx_job_clone_fd(entry->job);
    }
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        close(pair[0]); /* ours would keep the supervisor's end open for ever */
        sbx_target_init(&mine);
    }
    close(pair[1]);
    if (pid < 0) {
        int code = errno;

        close(pair[0]);
        return sbx_spawn_explain(entry->plan, code, err);
    }
    *out = (sbx_child){.pid = (pid_t)pid, .pidfd = pidfd, .control_fd = pair[0]};
    return SBX_OK;
}

static void read_ready(sbx_ready *out, struct msghdr *header, int what)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET)
            continue;
        if (part->cmsg_type == SCM_RIGHTS) {
            int fds[2] = {-1, -1};
            size_t count = 0;

            memcpy(fds, CMSG_DATA(part), part->cmsg_len - CMSG_LEN(0));
            if (what & 1)
                out->listener = fds[count++];
            if (what & 2)
                out->masks_fd = fds[count];
        } else if (part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;

            memcpy(&who, CMSG_DATA(part), sizeof(who));
            out->target_pid = who.pid;
        }
    }
}

bool sbx_spawn_hear(const sbx_child *child, sbx_wire *out, sbx_ready *ready)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = out, .iov_len = sizeof(*out)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof(control.room)};
    ssize_t got = recvmsg(child->control_fd, &header, MSG_CMSG_CLOEXEC);

    *ready = (sbx_ready){.listener = -1, .masks_fd = -1};
    if (got < 0 || !sbx_wire_is_valid(out, (size_t)got))
        return false;
    if (out->kind != SBX_WIRE_FAILED)
        read_ready(ready, &header, out->value);
    return true;
}
