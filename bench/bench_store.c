/*
 * What the audit database costs a command: open, start row, end row, close, and the checkpoint
 * between them.
 *
 *     bench_store [RUNS] [DIRECTORY]     medians of 300 runs, in a new directory below /tmp
 *
 * Three columns: a database that does not exist yet; a process of its own for each run, as `sbx
 * exec` is one; and the same again and again in one process, which leaves out page faults and cold
 * caches.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/store.h"
#include "harness/base/clock.h"

extern char **environ;

enum { STEP_OPEN, STEP_START, STEP_TIDY, STEP_END, STEP_CLOSE, STEP_COUNT };

static const char *const step_names[] = {"open", "start", "tidy", "end", "close"};

typedef struct sample {
    uint64_t ns[STEP_COUNT];
    long faults;
} sample;

static void give_up(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static void describe(sbx_store_start *start, sbx_store_end *end, sbx_limits *limits,
                     const char *run_id)
{
    static const char *const argv[] = {"make", "-C", "/home/user/project", "test", NULL};

    sbx_limits_init(limits);
    limits->value[SBX_LIMIT_MEMORY] = UINT64_C(2) << 30;
    limits->value[SBX_LIMIT_WALL] = 60 * SBX_NS_PER_S;
    *start = (sbx_store_start){
        .run_id = run_id,
        .argv = argv,
        .cwd = "/home/user/project",
        .env = (const char *const *)environ,
        .policy_name = "workspace",
        .policy_json = "{\"version\":1,\"filesystem\":{\"write\":[\"/home/user/project\"]}}",
        .network = "none",
        .identity = "sandbox",
        .backend = "namespaces",
        .enforcement = "full",
        .missing = "",
        .walls = "namespaces,landlock,seccomp,mounts",
        .limits = limits,
        .started_us = sbx_clock_utc_us(),
    };
    *end = (sbx_store_end){
        .status = "ok",
        .reason = "",
        .has_command_exit = true,
        .ended_us = sbx_clock_utc_us(),
        .wall_ns = SBX_NS_PER_MS,
        .output_bytes = SBX_UNLIMITED,
        .audit_sources = "seccomp",
        .audit_complete = -1,
        .limits_hit = "",
    };
    end->enforcers[SBX_LIMIT_MEMORY] = SBX_ENFORCER_CGROUP2;
}

static void one_run(sample *out, const char *path)
{
    const sbx_store_options options = {.busy_ns = 10 * SBX_NS_PER_S};
    struct rusage before, after;
    char run_id[SBX_RUN_ID_BYTES];
    sbx_store *store;
    sbx_store_start start;
    sbx_store_end end;
    sbx_limits limits;
    sbx_error err;
    int64_t run;
    uint64_t at[STEP_COUNT + 1];

    if (sbx_run_id_make(run_id, &err) != SBX_OK)
        give_up(err.message);
    describe(&start, &end, &limits, run_id);
    getrusage(RUSAGE_SELF, &before);
    at[STEP_OPEN] = sbx_clock_monotonic_ns();
    if (sbx_store_open(&store, path, &options, &err) != SBX_OK)
        give_up(err.message);
    at[STEP_START] = sbx_clock_monotonic_ns();
    if (sbx_store_run_start(&run, store, &start, &err) != SBX_OK)
        give_up(err.message);
    at[STEP_TIDY] = sbx_clock_monotonic_ns();
    sbx_store_tidy(store);
    at[STEP_END] = sbx_clock_monotonic_ns();
    if (sbx_store_run_end(store, run, &end, NULL, &err) != SBX_OK)
        give_up(err.message);
    at[STEP_CLOSE] = sbx_clock_monotonic_ns();
    sbx_store_close(store);
    at[STEP_COUNT] = sbx_clock_monotonic_ns();
    getrusage(RUSAGE_SELF, &after);
    for (int i = 0; i < STEP_COUNT; i++)
        out->ns[i] = at[i + 1] - at[i];
    out->faults = after.ru_minflt - before.ru_minflt;
}

/* The same in a new process, which writes its sample into a pipe. */
static void one_process(sample *out, const char *self, const char *path)
{
    char *argv[] = {(char *)(uintptr_t)self, (char *)(uintptr_t) "--one", (char *)(uintptr_t)path,
                    NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    pid_t pid;

    if (pipe(ends) != 0)
        give_up(strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (posix_spawn(&pid, self, &actions, NULL, argv, environ) != 0)
        give_up("posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (read(ends[0], out, sizeof(*out)) != (ssize_t)sizeof(*out))
        give_up("a run failed");
    close(ends[0]);
    waitpid(pid, &status, 0);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare);
    return values[count / 2];
}

/* Median in microseconds of one step, or of all but the tidying where step is STEP_COUNT. */
static double median_of(const sample *samples, int count, int step, double *scratch)
{
    for (int i = 0; i < count; i++) {
        scratch[i] = 0;
        for (int each = 0; each < STEP_COUNT; each++)
            if (each == step || (step == STEP_COUNT && each != STEP_TIDY))
                scratch[i] += (double)samples[i].ns[each] / 1000.0;
    }
    return median(scratch, count);
}

static double mean_tidy(const sample *samples, int count)
{
    double sum = 0;

    for (int i = 0; i < count; i++)
        sum += (double)samples[i].ns[STEP_TIDY] / 1000.0;
    return sum / count;
}

static void remove_database(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[4200];

    for (size_t i = 0; i < SBX_COUNT_OF(ends); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void print_table(sample *const columns[3], int count)
{
    double *scratch = calloc((size_t)count, sizeof(*scratch));

    if (scratch == NULL)
        give_up("no memory");
    printf("%-22s %12s %12s %12s\n", "us, median", "first open", "new process", "in a loop");
    for (int step = 0; step <= STEP_COUNT; step++) {
        printf("%-22s", step == STEP_COUNT ? "all but tidy" : step_names[step]);
        for (int column = 0; column < 3; column++)
            printf(" %12.0f", median_of(columns[column], count, step, scratch));
        printf("\n");
    }
    printf("%-22s", "tidy, mean");
    for (int column = 0; column < 3; column++)
        printf(" %12.0f", mean_tidy(columns[column], count));
    printf("\n%-22s", "page faults, median");
    for (int column = 0; column < 3; column++) {
        for (int i = 0; i < count; i++)
            scratch[i] = (double)columns[column][i].faults;
        printf(" %12.0f", median(scratch, count));
    }
    printf("\n");
    free(scratch);
}

int main(int argc, char **argv)
{
    char directory[4096], path[4110];
    sample *columns[3], one;
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 300;

    if (argc == 3 && strcmp(argv[1], "--one") == 0) {
        one_run(&one, argv[2]);
        return write(1, &one, sizeof(one)) == (ssize_t)sizeof(one) ? 0 : 1;
    }
    if (count < 1)
        give_up("usage: bench_store [RUNS] [DIRECTORY]");
    snprintf(directory, sizeof(directory), "%s/sbx-bench-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (mkdtemp(directory) == NULL)
        give_up(directory);
    snprintf(path, sizeof(path), "%s/audit.db", directory);
    for (int column = 0; column < 3; column++) {
        columns[column] = calloc((size_t)count, sizeof(sample));
        if (columns[column] == NULL)
            give_up("no memory");
    }
    for (int i = 0; i < count; i++) {
        remove_database(path);
        one_process(&columns[0][i], "/proc/self/exe", path);
    }
    for (int i = 0; i < count; i++)
        one_process(&columns[1][i], "/proc/self/exe", path);
    for (int i = 0; i < count; i++)
        one_run(&columns[2][i], path);
    print_table(columns, count);
    for (int column = 0; column < 3; column++)
        free(columns[column]);
    remove_database(path);
    rmdir(directory);
    return 0;
}
