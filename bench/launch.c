/*
 * Measures what it costs to start a program in several ways, side by side:
 *
 *     launch [OPTION VALUE]… @NAME COMMAND ARGUMENT… @NAME COMMAND ARGUMENT… …
 *
 *   --runs N       hot launches of each, back to back (default 300)
 *   --cold-runs N  launches of each after --gap-ms of idleness (default 60)
 *   --gap-ms N     (default 100)
 *   --base NAME    whose median the others are compared with (default: the first)
 *   --json FILE    the same figures, with the machine's, as JSON
 *   --fact K=V     goes into the JSON as it is; may be repeated
 *
 * One launch is posix_spawn() to the return of wait4(). The launches of all are interleaved, one of
 * each per round in an order that changes, so that noise of the machine hits all alike. What takes
 * twenty times as long as the first is measured in rounds of its own: who comes after a long wait
 * finds colder caches. Output is discarded. A command that fails ends the measurement.
 */
#include "bench/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { SLOW_FACTOR = 20, WARM_UPS = 5, MEMORY_RUNS = 5 };

static posix_spawn_file_actions_t silent;

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void pause_ms(long milliseconds)
{
    struct timespec left = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = milliseconds % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static pid_t start(const contestant *who)
{
    pid_t pid;
    int code = posix_spawnp(&pid, who->argv[0], &silent, NULL, who->argv, environ);

    if (code != 0)
        launch_fail("%s: cannot start %s: %s", who->name, who->argv[0], strerror(code));
    return pid;
}

static double timeval_us(struct timeval value)
{
    return (double)value.tv_sec * 1e6 + (double)value.tv_usec;
}

/*
 * Wall time, and CPU time of all its processes. Some leave processes behind that are still dying
 * (bwrap does not wait for its init): they become our children, so that their CPU time is counted
 * and the next launch does not run beside them; their wall time is nobody's.
 */
static double launch_once(double *out_cpu_us, const contestant *who)
{
    double began = now_us(), took;
    pid_t pid = start(who);
    struct rusage used = {0};
    int status = 0;

    while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR)
        continue;
    took = now_us() - began;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        launch_fail("%s: ended with wait status 0x%x (run it by hand to see why)", who->name,
                    status);
    do
        *out_cpu_us += timeval_us(used.ru_utime) + timeval_us(used.ru_stime);
    while (wait4(-1, NULL, __WALL, &used) > 0);
    return took;
}

/*
 * Peak memory of the program itself, in KiB: its VmHWM, read while it stands still at its exit.
 * What wait4() reports holds the largest of its descendants too, and our own from before its exec.
 */
static long peak_once(const contestant *who)
{
    pid_t pid = start(who);
    long peak_kib = -1;
    int status = 0;

    if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(uintptr_t)PTRACE_O_TRACEEXIT) != 0) {
        (void)waitpid(pid, &status, 0); /* too late, or set-user-ID */
        return -1;
    }
    for (;;) {
        int number = 0;

        if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
            return peak_kib;
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
            peak_kib = launch_read_peak(pid);
        else if (status >> 16 == 0)
            number = WSTOPSIG(status);
        (void)ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)number);
    }
}

static void measure_peak(contestant *who)
{
    who->peak_kib = -1;
    for (int i = 0; i < MEMORY_RUNS; i++) {
        long peak_kib = peak_once(who);

        if (peak_kib > who->peak_kib)
            who->peak_kib = peak_kib;
    }
}

/* Numbers enough for an order; the same ones each time, so that a measurement can be repeated. */
static unsigned next_number(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33);
}

static void shuffle(contestant **list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = next_number() % i;
        contestant *kept = list[i - 1];

        list[i - 1] = list[other];
        list[other] = kept;
    }
}

static void run_rounds(contestant **list, size_t count, int rounds, long gap_ms)
{
    for (int round = 0; round < rounds; round++) {
        shuffle(list, count);
        for (size_t i = 0; i < count; i++) {
            double took_us, cpu_us = 0;

            if (gap_ms > 0)
                pause_ms(gap_ms);
            took_us = launch_once(&cpu_us, list[i]);
            launch_add(gap_ms > 0 ? &list[i]->cold : &list[i]->hot, took_us);
            if (gap_ms == 0)
                launch_add(&list[i]->cpu, cpu_us);
        }
    }
}

static void measure(const settings *asked, contestant *all, size_t count)
{
    contestant *fast[CONTESTANTS_MAX], *slow[CONTESTANTS_MAX], *every[CONTESTANTS_MAX];
    size_t fast_count = 0, slow_count = 0;
    double first_least = 0;

    for (size_t i = 0; i < count; i++) {
        double least = 1e12, cpu_us = 0;

        launch_samples_init(&all[i].hot, asked->runs);
        launch_samples_init(&all[i].cpu, asked->runs);
        launch_samples_init(&all[i].cold, asked->cold_runs);
        for (int j = 0; j < WARM_UPS; j++) {
            double took_us = launch_once(&cpu_us, &all[i]);

            least = took_us < least ? took_us : least;
        }
        every[i] = &all[i];
        if (i == 0)
            first_least = least;
        all[i].is_slow = least > SLOW_FACTOR * first_least && i != asked->base;
        if (all[i].is_slow)
            slow[slow_count++] = &all[i];
        else
            fast[fast_count++] = &all[i];
    }
    run_rounds(fast, fast_count, asked->runs, 0);
    run_rounds(slow, slow_count, asked->runs, 0);
    if (asked->gap_ms > 0)
        run_rounds(every, count, asked->cold_runs, asked->gap_ms);
    for (size_t i = 0; i < count; i++)
        measure_peak(&all[i]);
}

int main(int argc, char **argv)
{
    static contestant all[CONTESTANTS_MAX];
    settings asked;
    size_t count = launch_read_arguments(&asked, all, argc, argv);

    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
        posix_spawn_file_actions_init(&silent) != 0 ||
        posix_spawn_file_actions_addopen(&silent, 0, "/dev/null", O_RDONLY, 0) != 0 ||
        posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&silent, 1, 2) != 0)
        launch_fail("cannot begin: %s", strerror(errno));
    measure(&asked, all, count);
    launch_print_table(&asked, all, count);
    if (asked.json_path != NULL)
        launch_write_json(&asked, all, count);
    return 0;
}
