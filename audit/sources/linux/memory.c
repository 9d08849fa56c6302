/* See memory.h. Everything read here is chosen by an untrusted program: lengths are ours. */
#include "audit/sources/linux/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness/base/compiler.h"

enum { PAGE = 4096 };

/* What the kernel gives of a piece that it cannot read to its end is not said: hence pieces that end with a page. */
size_t sbx_memory_read(pid_t pid, uint64_t address, void *out, size_t bytes)
{
    struct iovec here = {.iov_base = out, .iov_len = bytes}, there[8];
    size_t pieces = 0, left = bytes;
    ssize_t got;

    while (left > 0 && pieces < SBX_COUNT_OF(there)) {
        size_t piece = PAGE - (size_t)(address % PAGE);

        piece = piece < left ? piece : left;
        there[pieces++] = (struct iovec){.iov_base = (void *)(uintptr_t)address, .iov_len = piece};
        address += piece;
        left -= piece;
    }
    here.iov_len = bytes - left;
    got = process_vm_readv(pid, &here, 1, there, pieces, 0);
    return got > 0 ? (size_t)got : 0;
}

bool sbx_memory_read_string(pid_t pid, uint64_t address, char *out, size_t room)
{
    size_t have = 0;

    while (have < room) {
        size_t want =
            PAGE - (size_t)((address + have) % PAGE); /* a read must not cross into nothing */
        size_t got;

        if (want > room - have)
            want = room - have;
        got = sbx_memory_read(pid, address + have, out + have, want);
        if (got == 0)
            return false;
        if (memchr(out + have, '\0', got) != NULL)
            return true;
        have += got;
    }
    return false;
}

bool sbx_memory_read_link(pid_t pid, const char *name, char *out, size_t room)
{
    char path[64];
    ssize_t bytes;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    bytes = readlink(path, out, room - 1);
    if (bytes <= 0)
        return false;
    out[bytes] = '\0';
    return true;
}

static bool read_field(const char *text, const char *key, pid_t *out)
{
    const char *at = strstr(text, key);

    if (at == NULL)
        return false;
    *out = (pid_t)strtol(at + strlen(key), NULL, 10);
    return true;
}

/* Since Linux 6.13: a third of what the text in /proc takes, which is made of all that the kernel knows. */
static bool ask_ids(pid_t task, pid_t *out_group, pid_t *out_parent)
{
    struct pidfd_info {
        uint64_t mask, cgroup;
        uint32_t pid, group, parent, other[9];
    } info = {0};
    int fd = (int)syscall(SYS_pidfd_open, task, O_EXCL /* PIDFD_THREAD: any of its threads */);
    bool is_known = fd >= 0 && ioctl(fd, _IOWR(0xFF, 11, struct pidfd_info), &info) == 0 &&
                    (info.mask & 1) != 0 && info.group != 0;

    _Static_assert(sizeof(info) == 64, "the first version of it, that every kernel knows");
    if (fd >= 0)
        close(fd);
    if (is_known) {
        *out_group = (pid_t)info.group;
        *out_parent = (pid_t)info.parent;
    }
    return is_known;
}

bool sbx_memory_read_ids(pid_t task, pid_t *out_group, pid_t *out_parent)
{
    char path[64], text[1024];
    ssize_t bytes;
    int fd;

    if (ask_ids(task, out_group, out_parent))
        return true;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)task);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bytes = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (bytes <= 0)
        return false;
    text[bytes] = '\0';
    return read_field(text, "\nTgid:\t", out_group) && read_field(text, "\nPPid:\t", out_parent);
}
