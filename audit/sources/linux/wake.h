/*
 * Where the kernel wakes whom the watch answers, and the watch itself (Linux 6.6; before, it chooses by itself).
 *
 * Beside the waker and when that sleeps, or anywhere. Where one process runs at a time, the first is cheaper by far: waking
 * another processor costs five times as much. Where several run side by side, the first has one of them wait for us while a
 * processor has nothing to do: a twentieth of a build by two. So it is the first until a process was found to have waited behind
 * another one, and then the second for a while. For the watch's thread.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_WAKE_H
#define SBX_AUDIT_SOURCES_LINUX_WAKE_H

#include <stdbool.h>
#include <sys/types.h>

/* So many answers are given to processes that run side by side, once some did. */
enum { SBX_WAKE_SIDE_BY_SIDE = 256 };

typedef struct sbx_wake {
    int listener;
    bool is_beside; /* the waker */
    unsigned left;  /* answers until it is again */
} sbx_wake;

/* listener: of seccomp notifications; kept, not owned. Begins beside. */
void sbx_wake_init(sbx_wake *out, int listener);

/* Before task is answered. behind: who was answered last, where task was found waiting right after that; 0: it was not. */
void sbx_wake_choose(sbx_wake *wake, pid_t task, pid_t behind);

#endif
