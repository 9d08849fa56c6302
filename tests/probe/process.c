/* Verbs that reach for other processes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"

/* EIO is what the kernel says where TIOCSTI is switched off machine-wide. */
static const int denied_terminal[] = {EACCES, EPERM, ENOSYS, EIO, 0};

static int send_signal(char **arguments)
{
    int number = arguments[1] != NULL ? (int)sbx_probe_number(arguments[1]) : 0;

    return kill((pid_t)sbx_probe_number(arguments[0]), number) == 0 ? 0 : errno;
}

/*
 * Every signal to the namespace's init, then to everybody that can be reached. Only where the pid
 * namespace is not the host's.
 */
static int signal_everybody(char **arguments)
{
    static const int polite[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGSTOP,
                                 SIGTSTP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};

    if (!sbx_probe_is_elsewhere(arguments[0]))
        return EINVAL;
    for (size_t i = 0; i < sizeof(polite) / sizeof(polite[0]); i++)
        (void)kill(1, polite[i]);
    (void)kill(1, SIGKILL);
    (void)kill(-1, SIGKILL); /* not ourselves */
    sbx_probe_sleep(0.1);
    return 0;
}

static int send_pidfd_signal(char **arguments)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)sbx_probe_number(arguments[0]), 0);
    int result;

    if (fd < 0)
        return errno;
    result = syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0 ? 0 : errno;
    close(fd);
    return result;
}

/* Seizes without stopping it; our end lets it go. */
static int trace(char **arguments)
{
    return ptrace(PTRACE_SEIZE, (pid_t)sbx_probe_number(arguments[0]), NULL, NULL) == 0 ? 0 : errno;
}

/* Its own child: what a debugger inside the sandbox does. */
static int trace_own_child(char **arguments)
{
    pid_t child = fork();
    int result;

    (void)arguments;
    if (child < 0)
        return errno;
    if (child == 0) {
        sbx_probe_sleep(10);
        _exit(0);
    }
    result = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0 ? 0 : errno;
    kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return result;
}

/* The address is no one's: EFAULT says that reading would have been allowed. */
static int read_memory(char **arguments)
{
    char byte;
    struct iovec local = {.iov_base = &byte, .iov_len = 1};
    struct iovec remote = {.iov_base = (void *)8, .iov_len = 1};

    if (process_vm_readv((pid_t)sbx_probe_number(arguments[0]), &local, 1, &remote, 1, 0) == 1)
        return 0;
    return errno == EFAULT ? 0 : errno;
}

static int write_memory(char **arguments)
{
    char byte = 'x';
    struct iovec local = {.iov_base = &byte, .iov_len = 1};
    struct iovec remote = {.iov_base = (void *)8, .iov_len = 1};

    if (process_vm_writev((pid_t)sbx_probe_number(arguments[0]), &local, 1, &remote, 1, 0) == 1)
        return 0;
    return errno == EFAULT ? 0 : errno;
}

/* Who gets it open may write: the kernel asks no more. */
static int open_memory(char **arguments)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)sbx_probe_number(arguments[0]));
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int take_descriptor(char **arguments)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)sbx_probe_number(arguments[0]), 0);
    int taken, result;

    if (fd < 0)
        return errno;
    taken = (int)syscall(SYS_pidfd_getfd, fd, 0, 0);
    result = taken >= 0 ? 0 : errno;
    if (taken >= 0)
        close(taken);
    close(fd);
    return result;
}

static int set_priority(char **arguments)
{
    (void)arguments;
    errno = 0;
    return nice(-5) == -1 && errno != 0 ? errno : 0;
}

/* Types one byte into the terminal that is our stdin. */
static int type_ahead(char **arguments)
{
    (void)arguments;
    return ioctl(STDIN_FILENO, TIOCSTI, "x") == 0 ? 0 : errno;
}

/* The same call with bits above the 32 that the kernel looks at: a filter that compares 64
 * misses it. */
static int type_ahead_high(char **arguments)
{
    (void)arguments;
    return syscall(SYS_ioctl, STDIN_FILENO, 0x100000000UL | TIOCSTI, "x") == 0 ? 0 : errno;
}

/* Only a virtual console knows TIOCLINUX: ENOTTY says that the call came through. */
static int paste_selection(char **arguments)
{
    char function = 3;

    (void)arguments;
    if (ioctl(STDIN_FILENO, TIOCLINUX, &function) == 0 || errno == ENOTTY || errno == EINVAL)
        return 0;
    return errno;
}

static unsigned read_effective_uid(pid_t pid)
{
    char path[64], line[256];
    unsigned real, effective = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return geteuid();
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Uid: %u %u", &real, &effective) == 2)
            break;
    fclose(file);
    return effective;
}

/*
 * Starts a setuid program that waits on its stdin, and looks whether it became somebody else. EPERM
 * where it stays what we are.
 */
static int run_setuid(char **arguments)
{
    int pipe_fds[2];
    int result = EPERM;
    pid_t child;

    if (pipe(pipe_fds) != 0)
        return errno;
    child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        dup2(pipe_fds[0], STDIN_FILENO);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        execv(arguments[0], arguments);
        _exit(SBX_PROBE_BROKEN);
    }
    close(pipe_fds[0]);
    for (int i = 0; i < 50 && result != 0; i++) {
        sbx_probe_sleep(0.01);
        if (read_effective_uid(child) != geteuid())
            result = 0;
    }
    kill(child, SIGKILL);
    close(pipe_fds[1]);
    (void)waitpid(child, NULL, 0);
    return result;
}

static int wait_on_stdin(char **arguments)
{
    char byte;

    (void)arguments;
    return read(STDIN_FILENO, &byte, 1) >= 0 ? 0 : errno;
}

const sbx_probe_verb sbx_probe_process_verbs[] = {
    {"kill", "PID [SIGNAL]", sbx_probe_denied_usual, send_signal},
    {"signal-everybody", "HOST-NAMESPACE", sbx_probe_denied_usual, signal_everybody},
    {"pidfd-signal", "PID", sbx_probe_denied_usual, send_pidfd_signal},
    {"ptrace", "PID", sbx_probe_denied_usual, trace},
    {"ptrace-child", "", sbx_probe_denied_usual, trace_own_child},
    {"process-vm-read", "PID", sbx_probe_denied_usual, read_memory},
    {"process-vm-write", "PID", sbx_probe_denied_usual, write_memory},
    {"open-mem", "PID", sbx_probe_denied_usual, open_memory},
    {"pidfd-getfd", "PID", sbx_probe_denied_usual, take_descriptor},
    {"nice", "", sbx_probe_denied_usual, set_priority},
    {"tiocsti", "", denied_terminal, type_ahead},
    {"tiocsti-high", "", denied_terminal, type_ahead_high},
    {"tioclinux", "", denied_terminal, paste_selection},
    {"setuid-self", "PATH [more]", sbx_probe_denied_usual, run_setuid},
    {"wait-stdin", "", sbx_probe_denied_usual, wait_on_stdin},
    {.name = NULL},
};
