/* Standard streams, session and terminal of the target. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t bytes = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &bytes) == 0 ? value : -1;
}

static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t bytes = sizeof(peer);

    return getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0;
}

/* Each message of a datagram socket, of a pair's too, may take another address. */
static bool unix_leads_out(int fd)
{
    int type = option_of(fd, SO_TYPE);

    if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
        return true;
    return !is_connected(fd) && option_of(fd, SO_ACCEPTCONN) != 1;
}

/* A stream that is connected stays with its peer where every connect is refused. Others do not: what listens is
 * a fresh socket after a shutdown(), and connects with the first message that it sends (MSG_FASTOPEN). */
static bool inet_leads_out(const sbx_plan *plan, int fd)
{
    int protocol = option_of(fd, SO_PROTOCOL);

    if (plan->network == SBX_NETWORK_FULL)
        return option_of(fd, SO_TYPE) == SOCK_RAW;
    return plan->network != SBX_NETWORK_NONE || plan->unix_sockets ||
           (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP) || !is_connected(fd);
}

/*
 * A socket is in the network that it was made in, the host's, and no filter sees the address that a
 * sendmsg() is told: only one that can reach nobody but its peer is harmless.
 */
static bool leads_out(const sbx_plan *plan, int fd)
{
    switch (option_of(fd, SO_DOMAIN)) {
    case AF_UNIX:
        return !plan->unix_sockets && unix_leads_out(fd);
    case AF_INET:
    case AF_INET6:
        return inet_leads_out(plan, fd);
    default:
        return true;
    }
}

/* What is inherited is the target's own, unless it would lead past the walls: openat() starts from a
 * directory, and a socket can be pointed elsewhere. */
static sbx_status refuse_ways_out(const sbx_plan *plan, sbx_error *err)
{
    struct stat about;

    for (int fd = 0; fd <= 2; fd++) {
        if (fstat(fd, &about) != 0)
            continue;
        if (S_ISDIR(about.st_mode))
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_STDIO,
                                  "descriptor %d is a directory; it would lead past the walls", fd);
        if (S_ISSOCK(about.st_mode) && leads_out(plan, fd))
            return sbx_fail_plain(
                err, SBX_INVALID, SBX_STEP_STDIO,
                "descriptor %d is a socket that could be pointed at somebody else, past the walls; "
                "use a pipe, a connected stream, or a network that allows it",
                fd);
    }
    return SBX_OK;
}

/*
 * With a terminal the session is kept, so that it stays the target's terminal; a target that shall
 * have it in the foreground gets a process group of its own, as a shell's job has. Without one the
 * target leaves the session: /dev/tty must not reach the caller's terminal behind its back.
 */
static sbx_status take_terminal(const sbx_entry *entry, sbx_error *err)
{
    sigset_t ttou, before;

    if (!entry->has_terminal) {
        (void)setsid();
        return SBX_OK;
    }
    if (!entry->takes_foreground)
        return SBX_OK;
    if (setpgid(0, 0) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_STDIO, errno, "make a process group");
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU); /* we are in the background while we ask */
    sigprocmask(SIG_BLOCK, &ttou, &before);
    (void)tcsetpgrp(STDIN_FILENO, getpid());
    sigprocmask(SIG_SETMASK, &before, NULL);
    return SBX_OK;
}

sbx_status sbx_stdio_take(const sbx_entry *entry, sbx_error *err)
{
    for (int fd = 0; fd <= 2; fd++)
        if (entry->stdio_fd[fd] >= 0 && dup2(entry->stdio_fd[fd], fd) < 0)
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_STDIO, errno, "take descriptor %d", fd);
    sbx_status st = refuse_ways_out(entry->plan, err);

    return st != SBX_OK ? st : take_terminal(entry, err);
}

sbx_status sbx_stdio_close_on_exec(sbx_error *err)
{
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_STDIO, errno,
                              "mark the inherited descriptors close-on-exec (Linux 5.11 or later)");
    return SBX_OK;
}
