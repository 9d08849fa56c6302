/* Signals become bytes in a pipe: the one loop that waits for everything waits for them too. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* A handler has no argument to find these by. */
static int pipe_fd[2] = {-1, -1};
static volatile bool came;
static bool is_deaf; /* `before` is of an earlier run */
static struct sigaction before[SBX_COUNT_OF(stopping)], pipe_before;
static uint64_t mask_before;

static void note(int number)
{
    int code = errno;
    unsigned char byte = (unsigned char)number;

    came = true;
    if (write(pipe_fd[1], &byte, 1) < 0) {
        /* full: two hundred signals wait already */
    }
    errno = code;
}

sbx_status sbx_signals_take(sbx_error *err)
{
    struct sigaction handler = {.sa_handler = note, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_SPAWN, errno, "make a pipe for signals");
    came = false;
    (void)syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_before, sizeof(mask_before));
    for (size_t i = 0; i < SBX_COUNT_OF(stopping); i++) {
        if (!is_deaf)
            sigaction(stopping[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) /* nohup stays nohup */
            sigaction(stopping[i], &handler, NULL);
    }
    sigaction(SIGPIPE, &ignore, is_deaf ? NULL : &pipe_before);
    return SBX_OK;
}

/*
 * Who has asked once has been heard, and all that is left is to say so: a second signal, such as of somebody who presses
 * ^C until it ends, shall not take the result and the exit code with it.
 */
void sbx_signals_give_back(bool is_last)
{
    const struct sigaction deaf = {.sa_handler = SIG_IGN};

    if (pipe_fd[0] < 0)
        return;
    is_deaf = is_last && came;
    for (size_t i = 0; i < SBX_COUNT_OF(stopping); i++)
        sigaction(stopping[i], is_deaf ? &deaf : &before[i], NULL);
    sigaction(SIGPIPE, &pipe_before, NULL);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    pipe_fd[0] = pipe_fd[1] = -1;
}

int sbx_signals_fd(void)
{
    return pipe_fd[0];
}

int sbx_signals_next(void)
{
    unsigned char byte;

    return read(pipe_fd[0], &byte, 1) == 1 ? byte : 0;
}

const bool *sbx_signals_came(void)
{
    return (const bool *)(uintptr_t)&came;
}

uint64_t sbx_signals_mask_before(void)
{
    return mask_before;
}

bool sbx_signals_pipe_ignored(void)
{
    return pipe_before.sa_handler == SIG_IGN;
}
