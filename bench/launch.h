/* What bench/launch.c measures and bench/report.c reads, sorts and prints. */
#ifndef SBX_BENCH_LAUNCH_H
#define SBX_BENCH_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONTESTANTS_MAX = 32, FACTS_MAX = 32 };

typedef struct samples {
    double *us;
    int count, room;
} samples;

typedef struct contestant {
    const char *name;
    char **argv; /* NULL-terminated, into main's */
    samples hot, cold;
    samples cpu;   /* of the hot launches: user and system, all processes */
    long peak_kib; /* -1: could not be told */
    bool is_slow;  /* measured in rounds of its own */
} contestant;

typedef struct settings {
    int runs, cold_runs;
    long gap_ms;
    size_t base;
    const char *json_path;
    const char *fact[FACTS_MAX]; /* KEY=VALUE */
    size_t fact_count;
} settings;

/* All of these end the program with a message where something is wrong. */
_Noreturn void launch_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
size_t launch_read_arguments(settings *out, contestant *out_all, int argc, char **argv);
void launch_samples_init(samples *out, int room);
void launch_add(samples *list, double us);
void launch_print_table(const settings *asked, contestant *all, size_t count);
void launch_write_json(const settings *asked, contestant *all, size_t count);

/* VmHWM of a process that stands still, in KiB; -1: it has no memory any more. */
long launch_read_peak(pid_t pid);

#endif
