/*
 * The systemd user manager's backend: where the caller's own cgroup is root's, the user manager is
 * asked for a transient scope that is delegated to us (sbx-scope does the asking, so that sbx itself
 * has no D-Bus in it). sbx moves into a leaf of the scope, and from there on this is cgroup2.
 *
 * The scope ends when sbx does; systemd removes its groups. A second job of the same sbx finds itself
 * in the leaf already, so that cgroup2 works without asking again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/linux/cgroup2.h"
#include "limits/linux/host.h"

extern char **environ;

/* A user manager that takes longer is not going to answer. */
#define ASK_TIMEOUT_NS (5 * SBX_NS_PER_S)

const char *sbx_scope_program;

/* Beside sbx as installed (bin and libexec), or as built (all in one directory). */
static bool find_program(char *out, size_t bytes)
{
    static const char *const tails[] = {"/../libexec/sbx/sbx-scope", "/sbx-scope"};
    char self[4096];
    ssize_t got;
    char *slash;

    if (sbx_scope_program != NULL)
        return snprintf(out, bytes, "%s", sbx_scope_program) < (int)bytes;
    got = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[got > 0 ? got : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < SBX_COUNT_OF(tails); i++) {
        int put = snprintf(out, bytes, "%s%s", self, tails[i]);

        if (put > 0 && (size_t)put < bytes && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

/* Cheap sign that there is a user manager to ask, before a process is made for it. */
static bool has_user_bus(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[4096];
    int put;

    if (getenv("DBUS_SESSION_BUS_ADDRESS") != NULL)
        return true;
    if (runtime == NULL || runtime[0] != '/')
        return false;
    put = snprintf(path, sizeof(path), "%s/bus", runtime);
    return put > 0 && (size_t)put < sizeof(path) && access(path, F_OK) == 0;
}

/* Starts the program with its standard output on a pipe. Returns 0 or an errno. */
static int start_program(pid_t *out_pid, int *out_fd, char *program)
{
    char pid_text[16];
    char *argv[] = {program, pid_text, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    int code;

    snprintf(pid_text, sizeof(pid_text), "%d", (int)getpid());
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (code == 0)
            code = posix_spawn(out_pid, program, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (code != 0)
        close(ends[0]);
    else
        *out_fd = ends[0];
    return code;
}

/* Reads what the program says, at most until the timeout; it is gone afterwards in any case. */
static void collect(char *out, size_t bytes, pid_t pid, int fd)
{
    uint64_t deadline_ns = sbx_clock_monotonic_ns() + ASK_TIMEOUT_NS;
    size_t length = 0;
    int status;

    while (length < bytes - 1) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        uint64_t now_ns = sbx_clock_monotonic_ns();
        ssize_t got;

        if (now_ns >= deadline_ns ||
            poll(&readable, 1, (int)((deadline_ns - now_ns) / SBX_NS_PER_MS) + 1) == 0) {
            (void)kill(pid, SIGKILL);
            break;
        }
        got = read(fd, out + length, bytes - 1 - length);
        if (got == -1 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    out[length] = '\0';
    out[strcspn(out, "\n")] = '\0';
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
        continue;
}

/* "/path" of the scope, or its words for why not. */
static sbx_status ask(char *answer, size_t bytes, sbx_error *err)
{
    char program[4096];
    pid_t pid = -1;
    int fd = -1;
    int code;

    if (!has_user_bus())
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB, "there is no user manager's bus");
    if (!find_program(program, sizeof(program)))
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB, "sbx-scope is not installed");
    code = start_program(&pid, &fd, program);
    if (code != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, code, "start %s", program);
    collect(answer, bytes, pid, fd);
    close(fd);
    if (answer[0] == '/')
        return SBX_OK;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB, "the user manager gave no scope: %s",
                          answer[0] != '\0' ? answer : "no answer");
}

/* Moves this process into the leaf of the scope that it is in now. */
static sbx_status move_to_leaf(const char *scope_path, const char *root, sbx_error *err)
{
    sbx_cgroup_place place;
    int scope_fd = -1;
    int code = sbx_cgroup_place_read(&place);
    sbx_status st;

    if (code == 0 && (place.lines[SBX_CGROUP_UNIFIED].hierarchy == -1 ||
                      strcmp(place.lines[SBX_CGROUP_UNIFIED].path, scope_path) != 0))
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB, "not in the scope that was given");
    if (code == 0)
        scope_fd = code = sbx_cgroup_place_open(&place, SBX_CGROUP_UNIFIED, root);
    if (code < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_JOB, -code, "open the scope");
    st = sbx_cgroup2_enter_leaf(scope_fd, err);
    close(scope_fd);
    return st;
}

static sbx_status create(sbx_job_part **out_part, const sbx_job_request *request, sbx_error *err)
{
    char scope_path[4096];
    sbx_status st;

    if (request->options->choice == SBX_JOB_AUTO &&
        sbx_host_has_v1()) /* a user manager hands on controllers of v2 only */
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB, "the controllers are mounted as v1");
    st = ask(scope_path, sizeof(scope_path), err);
    if (st == SBX_OK)
        st = move_to_leaf(scope_path, request->options->cgroup_root, err);
    return st == SBX_OK ? sbx_cgroup2_backend.create(out_part, request, err) : st;
}

/* The part it makes is cgroup2's in every respect, so there is nothing to free here. */
static void free_nothing(sbx_job_part *part)
{
    (void)part;
}

const sbx_job_backend sbx_scope_backend = {
    .word = "scope",
    .choice = SBX_JOB_SCOPE,
    .is_group = true,
    .is_costly = true,
    .create = create,
    .free = free_nothing,
};
