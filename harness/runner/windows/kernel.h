/*
 * Denials that Windows itself tells, of a run by a sandbox user: failures in the security log, and connections that the
 * filtering platform dropped. What they say is taken apart in audit/sources/windows/kernel_log.h; here is how it is heard. Both
 * libraries are looked up at run time, and a run goes on without either.
 *
 * Who may hear it, by Microsoft's documents:
 *   security log   administrators, and the group "Event Log Readers". There is something to hear where
 *                  `sbx-setup install --audit-denials` was done, or the owner of the machine has switched it on
 *   platform       administrators and "Network Configuration Operators"; it is on unless somebody has switched it off
 *
 * Who may include it: harness/runner/windows, tests.
 */
#ifndef SBX_RUNNER_WINDOWS_KERNEL_H
#define SBX_RUNNER_WINDOWS_KERNEL_H

#include <windows.h>

#include "audit/sources/windows/kernel_log.h"
#include "harness/runner/doctor.h"
#include "harness/runner/windows/parts.h"

/* ---- kernel.c: the two of them, for a run ---------------------------------------------------------------------- */

/*
 * Before the command's first instruction. user: the sandbox user's SID, copied; the rest is borrowed. What comes is said to
 * the port by SBX_PORT_KERNEL_KEY. NULL: neither can be heard here, or there is no memory.
 */
sbx_kernel *sbx_kernel_open(const sbx_plan *plan, sbx_members *members, sbx_denials *denials,
                            const char *user, HANDLE port);
/* Takes what is there, some hundred at most, and says so to the port again where more is. */
void sbx_kernel_take(sbx_kernel *kernel);
/*
 * Nobody of the run is alive: waits until nothing has come for 100 ms, at most one second. False: something is known to be
 * missing.
 */
bool sbx_kernel_finish(sbx_kernel *kernel);
/* Adds "security_log" if that has told something of this user, and "wfp" if that is heard; commas between. */
void sbx_kernel_add_sources(sbx_text *out, const sbx_kernel *kernel);
void sbx_kernel_free(sbx_kernel *kernel); /* NULL is fine */

/* ---- event_log.c: the security log ------------------------------------------------------------------------------ */

typedef struct sbx_event_log sbx_event_log;

typedef void sbx_event_log_visit(void *context,
                                 const sbx_event_value values[SBX_SECURITY_FIELD_COUNT]);

/*
 * From now on, failures of that user. port NULL: nobody is told, the caller waits for the signal.
 * Fails: REFUSED  this Windows has no such log, or the caller may not read it; the message says what would help
 */
SBX_MUST_USE sbx_status sbx_event_log_open(sbx_event_log **out, const char *user, HANDLE port,
                                           sbx_error *err);
/* Set while there may be something to read. */
HANDLE sbx_event_log_signal(const sbx_event_log *log);
/* At most 256, and then the signal stays set. The values are the log's until visit returns. */
void sbx_event_log_read(sbx_event_log *log, sbx_event_log_visit *visit, void *context);
/* What the log says is missing, and events that could not be taken out of it. */
uint64_t sbx_event_log_lost(const sbx_event_log *log);
void sbx_event_log_close(sbx_event_log *log); /* NULL is fine */

/* ---- net_events.c: the filtering platform ----------------------------------------------------------------------- */

typedef struct sbx_net_events sbx_net_events;

typedef void sbx_net_events_visit(void *context, const sbx_net_drop *drop);

/* As above. A thread of the system's puts what is dropped into a queue of 256. */
SBX_MUST_USE sbx_status sbx_net_events_open(sbx_net_events **out, const char *user, HANDLE port,
                                            sbx_error *err);
HANDLE sbx_net_events_signal(const sbx_net_events *net);
void sbx_net_events_read(sbx_net_events *net, sbx_net_events_visit *visit, void *context);
uint64_t sbx_net_events_lost(sbx_net_events *net); /* because the queue was full */
void sbx_net_events_close(sbx_net_events *net);    /* NULL is fine */

/* ---- doctor_denials.c: are they heard here? ---------------------------------------------------------------------- */

/*
 * A line for each, by trying: a sandbox user is refused a file, and the log is waited for, three seconds at most; the platform is
 * subscribed to. How many lines there are, at most two and at most room.
 */
size_t sbx_doctor_denials(sbx_doctor_line *out, size_t room);

#endif
