/* Processes and the machine by /proc; see writer.h. */
#include "audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/base/linux/self.h"

/* A small file's text; "" where it cannot be read. */
static void read_text(char *out, size_t room, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, out, room - 1);

    if (fd >= 0)
        close(fd);
    out[bytes > 0 ? bytes : 0] = '\0';
}

static void read_line(char *out, size_t room, const char *path)
{
    read_text(out, room, path);
    out[strcspn(out, "\n")] = '\0';
}

/* 0: not to be read. */
static uint64_t read_start_ticks(bool *out_dead, int64_t pid)
{
    char path[48], text[1024];

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    read_text(text, sizeof(text), path); /* a name may hold newlines, too */
    return sbx_self_parse_start(out_dead, text);
}

void sbx_supervisor_self(sbx_supervisor *out)
{
    sbx_self self = sbx_self_look();

    *out = (sbx_supervisor){
        .pid = getpid(), .start_ticks = self.start_ticks, .pid_namespace = self.pid_namespace};
    read_line(out->boot_id, sizeof(out->boot_id), "/proc/sys/kernel/random/boot_id");
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
    read_line(out->machine_id, sizeof(out->machine_id), "/etc/machine-id");
}
