/*
 * Would a wall of ours refuse this change, and only that? Asked after the program went on, by trying
 * the same path as the caller outside: a read-only mount that nothing else would refuse is a denial;
 * a missing file or a file mode is not.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_PLACE_H
#define SBX_AUDIT_SOURCES_LINUX_PLACE_H

#include "audit/sources/linux/syscalls.h"
#include "audit/sources/watch.h"

typedef struct sbx_judge {
    int view_fd; /* the job's root directory */
    bool has_mounts;
    bool
        learns; /* outside of every place nothing is read-only; a ruling is then made before the call goes on */
    const sbx_place *places;
    size_t place_count;
} sbx_judge;

typedef struct sbx_attempt {
    sbx_watch_kind kind;
    const char *path; /* absolute, as the program said it */
    uint64_t flags;   /* open flags, for OPEN */
    bool is_new_name; /* ENTRY: the name shall come to be; else it shall go */
    bool replaces;    /* ENTRY: what has that name now does not matter (rename's target) */
    bool no_follow;
} sbx_attempt;

typedef struct sbx_ruling {
    bool is_denied;
    bool would_create;
    bool
        is_let; /* while learning: only that no place holds it would have refused it, and nothing does */
    const char *rule;
    int error;       /* what the program got */
    char path[4096]; /* as the kernel resolved it where it could be */
} sbx_ruling;

void sbx_judge_attempt(sbx_ruling *out, const sbx_judge *judge, const sbx_attempt *attempt);

/* link and rename: both names on one file system, but on different mounts (EXDEV by our walls only). */
bool sbx_judge_crosses_mounts(const sbx_judge *judge, const char *from, const char *to);

/*
 * Is there something of that name in the job's view? What cannot be looked at from outside (the magic links of /proc)
 * counts as there, and so does a link that leads nowhere: "no" shall mean that no call could have found anything.
 */
bool sbx_judge_exists(const sbx_judge *judge, const char *path);

#endif
