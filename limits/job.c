/* The job as the rest of sbx sees it: who holds which limit, and one answer made of the parts'. */
#include "limits/job.h"

#include <stdlib.h>
#include <string.h>

#include "limits/backend.h"

struct sbx_job {
    sbx_job_part *group;   /* NULL: no group backend works here */
    sbx_job_part *process; /* NULL: the system has no process part */
    sbx_enforcer enforcers[SBX_LIMIT_COUNT];
    sbx_job_report report;
};

/* The limits that are the job's to hold; the others are the runner's and the target's. */
static const sbx_limit_kind job_kinds[] = {SBX_LIMIT_MEMORY, SBX_LIMIT_SWAP, SBX_LIMIT_CPUS,
                                           SBX_LIMIT_CPU, SBX_LIMIT_PROCESSES};

/* What went wrong with each backend, in one line, for the refusal. */
typedef struct reason_list {
    char text[SBX_ERROR_TEXT_BYTES];
    size_t bytes;
} reason_list;

static void reasons_add(reason_list *reasons, const char *backend, const char *message)
{
    const char *pieces[] = {reasons->bytes > 0 ? "; " : "", backend, ": ", message};

    for (size_t i = 0; i < SBX_COUNT_OF(pieces); i++) {
        size_t bytes = strlen(pieces[i]);
        size_t room = sizeof(reasons->text) - 1 - reasons->bytes;

        if (bytes > room)
            bytes = room;
        memcpy(reasons->text + reasons->bytes, pieces[i], bytes);
        reasons->bytes += bytes;
    }
    reasons->text[reasons->bytes] = '\0';
}

static bool wants_anything(const sbx_job_request *request)
{
    for (size_t i = 0; i < SBX_COUNT_OF(job_kinds); i++) {
        if (request->wanted[job_kinds[i]])
            return true;
    }
    return false;
}

static void take_held(sbx_job *job, sbx_job_request *request, const sbx_job_part *part)
{
    for (size_t i = 0; i < SBX_COUNT_OF(job_kinds); i++) {
        sbx_limit_kind kind = job_kinds[i];

        if (request->wanted[kind] && part->enforcers[kind] != SBX_ENFORCER_NONE) {
            job->enforcers[kind] = part->enforcers[kind];
            request->wanted[kind] = false;
        }
    }
}

static bool may_choose(const sbx_job_backend *backend, const sbx_job_request *request)
{
    sbx_job_choice choice = request->options->choice;

    if (choice != SBX_JOB_AUTO)
        return backend->choice == choice;
    if (!backend->is_costly)
        return true;
    return request->must_hold_all && wants_anything(request);
}

/* impossible: a bit for each backend that need not be asked again. */
static void make_group_part(sbx_job *job, sbx_job_request *request, unsigned *impossible,
                            reason_list *why)
{
    for (size_t i = 0; sbx_job_backends[i] != NULL && job->group == NULL; i++) {
        const sbx_job_backend *backend = sbx_job_backends[i];
        sbx_error err;
        sbx_status st;

        if (!backend->is_group || !may_choose(backend, request) || (*impossible & 1U << i) != 0)
            continue;
        memset(&err, 0, sizeof(err));
        st = backend->create(&job->group, request, &err);
        if (st != SBX_OK) {
            job->group = NULL;
            *impossible |= st == SBX_NOT_FOUND ? 1U << i : 0;
            if (request->must_hold_all)
                reasons_add(why, backend->word, err.message);
        }
    }
    if (job->group != NULL)
        take_held(job, request, job->group);
}

static sbx_status make_process_part(sbx_job *job, sbx_job_request *request, sbx_error *err)
{
    for (size_t i = 0; sbx_job_backends[i] != NULL; i++) {
        const sbx_job_backend *backend = sbx_job_backends[i];
        sbx_status st;

        if (backend->is_group)
            continue;
        st = backend->create(&job->process, request, err);
        if (st != SBX_OK) {
            job->process = NULL;
            return st;
        }
        take_held(job, request, job->process);
        return SBX_OK;
    }
    return SBX_OK;
}

static sbx_status refuse_what_is_left(const sbx_job_request *request, const reason_list *why,
                                      sbx_error *err)
{
    for (size_t i = 0; i < SBX_COUNT_OF(job_kinds); i++) {
        sbx_limit_kind kind = job_kinds[i];

        if (request->wanted[kind] && !request->options->allow_degraded)
            return sbx_fail_plain(
                err, SBX_REFUSED, SBX_STEP_JOB,
                "nothing on this host can hold the limit \"%s\": %s, or accept it with "
                "--allow-degraded (%s)",
                sbx_limit_word(kind), sbx_host_limits_advice,
                why->bytes > 0 ? why->text : "no group was allowed");
    }
    return SBX_OK;
}

static sbx_status make_parts(sbx_job *job, sbx_job_request *request, sbx_error *err)
{
    bool is_forced = request->options->choice != SBX_JOB_AUTO;
    bool wants_group = request->options->choice != SBX_JOB_POLLED;
    reason_list why = {.bytes = 0};
    unsigned impossible = 0;
    sbx_status st;

    if (wants_group) {
        request->must_hold_all = true;
        make_group_part(job, request, &impossible, &why);
        if (job->group == NULL && is_forced)
            return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB, "%s", why.text);
    }
    if (wants_group && job->group == NULL) { /* a part in a group is better than all by looking */
        request->must_hold_all = false;
        make_group_part(job, request, &impossible, &why);
    }
    request->must_hold_all = false;
    st = make_process_part(job, request, err);
    if (st != SBX_OK)
        return st;
    return refuse_what_is_left(request, &why, err);
}

sbx_status sbx_job_create(sbx_job **out_job, const sbx_limits *limits,
                          const sbx_job_options *options, sbx_error *err)
{
    sbx_job_request request = {.limits = limits, .options = options};
    sbx_job *job = calloc(1, sizeof(*job));
    sbx_status st;

    if (job == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_JOB, "no memory for a job");
    for (size_t i = 0; i < SBX_COUNT_OF(job_kinds); i++) {
        sbx_limit_kind kind = job_kinds[i];
        uint64_t value = limits->value[kind];

        if (value == SBX_UNLIMITED)
            continue;
        if (sbx_host_holds(kind, value))
            job->enforcers[kind] = SBX_ENFORCER_HARDWARE;
        else
            request.wanted[kind] = true;
    }
    st = make_parts(job, &request, err);
    if (st != SBX_OK) {
        sbx_job_free(job);
        return st;
    }
    *out_job = job;
    return SBX_OK;
}

void sbx_job_free(sbx_job *job)
{
    if (job == NULL)
        return;
    if (job->group != NULL)
        job->group->backend->free(job->group);
    if (job->process != NULL)
        job->process->backend->free(job->process);
    free(job);
}

const sbx_job_part *sbx_job_group(const sbx_job *job)
{
    return job->group;
}

int sbx_job_clone_fd(const sbx_job *job)
{
    if (job->group == NULL || job->group->backend->clone_fd == NULL)
        return -1;
    return job->group->backend->clone_fd(job->group);
}

void *sbx_job_native(const sbx_job *job)
{
    if (job->group == NULL || job->group->backend->native == NULL)
        return NULL;
    return job->group->backend->native(job->group);
}

void *sbx_job_port(const sbx_job *job)
{
    if (job->group == NULL || job->group->backend->port == NULL)
        return NULL;
    return job->group->backend->port(job->group);
}

void sbx_job_take_message(sbx_job *job, uint32_t message)
{
    if (job->group != NULL && job->group->backend->take_message != NULL)
        job->group->backend->take_message(job->group, message);
}

sbx_status sbx_job_enter(const sbx_job *job, sbx_error *err)
{
    if (job->group == NULL || job->group->backend->enter == NULL)
        return SBX_OK;
    return job->group->backend->enter(job->group, err);
}

sbx_status sbx_job_restrict_self(const sbx_job *job, sbx_error *err)
{
    if (job->process == NULL || job->process->backend->restrict_self == NULL)
        return SBX_OK;
    return job->process->backend->restrict_self(job->process, err);
}

void sbx_job_started(sbx_job *job, int64_t first_pid)
{
    if (job->group != NULL && job->group->backend->started != NULL)
        job->group->backend->started(job->group, first_pid);
    if (job->process != NULL && job->process->backend->started != NULL)
        job->process->backend->started(job->process, first_pid);
}

int sbx_job_event_fd(const sbx_job *job)
{
    if (job->group == NULL || job->group->backend->event_fd == NULL)
        return -1;
    return job->group->backend->event_fd(job->group);
}

void sbx_job_check(sbx_job *job, uint64_t now_ns, sbx_job_report *out_report)
{
    if (job->group != NULL && job->group->backend->check != NULL)
        job->group->backend->check(job->group, now_ns, &job->report);
    if (job->process != NULL && job->process->backend->check != NULL)
        job->process->backend->check(job->process, now_ns, &job->report);
    *out_report = job->report;
}

uint64_t sbx_job_next_check_ns(const sbx_job *job)
{
    uint64_t next_ns = SBX_UNLIMITED;
    const sbx_job_part *parts[] = {job->group, job->process};

    for (size_t i = 0; i < SBX_COUNT_OF(parts); i++) {
        uint64_t part_ns;

        if (parts[i] == NULL || parts[i]->backend->next_check_ns == NULL)
            continue;
        part_ns = parts[i]->backend->next_check_ns(parts[i]);
        if (part_ns < next_ns)
            next_ns = part_ns;
    }
    return next_ns;
}

sbx_enforcer sbx_job_enforcer(const sbx_job *job, sbx_limit_kind kind)
{
    return job->enforcers[kind];
}

uint64_t sbx_job_cpu_now_ns(sbx_job *job)
{
    sbx_job_part *parts[] = {job->group, job->process};

    for (size_t i = 0; i < SBX_COUNT_OF(parts); i++) {
        uint64_t used_ns;

        if (parts[i] == NULL || parts[i]->backend->cpu_now_ns == NULL)
            continue;
        used_ns = parts[i]->backend->cpu_now_ns(parts[i]);
        if (used_ns != SBX_UNLIMITED)
            return used_ns;
    }
    return SBX_UNLIMITED;
}

static bool is_whole(const sbx_sample *sample)
{
    return sample->cpu_ns != SBX_UNLIMITED && sample->memory_bytes != SBX_UNLIMITED &&
           sample->processes_count != SBX_UNLIMITED;
}

static void fill_sample(uint64_t *value, uint64_t from)
{
    if (*value == SBX_UNLIMITED)
        *value = from;
}

/* Looking at each process costs more, and is only for what the group does not count. */
void sbx_job_sample(sbx_job *job, sbx_sample *out)
{
    const sbx_sample unknown = {
        .cpu_ns = SBX_UNLIMITED, .memory_bytes = SBX_UNLIMITED, .processes_count = SBX_UNLIMITED};
    sbx_sample looked = unknown;

    *out = unknown;
    if (job->group != NULL && job->group->backend->sample != NULL)
        job->group->backend->sample(job->group, out);
    if (is_whole(out) || job->process == NULL || job->process->backend->sample == NULL)
        return;
    job->process->backend->sample(job->process, &looked);
    fill_sample(&out->cpu_ns, looked.cpu_ns);
    fill_sample(&out->memory_bytes, looked.memory_bytes);
    fill_sample(&out->processes_count, looked.processes_count);
}

sbx_status sbx_job_kill(sbx_job *job, uint64_t timeout_ns, sbx_error *err)
{
    sbx_job_part *part = job->group != NULL ? job->group : job->process;

    if (part == NULL || part->backend->kill == NULL)
        return SBX_OK;
    return part->backend->kill(part, timeout_ns, err);
}

uint64_t sbx_job_count_processes(const sbx_job *job)
{
    const sbx_job_part *part = job->group != NULL ? job->group : job->process;

    if (part == NULL || part->backend->count_processes == NULL)
        return SBX_UNLIMITED;
    return part->backend->count_processes(part);
}

void sbx_job_read_usage(sbx_job *job, sbx_usage *usage)
{
    /* The group's numbers are counted by the kernel, so they come last and win. */
    if (job->process != NULL && job->process->backend->read_usage != NULL)
        job->process->backend->read_usage(job->process, usage);
    if (job->group != NULL && job->group->backend->read_usage != NULL)
        job->group->backend->read_usage(job->group, usage);
}
