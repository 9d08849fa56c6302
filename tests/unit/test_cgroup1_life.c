/*
 * The end of a cgroup v1 job: killing, sweeping after a killed owner, and failures half way. As root on
 * a host with v1 controllers; there is nothing in it for anybody else.
 */
#include "tests/unit/cgroup1_rig.h"

static int run_away(void)
{
    for (int i = 0; i < 100; i++) {
        if (fork() == 0) {
            setsid();
            if (fork() != 0)
                _exit(0);
            signal(SIGTERM, SIG_IGN);
            pause();
            _exit(0);
        }
    }
    return 0;
}

static void test_kill_gets_what_ran_away(void **state)
{
    sbx_limits limits;
    sbx_job *job;
    uint64_t started_ns;

    (void)state;
    sbx_limits_init(&limits);
    job = must_make_job(&limits);
    assert_int_equal(wait_for(start_in(job, run_away)), 0);
    assert_true(sbx_job_count_processes(job) >= 64); /* more than one batch */
    started_ns = sbx_clock_monotonic_ns();
    free_job(job);
    assert_true(sbx_clock_monotonic_ns() - started_ns < 5 * SBX_NS_PER_S);
}

/* The command makes a group in its own and puts a process there. */
static void test_groups_inside_of_the_job_go_with_it(void **state)
{
    char group[SBX_CGROUP_NAME_BYTES + 16];
    sbx_cgroup_place place;
    sbx_limits limits;
    sbx_job *job;
    int own_fd, inner_fd;
    char text[16];
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    job = must_make_job(&limits);
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    own_fd = sbx_cgroup_place_open(&place, SBX_CGROUP_MEMORY, NULL);
    snprintf(group, sizeof(group), "sbx-%s/inner", job_name);
    assert_int_equal(mkdirat(own_fd, group, 0755), 0);
    inner_fd = openat(own_fd, group, O_RDONLY | O_DIRECTORY);
    pid = start_in(job, (int (*)(void))pause);
    snprintf(text, sizeof(text), "%d", (int)pid);
    while (sbx_job_count_processes(job) != 1) /* not before it has entered by itself */
        usleep(1000);
    assert_int_equal(sbx_cgroup_write_text(inner_fd, "cgroup.procs", text), 0);
    assert_int_equal(sbx_job_count_processes(job), 0);
    close(inner_fd);
    close(own_fd);
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, NULL), SBX_OK);
    assert_true(WIFSIGNALED(wait_for(pid)));
    free_job(job);
}

/* A supervisor that is killed: says its job's name, leaves one process in it, and waits. */
static pid_t start_supervisor(char *out_name, int *out_orphan_pid)
{
    struct {
        char name[SBX_JOB_NAME_BYTES];
        int orphan_pid;
    } answer;
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        sbx_job_options options = {.name = answer.name, .choice = SBX_JOB_CGROUP1};
        sbx_limits limits;
        sbx_job *job;

        sbx_limits_init(&limits);
        if (sbx_job_name(answer.name, NULL) != SBX_OK ||
            sbx_job_create(&job, &limits, &options, NULL) != SBX_OK)
            _exit(1);
        answer.orphan_pid = fork();
        if (answer.orphan_pid == 0) {
            (void)!sbx_job_enter(job, NULL);
            pause();
            _exit(0);
        }
        while (sbx_job_count_processes(job) != 1)
            usleep(1000);
        if (write(ends[1], &answer, sizeof(answer)) == sizeof(answer))
            pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &answer, sizeof(answer)), sizeof(answer));
    close(ends[0]);
    close(ends[1]);
    memcpy(out_name, answer.name, sizeof(answer.name));
    *out_orphan_pid = answer.orphan_pid;
    return pid;
}

static void test_sweep_takes_the_dead_and_leaves_the_living(void **state)
{
    char dead[SBX_JOB_NAME_BYTES], living[SBX_JOB_NAME_BYTES];
    int dead_orphan, living_orphan;
    pid_t dead_pid = start_supervisor(dead, &dead_orphan);
    pid_t living_pid = start_supervisor(living, &living_orphan);

    (void)state;
    kill(dead_pid, SIGKILL);
    wait_for(dead_pid);
    assert_true(group_is_there(SBX_CGROUP1_MEMORY, dead));
    assert_true(group_is_there(SBX_CGROUP1_PIDS, dead));
    assert_true(group_is_there(SBX_CGROUP1_CPUACCT, dead));
    assert_int_equal(sbx_job_sweep(NULL), 1);
    assert_nothing_left(dead);
    assert_true(group_is_there(SBX_CGROUP1_MEMORY, living));
    assert_true(group_is_there(SBX_CGROUP1_PIDS, living));
    assert_int_equal(kill(living_orphan, 0), 0);

    kill(living_pid, SIGKILL);
    wait_for(living_pid);
    assert_int_equal(sbx_job_sweep(NULL), 1);
    assert_nothing_left(living);
    assert_int_equal(sbx_job_sweep(NULL), 0);
}

/* Who says what is its own is told of the others all the same, and of nothing where there are none. */
static void test_sweep_beside_a_job_of_ours(void **state)
{
    sbx_limits limits;
    char dead[SBX_JOB_NAME_BYTES], own[SBX_JOB_NAME_BYTES];
    sbx_job_options options = {.name = own, .choice = SBX_JOB_CGROUP1},
                    without_group = {.name = own, .choice = SBX_JOB_POLLED};
    int orphan;
    sbx_error err;
    sbx_job *job = NULL, *polled = NULL;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    assert_int_equal(sbx_job_name(own, &err), SBX_OK);
    assert_int_equal(sbx_job_create(&job, &limits, &options, &err), SBX_OK);
    assert_int_equal(sbx_job_sweep(job), 0);
    pid = start_supervisor(dead, &orphan);
    kill(pid, SIGKILL);
    wait_for(pid);
    assert_int_equal(sbx_job_create(&polled, &limits, &without_group, &err), SBX_OK);
    assert_int_equal(sbx_job_sweep(polled), 0); /* no group, no look */
    sbx_job_free(polled);
    assert_int_equal(sbx_job_sweep(job), 1);
    assert_nothing_left(dead);
    assert_true(group_is_there(SBX_CGROUP1_MEMORY, own));
    assert_int_equal(sbx_job_sweep(job), 0);
    sbx_job_free(job);
    assert_nothing_left(own);
}

/* The job was made by a session whose other groups are somewhere else, or one of them was busy when they went. */
static void sweep_finds_one_in(sbx_cgroup_controller controller)
{
    char name[SBX_JOB_NAME_BYTES], group[SBX_CGROUP_NAME_BYTES];
    sbx_cgroup_place place;
    sbx_job_owner self;
    pid_t gone = fork();
    int own_fd;

    if (gone == 0)
        _exit(0);
    wait_for(gone);
    assert_true(sbx_job_owner_self(&self));
    snprintf(name, sizeof(name), "%d-1-%llu-0123456789abcdef", (int)gone,
             (unsigned long long)self.pid_namespace);
    snprintf(group, sizeof(group), "sbx-%s", name);
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    own_fd = sbx_cgroup_place_open(&place, controller, NULL);
    assert_int_equal(mkdirat(own_fd, group, 0755), 0);
    close(own_fd);
    assert_int_equal(sbx_job_sweep(NULL), 1);
    assert_nothing_left(name);
}

static void test_sweep_finds_one_group_of_a_job(void **state)
{
    (void)state;
    sweep_finds_one_in(SBX_CGROUP_PIDS);
    sweep_finds_one_in(SBX_CGROUP_CPUACCT);
}

static void test_sweep_does_not_judge_other_pid_namespaces(void **state)
{
    /* A pid that cannot be alive, in a namespace that is not ours. */
    static const char name[] = "4194303-1-1-0123456789abcdef";
    char group[SBX_CGROUP_NAME_BYTES];
    sbx_cgroup_place place;
    int own_fd;

    (void)state;
    snprintf(group, sizeof(group), "sbx-%s", name);
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    own_fd = sbx_cgroup_place_open(&place, SBX_CGROUP_MEMORY, NULL);
    assert_true(own_fd >= 0);
    assert_int_equal(mkdirat(own_fd, group, 0755), 0);
    assert_int_equal(sbx_job_sweep(NULL), 0);
    assert_true(group_is_there(SBX_CGROUP1_MEMORY, name));
    assert_int_equal(unlinkat(own_fd, group, AT_REMOVEDIR), 0);
    close(own_fd);
}

/* Calls that fail at the n-th. */
static int calls_until_failure;

static bool fails_now(void)
{
    return calls_until_failure > 0 && --calls_until_failure == 0;
}

static int failing_make_directory(int dir_fd, const char *name, mode_t mode)
{
    if (fails_now()) {
        errno = ENOSPC;
        return -1;
    }
    return mkdirat(dir_fd, name, mode);
}

static ssize_t failing_write(int fd, const void *data, size_t bytes)
{
    if (fails_now()) {
        errno = EIO;
        return -1;
    }
    return write(fd, data, bytes);
}

static int made_count;

static int refusing_make_directory(int dir_fd, const char *name, mode_t mode)
{
    (void)dir_fd;
    (void)name;
    (void)mode;
    made_count++;
    errno = EACCES;
    return -1;
}

/* Who may make no group at all is not asked again with less to hold: that is on the way of each launch. */
static void test_impossible_is_asked_once(void **state)
{
    enum { HIERARCHIES = 3 }; /* memory, pids, cpuacct; cpu where a rate is asked for */
    sbx_cgroup_calls real = sbx_cgroup_os;
    char name[SBX_JOB_NAME_BYTES];
    sbx_job_options options = {.name = name};
    sbx_limits limits;
    sbx_job *job = NULL;
    sbx_error err;
    sbx_status st;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    assert_int_equal(sbx_job_name(name, &err), SBX_OK);
    made_count = 0;
    sbx_cgroup_os.make_directory = refusing_make_directory;
    st = sbx_job_create(&job, &limits, &options, &err);
    sbx_cgroup_os = real;
    assert_int_equal(st, SBX_OK); /* polled */
    assert_int_equal(sbx_job_enforcer(job, SBX_LIMIT_MEMORY), SBX_ENFORCER_POLLED);
    assert_true(made_count > 0 && made_count <= HIERARCHIES);
    sbx_job_free(job);
}

static void test_any_failed_call_leaves_nothing(void **state)
{
    sbx_cgroup_calls real = sbx_cgroup_os;
    unsigned refused_count = 0;
    sbx_limits limits;

    (void)state;
    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    limits.value[SBX_LIMIT_PROCESSES] = 16;
    limits.value[SBX_LIMIT_CPUS] = 500;
    limits.value[SBX_LIMIT_CPU] = SBX_NS_PER_S;
    for (int n = 1; n < 64; n++) {
        sbx_job *job = NULL;
        sbx_error err;
        sbx_status st;
        bool was_reached;

        memset(&err, 0, sizeof(err));
        sbx_cgroup_os.make_directory = failing_make_directory;
        sbx_cgroup_os.write = failing_write;
        calls_until_failure = n;
        st = make_job(&job, &limits, &err);
        was_reached = calls_until_failure == 0;
        calls_until_failure = 0;
        sbx_cgroup_os = real;
        if (st == SBX_OK) { /* the wake-up may fail: then the job is looked at */
            sbx_job_started(job, getpid());
            assert_int_not_equal(sbx_job_next_check_ns(job), SBX_UNLIMITED);
            sbx_job_free(job);
        } else {
            refused_count++;
            assert_int_equal(err.step, SBX_STEP_JOB);
            assert_true(err.message[0] != '\0');
        }
        assert_nothing_left(job_name);
        if (!was_reached)
            break;
        assert_int_not_equal(n, 63);
    }
    assert_true(refused_count >= 8); /* four directories, five numbers */
}

static int run_as_root(void)
{
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test(test_kill_gets_what_ran_away),
        cmocka_unit_test(test_groups_inside_of_the_job_go_with_it),
        cmocka_unit_test(test_sweep_takes_the_dead_and_leaves_the_living),
        cmocka_unit_test(test_sweep_beside_a_job_of_ours),
        cmocka_unit_test(test_sweep_finds_one_group_of_a_job),
        cmocka_unit_test(test_sweep_does_not_judge_other_pid_namespaces),
        cmocka_unit_test(test_impossible_is_asked_once),
        cmocka_unit_test(test_any_failed_call_leaves_nothing),
    };

    return cmocka_run_group_tests(as_root, NULL, NULL);
}

int main(void)
{
    if (has_v1())
        return run_apart(run_as_root);
    print_message("cgroup v1: not root or no v1 controllers here; the kernel's own part is left\n");
    return 0;
}
