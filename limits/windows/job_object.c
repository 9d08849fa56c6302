/*
 * The Job Object backend; see job_object.h. Whatever is set is read back, and counts only as it reads back: a system
 * that accepts a limit and forgets it holds nothing.
 */
#include "limits/windows/job_object.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "limits/windows/os.h"

#define TICK_NS UINT64_C(100) /* FILETIME's unit */
#define LEAST_WAIT_NS (2 * SBX_NS_PER_MS)

enum {
    ALL_UI = JOB_OBJECT_UILIMIT_DESKTOP | JOB_OBJECT_UILIMIT_DISPLAYSETTINGS |
             JOB_OBJECT_UILIMIT_EXITWINDOWS | JOB_OBJECT_UILIMIT_GLOBALATOMS |
             JOB_OBJECT_UILIMIT_HANDLES | JOB_OBJECT_UILIMIT_READCLIPBOARD |
             JOB_OBJECT_UILIMIT_SYSTEMPARAMETERS | JOB_OBJECT_UILIMIT_WRITECLIPBOARD,
    STASH_MAX = 32, /* messages of others that came while the job was killed */
};

typedef struct job_object {
    sbx_job_part part; /* first */
    HANDLE job, port;
    uint64_t cpu_limit_ns;
    uint64_t next_check_ns;
    bool memory_reached, processes_reached, cpu_reached, is_empty;
    uint64_t alive_count, peak_count;
} job_object;

static sbx_status refuse(sbx_error *err, const char *what)
{
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_JOB,
        "the job's %s did not read back as it was set: this system does not hold it", what);
}

static sbx_status fail(sbx_error *err, const char *doing)
{
    return sbx_fail(err, SBX_IO, SBX_STEP_JOB, SBX_OS_WIN32, (int)GetLastError(), "%s", doing);
}

/* --- limits --- */

static void ask_for(JOBOBJECT_EXTENDED_LIMIT_INFORMATION *asked, const sbx_job_request *request)
{
    const uint64_t *value = request->limits->value;
    JOBOBJECT_BASIC_LIMIT_INFORMATION *basic = &asked->BasicLimitInformation;

    basic->LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    if (request->wanted[SBX_LIMIT_MEMORY] && value[SBX_LIMIT_MEMORY] <= SIZE_MAX) {
        basic->LimitFlags |= JOB_OBJECT_LIMIT_JOB_MEMORY | JOB_OBJECT_LIMIT_PROCESS_MEMORY;
        asked->JobMemoryLimit = asked->ProcessMemoryLimit = (SIZE_T)value[SBX_LIMIT_MEMORY];
    }
    if (request->wanted[SBX_LIMIT_PROCESSES] && value[SBX_LIMIT_PROCESSES] <= UINT32_MAX) {
        basic->LimitFlags |= JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
        basic->ActiveProcessLimit = (DWORD)value[SBX_LIMIT_PROCESSES];
    }
    if (request->wanted[SBX_LIMIT_CPU] && value[SBX_LIMIT_CPU] / TICK_NS <= INT64_MAX) {
        basic->LimitFlags |= JOB_OBJECT_LIMIT_JOB_TIME; /* user time; the rest is looked at */
        basic->PerJobUserTimeLimit.QuadPart = (LONGLONG)(value[SBX_LIMIT_CPU] / TICK_NS);
    }
}

static bool has(const JOBOBJECT_EXTENDED_LIMIT_INFORMATION *found, DWORD flags)
{
    return (found->BasicLimitInformation.LimitFlags & flags) == flags;
}

/* Which of the asked limits are there now; the flags that hold the job together are asked for by the caller. */
static void take_what_holds(job_object *self, const JOBOBJECT_EXTENDED_LIMIT_INFORMATION *asked,
                            const JOBOBJECT_EXTENDED_LIMIT_INFORMATION *found)
{
    if (has(asked, JOB_OBJECT_LIMIT_JOB_MEMORY) &&
        has(found, JOB_OBJECT_LIMIT_JOB_MEMORY | JOB_OBJECT_LIMIT_PROCESS_MEMORY) &&
        found->JobMemoryLimit == asked->JobMemoryLimit &&
        found->ProcessMemoryLimit == asked->ProcessMemoryLimit)
        self->part.enforcers[SBX_LIMIT_MEMORY] = SBX_ENFORCER_JOB_OBJECT;
    if (has(asked, JOB_OBJECT_LIMIT_ACTIVE_PROCESS) &&
        has(found, JOB_OBJECT_LIMIT_ACTIVE_PROCESS) &&
        found->BasicLimitInformation.ActiveProcessLimit ==
            asked->BasicLimitInformation.ActiveProcessLimit)
        self->part.enforcers[SBX_LIMIT_PROCESSES] = SBX_ENFORCER_JOB_OBJECT;
    if (has(asked, JOB_OBJECT_LIMIT_JOB_TIME) && has(found, JOB_OBJECT_LIMIT_JOB_TIME) &&
        found->BasicLimitInformation.PerJobUserTimeLimit.QuadPart ==
            asked->BasicLimitInformation.PerJobUserTimeLimit.QuadPart)
        self->part.enforcers[SBX_LIMIT_CPU] = SBX_ENFORCER_JOB_OBJECT;
}

static sbx_status set_limits(job_object *self, const sbx_job_request *request, sbx_error *err)
{
    static const DWORD never = JOB_OBJECT_LIMIT_BREAKAWAY_OK | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    static const DWORD always =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION asked = {0}, found = {0};
    const sbx_job_os *os = sbx_job_os_used;

    ask_for(&asked, request);
    if (!os->set(self->job, JobObjectExtendedLimitInformation, &asked, sizeof(asked)))
        return fail(err, "setting the job's limits");
    if (!os->get(self->job, JobObjectExtendedLimitInformation, &found, sizeof(found)))
        return fail(err, "reading the job's limits back");
    if ((!has(&found, always) || (found.BasicLimitInformation.LimitFlags & never) != 0) &&
        !request->options->allow_degraded)
        return refuse(err, "kill-on-close");
    take_what_holds(self, &asked, &found);
    if (request->must_hold_all)
        for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
            if (request->wanted[kind] && kind != SBX_LIMIT_CPUS &&
                self->part.enforcers[kind] == SBX_ENFORCER_NONE)
                return refuse(err, sbx_limit_word((sbx_limit_kind)kind));
    return SBX_OK;
}

/* In hundredths of a percent of all CPUs. */
static sbx_status set_rate(job_object *self, const sbx_job_request *request, sbx_error *err)
{
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION asked = {0}, found = {0};
    uint64_t all_milli = (uint64_t)sbx_host_cpu_count() * 1000;
    uint64_t cpus_milli = request->limits->value[SBX_LIMIT_CPUS];
    const sbx_job_os *os = sbx_job_os_used;

    if (!request->wanted[SBX_LIMIT_CPUS])
        return SBX_OK;
    asked.ControlFlags = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
    asked.CpuRate = cpus_milli >= all_milli ? 10000 : (DWORD)(cpus_milli * 10000 / all_milli);
    if (asked.CpuRate == 0)
        asked.CpuRate = 1;
    if (os->set(self->job, JobObjectCpuRateControlInformation, &asked, sizeof(asked)) &&
        os->get(self->job, JobObjectCpuRateControlInformation, &found, sizeof(found)) &&
        found.ControlFlags == asked.ControlFlags && found.CpuRate == asked.CpuRate) {
        self->part.enforcers[SBX_LIMIT_CPUS] = SBX_ENFORCER_JOB_OBJECT;
        return SBX_OK;
    }
    return request->must_hold_all ? refuse(err, "CPU rate") : SBX_OK;
}

static sbx_status set_ui(job_object *self, const sbx_job_request *request, sbx_error *err)
{
    JOBOBJECT_BASIC_UI_RESTRICTIONS asked = {.UIRestrictionsClass = ALL_UI}, found = {0};
    const sbx_job_os *os = sbx_job_os_used;

    if (os->set(self->job, JobObjectBasicUIRestrictions, &asked, sizeof(asked)) &&
        os->get(self->job, JobObjectBasicUIRestrictions, &found, sizeof(found)) &&
        found.UIRestrictionsClass == asked.UIRestrictionsClass)
        return SBX_OK;
    return request->options->allow_degraded ? SBX_OK : refuse(err, "window restrictions");
}

static sbx_status connect_port(job_object *self, sbx_error *err)
{
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT port = {.CompletionKey = (void *)SBX_JOB_PORT_KEY,
                                                .CompletionPort = self->port};

    if (!sbx_job_os_used->set(self->job, JobObjectAssociateCompletionPortInformation, &port,
                              sizeof(port)))
        return fail(err, "connecting the job's completion port");
    return SBX_OK;
}

static void free_part(sbx_job_part *part)
{
    job_object *self = (job_object *)part;

    if (self->job != NULL)
        sbx_job_os_used->close(self->job); /* the last handle: what is still in it dies */
    if (self->port != NULL)
        sbx_job_os_used->close(self->port);
    free(self);
}

static sbx_status create(sbx_job_part **out_part, const sbx_job_request *request, sbx_error *err)
{
    job_object *self = calloc(1, sizeof(*self));
    sbx_status st = SBX_OK;

    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_JOB, "no memory for a job");
    self->part.backend = &sbx_job_object_backend;
    self->cpu_limit_ns = request->limits->value[SBX_LIMIT_CPU];
    self->job = sbx_job_os_used->make_job();
    if (self->job == NULL)
        st = fail(err, "making a job object");
    if (st == SBX_OK && (self->port = sbx_job_os_used->make_port()) == NULL)
        st = fail(err, "making the job's completion port");
    if (st == SBX_OK)
        st = connect_port(self, err);
    if (st == SBX_OK)
        st = set_limits(self, request, err);
    if (st == SBX_OK)
        st = set_rate(self, request, err);
    if (st == SBX_OK)
        st = set_ui(self, request, err);
    if (st != SBX_OK) {
        free_part(&self->part);
        return st;
    }
    *out_part = &self->part;
    return SBX_OK;
}

/* --- the life of the job --- */

static void *native(const sbx_job_part *part)
{
    return ((const job_object *)part)->job;
}

static void *port_of(const sbx_job_part *part)
{
    return ((const job_object *)part)->port;
}

static void take_message(sbx_job_part *part, uint32_t message)
{
    job_object *self = (job_object *)part;

    switch (message) {
    case JOB_OBJECT_MSG_NEW_PROCESS:
        self->is_empty = false;
        if (++self->alive_count > self->peak_count)
            self->peak_count = self->alive_count;
        break;
    case JOB_OBJECT_MSG_EXIT_PROCESS:
    case JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS:
        if (self->alive_count > 0)
            self->alive_count--;
        break;
    case JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO:
        self->alive_count = 0;
        self->is_empty = true;
        break;
    case JOB_OBJECT_MSG_JOB_MEMORY_LIMIT:
    case JOB_OBJECT_MSG_PROCESS_MEMORY_LIMIT:
        self->memory_reached = true;
        break;
    case JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT:
        self->processes_reached = true;
        break;
    case JOB_OBJECT_MSG_END_OF_JOB_TIME:
    case JOB_OBJECT_MSG_END_OF_PROCESS_TIME:
        self->cpu_reached = true;
        break;
    default:
        break;
    }
}

static uint64_t cpu_now_ns(sbx_job_part *part)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION used = {0};

    if (!sbx_job_os_used->get(((job_object *)part)->job, JobObjectBasicAccountingInformation, &used,
                              sizeof(used)))
        return SBX_UNLIMITED;
    return ((uint64_t)used.TotalUserTime.QuadPart + (uint64_t)used.TotalKernelTime.QuadPart) *
           TICK_NS;
}

static void check(sbx_job_part *part, uint64_t now_ns, sbx_job_report *report)
{
    job_object *self = (job_object *)part;

    if (part->enforcers[SBX_LIMIT_CPU] != SBX_ENFORCER_NONE && !self->cpu_reached) {
        uint64_t used_ns = cpu_now_ns(part);

        self->cpu_reached = used_ns != SBX_UNLIMITED && used_ns >= self->cpu_limit_ns;
        self->next_check_ns = sbx_host_cpu_deadline_ns(
            now_ns, used_ns == SBX_UNLIMITED ? 0 : used_ns, self->cpu_limit_ns, LEAST_WAIT_NS);
    }
    report->memory_reached |= self->memory_reached;
    report->processes_reached |= self->processes_reached;
    report->cpu_reached |= self->cpu_reached;
}

static uint64_t next_check_ns(const sbx_job_part *part)
{
    const job_object *self = (const job_object *)part;

    if (part->enforcers[SBX_LIMIT_CPU] == SBX_ENFORCER_NONE || self->cpu_reached)
        return SBX_UNLIMITED;
    return self->next_check_ns;
}

static uint64_t count_processes(const sbx_job_part *part)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION used = {0};

    if (!sbx_job_os_used->get(((const job_object *)part)->job, JobObjectBasicAccountingInformation,
                              &used, sizeof(used)))
        return SBX_UNLIMITED;
    return used.ActiveProcesses;
}

/* A message that is not the job's is somebody else's to take: it is kept, and put back at the end. */
typedef struct stash {
    DWORD bytes[STASH_MAX];
    ULONG_PTR key[STASH_MAX];
    LPOVERLAPPED value[STASH_MAX];
    size_t count;
} stash;

static sbx_status kill_all(sbx_job_part *part, uint64_t timeout_ns, sbx_error *err)
{
    enum { KILLED = 137 };
    job_object *self = (job_object *)part;
    const sbx_job_os *os = sbx_job_os_used;
    uint64_t end_ns = sbx_clock_monotonic_ns() + timeout_ns;
    stash kept = {.count = 0};
    sbx_status st = SBX_OK;

    if (!os->terminate(self->job, KILLED))
        return fail(err, "ending the job");
    while (count_processes(part) > 0 && st == SBX_OK) {
        uint64_t now_ns = sbx_clock_monotonic_ns();
        uint64_t left_ms = now_ns < end_ns ? (end_ns - now_ns) / SBX_NS_PER_MS + 1 : 0;
        DWORD bytes = 0;
        ULONG_PTR key = 0;
        LPOVERLAPPED value = NULL;

        if (timeout_ns != 0 && left_ms == 0)
            st = sbx_fail_plain(err, SBX_BUSY, SBX_STEP_JOB,
                                "processes of the job are left after it was ended");
        else if (!os->wait(self->port, timeout_ns == 0 ? INFINITE : (DWORD)left_ms, &bytes, &key,
                           &value))
            continue;
        else if (key == SBX_JOB_PORT_KEY)
            take_message(part, bytes);
        else if (kept.count < STASH_MAX) {
            kept.bytes[kept.count] = bytes;
            kept.key[kept.count] = key;
            kept.value[kept.count++] = value;
        }
    }
    for (size_t i = 0; i < kept.count; i++)
        (void)os->post(self->port, kept.bytes[i], kept.key[i], kept.value[i]);
    return st;
}

static void read_usage(sbx_job_part *part, sbx_usage *usage)
{
    job_object *self = (job_object *)part;
    JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION used = {0};
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION peak = {0};
    const sbx_job_os *os = sbx_job_os_used;

    if (os->get(self->job, JobObjectBasicAndIoAccountingInformation, &used, sizeof(used))) {
        usage->user_ns = (uint64_t)used.BasicInfo.TotalUserTime.QuadPart * TICK_NS;
        usage->system_ns = (uint64_t)used.BasicInfo.TotalKernelTime.QuadPart * TICK_NS;
        usage->io_read_bytes = used.IoInfo.ReadTransferCount;
        usage->io_write_bytes = used.IoInfo.WriteTransferCount;
    }
    /* A system that keeps nothing says 0, and no process ever used nothing. */
    if (os->get(self->job, JobObjectExtendedLimitInformation, &peak, sizeof(peak)) &&
        peak.PeakJobMemoryUsed > 0)
        usage->memory_peak_bytes = peak.PeakJobMemoryUsed;
    if (self->peak_count > 0)
        usage->processes_peak_count = self->peak_count;
}

const sbx_job_backend sbx_job_object_backend = {
    .word = "job object",
    .choice = SBX_JOB_AUTO,
    .is_group = true,
    .create = create,
    .free = free_part,
    .native = native,
    .port = port_of,
    .take_message = take_message,
    .check = check,
    .next_check_ns = next_check_ns,
    .cpu_now_ns = cpu_now_ns,
    .kill = kill_all,
    .count_processes = count_processes,
    .read_usage = read_usage,
};
