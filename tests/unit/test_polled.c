/* The process part of a job alone: what a plain user has without a cgroup. Root becomes one first. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/job.h"
#include "limits/linux/polled.h"
#include "limits/linux/procfs.h"

enum { MIB = 1 << 20, PLAIN_UID = 64010, CANNOT = 77 };

static sbx_status make_job(sbx_job **out, const sbx_limits *limits, bool has_user_namespace,
                           bool allow_degraded, sbx_error *err)
{
    sbx_job_options options = {.name = "polled",
                               .choice = SBX_JOB_POLLED,
                               .has_user_namespace = has_user_namespace,
                               .allow_degraded = allow_degraded};

    memset(err, 0, sizeof(*err));
    return sbx_job_create(out, limits, &options, err);
}

static sbx_job *must_make_job(const sbx_limits *limits, bool has_user_namespace)
{
    sbx_job *job = NULL;
    sbx_error err;

    if (make_job(&job, limits, has_user_namespace, false, &err) != SBX_OK)
        fail_msg("%s", err.message);
    return job;
}

/* The first process takes in orphans, as the init of a pid namespace does. */
static pid_t start_in(sbx_job *job, int (*body)(void))
{
    pid_t pid = fork();

    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sbx_job_enter(job, NULL) != SBX_OK || sbx_job_restrict_self(job, NULL) != SBX_OK)
            _exit(99);
        _exit(body());
    }
    sbx_job_started(job, pid);
    return pid;
}

/* Where processes of a job say that they are in place; one byte each. */
static int ready_ends[2] = {-1, -1};

static void say_ready(void)
{
    if (write(ready_ends[1], "", 1) != 1)
        _exit(98);
}

static void open_ready(void)
{
    assert_int_equal(pipe(ready_ends), 0);
}

static void wait_until_ready(int count)
{
    char byte;

    close(ready_ends[1]);
    for (int i = 0; i < count; i++)
        assert_int_equal(read(ready_ends[0], &byte, 1), 1);
}

static int exit_code_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Looks when it is due, for at most so long. Returns how often. */
static unsigned look_until(sbx_job *job, sbx_job_report *report, const bool *wanted,
                           uint64_t most_ns)
{
    uint64_t end_ns = sbx_clock_monotonic_ns() + most_ns;
    unsigned check_count = 0;

    for (uint64_t now_ns = 0; now_ns < end_ns && !*wanted; check_count++) {
        uint64_t next_ns = sbx_job_next_check_ns(job);

        now_ns = sbx_clock_monotonic_ns();
        assert_int_not_equal(next_ns, SBX_UNLIMITED);
        if (next_ns > now_ns)
            usleep((useconds_t)((next_ns - now_ns) / 1000) + 1);
        sbx_job_check(job, sbx_clock_monotonic_ns(), report);
    }
    return check_count;
}

static void stop(sbx_job *job, pid_t pid)
{
    sbx_error err;

    memset(&err, 0, sizeof(err));
    if (sbx_job_kill(job, 5 * SBX_NS_PER_S, &err) != SBX_OK)
        fail_msg("%s", err.message);
    assert_int_equal(exit_code_of(pid), -SIGKILL);
    sbx_job_free(job);
}

static void test_who_holds_what(void **state)
{
    sbx_limits limits;
    sbx_job *job;
    sbx_error err;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    limits.value[SBX_LIMIT_PROCESSES] = 8;
    limits.value[SBX_LIMIT_CPU] = SBX_NS_PER_S;
    limits.value[SBX_LIMIT_CPUS] = 1000000;
    job = must_make_job(&limits, true);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_MEMORY), SBX_ENFORCER_POLLED);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_PROCESSES), SBX_ENFORCER_RLIMIT);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_CPU), SBX_ENFORCER_POLLED);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_CPUS), SBX_ENFORCER_HARDWARE);
    assert_int_equal(sbx_job_clone_fd(job), -1);
    assert_int_equal(sbx_job_event_fd(job), -1);
    sbx_job_free(job);

    job = must_make_job(&limits, false);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_PROCESSES), SBX_ENFORCER_POLLED);
    sbx_job_free(job);

    limits.value[SBX_LIMIT_CPUS] = 500; /* affinity has no halves */
    assert_int_equal(make_job(&job, &limits, true, false, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "\"cpus\""));
    assert_non_null(strstr(err.message, "--allow-degraded"));
    assert_int_equal(make_job(&job, &limits, true, true, &err), SBX_OK);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_CPUS), SBX_ENFORCER_NONE);
    sbx_job_free(job);
}

static int count_own_cpus(void)
{
    cpu_set_t cpus;

    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 99;
}

static void test_whole_cpus_by_affinity(void **state)
{
    sbx_limits limits;
    sbx_job *job;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_CPUS] = 1500;
    job = must_make_job(&limits, false);
    if (sbx_job_enforcer(job, SBX_LIMIT_CPUS) == SBX_ENFORCER_HARDWARE) {
        sbx_job_free(job); /* a host with one CPU has nothing to show here */
        skip();
    }
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_CPUS), SBX_ENFORCER_AFFINITY);
    assert_int_equal(exit_code_of(start_in(job, count_own_cpus)), 1);
    sbx_job_free(job);
}

static char *map(size_t bytes, int flags)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

/* 1 MiB every 2 ms, then stays. */
static int grow(void)
{
    char *memory = map(300 * MIB, MAP_PRIVATE);

    for (size_t i = 0; memory != MAP_FAILED && i < 300; i++) {
        memset(memory + i * MIB, 1, MIB);
        usleep(2000);
    }
    pause();
    return 0;
}

static void test_memory_past_the_limit_is_seen(void **state)
{
    sbx_limits limits;
    sbx_job_report report = {false, false, false};
    sbx_usage usage;
    sbx_job *job;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    job = must_make_job(&limits, false);
    pid = start_in(job, grow);
    look_until(job, &report, &report.memory_reached, 10 * SBX_NS_PER_S);
    assert_true(report.memory_reached);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_in_range(usage.memory_peak_bytes, 64 * MIB, 160 * MIB); /* one interval late, not many */
    stop(job, pid);
}

/* Four processes, each with the same 40 MiB in its address space. */
static int share(void)
{
    char *memory = map(40 * MIB, MAP_SHARED);

    if (memory == MAP_FAILED)
        return 1;
    memset(memory, 1, 40 * MIB);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            volatile char sum = 0;

            for (size_t at = 0; at < 40 * MIB; at += 4096)
                sum = (char)(sum + memory[at]);
            say_ready();
            pause();
            _exit(0);
        }
    }
    pause();
    return 0;
}

static void test_shared_pages_count_once(void **state)
{
    sbx_limits limits;
    sbx_job_report report = {false, false, false};
    sbx_usage usage;
    sbx_job *job;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    job = must_make_job(&limits, false);
    open_ready();
    pid = start_in(job, share);
    wait_until_ready(3);
    close(ready_ends[0]);
    look_until(job, &report, &report.memory_reached, 400 * SBX_NS_PER_MS);
    assert_false(report.memory_reached);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_true(usage.memory_peak_bytes >
                64 * MIB); /* the plain sum was above, so the share decided */
    stop(job, pid);
}

/* 0 where 32 MiB can be had, and 200 MiB more cannot. */
static int fail_to_allocate(void)
{
    if (map(32 * MIB, MAP_PRIVATE) == MAP_FAILED)
        return 1;
    return map(200 * MIB, MAP_PRIVATE) == MAP_FAILED && errno == ENOMEM ? 0 : 2;
}

/* What this program has mapped for data already (a great deal under a sanitizer). */
static uint64_t own_data_bytes(void)
{
    unsigned long long kib = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");

    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL) {
        if (sscanf(line, "VmData: %llu", &kib) == 1)
            break;
    }
    fclose(status);
    assert_true(kib > 0);
    return kib * 1024;
}

static void test_mem_action_fail_leaves_it_to_the_allocation(void **state)
{
    sbx_limits limits;
    sbx_job *job;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = own_data_bytes() + 64 * MIB;
    job = must_make_job(&limits, false);
    assert_int_equal(exit_code_of(start_in(job, fail_to_allocate)),
                     2); /* address space is no use */
    sbx_job_free(job);
    limits.memory_fails = true;
    job = must_make_job(&limits, false);
    assert_int_equal(exit_code_of(start_in(job, fail_to_allocate)), 0);
    sbx_job_free(job);
}

static int burn_with_two(void)
{
    volatile unsigned sum = 0;

    (void)fork();
    while (getpid() > 0)
        sum++;
    return (int)sum;
}

static void test_cpu_time_of_the_tree(void **state)
{
    sbx_limits limits;
    sbx_job_report report = {false, false, false};
    sbx_job *job;
    uint64_t used_ns;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_CPU] = 400 * SBX_NS_PER_MS;
    job = must_make_job(&limits, false);
    pid = start_in(job, burn_with_two);
    assert_true(look_until(job, &report, &report.cpu_reached, 20 * SBX_NS_PER_S) < 100);
    assert_true(report.cpu_reached);
    used_ns = sbx_job_cpu_now_ns(job);
    assert_in_range(used_ns, 400 * SBX_NS_PER_MS, 600 * SBX_NS_PER_MS);
    stop(job, pid);
}

static int six_threads_worth(void)
{
    for (int i = 0; i < 6; i++) {
        if (fork() == 0) {
            pause();
            _exit(0);
        }
    }
    pause();
    return 0;
}

static void test_more_processes_than_allowed_are_seen(void **state)
{
    sbx_limits limits;
    sbx_job_report report = {false, false, false};
    sbx_job *job;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_PROCESSES] = 6; /* the first process does not count */
    job = must_make_job(&limits, false);
    pid = start_in(job, six_threads_worth);
    look_until(job, &report, &report.processes_reached, 300 * SBX_NS_PER_MS);
    assert_false(report.processes_reached);
    assert_int_equal(sbx_job_count_processes(job), 7);
    stop(job, pid);

    limits.value[SBX_LIMIT_PROCESSES] = 5;
    job = must_make_job(&limits, false);
    pid = start_in(job, six_threads_worth);
    look_until(job, &report, &report.processes_reached, 5 * SBX_NS_PER_S);
    assert_true(report.processes_reached);
    stop(job, pid);
}

/* In a fresh user namespace: says how many forks were let, and stays. */
static int answer_fd;

static void fork_bomb(const sbx_job *job)
{
    char count = 0;
    pid_t pid = 0;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWUSER) != 0) {
        count = CANNOT;
    } else if (sbx_job_restrict_self(job, NULL) != SBX_OK) {
        count = 99;
    } else {
        for (; count < 60 && (pid = fork()) > 0; count++)
            continue;
        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (errno != EAGAIN)
            count = 98;
    }
    if (write(answer_fd, &count, 1) == 1)
        pause();
    _exit(0);
}

static void test_processes_of_a_user_namespace_are_held_by_the_kernel(void **state)
{
    sbx_limits limits;
    sbx_job_report report = {false, false, false};
    sbx_job *job;
    int ends[2];
    char count = 0;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_PROCESSES] = 8;
    job = must_make_job(&limits, true);
    assert_int_equal(pipe(ends), 0);
    answer_fd = ends[1];
    pid = fork();
    if (pid == 0)
        fork_bomb(job);
    sbx_job_started(job, pid);
    assert_int_equal(read(ends[0], &count, 1), 1);
    close(ends[0]);
    close(ends[1]);
    if (count == CANNOT) {
        const char *must = getenv("SBX_MUST_WORK");

        kill(pid, SIGKILL);
        exit_code_of(pid);
        sbx_job_free(job);
        assert_true(must == NULL || strcmp(must, "1") != 0);
        skip(); /* this host lets no plain user make a user namespace */
    }
    assert_int_equal(count, 8);
    look_until(job, &report, &report.processes_reached, 5 * SBX_NS_PER_S);
    assert_true(report.processes_reached);
    stop(job, pid);
}

static int run_away(void)
{
    for (int i = 0; i < 20; i++) {
        if (fork() == 0) {
            setsid();
            if (fork() != 0)
                _exit(0);
            signal(SIGTERM, SIG_IGN);
            say_ready();
            pause();
            _exit(0);
        }
    }
    while (waitpid(-1, NULL, WNOHANG) >= 0)
        usleep(1000);
    return 0;
}

static void test_kill_gets_what_ran_away(void **state)
{
    sbx_limits limits;
    sbx_job *job;
    char byte;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    job = must_make_job(&limits, false);
    open_ready();
    pid = start_in(job, run_away);
    wait_until_ready(20);
    for (int i = 0; i < 2000 && sbx_job_count_processes(job) != 21; i++)
        usleep(1000); /* those in between are still going */
    assert_int_equal(sbx_job_count_processes(job), 21);
    stop(job, pid);
    /* All held the other end: ended, and not EAGAIN, means that none is left. */
    assert_int_equal(fcntl(ready_ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(ready_ends[0], &byte, 1), 0);
    close(ready_ends[0]);
}

static int write_a_file(void)
{
    static char block[MIB];
    int fd = open("/var/tmp", O_TMPFILE | O_RDWR, 0600);

    if (fd == -1 || write(fd, block, sizeof(block)) != sizeof(block) || fsync(fd) != 0)
        return CANNOT;
    return 0;
}

static int write_from_a_child(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(write_a_file());
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void test_io_of_the_tree_is_read_from_the_first_process(void **state)
{
    sbx_limits limits;
    siginfo_t info;
    sbx_usage usage;
    sbx_job *job;
    struct stat tmp_file_system;
    pid_t pid;
    int code;

    (void)state;
    sbx_limits_init(&limits);
    job = must_make_job(&limits, false);
    pid = start_in(job, write_from_a_child);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    code = exit_code_of(pid);
    if (code == CANNOT || stat("/var/tmp", &tmp_file_system) != 0 ||
        tmp_file_system.st_dev >> 8 == 0) { /* a file system without a disk moves no blocks */
        assert_int_not_equal(usage.io_write_bytes, SBX_UNLIMITED);
    } else {
        assert_true(usage.io_write_bytes >= MIB);
        assert_true(usage.io_write_bytes < 64 * MIB);
    }
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage); /* gone: nothing is said rather than something wrong */
    assert_int_equal(usage.io_write_bytes, SBX_UNLIMITED);
    sbx_job_free(job);
}

static void test_intervals(void **state)
{
    const uint64_t fast = UINT64_C(2) << 30;
    const uint64_t gib = UINT64_C(1) << 30;

    (void)state;
    assert_int_equal(sbx_polled_interval_ns(0, 16 * gib, fast), 100 * SBX_NS_PER_MS);
    assert_int_equal(sbx_polled_interval_ns(8 * gib, 16 * gib, fast), 10 * SBX_NS_PER_MS);
    assert_int_equal(sbx_polled_interval_ns(20 * gib, 16 * gib, fast), 10 * SBX_NS_PER_MS);
    assert_in_range(sbx_polled_interval_ns(4 * gib, 16 * gib, fast), 54 * SBX_NS_PER_MS,
                    56 * SBX_NS_PER_MS);
    /* A small limit is full sooner. */
    assert_in_range(sbx_polled_interval_ns(0, 64 * MIB, fast), 30 * SBX_NS_PER_MS,
                    32 * SBX_NS_PER_MS);
    assert_int_equal(sbx_polled_interval_ns(0, 0, fast), 10 * SBX_NS_PER_MS);
    assert_int_equal(sbx_polled_interval_ns(0, 8, 4000), 10 * SBX_NS_PER_MS);
}

static void become_plain(void)
{
    if (geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID) != 0 ||
         setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID) != 0))
        sbx_test_skip_file("cannot become another user");
    /* Changing the uid took away the right to look into one's own children. */
    if (prctl(PR_SET_DUMPABLE, 1) != 0)
        sbx_test_skip_file("cannot become dumpable again");
}

static bool kill_but_root(const sbx_process *process, void *context)
{
    if (process->pid != getpid())
        kill(process->pid, SIGKILL);
    (void)context;
    return true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_holds_what),
        cmocka_unit_test(test_whole_cpus_by_affinity),
        cmocka_unit_test(test_memory_past_the_limit_is_seen),
        cmocka_unit_test(test_shared_pages_count_once),
        cmocka_unit_test(test_mem_action_fail_leaves_it_to_the_allocation),
        cmocka_unit_test(test_cpu_time_of_the_tree),
        cmocka_unit_test(test_more_processes_than_allowed_are_seen),
        cmocka_unit_test(test_processes_of_a_user_namespace_are_held_by_the_kernel),
        cmocka_unit_test(test_kill_gets_what_ran_away),
        cmocka_unit_test(test_io_of_the_tree_is_read_from_the_first_process),
        cmocka_unit_test(test_intervals),
    };
    int failed_count;

    become_plain();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    failed_count = cmocka_run_group_tests(tests, NULL, NULL);
    while (waitpid(-1, NULL, WNOHANG) >= 0) { /* a test that failed leaves its processes */
        (void)sbx_process_walk(getpid(), kill_but_root, NULL);
        usleep(1000);
    }
    return failed_count != 0;
}
