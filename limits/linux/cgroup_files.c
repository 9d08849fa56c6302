/* Reading and writing the files of a control group. */
#include "limits/linux/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/limits.h"

static int remove_directory(int dir_fd, const char *name)
{
    return unlinkat(dir_fd, name, AT_REMOVEDIR);
}

/* The first since systemd 251, the second always, but only root may read it. */
static bool is_delegated(int dir_fd)
{
    static const char *const marks[] = {"user.delegate", "trusted.delegate"};

    for (size_t i = 0; i < SBX_COUNT_OF(marks); i++) {
        char value = 0;

        if (fgetxattr(dir_fd, marks[i], &value, 1) == 1)
            return value == '1';
    }
    return false;
}

sbx_cgroup_calls sbx_cgroup_os = {mkdirat, remove_directory, write, "/proc/self/cgroup",
                                  is_delegated};

ssize_t sbx_cgroup_read_text(int dir_fd, const char *file, char *out, size_t bytes)
{
    ssize_t got;
    int code;
    int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);

    if (fd == -1)
        return -errno;
    do { /* these files are one record each: one read gets it all */
        got = read(fd, out, bytes - 1);
    } while (got == -1 && errno == EINTR);
    code = errno;
    close(fd);
    if (got == -1)
        return -code;
    out[got] = '\0';
    return got;
}

bool sbx_cgroup_parse_number(uint64_t *out, const char *text, const char **out_end)
{
    uint64_t value = 0;
    const char *at = text;

    if (strncmp(text, "max", 3) == 0) {
        *out = SBX_UNLIMITED;
        if (out_end != NULL)
            *out_end = text + 3;
        return true;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == text)
        return false;
    *out = value;
    if (out_end != NULL)
        *out_end = at;
    return true;
}

int sbx_cgroup_read_number(uint64_t *out, int dir_fd, const char *file)
{
    char text[64];
    ssize_t got = sbx_cgroup_read_text(dir_fd, file, text, sizeof(text));

    if (got < 0)
        return (int)got;
    return sbx_cgroup_parse_number(out, text, NULL) ? 0 : -EBADMSG;
}

int sbx_cgroup_find_key(uint64_t *out, const char *text, const char *key)
{
    size_t key_bytes = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *next = strchr(line, '\n');

        if (strncmp(line, key, key_bytes) == 0 && line[key_bytes] == ' ')
            return sbx_cgroup_parse_number(out, line + key_bytes + 1, NULL) ? 0 : -EBADMSG;
        line = next != NULL ? next + 1 : NULL;
    }
    return -ENOENT;
}

int sbx_cgroup_read_key(uint64_t *out, int dir_fd, const char *file, const char *key)
{
    char text[4096];
    ssize_t got = sbx_cgroup_read_text(dir_fd, file, text, sizeof(text));

    return got < 0 ? (int)got : sbx_cgroup_find_key(out, text, key);
}

static int open_for_writing(int dir_fd, const char *file)
{
    int fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC);

    if (fd == -1 && errno == EACCES) /* some files can only be written */
        fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);
    return fd == -1 ? -errno : fd;
}

static int write_all(int fd, const char *text)
{
    size_t bytes = strlen(text);
    ssize_t put;

    do {
        put = sbx_cgroup_os.write(fd, text, bytes);
    } while (put == -1 && errno == EINTR);
    if (put == -1)
        return -errno;
    return (size_t)put == bytes ? 0 : -EIO;
}

int sbx_cgroup_write_text(int dir_fd, const char *file, const char *text)
{
    int fd = open_for_writing(dir_fd, file);
    int result;

    if (fd < 0)
        return fd;
    result = write_all(fd, text);
    close(fd);
    return result;
}

/* What the kernel made of the value: the same, or rounded down to its granule. */
static bool is_held(uint64_t asked, uint64_t got, uint64_t granule)
{
    /* v1 says "no limit" with the largest page count; whoever asks for as much gets that. */
    const uint64_t v1_most = INT64_MAX - 4095;

    if (got == asked)
        return true;
    if (asked > v1_most && asked != SBX_UNLIMITED)
        return got >= v1_most - granule;
    return got < asked && asked - got < granule;
}

int sbx_cgroup_set_number(int dir_fd, const char *file, uint64_t value, uint64_t granule)
{
    char text[32];
    ssize_t got_bytes;
    uint64_t got;
    int fd = open_for_writing(dir_fd, file);
    int result;

    if (fd < 0)
        return fd;
    if (value == SBX_UNLIMITED)
        snprintf(text, sizeof(text), "max\n");
    else
        snprintf(text, sizeof(text), "%" PRIu64 "\n", value);
    result = write_all(fd, text);
    if (result == 0) {
        got_bytes = pread(fd, text, sizeof(text) - 1, 0);
        if (got_bytes < 0) {
            result = -errno;
        } else {
            text[got_bytes] = '\0';
            if (!sbx_cgroup_parse_number(&got, text, NULL) || !is_held(value, got, granule))
                result = -ERANGE;
        }
    }
    close(fd);
    return result;
}

bool sbx_cgroup_list_has(const char *list, const char *word, size_t word_bytes)
{
    for (const char *at = list; at != NULL;) {
        const char *comma = strchr(at, ',');
        size_t bytes = comma != NULL ? (size_t)(comma - at) : strlen(at);

        if (bytes == word_bytes && memcmp(at, word, bytes) == 0)
            return true;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return false;
}

/* Whatever keeps the group from going: groups below it. */
static void clear_children_of(int parent_fd, const char *name)
{
    int dir_fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir_fd == -1)
        return;
    (void)sbx_cgroup_clear_children(dir_fd, SBX_NS_PER_S);
    close(dir_fd);
}

int sbx_cgroup_remove(int parent_fd, const char *name)
{
    const struct timespec pause = {.tv_nsec = SBX_NS_PER_MS};

    for (unsigned attempt = 0; attempt < 100; attempt++) {
        if (sbx_cgroup_os.remove_directory(parent_fd, name) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            return -errno;
        if (attempt == 0)
            clear_children_of(parent_fd, name);
        else /* a process that has just ended can hold its group longer than it can be seen */
            nanosleep(&pause, NULL);
    }
    return -EBUSY;
}
