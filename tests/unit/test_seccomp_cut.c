/*
 * Before Linux 6.2 Landlock does not see that a file is cut short. Told that it is such a one, the target is refused that
 * where Landlock is the only wall before a file: without mounts, and where a stream is a file that was opened to be
 * read, which is of the host's mounts. The kernel here may be a newer one: what is held by the filter is held by it
 * there as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"
#include "tests/support/test.h"

enum { OLD_LANDLOCK = 2, NEW_LANDLOCK = 3 };

typedef struct situation {
    int landlock_abi;
    bool has_mounts;
    int input_flags; /* of the file that is stdin; -1: it is a device */
} situation;

static char path[] = "/var/tmp/sbx-cut-XXXXXX";
static sbx_job *job;

/* 0: by neither way was it cut; else a bit for each. */
static int try_to_cut(void)
{
    int fd, cut = truncate(path, 1) == 0 ? 1 : 0;

    fd = open(path, O_RDONLY | O_TRUNC | O_CLOEXEC);
    return fd >= 0 ? cut | 2 : cut;
}

/* In the target's place. */
SBX_NORETURN static void be_target(const situation *in)
{
    sbx_plan plan = {.landlock_abi = in->landlock_abi};
    const sbx_entry entry = {.plan = &plan, .job = job};
    int listener, null = open("/dev/null", O_RDWR);
    int fd = in->input_flags < 0 ? null : open(path, in->input_flags);
    sbx_error err;

    plan.walls[SBX_WALL_SECCOMP] = true;
    plan.walls[SBX_WALL_MOUNTS] = in->has_mounts;
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 ||
        dup2(null, STDOUT_FILENO) < 0 || /* the test's own */
        dup2(null, STDERR_FILENO) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        sbx_seccomp_load(&listener, &entry, &err) != SBX_OK)
        _exit(99);
    _exit(try_to_cut());
}

static int cut_in(const situation *in)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        be_target(in);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_cutting(void **state)
{
    const situation held[] = {
        {OLD_LANDLOCK, true, O_RDONLY},
        {OLD_LANDLOCK, true, O_PATH},
        {OLD_LANDLOCK, false, O_RDONLY},
        {OLD_LANDLOCK, false, -1},
    };
    const situation free_to[] = {
        {OLD_LANDLOCK, true, -1}, /* the mounts hold it, and roots are to be written */
        {OLD_LANDLOCK, true, O_WRONLY}, {OLD_LANDLOCK, true, O_RDWR},
        {NEW_LANDLOCK, true, O_RDONLY}, /* Landlock does */
        {NEW_LANDLOCK, false, -1},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(held); i++)
        assert_int_equal(cut_in(&held[i]), 0);
    for (size_t i = 0; i < SBX_COUNT_OF(free_to); i++)
        assert_int_equal(cut_in(&free_to[i]), 1 | 2);
}

static int set_up(void **state)
{
    char name[SBX_JOB_NAME_BYTES];
    sbx_job_options options = {.name = name, .choice = SBX_JOB_POLLED};
    sbx_limits limits;
    sbx_error err;
    int fd = mkostemp(path, O_CLOEXEC);

    (void)state;
    sbx_limits_init(&limits);
    if (fd < 0 || sbx_job_name(name, &err) != SBX_OK ||
        sbx_job_create(&job, &limits, &options, &err) != SBX_OK)
        return -1;
    close(fd);
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    sbx_job_free(job);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cutting)};

    return cmocka_run_group_tests_name("seccomp: cutting files short", tests, set_up, take_down);
}
