/* The terminal is the target's own, with job control; nothing is copied. See parts.h. */
#include <fcntl.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

void sbx_terminal_look(sbx_terminal *out)
{
    *out = (sbx_terminal){.fd = -1, .group = getpgrp()};
    for (int fd = 2; fd >= 0; fd--)
        if (isatty(fd))
            out->fd = fd;
    out->takes_foreground = out->fd == STDIN_FILENO && tcgetpgrp(STDIN_FILENO) == out->group &&
                            tcgetattr(out->fd, &out->modes) == 0;
    if (out->takes_foreground)
        out->status_flags = fcntl(out->fd, F_GETFL);
}

/* From the background this asks for SIGTTOU, which would stop us. */
static void set_foreground(int fd, pid_t group)
{
    sigset_t ttou, mask;

    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    sigprocmask(SIG_BLOCK, &ttou, &mask);
    (void)tcsetpgrp(fd, group);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

void sbx_terminal_take_back(const sbx_terminal *terminal, bool was_killed)
{
    if (!terminal->takes_foreground)
        return;
    set_foreground(terminal->fd, terminal->group);
    if (!was_killed) /* what it left is what it wanted: stty does nothing else */
        return;
    (void)tcsetattr(terminal->fd, TCSANOW, &terminal->modes);
    if (terminal->status_flags >= 0)
        (void)fcntl(terminal->fd, F_SETFL, terminal->status_flags);
}

void sbx_terminal_stop_too(const sbx_terminal *terminal)
{
    if (!terminal->takes_foreground || terminal->target_group <= 0)
        return;
    set_foreground(terminal->fd, terminal->group);
    (void)kill(0, SIGTSTP); /* our whole group, as the terminal would have done; we go on at `fg` */
    if (tcgetpgrp(terminal->fd) == terminal->group)
        set_foreground(terminal->fd, terminal->target_group);
    (void)kill(-terminal->target_group, SIGCONT);
}
