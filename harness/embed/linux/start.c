/*
 * Starting the helper inside of somebody's process, which may have threads, handlers and children of its own.
 *
 *   this process  --clone, no signal at its end-->  a process that shares our memory for a moment  --vfork-->  helper
 *
 * The process between ends at once, so that the helper is nobody's child here: its end raises no SIGCHLD, and no wait()
 * of the caller finds it. The one between raises none either, and is waited for by __WCLONE, which wait() does not do.
 * Nothing is copied, however large the caller is. Between clone and exec only system calls are made: the memory is
 * that of a process whose other threads go on, and may hold any lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/embed/parts.h"

enum { STACK_BYTES = 64 * 1024, FIRST_HIGH_FD = 16 };

typedef struct starting {
    const char *program;
    int socket_fd, caller_fd; /* both high, so that they do not lie where they are to be put */
    char *stack;              /* for both processes */
    int problem;              /* errno of what went wrong in one of them */
} starting;

/* Handlers are the caller's code; and what it ignores, such as SIGCHLD, sbx must not. */
static void reset_signals(void)
{
    struct sigaction usual;
    sigset_t none;

    memset(&usual, 0, sizeof(usual));
    usual.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &usual, NULL); /* KILL and STOP cannot be, and need not be */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become_helper(void *context)
{
    static char name[] = "sbx", option[] = SBX_PROTOCOL_OPTION;
    char *const words[] = {name, option, NULL};
    starting *self = context;
    int nothing;

    reset_signals();
    (void)setsid();
    nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0 && dup2(nothing, 0) == 0 && dup2(nothing, 1) == 1 && dup2(nothing, 2) == 2 &&
        dup2(self->socket_fd, SBX_PROTOCOL_SOCKET_FD) >= 0 &&
        dup2(self->caller_fd, SBX_PROTOCOL_CALLER_FD) >= 0 &&
        syscall(SYS_close_range, SBX_PROTOCOL_CALLER_FD + 1, ~0u, 0) == 0)
        (void)execve(self->program, words, environ);
    self->problem = errno;
    _exit(127);
}

static int be_between(void *context)
{
    starting *self = context;

    /* Returns when the helper has done its exec, or has ended. */
    if (clone(become_helper, self->stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, self) < 0)
        self->problem = errno;
    _exit(0);
}

static int start(starting *self, sbx_error *error)
{
    sigset_t all, before;
    pid_t between;
    int problem = 0, cancel = 0;

    /* A handler of the caller must not run in a process that is not the caller. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE,
                                 &cancel); /* nor must it be cancelled there */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    between =
        clone(be_between, self->stack + (size_t)2 * STACK_BYTES, CLONE_VM | CLONE_VFORK, self);
    problem = between < 0 ? errno : 0;
    while (between > 0 && waitpid(between, NULL, (int)__WCLONE) < 0 && errno == EINTR) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_setcancelstate(cancel, &cancel);
    problem = problem != 0 ? problem : self->problem;
    if (problem != 0)
        return sbx_embed_fail(error, SBX_REFUSED, problem, "cannot start %s", self->program);
    return SBX_OK;
}

int sbx_embed_start(const char *program, int socket_fd, sbx_error *error)
{
    starting self = {.program = program, .socket_fd = -1, .caller_fd = -1, .stack = MAP_FAILED};
    int caller_fd = (int)syscall(SYS_pidfd_open, getpid(), 0), code;

    if (caller_fd >= 0)
        self.caller_fd = fcntl(caller_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    self.socket_fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    if (self.caller_fd >= 0 && self.socket_fd >= 0)
        self.stack = mmap(NULL, (size_t)2 * STACK_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (self.stack == MAP_FAILED)
        code = sbx_embed_fail(error, SBX_SYSTEM, errno, "prepare the start of %s", program);
    else
        code = start(&self, error);
    if (self.stack != MAP_FAILED)
        (void)munmap(self.stack, (size_t)2 * STACK_BYTES);
    if (caller_fd >= 0)
        (void)close(caller_fd);
    if (self.caller_fd >= 0)
        (void)close(self.caller_fd);
    if (self.socket_fd >= 0)
        (void)close(self.socket_fd);
    return code;
}
