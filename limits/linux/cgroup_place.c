/* The caller's own groups, by /proc/self/cgroup and the usual mount points. */
#include "limits/linux/cgroup_place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "harness/base/linux/self.h"
#include "limits/linux/cgroup_files.h"

static const char *const controller_words[SBX_CGROUP_CONTROLLER_COUNT] = {"", "memory", "pids",
                                                                          "cpu", "cpuacct"};

const char *sbx_cgroup_controller_word(sbx_cgroup_controller controller)
{
    return controller_words[controller];
}

/* "4:cpu,cpuacct:/path" */
static void read_line(sbx_cgroup_place *place, char *line)
{
    char *controllers = strchr(line, ':');
    char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    uint64_t hierarchy;

    if (path == NULL || !sbx_cgroup_parse_number(&hierarchy, line, NULL) || hierarchy > INT32_MAX)
        return;
    *controllers++ = '\0';
    *path++ = '\0';
    if (path[0] != '/' || strncmp(path, "/..", 3) == 0) /* outside of our cgroup namespace */
        return;
    for (int i = 0; i < SBX_CGROUP_CONTROLLER_COUNT; i++) {
        if (i == SBX_CGROUP_UNIFIED ? hierarchy == 0 && controllers[0] == '\0'
                                    : sbx_cgroup_list_has(controllers, controller_words[i],
                                                          strlen(controller_words[i])))
            place->lines[i] = (sbx_cgroup_line){(int)hierarchy, controllers, path};
    }
}

int sbx_cgroup_place_read(sbx_cgroup_place *out)
{
    ssize_t got =
        sbx_cgroup_read_text(AT_FDCWD, sbx_cgroup_os.own_groups, out->text, sizeof(out->text));

    for (int i = 0; i < SBX_CGROUP_CONTROLLER_COUNT; i++)
        out->lines[i] = (sbx_cgroup_line){-1, NULL, NULL};
    if (got < 0)
        return (int)got;
    for (char *line = out->text; *line != '\0';) {
        char *end = strchr(line, '\n');

        if (end == NULL)
            break;
        *end = '\0';
        read_line(out, line);
        line = end + 1;
    }
    return 0;
}

static int open_directory(const char *base, const char *middle, const char *own_path)
{
    char path[8192];
    int bytes = snprintf(path, sizeof(path), "%s%s%s%s", base, middle[0] != '\0' ? "/" : "", middle,
                         own_path);
    int fd;

    if (bytes < 0 || (size_t)bytes >= sizeof(path))
        return -ENAMETOOLONG;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd == -1 ? -errno : fd;
}

/* fd, if it lies in a cgroup file system of that version; closed otherwise. */
static int keep_if_cgroup(int fd, bool is_unified)
{
    struct statfs info;

    if (fd < 0)
        return fd;
    if (fstatfs(fd, &info) == 0 &&
        info.f_type == (is_unified ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
        return fd;
    close(fd);
    return -ENOENT;
}

/* A stand-in for /sys/fs/cgroup: plain directories will do. */
static int open_below_root(const char *root, sbx_cgroup_controller controller, const char *own_path)
{
    char probe[4096];

    if (controller != SBX_CGROUP_UNIFIED)
        return open_directory(root, controller_words[controller], own_path);
    snprintf(probe, sizeof(probe), "%s/cgroup.controllers", root);
    return open_directory(root, access(probe, F_OK) == 0 ? "" : "unified", own_path);
}

/* mountinfo has a record per mount, and a read ends wherever one does not fit. */
static ssize_t read_mountinfo(char *out, size_t bytes)
{
    size_t length = 0;
    ssize_t got;
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

    if (fd == -1)
        return -errno;
    while ((got = read(fd, out + length, bytes - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    out[length] = '\0';
    return got < 0 ? -EIO : (ssize_t)length;
}

static int open_by_mountinfo(const sbx_cgroup_line *line, bool is_unified)
{
    const size_t bytes = 1 << 20; /* thousands of mounts */
    char path[8192];
    char *text = malloc(bytes);
    int fd = -ENOENT;

    if (text == NULL)
        return -ENOMEM;
    if (read_mountinfo(text, bytes) > 0 &&
        sbx_mountinfo_find(path, sizeof(path), text, line->controllers, line->path))
        fd = keep_if_cgroup(open_directory(path, "", ""), is_unified);
    free(text);
    return fd;
}

/*
 * In a cgroup namespace of our own the usual mount may be the one of whoever made it: then a path that begins
 * at our top would be looked up from another one. The mount table tells them apart.
 */
static bool is_first_namespace(void)
{
    uint64_t number = sbx_self_namespace("cgroup");

    return number == 0 || number == SBX_FIRST_CGROUP_NAMESPACE;
}

int sbx_cgroup_place_open(const sbx_cgroup_place *place, sbx_cgroup_controller controller,
                          const char *root)
{
    const sbx_cgroup_line *line = &place->lines[controller];
    bool is_unified = controller == SBX_CGROUP_UNIFIED;
    int fd;

    if (line->hierarchy == -1)
        return -ENOENT;
    if (root != NULL)
        return open_below_root(root, controller, line->path);
    if (is_unified && !is_first_namespace()) {
        fd = -ENOENT;
    } else if (is_unified) {
        fd = keep_if_cgroup(open_directory("/sys/fs/cgroup", "", line->path), true);
        if (fd < 0)
            fd = keep_if_cgroup(open_directory("/sys/fs/cgroup", "unified", line->path), true);
    } else {
        fd = keep_if_cgroup(
            open_directory("/sys/fs/cgroup", controller_words[controller], line->path), false);
    }
    return fd >= 0 ? fd : open_by_mountinfo(line, is_unified);
}
