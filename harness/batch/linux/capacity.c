/* What this host has: affinity, /proc/meminfo, and the limits of the groups above. */
#include "harness/batch/capacity.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits/limits.h"

enum { FILE_BYTES_MAX = 16 * 1024, PATH_BYTES_MAX = 4096 };

unsigned sbx_capacity_cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : (unsigned)count;
}

static bool read_file(char *out, size_t room, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, room - 1);

    if (fd >= 0)
        (void)close(fd);
    out[got < 0 ? 0 : got] = '\0';
    return got >= 0;
}

/* A file that holds one number; "max" and anything else is no limit. */
static uint64_t read_number(const char *directory, const char *name)
{
    char path[PATH_BYTES_MAX + 64], text[64];
    unsigned long long value;
    char *end = text;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (!read_file(text, sizeof(text), path) || text[0] < '0' || text[0] > '9')
        return SBX_UNLIMITED;
    value = strtoull(text, &end, 10);
    return end == text ? SBX_UNLIMITED : (uint64_t)value;
}

static uint64_t available(const char *meminfo)
{
    char text[FILE_BYTES_MAX];
    const char *line;

    if (!read_file(text, sizeof(text), meminfo))
        return SBX_UNLIMITED;
    line = strstr(text, "MemAvailable:");
    if (line == NULL)
        return SBX_UNLIMITED;
    return strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024;
}

/* What one group and those above it leave. path is cut from the end, level by level. */
static uint64_t left_of_groups(char *path, size_t root_bytes, const char *limit_name,
                               const char *usage_name)
{
    uint64_t least = SBX_UNLIMITED;

    for (;;) {
        uint64_t limit = read_number(path, limit_name), usage = read_number(path, usage_name);
        char *slash;

        if (limit != SBX_UNLIMITED && usage != SBX_UNLIMITED) {
            uint64_t left = limit > usage ? limit - usage : 1;

            least = left < least ? left : least;
        }
        slash = strrchr(path, '/');
        if (slash == NULL || (size_t)(slash - path) < root_bytes)
            return least;
        *slash = '\0';
    }
}

static bool has_controller(const char *list, size_t bytes, const char *name)
{
    size_t name_bytes = strlen(name);

    for (const char *at = list; at < list + bytes;) {
        size_t word = strcspn(at, ",:");

        if (word == name_bytes && memcmp(at, name, word) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

/* A line of /proc/self/cgroup: "0::/path" (v2) or "9:memory:/path" (v1). */
static uint64_t left_of_line(const char *line, const char *cgroup_root)
{
    const char *list = strchr(line, ':'), *path = list == NULL ? NULL : strchr(list + 1, ':');
    char directory[PATH_BYTES_MAX];
    bool is_v2;

    if (path == NULL)
        return SBX_UNLIMITED;
    list++;
    is_v2 = list == path;
    if (!is_v2 && !has_controller(list, (size_t)(path - list), "memory"))
        return SBX_UNLIMITED;
    (void)snprintf(directory, sizeof(directory), "%s%s%.*s", cgroup_root, is_v2 ? "" : "/memory",
                   (int)strcspn(path + 1, "\n"), path + 1);
    return left_of_groups(directory, strlen(cgroup_root) + (is_v2 ? 0 : strlen("/memory")),
                          is_v2 ? "memory.max" : "memory.limit_in_bytes",
                          is_v2 ? "memory.current" : "memory.usage_in_bytes");
}

uint64_t sbx_capacity_memory_of(const char *meminfo, const char *self_cgroup,
                                const char *cgroup_root)
{
    uint64_t least = available(meminfo);
    char text[FILE_BYTES_MAX];

    if (read_file(text, sizeof(text), self_cgroup))
        for (const char *line = text; *line != '\0';) {
            uint64_t left = left_of_line(line, cgroup_root);
            size_t bytes = strcspn(line, "\n");

            least = left < least ? left : least;
            line += bytes + (line[bytes] == '\n');
        }
    return least == 0 ? 1 : least;
}

uint64_t sbx_capacity_memory(void)
{
    return sbx_capacity_memory_of("/proc/meminfo", "/proc/self/cgroup", "/sys/fs/cgroup");
}
