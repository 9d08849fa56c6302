/*
 * From "go" to the end: one thread, one port, no sleep. Whatever happens to a run is an event here, and the first
 * that ends it decides the reason.
 */
#include "harness/base/clock.h"
#include "harness/runner/windows/kernel.h"

typedef struct loop {
    sbx_follow *follow;
    HANDLE port;
    bool is_stopping; /* was asked to end */
    bool is_killed;
    uint64_t kill_at_ns; /* end of grace */
    uint64_t wall_at_ns;
    uint64_t idle_step_ns, idle_next_ns, idle_since_ns, idle_cpu_ns;
    uint64_t flush_at_ns, tidy_at_ns;
} loop;

/* A command that lives this long does not notice a checkpoint; a shorter one is not delayed by it. */
#define TIDY_AFTER_NS (5 * SBX_NS_PER_MS)
#define LOOK_AGAIN_NS (2 * SBX_NS_PER_MS)

static void CALLBACK post_end(void *port, BOOLEAN is_timeout)
{
    (void)is_timeout;
    (void)PostQueuedCompletionStatus(port, 0, SBX_PORT_ENDED_KEY, NULL);
}

sbx_status sbx_follow_watch(HANDLE *out_wait, const sbx_launch *launch, HANDLE port, sbx_error *err)
{
    if (!RegisterWaitForSingleObject(out_wait, launch->child.process, post_end, port, INFINITE,
                                     WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD))
        return sbx_fail_os(err, SBX_IO, SBX_STEP_WATCH, GetLastError(),
                           "wait for the command's end");
    return SBX_OK;
}

static void kill_now(loop *self)
{
    sbx_error own;

    if (self->is_killed)
        return;
    self->is_killed = true;
    if (sbx_job_kill(self->follow->job, 5 * SBX_NS_PER_S, &own) != SBX_OK &&
        !self->follow->events->has_error) {
        self->follow->events->has_error = true; /* saying so is all that remains */
        self->follow->events->error = own;
    }
}

/* ^Break to the command's group, grace, the end. Asking twice is impatience, and nobody who could be asked too. */
static void stop(loop *self, uint64_t now_ns)
{
    uint64_t grace_ns = self->follow->plan->limits.grace_ns;

    if (self->is_stopping || grace_ns == 0 ||
        !sbx_break_send(self->follow->launch->child.pid, self->follow->has_terminal)) {
        kill_now(self);
        return;
    }
    self->is_stopping = true;
    self->kill_at_ns = grace_ns > SBX_UNLIMITED - now_ns ? SBX_UNLIMITED : now_ns + grace_ns;
}

static bool has_reason(const loop *self)
{
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        if (self->follow->events->killed_for[kind])
            return true;
    return self->follow->events->cancelled_by != 0;
}

static void stop_for(loop *self, sbx_limit_kind kind, bool at_once, uint64_t now_ns)
{
    if (has_reason(self) || self->follow->has_ended)
        return;
    self->follow->events->killed_for[kind] = true;
    if (at_once)
        kill_now(self);
    else
        stop(self, now_ns);
}

static void on_signal(loop *self, uint64_t now_ns)
{
    int number;

    while ((number = sbx_signals_next()) != 0) {
        if (!has_reason(self))
            self->follow->events->cancelled_by = number;
        stop(self, now_ns);
    }
}

static void check_job(loop *self, uint64_t now_ns)
{
    sbx_follow *follow = self->follow;
    sbx_job_report report;

    sbx_job_check(follow->job, now_ns, &report);
    follow->events->reached[SBX_LIMIT_MEMORY] |= report.memory_reached;
    follow->events->reached[SBX_LIMIT_PROCESSES] |= report.processes_reached;
    follow->events->reached[SBX_LIMIT_CPU] |= report.cpu_reached;
    if (report.memory_reached && !follow->plan->limits.memory_fails)
        stop_for(self, SBX_LIMIT_MEMORY, true, now_ns);
    if (report.cpu_reached)
        stop_for(self, SBX_LIMIT_CPU, false, now_ns);
}

/* Idle: less than one hundredth of one CPU over the whole window, looked at eight times in it. */
static void check_idle(loop *self, uint64_t now_ns)
{
    uint64_t window_ns = self->follow->plan->limits.value[SBX_LIMIT_IDLE];
    uint64_t cpu_ns;

    if (self->idle_step_ns == 0 || now_ns < self->idle_next_ns)
        return;
    self->idle_next_ns = now_ns + self->idle_step_ns;
    cpu_ns = sbx_job_cpu_now_ns(self->follow->job);
    if (cpu_ns == SBX_UNLIMITED)
        return;
    if (cpu_ns - self->idle_cpu_ns > window_ns / 100) {
        self->idle_cpu_ns = cpu_ns;
        self->idle_since_ns = now_ns;
    } else if (now_ns - self->idle_since_ns >= window_ns) {
        stop_for(self, SBX_LIMIT_IDLE, false, now_ns);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Everything that depends on time; returns when to come again. */
static uint64_t on_time(loop *self, uint64_t now_ns)
{
    sbx_follow *follow = self->follow;
    uint64_t next_ns = sbx_job_next_check_ns(follow->job);

    if (now_ns >= next_ns) {
        check_job(self, now_ns);
        next_ns = sbx_job_next_check_ns(follow->job);
    }
    if (now_ns >= self->wall_at_ns)
        stop_for(self, SBX_LIMIT_WALL, false, now_ns);
    check_idle(self, now_ns);
    if (self->is_stopping && now_ns >= self->kill_at_ns)
        kill_now(self);
    if (now_ns >= self->tidy_at_ns) {
        sbx_record_tidy(follow->record);
        self->tidy_at_ns = SBX_UNLIMITED;
    }
    if (follow->trace != NULL)
        next_ns = earlier(next_ns, sbx_trace_on_time(follow->trace, now_ns));
    if (!sbx_members_look(follow->members))
        next_ns = earlier(next_ns, now_ns + LOOK_AGAIN_NS);
    if (now_ns >= self->flush_at_ns)
        self->flush_at_ns = sbx_record_flush(follow->record, now_ns);
    if (self->idle_step_ns != 0)
        next_ns = earlier(next_ns, self->idle_next_ns);
    if (self->is_stopping && !self->is_killed)
        next_ns = earlier(next_ns, self->kill_at_ns);
    if (!has_reason(self))
        next_ns = earlier(next_ns, self->wall_at_ns);
    return earlier(next_ns, earlier(self->flush_at_ns, self->tidy_at_ns));
}

static void start_clocks(loop *self)
{
    const sbx_limits *limits = &self->follow->plan->limits;
    uint64_t go_ns = self->follow->go_ns, wall_ns = limits->value[SBX_LIMIT_WALL];
    uint64_t idle_ns = limits->value[SBX_LIMIT_IDLE];

    self->tidy_at_ns = go_ns + TIDY_AFTER_NS;
    self->wall_at_ns = wall_ns > SBX_UNLIMITED - go_ns ? SBX_UNLIMITED : go_ns + wall_ns;
    if (idle_ns != SBX_UNLIMITED) {
        self->idle_step_ns = idle_ns / 8 < 5 * SBX_NS_PER_MS ? 5 * SBX_NS_PER_MS : idle_ns / 8;
        self->idle_since_ns = go_ns;
        self->idle_next_ns = go_ns + self->idle_step_ns;
        self->idle_cpu_ns = sbx_job_cpu_now_ns(self->follow->job);
    }
}

/* The job's messages carry a process's number in the place of a pointer. */
static void on_message(loop *self, DWORD message, const OVERLAPPED *value)
{
    uint32_t pid = (uint32_t)(uintptr_t)value;

    if (message == JOB_OBJECT_MSG_NEW_PROCESS)
        sbx_members_add(self->follow->members, pid);
    else if (message == JOB_OBJECT_MSG_EXIT_PROCESS ||
             message == JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS) {
        if (self->follow->trace != NULL) /* what it said, while we know who it was */
            sbx_trace_look(self->follow->trace);
        sbx_members_end(self->follow->members, pid);
    }
    sbx_job_take_message(self->follow->job, message);
}

/* Without it the streams lead nowhere; that the command would go on is no run that anybody asked for. */
static void on_lost_runner(loop *self)
{
    sbx_events *events = self->follow->events;

    if (self->follow->has_ended || has_reason(self) || events->has_error)
        return;
    events->has_error = true;
    (void)sbx_fail_plain(&events->error, SBX_IO, SBX_STEP_WATCH,
                         "sbx-runner.exe ended before the command did, or said what is not in its "
                         "protocol: the command was ended");
    kill_now(self);
}

/* One thing from the port, if one comes in time. */
static bool take_one(loop *self, DWORD wait_ms)
{
    DWORD message = 0;
    ULONG_PTR key = 0;
    LPOVERLAPPED value = NULL;
    uint64_t now_ns;

    if (!GetQueuedCompletionStatus(self->port, &message, &key, &value, wait_ms))
        return false;
    now_ns = sbx_clock_monotonic_ns();
    switch (key) {
    case SBX_JOB_PORT_KEY:
        on_message(self, message, value);
        check_job(self, now_ns);
        break;
    case SBX_PORT_ENDED_KEY:
        self->follow->has_ended = true;
        break;
    case SBX_PORT_SIGNAL_KEY:
        on_signal(self, now_ns);
        break;
    case SBX_PORT_OUTPUT_KEY:
        stop_for(self, SBX_LIMIT_OUTPUT, true, now_ns);
        break;
    case SBX_PORT_RUNNER_KEY:
        on_lost_runner(self);
        break;
    case SBX_PORT_KERNEL_KEY:
        /* Behind the end what is left waits for the last look: those who are still alive could go on for ever. */
        if (self->follow->kernel != NULL && !self->follow->has_ended && !self->is_killed)
            sbx_kernel_take(self->follow->kernel);
        break;
    default:
        break;
    }
    return true;
}

static DWORD wait_for(uint64_t now_ns, uint64_t next_ns)
{
    uint64_t wait_ms;

    if (next_ns == SBX_UNLIMITED)
        return INFINITE;
    if (next_ns <= now_ns)
        return 0;
    wait_ms = (next_ns - now_ns + SBX_NS_PER_MS - 1) / SBX_NS_PER_MS;
    return wait_ms < INFINITE - 1 ? (DWORD)wait_ms : INFINITE - 1;
}

void sbx_follow_to_end(sbx_follow *follow)
{
    loop self = {.follow = follow, .port = sbx_job_port(follow->job)};

    start_clocks(&self);
    while (!follow->has_ended && !self.is_killed) {
        uint64_t now_ns = sbx_clock_monotonic_ns();
        uint64_t next_ns = on_time(&self, now_ns);

        if (!follow->has_ended && !self.is_killed)
            (void)take_one(&self, wait_for(now_ns, next_ns));
    }
    while (take_one(&self, 0)) { /* what was said before the end */
    }
    (void)sbx_members_look(follow->members);
    /* The system ends a job by itself when its CPU time is used up. */
    if (follow->events->reached[SBX_LIMIT_CPU] && !has_reason(&self)) {
        DWORD code = 0;

        if (GetExitCodeProcess(follow->launch->child.process, &code) && code != 0)
            follow->events->killed_for[SBX_LIMIT_CPU] = true;
    }
}
