/*
 * Which of the events that Windows tells are a run's, and its denials of them: source security_log or wfp, confidence
 * kernel. Plain C without the system.
 *
 * Whose an event is:
 *   security log   of our sandbox user, and by a process of the run. A process's number is nobody else's as long as the run
 *                  holds a handle of it; who answers is_ours() keeps them until the last event was read
 *   platform       of our sandbox user, and by a program file that a process of the run has been started from. It says
 *                  no process, so that of two runs at the same time, of one user and one program, each has what the other one
 *                  was refused. The row's process is given where only one has that program
 * Both are heard from before the command's first instruction until nobody of the run is alive.
 *
 * A denial that sbx-trace.dll has seen as well has a row of each source, as on Linux where the watch and Landlock tell the same.
 * Nothing here decides anything; a run goes on whatever is lost.
 */
#ifndef SBX_AUDIT_SOURCES_WINDOWS_KERNEL_LOG_H
#define SBX_AUDIT_SOURCES_WINDOWS_KERNEL_LOG_H

#include "audit/sources/windows/kernel_event.h"

typedef struct sbx_kernel_log {
    /* Filled by the caller; all borrowed. */
    const char *user; /* the sandbox user's SID, "S-1-…" */
    const sbx_nt_drives *drives;
    sbx_denials *denials;
    void *context;
    bool (*is_ours)(void *context, uint32_t pid);
    /* Was a process of the run started from it? *out_pid: by which one, 0: by more than one. */
    bool (*has_program)(void *context, const char *program, uint32_t *out_pid);
    /* What the denial is said to be by; NULL: nothing of the plan. path: op's target is one. */
    const char *(*rule_of)(void *context, const char *op, const char *target, bool is_network);

    uint64_t taken;   /* rows, or one more of a row */
    uint64_t foreign; /* somebody else's */
    uint64_t lost;    /* of our user and not readable, and what is counted by who reads */
} sbx_kernel_log;

void sbx_kernel_log_security(sbx_kernel_log *log,
                             const sbx_event_value values[SBX_SECURITY_FIELD_COUNT]);
void sbx_kernel_log_drop(sbx_kernel_log *log, const sbx_net_drop *drop);

#endif
