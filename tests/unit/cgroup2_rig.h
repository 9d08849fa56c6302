/*
 * Directories that stand in for cgroup v2: root/user is delegated and has its controllers on, root/user/leaf is
 * where the caller is. For tests/unit/test_cgroup2*.c.
 */
#ifndef SBX_TESTS_UNIT_CGROUP2_RIG_H
#define SBX_TESTS_UNIT_CGROUP2_RIG_H

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/job.h"
#include "limits/linux/cgroup_files.h"

enum { MIB = 1 << 20 };

/* A file and what stands in it when the group is made; NULL: not there. */
typedef struct fake_file {
    const char *name, *text;
} fake_file;

static const fake_file usual_files[] = {
    {"cgroup.procs", ""},
    {"cgroup.type", "domain\n"},
    {"cgroup.controllers", "cpu io memory pids\n"},
    {"cgroup.subtree_control", ""},
    {"cgroup.kill", ""},
    {"cgroup.events", "populated 0\nfrozen 0\n"},
    {"memory.max", ""},
    {"memory.swap.max", ""},
    {"memory.oom.group", "0"},
    {"memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"},
    {"memory.peak", "5242880\n"},
    {"memory.current", "1048576\n"},
    {"pids.max", ""},
    {"pids.events", "max 0\n"},
    {"pids.peak", "17\n"},
    {"pids.current", "4\n"},
    {"cpu.max", ""},
    {"cpu.stat", "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\n"},
    {"io.stat",
     "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2\n8:16 rbytes=1 wbytes=2 rios=0 wios=0\n"},
};

static char root[64];
static char own_groups[96];
static int root_fd = -1;
static const char *missing_file; /* not made in a new group */
static const char *ignored_file; /* a write to it does nothing */
static const char *busy_file;    /* a write to it is refused */
static const char *delegated;    /* the group that systemd's mark is on; NULL: none */
static char written[4096];       /* everything that was written, one line each */
static sbx_cgroup_calls real_calls;

static inline void put_file(int dir_fd, const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline int fake_make_directory(int dir_fd, const char *name, mode_t mode)
{
    int fd;

    if (mkdirat(dir_fd, name, mode) != 0)
        return -1;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < SBX_COUNT_OF(usual_files); i++) {
        if (missing_file == NULL || strcmp(missing_file, usual_files[i].name) != 0)
            put_file(fd, usual_files[i].name, usual_files[i].text);
    }
    close(fd);
    return 0;
}

static inline int fake_remove_directory(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY);

    if (fd == -1)
        return -1;
    for (size_t i = 0; i < SBX_COUNT_OF(usual_files); i++)
        (void)unlinkat(fd, usual_files[i].name, 0);
    close(fd);
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
        return 0;
    if (errno == ENOTEMPTY) /* the kernel's word for a group with groups in it */
        errno = EBUSY;
    return -1;
}

static inline void path_of(char *out, size_t bytes, int fd)
{
    char link[64];
    ssize_t got;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    got = readlink(link, out, bytes - 1);
    out[got > 0 ? got : 0] = '\0';
}

static inline bool fake_is_delegated(int fd)
{
    char path[512];

    path_of(path, sizeof(path), fd);
    return delegated != NULL && strcmp(strrchr(path, '/') + 1, delegated) == 0;
}

static inline ssize_t fake_write(int fd, const void *data, size_t bytes)
{
    char path[512];
    size_t length = strlen(written);

    path_of(path, sizeof(path), fd);
    snprintf(written + length, sizeof(written) - length, "%s %.*s\n", strrchr(path, '/') + 1,
             (int)strcspn(data, "\n"), (const char *)data);
    if (strstr(path, "supervisor/cgroup.procs") != NULL) /* moving oneself is seen in /proc */
        put_file(root_fd, "own", "0::/user/supervisor\n");
    if (busy_file != NULL && strcmp(busy_file, strrchr(path, '/') + 1) == 0) {
        errno = EBUSY;
        return -1;
    }
    if (ignored_file != NULL && strcmp(ignored_file, strrchr(path, '/') + 1) == 0)
        return (ssize_t)bytes;
    return write(fd, data, bytes);
}

static inline int set_up(void **state)
{
    int fd;

    (void)state;
    snprintf(root, sizeof(root), "/tmp/sbx-test-cgroup2-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    root_fd = open(root, O_RDONLY | O_DIRECTORY);
    missing_file = ignored_file = busy_file = NULL;
    delegated = "user";
    written[0] = '\0';
    put_file(root_fd, "cgroup.controllers", "cpuset cpu io memory pids\n");
    put_file(root_fd, "own", "0::/user/leaf\n");
    snprintf(own_groups, sizeof(own_groups), "%s/own", root);
    real_calls = sbx_cgroup_os;
    sbx_cgroup_os = (sbx_cgroup_calls){fake_make_directory, fake_remove_directory, fake_write,
                                       own_groups, fake_is_delegated};
    fake_make_directory(root_fd, "user", 0755);
    fd = openat(root_fd, "user", O_RDONLY | O_DIRECTORY);
    put_file(fd, "cgroup.controllers", "cpu io memory pids\n");
    put_file(fd, "cgroup.subtree_control", "cpu io memory pids\n");
    fake_make_directory(fd, "leaf", 0755);
    close(fd);
    return 0;
}

static inline int tear_down(void **state)
{
    int fd = openat(root_fd, "user", O_RDONLY | O_DIRECTORY);

    (void)state;
    fake_remove_directory(fd, "leaf");
    close(fd);
    fake_remove_directory(root_fd, "user");
    (void)unlinkat(root_fd, "own", 0);
    (void)unlinkat(root_fd, "cgroup.controllers", 0);
    close(root_fd);
    sbx_cgroup_os = real_calls;
    return rmdir(root); /* fails where a job left something */
}

static inline sbx_status make_job(sbx_job **out, const sbx_limits *limits, sbx_error *err)
{
    sbx_job_options options = {.name = "job", .choice = SBX_JOB_CGROUP2, .cgroup_root = root};

    memset(err, 0, sizeof(*err));
    return sbx_job_create(out, limits, &options, err);
}

static inline sbx_job *must_make_job(const sbx_limits *limits)
{
    sbx_job *job = NULL;
    sbx_error err;

    if (make_job(&job, limits, &err) != SBX_OK)
        fail_msg("%s", err.message);
    return job;
}

static inline void assert_file(const char *path, const char *expected)
{
    char text[256];

    assert_true(sbx_cgroup_read_text(root_fd, path, text, sizeof(text)) >= 0);
    assert_string_equal(text, expected);
}

static inline void write_job_file(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "user/sbx-job/%s", name);
    put_file(root_fd, path, text);
}

static inline sbx_limits usual_limits(void)
{
    sbx_limits limits;

    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    limits.value[SBX_LIMIT_PROCESSES] = 16;
    limits.value[SBX_LIMIT_CPUS] = 500;
    limits.value[SBX_LIMIT_CPU] = 10 * SBX_NS_PER_MS;
    return limits;
}

#define FAKE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
