/*
 * A watch sees what the job's processes try, and writes down what a wall refused. The contract of
 * audit/sources: seccomp user notification on Linux, the ntdll trace ring on Windows.
 *
 * The watch never decides about a path: that is the walls' work, and what a program's memory says
 * can change after it was read. It answers first and writes down afterwards; a program waits for a
 * few microseconds.
 */
#ifndef SBX_AUDIT_SOURCES_WATCH_H
#define SBX_AUDIT_SOURCES_WATCH_H

#include "audit/denial.h"
#include "audit/processes.h"

typedef enum sbx_place_kind {
    SBX_PLACE_WRITABLE,
    SBX_PLACE_READABLE,  /* no more than that, though it may lie in a writable place: as good as outside of it */
    SBX_PLACE_PROTECTED, /* read-only inside a writable place */
    SBX_PLACE_RESERVED,  /* the same, for a name that does not exist: what stands there is ours */
    SBX_PLACE_SECRET,    /* neither read nor written */
} sbx_place_kind;

typedef struct sbx_place {
    sbx_place_kind kind;
    const char *path;
    const char *rule; /* what a denial here is said to be by */
} sbx_place;

typedef enum sbx_watch_network {
    SBX_WATCH_NETWORK_NONE,
    SBX_WATCH_NETWORK_LOOPBACK,
    SBX_WATCH_NETWORK_FULL,
} sbx_watch_network;

typedef struct sbx_watch_options {
    const sbx_place *places; /* kept, not copied */
    size_t place_count;
    sbx_watch_network network;
    bool may_connect; /* path sockets may be connected to: connects are let through, not refused */
    bool has_mounts;  /* refused writes fail by read-only mounts; else by Landlock */
    uint64_t files_count; /* --files, SBX_UNLIMITED: exits are not looked at */
    sbx_denials *denials;
    sbx_denials *learned; /* changes outside of every place, which nothing refuses, go here; NULL: they are refused */
    sbx_processes *processes;
} sbx_watch_options;

typedef struct sbx_watch sbx_watch;

/*
 * Linux: native is the listener's descriptor, which the watch owns from here on; first_pid a process of the
 * job whose view of the file system is everybody's.
 */
SBX_MUST_USE sbx_status sbx_watch_create(sbx_watch **out_watch, int64_t native, int64_t first_pid,
                                         const sbx_watch_options *options, sbx_error *err);

/* Readable: call sbx_watch_serve(). Owned by the watch. -1 when the job has ended. */
int sbx_watch_fd(const sbx_watch *watch);

/* Answers and records what is waiting now; never blocks. */
void sbx_watch_serve(sbx_watch *watch);

/* A process of the job left with every descriptor that --files gave it in use. */
bool sbx_watch_files_reached(const sbx_watch *watch);

/* Attempts that could not be read or recorded. */
uint64_t sbx_watch_lost(const sbx_watch *watch);

/* NULL is fine. Calls still waiting fail with ENOSYS. */
void sbx_watch_free(sbx_watch *watch);

#endif
