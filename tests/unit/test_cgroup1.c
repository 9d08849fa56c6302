/*
 * The limits of the cgroup v1 backend, as root on a host with v1 controllers against the kernel, below
 * the group that this program is in; for everybody against directories that stand in for the kernel's.
 */
#include "tests/unit/cgroup1_rig.h"

static int touch(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < bytes; i += 4096)
        memory[i] = 1;
    return 0;
}

static int hog(void)
{
    return touch(200 * MIB);
}

static int eat_a_little(void)
{
    return touch(16 * MIB);
}

static int eight_eaters(void)
{
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            touch(30 * MIB);
            pause();
            _exit(0);
        }
    }
    pause();
    return 0;
}

/* As the runner does: when the event says so, and then for as long as the job asks for it. */
static void wait_for_memory(sbx_job *job)
{
    struct pollfd event = {.fd = sbx_job_event_fd(job), .events = POLLIN};
    uint64_t end_ns = sbx_clock_monotonic_ns() + 5 * SBX_NS_PER_S;
    sbx_job_report report;

    assert_int_equal(poll(&event, 1, 10000), 1);
    sbx_job_check(job, sbx_clock_monotonic_ns(), &report);
    while (!report.memory_reached && sbx_clock_monotonic_ns() < end_ns) {
        assert_int_not_equal(sbx_job_next_check_ns(job), SBX_UNLIMITED);
        usleep(2000);
        sbx_job_check(job, sbx_clock_monotonic_ns(), &report);
    }
    assert_true(report.memory_reached);
}

static void test_memory_hog_is_killed_and_said_so(void **state)
{
    sbx_limits limits;
    sbx_usage usage;
    sbx_job *job;
    struct pollfd event = {.events = POLLIN};
    pid_t pid;
    int status;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    job = must_make_job(&limits);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_MEMORY), SBX_ENFORCER_CGROUP1);
    event.fd = sbx_job_event_fd(job);
    assert_true(event.fd >= 0);
    assert_int_equal(poll(&event, 1, 0), 0);
    pid = start_in(job, hog);
    wait_for_memory(job);
    status = wait_for(pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_in_range(usage.memory_peak_bytes, 63 * MIB, 64 * MIB);
    free_job(job);
}

static void test_memory_counts_the_whole_tree(void **state)
{
    sbx_limits limits;
    sbx_job *job;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    job = must_make_job(&limits);
    pid = start_in(job, eight_eaters);
    wait_for_memory(job);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, NULL), SBX_OK);
    wait_for(pid);
    free_job(job);
}

static void test_less_than_the_limit_reaches_nothing(void **state)
{
    sbx_limits limits;
    sbx_job_report report;
    sbx_usage usage;
    sbx_sample sample;
    sbx_job *job;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    limits.value[SBX_LIMIT_PROCESSES] = 16;
    limits.value[SBX_LIMIT_CPU] = 10 * SBX_NS_PER_S;
    job = must_make_job(&limits);
    assert_int_equal(wait_for(start_in(job, eat_a_little)), 0);
    sbx_job_check(job, sbx_clock_monotonic_ns(), &report);
    assert_false(report.memory_reached || report.processes_reached || report.cpu_reached);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_in_range(usage.memory_peak_bytes, 16 * MIB, 24 * MIB);
    sbx_job_sample(job, &sample);
    assert_true(sample.memory_bytes < 8 * MIB); /* it has ended; the peak is another number */
    assert_int_equal(sample.processes_count, 0);
    assert_int_equal(sample.cpu_ns, sbx_usage_cpu_ns(&usage));
    assert_true(sbx_usage_cpu_ns(&usage) > 0);
    assert_true(sbx_usage_cpu_ns(&usage) < SBX_NS_PER_S);
    free_job(job);
}

static void test_swap_is_counted_with_memory(void **state)
{
    sbx_limits limits;
    sbx_job *job;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    job = must_make_job(&limits);
    assert_int_equal(group_number(SBX_CGROUP1_MEMORY, "memory.limit_in_bytes"), 64 * MIB);
    assert_int_equal(group_number(SBX_CGROUP1_MEMORY, "memory.memsw.limit_in_bytes"), 64 * MIB);
    free_job(job);

    limits.value[SBX_LIMIT_SWAP] = 32 * MIB;
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB + 100; /* no whole page */
    job = must_make_job(&limits);
    assert_int_equal(group_number(SBX_CGROUP1_MEMORY, "memory.limit_in_bytes"), 64 * MIB);
    assert_int_equal(group_number(SBX_CGROUP1_MEMORY, "memory.memsw.limit_in_bytes"), 96 * MIB);
    free_job(job);
}

/* Forks until it is refused; says how often it was let. */
static int fork_bomb(void)
{
    for (int count = 0; count < 60; count++) {
        pid_t pid = fork();

        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid == -1)
            return errno == EAGAIN ? count : 98;
    }
    return 97;
}

static void test_fork_bomb_is_held(void **state)
{
    sbx_limits limits;
    sbx_job_report report;
    sbx_usage usage;
    sbx_job *job;
    int status;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_PROCESSES] = 16;
    job = must_make_job(&limits);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_PROCESSES), SBX_ENFORCER_CGROUP1);
    status = wait_for(start_in(job, fork_bomb));
    assert_true(WIFEXITED(status));
    /* The first process stands for the job's init; 16 more are the command's. */
    assert_int_equal(WEXITSTATUS(status), 16);
    sbx_job_check(job, sbx_clock_monotonic_ns(), &report);
    assert_true(report.processes_reached);
    assert_int_equal(sbx_job_count_processes(job), 16);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_int_equal(usage.processes_peak_count, 16);
    free_job(job);
}

static int burn_with_two(void)
{
    volatile unsigned sum = 0;

    (void)fork();
    while (getpid() > 0)
        sum++;
    return (int)sum;
}

/* CPU seconds per second of the job over 1.5 s. */
static double measure_rate(sbx_job *job)
{
    uint64_t start_ns, end_ns, start_used, end_used;

    usleep(200 * 1000);
    start_used = sbx_job_cpu_now_ns(job);
    start_ns = sbx_clock_monotonic_ns();
    usleep(1500 * 1000);
    end_used = sbx_job_cpu_now_ns(job);
    end_ns = sbx_clock_monotonic_ns();
    return (double)(end_used - start_used) / (double)(end_ns - start_ns);
}

/* In which part of the periods the kernel had to hold the job back. */
static double throttled_part(void)
{
    char path[SBX_CGROUP_NAME_BYTES + 16];
    sbx_cgroup_place place;
    uint64_t period_count = 0;
    uint64_t throttled_count = 0;
    int own_fd;

    snprintf(path, sizeof(path), "sbx-%s/cpu.stat", job_name);
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    own_fd = sbx_cgroup_place_open(&place, SBX_CGROUP_CPU, NULL);
    assert_int_equal(sbx_cgroup_read_key(&period_count, own_fd, path, "nr_periods"), 0);
    assert_int_equal(sbx_cgroup_read_key(&throttled_count, own_fd, path, "nr_throttled"), 0);
    close(own_fd);
    assert_true(period_count > 10);
    return (double)throttled_count / (double)period_count;
}

static void test_half_a_cpu_is_held_within_five_percent(void **state)
{
    sbx_limits limits;
    sbx_job *job;
    double rate = 0;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_CPUS] = 500;
    job = must_make_job(&limits);
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_CPUS), SBX_ENFORCER_CGROUP1);
    pid = start_in(job, burn_with_two);
    for (int attempt = 0; attempt < 3 && rate < 0.475; attempt++) {
        rate = measure_rate(job);
        assert_true(rate <= 0.525); /* nothing may let it above */
    }
    /* A host that is busy otherwise can keep it below; the limit itself may not. */
    assert_true(rate >= 0.475 || throttled_part() < 0.9);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, NULL), SBX_OK);
    wait_for(pid);
    free_job(job);
}

static void test_cpu_time_is_reached_in_time(void **state)
{
    sbx_limits limits;
    sbx_job_report report = {false, false, false};
    sbx_job *job;
    unsigned check_count = 0;
    uint64_t used_ns;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_CPU] = 300 * SBX_NS_PER_MS;
    job = must_make_job(&limits);
    pid = start_in(job, burn_with_two);
    while (!report.cpu_reached && check_count < 1000) {
        uint64_t now_ns = sbx_clock_monotonic_ns();
        uint64_t next_ns = sbx_job_next_check_ns(job);

        assert_int_not_equal(next_ns, SBX_UNLIMITED);
        if (next_ns > now_ns)
            usleep((useconds_t)((next_ns - now_ns) / 1000));
        sbx_job_check(job, sbx_clock_monotonic_ns(), &report);
        check_count++;
    }
    assert_true(report.cpu_reached);
    used_ns = sbx_job_cpu_now_ns(job);
    assert_in_range(used_ns, 300 * SBX_NS_PER_MS, 400 * SBX_NS_PER_MS);
    assert_true(check_count < 60); /* it waits, it does not spin */
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, NULL), SBX_OK);
    wait_for(pid);
    free_job(job);
}

/* ---- without the kernel ---- */

static char fake_root[64];
static char fake_own_groups[96];
static unsigned fake_directory_count;

static void put_file(int dir_fd, const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *const fake_files[] = {
    "tasks",        "cgroup.procs",     "pids.max",         "cpuacct.usage",
    "cpuacct.stat", "cpu.cfs_quota_us", "cpu.cfs_period_us"};

static int fake_make_directory(int dir_fd, const char *name, mode_t mode)
{
    int fd;

    if (mkdirat(dir_fd, name, mode) != 0)
        return -1;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < SBX_COUNT_OF(fake_files); i++)
        put_file(fd, fake_files[i], "");
    close(fd);
    fake_directory_count++;
    return 0;
}

static int fake_remove_directory(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY);

    if (fd == -1)
        return -1;
    for (size_t i = 0; i < SBX_COUNT_OF(fake_files); i++)
        (void)unlinkat(fd, fake_files[i], 0);
    close(fd);
    return unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static void test_controllers_mounted_together_share_a_group(void **state)
{
    static const char *const directories[] = {"pids", "cpu,cpuacct"};
    sbx_job_options options = {.name = "together", .choice = SBX_JOB_CGROUP1};
    sbx_cgroup_calls real = sbx_cgroup_os;
    sbx_job *job = NULL;
    sbx_limits limits;
    sbx_error err;
    char text[32];
    int root_fd;

    (void)state;
    memset(&err, 0, sizeof(err));
    snprintf(fake_root, sizeof(fake_root), "/tmp/sbx-test-cgroup1-XXXXXX");
    assert_non_null(mkdtemp(fake_root));
    root_fd = open(fake_root, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < SBX_COUNT_OF(directories); i++)
        assert_int_equal(mkdirat(root_fd, directories[i], 0755), 0);
    assert_int_equal(symlinkat("cpu,cpuacct", root_fd, "cpu"), 0);
    assert_int_equal(symlinkat("cpu,cpuacct", root_fd, "cpuacct"), 0);
    put_file(root_fd, "own", "7:pids:/\n4:cpu,cpuacct:/\n0::/\n");
    snprintf(fake_own_groups, sizeof(fake_own_groups), "%s/own", fake_root);
    sbx_cgroup_os =
        (sbx_cgroup_calls){fake_make_directory, fake_remove_directory, write, fake_own_groups, NULL};
    options.cgroup_root = fake_root;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_CPUS] = 5;
    limits.value[SBX_LIMIT_PROCESSES] = 16;
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_OK);
    assert_int_equal(fake_directory_count, 2); /* pids, and one for both of cpu and cpuacct */
    assert_true(sbx_cgroup_read_text(root_fd, "pids/sbx-together/pids.max", text, sizeof(text)) >
                0);
    assert_string_equal(text, "17\n");
    assert_true(
        sbx_cgroup_read_text(root_fd, "cpu/sbx-together/cpu.cfs_quota_us", text, sizeof(text)) > 0);
    assert_string_equal(text, "5000\n"); /* 0.005 of a period of one second */
    sbx_job_free(job);
    assert_int_equal(faccessat(root_fd, "pids/sbx-together", F_OK, 0), -1);
    assert_int_equal(faccessat(root_fd, "cpu/sbx-together", F_OK, 0), -1);

    /* There is no memory controller: asked for, it is a refusal that says so. */
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "memory"));
    sbx_cgroup_os = real;
    for (size_t i = 0; i < SBX_COUNT_OF(directories); i++)
        assert_int_equal(unlinkat(root_fd, directories[i], AT_REMOVEDIR), 0);
    (void)unlinkat(root_fd, "cpu", 0);
    (void)unlinkat(root_fd, "cpuacct", 0);
    (void)unlinkat(root_fd, "own", 0);
    close(root_fd);
    assert_int_equal(rmdir(fake_root), 0);
}

static int run_as_root(void)
{
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test(test_memory_hog_is_killed_and_said_so),
        cmocka_unit_test(test_memory_counts_the_whole_tree),
        cmocka_unit_test(test_less_than_the_limit_reaches_nothing),
        cmocka_unit_test(test_swap_is_counted_with_memory),
        cmocka_unit_test(test_fork_bomb_is_held),
        cmocka_unit_test(test_half_a_cpu_is_held_within_five_percent),
        cmocka_unit_test(test_cpu_time_is_reached_in_time),
    };

    return cmocka_run_group_tests(as_root, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest everywhere[] = {
        cmocka_unit_test(test_controllers_mounted_together_share_a_group),
    };
    int failed_count = cmocka_run_group_tests(everywhere, NULL, NULL);

    if (has_v1())
        failed_count += run_apart(run_as_root);
    else
        print_message(
            "cgroup v1: not root or no v1 controllers here; the kernel's own part is left\n");
    return failed_count != 0;
}
