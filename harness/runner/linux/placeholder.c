/*
 * A protected name that does not exist must not come to be. A mount point needs something to stand
 * on, so an empty directory stands there for the length of the run, with a mode that says whose it is
 * (sticky, read-only: 01555). Several runs may share one: each holds a shared lock on it, and who can
 * get the exclusive one at the end takes it away. Locks die with their holders, so a killed sbx leaves
 * at most an empty directory, which the next run over the same root takes away, and the next start
 * by the lease in the audit database.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

struct sbx_placeholder {
    const char *path;
    int fd;
};

static bool is_ours(const struct stat *about)
{
    return S_ISDIR(about->st_mode) && (about->st_mode & 07777) == SBX_PLACEHOLDER_MODE;
}

/*
 * With its mode from the first moment: whoever is killed behind this leaves a directory that the next one knows for
 * sbx's. Only a default ACL of the directory above can take some of it away, and then it is given back; not by the name,
 * which another run over the same root could meanwhile have made a link.
 */
static int make(const char *path)
{
    mode_t before = umask(0);
    int result = mkdir(path, SBX_PLACEHOLDER_MODE), reason = errno;
    struct stat about;
    int fd;

    (void)umask(before);
    errno = reason;
    if (result != 0 || (lstat(path, &about) == 0 && is_ours(&about)))
        return result;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1; /* taken away just now: the caller goes round */
    result = fchmod(fd, SBX_PLACEHOLDER_MODE);
    reason = errno;
    close(fd);
    errno = reason;
    return result;
}

/* Makes it or joins it. The loop ends: each round means that another run took it away just now. */
static sbx_status take(int *out_fd, const char *path, sbx_error *err)
{
    for (int round = 0; round < 1000; round++) {
        struct stat held, there;
        int fd;

        if (make(path) != 0 && errno != EEXIST)
            return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_MOUNT, errno,
                                  "keep the protected name %s from being made", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_MOUNT, errno,
                                  "open the protected name %s", path);
        if (flock(fd, LOCK_SH) == 0 && fstat(fd, &held) == 0 && lstat(path, &there) == 0 &&
            held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
            *out_fd = fd;
            return SBX_OK;
        }
        close(fd);
    }
    return sbx_fail_plain(err, SBX_BUSY, SBX_STEP_MOUNT, "%s is made and taken away all the time",
                          path);
}

static void release(const struct sbx_placeholder *one)
{
    struct stat about;
    bool is_gone = false;

    /* Once more where a call failed: nobody else will. Not empty: somebody outside put something there, and it stays. */
    for (int tries = 0; tries < 2 && !is_gone; tries++)
        is_gone = flock(one->fd, LOCK_EX | LOCK_NB) == 0 && fstat(one->fd, &about) == 0 &&
                  is_ours(&about) && rmdir(one->path) == 0;
    close(one->fd);
}

void sbx_placeholder_clear(const char *path)
{
    struct sbx_placeholder one = {
        .path = path, .fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};

    if (one.fd >= 0)
        release(&one);
}

const char **sbx_placeholders_list(const sbx_plan *plan)
{
    size_t count = 0;
    const char **list;

    for (size_t i = 0; i < plan->rule_count; i++)
        count += plan->rules[i].kind == SBX_RULE_PROTECT_ABSENT;
    if (count == 0 || !plan->walls[SBX_WALL_MOUNTS])
        return NULL;
    list = calloc(count + 1, sizeof(*list));
    for (size_t i = plan->rule_count; list != NULL && i > 0; i--)
        if (plan->rules[i - 1].kind == SBX_RULE_PROTECT_ABSENT)
            list[--count] = plan->rules[i - 1].path;
    return list;
}

sbx_status sbx_placeholders_take(sbx_placeholders *out, const sbx_plan *plan, sbx_error *err)
{
    size_t count = 0;

    *out = (sbx_placeholders){0};
    for (size_t i = 0; i < plan->rule_count; i++)
        count += plan->rules[i].kind == SBX_RULE_PROTECT_ABSENT;
    if (count == 0 || !plan->walls[SBX_WALL_MOUNTS])
        return SBX_OK;
    out->item = calloc(count, sizeof(*out->item));
    out->fds = calloc(count, sizeof(*out->fds));
    if (out->item == NULL || out->fds == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_MOUNT, "no memory");
    for (size_t i = 0; i < plan->rule_count; i++) {
        sbx_status st;

        if (plan->rules[i].kind != SBX_RULE_PROTECT_ABSENT)
            continue;
        out->item[out->count].path = plan->rules[i].path;
        st = take(&out->item[out->count].fd, plan->rules[i].path, err);
        if (st != SBX_OK)
            return st;
        out->fds[out->count] = out->item[out->count].fd;
        out->count++;
    }
    return SBX_OK;
}

void sbx_placeholders_release(sbx_placeholders *held)
{
    for (size_t i = held->count; i > 0; i--)
        release(&held->item[i - 1]);
    free(held->item);
    free(held->fds);
    *held = (sbx_placeholders){0};
}
