/* See place.h. */
#include "audit/sources/linux/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/linux/libc.h"
#include "harness/base/path.h"

/* Inside the job's view, absolute symlinks included. more: other RESOLVE_*. */
static int open_as(const sbx_judge *judge, const char *path, bool no_follow, uint64_t more)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (no_follow ? O_NOFOLLOW : 0),
                           .resolve = RESOLVE_IN_ROOT | more};

    return (int)syscall(SYS_openat2, judge->view_fd, path, &how, sizeof(how));
}

static int open_in_view(const sbx_judge *judge, const char *path, bool no_follow)
{
    return open_as(judge, path, no_follow, 0);
}

static void name_of_fd(int fd, char *out, size_t room, const char *otherwise)
{
    char link[32];
    ssize_t bytes;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    bytes = readlink(link, out, room - 1);
    if (bytes > 0)
        out[bytes] = '\0';
    else
        (void)snprintf(out, room, "%s", otherwise);
}

typedef enum directory_kind { NOT_THERE, OF_FILES, OPAQUE } directory_kind;

/* What lies behind an opaque one is seen by the job only, or not at all: "self" is somebody else for us. */
static directory_kind kind_of(const sbx_judge *judge, const char *directory)
{
    struct statfs about;
    int fd = open_in_view(judge, directory, false);
    bool is_opaque = fd < 0 || fstatfs(fd, &about) != 0 || about.f_type == PROC_SUPER_MAGIC;

    if (fd < 0 && (fd = open_in_view(judge, directory, true)) < 0)
        return NOT_THERE; /* not by name either; a link that leads nowhere is */
    close(fd);
    return is_opaque ? OPAQUE : OF_FILES;
}

bool sbx_judge_exists(const sbx_judge *judge, const char *path)
{
    char part[4096];
    size_t bytes = strlen(path);
    directory_kind kind = NOT_THERE;
    int fd = open_as(judge, path, true, RESOLVE_NO_XDEV);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return false; /* on the way to it is nothing but the root's own file system, which is no /proc */
    if (fd < 0)
        fd = open_in_view(judge, path, true);
    if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR) || bytes >= sizeof(part)) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    memcpy(part, path, bytes + 1);
    while (kind == NOT_THERE && bytes > 1) { /* up to the first directory that is there by name */
        while (bytes > 0 && part[bytes - 1] == '/')
            bytes--;
        while (bytes > 0 && part[bytes - 1] != '/')
            bytes--;
        part[bytes > 1 ? bytes - 1 : 0] = '\0';
        kind = kind_of(judge, bytes > 1 ? part : "/");
    }
    return kind != OF_FILES;
}

/* The innermost place that holds path; NULL: none, or one that is only to be read. */
static const sbx_place *find_place(const sbx_judge *judge, const char *path)
{
    const sbx_place *found = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < judge->place_count; i++) {
        const sbx_place *place = &judge->places[i];
        size_t bytes = strlen(place->path);

        if (bytes >= longest && sbx_path_is_within(path, place->path)) {
            found = place;
            longest = bytes;
        }
    }
    return found != NULL && found->kind == SBX_PLACE_READABLE ? NULL : found;
}

static const char *rule_at(const sbx_judge *judge, const char *path)
{
    const sbx_place *place = find_place(judge, path);

    if (place == NULL)
        return "no writable root";
    return place->rule;
}

static bool is_read_only(int fd)
{
    struct statvfs about;

    return fstatvfs(fd, &about) == 0 && (about.f_flag & ST_RDONLY) != 0;
}

/* By far the most: where mounts are the wall, what can be changed outside and in the view is refused by nobody. */
static bool is_free(const sbx_judge *judge, int fd, bool owner_only)
{
    if (!judge->has_mounts || judge->learns)
        return false;
    return owner_only ? !is_read_only(fd)
                      : faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

/* May the caller outside change it, and does only our wall say no? *out_is_let: it would, if it were up. */
static bool wall_refuses(bool *out_is_let, const sbx_judge *judge, int fd, const char *path,
                         bool owner_only)
{
    const sbx_place *place;

    if (owner_only) {
        struct stat about;

        if (fstat(fd, &about) != 0 || (geteuid() != 0 && about.st_uid != geteuid()))
            return false;
        if (judge->has_mounts && (is_read_only(fd) || !judge->learns))
            return is_read_only(fd);
    } else if (faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) != 0) {
        return errno == EROFS && judge->has_mounts;
    }
    if (judge->has_mounts && !judge->learns)
        return false;
    place = find_place(judge, path);
    *out_is_let = judge->learns && place == NULL;
    return (place == NULL && strncmp(path, "/dev/", 5) != 0) ||
           (place != NULL && place->kind != SBX_PLACE_WRITABLE);
}

/* Does one of the places that may not be made or taken away have that name? Where it lies is another question. */
static bool is_name_of_place(const sbx_judge *judge, const char *name)
{
    size_t bytes = strcspn(name, "/");

    for (size_t i = 0; i < judge->place_count; i++) {
        const sbx_place *place = &judge->places[i];
        const char *slash = strrchr(place->path, '/');

        if ((place->kind == SBX_PLACE_PROTECTED || place->kind == SBX_PLACE_RESERVED) &&
            slash != NULL && strlen(slash + 1) == bytes && memcmp(slash + 1, name, bytes) == 0)
            return true;
    }
    return false;
}

/* A name in a directory: the directory is what must be writable. */
static void judge_entry(sbx_ruling *out, const sbx_judge *judge, const char *path, bool is_new_name,
                        bool replaces)
{
    char parent[4096];
    const char *name;
    char *slash;
    size_t bytes = strlen(path);
    struct stat about;
    const sbx_place *place;
    bool exists;
    int fd;

    if (bytes == 0 || bytes >= sizeof(parent))
        return;
    memcpy(parent, path, bytes + 1);
    while (bytes > 1 && parent[bytes - 1] == '/')
        parent[--bytes] = '\0';
    slash = strrchr(parent, '/');
    if (slash == NULL)
        return;
    name = path + (slash + 1 - parent);
    slash[slash == parent] = '\0';
    fd = open_in_view(judge, parent, false);
    if (fd < 0)
        return;
    if (!is_name_of_place(judge, name) && is_free(judge, fd, false)) {
        close(fd);
        return;
    }
    name_of_fd(fd, out->path, sizeof(out->path) - 2, parent);
    bytes = strlen(out->path);
    if (bytes > 1)
        out->path[bytes++] = '/';
    (void)snprintf(out->path + bytes, sizeof(out->path) - bytes, "%s", name);
    bytes = strlen(out->path);
    while (bytes > 1 && out->path[bytes - 1] == '/')
        out->path[--bytes] = '\0';
    exists = fstatat(judge->view_fd, out->path + 1, &about, AT_SYMLINK_NOFOLLOW) == 0;
    place = find_place(judge, out->path);
    if (place != NULL &&
        (place->kind == SBX_PLACE_PROTECTED || place->kind == SBX_PLACE_RESERVED) &&
        strcmp(place->path, out->path) == 0) {
        out->is_denied = true;
        out->error = is_new_name ? EEXIST : EBUSY;
    } else if ((replaces || exists != is_new_name) &&
               wall_refuses(&out->is_let, judge, fd, parent, false)) {
        out->is_denied = true;
        out->error = judge->has_mounts ? EROFS : EACCES;
    }
    close(fd);
}

static void judge_object(sbx_ruling *out, const sbx_judge *judge, const sbx_attempt *attempt)
{
    bool owner_only = attempt->kind == SBX_WATCH_OWNED;
    int fd =
        open_in_view(judge, attempt->path, attempt->no_follow || attempt->kind == SBX_WATCH_LINK);

    if (fd < 0)
        return;
    if (!is_free(judge, fd, owner_only)) {
        name_of_fd(fd, out->path, sizeof(out->path), attempt->path);
        if (wall_refuses(&out->is_let, judge, fd, out->path, owner_only)) {
            out->is_denied = true;
            out->error = judge->has_mounts ? EROFS : EACCES;
        }
    }
    close(fd);
}

static void judge_open(sbx_ruling *out, const sbx_judge *judge, const sbx_attempt *attempt)
{
    bool writes = (attempt->flags & (O_WRONLY | O_RDWR | O_TRUNC)) != 0;
    bool creates = (attempt->flags & O_CREAT) != 0;
    struct stat about;
    int fd = open_in_view(judge, attempt->path, attempt->no_follow);

    if (fd < 0) {
        if (errno == ENOENT && creates) {
            out->would_create = true;
            judge_entry(out, judge, attempt->path, true, false);
        }
        return;
    }
    if (is_free(judge, fd, false)) {
        close(fd);
        return;
    }
    name_of_fd(fd, out->path, sizeof(out->path), attempt->path);
    if (fstat(fd, &about) != 0 || (creates && (attempt->flags & O_EXCL) != 0))
        writes = false; /* EEXIST: an ordinary failure */
    if (S_ISDIR(about.st_mode) && (attempt->flags & O_TMPFILE) != O_TMPFILE)
        writes = false; /* EISDIR */
    if (S_ISLNK(about.st_mode))
        writes = false; /* ELOOP: asked not to follow */
    if (writes && wall_refuses(&out->is_let, judge, fd, out->path, false)) {
        out->is_denied = true;
        out->error = judge->has_mounts ? EROFS : EACCES;
    }
    close(fd);
}

void sbx_judge_attempt(sbx_ruling *out, const sbx_judge *judge, const sbx_attempt *attempt)
{
    sbx_text clean = {0};
    const sbx_place *place;

    memset(out, 0, offsetof(sbx_ruling, path));
    (void)snprintf(out->path, sizeof(out->path), "%s", attempt->path);
    if (sbx_path_clean(&clean, "/", attempt->path, NULL) == SBX_OK) {
        place = find_place(judge, sbx_text_string(&clean));
        /* What stands there is ours: its modes say nothing about what the caller might have done. */
        if (place != NULL && (place->kind == SBX_PLACE_SECRET ||
                              (place->kind == SBX_PLACE_RESERVED &&
                               strcmp(place->path, sbx_text_string(&clean)) != 0))) {
            (void)snprintf(out->path, sizeof(out->path), "%s", sbx_text_string(&clean));
            out->is_denied = true;
            out->error = EACCES;
            out->rule = place->rule;
        }
    }
    sbx_text_done(&clean);
    if (out->is_denied)
        return;
    switch (attempt->kind) {
    case SBX_WATCH_OPEN:
        judge_open(out, judge, attempt);
        break;
    case SBX_WATCH_OBJECT:
    case SBX_WATCH_LINK:
    case SBX_WATCH_OWNED:
        judge_object(out, judge, attempt);
        break;
    case SBX_WATCH_ENTRY:
        judge_entry(out, judge, attempt->path, attempt->is_new_name, attempt->replaces);
        break;
    }
    if (out->is_denied)
        out->rule = rule_at(judge, out->path);
}

static bool parent_mount(const sbx_judge *judge, const char *path, struct statx *out)
{
    char parent[4096];
    char *slash;
    int fd;
    bool ok;

    (void)snprintf(parent, sizeof(parent), "%s", path);
    slash = strrchr(parent, '/');
    if (slash == NULL)
        return false;
    slash[slash == parent] = '\0';
    fd = open_in_view(judge, parent, false);
    if (fd < 0)
        return false;
    ok = statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, out) == 0;
    close(fd);
    return ok;
}

bool sbx_judge_crosses_mounts(const sbx_judge *judge, const char *from, const char *to)
{
    struct statx a, b;

    return judge->has_mounts && parent_mount(judge, from, &a) && parent_mount(judge, to, &b) &&
           a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor &&
           a.stx_mnt_id != b.stx_mnt_id;
}
