/* The cgroup v2 backend: making, limiting, killing and removing the job's group. */
#include "limits/linux/cgroup2.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits/linux/host.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the caller itself is limited to, where the job will not be below it. */
static uint64_t own_number(const sbx_cgroup2 *job, const char *file)
{
    uint64_t value;

    if (job->parent.own_fd == -1 || sbx_cgroup_read_number(&value, job->parent.own_fd, file) != 0)
        return SBX_UNLIMITED;
    return value;
}

/* The same for the rate, in thousandths of one CPU. */
static uint64_t own_cpus_milli(const sbx_cgroup2 *job)
{
    char text[64];
    const char *at = text;
    uint64_t quota_us;
    uint64_t period_us;

    if (job->parent.own_fd == -1 ||
        sbx_cgroup_read_text(job->parent.own_fd, "cpu.max", text, sizeof(text)) <= 0 ||
        !sbx_cgroup_parse_number(&quota_us, at, &at) || quota_us == SBX_UNLIMITED || *at != ' ' ||
        !sbx_cgroup_parse_number(&period_us, at + 1, NULL) || period_us == 0)
        return SBX_UNLIMITED;
    return quota_us > UINT64_MAX / 1000 ? SBX_UNLIMITED : quota_us * 1000 / period_us;
}

/* Swap first: between the two writes the job is at most too tight. */
static int limit_memory(sbx_cgroup2 *job, const sbx_limits *limits)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t memory_bytes = limits->value[SBX_LIMIT_MEMORY];
    uint64_t swap_bytes = limits->value[SBX_LIMIT_SWAP];
    int code;

    if (memory_bytes != SBX_UNLIMITED && swap_bytes == SBX_UNLIMITED)
        swap_bytes = 0;
    swap_bytes = least(swap_bytes, own_number(job, "memory.swap.max"));
    memory_bytes = least(memory_bytes, own_number(job, "memory.max"));
    if (swap_bytes != SBX_UNLIMITED) {
        code = sbx_cgroup_set_number(job->dir_fd, "memory.swap.max", swap_bytes, page_bytes);
        if (code == -ENOENT && !sbx_host_has_swap()) /* not counted, and there is none */
            code = 0;
        if (code != 0)
            return code;
    }
    if (memory_bytes == SBX_UNLIMITED)
        return 0;
    code = sbx_cgroup_set_number(job->dir_fd, "memory.max", memory_bytes, page_bytes);
    if (code != 0 || limits->memory_fails)
        return code;
    /* One victim takes the job with it; the runner does the same a moment later. */
    code = sbx_cgroup_write_text(job->dir_fd, "memory.oom.group", "1");
    return code == -ENOENT ? 0 : code;
}

static int limit_processes(sbx_cgroup2 *job, const sbx_limits *limits)
{
    uint64_t count = limits->value[SBX_LIMIT_PROCESSES];

    if (count < SBX_UNLIMITED - job->overhead_count)
        count += job->overhead_count;
    count = least(count, own_number(job, "pids.max"));
    if (count > INT32_MAX)
        return 0; /* more than Linux has */
    job->process_count = count;
    return sbx_cgroup_set_number(job->dir_fd, "pids.max", count, 1);
}

/* "quota period", read back as the same words. */
static int limit_cpus(sbx_cgroup2 *job, const sbx_limits *limits)
{
    uint64_t milli = least(limits->value[SBX_LIMIT_CPUS], own_cpus_milli(job));
    sbx_cpu_quota quota;
    char text[64];
    char got[64];
    int code;

    if (milli == SBX_UNLIMITED)
        return 0;
    quota = sbx_host_cpu_quota(milli);
    snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", quota.quota_us, quota.period_us);
    code = sbx_cgroup_write_text(job->dir_fd, "cpu.max", text);
    if (code != 0)
        return code;
    if (sbx_cgroup_read_text(job->dir_fd, "cpu.max", got, sizeof(got)) <= 0)
        return -EIO;
    return strncmp(text, got, strlen(text)) == 0 ? 0 : -ERANGE;
}

/* Limits of one controller: asked for, or the caller's own that must not be got round. */
typedef struct limit_group {
    unsigned controller;
    int (*set)(sbx_cgroup2 *job, const sbx_limits *limits);
    sbx_limit_kind kinds[2]; /* twice the same where there is one */
} limit_group;

static const limit_group limit_groups[] = {
    {SBX_CGROUP2_MEMORY, limit_memory, {SBX_LIMIT_MEMORY, SBX_LIMIT_SWAP}},
    {SBX_CGROUP2_PIDS, limit_processes, {SBX_LIMIT_PROCESSES, SBX_LIMIT_PROCESSES}},
    {SBX_CGROUP2_CPU, limit_cpus, {SBX_LIMIT_CPUS, SBX_LIMIT_CPUS}},
};

static sbx_status set_limits(sbx_cgroup2 *job, const sbx_job_request *request, sbx_error *err)
{
    sbx_enforcer *enforcers = job->part.enforcers;

    for (size_t i = 0; i < SBX_COUNT_OF(limit_groups); i++) {
        const limit_group *group = &limit_groups[i];
        bool is_wanted = request->wanted[group->kinds[0]] || request->wanted[group->kinds[1]];
        bool is_there = (job->parent.controllers & group->controller) != 0;
        int code = is_there ? group->set(job, request->limits) : -ENOENT;

        if (code == 0) {
            enforcers[group->kinds[0]] = enforcers[group->kinds[1]] = SBX_ENFORCER_CGROUP2;
        } else if ((is_wanted && request->must_hold_all) || is_there) {
            /* There and not settable is a failure also where only the caller's own was passed on. */
            return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, -code, "limit %s",
                                  sbx_limit_word(group->kinds[0]));
        }
    }
    enforcers[SBX_LIMIT_CPU] = SBX_ENFORCER_CGROUP2; /* cpu.stat needs no controller */
    job->cpu_ns =
        request->wanted[SBX_LIMIT_CPU] ? request->limits->value[SBX_LIMIT_CPU] : SBX_UNLIMITED;
    return SBX_OK;
}

static unsigned required_controllers(const sbx_job_request *request)
{
    unsigned required = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(limit_groups); i++) {
        if (request->wanted[limit_groups[i].kinds[0]] || request->wanted[limit_groups[i].kinds[1]])
            required |= limit_groups[i].controller;
    }
    return required;
}

/* A name in the group that holds the controllers. */
static const char inner[] = "job";

/*
 * Where somebody else manages the parent's controllers (systemd a slice's), they would be switched off under
 * the running job, and its limits be gone with them: `cpu` for one, when the next unit starts. The kernel
 * refuses that as long as a group below has them switched on for its own children, so the job's group is
 * put one level down.
 */
static sbx_status hold_controllers(sbx_cgroup2 *job, sbx_error *err)
{
    static const char *const words[] = {"+memory", "+pids", "+cpu", "+io"};
    static const unsigned bits[] = {SBX_CGROUP2_MEMORY, SBX_CGROUP2_PIDS, SBX_CGROUP2_CPU,
                                    SBX_CGROUP2_IO};
    int outer_fd = job->dir_fd;
    int code = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(words) && code == 0; i++) {
        if ((job->parent.controllers & bits[i]) != 0)
            code = sbx_cgroup_write_text(outer_fd, "cgroup.subtree_control", words[i]);
    }
    if (code == 0 && sbx_cgroup_os.make_directory(outer_fd, inner, 0755) != 0)
        code = -errno;
    if (code == 0) {
        job->dir_fd = openat(outer_fd, inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        code = job->dir_fd == -1 ? -errno : 0;
        close(outer_fd);
    }
    if (code != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, -code,
                              "keep the controllers for the cgroup %s", job->name);
    return SBX_OK;
}

static sbx_status make_group(sbx_cgroup2 *job, const sbx_job_request *request, sbx_error *err)
{
    const unsigned wished = SBX_CGROUP2_MEMORY | SBX_CGROUP2_PIDS | SBX_CGROUP2_IO;
    unsigned required = request->must_hold_all ? required_controllers(request) : 0;
    sbx_cgroup_place place;
    sbx_status st;
    int code;

    if (request->options->choice == SBX_JOB_AUTO && sbx_host_has_v1())
        return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_JOB,
                              "the controllers are mounted as v1");
    code = sbx_cgroup_place_read(&place);
    if (code != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_JOB, -code, "read the caller's cgroups");
    st = sbx_cgroup2_find_parent(&job->parent, &place, request->options->cgroup_root, required,
                                 wished | required_controllers(request), err);
    if (st != SBX_OK)
        return st;
    if (sbx_cgroup_os.make_directory(job->parent.fd, job->name, 0755) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, errno, "make the cgroup %s",
                              job->name);
    job->is_made = true;
    job->dir_fd = openat(job->parent.fd, job->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (job->dir_fd == -1)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_JOB, errno, "open the cgroup %s", job->name);
    return job->parent.has_other_manager && job->parent.controllers != 0
               ? hold_controllers(job, err)
               : SBX_OK;
}

static void free_part(sbx_job_part *part)
{
    sbx_cgroup2 *job = (sbx_cgroup2 *)part;

    if (job->event_fd != -1)
        close(job->event_fd);
    if (job->memory_events_fd != -1)
        close(job->memory_events_fd);
    if (job->dir_fd != -1)
        close(job->dir_fd);
    if (job->is_made)
        (void)sbx_cgroup_remove(job->parent.fd, job->name); /* else sbx_job_sweep() gets it */
    sbx_cgroup2_parent_done(&job->parent);
    free(job);
}

static sbx_status create(sbx_job_part **out_part, const sbx_job_request *request, sbx_error *err)
{
    sbx_cgroup2 *job = calloc(1, sizeof(*job));
    sbx_status st;

    if (job == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_JOB, "no memory for a cgroup job");
    job->part.backend = &sbx_cgroup2_backend;
    snprintf(job->name, sizeof(job->name), "sbx-%s", request->options->name);
    job->part.group_name = job->name;
    job->parent.fd = job->parent.own_fd = -1;
    job->dir_fd = job->event_fd = job->memory_events_fd = -1;
    job->overhead_count = request->options->first_stays_outside ? 0 : SBX_JOB_OVERHEAD_PROCESSES;
    job->process_count = job->cpu_ns = job->next_check_ns = SBX_UNLIMITED;
    st = make_group(job, request, err);
    if (st == SBX_OK)
        st = set_limits(job, request, err);
    if (st != SBX_OK) {
        free_part(&job->part);
        return st;
    }
    if ((job->parent.controllers & SBX_CGROUP2_MEMORY) != 0)
        sbx_cgroup2_watch_memory(job);
    *out_part = &job->part;
    return SBX_OK;
}

static int clone_fd(const sbx_job_part *part)
{
    return ((const sbx_cgroup2 *)part)->dir_fd;
}

static int event_fd(const sbx_job_part *part)
{
    return ((const sbx_cgroup2 *)part)->event_fd;
}

static void started(sbx_job_part *part, int64_t first_pid)
{
    sbx_cgroup2 *job = (sbx_cgroup2 *)part;
    bool has_memory = (job->parent.controllers & SBX_CGROUP2_MEMORY) != 0;

    (void)first_pid;
    if (job->cpu_ns != SBX_UNLIMITED || (has_memory && job->event_fd == -1))
        job->next_check_ns = 0; /* the first check says when the next is due */
}

static sbx_status kill_all(sbx_job_part *part, uint64_t timeout_ns, sbx_error *err)
{
    sbx_cgroup2 *job = (sbx_cgroup2 *)part;
    int code = sbx_cgroup2_kill_group(job->dir_fd, timeout_ns);

    if (code == 0)
        return SBX_OK;
    return sbx_fail_errno(err, code == -ETIMEDOUT ? SBX_BUSY : SBX_IO, SBX_STEP_JOB, -code,
                          "stop the processes of %s", job->name);
}

const sbx_job_backend sbx_cgroup2_backend = {
    .word = "cgroup2",
    .choice = SBX_JOB_CGROUP2,
    .is_group = true,
    .create = create,
    .free = free_part,
    .clone_fd = clone_fd,
    .started = started,
    .event_fd = event_fd,
    .check = sbx_cgroup2_check,
    .next_check_ns = sbx_cgroup2_next_check_ns,
    .cpu_now_ns = sbx_cgroup2_cpu_now_ns,
    .kill = kill_all,
    .count_processes = sbx_cgroup2_count_processes,
    .sample = sbx_cgroup2_sample,
    .read_usage = sbx_cgroup2_read_usage,
};
