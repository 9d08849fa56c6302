/* See memory.h. Everything read here is chosen by an untrusted program: lengths are ours. */
#include "audit/sources/linux/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096 };

size_t sbx_memory_read(pid_t pid, uint64_t address, void *out, size_t bytes)
{
    struct iovec here = {.iov_base = out, .iov_len = bytes};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = bytes};
    ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

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

bool sbx_memory_read_ids(pid_t task, pid_t *out_group, pid_t *out_parent)
{
    char path[64], text[1024];
    ssize_t bytes;
    int fd;

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
