/*
 * Where the job's group goes in cgroup v2. Candidates in this order:
 *
 *   own     the caller's group is the root of the hierarchy: it alone may have both processes and
 *           controllers for its children
 *   beside  the group above the caller's own, if it may be written: the layout of a delegated subtree
 *           whose processes were put into a leaf, and what root finds on a host run by systemd
 *
 * A job beside its caller is not below the caller's own limits, so it is given them as well
 * (cgroup2.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "limits/linux/cgroup2.h"

static const struct {
    unsigned bit;
    const char *word, *enable;
} controllers[] = {
    {SBX_CGROUP2_MEMORY, "memory", "+memory"},
    {SBX_CGROUP2_PIDS, "pids", "+pids"},
    {SBX_CGROUP2_CPU, "cpu", "+cpu"},
    {SBX_CGROUP2_IO, "io", "+io"},
};

/* "cpu memory pids\n" as bits. */
static unsigned read_controllers(int dir_fd, const char *file)
{
    char text[512];
    unsigned bits = 0;
    ssize_t got = sbx_cgroup_read_text(dir_fd, file, text, sizeof(text));

    if (got <= 0)
        return 0;
    for (ssize_t i = 0; i < got; i++) {
        if (text[i] == ' ')
            text[i] = ',';
        else if (text[i] == '\n')
            text[i] = '\0';
    }
    for (size_t i = 0; i < SBX_COUNT_OF(controllers); i++) {
        if (sbx_cgroup_list_has(text, controllers[i].word, strlen(controllers[i].word)))
            bits |= controllers[i].bit;
    }
    return bits;
}

/* One by one: a refused one must not take the others with it. */
static unsigned switch_on(int dir_fd, unsigned enabled, unsigned wanted)
{
    unsigned available = read_controllers(dir_fd, "cgroup.controllers");

    for (size_t i = 0; i < SBX_COUNT_OF(controllers); i++) {
        unsigned bit = controllers[i].bit;

        if ((wanted & bit) == 0 || (enabled & bit) != 0 || (available & bit) == 0)
            continue;
        if (sbx_cgroup_write_text(dir_fd, "cgroup.subtree_control", controllers[i].enable) == 0)
            enabled |= bit;
    }
    return enabled;
}

/* The first controller of a set, for the message. */
static const char *name_of(unsigned bits)
{
    for (size_t i = 0; i < SBX_COUNT_OF(controllers); i++) {
        if ((bits & controllers[i].bit) != 0)
            return controllers[i].word;
    }
    return "";
}

/* Can a group with all that is required be made below dir_fd? */
static sbx_status try_parent(unsigned *out_controllers, int dir_fd, unsigned required,
                             unsigned wished, sbx_error *err)
{
    unsigned enabled;

    if (faccessat(dir_fd, ".", W_OK, AT_EACCESS) != 0 ||
        faccessat(dir_fd, "cgroup.procs", W_OK, AT_EACCESS) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, errno,
                              "the cgroup beside the caller's own is not ours to write");
    enabled = read_controllers(dir_fd, "cgroup.subtree_control");
    if (((required | wished) & ~enabled) != 0)
        enabled = switch_on(dir_fd, enabled, required | wished);
    if ((required & ~enabled) != 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB,
                              "the controller \"%s\" cannot be used below the caller's cgroup",
                              name_of(required & ~enabled));
    *out_controllers = enabled;
    return SBX_OK;
}

void sbx_cgroup2_parent_done(sbx_cgroup2_parent *parent)
{
    if (parent->fd != -1)
        close(parent->fd);
    if (parent->own_fd != -1)
        close(parent->own_fd);
    parent->fd = parent->own_fd = -1;
}

sbx_status sbx_cgroup2_find_parent(sbx_cgroup2_parent *out, const sbx_cgroup_place *place,
                                   const char *root, unsigned required, unsigned wished,
                                   sbx_error *err)
{
    sbx_cgroup2_parent parent = {.fd = -1, .own_fd = -1};
    int own_fd = sbx_cgroup_place_open(place, SBX_CGROUP_UNIFIED, root);
    sbx_status st;

    if (own_fd < 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, -own_fd, "no cgroup v2 to be seen");
    if (faccessat(own_fd, "cgroup.type", F_OK, 0) != 0) { /* only the root has no type */
        parent.fd = own_fd;
    } else if (strcmp(place->lines[SBX_CGROUP_UNIFIED].path, "/") == 0) {
        close(own_fd); /* the top of a cgroup namespace: what is above cannot be seen */
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB,
                              "the caller is alone at the top of its cgroup namespace");
    } else {
        parent.own_fd = own_fd;
        parent.fd = openat(own_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent.fd == -1) {
            st = sbx_fail_errno(err, SBX_IO, SBX_STEP_JOB, errno, "open the cgroup above");
            goto out;
        }
    }
    st = try_parent(&parent.controllers, parent.fd, required, wished, err);
    if (st != SBX_OK)
        goto out;
    *out = parent;
    return SBX_OK;
out:
    sbx_cgroup2_parent_done(&parent);
    return st;
}
