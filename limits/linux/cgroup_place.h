/*
 * Where the caller stands: its group in each hierarchy that sbx uses, as open directories.
 *
 * /proc/self/cgroup is always read. The usual mount points are tried first; mountinfo is read only
 * where they do not fit.
 */
#ifndef SBX_LIMITS_LINUX_CGROUP_PLACE_H
#define SBX_LIMITS_LINUX_CGROUP_PLACE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sbx_cgroup_controller {
    SBX_CGROUP_UNIFIED, /* cgroup v2 */
    SBX_CGROUP_MEMORY,  /* the others: v1 hierarchies */
    SBX_CGROUP_PIDS,
    SBX_CGROUP_CPU,
    SBX_CGROUP_CPUACCT,
    SBX_CGROUP_CONTROLLER_COUNT
} sbx_cgroup_controller;

const char *sbx_cgroup_controller_word(sbx_cgroup_controller controller);

/* One line of /proc/self/cgroup. */
typedef struct sbx_cgroup_line {
    int hierarchy;           /* its number: the same number is the same hierarchy; -1: none */
    const char *controllers; /* as mounted together: "cpu,cpuacct"; "" for v2 */
    const char *path;        /* "/…" below the hierarchy's (or the cgroup namespace's) root */
} sbx_cgroup_line;

typedef struct sbx_cgroup_place {
    char text[16384];
    sbx_cgroup_line lines[SBX_CGROUP_CONTROLLER_COUNT];
} sbx_cgroup_place;

/* 0 or a negative errno. */
int sbx_cgroup_place_read(sbx_cgroup_place *out);

/*
 * Opens the caller's own group. root replaces /sys/fs/cgroup where it is not NULL, and then nothing
 * else is tried. Returns a descriptor, or a negative errno: -ENOENT where there is no such hierarchy.
 */
int sbx_cgroup_place_open(const sbx_cgroup_place *place, sbx_cgroup_controller controller,
                          const char *root);

/*
 * Finds the mount of a hierarchy in the text of a mountinfo file and writes the directory of own_path
 * into out. controllers "" means v2. False where it is not mounted, or not with that path in it.
 */
bool sbx_mountinfo_find(char *out, size_t bytes, char *mountinfo, const char *controllers,
                        const char *own_path);

#endif
