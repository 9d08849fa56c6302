/*
 * What the doctor tries, as the program it tries it with: verbs that do one small thing each and
 * answer with 0 or an errno. Run once outside and once inside the sandbox.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/compiler.h"
#include "harness/runner/doctor.h"

enum { NONSENSE = 255, CHILDREN_MAX = 64 };

static uint64_t read_number(const char *text)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);

    if (end == text || *end != '\0')
        _exit(NONSENSE);
    return value;
}

static void sleep_ms(uint64_t milliseconds)
{
    struct timespec left = {.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_nsec = (long)(milliseconds % 1000 * SBX_NS_PER_MS)};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int do_write(char **arguments)
{
    return open_and_close(arguments[0], O_WRONLY | O_CREAT);
}

static int do_read(char **arguments)
{
    return open_and_close(arguments[0], O_RDONLY);
}

/* A file in a directory that need not be there yet. */
static int do_make_below(char **arguments)
{
    char path[PATH_MAX];

    if (mkdir(arguments[0], 0777) != 0 && errno != EEXIST)
        return errno;
    (void)snprintf(path, sizeof(path), "%s/file", arguments[0]);
    return open_and_close(path, O_WRONLY | O_CREAT);
}

static int connect_to(int family, const void *address, socklen_t bytes)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, address, bytes) != 0)
        return errno;
    return 0;
}

static int do_connect(char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)read_number(arguments[1]))};

    if (inet_pton(AF_INET, arguments[0], &address.sin_addr) != 1)
        return NONSENSE;
    return connect_to(AF_INET, &address, sizeof(address));
}

/* "@name" is an abstract address. */
static int do_connect_unix(char **arguments)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = strlen(arguments[0]);

    if (bytes >= sizeof(address.sun_path))
        return NONSENSE;
    memcpy(address.sun_path, arguments[0], bytes);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    else
        bytes++;
    return connect_to(AF_UNIX, &address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes));
}

static int do_signal(char **arguments)
{
    return kill((pid_t)read_number(arguments[0]), SIGCONT) == 0 ? 0 : errno;
}

static int do_attach_memory(char **arguments)
{
    return shmat((int)read_number(arguments[0]), NULL, SHM_RDONLY) != (void *)-1 ? 0 : errno;
}

static int do_unshare_user(char **arguments)
{
    (void)arguments;
    return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

static int do_keyring(char **arguments)
{
    (void)arguments;
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0 ? 0 : errno;
}

static int do_be(char **arguments)
{
    return getuid() == (uid_t)read_number(arguments[0]) ? 0 : EPERM;
}

/* MB HOLD_MS: who looks only now and then gets time to. */
static int do_allocate(char **arguments)
{
    size_t bytes = (size_t)read_number(arguments[0]) << 20;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return errno;
    for (size_t at = 0; at < bytes; at += 4096)
        *(volatile char *)(memory + at) = 1;
    sleep_ms(read_number(arguments[1]));
    return 0;
}

static int do_fork(char **arguments)
{
    uint64_t wanted = read_number(arguments[0]), count = 0;
    pid_t children[CHILDREN_MAX];
    int code = 0;

    while (count < wanted && count < CHILDREN_MAX && code == 0) {
        children[count] = fork();
        if (children[count] == 0)
            for (;;)
                pause();
        if (children[count] < 0)
            code = errno;
        else
            count++;
    }
    while (count > 0) {
        (void)kill(children[--count], SIGKILL);
        (void)waitpid(children[count], NULL, 0);
    }
    return code;
}

static uint64_t cpu_now_ns(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * SBX_NS_PER_S + (uint64_t)used.tv_nsec;
}

static int do_spin(char **arguments)
{
    uint64_t end_ns = cpu_now_ns() + read_number(arguments[0]) * SBX_NS_PER_MS;

    while (cpu_now_ns() < end_ns)
        continue;
    return 0;
}

/*
 * Answers with the percentage of one CPU that it got. A rate is held by pauses at the end of each
 * period: from the end of one pause to the end of another there are whole periods, and the share is
 * exact.
 */
static int do_rate(char **arguments)
{
    const uint64_t pause_ns = 15 * SBX_NS_PER_MS;
    uint64_t began_ns = sbx_clock_monotonic_ns(), now_ns = began_ns, before_ns = began_ns;
    uint64_t end_ns = began_ns + read_number(arguments[0]) * SBX_NS_PER_MS;
    uint64_t from_ns = 0, from_cpu_ns = 0, to_ns = 0, to_cpu_ns = 0;

    while (now_ns < end_ns) {
        before_ns = now_ns;
        now_ns = sbx_clock_monotonic_ns();
        if (now_ns - before_ns < pause_ns)
            continue;
        to_ns = now_ns;
        to_cpu_ns = cpu_now_ns();
        if (from_ns == 0) {
            from_ns = to_ns;
            from_cpu_ns = to_cpu_ns;
        }
    }
    if (to_ns == from_ns) /* fewer than two pauses */
        return (int)(cpu_now_ns() * 100 / (now_ns - began_ns));
    return (int)((to_cpu_ns - from_cpu_ns) * 100 / (to_ns - from_ns));
}

static int do_sleep(char **arguments)
{
    sleep_ms(read_number(arguments[0]));
    return 0;
}

/* Says its pid on stdout and stays; not for ever, as nobody ends it where the doctor was killed. */
static int do_stay(char **arguments)
{
    enum { STAYS_S = 5 };
    pid_t pid = getpid();

    (void)arguments;
    (void)alarm(STAYS_S);
    if (write(STDOUT_FILENO, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        return EIO;
    for (;;)
        pause();
}

static int do_write_bytes(int fd, uint64_t bytes)
{
    static const char zeros[4096];

    while (bytes > 0) {
        ssize_t done = write(fd, zeros, bytes < sizeof(zeros) ? (size_t)bytes : sizeof(zeros));

        if (done < 0)
            return errno;
        bytes -= (uint64_t)done;
    }
    return 0;
}

static int do_fill(char **arguments)
{
    int fd = open(arguments[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    return fd < 0 ? errno : do_write_bytes(fd, read_number(arguments[1]));
}

static int do_print(char **arguments)
{
    return do_write_bytes(STDOUT_FILENO, read_number(arguments[0]));
}

static int do_open_many(char **arguments)
{
    for (uint64_t left = read_number(arguments[0]); left > 0; left--)
        if (dup(STDIN_FILENO) < 0)
            return errno;
    return 0;
}

static const struct {
    const char *name;
    int argument_count;
    int (*run)(char **arguments);
} verbs[] = {
    {"write", 1, do_write},
    {"read", 1, do_read},
    {"make-below", 1, do_make_below},
    {"connect", 2, do_connect},
    {"connect-unix", 1, do_connect_unix},
    {"signal", 1, do_signal},
    {"attach-memory", 1, do_attach_memory},
    {"unshare-user", 0, do_unshare_user},
    {"keyring", 0, do_keyring},
    {"be", 1, do_be},
    {"alloc", 2, do_allocate},
    {"fork", 1, do_fork},
    {"spin", 1, do_spin},
    {"rate", 1, do_rate},
    {"sleep", 1, do_sleep},
    {"stay", 0, do_stay},
    {"fill", 2, do_fill},
    {"print", 1, do_print},
    {"open", 1, do_open_many},
};

void sbx_doctor_probe(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < SBX_COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].name, argv[0]) == 0 && argc == verbs[i].argument_count + 1)
            _exit(verbs[i].run(argv + 1));
    _exit(NONSENSE);
}
