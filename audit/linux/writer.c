/* Processes and the machine by /proc; see writer.h. */
#include "audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A small file's text without the newline; "" where it cannot be read. */
static void read_small(char *out, size_t room, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, out, room - 1);

    if (fd >= 0)
        close(fd);
    out[bytes > 0 ? bytes : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

/*
 * Field 22 of /proc/PID/stat; 0: not to be read. The name in field 2 may hold anything, even ')'. Field 3 says whether it is
 * dead and only waits to be buried, which an orphan may do for ever where pid 1 of a container buries nobody.
 */
static uint64_t read_start_ticks(bool *out_dead, int64_t pid)
{
    char path[48], text[1024];
    const char *at;

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    read_small(text, sizeof(text), path);
    at = strrchr(text, ')');
    *out_dead = at != NULL && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

void sbx_supervisor_self(sbx_supervisor *out)
{
    struct stat about;
    bool is_dead;

    *out = (sbx_supervisor){.pid = getpid()};
    out->start_ticks = read_start_ticks(&is_dead, out->pid);
    if (stat("/proc/self/ns/pid", &about) == 0)
        out->pid_namespace = about.st_ino;
    read_small(out->boot_id, sizeof(out->boot_id), "/proc/sys/kernel/random/boot_id");
}

bool sbx_supervisor_is_gone(const sbx_supervisor *other, const sbx_supervisor *self)
{
    uint64_t start_ticks;
    bool is_dead;

    if (other->boot_id[0] == '\0' || self->boot_id[0] == '\0')
        return false;
    if (strcmp(other->boot_id, self->boot_id) != 0)
        return true;
    if (other->pid_namespace == 0 || other->pid_namespace != self->pid_namespace)
        return false;
    if (other->pid <= 0)
        return false;
    if (kill((pid_t)other->pid, 0) != 0 && errno == ESRCH)
        return true;
    start_ticks = read_start_ticks(&is_dead, other->pid);
    return is_dead ||
           (start_ticks != 0 && other->start_ticks != 0 && start_ticks != other->start_ticks);
}

void sbx_node_self(sbx_node *out)
{
    struct utsname name;

    *out = (sbx_node){0};
    if (uname(&name) == 0) {
        (void)snprintf(out->hostname, sizeof(out->hostname), "%s", name.nodename);
        (void)snprintf(out->os, sizeof(out->os), "%s", name.sysname);
        (void)snprintf(out->os_version, sizeof(out->os_version), "%s", name.release);
    }
    read_small(out->machine_id, sizeof(out->machine_id), "/etc/machine-id");
}
