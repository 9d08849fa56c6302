/* Reading /proc: processes, trees, mountinfo, the caller's cgroups, and names of jobs. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/linux/self.h"
#include "limits/job.h"
#include "limits/linux/cgroup_files.h"
#include "limits/linux/cgroup_place.h"
#include "limits/linux/host.h"
#include "limits/linux/job_name.h"
#include "limits/linux/procfs.h"

static const char stat_tail[] =
    " 1 10 10 0 -1 4194304 5 6 0 0 100 50 20 10 20 0 3 0 777 1000000 25 "
    "18446744073709551615 1 1\n";

static void test_a_name_cannot_confuse_the_reader(void **state)
{
    char text[512];
    sbx_process process;

    (void)state;
    snprintf(text, sizeof(text), "4242 (a) Z 1 (b) S%s", stat_tail);
    assert_true(sbx_process_parse(&process, text));
    assert_int_equal(process.pid, 4242);
    assert_int_equal(process.state, 'S');
    assert_int_equal(process.cpu_ns,
                     180 * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK))); /* own and children's */
    assert_int_equal(process.thread_count, 3);
    assert_int_equal(process.start_ticks, 777);
    assert_int_equal(process.rss_bytes, 25 * (uint64_t)sysconf(_SC_PAGESIZE));
    assert_false(sbx_process_is_dead(&process));
}

static void test_cut_texts_are_not_processes(void **state)
{
    char text[512];
    sbx_process process;
    size_t least;

    (void)state;
    snprintf(text, sizeof(text), "4242 (name) S%s", stat_tail);
    least = (size_t)(strstr(text, " 18446744073709551615") - text) - 2; /* up to " " before 25 */
    for (size_t bytes = 0; bytes <= least; bytes++) {
        char cut[512];

        snprintf(cut, sizeof(cut), "%.*s", (int)bytes, text);
        assert_false(sbx_process_parse(&process, cut));
    }
}

static void test_oneself_and_nobody(void **state)
{
    sbx_process self;
    pid_t gone = fork();

    (void)state;
    if (gone == 0)
        _exit(0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    assert_false(sbx_process_read(&self, gone));
    assert_true(sbx_process_read(&self, getpid()));
    assert_int_equal(self.pid, getpid());
    assert_int_equal(self.start_ticks, sbx_self_look().start_ticks);
    assert_true(self.rss_bytes > 100000);
    assert_int_equal(sbx_process_swap_bytes(gone), 0);
    assert_true(sbx_process_can_walk());
}

static void *fork_in_a_thread(void *unused)
{
    pid_t pid = fork();

    (void)unused;
    if (pid == 0) {
        pause();
        _exit(0);
    }
    pause(); /* the thread stays: its children are listed under it */
    return NULL;
}

/* A process, two children of its first thread, and one of another thread. */
static void make_family(void)
{
    pthread_t thread;

    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            pause();
            _exit(0);
        }
    }
    if (pthread_create(&thread, NULL, fork_in_a_thread, NULL) != 0)
        _exit(1);
    pause();
    _exit(0);
}

typedef struct family {
    int pids[16];
    unsigned count;
    uint64_t thread_count;
} family;

static bool add_member(const sbx_process *process, void *context)
{
    family *seen = context;

    if (seen->count < 16)
        seen->pids[seen->count] = process->pid;
    seen->count++;
    seen->thread_count += process->thread_count;
    return true;
}

static bool stop_at_once(const sbx_process *process, void *context)
{
    (void)process;
    ++*(unsigned *)context;
    return false;
}

static void test_a_tree_has_the_children_of_all_threads(void **state)
{
    family seen = {.count = 0};
    unsigned visited_count = 0;
    pid_t pid = fork();

    (void)state;
    assert_int_not_equal(pid, -1);
    if (pid == 0)
        make_family();
    for (int i = 0; i < 2000 && seen.count != 4; i++) {
        usleep(1000);
        seen = (family){.count = 0};
        assert_true(sbx_process_walk(pid, add_member, &seen));
    }
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.thread_count, 5);
    assert_int_equal(seen.pids[0], pid);
    assert_true(sbx_process_walk(pid, stop_at_once, &visited_count));
    assert_int_equal(visited_count, 1);
    for (unsigned i = 0; i < seen.count; i++)
        kill(seen.pids[i], SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    seen.count = 0;
    assert_true(sbx_process_walk(pid, add_member, &seen)); /* a vanished root is an empty tree */
    assert_int_equal(seen.count, 0);
}

static bool find(char out[256], const char *mountinfo, const char *controllers,
                 const char *own_path)
{
    char text[2048];

    snprintf(text, sizeof(text), "%s", mountinfo);
    out[0] = '\0';
    return sbx_mountinfo_find(out, 256, text, controllers, own_path);
}

static void test_mountinfo(void **state)
{
    static const char text[] =
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 0:26 / /sys/fs/cgroup/cpu\\040and\\040more rw shared:9 master:2 - cgroup cgroup "
        "rw,cpuacct,cpu\n"
        "31 22 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        "32 22 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "33 22 garbage\n"
        "34 22 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
    char out[256];

    (void)state;
    assert_true(find(out, text, "cpu,cpuacct", "/a/b"));
    assert_string_equal(out, "/sys/fs/cgroup/cpu and more/a/b");
    assert_true(find(out, text, "memory", "/docker/abc/in"));
    assert_string_equal(out, "/sys/fs/cgroup/memory/in");
    assert_true(find(out, text, "memory", "/docker/abc"));
    assert_string_equal(out, "/sys/fs/cgroup/memory");
    assert_false(find(out, text, "memory", "/docker/abcdef")); /* not below what is mounted */
    assert_false(find(out, text, "memory", "/"));
    assert_true(find(out, text, "", "/"));
    assert_string_equal(out, "/sys/fs/cgroup/unified");
    assert_true(find(out, text, "pids", "/"));
    assert_string_equal(out, "/sys/fs/cgroup/pids");
    assert_false(find(out, text, "cpuset", "/"));
    assert_false(find(out, "", "pids", "/"));
}

static void test_the_callers_groups(void **state)
{
    static const char text[] = "9:name=systemd:/x\n4:cpu,cpuacct:/a:b\n3:cpuset:/\n"
                               "2:memory:/../outside\n0::/v2\n";
    sbx_cgroup_calls real = sbx_cgroup_os;
    char path[] = "/tmp/sbx-test-procfs-XXXXXX";
    sbx_cgroup_place place;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    sbx_cgroup_os.own_groups = path;
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    sbx_cgroup_os = real;
    assert_int_equal(unlink(path), 0);
    assert_string_equal(place.lines[SBX_CGROUP_UNIFIED].path, "/v2");
    assert_string_equal(place.lines[SBX_CGROUP_CPU].path, "/a:b");
    assert_int_equal(place.lines[SBX_CGROUP_CPU].hierarchy, 4);
    assert_int_equal(place.lines[SBX_CGROUP_CPUACCT].hierarchy, 4);
    assert_int_equal(place.lines[SBX_CGROUP_PIDS].hierarchy, -1);
    assert_int_equal(place.lines[SBX_CGROUP_MEMORY].hierarchy, -1); /* outside of the namespace */
    assert_int_equal(sbx_cgroup_place_open(&place, SBX_CGROUP_PIDS, NULL), -ENOENT);
}

static void test_names_of_jobs(void **state)
{
    char name[SBX_JOB_NAME_BYTES], other[SBX_JOB_NAME_BYTES], group[SBX_CGROUP_NAME_BYTES];
    static const char *const not_ours[] = {"",
                                           "sbx-",
                                           "sbx-1",
                                           "sbx-1-2-3",
                                           "sbx-1-2-3-",
                                           "sbx-1-2-3-0123456789abcde",
                                           "sbx-1-2-3-0123456789abcdefa",
                                           "sbx-1-2-3-0123456789abcdeg",
                                           "sbx-0-2-3-0123456789abcdef",
                                           "xsbx-1-2-3-0123456789abcdef",
                                           "sbx--2-3-0123456789abcdef",
                                           "sbx-99999999999-2-3-0123456789abcdef"};
    struct rlimit files;
    sbx_job_owner owner;
    bool is_gone;
    pid_t gone = fork();

    (void)state;
    if (gone == 0)
        _exit(0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    assert_int_equal(sbx_job_name(name, NULL), SBX_OK);
    assert_int_equal(sbx_job_name(other, NULL), SBX_OK);
    assert_string_not_equal(name, other);
    snprintf(group, sizeof(group), "sbx-%s", name);
    assert_true(sbx_job_owner_parse(&owner, group));
    assert_int_equal(owner.pid, getpid());
    assert_false(sbx_job_owner_is_gone(&owner, owner.pid_namespace));
    /* No descriptor is left to look at it with: that is nobody's death. */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, files.rlim_max}), 0);
    is_gone = sbx_job_owner_is_gone(&owner, owner.pid_namespace);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_false(is_gone);
    owner.start_ticks++; /* the number has passed on to another process */
    assert_true(sbx_job_owner_is_gone(&owner, owner.pid_namespace));
    owner.pid = gone;
    assert_true(sbx_job_owner_is_gone(&owner, owner.pid_namespace));
    assert_false(sbx_job_owner_is_gone(&owner, owner.pid_namespace + 1)); /* not ours to judge */
    for (size_t i = 0; i < SBX_COUNT_OF(not_ours); i++)
        assert_false(sbx_job_owner_parse(&owner, not_ours[i]));
}

static void test_numbers(void **state)
{
    uint64_t value = 1;
    const char *end;

    (void)state;
    assert_true(sbx_cgroup_parse_number(&value, "max\n", NULL));
    assert_true(value == SBX_UNLIMITED);
    assert_true(sbx_cgroup_parse_number(&value, "18446744073709551615 x", &end));
    assert_true(value == UINT64_MAX);
    assert_string_equal(end, " x");
    assert_false(sbx_cgroup_parse_number(&value, "18446744073709551616", NULL));
    assert_false(sbx_cgroup_parse_number(&value, "-1", NULL));
    assert_false(sbx_cgroup_parse_number(&value, "", NULL));
    assert_int_equal(sbx_host_cpu_quota(500).quota_us, 50000);
    assert_int_equal(sbx_host_cpu_quota(500).period_us, 100000);
    assert_int_equal(sbx_host_cpu_quota(1).quota_us, 1000); /* the kernel's least */
    assert_int_equal(sbx_host_cpu_quota(1).period_us, 1000000);
    assert_int_equal(sbx_host_cpu_deadline_ns(5, 100, 100, 7), 12);
    assert_true(sbx_host_cpu_deadline_ns(5, 0, UINT64_MAX, 7) > UINT64_MAX / 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_cannot_confuse_the_reader),
        cmocka_unit_test(test_cut_texts_are_not_processes),
        cmocka_unit_test(test_oneself_and_nobody),
        cmocka_unit_test(test_a_tree_has_the_children_of_all_threads),
        cmocka_unit_test(test_mountinfo),
        cmocka_unit_test(test_the_callers_groups),
        cmocka_unit_test(test_names_of_jobs),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
