/* The probe's main: finds the verb, counts its arguments, turns an errno into an answer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/probe/probe.h"

const int sbx_probe_denied_usual[] = {EACCES, EPERM, EROFS, ENOSYS, 0};

static const int absent_usual[] = {ENOENT,     ESRCH,           ENXIO,  ENODEV,       ENOTTY,
                                   EOPNOTSUPP, EPROTONOSUPPORT, ENOSYS, ECONNREFUSED, 0};

static const sbx_probe_verb *const tables[] = {sbx_probe_write_verbs,   sbx_probe_read_verbs,
                                               sbx_probe_network_verbs, sbx_probe_process_verbs,
                                               sbx_probe_kernel_verbs,  sbx_probe_identity_verbs,
                                               sbx_probe_load_verbs,    sbx_probe_life_verbs,
                                               sbx_probe_mode_verbs,    sbx_probe_abuse_verbs,
                                               sbx_probe_pass_verbs,    sbx_probe_change_verbs,
                                               sbx_probe_ipc_verbs,     NULL};

long long sbx_probe_number(const char *text)
{
    char *end = NULL;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        fprintf(stderr, "probe: \"%s\" is not a number\n", text);
        exit(SBX_PROBE_BROKEN);
    }
    return value;
}

void sbx_probe_sleep(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};

    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

int sbx_probe_write_all(int fd, const void *data, unsigned long bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = write(fd, at, bytes);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno;
        at += done;
        bytes -= (unsigned long)done;
    }
    return 0;
}

int sbx_probe_write_and_close(int fd)
{
    int result;

    if (fd < 0)
        return errno;
    result = write(fd, "x", 1) == 1 ? 0 : errno;
    close(fd);
    return result;
}

int sbx_probe_in_child(int (*body)(char **arguments), char **arguments)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0)
        return errno;
    if (child == 0)
        _exit(body(arguments));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int sbx_probe_is_elsewhere(const char *pid_namespace)
{
    char ours[64];
    ssize_t bytes = readlink("/proc/self/ns/pid", ours, sizeof(ours) - 1);

    if (bytes <= 0 || strncmp(pid_namespace, "pid:[", 5) != 0)
        return 0;
    ours[bytes] = '\0';
    return strcmp(ours, pid_namespace) != 0;
}

static int has_no_rights(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long long effective = 1;
    char line[256];

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "CapEff: %llx", &effective) == 1)
            break;
    fclose(file);
    return effective == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}

static int is_in(const int *list, int value)
{
    for (; *list != 0; list++)
        if (*list == value)
            return 1;
    return 0;
}

static int answer(const sbx_probe_verb *verb, int result)
{
    const char *name = result < 0 ? sigabbrev_np(-result) : strerrorname_np(result);
    const char *prefix = result < 0 ? "SIG" : "";
    const char *word;
    int code;

    if (name == NULL)
        name = "?";
    if (result == 0) {
        printf("%s: DID\n", verb->name);
        return SBX_PROBE_DID;
    }
    if (result == -SIGSYS || (result > 0 && is_in(verb->denied, result))) {
        word = "DENIED";
        code = SBX_PROBE_DENIED;
    } else if (result > 0 && is_in(absent_usual, result)) {
        word = "ABSENT";
        code = SBX_PROBE_ABSENT;
    } else {
        word = "BROKEN";
        code = SBX_PROBE_BROKEN;
    }
    printf("%s: %s %s%s\n", verb->name, word, prefix, name);
    return code;
}

static int counts_fit(const char *pattern, int count)
{
    int least = 0, most = 0;

    for (const char *at = pattern; *at != '\0';) {
        size_t length = strcspn(at, " ");

        most = strncmp(at, "[more]", length) == 0 ? 1000000 : most + 1;
        if (*at != '[')
            least++;
        at += length;
        at += strspn(at, " ");
    }
    return count >= least && count <= most;
}

static const sbx_probe_verb *find(const char *name)
{
    for (size_t i = 0; tables[i] != NULL; i++)
        for (const sbx_probe_verb *verb = tables[i]; verb->name != NULL; verb++)
            if (strcmp(verb->name, name) == 0)
                return verb;
    return NULL;
}

static int usage(void)
{
    fprintf(stderr, "usage: probe VERB ARGUMENTS...\n");
    for (size_t i = 0; tables[i] != NULL; i++)
        for (const sbx_probe_verb *verb = tables[i]; verb->name != NULL; verb++)
            fprintf(stderr, "  %s %s\n", verb->name, verb->arguments);
    return SBX_PROBE_BROKEN;
}

int main(int argc, char **argv)
{
    const sbx_probe_verb *verb;

    if (argc >= 4 && strcmp(argv[1], "inside") == 0) {
        if (!sbx_probe_is_elsewhere(argv[2]) && !has_no_rights()) {
            fprintf(stderr, "probe: not inside a sandbox, so nothing was tried\n");
            return SBX_PROBE_BROKEN;
        }
        argc -= 2;
        argv += 2;
    }
    verb = argc >= 2 ? find(argv[1]) : NULL;
    if (verb == NULL || !counts_fit(verb->arguments, argc - 2))
        return usage();
    return answer(verb, verb->run(argv + 2));
}
