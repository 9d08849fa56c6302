/*
 * The cgroup v1 backend: making, entering, killing and removing the job's groups.
 *
 * Hierarchies used: memory and pids and cpuacct wherever the caller may make a group there, because
 * they also tell what the job used; cpu only for --cpus.
 */
#include "limits/linux/cgroup1.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits/linux/host.h"

sbx_cgroup_controller sbx_cgroup1_controller(sbx_cgroup1_role role)
{
    static const sbx_cgroup_controller controllers[SBX_CGROUP1_ROLE_COUNT] = {
        SBX_CGROUP_MEMORY, SBX_CGROUP_PIDS, SBX_CGROUP_CPUACCT, SBX_CGROUP_CPU};

    return controllers[role];
}

/* Makes the job's group for one role, or shares one that was made in the same hierarchy. */
static int make_group(sbx_cgroup1 *job, sbx_cgroup1_role role, const sbx_cgroup_place *place,
                      const char *root)
{
    sbx_cgroup_controller controller = sbx_cgroup1_controller(role);
    sbx_cgroup1_group *group = &job->groups[role];
    int hierarchy = place->lines[controller].hierarchy;
    int code;

    for (int other = 0; other < (int)role; other++) {
        if (job->groups[other].dir_fd != -1 && job->groups[other].hierarchy == hierarchy) {
            group->dir_fd = job->groups[other].dir_fd;
            return 0;
        }
    }
    group->hierarchy = hierarchy;
    group->parent_fd = sbx_cgroup_place_open(place, controller, root);
    if (group->parent_fd < 0) {
        code = group->parent_fd;
        group->parent_fd = -1;
        return code;
    }
    if (sbx_cgroup_os.make_directory(group->parent_fd, job->name, 0755) != 0)
        return -errno;
    group->is_owner = true;
    group->dir_fd = openat(group->parent_fd, job->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group->dir_fd == -1)
        return -errno;
    group->tasks_fd = openat(group->dir_fd, "tasks", O_WRONLY | O_CLOEXEC);
    return group->tasks_fd == -1 ? -errno : 0;
}

static void drop_group(sbx_cgroup1 *job, sbx_cgroup1_role role)
{
    sbx_cgroup1_group *group = &job->groups[role];

    if (group->tasks_fd != -1)
        close(group->tasks_fd);
    if (group->is_owner && group->dir_fd != -1)
        close(group->dir_fd);
    if (group->is_owner)
        (void)sbx_cgroup_remove(group->parent_fd, job->name); /* else sbx_job_sweep() gets it */
    if (group->parent_fd != -1)
        close(group->parent_fd);
    *group = (sbx_cgroup1_group){false, -1, -1, -1, -1};
}

/*
 * The limit on memory alone first: the kernel refuses a memory+swap limit that is below it.
 * Without swap accounting a host with swap would let the job swap as much as it likes.
 */
static int limit_memory(sbx_cgroup1 *job, const sbx_limits *limits)
{
    int dir_fd = job->groups[SBX_CGROUP1_MEMORY].dir_fd;
    uint64_t swap_bytes = limits->value[SBX_LIMIT_SWAP];
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    int code;

    job->memory_bytes = limits->value[SBX_LIMIT_MEMORY];
    code = sbx_cgroup_set_number(dir_fd, "memory.limit_in_bytes", job->memory_bytes, page_bytes);
    if (code != 0)
        return code;
    if (swap_bytes == SBX_UNLIMITED)
        swap_bytes = 0;
    job->memsw_bytes = swap_bytes < SBX_UNLIMITED - job->memory_bytes
                           ? job->memory_bytes + swap_bytes
                           : SBX_UNLIMITED - 1;
    code =
        sbx_cgroup_set_number(dir_fd, "memory.memsw.limit_in_bytes", job->memsw_bytes, page_bytes);
    if (code == -ENOENT) {
        job->memsw_bytes = SBX_UNLIMITED;
        code = sbx_host_has_swap() ? -ENOENT : 0;
    }
    return code;
}

/*
 * Sees to it that the kernel kills at the limit (off is inherited from above, and the job would hang
 * there), and asks for a wake-up when it does. Without a wake-up the job is looked at now and then.
 */
static int watch_memory(sbx_cgroup1 *job)
{
    int dir_fd = job->groups[SBX_CGROUP1_MEMORY].dir_fd;
    char text[64];
    ssize_t got;
    int code = 0;
    int control_fd = openat(dir_fd, "memory.oom_control", O_RDWR | O_CLOEXEC);

    if (control_fd == -1)
        return -errno;
    got = read(control_fd, text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = '\0';
    if (strstr(text, "oom_kill_disable 0") == NULL && write(control_fd, "0", 1) != 1) {
        code = -errno;
        goto out;
    }
    job->oom_event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (job->oom_event_fd == -1) {
        code = -errno;
        goto out;
    }
    snprintf(text, sizeof(text), "%d %d", job->oom_event_fd, control_fd);
    if (sbx_cgroup_write_text(dir_fd, "cgroup.event_control", text) != 0) {
        close(job->oom_event_fd);
        job->oom_event_fd = -1;
    }
out:
    close(control_fd);
    return code;
}

static int limit_processes(sbx_cgroup1 *job, const sbx_limits *limits)
{
    uint64_t count = limits->value[SBX_LIMIT_PROCESSES];

    if (count < SBX_UNLIMITED - job->overhead_count)
        count += job->overhead_count;
    if (count > INT32_MAX) /* more than Linux has; the kernel would refuse the number */
        count = SBX_UNLIMITED;
    job->process_count = count;
    return sbx_cgroup_set_number(job->groups[SBX_CGROUP1_PIDS].dir_fd, "pids.max", count, 1);
}

static int limit_cpus(sbx_cgroup1 *job, const sbx_limits *limits)
{
    int dir_fd = job->groups[SBX_CGROUP1_CPU].dir_fd;
    sbx_cpu_quota quota = sbx_host_cpu_quota(limits->value[SBX_LIMIT_CPUS]);
    int code = sbx_cgroup_set_number(dir_fd, "cpu.cfs_period_us", quota.period_us, 1);

    if (code != 0)
        return code;
    return sbx_cgroup_set_number(dir_fd, "cpu.cfs_quota_us", quota.quota_us, 1);
}

/* One limit: hold it, or say why not. */
static sbx_status hold(sbx_cgroup1 *job, const sbx_job_request *request, sbx_limit_kind kind,
                       int code, sbx_error *err)
{
    if (code == 0) {
        job->part.enforcers[kind] = SBX_ENFORCER_CGROUP1;
        return SBX_OK;
    }
    if (!request->must_hold_all)
        return SBX_OK;
    return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_JOB, -code, "limit %s", sbx_limit_word(kind));
}

static sbx_status make_groups(sbx_cgroup1 *job, const sbx_job_request *request,
                              int codes[SBX_CGROUP1_ROLE_COUNT], sbx_error *err)
{
    sbx_cgroup_place place;
    bool has_any = false;
    int code = sbx_cgroup_place_read(&place);

    if (code != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_JOB, -code, "read the caller's cgroups");
    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++) {
        if (role == SBX_CGROUP1_CPU && !request->wanted[SBX_LIMIT_CPUS])
            continue;
        codes[role] =
            make_group(job, (sbx_cgroup1_role)role, &place, request->options->cgroup_root);
        if (codes[role] != 0)
            drop_group(job, (sbx_cgroup1_role)role);
        has_any |= codes[role] == 0;
    }
    if (!has_any)
        return sbx_fail_errno(err, SBX_NOT_FOUND, SBX_STEP_JOB, -codes[SBX_CGROUP1_MEMORY],
                              "no v1 group can be made below the caller's own");
    return SBX_OK;
}

static sbx_status set_limits(sbx_cgroup1 *job, const sbx_job_request *request,
                             const int codes[SBX_CGROUP1_ROLE_COUNT], sbx_error *err)
{
    const sbx_limits *limits = request->limits;
    const bool *wanted = request->wanted;
    sbx_status st = SBX_OK;
    int code;

    /* Swap is held together with memory or not at all. */
    if (wanted[SBX_LIMIT_MEMORY]) {
        code =
            codes[SBX_CGROUP1_MEMORY] != 0 ? codes[SBX_CGROUP1_MEMORY] : limit_memory(job, limits);
        if (code == 0)
            code = watch_memory(job);
        if (code != 0)
            job->memory_bytes = SBX_UNLIMITED;
        st = hold(job, request, SBX_LIMIT_MEMORY, code, err);
        if (st == SBX_OK && wanted[SBX_LIMIT_SWAP])
            st = hold(job, request, SBX_LIMIT_SWAP, code, err);
    } else if (wanted[SBX_LIMIT_SWAP]) {
        st = hold(job, request, SBX_LIMIT_SWAP, -EOPNOTSUPP, err); /* v1 knows only the sum */
    }
    if (st == SBX_OK && wanted[SBX_LIMIT_PROCESSES]) {
        code =
            codes[SBX_CGROUP1_PIDS] != 0 ? codes[SBX_CGROUP1_PIDS] : limit_processes(job, limits);
        st = hold(job, request, SBX_LIMIT_PROCESSES, code, err);
    }
    if (st == SBX_OK && wanted[SBX_LIMIT_CPUS]) {
        code = codes[SBX_CGROUP1_CPU] != 0 ? codes[SBX_CGROUP1_CPU] : limit_cpus(job, limits);
        st = hold(job, request, SBX_LIMIT_CPUS, code, err);
    }
    if (st == SBX_OK && wanted[SBX_LIMIT_CPU]) {
        st = hold(job, request, SBX_LIMIT_CPU, codes[SBX_CGROUP1_CPUACCT], err);
        if (job->part.enforcers[SBX_LIMIT_CPU] == SBX_ENFORCER_CGROUP1)
            job->cpu_ns = limits->value[SBX_LIMIT_CPU];
    }
    return st;
}

static void free_part(sbx_job_part *part)
{
    sbx_cgroup1 *job = (sbx_cgroup1 *)part;

    if (job->oom_event_fd != -1)
        close(job->oom_event_fd);
    for (int role = SBX_CGROUP1_ROLE_COUNT - 1; role >= 0; role--)
        drop_group(job, (sbx_cgroup1_role)role);
    free(job);
}

static sbx_status create(sbx_job_part **out_part, const sbx_job_request *request, sbx_error *err)
{
    int codes[SBX_CGROUP1_ROLE_COUNT] = {0};
    sbx_cgroup1 *job = calloc(1, sizeof(*job));
    sbx_status st;

    if (job == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_JOB, "no memory for a cgroup job");
    job->part.backend = &sbx_cgroup1_backend;
    snprintf(job->name, sizeof(job->name), "sbx-%s", request->options->name);
    job->part.group_name = job->name;
    job->oom_event_fd = -1;
    job->overhead_count = request->options->first_stays_outside ? 0 : SBX_JOB_OVERHEAD_PROCESSES;
    job->memory_bytes = job->memsw_bytes = job->process_count = job->cpu_ns = SBX_UNLIMITED;
    job->next_check_ns = SBX_UNLIMITED;
    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++)
        job->groups[role] = (sbx_cgroup1_group){false, -1, -1, -1, -1};
    st = make_groups(job, request, codes, err);
    if (st == SBX_OK)
        st = set_limits(job, request, codes, err);
    if (st != SBX_OK) {
        free_part(&job->part);
        return st;
    }
    *out_part = &job->part;
    return SBX_OK;
}

/*
 * "0" to `tasks`, and not a number or cgroup.procs: moving oneself as the only thread is the one way
 * that does not take the kernel's lock against forks, which costs an RCU grace period when it is cold.
 */
static sbx_status enter(const sbx_job_part *part, sbx_error *err)
{
    const sbx_cgroup1 *job = (const sbx_cgroup1 *)part;

    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++) {
        const sbx_cgroup1_group *group = &job->groups[role];
        ssize_t put;

        if (group->tasks_fd == -1)
            continue;
        do {
            put = write(group->tasks_fd, "0", 1);
        } while (put == -1 && errno == EINTR);
        if (put != 1)
            return sbx_fail_errno(
                err, SBX_IO, SBX_STEP_JOB, errno, "enter the %s group",
                sbx_cgroup_controller_word(sbx_cgroup1_controller((sbx_cgroup1_role)role)));
    }
    return SBX_OK;
}

static int event_fd(const sbx_job_part *part)
{
    return ((const sbx_cgroup1 *)part)->oom_event_fd;
}

static void started(sbx_job_part *part, int64_t first_pid)
{
    sbx_cgroup1 *job = (sbx_cgroup1 *)part;

    (void)first_pid;
    if (job->cpu_ns != SBX_UNLIMITED ||
        (job->memory_bytes != SBX_UNLIMITED && job->oom_event_fd == -1))
        job->next_check_ns = 0; /* the first check says when the next is due */
}

static sbx_status kill_all(sbx_job_part *part, uint64_t timeout_ns, sbx_error *err)
{
    sbx_cgroup1 *job = (sbx_cgroup1 *)part;

    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++) {
        int code;

        if (job->groups[role].dir_fd == -1)
            continue;
        code = sbx_cgroup_kill_listed(job->groups[role].dir_fd, timeout_ns);
        if (code == 0)
            code = sbx_cgroup_clear_children(job->groups[role].dir_fd, timeout_ns);
        if (code == 0)
            return SBX_OK;
        return sbx_fail_errno(err, code == -ETIMEDOUT ? SBX_BUSY : SBX_IO, SBX_STEP_JOB, -code,
                              "stop the processes of %s", job->name);
    }
    return SBX_OK;
}

const sbx_job_backend sbx_cgroup1_backend = {
    .word = "cgroup1",
    .choice = SBX_JOB_CGROUP1,
    .is_group = true,
    .create = create,
    .free = free_part,
    .enter = enter,
    .started = started,
    .event_fd = event_fd,
    .check = sbx_cgroup1_check,
    .next_check_ns = sbx_cgroup1_next_check_ns,
    .cpu_now_ns = sbx_cgroup1_cpu_now_ns,
    .kill = kill_all,
    .count_processes = sbx_cgroup1_count_processes,
    .sample = sbx_cgroup1_sample,
    .read_usage = sbx_cgroup1_read_usage,
};
