/*
 * sbx-scope PID: asks the systemd user manager for a transient scope with PID in it, delegated to the
 * caller (Delegate=yes), and prints the scope's cgroup, "/user.slice/…". For limits/linux only, which
 * runs it where sbx has no cgroup of its own to write to. Anything that does not begin with a slash
 * on its standard output is the reason why there is none; the exit code is then 1.
 *
 * A program of its own, so that sbx does not have libsystemd and D-Bus in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "harness/base/clock.h"

static const char destination[] = "org.freedesktop.systemd1";
static const char object[] = "/org/freedesktop/systemd1";
static const char interface[] = "org.freedesktop.systemd1.Manager";

/* sbx itself waits 5 s for an answer. */
#define WAIT_NS (4 * SBX_NS_PER_S)

/* The job that makes the scope, and how it went. */
typedef struct scope_job {
    const char *path;
    char result[64]; /* "" while it runs */
} scope_job;

static int fail(const char *what, int code, const sd_bus_error *error)
{
    if (error != NULL && error->message != NULL)
        printf("%s: %s\n", what, error->message);
    else
        printf("%s: %s\n", what, strerror(code < 0 ? -code : code));
    return 1;
}

static int on_job_removed(sd_bus_message *message, void *data, sd_bus_error *error)
{
    scope_job *job = data;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
        return 0;
    if (job->path != NULL && strcmp(path, job->path) == 0)
        snprintf(job->result, sizeof(job->result), "%s", result);
    return 0;
}

/* The user's bus, or the manager's private socket where there is no bus. */
static int open_bus(sd_bus **out)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char address[4096];
    int code = sd_bus_open_user(out);

    if (code >= 0 || runtime == NULL)
        return code;
    snprintf(address, sizeof(address), "unix:path=%s/systemd/private", runtime);
    code = sd_bus_new(out);
    if (code >= 0)
        code = sd_bus_set_address(*out, address);
    return code >= 0 ? sd_bus_start(*out) : code;
}

static int append_properties(sd_bus_message *call, uint32_t pid)
{
    int code = sd_bus_message_open_container(call, 'a', "(sv)");

    if (code >= 0)
        code = sd_bus_message_append(call, "(sv)", "Description", "s", "a job of sbx");
    if (code >= 0)
        code = sd_bus_message_append(call, "(sv)", "PIDs", "au", 1, pid);
    if (code >= 0)
        code = sd_bus_message_append(call, "(sv)", "Delegate", "b", 1);
    if (code >= 0) /* a failed one must not stay in the manager's list */
        code = sd_bus_message_append(call, "(sv)", "CollectMode", "s", "inactive-or-failed");
    if (code >= 0)
        code = sd_bus_message_close_container(call);
    if (code >= 0)
        code = sd_bus_message_append(call, "a(sa(sv))", 0);
    return code;
}

static int ask(sd_bus_message **out_reply, sd_bus *bus, uint32_t pid, sd_bus_error *error)
{
    sd_bus_message *call = NULL;
    uint64_t random = 0;
    char unit[64];
    int code;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    snprintf(unit, sizeof(unit), "sbx-%" PRIu32 "-%016" PRIx64 ".scope", pid, random);
    code = sd_bus_message_new_method_call(bus, &call, destination, object, interface,
                                          "StartTransientUnit");
    if (code >= 0)
        code = sd_bus_message_append(call, "ss", unit, "fail");
    if (code >= 0)
        code = append_properties(call, pid);
    if (code >= 0)
        code = sd_bus_call(bus, call, WAIT_NS / SBX_NS_PER_US, error, out_reply);
    sd_bus_message_unref(call);
    return code;
}

/* Until the manager says that the scope is there: only then has it moved the process. */
static int wait_for_job(sd_bus *bus, const scope_job *job)
{
    uint64_t end_ns = sbx_clock_monotonic_ns() + WAIT_NS;

    while (job->result[0] == '\0') {
        uint64_t now_ns = sbx_clock_monotonic_ns();
        int code = sd_bus_process(bus, NULL);

        if (code < 0)
            return code;
        if (code > 0)
            continue;
        if (now_ns >= end_ns)
            return -ETIMEDOUT;
        code = sd_bus_wait(bus, (end_ns - now_ns) / SBX_NS_PER_US);
        if (code < 0)
            return code;
    }
    return 0;
}

static int print_cgroup(uint32_t pid)
{
    char path[64], line[4096];
    bool is_found = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/cgroup", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return fail(path, errno, NULL);
    while (!is_found && fgets(line, sizeof(line), file) != NULL) {
        is_found = strncmp(line, "0::/", 4) == 0;
        if (is_found)
            fputs(line + 3, stdout);
    }
    fclose(file);
    if (!is_found)
        printf("the process is in no cgroup v2\n");
    return !is_found;
}

static bool parse_pid(uint32_t *out, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    *out = (uint32_t)value;
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && value <= INT32_MAX;
}

int main(int argc, char **argv)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    sd_bus *bus = NULL;
    scope_job job = {NULL, ""};
    const char *step = "reach the user manager";
    uint32_t pid;
    int code, result = 1;

    if (argc != 2 || !parse_pid(&pid, argv[1])) {
        printf("usage: sbx-scope PID\n");
        return 2;
    }
    code = open_bus(&bus);
    if (code >= 0) /* before the call, or the signal could be missed */
        code = sd_bus_match_signal(bus, NULL, NULL, object, interface, "JobRemoved", on_job_removed,
                                   &job);
    if (code >= 0)
        code = sd_bus_call_method(bus, destination, object, interface, "Subscribe", &error, NULL,
                                  NULL);
    if (code < 0)
        goto out;
    step = "start a transient scope";
    code = ask(&reply, bus, pid, &error);
    if (code >= 0)
        code = sd_bus_message_read(reply, "o", &job.path);
    if (code >= 0)
        code = wait_for_job(bus, &job);
    if (code < 0)
        goto out;
    if (strcmp(job.result, "done") == 0)
        result = print_cgroup(pid);
    else
        printf("%s: the manager says \"%s\"\n", step, job.result);
out:
    if (code < 0)
        result = fail(step, code, &error);
    sd_bus_message_unref(reply);
    sd_bus_error_free(&error);
    sd_bus_flush_close_unref(bus);
    return result;
}
