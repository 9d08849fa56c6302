/*
 * `sbx doctor`: what this host can enforce, each line shown by trying it. Makes its place, tries,
 * takes the place away (doctor_place.c). What is tried is in doctor_walls.c, doctor_limits.c and doctor_close.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/path.h"
#include "harness/runner/linux/doctor_parts.h"

static const char default_policy[] = "read-only";

void sbx_doctor_add(sbx_doctor *self, const char *subject, const char *state, const char *by,
                    const char *fix, const char *detail, ...)
{
    sbx_doctor_line *line = &self->line[self->count];
    va_list arguments;

    if (self->count == self->room)
        return;
    self->count++;
    *line = (sbx_doctor_line){.subject = subject, .state = state, .by = by};
    va_start(arguments, detail);
    (void)vsnprintf(line->detail, sizeof(line->detail), detail, arguments);
    va_end(arguments);
    (void)snprintf(line->fix, sizeof(line->fix), "%s", fix != NULL ? fix : "");
}

/* Seen from the program's directory, which may be private inside, or not the target's to enter. */
static sbx_status let_read(sbx_doctor *self, const char *path, sbx_error *err)
{
    if (self->host.is_root || sbx_path_is_within(path, "/tmp") ||
        sbx_path_is_within(path, "/var/tmp"))
        return sbx_strings_add(&self->policy.read, path, err);
    return SBX_OK;
}

static sbx_status make_policy(sbx_doctor *self, sbx_error *err)
{
    ssize_t bytes = readlink("/proc/self/exe", self->program, sizeof(self->program) - 1);
    char directory[PATH_MAX];
    sbx_status st;

    if (bytes <= 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_DOCTOR, errno, "read /proc/self/exe");
    self->program[bytes] = '\0';
    memcpy(directory, self->program, (size_t)bytes + 1);
    *strrchr(directory, '/') = '\0';
    if ((st = sbx_policy_builtin(&self->policy, default_policy, err)) != SBX_OK ||
        (st = sbx_strings_add(&self->policy.write, sbx_doctor_path(self, "root"), err)) != SBX_OK ||
        (st = sbx_strings_add(&self->policy.deny_read, sbx_doctor_path(self, "secret"), err)) !=
            SBX_OK ||
        (st = let_read(self, self->place, err)) != SBX_OK ||
        (directory[0] != '\0' && (st = let_read(self, directory, err)) != SBX_OK))
        return st;
    self->policy.limits.grace_ns = 0; /* what is tried has nothing to tidy up */
    return SBX_OK;
}

/* Without these two nothing below would mean anything: what is allowed does work. */
static bool ping(sbx_doctor *self)
{
    const char *const attempts[2][3] = {{"write", sbx_doctor_path(self, "root/file"), NULL},
                                        {"read", sbx_doctor_path(self, "outside/file"), NULL}};
    const char *fix = self->host.inside_sbx ? "run it outside of sbx"
                      : self->host.user_namespaces_fix != NULL
                          ? self->host.user_namespaces_fix
                          : "what the message says; in a container, fewer "
                            "restrictions on namespaces and seccomp";

    for (size_t i = 0; i < SBX_COUNT_OF(attempts); i++) {
        sbx_doctor_attempt attempt;

        sbx_doctor_inside(&attempt, self, NULL, attempts[i]);
        sbx_doctor_attempt_done(&attempt);
        if (attempt.answer == SBX_DOCTOR_DID)
            continue;
        sbx_doctor_add(self, "launch", "missing", "none", fix,
                       "a command inside could not %s what it may: %s", attempts[i][0],
                       attempt.why);
        return false;
    }
    sbx_doctor_add(self, "launch", "enforced",
                   self->host.has_user_namespaces ? "namespaces" : "landlock", NULL,
                   "a command runs inside, writes its root and reads beside it");
    return true;
}

/*
 * The knobs may allow namespaces and the kernel refuse them all the same: then what is left is
 * looked at.
 */
static bool ping_or_degrade(sbx_doctor *self)
{
    if (ping(self))
        return true;
    if (self->host.inside_sbx || !self->host.has_user_namespaces)
        return false;
    self->host.is_root = self->host.has_every_id = self->host.has_user_namespaces = false;
    return ping(self);
}

static void examine(sbx_doctor *self)
{
    sbx_error err;

    if (!sbx_doctor_make_place(self)) {
        sbx_doctor_add(self, "launch", "unknown", "none", "make HOME or /var/tmp writable",
                       "no directory to try things in: neither HOME nor /var/tmp can be written");
        return;
    }
    if (make_policy(self, &err) != SBX_OK) {
        sbx_doctor_add(self, "launch", "unknown", "none", NULL, "%s", err.message);
        return;
    }
    if (ping_or_degrade(self)) {
        sbx_doctor_try_walls(self);
        sbx_doctor_try_limits(self);
        sbx_doctor_try_close(self);
    }
}

/* The probes neither read what is typed ahead nor print between our lines, and no signal leaves the
 * place behind. */
size_t sbx_doctor_run(sbx_doctor_line *out, size_t room)
{
    sbx_doctor self = {.line = out, .room = room, .place_fd = -1, .temp_fd = -1};
    int kept[2] = {fcntl(0, F_DUPFD_CLOEXEC, 3), fcntl(1, F_DUPFD_CLOEXEC, 3)};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t stopping, before;

    (void)sigemptyset(&stopping);
    (void)sigaddset(&stopping, SIGINT);
    (void)sigaddset(&stopping, SIGTERM);
    (void)sigaddset(&stopping, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stopping, &before);
    for (int fd = 0; fd <= 1; fd++)
        if (null < 0 || dup2(null, fd) != fd)
            room = 0;
    sbx_host_look(&self.host);
    sbx_policy_init(&self.policy);
    if (room > 0)
        examine(&self);
    sbx_doctor_look_around(&self);
    sbx_doctor_remove_place(&self);
    sbx_policy_done(&self.policy);
    for (int fd = 0; fd <= 1; fd++)
        if (kept[fd] >= 0) {
            (void)dup2(kept[fd], fd);
            close(kept[fd]);
        }
    if (null >= 0)
        close(null);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return self.count;
}
