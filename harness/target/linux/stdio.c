/* Standard streams, session and terminal of the target. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* A directory as a standard stream would be a way past the mounts: openat() starts from it. */
static sbx_status refuse_directories(sbx_error *err)
{
    struct stat about;

    for (int fd = 0; fd <= 2; fd++)
        if (fstat(fd, &about) == 0 && S_ISDIR(about.st_mode))
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_STDIO,
                                  "descriptor %d is a directory; it would lead past the walls", fd);
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
    sbx_status st = refuse_directories(err);

    return st != SBX_OK ? st : take_terminal(entry, err);
}

sbx_status sbx_stdio_close_on_exec(sbx_error *err)
{
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_STDIO, errno,
                              "mark the inherited descriptors close-on-exec (Linux 5.11 or later)");
    return SBX_OK;
}
