/* The doctor's two ways to try a thing: outside, and inside as `sbx exec` would run it. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/linux/names.h"
#include "harness/runner/linux/doctor_parts.h"

extern char **environ;

enum { PROBE_NONSENSE = 255 };

/* What "no" can look like: refused, or not there. Anything else shows nothing about a wall. */
static bool is_refusal(int code)
{
    static const int refusals[] = {EACCES,       EPERM,        EROFS, ENOSYS,        ENOENT,
                                   ESRCH,        EINVAL,       EIDRM, ECONNREFUSED,  ENETUNREACH,
                                   EAGAIN,       EMFILE,       ENXIO, EADDRNOTAVAIL, ENOSPC,
                                   EAFNOSUPPORT, EHOSTUNREACH, ELOOP};

    for (size_t i = 0; i < SBX_COUNT_OF(refusals); i++)
        if (refusals[i] == code)
            return true;
    return false;
}

static void set_answer(sbx_doctor_attempt *out, int code)
{
    const char *name = sbx_errno_name(code);

    out->code = code;
    out->answer = code == 0          ? SBX_DOCTOR_DID
                  : is_refusal(code) ? SBX_DOCTOR_REFUSED
                                     : SBX_DOCTOR_BROKEN;
    if (code == PROBE_NONSENSE)
        (void)snprintf(out->why, sizeof(out->why), "the probe was asked for nonsense");
    else if (code != 0)
        (void)snprintf(out->why, sizeof(out->why), "%s", name);
}

static void set_signal(sbx_doctor_attempt *out, int number)
{
    const char *name = sbx_signal_name(number);

    out->answer = SBX_DOCTOR_REFUSED;
    out->code = -number;
    (void)snprintf(out->why, sizeof(out->why), "killed by SIG%s", name != NULL ? name : "?");
}

static void set_broken(sbx_doctor_attempt *out, const char *why)
{
    out->answer = SBX_DOCTOR_BROKEN;
    (void)snprintf(out->why, sizeof(out->why), "%s", why);
}

/* argv: the program, "--probe", the attempt. false: too many. */
static bool fill_arguments(const char *argv[SBX_DOCTOR_ARGUMENTS_MAX], const sbx_doctor *self,
                           const char *const *attempt)
{
    size_t count = 2;

    argv[0] = self->program;
    argv[1] = "--probe";
    for (; *attempt != NULL; attempt++) {
        if (count + 1 == SBX_DOCTOR_ARGUMENTS_MAX)
            return false;
        argv[count++] = *attempt;
    }
    argv[count] = NULL;
    return true;
}

pid_t sbx_doctor_start(const sbx_doctor *self, const char *const *attempt, int stdout_fd)
{
    const char *argv[SBX_DOCTOR_ARGUMENTS_MAX];
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;

    if (!fill_arguments(argv, self, attempt) || posix_spawn_file_actions_init(&actions) != 0)
        return 0;
    if (posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO) != 0 ||
        posix_spawn(&pid, self->program, &actions, NULL, (char *const *)(uintptr_t)argv, environ) !=
            0)
        pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

void sbx_doctor_outside(sbx_doctor_attempt *out, const sbx_doctor *self, const char *const *attempt)
{
    pid_t pid = sbx_doctor_start(self, attempt, STDOUT_FILENO);
    int status = 0;

    memset(out, 0, sizeof(*out));
    if (pid == 0) {
        set_broken(out, "the probe cannot be started");
        return;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status))
        set_answer(out, WEXITSTATUS(status));
    else
        set_signal(out, WTERMSIG(status));
}

sbx_status sbx_doctor_plan(sbx_plan *out, const char *argv[SBX_DOCTOR_ARGUMENTS_MAX],
                           sbx_doctor *self, const sbx_doctor_how *how, const char *const *attempt,
                           sbx_error *err)
{
    sbx_host without = self->host;
    sbx_plan_request request = {.argv = argv,
                                .environment = (const char *const *)environ,
                                .cwd = sbx_doctor_path(self, "root"),
                                .audit_path = how->audit_path,
                                .allow_degraded = true,
                                .watch_denials = true,
                                .host = how->landlock_alone ? &without : &self->host};

    without.is_root = without.has_every_id = without.has_user_namespaces = false;
    if (!fill_arguments(argv, self, attempt))
        return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_DOCTOR, "too many arguments");
    return sbx_plan_make(out, &self->policy, &request, err);
}

static void read_result(sbx_doctor_attempt *out)
{
    const sbx_events *events = &out->result.events;

    if (events->has_error)
        set_broken(out, events->error.message);
    else if (events->has_exit)
        set_answer(out, events->exit_code);
    else if (events->has_signal)
        set_signal(out, events->signal);
    else if (out->result.verdict.outcome == SBX_OUTCOME_LIMIT)
        set_signal(out, SIGKILL); /* with all of its job */
    else
        set_broken(out, "it ended in no way that is known");
}

void sbx_doctor_inside(sbx_doctor_attempt *out, sbx_doctor *self, const sbx_doctor_how *how,
                       const char *const *attempt)
{
    static const sbx_doctor_how usual;
    const char *argv[SBX_DOCTOR_ARGUMENTS_MAX];
    sbx_run_options options = {.audit_path = how != NULL ? how->audit_path : NULL,
                               .audit_required = how != NULL && how->audit_path != NULL,
                               .audit_busy_ns = 1000000000};
    sbx_plan plan = {0};
    sbx_error err;

    memset(out, 0, sizeof(*out));
    if (sbx_doctor_plan(&plan, argv, self, how != NULL ? how : &usual, attempt, &err) != SBX_OK) {
        set_broken(out, err.message);
        return;
    }
    memcpy(out->walls, plan.walls, sizeof(out->walls));
    sbx_run(&out->result, &plan, &options);
    sbx_plan_done(&plan);
    read_result(out);
}

void sbx_doctor_attempt_done(sbx_doctor_attempt *attempt)
{
    sbx_result_done(&attempt->result);
}
