/*
 * Where the job's group goes in cgroup v2. Candidates in this order:
 *
 *   own     the caller's group is the root of the hierarchy: it alone may have both processes and
 *           controllers for its children
 *   within  the caller's group was given to it (a unit with Delegate=yes, a group that belongs to this user
 *           below one that does not, a container's own) and nobody else is in it: sbx goes into a leaf of it
 *   beside  the group above the caller's own, if it may be written: the layout of a delegated subtree
 *           whose processes were put into a leaf, and what root finds on a host run by systemd
 *
 * A job beside its caller is not below the caller's own limits, so it is given them as well
 * (cgroup2.c). Who else manages the group above, as systemd does its slices, may switch controllers off in
 * it at any time: systemd does so for what none of its own units needs. has_other_manager says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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

static bool may_write(int dir_fd)
{
    return faccessat(dir_fd, ".", W_OK, AT_EACCESS) == 0 &&
           faccessat(dir_fd, "cgroup.procs", W_OK, AT_EACCESS) == 0;
}

/* Can a group with all that is required be made below dir_fd? */
static sbx_status try_parent(unsigned *out_controllers, int dir_fd, unsigned required,
                             unsigned wished, sbx_error *err)
{
    unsigned enabled;

    if (!may_write(dir_fd))
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

static bool is_owned(int dir_fd)
{
    struct stat info;

    return fstat(dir_fd, &info) == 0 && info.st_uid == geteuid();
}

sbx_status sbx_cgroup2_enter_leaf(int group_fd, sbx_error *err)
{
    int leaf_fd;
    int code;

    if (sbx_cgroup_os.make_directory(group_fd, SBX_CGROUP2_LEAF, 0755) != 0 && errno != EEXIST)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, errno, "make a leaf in the cgroup");
    leaf_fd = openat(group_fd, SBX_CGROUP2_LEAF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    code = leaf_fd == -1 ? -errno : sbx_cgroup_write_text(leaf_fd, "cgroup.procs", "0");
    if (leaf_fd != -1)
        close(leaf_fd);
    if (code != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, -code, "enter a leaf of the cgroup");
    return SBX_OK;
}

/*
 * Controllers cannot be switched on below a group with processes, so this one leaves it. Where others stay
 * in it, it comes back.
 */
static sbx_status try_within(unsigned *out_controllers, int own_fd, unsigned required,
                             unsigned wished, sbx_error *err)
{
    unsigned possible = read_controllers(own_fd, "cgroup.controllers") & (required | wished);
    sbx_status st;

    if (!may_write(own_fd) || (required & ~possible) != 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB,
                              "the caller's own cgroup is not ours to write, or lacks \"%s\"",
                              name_of(required & ~possible));
    st = sbx_cgroup2_enter_leaf(own_fd, err);
    if (st != SBX_OK)
        return st;
    *out_controllers =
        switch_on(own_fd, read_controllers(own_fd, "cgroup.subtree_control"), possible);
    if ((possible & ~*out_controllers) == 0)
        return SBX_OK;
    (void)sbx_cgroup_write_text(own_fd, "cgroup.procs", "0");
    (void)sbx_cgroup_os.remove_directory(own_fd, SBX_CGROUP2_LEAF);
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB,
                          "other processes are in the caller's own cgroup, so that it can have no "
                          "controllers below it; start sbx in a group of its own "
                          "(systemd: DelegateSubgroup=)");
}

/* Beside the caller's own group, or in it where it is the root. */
static sbx_status try_outside(sbx_cgroup2_parent *parent, unsigned required, unsigned wished,
                              sbx_error *err)
{
    if (parent->fd == -1)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB,
                              "the caller is at the top of its cgroup namespace");
    parent->has_other_manager = !sbx_cgroup_os.is_delegated(parent->fd);
    return try_parent(&parent->controllers, parent->fd, required, wished, err);
}

/* Opens the group above in out->fd; -1 where there is none to be seen. False: it cannot be opened. */
static bool open_above(sbx_cgroup2_parent *out, const sbx_cgroup_place *place)
{
    if (strcmp(place->lines[SBX_CGROUP_UNIFIED].path, "/") == 0)
        return true; /* the top of a cgroup namespace */
    out->fd = openat(out->own_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->fd != -1;
}

void sbx_cgroup2_parent_done(sbx_cgroup2_parent *parent)
{
    if (parent->fd != -1)
        close(parent->fd);
    if (parent->own_fd != -1)
        close(parent->own_fd);
    parent->fd = parent->own_fd = -1;
}

/* Was the caller's own group given to it, as one to make groups in? */
static bool is_within_meant(const sbx_cgroup2_parent *parent)
{
    if (sbx_cgroup_os.is_delegated(parent->own_fd))
        return true;
    return is_owned(parent->own_fd) && (parent->fd == -1 || !may_write(parent->fd));
}

sbx_status sbx_cgroup2_find_parent(sbx_cgroup2_parent *out, const sbx_cgroup_place *place,
                                   const char *root, unsigned required, unsigned wished,
                                   sbx_error *err)
{
    sbx_cgroup2_parent parent = {.fd = -1, .own_fd = -1};
    int own_fd = sbx_cgroup_place_open(place, SBX_CGROUP_UNIFIED, root);
    sbx_status st = SBX_REFUSED;

    if (own_fd < 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, -own_fd, "no cgroup v2 to be seen");
    if (faccessat(own_fd, "cgroup.type", F_OK, 0) != 0) { /* only the root has no type */
        parent.fd = own_fd;
        st = try_outside(&parent, required, wished, err);
        goto out;
    }
    parent.own_fd = own_fd;
    if (!open_above(&parent, place)) {
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_JOB, errno, "open the cgroup above");
        goto out;
    }
    if (is_within_meant(&parent)) {
        st = try_within(&parent.controllers, own_fd, required, wished, err);
        if (st == SBX_OK) { /* below the caller's own limits: nothing to pass on */
            if (parent.fd != -1)
                close(parent.fd);
            parent.fd = own_fd;
            parent.own_fd = -1;
            goto out;
        }
        if (parent.fd == -1 || !may_write(parent.fd))
            goto out;
    }
    st = try_outside(&parent, required, wished, err);
out:
    if (st == SBX_OK)
        *out = parent;
    else
        sbx_cgroup2_parent_done(&parent);
    return st;
}
