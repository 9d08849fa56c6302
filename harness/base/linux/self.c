/* See self.h. */
#include "harness/base/linux/self.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name in field 2 may hold anything, even ')'. */
uint64_t sbx_self_parse_start(bool *out_is_dead, const char *stat_text)
{
    enum { NAME = 2, START = 22 };
    const char *at = strrchr(stat_text, ')');

    *out_is_dead = at != NULL && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X');
    for (int field = NAME; at != NULL && field < START; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

/* By the text of the link: to follow it makes the kernel make a file for the namespace. */
uint64_t sbx_self_namespace(const char *kind)
{
    char path[64], text[64];
    const char *number;
    ssize_t bytes;

    (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    bytes = readlink(path, text, sizeof(text) - 1);
    text[bytes > 0 ? bytes : 0] = '\0';
    number = strchr(text, '['); /* pid:[4026531836] */
    return number == NULL ? 0 : strtoull(number + 1, NULL, 10);
}

static sbx_self ask(void)
{
    char text[1024];
    bool is_dead;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    text[bytes > 0 && text[bytes - 1] == '\n' ? bytes : 0] = '\0'; /* whole, or nothing of it */
    return (sbx_self){.pid = (int)strtol(text, NULL, 10),
                      .start_ticks = sbx_self_parse_start(&is_dead, text),
                      .pid_namespace = sbx_self_namespace("pid")};
}

/* No lock, which a fork could leave held: who asks at the same time writes the same. */
sbx_self sbx_self_look(void)
{
    static struct {
        atomic_int of, pid; /* of: whom it is about; 0: nobody has asked */
        atomic_ullong start_ticks, pid_namespace;
    } known;
    sbx_self self;
    int pid = getpid();

    if (atomic_load(&known.of) == pid)
        return (sbx_self){atomic_load(&known.pid), atomic_load(&known.start_ticks),
                          atomic_load(&known.pid_namespace)};
    self = ask();
    atomic_store(&known.pid, self.pid);
    atomic_store(&known.start_ticks, self.start_ticks);
    atomic_store(&known.pid_namespace, self.pid_namespace);
    atomic_store(&known.of, pid);
    return self;
}
