/*
 * The doctor on kill on close: a supervisor is killed with SIGKILL, and its command has to die with
 * it. Whether it does is seen at a pipe that only the command holds: it closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/runner/linux/doctor_parts.h"
#include "limits/job.h"

enum { BORN_MS = 2000, DEAD_MS = 2000, SURVIVES_MS = 30 };

static const char *const stay[] = {"stay", NULL};

/* Both ends close-on-exec; -1 each where there is none. */
static void make_pipe(int out_ends[2])
{
    if (pipe2(out_ends, O_CLOEXEC) != 0)
        out_ends[0] = out_ends[1] = -1;
}

/* The supervisor's whole life: its parent kills it, also by being killed itself. */
SBX_NORETURN static void supervise(const sbx_doctor *self, const sbx_plan *plan, int pipe_end,
                                   pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        _exit(1);
    if (plan == NULL) { /* the control: starts it, and has nothing to do with it any more */
        (void)sbx_doctor_start(self, stay, pipe_end);
        close(pipe_end);
    } else {
        static const sbx_run_options options;
        sbx_result result;

        if (dup2(pipe_end, STDOUT_FILENO) == STDOUT_FILENO)
            sbx_run(&result, plan, &options);
        _exit(1);
    }
    for (;;)
        pause();
}

/* What the command says when it is there: its pid; 0: it never came. */
static pid_t read_pid(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    pid_t pid = 0;

    if (poll(&wait, 1, BORN_MS) != 1 || read(fd, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        return 0;
    return pid;
}

typedef struct outcome {
    pid_t pid; /* the command's, in its own numbers; 0: it did not come to life */
    bool has_closed;
    uint64_t took_ns;
} outcome;

static outcome kill_supervisor(const sbx_doctor *self, const sbx_plan *plan, int timeout_ms)
{
    outcome out = {0};
    uint64_t began_ns;
    int ends[2];
    pid_t supervisor, self_pid = getpid();

    make_pipe(ends);
    supervisor = ends[0] < 0 ? -1 : fork();
    if (supervisor == 0) {
        close(ends[0]);
        supervise(self, plan, ends[1], self_pid);
    }
    if (ends[1] >= 0)
        close(ends[1]);
    if (supervisor > 0) {
        struct pollfd wait = {.fd = ends[0], .events = 0}; /* POLLHUP comes unasked */

        out.pid = read_pid(ends[0]);
        began_ns = sbx_clock_monotonic_ns();
        (void)kill(supervisor, SIGKILL);
        while (waitpid(supervisor, NULL, 0) < 0 && errno == EINTR)
            continue;
        out.has_closed = poll(&wait, 1, timeout_ms) == 1;
        out.took_ns = sbx_clock_monotonic_ns() - began_ns;
    }
    if (ends[0] >= 0)
        close(ends[0]);
    return out;
}

/* Without a sandbox the command must survive, or its dying inside would show nothing. */
static bool survives_outside(const sbx_doctor *self)
{
    outcome control = kill_supervisor(self, NULL, SURVIVES_MS);

    if (control.pid > 0)
        (void)kill(control.pid, SIGKILL);
    return control.pid > 0 && !control.has_closed;
}

void sbx_doctor_try_close(sbx_doctor *self)
{
    static const sbx_doctor_how usual;
    const char *argv[SBX_DOCTOR_ARGUMENTS_MAX];
    static const char subject[] = "kill-on-close";
    bool has_namespace;
    sbx_plan plan = {0};
    sbx_error err;
    outcome inside;

    if (!survives_outside(self)) {
        sbx_doctor_add(self, subject, "unknown", "none", NULL,
                       "outside, a command died with the one that started it, so nothing is shown");
        return;
    }
    if (sbx_doctor_plan(&plan, argv, self, &usual, stay, &err) != SBX_OK) {
        sbx_doctor_add(self, subject, "unknown", "none", NULL, "%s", err.message);
        return;
    }
    has_namespace = plan.walls[SBX_WALL_PIDS];
    inside = kill_supervisor(self, &plan, DEAD_MS);
    sbx_plan_done(&plan);
    (void)sbx_job_sweep(NULL); /* what the killed one could not take away */
    if (inside.pid == 0)
        sbx_doctor_add(self, subject, "unknown", "none", NULL,
                       "the command to be killed did not start");
    else if (!inside.has_closed)
        sbx_doctor_add(self, subject, "missing", "none", "this is a defect: please report it",
                       "sbx was killed with SIGKILL, and its command still lived %d ms later",
                       (int)DEAD_MS);
    else
        sbx_doctor_add(self, subject, has_namespace ? "enforced" : "degraded",
                       has_namespace ? "pid namespace" : "init",
                       has_namespace ? NULL : "user namespaces, as for the line \"pids\"",
                       "sbx was killed with SIGKILL, and its command was dead %u.%u ms later; "
                       "outside, one survives",
                       (unsigned)(inside.took_ns / SBX_NS_PER_MS),
                       (unsigned)(inside.took_ns / (SBX_NS_PER_MS / 10) % 10));
}
