/*
 * What a worker costs a command: N runs of PROGRAM one after the other in each of JOBS processes, and the same
 * number by posix_spawn() alone.
 *
 *     bench_worker DATABASE JOBS N PROGRAM [ARG…]     default policy, --mem 1G --procs 64 --wall 60s
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/runner/worker.h"

extern char **environ;

static void give_up(const char *what, const sbx_error *err)
{
    fprintf(stderr, "bench_worker: %s%s%s\n", what, err != NULL ? ": " : "",
            err != NULL ? err->message : "");
    _exit(1);
}

static void limit(sbx_policy *policy)
{
    policy->limits.value[SBX_LIMIT_MEMORY] = UINT64_C(1) << 30;
    policy->limits.value[SBX_LIMIT_PROCESSES] = 64;
    policy->limits.value[SBX_LIMIT_WALL] = 60 * SBX_NS_PER_S;
}

static void run_worker(const char *database, int count, char **argv)
{
    const sbx_worker_options options = {
        .audit_path = database, .audit_required = true, .audit_busy_ns = 10 * SBX_NS_PER_S};
    sbx_worker *worker = NULL;
    sbx_error err;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const sbx_task task = {.stdio_fd = {null, null, null}};

    if (sbx_worker_create(&worker, &options, &err) != SBX_OK)
        give_up("make a worker", &err);
    for (int i = 0; i < count; i++) {
        sbx_policy policy;
        sbx_plan plan = {0};
        sbx_result result;
        const sbx_plan_request asked = {.argv = (const char *const *)argv,
                                        .environment = (const char *const *)environ,
                                        .audit_path = database,
                                        .watch_denials = true};

        sbx_policy_init(&policy);
        if (sbx_policy_load(&policy, "read-only", &err) != SBX_OK)
            give_up("read the policy", &err);
        limit(&policy);
        if (sbx_plan_make(&plan, &policy, &asked, &err) != SBX_OK)
            give_up("plan", &err);
        sbx_worker_run(&result, worker, &plan, &task);
        if (result.verdict.outcome != SBX_OUTCOME_OK)
            give_up("run", &result.events.error);
        sbx_result_done(&result);
        sbx_plan_done(&plan);
        sbx_policy_done(&policy);
    }
    sbx_worker_free(worker);
}

static void run_bare(int count, char **argv)
{
    for (int i = 0; i < count; i++) {
        pid_t pid;

        if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0)
            give_up("spawn", NULL);
        while (waitpid(pid, NULL, 0) < 0) {
        }
    }
}

static double cpu_s(void)
{
    struct rusage used;

    getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double measure(const char *name, const char *database, int jobs, int count, char **argv)
{
    uint64_t before_ns = sbx_clock_monotonic_ns();
    double cpu = cpu_s(), seconds;

    for (int job = 0; job < jobs; job++)
        if (fork() == 0) {
            if (database != NULL)
                run_worker(database, count, argv);
            else
                run_bare(count, argv);
            _exit(0);
        }
    for (int status; wait(&status) > 0;)
        if (status != 0)
            give_up("a worker failed", NULL);
    seconds = (double)(sbx_clock_monotonic_ns() - before_ns) / 1e9;
    printf("%-12s %8.0f runs/s %8.2f ms of CPU each\n", name, jobs * count / seconds,
           (cpu_s() - cpu) * 1000 / (jobs * count));
    fflush(stdout);
    return seconds;
}

int main(int argc, char **argv)
{
    double bare = 0, worker = 0;
    int jobs, count;

    if (argc < 5)
        give_up("usage: bench_worker DATABASE JOBS N PROGRAM [ARG…]", NULL);
    jobs = (int)strtol(argv[2], NULL, 10);
    count = (int)strtol(argv[3], NULL, 10) / 3;
    for (int round = 0; round < 3; round++) {
        bare += measure("posix_spawn", NULL, jobs, count, argv + 4);
        worker += measure("worker", argv[1], jobs, count, argv + 4);
    }
    printf("the worker takes %.2f of the floor's time\n", worker / bare);
    return 0;
}
