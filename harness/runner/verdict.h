/*
 * The verdict: events in, verdict out. Pure: no system call, no clock, the same on every system.
 *
 * Two sets of words that never mix: how the command ended (ok nonzero signal limit) and how sbx did
 * (refused error). Exit codes: docs/exit-codes.md.
 */
#ifndef SBX_RUNNER_VERDICT_H
#define SBX_RUNNER_VERDICT_H

#include <stdbool.h>

#include "limits/limits.h"

typedef enum sbx_outcome {
    SBX_OUTCOME_OK,      /* exit 0 */
    SBX_OUTCOME_NONZERO, /* the command's own exit code */
    SBX_OUTCOME_SIGNAL,  /* died of a signal that no limit explains */
    SBX_OUTCOME_LIMIT,   /* a limit ended it */
    SBX_OUTCOME_REFUSED, /* sbx would not start it */
    SBX_OUTCOME_ERROR,   /* sbx failed */
    SBX_OUTCOME_LOST,    /* only in the database: the supervisor vanished */
} sbx_outcome;

const char *sbx_outcome_word(sbx_outcome outcome);

/* Everything that was seen, in no order. */
typedef struct sbx_events {
    bool killed_for[SBX_LIMIT_COUNT]; /* the runner stopped the job for this limit */
    bool reached[SBX_LIMIT_COUNT]; /* the kernel reported the limit as hit, nothing was stopped */
    int cancelled_by;              /* a signal to sbx stopped the job; 0: none */
    bool has_exit;
    int exit_code;
    bool has_signal;
    int signal;
    bool not_found, not_executable; /* the exec itself failed */
    bool has_error;                 /* sbx failed; the rest may be half true */
    sbx_error error;
} sbx_events;

typedef struct sbx_verdict {
    sbx_outcome outcome;
    const char *
        reason; /* "" or a limit's word, "cancelled", "not_found", "not_executable", a step's word */
    int exit_code; /* of sbx */
    int signal;
} sbx_verdict;

/*
 * First match wins:
 *   1. sbx failed                          error / refused, 125 (126, 127 for the exec itself)
 *   2. the runner stopped it for a limit   limit; time limits 124, others 137. Of several the first in
 *                                          enum order of sbx_limit_kind counts
 *   3. the kernel's OOM event and the command did not succeed       limit memory, 137
 *   4. a signal to sbx stopped it          signal, reason cancelled, 128 + that signal
 *   5. SIGXFSZ                             limit fsize, 137;  SIGXCPU with a CPU limit: limit cpu, 124
 *   6. it failed, and a limit was reached (procs, files, fsize)     limit with that reason; the
 *                                          exit code stays the command's own
 *   7. signal                              128 + n
 *   8. its own exit code
 */
sbx_verdict sbx_verdict_of(const sbx_events *events);

#endif
