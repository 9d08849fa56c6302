/*
 * The rest of init's life: it reaps, passes TERM on, tells the supervisor how the command ended, and
 * takes everything down with it. It is never the command, so that `kill -9 $$` in the command is a
 * signal and not an exit code, and so that orphans do not pile up.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

typedef struct reaper {
    int control_fd, signal_fd, io_fd;
    int children_fd; /* without a pid namespace: the list of our children; else -1 */
    pid_t target;
    bool reports_stops;
} reaper;

/* Signals every process of the job but init. kill(-1) means that only where the namespace is ours. */
static void signal_all(const reaper *self, int number)
{
    char text[4096];
    ssize_t bytes;
    pid_t pid = 0;

    if (self->children_fd < 0) {
        (void)kill(-1, number);
        return;
    }
    bytes = pread(self->children_fd, text, sizeof(text), 0);
    for (ssize_t i = 0; i < bytes; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            pid = pid * 10 + (text[i] - '0');
        } else if (pid > 0) {
            (void)kill(pid, number);
            pid = 0;
        }
    }
}

/* Kills and reaps until there is no child; orphans of the killed become ours and follow. Mostly there is none. */
static uint64_t kill_all(const reaper *self)
{
    uint64_t count = 0;
    pid_t got;

    do { /* dead already when the command ended: not left behind */
        got = waitpid(-1, NULL, WNOHANG | __WALL);
    } while (got > 0);
    while (got >= 0 || errno == EINTR) {
        signal_all(self, SIGKILL);
        got = waitpid(-1, NULL, __WALL);
        count += got > 0;
    }
    return count;
}

/* "read_bytes: N" and "write_bytes: N" of /proc/self/io, which sums up every reaped descendant. */
static uint64_t read_io(const char *text, ssize_t bytes, const char *key)
{
    uint64_t value = 0;

    for (ssize_t i = 0; i < bytes; i++) {
        ssize_t k = 0;

        if (i > 0 && text[i - 1] != '\n')
            continue;
        while (key[k] != '\0' && i + k < bytes && text[i + k] == key[k])
            k++;
        if (key[k] != '\0')
            continue;
        for (k += i; k < bytes && text[k] != '\n'; k++)
            if (text[k] >= '0' && text[k] <= '9')
                value = value * 10 + (uint64_t)(text[k] - '0');
        return value;
    }
    return SBX_UNLIMITED;
}

static uint64_t timeval_ns(struct timeval value)
{
    return (uint64_t)value.tv_sec * 1000000000U + (uint64_t)value.tv_usec * 1000U;
}

SBX_NORETURN static void finish(const reaper *self, int wait_status)
{
    sbx_wire message = {.kind = SBX_WIRE_EXITED};
    sbx_wire_exit *out = &message.u.exit;
    struct rusage used, own;
    struct statfs temp;
    char text[512];
    ssize_t bytes;

    out->wait_status = wait_status;
    out->leaked_count = kill_all(self);
    getrusage(RUSAGE_CHILDREN, &used);
    getrusage(RUSAGE_SELF, &own); /* a group counts us too, and so does looking at the tree */
    out->user_ns = timeval_ns(used.ru_utime) + timeval_ns(own.ru_utime);
    out->system_ns = timeval_ns(used.ru_stime) + timeval_ns(own.ru_stime);
    out->memory_peak_bytes = (uint64_t)used.ru_maxrss * 1024U;
    bytes = self->io_fd >= 0 ? pread(self->io_fd, text, sizeof(text), 0) : 0;
    out->io_read_bytes = read_io(text, bytes, "read_bytes:");
    out->io_write_bytes = read_io(text, bytes, "write_bytes:");
    if (self->children_fd < 0 && statfs("/tmp", &temp) == 0)
        out->temp_bytes = (uint64_t)(temp.f_blocks - temp.f_bfree) * (uint64_t)temp.f_bsize;
    sbx_wire_send(self->control_fd, &message);
    _exit(0);
}

static void reap(const reaper *self)
{
    for (;;) {
        siginfo_t info;

        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | __WALL) != 0 || info.si_pid == 0)
            return;
        if (info.si_pid != self->target)
            continue;
        if (info.si_code == CLD_STOPPED) {
            sbx_wire message = {.kind = SBX_WIRE_STOPPED, .value = info.si_status};

            if (self->reports_stops)
                sbx_wire_send(self->control_fd, &message);
        } else if (info.si_code == CLD_EXITED) {
            finish(self, info.si_status << 8);
        } else if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
            finish(self, info.si_status);
        }
    }
}

static void obey(const reaper *self)
{
    sbx_wire message;
    ssize_t got = recv(self->control_fd, &message, sizeof(message), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got != (ssize_t)sizeof(message)) {
        (void)kill_all(self); /* the supervisor is gone */
        _exit(125);
    }
    if (message.kind == SBX_WIRE_TERM) {
        signal_all(self, SIGTERM);
        signal_all(self, SIGCONT); /* a stopped process hears TERM only when it goes on */
    }
}

/* What a hostile target could want of us goes first: memory, descriptors, capabilities. */
static sbx_status become_small(reaper *self, const sbx_entry *entry, sbx_error *err)
{
    sigset_t all;

    self->io_fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    self->children_fd = -1;
    if (!entry->plan->walls[SBX_WALL_PIDS]) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        self->children_fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        if (self->children_fd < 0)
            return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_SPAWN, errno,
                                  "open the list of children");
    }
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    self->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signal_fd < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_SPAWN, errno, "make a signal descriptor");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_SPAWN, errno, "close the init to tracing");
    return SBX_OK;
}

/* stdio too: "sbx returns when the command ends" must not hang on our copy of a pipe. */
static void close_the_rest(const reaper *self)
{
    unsigned from = 0;
    int keep[4] = {self->control_fd, self->signal_fd, self->io_fd, self->children_fd};

    for (int round = 0; round < 4; round++) {
        unsigned next = ~0U;

        for (size_t i = 0; i < SBX_COUNT_OF(keep); i++)
            if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next == ~0U)
            break;
        if (next > from)
            (void)syscall(SYS_close_range, from, next - 1, 0U);
        from = next + 1;
    }
    (void)syscall(SYS_close_range, from, ~0U, 0U);
}

void sbx_init_reap(const sbx_entry *entry, int target_pid)
{
    reaper self = {.control_fd = entry->control_fd,
                   .target = target_pid,
                   .reports_stops = entry->takes_foreground};
    sbx_error err;

    if (become_small(&self, entry, &err) != SBX_OK || sbx_ids_keep_only_kill(&err) != SBX_OK)
        sbx_wire_fail(entry->control_fd, &err);
    close_the_rest(&self);
    for (;;) {
        struct pollfd wait[2] = {{.fd = self.signal_fd, .events = POLLIN},
                                 {.fd = self.control_fd, .events = POLLIN}};
        struct signalfd_siginfo drained[8];

        reap(&self); /* before the first wait too: the command may be dead already */
        if (poll(wait, 2, -1) < 0)
            continue;
        while (read(self.signal_fd, drained, sizeof(drained)) > 0) {
        }
        if (wait[1].revents != 0)
            obey(&self);
    }
}
