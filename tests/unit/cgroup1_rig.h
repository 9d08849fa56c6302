/*
 * What the tests of the cgroup v1 backend share: jobs, processes in them, and what is left behind.
 */
#ifndef SBX_TESTS_UNIT_CGROUP1_RIG_H
#define SBX_TESTS_UNIT_CGROUP1_RIG_H

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/job.h"
#include "limits/linux/cgroup1.h"
#include "limits/linux/cgroup_files.h"
#include "limits/linux/cgroup_place.h"
#include "limits/linux/job_name.h"

enum { MIB = 1 << 20 };

static char job_name[SBX_JOB_NAME_BYTES];

static inline sbx_status make_job(sbx_job **out, const sbx_limits *limits, sbx_error *err)
{
    sbx_job_options options = {.name = job_name, .choice = SBX_JOB_CGROUP1};

    assert_int_equal(sbx_job_name(job_name, err), SBX_OK);
    return sbx_job_create(out, limits, &options, err);
}

static inline sbx_job *must_make_job(const sbx_limits *limits)
{
    sbx_job *job = NULL;
    sbx_error err;

    memset(&err, 0, sizeof(err));
    if (make_job(&job, limits, &err) != SBX_OK)
        fail_msg("%s", err.message);
    return job;
}

/* Starts body() inside of the job. Its result is the exit code. */
static inline pid_t start_in(sbx_job *job, int (*body)(void))
{
    pid_t pid = fork();

    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        if (sbx_job_enter(job, NULL) != SBX_OK)
            _exit(99);
        _exit(body());
    }
    sbx_job_started(job, pid);
    return pid;
}

static inline int wait_for(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The group of that name below the caller's own is there. */
static inline bool group_is_there(sbx_cgroup1_role role, const char *name)
{
    char group[SBX_CGROUP_NAME_BYTES + 8];
    sbx_cgroup_place place;
    bool is_there;
    int own_fd;

    snprintf(group, sizeof(group), "sbx-%s", name);
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    own_fd = sbx_cgroup_place_open(&place, sbx_cgroup1_controller(role), NULL);
    if (own_fd < 0)
        return false;
    is_there = faccessat(own_fd, group, F_OK, 0) == 0;
    close(own_fd);
    return is_there;
}

static inline uint64_t group_number(sbx_cgroup1_role role, const char *file)
{
    char path[SBX_CGROUP_NAME_BYTES + 64];
    sbx_cgroup_place place;
    uint64_t value = 0;
    int own_fd;

    snprintf(path, sizeof(path), "sbx-%s/%s", job_name, file);
    assert_int_equal(sbx_cgroup_place_read(&place), 0);
    own_fd = sbx_cgroup_place_open(&place, sbx_cgroup1_controller(role), NULL);
    assert_true(own_fd >= 0);
    assert_int_equal(sbx_cgroup_read_number(&value, own_fd, path), 0);
    close(own_fd);
    return value;
}

static inline void assert_nothing_left(const char *name)
{
    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++)
        assert_false(group_is_there((sbx_cgroup1_role)role, name));
}

static inline void free_job(sbx_job *job)
{
    assert_int_equal(sbx_job_kill(job, 5 * SBX_NS_PER_S, NULL), SBX_OK);
    assert_int_equal(sbx_job_count_processes(job), 0);
    sbx_job_free(job);
    assert_nothing_left(job_name);
}

/* Makes the pages its own. */
/* Root, and the memory controller as v1. */
static inline bool has_v1(void)
{
    sbx_cgroup_place place;
    int fd;

    if (geteuid() != 0 || sbx_cgroup_place_read(&place) != 0)
        return false;
    fd = sbx_cgroup_place_open(&place, SBX_CGROUP_MEMORY, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/*
 * Runs them in a group of their own, so that an sbx that starts somewhere else meanwhile does not
 * sweep away what the sweep is tested with. Returns how many failed.
 */
static inline int run_apart(int (*run)(void))
{
    sbx_job_options options = {.name = job_name, .choice = SBX_JOB_CGROUP1};
    sbx_job *job = NULL;
    sbx_limits limits;
    int status = -1;
    pid_t pid;

    sbx_limits_init(&limits);
    if (sbx_job_name(job_name, NULL) != SBX_OK ||
        sbx_job_create(&job, &limits, &options, NULL) != SBX_OK)
        return 1;
    pid = fork();
    if (pid == 0) {
        int failed_count = sbx_job_enter(job, NULL) == SBX_OK ? run() : 1;

        exit(failed_count != 0);
    }
    (void)waitpid(pid, &status, 0);
    if (sbx_job_kill(job, 5 * SBX_NS_PER_S, NULL) != SBX_OK)
        status = -1;
    sbx_job_free(job);
    return status != 0;
}

#endif
