/* Verbs that use much of something. A refusal by a limit (ENOMEM, EAGAIN, EMFILE, EFBIG) is
 * DENIED. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/probe/probe.h"

static const int denied_limit[] = {ENOMEM, EAGAIN, EMFILE, EFBIG, ENOSPC,
                                   EDQUOT, EACCES, EPERM,  EROFS, 0};

enum { CHILDREN_MAX = 4096 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Touches every page of that many MiB, in steps of one, so that a limit is met half-way. */
static int touch_memory(long long mebibytes)
{
    for (long long i = 0; i < mebibytes; i++) {
        char *memory =
            mmap(NULL, 1UL << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
            return errno;
        for (size_t at = 0; at < 1UL << 20; at += 4096)
            memory[at] = (char)(at + (size_t)i + 1);
    }
    return 0;
}

static int allocate(char **arguments)
{
    int result = touch_memory(sbx_probe_number(arguments[0]));

    if (result == 0 && arguments[1] != NULL)
        sbx_probe_sleep((double)sbx_probe_number(arguments[1]));
    return result;
}

/* That often: so much more, and a wait. */
static int allocate_in_steps(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);
    int result = 0;

    for (long long i = 0; i < count && result == 0; i++) {
        result = touch_memory(sbx_probe_number(arguments[1]));
        sbx_probe_sleep((double)sbx_probe_number(arguments[2]) / 1000);
    }
    return result;
}

static void burn(double seconds)
{
    double end = now() + seconds;

    while (now() < end)
        continue;
}

/* Starts count children that run body; waits for them; the first failure counts. */
static int with_children(long long count, int (*body)(char **arguments), char **arguments)
{
    int result = 0;

    fflush(NULL);
    for (long long i = 0; i < count; i++) {
        pid_t child = fork();

        if (child == 0)
            _exit(body(arguments));
        if (child < 0) {
            result = errno;
            break;
        }
    }
    for (;;) {
        int status;

        if (wait(&status) < 0) {
            if (errno == ECHILD)
                return result;
            continue;
        }
        if (result == 0)
            result = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }
}

/* All of them must be big at the same time, so each holds its memory for a second. */
static int child_allocates(char **arguments)
{
    int result = touch_memory(sbx_probe_number(arguments[1]));

    if (result == 0)
        sbx_probe_sleep(1);
    return result;
}

static int allocate_in_children(char **arguments)
{
    return with_children(sbx_probe_number(arguments[0]), child_allocates, arguments);
}

static int spin(char **arguments)
{
    burn(strtod(arguments[0], NULL));
    return 0;
}

static int child_spins(char **arguments)
{
    burn(strtod(arguments[1], NULL));
    return 0;
}

static int spin_in_children(char **arguments)
{
    return with_children(sbx_probe_number(arguments[0]), child_spins, arguments);
}

/* Forks sleepers up to that many, says how many there were at once, and ends them again. */
static int fork_many(char **arguments)
{
    static pid_t children[CHILDREN_MAX];
    long long wanted = sbx_probe_number(arguments[0]), made = 0;
    int result = 0;

    fflush(NULL);
    while (made < wanted && made < CHILDREN_MAX) {
        pid_t child = fork();

        if (child < 0) {
            result = errno;
            break;
        }
        if (child == 0) {
            sbx_probe_sleep(60);
            _exit(0);
        }
        children[made++] = child;
    }
    printf("forked=%lld\n", made);
    for (long long i = 0; i < made; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0 || errno == EINTR)
        continue;
    return result;
}

/* The real thing: everybody forks for ever, refusals do not stop it. Never on the host itself. */
static int fork_for_ever(char **arguments)
{
    double end = now() + strtod(arguments[1], NULL);

    if (!sbx_probe_is_elsewhere(arguments[0]))
        return EINVAL;
    while (now() < end)
        (void)!fork();
    return 0;
}

static int open_many(char **arguments)
{
    long long wanted = sbx_probe_number(arguments[0]);

    for (long long i = 0; i < wanted; i++)
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) {
            printf("opened=%lld\n", i);
            return errno;
        }
    return 0;
}

/* Bytes that are not all the same, so that a lost or doubled block shows. */
static void fill(char *block, size_t bytes, unsigned *state)
{
    for (size_t i = 0; i < bytes; i++) {
        *state = *state * 1103515245U + 12345U;
        block[i] = (char)(*state >> 16);
    }
}

static int write_bytes(int fd, long long bytes)
{
    static char block[1 << 16];
    unsigned state = 1;

    while (bytes > 0) {
        size_t part = bytes < (long long)sizeof(block) ? (size_t)bytes : sizeof(block);
        int result;

        fill(block, part, &state);
        result = sbx_probe_write_all(fd, block, part);
        if (result != 0)
            return result;
        bytes -= (long long)part;
    }
    return 0;
}

/* To stdout, and nothing else there: ends without saying its answer. */
static int print(char **arguments)
{
    int result = write_bytes(STDOUT_FILENO, sbx_probe_number(arguments[0]));

    if (result == 0)
        _exit(SBX_PROBE_DID);
    return result;
}

static int write_big(char **arguments)
{
    int fd = open(arguments[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int result;

    if (fd < 0)
        return errno;
    result = write_bytes(fd, sbx_probe_number(arguments[1]));
    close(fd);
    return result;
}

const sbx_probe_verb sbx_probe_load_verbs[] = {
    {"alloc", "MIB [SECONDS]", denied_limit, allocate},
    {"alloc-steps", "COUNT MIB MILLISECONDS", denied_limit, allocate_in_steps},
    {"alloc-children", "COUNT MIB", denied_limit, allocate_in_children},
    {"spin", "SECONDS", denied_limit, spin},
    {"spin-children", "COUNT SECONDS", denied_limit, spin_in_children},
    {"fork-bomb", "COUNT", denied_limit, fork_many},
    {"fork-for-ever", "HOST-NAMESPACE SECONDS", denied_limit, fork_for_ever},
    {"open-files", "COUNT", denied_limit, open_many},
    {"print", "BYTES", denied_limit, print},
    {"write-big", "PATH BYTES", denied_limit, write_big},
    {.name = NULL},
};
