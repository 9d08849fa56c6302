/*
 * libsbx: run commands under limits, confined and recorded, as `sbx exec` does, many at a time.
 *
 *     sbx_runner *runner;
 *     sbx_error error;
 *     const char *argv[] = {"cc", "-c", "a.c", NULL};
 *     sbx_command command = {.size = sizeof(command), .argv = argv, .policy = "workspace", .memory_bytes = 1 << 30};
 *     sbx_result *result;
 *
 *     if (sbx_open(&runner, NULL, &error) != SBX_OK) …
 *     sbx_submit(runner, &command, NULL, &error);
 *     while (sbx_next(runner, &result, -1, &error) == SBX_OK) {
 *         printf("%s %d\n", result->status, result->exit_code);
 *         sbx_result_free(result);
 *     }
 *     sbx_close(runner);
 *
 * How it works. sbx_open() starts the program `sbx` as a helper, which keeps warm workers, starts what is submitted, and
 * sends results back over a socket. Nothing else happens in the calling process: the library makes no threads, handles
 * no signals, keeps nothing in global variables, and needs nothing but the C library. The helper is no child that the
 * caller could see: no SIGCHLD is raised, wait() finds nothing (only a caller that is a subreaper gets it, when it
 * ends). It is in a session of its own, so that a Ctrl-C is the caller's business. It inherits the environment,
 * the working directory and the user of the moment when sbx_open() was called, and no descriptor. When the caller
 * ends in whatever way, or calls sbx_close(), the helper ends and everything that it runs is killed.
 *
 * Threads. A runner belongs to one thread at a time; different runners do not know each other. sbx_open() may be
 * called while other threads run. After fork() the child must not use its parent's runners (it may leave them as they
 * are: descriptors are closed by exec).
 *
 * Stability. Structures given to the library begin with their size, and later versions add members at their ends; those
 * that come from the library grow at their ends, too. Members that are 0 or NULL are not said. Texts are UTF-8.
 */
#ifndef SBX_SBX_H
#define SBX_SBX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SBX_API __attribute__((visibility("default")))

enum {
    SBX_OK = 0,
    SBX_NOTHING = 1,  /* no result came in that time, or nothing is under way */
    SBX_INVALID = -1, /* what was asked for makes no sense; nothing was started */
    SBX_REFUSED = -2, /* the helper cannot do it: no program, another version, no audit database */
    SBX_LOST =
        -3, /* the helper is gone, and with it what was under way; the runner can only be closed */
    SBX_SYSTEM = -4 /* the system said no, see os_code */
};

typedef struct sbx_error {
    int code;    /* one of the above */
    int os_code; /* errno, or 0 */
    char message[512];
} sbx_error;

enum {
    SBX_AUDIT_BEST_EFFORT = 1, /* run also what cannot be recorded; without it: no record, no run */
    SBX_ALLOW_DEGRADED = 2,    /* run also where this host cannot enforce everything */
    SBX_NO_WATCH = 4           /* do not watch for denied accesses: they are denied all the same */
};

typedef struct sbx_options {
    size_t size; /* sizeof(sbx_options) */
    const char *
        program; /* the program sbx; NULL: the one that was installed with the library, else by PATH */
    const char *audit_db; /* NULL: as `sbx exec` finds it */
    const char *policy;   /* of commands that name none: read-only, workspace, grader, or a file */
    const char *session;  /* recorded with each run */
    const char *agent;
    unsigned
        jobs; /* commands that run at once; 0: as many as there are CPUs. Memory is not added up */
    unsigned flags; /* SBX_AUDIT_BEST_EFFORT … */
} sbx_options;

/* A command. Paths of write and read are absolute, or begin with ./ (the helper's directory) or ~/. Limits that are 0 are
 * the policy's. Nothing of it is used after sbx_submit() has returned. */
typedef struct sbx_command {
    size_t size;             /* sizeof(sbx_command) */
    const char *const *argv; /* NULL-terminated */
    const char *cwd;         /* NULL: the helper's */
    const char *policy;      /* NULL: of the options */
    const char *const
        *write; /* NULL-terminated: paths below which it may write, beside the policy's */
    const char *const *read;   /* paths that it must be able to read */
    const char *network;       /* none, loopback, full */
    const char *const *env;    /* NAME=VALUE over the policy's */
    const char *const *labels; /* KEY=VALUE, recorded with the run */
    const void *input;         /* what it reads on its standard input; else that is empty */
    size_t input_bytes;
    uint64_t memory_bytes;
    uint64_t wall_ms, cpu_ms, idle_ms;
    uint64_t processes;
    uint64_t output_bytes; /* of both streams */
    uint64_t file_bytes;   /* of the largest file */
    uint64_t cpus_milli;   /* rate: 1000 is one CPU */
    void *data;            /* the result has it */
} sbx_command;

/*
 * How a command ended. status is one of
 *   ok nonzero signal limit   it ran; reason says which limit: wall cpu memory procs output fsize …
 *   refused error             it did not run, or sbx failed; message says why
 *   cancelled                 by sbx_cancel(): says nothing about the command
 */
typedef struct sbx_result {
    uint64_t ticket;
    void *data;
    const char *status, *reason, *message;
    const char *run_id;                          /* in the audit database; "": none */
    int exit_code;                               /* what `sbx exec` would have exited with */
    int signal;                                  /* that ended it; 0: none */
    uint64_t started_us;                         /* since 1970, UTC */
    uint64_t wall_ns, cpu_ns, memory_peak_bytes; /* UINT64_MAX: not known */
    uint64_t denied;                             /* accesses */
    const char *output; /* what it wrote to stdout; not terminated by a NUL */
    size_t output_bytes;
    const char *errors; /* to stderr */
    size_t errors_bytes;
} sbx_result;

typedef struct sbx_runner sbx_runner;

/* "0.1.0", of the library. */
SBX_API const char *sbx_version(void);

/*
 * Starts a helper and waits until it is ready. options: NULL for none. error: NULL where nobody wants to know (the
 * same everywhere below). Fails: INVALID, REFUSED, SYSTEM.
 */
SBX_API int sbx_open(sbx_runner **out, const sbx_options *options, sbx_error *error);

/* Kills what runs, and returns when nothing of it is left. NULL is fine. */
SBX_API void sbx_close(sbx_runner *runner);

/* What the audit database calls the batch that this runner's commands are recorded as. */
SBX_API const char *sbx_runner_id(const sbx_runner *runner);

/*
 * Hands a command over; it starts when one of the jobs is free, in the order of their coming. *out_ticket (NULL: no) is
 * its number, from 1. Whatever is wrong with the command itself is said by its result. Does not wait for other
 * commands. Fails: INVALID (no argv, or too much text), LOST.
 */
SBX_API int sbx_submit(sbx_runner *runner, const sbx_command *command, uint64_t *out_ticket,
                       sbx_error *error);

/* Stops a command, or forgets it if it has not begun; its result comes all the same, and may be any. Fails: LOST. */
SBX_API int sbx_cancel(sbx_runner *runner, uint64_t ticket, sbx_error *error);

/*
 * The next result, in the order of their ending. Waits up to timeout_ms; -1: as long as it takes, but never when nothing
 * is under way. The result goes with sbx_result_free(). Gives OK, NOTHING, LOST, SYSTEM.
 */
SBX_API int sbx_next(sbx_runner *runner, sbx_result **out, int timeout_ms, sbx_error *error);
SBX_API void sbx_result_free(sbx_result *result); /* NULL is fine */

/* Results that have not been taken yet. */
SBX_API size_t sbx_pending(const sbx_runner *runner);

/* For poll(): readable when sbx_next(…, 0, …) may have something. Not to be read from, nor closed. */
SBX_API int sbx_fd(const sbx_runner *runner);

/* Calls each() for every result until nothing is under way; each() may submit more. The result is freed after it. */
SBX_API int sbx_finish(sbx_runner *runner, void (*each)(void *context, const sbx_result *result),
                       void *context, sbx_error *error);

/* One command from start to end, with a helper of its own. For more than a few, a runner is many times faster. */
SBX_API int sbx_exec(sbx_result **out, const sbx_options *options, const sbx_command *command,
                     sbx_error *error);

#ifdef __cplusplus
}
#endif

#endif
