/*
 * The cgroup v2 backend: against directories that stand in for the kernel's (what is written, what is
 * made of what stands there), and as root against a real v2 hierarchy for what needs no controllers.
 */
#include "tests/unit/cgroup2_rig.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "limits/linux/cgroup_place.h"
#include "limits/linux/host.h"

static void test_limits_are_written_beside_the_caller(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = must_make_job(&limits);
    static const sbx_limit_kind kinds[] = {SBX_LIMIT_MEMORY, SBX_LIMIT_PROCESSES, SBX_LIMIT_CPUS,
                                           SBX_LIMIT_CPU};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(kinds); i++)
        assert_int_equal(sbx_job_enforcer(job, kinds[i]), SBX_ENFORCER_CGROUP2);
    assert_true(sbx_job_clone_fd(job) >= 0);
    assert_file("user/sbx-job/memory.max", "67108864\n");
    assert_file("user/sbx-job/memory.swap.max", "0\n");
    assert_file("user/sbx-job/memory.oom.group", "1");
    assert_file("user/sbx-job/pids.max", "17\n");
    assert_file("user/sbx-job/cpu.max", "50000 100000\n");
    assert_null(strstr(written, "cgroup.subtree_control")); /* all was switched on already */
    sbx_job_free(job);
    assert_int_equal(faccessat(root_fd, "user/sbx-job", F_OK, 0), -1);
}

static void test_asked_for_swap_is_written(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job;

    (void)state;
    limits.value[SBX_LIMIT_SWAP] = 32 * MIB;
    job = must_make_job(&limits);
    assert_file("user/sbx-job/memory.swap.max", "33554432\n");
    sbx_job_free(job);
}

static void test_failing_allocations_do_not_kill_the_group(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job;

    (void)state;
    limits.memory_fails = true;
    job = must_make_job(&limits);
    assert_file("user/sbx-job/memory.oom.group", "0");
    assert_file("user/sbx-job/memory.max", "67108864\n");
    sbx_job_free(job);
}

static void test_the_callers_own_limits_are_not_got_round(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job;

    (void)state;
    put_file(root_fd, "user/leaf/memory.max", "33554432\n");
    put_file(root_fd, "user/leaf/pids.max", "9\n");
    put_file(root_fd, "user/leaf/cpu.max", "20000 100000\n");
    job = must_make_job(&limits);
    assert_file("user/sbx-job/memory.max", "33554432\n");
    assert_file("user/sbx-job/pids.max", "9\n");
    assert_file("user/sbx-job/cpu.max", "20000 100000\n");
    sbx_job_free(job);

    sbx_limits_init(&limits); /* also where nothing was asked for */
    job = must_make_job(&limits);
    assert_file("user/sbx-job/memory.max", "33554432\n");
    assert_file("user/sbx-job/pids.max", "9\n");
    sbx_job_free(job);
}

static void test_missing_controllers_are_switched_on(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job;

    (void)state;
    put_file(root_fd, "user/cgroup.subtree_control", "");
    job = must_make_job(&limits);
    assert_non_null(strstr(written, "cgroup.subtree_control +memory\n"));
    assert_non_null(strstr(written, "cgroup.subtree_control +pids\n"));
    assert_non_null(strstr(written, "cgroup.subtree_control +cpu\n"));
    sbx_job_free(job);
}

static void test_a_controller_that_is_not_there_is_a_refusal(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = NULL;
    sbx_error err;

    (void)state;
    put_file(root_fd, "user/cgroup.controllers", "cpu pids\n");
    put_file(root_fd, "user/cgroup.subtree_control", "cpu pids\n");
    assert_int_equal(make_job(&job, &limits, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "memory"));
    assert_int_equal(faccessat(root_fd, "user/sbx-job", F_OK, 0), -1);

    limits.value[SBX_LIMIT_MEMORY] = SBX_UNLIMITED; /* what is there can be had */
    job = must_make_job(&limits);
    assert_file("user/sbx-job/pids.max", "17\n");
    sbx_job_free(job);
}

static void test_a_value_that_does_not_stick_is_a_refusal(void **state)
{
    static const char *const files[] = {"memory.max", "memory.swap.max", "pids.max", "cpu.max"};
    sbx_limits limits = usual_limits();
    sbx_job *job = NULL;
    sbx_error err;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(files); i++) {
        ignored_file = files[i];
        assert_int_equal(make_job(&job, &limits, &err), SBX_REFUSED);
        assert_int_equal(faccessat(root_fd, "user/sbx-job", F_OK, 0), -1);
    }
}

static void test_what_the_files_say_is_reported(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = must_make_job(&limits);
    uint64_t now_ns = sbx_clock_monotonic_ns();
    sbx_job_report report;

    (void)state;
    sbx_job_started(job, getpid());
    assert_true(sbx_job_next_check_ns(job) <= now_ns);
    sbx_job_check(job, now_ns, &report);
    assert_false(report.memory_reached || report.processes_reached || report.cpu_reached);
    assert_true(sbx_job_next_check_ns(job) >= now_ns + 2 * SBX_NS_PER_MS);
    assert_true(sbx_job_next_check_ns(job) <=
                now_ns + 5 * SBX_NS_PER_MS); /* 5 ms of CPU are left */

    /* Somebody further up ran out of memory: that is not this limit. */
    write_job_file("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n");
    write_job_file("pids.events", "max 3\n");
    write_job_file("pids.peak", "12\n");
    sbx_job_check(job, now_ns, &report);
    assert_false(report.memory_reached || report.processes_reached);
    write_job_file("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\n"); /* nobody yet */
    sbx_job_check(job, now_ns, &report);
    assert_false(report.memory_reached);

    write_job_file("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n");
    write_job_file("pids.peak", "17\n");
    write_job_file("cpu.stat", "usage_usec 10000\nuser_usec 0\nsystem_usec 0\n");
    sbx_job_check(job, now_ns, &report);
    assert_true(report.memory_reached && report.processes_reached && report.cpu_reached);
    assert_int_equal(sbx_job_next_check_ns(job), SBX_UNLIMITED);

    write_job_file("memory.events", "oom 0\noom_kill 0\n"); /* once true, true for ever */
    sbx_job_check(job, now_ns, &report);
    assert_true(report.memory_reached);
    sbx_job_free(job);
}

static void test_usage_is_read_from_the_group(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = must_make_job(&limits);
    sbx_usage usage;

    (void)state;
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_int_equal(usage.user_ns, 3 * SBX_NS_PER_MS);
    assert_int_equal(usage.system_ns, 2 * SBX_NS_PER_MS);
    assert_int_equal(usage.memory_peak_bytes, 5 * MIB);
    assert_int_equal(usage.processes_peak_count, 16); /* without the job's init */
    assert_int_equal(usage.io_read_bytes, 4097);
    assert_int_equal(usage.io_write_bytes, 8194);
    sbx_job_free(job);

    missing_file = "memory.peak"; /* before Linux 5.19 */
    job = must_make_job(&limits);
    sbx_usage_init(&usage);
    usage.memory_peak_bytes = 7;
    sbx_job_read_usage(job, &usage);
    assert_int_equal(usage.memory_peak_bytes, 7);
    sbx_job_free(job);
}

static void test_a_sample_is_read_from_the_group(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = must_make_job(&limits);
    sbx_sample sample;

    (void)state;
    sbx_job_sample(job, &sample);
    assert_int_equal(sample.cpu_ns, 5 * SBX_NS_PER_MS);
    assert_int_equal(sample.memory_bytes, MIB);
    assert_int_equal(sample.processes_count, 3); /* without the job's init */
    sbx_job_free(job);

    missing_file = "memory.current"; /* and nobody was started whom one could look at */
    job = must_make_job(&limits);
    sbx_job_sample(job, &sample);
    assert_true(sample.memory_bytes == SBX_UNLIMITED);
    assert_int_equal(sample.processes_count, 3);
    sbx_job_free(job);
}

static void test_kill_waits_until_the_group_is_empty(void **state)
{
    sbx_limits limits = usual_limits();
    sbx_job *job = must_make_job(&limits);
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_job_kill(job, SBX_NS_PER_S, &err), SBX_OK);
    assert_file("user/sbx-job/cgroup.kill", "1");
    write_job_file("cgroup.events", "populated 1\nfrozen 0\n");
    assert_int_equal(sbx_job_kill(job, 20 * SBX_NS_PER_MS, &err), SBX_BUSY);
    sbx_job_free(job);
}

/* A program in the place of sbx-scope. */
static void put_program(const char *script)
{
    static char path[96];
    char text[512];

    snprintf(path, sizeof(path), "%s/scope", root);
    snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
    put_file(root_fd, "scope", text);
    assert_int_equal(fchmodat(root_fd, "scope", 0755, 0), 0);
    sbx_scope_program = path;
}

static void test_a_scope_of_the_user_manager(void **state)
{
    sbx_job_options options = {.name = "job", .choice = SBX_JOB_SCOPE, .cgroup_root = root};
    sbx_limits limits = usual_limits();
    sbx_job *job = NULL;
    sbx_error err;
    int fd;

    (void)state;
    memset(&err, 0, sizeof(err));
    assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere", 1), 0);
    /* sbx is in `user` now, with processes in it, and makes itself a leaf. */
    put_file(root_fd, "own", "0::/user\n");
    put_program("test \"$1\" = $PPID && echo /user");
    if (sbx_job_create(&job, &limits, &options, &err) != SBX_OK)
        fail_msg("%s", err.message);
    assert_file("user/supervisor/cgroup.procs", "0");
    assert_file("user/sbx-job/memory.max", "67108864\n");
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_MEMORY), SBX_ENFORCER_CGROUP2);
    sbx_job_free(job);
    fd = openat(root_fd, "user", O_RDONLY | O_DIRECTORY);
    assert_int_equal(fake_remove_directory(fd, "supervisor"), 0);
    close(fd);

    put_program("echo Interactive authentication required; exit 1");
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "Interactive authentication required"));
    put_program("echo /somewhere/else");
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "not in the scope"));
    assert_int_equal(unlinkat(root_fd, "scope", 0), 0);
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_REFUSED);
    sbx_scope_program = NULL;
}

/* ---- the real hierarchy ---- */

static int open_real_root(void)
{
    sbx_cgroup_place place;

    if (geteuid() != 0 || sbx_cgroup_place_read(&place) != 0)
        return -1;
    return sbx_cgroup_place_open(&place, SBX_CGROUP_UNIFIED, NULL);
}

static void run_away(void)
{
    for (int i = 0; i < 10; i++) {
        if (fork() == 0) {
            setsid();
            signal(SIGTERM, SIG_IGN);
            pause();
            _exit(0);
        }
    }
    pause();
}

static void test_clone_into_and_kill_for_real(void **state)
{
    char name[SBX_JOB_NAME_BYTES], group[SBX_CGROUP_NAME_BYTES], text[4096];
    sbx_job_options options = {.name = name, .choice = SBX_JOB_CGROUP2};
    struct clone_args args;
    sbx_job *job = NULL;
    sbx_limits limits;
    sbx_error err;
    int own_fd = open_real_root();
    long pid;

    (void)state;
    memset(&err, 0, sizeof(err));
    sbx_limits_init(&limits);
    assert_int_equal(sbx_job_name(name, &err), SBX_OK);
    if (sbx_job_create(&job, &limits, &options, &err) != SBX_OK)
        fail_msg("%s", err.message);
    memset(&args, 0, sizeof(args));
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = (__u64)sbx_job_clone_fd(job);
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        run_away();
        _exit(0);
    }
    assert_true(pid > 0);
    sbx_job_started(job, pid);
    snprintf(group, sizeof(group), "/proc/%ld/cgroup", pid);
    assert_true(sbx_cgroup_read_text(AT_FDCWD, group, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, name));
    for (int i = 0; i < 1000 && sbx_job_count_processes(job) < 11; i++)
        usleep(1000);
    assert_int_equal(sbx_job_count_processes(job), 11);
    assert_int_not_equal(sbx_job_cpu_now_ns(job), SBX_UNLIMITED);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, &err), SBX_OK);
    assert_int_equal(sbx_job_count_processes(job), 0);
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
    sbx_job_free(job);
    snprintf(group, sizeof(group), "sbx-%s", name);
    assert_int_equal(faccessat(own_fd, group, F_OK, 0), -1);
    close(own_fd);
}

int main(void)
{
    const struct CMUnitTest everywhere[] = {
        FAKE(test_limits_are_written_beside_the_caller),
        FAKE(test_asked_for_swap_is_written),
        FAKE(test_failing_allocations_do_not_kill_the_group),
        FAKE(test_the_callers_own_limits_are_not_got_round),
        FAKE(test_missing_controllers_are_switched_on),
        FAKE(test_a_controller_that_is_not_there_is_a_refusal),
        FAKE(test_a_value_that_does_not_stick_is_a_refusal),
        FAKE(test_what_the_files_say_is_reported),
        FAKE(test_usage_is_read_from_the_group),
        FAKE(test_a_sample_is_read_from_the_group),
        FAKE(test_kill_waits_until_the_group_is_empty),
        FAKE(test_a_scope_of_the_user_manager),
    };
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test(test_clone_into_and_kill_for_real),
    };
    int failed_count = cmocka_run_group_tests(everywhere, NULL, NULL);
    int own_fd = open_real_root();

    if (own_fd >= 0)
        failed_count += cmocka_run_group_tests(as_root, NULL, NULL);
    else
        print_message(
            "cgroup v2: not root or no v2 hierarchy; the kernel's own part is left out\n");
    if (own_fd >= 0)
        close(own_fd);
    return failed_count != 0;
}
