/* See stepper.h. */
#include "tests/support/stepper.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "tests/support/test.h"

enum { LONGEST_MS = 20000 };

/* Where a call's number, its result and its arguments are. */
#if defined(__x86_64__)
#define CALL(registers) ((registers)->orig_rax)
#define RESULT(registers) ((registers)->rax)
#define ARGUMENT_0(registers) ((registers)->rdi)
#define ARGUMENT_2(registers) ((registers)->rdx)
#elif defined(__aarch64__)
#define CALL(registers) ((registers)->regs[8])
#define RESULT(registers) ((registers)->regs[0])
#define ARGUMENT_0(registers) ((registers)->regs[0])
#define ARGUMENT_2(registers) ((registers)->regs[2])
#endif

static bool move_registers(enum __ptrace_request request, pid_t pid, struct user_regs_struct *all)
{
    struct iovec part = {.iov_base = all, .iov_len = sizeof(*all)};

    return ptrace(request, pid, (void *)(uintptr_t)NT_PRSTATUS, &part) == 0;
}

/* At its entry: no call is made. */
static bool drop_call(pid_t pid, struct user_regs_struct *all)
{
#if defined(__aarch64__)
    int none = -1;
    struct iovec part = {.iov_base = &none, .iov_len = sizeof(none)};

    (void)all;
    return ptrace(PTRACE_SETREGSET, pid, (void *)(uintptr_t)NT_ARM_SYSTEM_CALL, &part) == 0;
#else
    CALL(all) = (unsigned long long)-1;
    return move_registers(PTRACE_SETREGSET, pid, all);
#endif
}

static pid_t start(const sbx_test_place *place, const char *const *argv)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = 0; fd <= 2; fd++)
            (void)dup2(null, fd);
        if (setsid() < 0 || chdir(place->root) != 0 || setenv("HOME", place->home, 1) != 0 ||
            ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(98);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(97);
    }
}

/* Waits for its next stop or end without being able to hang. */
static int wait_for(pid_t pid, uint64_t until_ns, bool *has_hung)
{
    int status = 0;

    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        if (got == pid)
            return status;
        if (!*has_hung && sbx_clock_monotonic_ns() > until_ns) {
            *has_hung = true;
            (void)kill(pid, SIGKILL);
        }
        usleep(50);
    }
}

/* At the call's entry: it is not made, and gives that error. */
static void fail_call(pid_t pid, int error, uint64_t until_ns, bool *has_hung)
{
    struct user_regs_struct regs;

    assert_true(move_registers(PTRACE_GETREGSET, pid, &regs));
    assert_true(drop_call(pid, &regs));
    assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
    if (!WIFSTOPPED(wait_for(pid, until_ns, has_hung)))
        return;
    assert_true(move_registers(PTRACE_GETREGSET, pid, &regs));
    RESULT(&regs) = (unsigned long long)(long long)-error;
    assert_true(move_registers(PTRACE_SETREGSET, pid, &regs));
}

static long call_of(pid_t pid)
{
    struct user_regs_struct regs;

    return move_registers(PTRACE_GETREGSET, pid, &regs) ? (long)CALL(&regs) : -1;
}

/* Of which POSIX says that they always succeed; and the C library's own, which aborts on a number that futex(2) has not. */
static bool is_always_right(long call)
{
    return call == SYS_futex || call == SYS_getpid || call == SYS_getppid || call == SYS_gettid ||
           call == SYS_getuid || call == SYS_geteuid || call == SYS_getgid || call == SYS_getegid ||
           call == SYS_umask;
}

bool sbx_test_step_may_fail(long call)
{
    return !is_always_right(call) && call != SYS_exit_group && call != SYS_exit &&
           call != SYS_rt_sigreturn && call != SYS_munmap && call != SYS_mprotect &&
#if defined(SYS_arch_prctl)
           call != SYS_arch_prctl &&
#endif
           call != SYS_brk && call != SYS_kill && call != SYS_close;
}

/* From stop to stop; true: it has come to the step and was dealt with. */
static bool step_on(sbx_test_step_ending *out, unsigned *count, unsigned step, int error,
                    int status, uint64_t until_ns, bool *is_entry)
{
    int deliver = 0;

    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        if (*is_entry && ++*count == step) {
            out->was_hit = true;
            out->call = call_of(out->pid);
            if (error == 0) {
                (void)kill(out->pid, SIGKILL);
                return true;
            }
            if (sbx_test_step_may_fail(out->call))
                fail_call(out->pid, error, until_ns, &out->has_hung);
            (void)ptrace(PTRACE_DETACH, out->pid, NULL, NULL);
            return true;
        }
        *is_entry = !*is_entry;
    } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
        deliver = WSTOPSIG(status);
    }
    (void)ptrace(PTRACE_SYSCALL, out->pid, NULL, (void *)(uintptr_t)deliver);
    return false;
}

void sbx_test_step(sbx_test_step_ending *out, const sbx_test_place *place, const char *const *argv,
                   unsigned step, int error)
{
    uint64_t until_ns = sbx_clock_monotonic_ns() + sbx_test_slow_ms(LONGEST_MS) * SBX_NS_PER_MS;
    unsigned count = 0;
    bool is_entry = true, is_done = false;
    int status;

    *out = (sbx_test_step_ending){.step = step, .pid = start(place, argv), .exit_code = -1};
    assert_true(out->pid > 0);
    status = wait_for(out->pid, until_ns, &out->has_hung); /* at its execve */
    if (WIFSTOPPED(status)) {
        (void)ptrace(PTRACE_SETOPTIONS, out->pid, NULL,
                     (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
        (void)ptrace(PTRACE_SYSCALL, out->pid, NULL, NULL);
    }
    while (!WIFEXITED(status) && !WIFSIGNALED(status)) {
        status = wait_for(out->pid, until_ns, &out->has_hung);
        if (WIFSTOPPED(status) && !is_done)
            is_done = step_on(out, &count, step, error, status, until_ns, &is_entry);
    }
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Half of it may be transferred, and whoever asked has to go on. */
static bool may_be_short(pid_t pid, const struct user_regs_struct *regs)
{
    char link[48], target[SBX_TEST_PATH_BYTES] = "";
    ssize_t bytes;

    if ((CALL(regs) != SYS_read && CALL(regs) != SYS_write && CALL(regs) != SYS_pread64 &&
         CALL(regs) != SYS_pwrite64) ||
        ARGUMENT_2(regs) < 2)
        return false;
    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, (int)ARGUMENT_0(regs));
    bytes = readlink(link, target, sizeof(target) - 1);
    return bytes > 0 && (strncmp(target, "pipe:", 5) == 0 ||
                         (target[0] == '/' && strncmp(target, "/proc/", 6) != 0 &&
                          strncmp(target, "/sys/", 5) != 0 && strncmp(target, "/dev/", 5) != 0));
}

/* What the caller holds in that register it takes for unchanged: it is put back on the way out. */
static unsigned halve_or_restore(pid_t pid, bool is_entry, unsigned long long *asked)
{
    struct user_regs_struct regs;

    if (!move_registers(PTRACE_GETREGSET, pid, &regs))
        return 0;
    if (!is_entry && *asked != 0) {
        ARGUMENT_2(&regs) = *asked;
        *asked = 0;
        (void)move_registers(PTRACE_SETREGSET, pid, &regs);
    } else if (is_entry && may_be_short(pid, &regs)) {
        *asked = ARGUMENT_2(&regs);
        ARGUMENT_2(&regs) -= *asked / 2;
        return move_registers(PTRACE_SETREGSET, pid, &regs);
    }
    return 0;
}

unsigned sbx_test_step_short(sbx_test_step_ending *out, const sbx_test_place *place,
                             const char *const *argv)
{
    uint64_t until_ns = sbx_clock_monotonic_ns() + sbx_test_slow_ms(LONGEST_MS) * SBX_NS_PER_MS;
    unsigned long long asked = 0;
    unsigned count = 0;
    bool is_entry = true;
    int status;

    *out = (sbx_test_step_ending){.pid = start(place, argv), .exit_code = -1};
    assert_true(out->pid > 0);
    status = wait_for(out->pid, until_ns, &out->has_hung);
    (void)ptrace(PTRACE_SETOPTIONS, out->pid, NULL,
                 (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    while (!WIFEXITED(status) && !WIFSIGNALED(status)) {
        int deliver = 0;

        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            count += halve_or_restore(out->pid, is_entry, &asked);
            is_entry = !is_entry;
        } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
            deliver = WSTOPSIG(status);
        }
        (void)ptrace(PTRACE_SYSCALL, out->pid, NULL, (void *)(uintptr_t)deliver);
        status = wait_for(out->pid, until_ns, &out->has_hung);
    }
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return count;
}
