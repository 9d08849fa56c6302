/*
 * Verbs that say what this process is and has; and try-syscall, the oracle without side effects: a
 * call with pointers and descriptors that are nobody's. EFAULT, EBADF or EINVAL: it reached the
 * kernel.
 * EPERM, EACCES, ENOSYS or SIGSYS: somebody filtered it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"

static int ping(char **arguments)
{
    (void)arguments;
    return 0;
}

/* EPERM where every set that can be used is empty. */
static int show_capabilities(char **arguments)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long all = 0;

    (void)arguments;
    if (file == NULL)
        return ENOTRECOVERABLE;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Cap", 3) != 0)
            continue;
        fputs(line, stdout);
        if (strncmp(line, "CapBnd", 6) != 0)
            all |= strtoull(line + 7, NULL, 16);
    }
    fclose(file);
    return all == 0 ? EPERM : 0;
}

static int has_no_new_privileges(char **arguments)
{
    (void)arguments;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : ENOENT;
}

static int is_dumpable(char **arguments)
{
    (void)arguments;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : ENOENT;
}

/* PR_GET_SECCOMP kills in mode 1 and says 2 in filter mode. */
static int has_filter(char **arguments)
{
    (void)arguments;
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 0 : ENOENT;
}

static int show_identity(char **arguments)
{
    gid_t groups[256];
    int count = getgroups(256, groups);
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    (void)arguments;
    if (getresuid(&real, &effective, &saved) != 0 ||
        getresgid(&real_group, &effective_group, &saved_group) != 0)
        return errno;
    printf("uid=%u euid=%u suid=%u gid=%u egid=%u sgid=%u groups=", real, effective, saved,
           real_group, effective_group, saved_group);
    for (int i = 0; i < count; i++)
        printf("%s%u", i == 0 ? "" : ",", groups[i]);
    printf("\n");
    return 0;
}

/* EINVAL: the namespace has no root at all. */
static const int denied_root[] = {EACCES, EPERM, ENOSYS, EINVAL, 0};

static int become_root(char **arguments)
{
    (void)arguments;
    return setuid(0) == 0 && geteuid() == 0 ? 0 : errno;
}

static int set_groups(char **arguments)
{
    gid_t group = 0;

    (void)arguments;
    return setgroups(1, &group) == 0 ? 0 : errno;
}

static int show_variable(char **arguments)
{
    const char *value = getenv(arguments[0]);

    if (value == NULL)
        return ENOENT;
    printf("%s=%s\n", arguments[0], value);
    return 0;
}

/* The open descriptors above stderr, but for the one that lists them. */
static int show_descriptors(char **arguments)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int seen = 0;

    (void)arguments;
    if (directory == NULL)
        return ENOTRECOVERABLE;
    while ((entry = readdir(directory)) != NULL) {
        char target[PATH_MAX];
        int fd = (int)strtol(entry->d_name, NULL, 10);
        ssize_t bytes;

        if (fd <= 2 || fd == dirfd(directory))
            continue;
        bytes = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
        target[bytes < 0 ? 0 : bytes] = '\0';
        printf("%d %s\n", fd, target);
        seen = 1;
    }
    closedir(directory);
    return seen ? 0 : ENOENT;
}

static int show_directory(char **arguments)
{
    char path[PATH_MAX];

    (void)arguments;
    if (getcwd(path, sizeof(path)) == NULL)
        return errno;
    printf("cwd=%s\n", path);
    return 0;
}

/* DID where the standard stream is a terminal. */
static int has_terminal(char **arguments)
{
    return isatty((int)sbx_probe_number(arguments[0])) ? 0 : ENOTTY;
}

static const struct {
    const char *name;
    long number;
} oracle[] = {
#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name                                                                          \
    }
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(chroot),
    CALL(fsopen),
    CALL(fsmount),
    CALL(fsconfig),
    CALL(fspick),
    CALL(move_mount),
    CALL(open_tree),
    CALL(mount_setattr),
    CALL(unshare),
    CALL(setns),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(pidfd_getfd),
    CALL(kcmp),
    CALL(keyctl),
    CALL(add_key),
    CALL(request_key),
    CALL(bpf),
    CALL(io_uring_setup),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(open_by_handle_at),
    CALL(swapon),
    CALL(swapoff),
    CALL(reboot),
    CALL(acct),
    CALL(quotactl),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(sethostname),
    CALL(setdomainname),
#undef CALL
};

static int call_here(char **arguments)
{
    for (size_t i = 0; i < sizeof(oracle) / sizeof(oracle[0]); i++) {
        if (strcmp(oracle[i].name, arguments[0]) != 0)
            continue;
        if (syscall(oracle[i].number, -1L, -1L, -1L, -1L, -1L, -1L) >= 0)
            return 0;
        return errno == EPERM || errno == EACCES || errno == ENOSYS ? errno : 0;
    }
    fprintf(stderr, "probe: try-syscall does not know %s\n", arguments[0]);
    return EINVAL;
}

static int try_call(char **arguments)
{
    return sbx_probe_in_child(call_here, arguments);
}

/* In a child, because it may end, block or be killed. 0: made; else its errno. */
static int try_number(long number, long long longest_ms)
{
    struct itimerval soon = {
        .it_value = {.tv_sec = longest_ms / 1000, .tv_usec = longest_ms % 1000 * 1000}};
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)setitimer(ITIMER_REAL, &soon, NULL);
        syscall(SYS_exit, syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) < 0 ? errno & 0xff : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 0;
    return WEXITSTATUS(status);
}

/* "NUMBER ERRNO" for so many calls from 0 on, or from FIRST, with arguments that are nobody's. Only ever inside. */
static int try_all_calls(char **arguments)
{
    long long longest_ms = sbx_probe_number(arguments[2]);
    long long first = arguments[3] != NULL ? sbx_probe_number(arguments[3]) : 0;
    long long end = first + sbx_probe_number(arguments[1]);

    if (!sbx_probe_is_elsewhere(arguments[0]))
        return EINVAL;
    for (long long number = first; number < end; number++) {
        printf("%lld %d\n", number, try_number((long)number, longest_ms));
        fflush(stdout);
    }
    return 0;
}

const sbx_probe_verb sbx_probe_identity_verbs[] = {
    {"ping", "", sbx_probe_denied_usual, ping},
    {"caps", "", sbx_probe_denied_usual, show_capabilities},
    {"no-new-privs", "", sbx_probe_denied_usual, has_no_new_privileges},
    {"dumpable", "", sbx_probe_denied_usual, is_dumpable},
    {"seccomp-mode", "", sbx_probe_denied_usual, has_filter},
    {"uid", "", sbx_probe_denied_usual, show_identity},
    {"become-root", "", denied_root, become_root},
    {"set-groups", "", sbx_probe_denied_usual, set_groups},
    {"env", "NAME", sbx_probe_denied_usual, show_variable},
    {"fds", "", sbx_probe_denied_usual, show_descriptors},
    {"cwd", "", sbx_probe_denied_usual, show_directory},
    {"tty", "FD", sbx_probe_denied_usual, has_terminal},
    {"try-syscall", "NAME", sbx_probe_denied_usual, try_call},
    {"try-all-calls", "HOST-NAMESPACE COUNT MILLISECONDS [FIRST]", sbx_probe_denied_usual,
     try_all_calls},
    {.name = NULL},
};
