/*
 * The kernel's own words about what a run's Landlock domain denied: audit records over netlink (Linux
 * 6.15), kept where they are of our domain, and counted against the kernel's count.
 *
 *   1. sbx_landlock_log_open()     any time before "go"; REFUSED is an answer, not a failure of the run
 *   2. sbx_landlock_log_follow()   the target waits for "go": its pid is known
 *   3. sbx_landlock_log_serve()    whenever the descriptor is ready, whatever poll says about it
 *   4. sbx_landlock_log_finish()   every process of the run is dead and sbx_watch_free() was called
 *   5. sbx_landlock_log_is_on(), sbx_landlock_log_complete()
 *
 * Which domain is ours: with the first denial of a domain the kernel records who made it, and ours was
 * made by the target's pid. Where the target goes on to confine itself, the elder domain is ours. If
 * that record was lost, the domain that one of the run's processes runs into is taken for ours.
 * Left open: a domain of somebody else that was made by a process which had our target's pid, is
 * dead, and that denies something for the first time during the run.
 *
 * Every record of the kernel is read, hence also what other programs of the machine were denied; of
 * them nothing is kept. Memory does not depend on how many there are.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_LANDLOCK_LOG_H
#define SBX_AUDIT_SOURCES_LINUX_LANDLOCK_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/denial.h"

typedef struct sbx_landlock_log sbx_landlock_log;

/* Is that a process of the run? pid as the host sees it; it may be dead by now. */
typedef bool sbx_landlock_is_ours(void *context, int32_t pid);

/*
 * For `sbx doctor`: OK where a run's denials would be heard, else REFUSED with the reason. Takes
 * milliseconds, because it asks the kernel whether audit is on.
 */
SBX_MUST_USE sbx_status sbx_landlock_log_probe(sbx_error *err);

/*
 * Begins to listen. Where audit is off this succeeds and nothing ever comes. Where it is on, the kernel
 * records that we listen, which is also how the log learns that it is.
 * Fails:  REFUSED    this host or caller cannot hear the kernel; the reason is in err
 *         NO_MEMORY
 */
SBX_MUST_USE sbx_status sbx_landlock_log_open(sbx_landlock_log **out_log, sbx_error *err);

/* The run: who makes its domain, and where its denials go (kept, not copied). is_ours may be NULL. */
void sbx_landlock_log_follow(sbx_landlock_log *log, int32_t pid, sbx_denials *denials,
                             sbx_landlock_is_ours *is_ours, void *context);

/* For poll, POLLIN. -1: closed for good. Owned by the log. */
int sbx_landlock_log_fd(const sbx_landlock_log *log);

/* Reads what is waiting, some hundred records at most, and adds denials; never blocks. */
void sbx_landlock_log_serve(sbx_landlock_log *log);

/*
 * Waits for the record of our domain's end, no longer than wait_ns, and hands over what was held back for
 * the rest of its event. Does not wait where nothing of ours was recorded. The kernel frees a domain
 * some time after the last process and the last descriptor that one of them opened (the seccomp
 * listener is one) are gone: up to 100 ms.
 */
void sbx_landlock_log_finish(sbx_landlock_log *log, uint64_t wait_ns);

/* A record came, of anybody: the kernel does audit, and is heard here. */
bool sbx_landlock_log_is_on(const sbx_landlock_log *log);

/* Records of our domain's denials that were read. */
uint64_t sbx_landlock_log_count(const sbx_landlock_log *log);

/* 1: as many as the kernel denied; 0: some are missing; -1: the kernel has not said how many they were. */
int sbx_landlock_log_complete(const sbx_landlock_log *log);

/* NULL is fine. */
void sbx_landlock_log_free(sbx_landlock_log *log);

/* ---- for tests ------------------------------------------------------------------------------------ */

/* As recv(): a whole datagram, or -1 and errno. */
typedef ssize_t sbx_landlock_receive(int fd, void *out, size_t room);

/* A log on any datagram socket, which it owns from here on. receive NULL: the system's. */
SBX_MUST_USE sbx_status sbx_landlock_log_create(sbx_landlock_log **out_log, int fd,
                                                sbx_landlock_receive *receive, sbx_error *err);

#endif
