/* Verbs about how a process lives and ends: sleepers, daemons, signals, chains of programs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/probe/probe.h"

static int sleep_for(char **arguments)
{
    sbx_probe_sleep(strtod(arguments[0], NULL));
    return 0;
}

/* Exits with CODE, silently. */
static int end_with(char **arguments)
{
    _exit((int)sbx_probe_number(arguments[0]));
}

static int kill_self(char **arguments)
{
    int number = (int)sbx_probe_number(arguments[0]);

    (void)signal(number, SIG_DFL);
    kill(getpid(), number);
    sbx_probe_sleep(1);
    return EALREADY;
}

static int ignore_term(char **arguments)
{
    (void)signal(SIGTERM, SIG_IGN);
    printf("ready\n");
    fflush(stdout);
    sbx_probe_sleep(strtod(arguments[0], NULL));
    return 0;
}

static volatile sig_atomic_t caught;

static void note_signal(int number)
{
    caught = number;
}

/* Leaves with 42 when TERM comes, after writing PATH: it got the time to clean up. */
static int clean_up_on_term(char **arguments)
{
    struct sigaction action;
    int fd;

    memset(&action, 0, sizeof(action));
    action.sa_handler = note_signal;
    (void)sigaction(SIGTERM, &action, NULL);
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < 2000 && caught == 0; i++)
        usleep(10000);
    if (caught == 0)
        return ETIME;
    fd = open(arguments[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    close(fd);
    _exit(42);
}

static void write_pid(const char *path)
{
    char text[32];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int bytes = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    if (fd < 0)
        return;
    (void)sbx_probe_write_all(fd, text, (unsigned long)bytes);
    close(fd);
}

/*
 * Leaves a process behind the classic way: fork, setsid, fork. It writes its pid to PATH, keeps our
 * stdout, and ignores the polite signals. Returns when PATH is there.
 */
static int make_daemon(char **arguments)
{
    int pipe_fds[2];
    char byte;
    pid_t child;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return errno;
    child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        (void)setsid();
        if (fork() != 0)
            _exit(0);
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGHUP, SIG_IGN);
        write_pid(arguments[0]);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        sbx_probe_sleep(strtod(arguments[1], NULL));
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    close(pipe_fds[1]);
    return read(pipe_fds[0], &byte, 1) == 0 ? 0 : EIO;
}

/* A tree: two sleeping children, one of them with a child, and a daemon; then it sleeps itself. */
static int grow_tree(char **arguments)
{
    double seconds = strtod(arguments[1], NULL);
    int result = make_daemon(arguments);

    if (result != 0)
        return result;
    for (int i = 0; i < 2; i++)
        if (fork() == 0) {
            if (i == 1)
                (void)!fork();
            sbx_probe_sleep(seconds);
            _exit(0);
        }
    printf("ready\n");
    fflush(stdout);
    sbx_probe_sleep(seconds);
    return 0;
}

/* Starts PATH that many times, one after the other. */
static int fork_and_execute(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);

    for (long long i = 0; i < count; i++) {
        int status = 0;
        pid_t child = fork();

        if (child < 0)
            return errno;
        if (child == 0) {
            execv(arguments[1], arguments + 1);
            _exit(SBX_PROBE_BROKEN);
        }
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            return EIO;
    }
    return 0;
}

/* Becomes itself again that many times: one process, many programs. */
static int execute_again(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);
    char number[32];
    char *next[] = {(char *)"probe", (char *)"exec-storm", number, NULL};

    if (count <= 0)
        return 0;
    snprintf(number, sizeof(number), "%lld", count - 1);
    execv("/proc/self/exe", next);
    return errno;
}

/* What job control looks like from inside: DID where we are the terminal's foreground. */
static int show_terminal(char **arguments)
{
    struct winsize size;
    pid_t foreground = tcgetpgrp(STDIN_FILENO);

    (void)arguments;
    if (foreground < 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0)
        return errno;
    printf("foreground=%d group=%d session=%d rows=%u columns=%u\n", (int)foreground,
           (int)getpgrp(), (int)getsid(0), size.ws_row, size.ws_col);
    return foreground == getpgrp() ? 0 : EPERM;
}

static void leave_on_resize(int number)
{
    (void)number;
    caught = 1;
}

/* Waits for the terminal to change its size, then says the new one. */
static int wait_for_resize(char **arguments)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = leave_on_resize;
    (void)sigaction(SIGWINCH, &action, NULL);
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < 500 && caught == 0; i++)
        usleep(10000);
    return caught == 0 ? ETIME : show_terminal(arguments);
}

const sbx_probe_verb sbx_probe_life_verbs[] = {
    {"sleep", "SECONDS [more]", sbx_probe_denied_usual, sleep_for},
    {"exit", "CODE", sbx_probe_denied_usual, end_with},
    {"kill-self", "SIGNAL", sbx_probe_denied_usual, kill_self},
    {"ignore-term", "SECONDS [more]", sbx_probe_denied_usual, ignore_term},
    {"clean-up", "PATH", sbx_probe_denied_usual, clean_up_on_term},
    {"daemon", "PATH SECONDS", sbx_probe_denied_usual, make_daemon},
    {"tree", "PATH SECONDS", sbx_probe_denied_usual, grow_tree},
    {"fork-exec", "COUNT PATH [more]", sbx_probe_denied_usual, fork_and_execute},
    {"exec-storm", "COUNT", sbx_probe_denied_usual, execute_again},
    {"terminal", "", sbx_probe_denied_usual, show_terminal},
    {"wait-resize", "", sbx_probe_denied_usual, wait_for_resize},
    {.name = NULL},
};
