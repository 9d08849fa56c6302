/* Where a cgroup v2 job goes: beside its caller, in the caller's own group, and below somebody else's hands. */
#include "tests/unit/cgroup2_rig.h"

/* systemd switches off what its own units do not need; a group in between keeps it from doing so. */
static void test_controllers_are_held_against_another_manager(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job;

    (void)state;
    delegated = NULL;
    job = must_make_job(&limits);
    assert_non_null(strstr(written, "cgroup.subtree_control +memory\n"));
    assert_non_null(strstr(written, "cgroup.subtree_control +pids\n"));
    assert_non_null(strstr(written, "cgroup.subtree_control +cpu\n"));
    assert_file("user/sbx-job/job/memory.max", "67108864\n");
    assert_file("user/sbx-job/job/cpu.max", "50000 100000\n");
    assert_file("user/sbx-job/memory.max", "");
    sbx_job_free(job);
    assert_int_equal(faccessat(root_fd, "user/sbx-job", F_OK, 0), -1);
}

static void test_controllers_that_cannot_be_held_are_a_refusal(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = NULL;
    sbx_error err;

    (void)state;
    delegated = NULL;
    busy_file = "cgroup.subtree_control";
    assert_int_equal(make_job(&job, &limits, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "keep the controllers"));
    assert_int_equal(faccessat(root_fd, "user/sbx-job", F_OK, 0), -1);
}

static void remove_leaf(int dir_fd)
{
    assert_int_equal(fake_remove_directory(dir_fd, "supervisor"), 0);
    close(dir_fd);
}

/* A unit with Delegate=yes: sbx makes itself a leaf, and what the unit is limited to goes for all below. */
static void test_a_delegated_group_of_its_own(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job;

    (void)state;
    put_file(root_fd, "own", "0::/user\n");
    put_file(root_fd, "user/cgroup.subtree_control", "");
    put_file(root_fd, "user/pids.max", "9\n");
    job = must_make_job(&limits);
    assert_file("user/supervisor/cgroup.procs", "0");
    assert_file("user/sbx-job/memory.max", "67108864\n");
    assert_file("user/sbx-job/pids.max", "17\n");
    sbx_job_free(job);
    remove_leaf(openat(root_fd, "user", O_RDONLY | O_DIRECTORY));
}

static void test_a_delegated_group_with_others_in_it(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = NULL;
    sbx_error err;

    (void)state;
    put_file(root_fd, "own", "0::/user\n");
    put_file(root_fd, "user/cgroup.subtree_control", "");
    busy_file = "cgroup.subtree_control";
    assert_int_equal(make_job(&job, &limits, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "other processes"));
    assert_file("user/cgroup.procs", "0"); /* it came back */
    assert_int_equal(faccessat(root_fd, "user/supervisor", F_OK, 0), -1);
}

/* A container's own group, as far as its processes can see. */
static void test_the_top_of_a_namespace(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = NULL;
    sbx_error err;

    (void)state;
    put_file(root_fd, "own", "0::/\n");
    put_file(root_fd, "cgroup.type", "domain\n"); /* the true root has none */
    put_file(root_fd, "cgroup.procs", "");
    put_file(root_fd, "cgroup.subtree_control", "");
    busy_file = "cgroup.subtree_control";
    assert_int_equal(make_job(&job, &limits, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "other processes"));
    busy_file = NULL;
    put_file(root_fd, "own", "0::/\n");
    job = must_make_job(&limits);
    assert_file("sbx-job/memory.max", "67108864\n");
    sbx_job_free(job);
    remove_leaf(openat(root_fd, ".", O_RDONLY | O_DIRECTORY));
    assert_int_equal(unlinkat(root_fd, "cgroup.type", 0), 0);
    assert_int_equal(unlinkat(root_fd, "cgroup.procs", 0), 0);
    assert_int_equal(unlinkat(root_fd, "cgroup.subtree_control", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE(test_controllers_are_held_against_another_manager),
        FAKE(test_controllers_that_cannot_be_held_are_a_refusal),
        FAKE(test_a_delegated_group_of_its_own),
        FAKE(test_a_delegated_group_with_others_in_it),
        FAKE(test_the_top_of_a_namespace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
