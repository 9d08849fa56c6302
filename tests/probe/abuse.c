/* Verbs that use the machine as a hostile program would. Each is bounded by its arguments. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"

/* A refusal by a limit. */
static const int denied_limit[] = {ENOMEM, EAGAIN, EMFILE, EFBIG, ENOSPC,
                                   EDQUOT, EACCES, EPERM,  EROFS, 0};

static void *sleep_in_thread(void *nothing)
{
    sbx_probe_sleep(60);
    return nothing;
}

/* Threads up to that many, which sleep; says how many there were. */
static int make_threads(char **arguments)
{
    long long wanted = sbx_probe_number(arguments[0]), made = 0;
    pthread_attr_t attributes;
    int result = 0;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    while (made < wanted && result == 0) {
        pthread_t thread;

        result = pthread_create(&thread, &attributes, sleep_in_thread, NULL);
        if (result == 0)
            made++;
    }
    printf("threads=%lld\n", made);
    return result;
}

/* Becomes itself again that many times, with arguments of bytes that take the most room in a record. */
static int execute_wide(char **arguments)
{
    enum { WORDS = 8 };
    long long count = sbx_probe_number(arguments[0]), bytes = sbx_probe_number(arguments[1]);
    char number[32], size[32];
    char *wide = calloc(1, (size_t)bytes + 1);
    char *next[4 + WORDS + 1] = {(char *)"probe", (char *)"exec-wide", number, size};

    if (wide == NULL || count <= 0)
        return wide == NULL ? ENOMEM : 0;
    memset(wide, 1, (size_t)bytes);
    for (int i = 0; i < WORDS; i++)
        next[4 + i] = wide;
    snprintf(number, sizeof(number), "%lld", count - 1);
    snprintf(size, sizeof(size), "%lld", bytes);
    execv("/proc/self/exe", next);
    return errno;
}

static int touch_shared(void *memory, size_t bytes)
{
    if (memory == MAP_FAILED)
        return errno;
    for (size_t at = 0; at < bytes; at += 4096)
        ((char *)memory)[at] = 1;
    return 0;
}

/* Shared memory in steps of a MiB: anonymous, or System V's. */
static int allocate_shared(char **arguments)
{
    long long mebibytes = sbx_probe_number(arguments[0]);

    for (long long i = 0; i < mebibytes; i++) {
        void *memory =
            mmap(NULL, 1UL << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int result = touch_shared(memory, 1UL << 20);

        if (result != 0)
            return result;
    }
    return 0;
}

static int allocate_segments(char **arguments)
{
    long long mebibytes = sbx_probe_number(arguments[0]);

    for (long long i = 0; i < mebibytes; i++) {
        int id = shmget(IPC_PRIVATE, 1UL << 20, 0600);
        int result = id < 0 ? errno : touch_shared(shmat(id, NULL, 0), 1UL << 20);

        if (result != 0)
            return result;
    }
    return 0;
}

static int make_files(char **arguments)
{
    long long count = sbx_probe_number(arguments[1]);
    char path[4096];

    for (long long i = 0; i < count; i++) {
        int fd;

        snprintf(path, sizeof(path), "%s/%lld", arguments[0], i);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) {
            printf("files=%lld\n", i);
            return errno;
        }
        close(fd);
    }
    return 0;
}

/* stdout and stderr in turn, that many bytes on each. */
static int flood(char **arguments)
{
    static char block[16384];
    long long bytes = sbx_probe_number(arguments[0]);

    memset(block, 'x', sizeof(block));
    for (; bytes > 0; bytes -= (long long)sizeof(block)) {
        int result = sbx_probe_write_all(STDOUT_FILENO, block, sizeof(block));

        if (result == 0)
            result = sbx_probe_write_all(STDERR_FILENO, block, sizeof(block));
        if (result != 0)
            return result;
    }
    _exit(SBX_PROBE_DID);
}

/* That many writes that are refused, each of another name below the directory. */
static int be_denied(char **arguments)
{
    long long count = sbx_probe_number(arguments[1]);
    char path[4096];

    for (long long i = 0; i < count; i++) {
        int fd;

        snprintf(path, sizeof(path), "%s/%lld-%0*d", arguments[0], i,
                 arguments[2] == NULL ? 1 : (int)sbx_probe_number(arguments[2]), 0);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            return EEXIST;
    }
    return 0;
}

/* Children that are stopped, every other one also traced; then it ends without them. */
static int leave_stopped(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);

    fflush(NULL);
    for (long long i = 0; i < count; i++) {
        pid_t child = fork();

        if (child < 0)
            return errno;
        if (child == 0) {
            if (i % 2 == 1)
                (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            (void)raise(SIGSTOP);
            sbx_probe_sleep(60);
            _exit(0);
        }
        (void)waitpid(child, NULL, WUNTRACED);
    }
    return 0;
}

/* A child that stops its own parent and traces it, while both are being killed. */
static int trace_parent(char **arguments)
{
    pid_t parent = getpid(), child;

    (void)arguments;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        long traced = ptrace(PTRACE_SEIZE, parent, NULL, NULL);

        printf("%s\n", traced == 0 ? "seized" : "ready");
        fflush(stdout);
        (void)ptrace(PTRACE_INTERRUPT, parent, NULL, NULL);
        sbx_probe_sleep(60);
    }
    sbx_probe_sleep(60);
    return 0;
}

static int leave_children(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);
    double seconds = strtod(arguments[1], NULL);

    fflush(NULL);
    for (long long i = 0; i < count; i++) {
        pid_t child = fork();

        if (child < 0)
            return errno;
        if (child == 0) {
            if (i % 3 == 0)
                (void)setsid();
            (void)signal(SIGTERM, SIG_IGN);
            sbx_probe_sleep(seconds);
            _exit(0);
        }
    }
    return 0;
}

/* Dead children that nobody waits for, and as many orphans that are init's to bury. */
static int make_zombies(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);

    fflush(NULL);
    for (long long i = 0; i < count; i++) {
        pid_t child = fork();

        if (child < 0)
            return errno;
        if (child == 0) {
            if (i % 2 == 0)
                (void)!fork();
            _exit(0);
        }
    }
    return 0;
}

/* fork and exit that many times: past the highest pid there is, and on. */
static int spend_pids(char **arguments)
{
    long long count = sbx_probe_number(arguments[0]);
    pid_t last = 0;
    int wrapped = 0;

    for (long long i = 0; i < count; i++) {
        pid_t child = vfork();

        if (child == 0)
            syscall(SYS_exit, 0); /* not exit_group: nobody is asked */
        if (child < 0)
            return errno;
        wrapped |= child < last;
        last = child;
        (void)waitpid(child, NULL, 0);
    }
    return wrapped ? 0 : ERANGE;
}

static int close_everything(char **arguments)
{
    int code = (int)sbx_probe_number(arguments[0]);

    (void)close_range(0, ~0U, 0);
    sbx_probe_sleep(0.1);
    _exit(code);
}

const sbx_probe_verb sbx_probe_abuse_verbs[] = {
    {"thread-bomb", "COUNT", denied_limit, make_threads},
    {"exec-wide", "COUNT BYTES [more]", denied_limit, execute_wide},
    {"alloc-shared", "MIB", denied_limit, allocate_shared},
    {"alloc-segments", "MIB", denied_limit, allocate_segments},
    {"make-files", "DIRECTORY COUNT", denied_limit, make_files},
    {"flood", "BYTES", denied_limit, flood},
    {"deny-many", "DIRECTORY COUNT [WIDTH]", denied_limit, be_denied},
    {"leave-stopped", "COUNT", denied_limit, leave_stopped},
    {"trace-parent", "", denied_limit, trace_parent},
    {"leave-children", "COUNT SECONDS", denied_limit, leave_children},
    {"zombies", "COUNT", denied_limit, make_zombies},
    {"spend-pids", "COUNT", denied_limit, spend_pids},
    {"close-all", "CODE", denied_limit, close_everything},
    {.name = NULL},
};
