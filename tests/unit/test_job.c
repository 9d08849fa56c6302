/*
 * The contract of limits/job.h: the same life of a job through every backend that works on this host,
 * and what a caller is told when none does.
 */
#include "tests/support/test.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/backend.h"
#include "limits/job.h"

enum { MIB = 1 << 20 };

static sbx_status make_job(sbx_job **out, const sbx_limits *limits, sbx_job_choice choice,
                           sbx_error *err)
{
    static char name[SBX_JOB_NAME_BYTES];
    sbx_job_options options = {.name = name, .choice = choice};

    memset(err, 0, sizeof(*err));
    assert_int_equal(sbx_job_name(name, err), SBX_OK);
    return sbx_job_create(out, limits, &options, err);
}

static void grow_and_burn(void)
{
    volatile unsigned sum = 0;
    char *memory =
        mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (fork() == 0) {
        setsid();
        pause();
        _exit(0);
    }
    for (size_t i = 0; memory != MAP_FAILED && i < 128; i++) {
        memset(memory + i * MIB, 1, MIB);
        usleep(2000);
    }
    for (;;)
        sum++;
}

/* A fork, straight into the job where that is how it is entered. */
static pid_t start_first(const sbx_job *job)
{
    struct clone_args args;

    if (sbx_job_clone_fd(job) == -1)
        return fork();
    memset(&args, 0, sizeof(args));
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = (__u64)sbx_job_clone_fd(job);
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Follows a job as the runner does, until the limit in *reached is hit. */
static void follow(sbx_job *job, sbx_job_report *report, const bool *reached)
{
    uint64_t end_ns = sbx_clock_monotonic_ns() + 20 * SBX_NS_PER_S;

    while (!*reached && sbx_clock_monotonic_ns() < end_ns) {
        usleep(2000);
        sbx_job_check(job, sbx_clock_monotonic_ns(), report);
    }
    assert_true(*reached);
}

static void live(sbx_job_choice choice, sbx_limit_kind kind, uint64_t value)
{
    sbx_job_report report = {false, false, false};
    sbx_limits limits;
    sbx_usage usage;
    sbx_error err;
    sbx_job *job = NULL;
    pid_t pid;

    sbx_limits_init(&limits);
    limits.value[kind] = value;
    if (make_job(&job, &limits, choice, &err) != SBX_OK)
        fail_msg("%s", err.message);
    assert_int_not_equal(sbx_job_enforcer(job, kind), SBX_ENFORCER_NONE);
    assert_null(sbx_job_native(job));
    pid = start_first(job);
    if (pid == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        if (sbx_job_enter(job, NULL) == SBX_OK && sbx_job_restrict_self(job, NULL) == SBX_OK)
            grow_and_burn();
        _exit(99);
    }
    sbx_job_started(job, pid);
    follow(job, &report, kind == SBX_LIMIT_MEMORY ? &report.memory_reached : &report.cpu_reached);
    assert_int_equal(report.memory_reached, kind == SBX_LIMIT_MEMORY);
    assert_int_equal(report.cpu_reached, kind == SBX_LIMIT_CPU);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, &err), SBX_OK);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(sbx_job_count_processes(job) == 0 || sbx_job_count_processes(job) == SBX_UNLIMITED);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    if (kind == SBX_LIMIT_MEMORY)
        assert_in_range(usage.memory_peak_bytes, 63 * MIB, 128 * MIB);
    sbx_job_check(job, sbx_clock_monotonic_ns(), &report); /* sticky, also after the end */
    assert_true(kind == SBX_LIMIT_MEMORY ? report.memory_reached : report.cpu_reached);
    sbx_job_free(job);
}

static bool works(sbx_job_choice choice)
{
    sbx_limits limits;
    sbx_error err;
    sbx_job *job = NULL;

    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    if (make_job(&job, &limits, choice, &err) != SBX_OK) {
        assert_int_equal(err.status, SBX_REFUSED);
        assert_int_equal(err.step, SBX_STEP_JOB);
        assert_true(err.message[0] != '\0');
        return false;
    }
    sbx_job_free(job);
    return true;
}

static void test_every_backend_keeps_the_contract(void **state)
{
    static const sbx_job_choice choices[] = {SBX_JOB_AUTO, SBX_JOB_CGROUP1, SBX_JOB_CGROUP2,
                                             SBX_JOB_POLLED};
    unsigned worked_count = 0;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(choices); i++) {
        if (!works(choices[i]))
            continue;
        live(choices[i], SBX_LIMIT_MEMORY, 64 * MIB);
        live(choices[i], SBX_LIMIT_CPU, 200 * SBX_NS_PER_MS);
        worked_count++;
    }
    assert_true(worked_count >= 2); /* auto and polled work everywhere */
}

static void test_a_job_without_limits_can_be_stopped(void **state)
{
    sbx_limits limits;
    sbx_error err;
    sbx_job *job = NULL;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    assert_int_equal(make_job(&job, &limits, SBX_JOB_POLLED, &err), SBX_OK);
    assert_int_equal(sbx_job_next_check_ns(job), SBX_UNLIMITED);
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    sbx_job_started(job, pid);
    assert_int_equal(sbx_job_next_check_ns(job), SBX_UNLIMITED); /* nothing to look for */
    assert_int_equal(sbx_job_count_processes(job), 1);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, &err), SBX_OK);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    sbx_job_free(job);
    sbx_job_free(NULL);
}

static void test_a_rate_that_the_host_cannot_exceed(void **state)
{
    long possible = sysconf(_SC_NPROCESSORS_CONF);
    sbx_limits limits;
    sbx_error err;
    sbx_job *job = NULL;

    (void)state;
    assert_true(sbx_host_holds(SBX_LIMIT_CPUS, 1000000));
    assert_false(sbx_host_holds(SBX_LIMIT_CPUS, 999));
    assert_false(sbx_host_holds(SBX_LIMIT_MEMORY, UINT64_MAX - 1));
    if (possible > 1)
        assert_false(sbx_host_holds(SBX_LIMIT_CPUS, (uint64_t)possible * 1000 - 1));
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_CPUS] = 1000000;
    assert_int_equal(make_job(&job, &limits, SBX_JOB_AUTO, &err), SBX_OK);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_CPUS), SBX_ENFORCER_HARDWARE);
    sbx_job_free(job);
}

/* What a first process that stays outside has is the supervisor's memory, and of its children it counts. */
static void test_memory_of_who_stays_outside(void **state)
{
    char name[SBX_JOB_NAME_BYTES];
    sbx_job_options options = {.name = name, .choice = SBX_JOB_POLLED, .first_stays_outside = true};
    sbx_job_report report = {false, false, false};
    sbx_limits limits;
    sbx_usage usage;
    sbx_job *job = NULL;
    sbx_error err;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 32 * MIB;
    assert_int_equal(sbx_job_name(name, &err), SBX_OK);
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_OK);
    pid = fork();
    if (pid == 0) {
        char *memory =
            mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        memset(memory, 1, 64 * MIB);
        pause();
        _exit(0);
    }
    sbx_job_started(job, pid);
    for (int i = 0; i < 200; i++) {
        usleep(2000);
        sbx_job_check(job, sbx_clock_monotonic_ns(), &report);
    }
    assert_false(report.memory_reached);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, &err), SBX_OK);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_true(usage.memory_peak_bytes == SBX_UNLIMITED || usage.memory_peak_bytes < 32 * MIB);
    sbx_job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_of_who_stays_outside),
        cmocka_unit_test(test_every_backend_keeps_the_contract),
        cmocka_unit_test(test_a_job_without_limits_can_be_stopped),
        cmocka_unit_test(test_a_rate_that_the_host_cannot_exceed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
