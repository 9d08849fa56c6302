/*
 * The one error idiom.
 *
 *     SBX_MUST_USE sbx_status sbx_thing_verb(out…, in…, sbx_error *err);
 *
 * An sbx_error is plain data owned by the caller, without pointers: it may be filled between fork and
 * exec, and it crosses a pipe in one atomic write. It is filled once, where the failing call stands,
 * and is left alone on success. On the way up a caller may put its own words in front with
 * sbx_error_context(). Library code never prints and never exits.
 *
 * Who may include it: everybody. Context: every function here but sbx_error_context() is
 * async-signal-safe (no allocation, no locale, no stdio), hence usable after fork.
 */
#ifndef SBX_BASE_ERROR_H
#define SBX_BASE_ERROR_H

#include <stddef.h>

#include "harness/base/compiler.h"

/* What the caller should do about it. Append only: the words are stored in the audit database. */
#define SBX_STATUS_MAP(X)                                                                          \
    X(OK, "ok")                                                                                    \
    X(INVALID, "invalid")               /* the caller's input is wrong; nothing was started */     \
    X(REFUSED, "refused")               /* asked for, and this host cannot enforce it */           \
    X(NOT_FOUND, "not_found")           /* the command does not exist: exit 127 */                 \
    X(NOT_EXECUTABLE, "not_executable") /* the command cannot be run: exit 126 */                  \
    X(IO, "io")                         /* the system said no */                                   \
    X(BUSY, "busy")                     /* held by somebody else for longer than we wait */        \
    X(NO_MEMORY, "no_memory")                                                                      \
    X(CORRUPT, "corrupt") /* data that sbx wrote once is not what it wrote */                      \
    X(INTERNAL, "internal")

typedef enum sbx_status {
#define X(name, word) SBX_##name,
    SBX_STATUS_MAP(X)
#undef X
} sbx_status;

/* Which stage failed. Append only: the words are stored in the audit database. */
#define SBX_STEP_MAP(X)                                                                            \
    X(NONE, "none")                                                                                \
    X(OPTIONS, "options")       /* reading the command line */                                     \
    X(POLICY, "policy")         /* reading and merging the policy */                               \
    X(PLAN, "plan")             /* checking it against this host */                                \
    X(AUDIT, "audit")           /* the audit database */                                           \
    X(JOB, "job")               /* making the job and its limits */                                \
    X(SPAWN, "spawn")           /* making the job's first process */                               \
    X(NAMESPACE, "namespace")   /* user, mount, pid, ipc and net namespaces */                     \
    X(MOUNT, "mount")           /* the target's view of the file system */                         \
    X(IDENTITY, "identity")     /* uid, gid, groups, capabilities */                               \
    X(RLIMIT, "rlimit")                                                                            \
    X(LANDLOCK, "landlock")                                                                        \
    X(SECCOMP, "seccomp")                                                                          \
    X(STDIO, "stdio")           /* terminal, pipes, working directory */                           \
    X(EXEC, "exec")             /* the command itself */                                           \
    X(WATCH, "watch")           /* following the run */                                            \
    X(RESULT, "result")         /* writing the result file */                                      \
    X(DOCTOR, "doctor")                                                                            \
    X(BATCH, "batch")           /* a manifest, and what runs its tasks */                          \
    X(NET, "net")               /* Windows: trying whether the network is closed */

typedef enum sbx_step {
#define X(name, word) SBX_STEP_##name,
    SBX_STEP_MAP(X)
#undef X
} sbx_step;

/* Whose number os_code is. */
typedef enum sbx_os_domain {
    SBX_OS_NONE,
    SBX_OS_ERRNO,
    SBX_OS_WIN32,
    SBX_OS_SQLITE,
} sbx_os_domain;

enum { SBX_ERROR_TEXT_BYTES = 448 };

typedef struct sbx_error {
    sbx_status status;
    sbx_step step;
    sbx_os_domain os_domain;
    int os_code;
    char message[SBX_ERROR_TEXT_BYTES]; /* what failed, on what; the system's own words at the end */
} sbx_error;

/* One write of an error to a pipe is atomic (PIPE_BUF is at least 512). */
_Static_assert(sizeof(sbx_error) <= 512, "an sbx_error must fit into one atomic pipe write");

const char *sbx_status_word(sbx_status status);
const char *sbx_step_word(sbx_step step);

/* The system's text for a code of that domain ("No such file or directory"); never NULL. */
const char *sbx_os_text(sbx_os_domain domain, int code);

/*
 * Fills *err and returns status, so that a function ends in `return sbx_fail(err, …)`. Knows
 * %s %d %u %zu %llu %% only (it is its own formatter, because it must work after fork).
 * err may be NULL. With a domain other than SBX_OS_NONE, ": " and the system's text are appended.
 */
sbx_status sbx_fail(sbx_error *err, sbx_status status, sbx_step step, sbx_os_domain domain, int code,
                    const char *format, ...) SBX_PRINTF(6, 7);

/* The usual two: with errno's text, and with none. */
#define sbx_fail_errno(err, status, step, code, ...)                                               \
    sbx_fail((err), (status), (step), SBX_OS_ERRNO, (code), __VA_ARGS__)
#define sbx_fail_plain(err, status, step, ...)                                                     \
    sbx_fail((err), (status), (step), SBX_OS_NONE, 0, __VA_ARGS__)

/* Puts "what: " in front of a filled error's message (cut at the end where it grows too long). */
void sbx_error_context(sbx_error *err, const char *format, ...) SBX_PRINTF(2, 3);

#endif
