/* Verbs that reach for parts of the kernel which a sandboxed program has no business with. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"

/* ENOSPC: no more user namespaces may be made here (the limit is 0). */
static const int denied_namespace[] = {EACCES, EPERM, ENOSYS, ENOSPC, 0};
/* ENOSYS stays "absent": a kernel without that ABI says it too. */
static const int denied_abi[] = {EACCES, EPERM, 0};

static int close_or_errno(long fd)
{
    if (fd < 0)
        return errno;
    close((int)fd);
    return 0;
}

static int unshare_user_here(char **arguments)
{
    (void)arguments;
    return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

static int unshare_user(char **arguments)
{
    return sbx_probe_in_child(unshare_user_here, arguments);
}

/* The flags are behind a pointer, where no filter can see them. */
static int clone3_user(char **arguments)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &args, sizeof(args));

    (void)arguments;
    if (child < 0)
        return errno;
    if (child == 0)
        _exit(0);
    (void)waitpid((pid_t)child, NULL, 0);
    return 0;
}

static int clone_user(char **arguments)
{
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

    (void)arguments;
    if (child < 0)
        return errno;
    if (child == 0)
        _exit(0);
    (void)waitpid((pid_t)child, NULL, 0);
    return 0;
}

/* In a mount namespace of its own where one can be had, so that nothing shows outside. */
static int mount_here(char **arguments)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return errno;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return errno;
    return mount("none", arguments[0], "tmpfs", 0, NULL) == 0 ? 0 : errno;
}

static int mount_tmpfs(char **arguments)
{
    return sbx_probe_in_child(mount_here, arguments);
}

/* Without a namespace of its own: only ever tried inside the sandbox. */
static int remount(char **arguments)
{
    return mount(NULL, arguments[0], NULL, MS_REMOUNT | MS_BIND, NULL) == 0 ? 0 : errno;
}

static int unmount(char **arguments)
{
    return umount2(arguments[0], MNT_DETACH) == 0 ? 0 : errno;
}

static int open_mount_tree(char **arguments)
{
    return close_or_errno(syscall(SYS_open_tree, AT_FDCWD, arguments[0], 1 /* OPEN_TREE_CLONE */));
}

static int enter_namespace(char **arguments)
{
    int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
    int result;

    if (fd < 0)
        return errno;
    result = setns(fd, 0) == 0 ? 0 : errno;
    close(fd);
    return result;
}

static int use_keyring(char **arguments)
{
    (void)arguments;
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0 ? 0 : errno;
}

static int add_key(char **arguments)
{
    (void)arguments;
    return syscall(SYS_add_key, "user", "sbx", "x", 1UL, KEY_SPEC_PROCESS_KEYRING) >= 0 ? 0 : errno;
}

static int make_bpf_map(char **arguments)
{
    union bpf_attr attr;

    (void)arguments;
    memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = 4;
    attr.value_size = 4;
    attr.max_entries = 1;
    return close_or_errno(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int make_ring(char **arguments)
{
    struct io_uring_params params;

    (void)arguments;
    memset(&params, 0, sizeof(params));
    return close_or_errno(syscall(SYS_io_uring_setup, 1, &params));
}

static int count_events(char **arguments)
{
    struct perf_event_attr attr;

    (void)arguments;
    memset(&attr, 0, sizeof(attr));
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = sizeof(attr);
    attr.config = PERF_COUNT_SW_TASK_CLOCK;
    attr.exclude_kernel = 1;
    return close_or_errno(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int handle_faults(char **arguments)
{
    (void)arguments;
    return close_or_errno(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

static int change_personality(char **arguments)
{
    (void)arguments;
    return personality(PER_LINUX | READ_IMPLIES_EXEC) >= 0 ? 0 : errno;
}

/* By handle instead of by path: walks past every mount that hides the file. */
static int open_by_handle(char **arguments)
{
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } u;
    char directory[PATH_MAX];
    int mount_id, mount_fd, result;

    memset(&u, 0, sizeof(u));
    u.handle.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(AT_FDCWD, arguments[0], &u.handle, &mount_id, 0) != 0)
        return errno;
    snprintf(directory, sizeof(directory), "%s", arguments[0]);
    mount_fd = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mount_fd < 0)
        return errno;
    result = close_or_errno(open_by_handle_at(mount_fd, &u.handle, O_WRONLY | O_CLOEXEC));
    close(mount_fd);
    return result;
}

#if defined(__x86_64__)
static int call_i386_here(char **arguments)
{
    long result;

    (void)arguments;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
    return result >= 0 ? 0 : (int)-result;
}

static int call_x32_here(char **arguments)
{
    (void)arguments;
    return syscall(0x40000000L | SYS_getpid) >= 0 ? 0 : errno;
}
#else
static int call_i386_here(char **arguments)
{
    (void)arguments;
    return ENODEV;
}

static int call_x32_here(char **arguments)
{
    (void)arguments;
    return ENODEV;
}
#endif

/* A kernel that does not know the interrupt sends SIGSEGV. */
static int call_i386(char **arguments)
{
    int result = sbx_probe_in_child(call_i386_here, arguments);

    return result == -SIGSEGV ? ENODEV : result;
}

static int call_x32(char **arguments)
{
    return sbx_probe_in_child(call_x32_here, arguments);
}

static int set_affinity(char **arguments)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)sbx_probe_number(arguments[0]), &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : errno;
}

static int make_filter_with_listener(char **arguments)
{
    (void)arguments;
    /* SECCOMP_SET_MODE_FILTER with NEW_LISTENER and no program: EFAULT says that it came
     * through. */
    if (syscall(SYS_seccomp, 1, 1UL << 3, NULL) >= 0 || errno == EFAULT)
        return 0;
    return errno;
}

const sbx_probe_verb sbx_probe_kernel_verbs[] = {
    {"unshare-user", "", denied_namespace, unshare_user},
    {"clone3-user", "", denied_namespace, clone3_user},
    {"clone-user", "", denied_namespace, clone_user},
    {"mount-tmpfs", "DIRECTORY", denied_namespace, mount_tmpfs},
    {"remount", "DIRECTORY", sbx_probe_denied_usual, remount},
    {"umount", "DIRECTORY", sbx_probe_denied_usual, unmount},
    {"open-tree", "PATH", sbx_probe_denied_usual, open_mount_tree},
    {"setns", "PATH", sbx_probe_denied_usual, enter_namespace},
    {"keyctl", "", sbx_probe_denied_usual, use_keyring},
    {"add-key", "", sbx_probe_denied_usual, add_key},
    {"bpf", "", sbx_probe_denied_usual, make_bpf_map},
    {"io-uring", "", sbx_probe_denied_usual, make_ring},
    {"perf", "", sbx_probe_denied_usual, count_events},
    {"userfaultfd", "", sbx_probe_denied_usual, handle_faults},
    {"personality", "", sbx_probe_denied_usual, change_personality},
    {"open-by-handle", "PATH", sbx_probe_denied_usual, open_by_handle},
    {"i386-syscall", "", denied_abi, call_i386},
    {"x32-syscall", "", denied_abi, call_x32},
    {"setaffinity", "CPU", sbx_probe_denied_usual, set_affinity},
    {"seccomp-listener", "", sbx_probe_denied_usual, make_filter_with_listener},
    {.name = NULL},
};
