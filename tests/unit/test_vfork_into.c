/*
 * sbx_vfork_into(): the child runs in our memory and on our stack, and the parent goes on where it called, with all that it
 * had in registers and on the stack; what the kernel refuses is a number; the child is in the group from its birth.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/compiler.h"
#include "harness/target/linux/vfork_into.h"
#include "limits/job.h"
#include "limits/linux/cgroup_files.h"
#include "tests/support/test.h"

enum { BELOW_BYTES = 64 * 1024 };

/* Uses much of the stack below the caller, and never returns: as what becomes the command does. */
static _Noreturn void end_as(const char *path, int code, volatile int *seen)
{
    volatile char room[16 * 1024];

    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = (char)0xAA;
    *seen = code;
    if (path != NULL)
        execl(path, path, "-c", "exit 44", (char *)NULL);
    _exit(code);
}

static int wait_for(long pid)
{
    int status = -1;

    assert_true(pid > 0);
    assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static long born(int round, const char *path, volatile int *seen)
{
    struct clone_args request;
    unsigned long kept[24];
    long pid;

    for (int i = 0; i < 24; i++)
        kept[i] = (unsigned long)(round + 1) * 0x9E3779B97F4A7C15UL + (unsigned long)i;
    sbx_vfork_into_describe(&request, -1);
    request.flags &= ~(unsigned long long)CLONE_INTO_CGROUP;
    request.cgroup = 0;
    pid = sbx_vfork_into(&request, sizeof(request));
    if (pid == 0)
        end_as(path, round, seen);
    SBX_FORGET_STACK((char *)&request - BELOW_BYTES, BELOW_BYTES);
    for (int i = 0; i < 24; i++)
        assert_true(kept[i] ==
                    (unsigned long)(round + 1) * 0x9E3779B97F4A7C15UL + (unsigned long)i);
    return pid;
}

static void test_parent_goes_on(void **state)
{
    volatile int seen = -1;

    (void)state;
    for (int round = 0; round < 100; round++) {
        long pid = born(round, NULL, &seen);

        assert_int_equal(seen, round); /* our memory, and it has run before we went on */
        assert_int_equal(wait_for(pid), round);
    }
    assert_int_equal(wait_for(born(7, "/bin/sh", &seen)), 44);
    assert_int_equal(seen, 7);
    assert_int_equal(wait_for(born(8, "/no/such/program", &seen)), 8);
}

static void test_refused(void **state)
{
    struct clone_args request;
    long pid;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    sbx_vfork_into_describe(&request, 999999);
    pid = sbx_vfork_into(&request, sizeof(request));
    if (pid == 0)
        _exit(1);
    assert_int_equal(pid, -EBADF);
    sbx_vfork_into_describe(&request, fd);
    pid = sbx_vfork_into(&request, sizeof(request));
    if (pid == 0)
        _exit(1);
    assert_int_equal(pid, -EBADF); /* no group's directory */
    close(fd);
}

static void test_in_the_group(void **state)
{
    char name[SBX_JOB_NAME_BYTES], group[64], text[4096];
    sbx_job_options options = {
        .name = name, .choice = SBX_JOB_CGROUP2, .first_stays_outside = true};
    struct clone_args request;
    sbx_job *job = NULL;
    sbx_limits limits;
    sbx_error err;
    long pid;

    (void)state;
    sbx_limits_init(&limits);
    assert_int_equal(sbx_job_name(name, &err), SBX_OK);
    if (sbx_job_create(&job, &limits, &options, &err) != SBX_OK) {
        print_message("no group of cgroup v2 here: %s\n", err.message);
        return;
    }
    sbx_vfork_into_describe(&request, sbx_job_clone_fd(job));
    pid = sbx_vfork_into(&request, sizeof(request));
    if (pid == 0) {
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(1);
    }
    assert_true(pid > 0);
    assert_int_equal(sbx_job_count_processes(job), 1);
    snprintf(group, sizeof(group), "/proc/%ld/cgroup", pid);
    assert_true(sbx_cgroup_read_text(AT_FDCWD, group, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, name));
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
    sbx_job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parent_goes_on),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_in_the_group),
    };

    if (!SBX_HAS_VFORK_INTO)
        return 77;
    return cmocka_run_group_tests_name("vfork into", tests, NULL, NULL);
}
