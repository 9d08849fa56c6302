/*
 * From "go" to the end: one thread, one poll, no sleep. Whatever happens to a run is an event here,
 * and the first that ends it decides the reason.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/runner/linux/parts.h"

typedef struct loop {
    sbx_follow *follow;
    bool is_stopping; /* TERM was sent */
    bool is_killed;   /* KILL was sent */
    bool is_over;     /* init is dead or dying */
    bool has_served, had_quiet_moment;
    uint64_t kill_at_ns; /* end of grace */
    uint64_t wall_at_ns;
    uint64_t idle_step_ns, idle_next_ns, idle_since_ns, idle_cpu_ns;
    uint64_t flush_at_ns, sample_at_ns;
    int watch_fd;
} loop;

enum {
    CONTROL,
    PIDFD,
    SIGNALS,
    WATCH,
    LANDLOCK,
    JOB,
    INPUT,
    FIRST_OUTPUT,
    POLL_MAX = FIRST_OUTPUT + 4
};

static void kill_now(loop *self)
{
    sbx_follow *follow = self->follow;

    if (self->is_killed)
        return;
    self->is_killed = true;
    if (follow->plan->walls[SBX_WALL_PIDS])
        (void)syscall(SYS_pidfd_send_signal, follow->child->pidfd, SIGKILL, NULL, 0);
    else
        (void)shutdown(follow->child->control_fd, SHUT_WR); /* init kills its tree before itself */
}

/* TERM, grace, KILL. Asking twice is impatience: KILL at once. */
static void stop(loop *self, uint64_t now_ns)
{
    sbx_wire message = {.kind = SBX_WIRE_TERM};
    uint64_t grace_ns = self->follow->plan->limits.grace_ns;

    if (self->is_stopping || grace_ns == 0) {
        kill_now(self);
        return;
    }
    self->is_stopping = true;
    self->kill_at_ns = grace_ns > SBX_UNLIMITED - now_ns ? SBX_UNLIMITED : now_ns + grace_ns;
    (void)send(self->follow->child->control_fd, &message, sizeof(message),
               MSG_NOSIGNAL | MSG_DONTWAIT);
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

/* False: there was none. */
static bool on_message(loop *self)
{
    sbx_follow *follow = self->follow;
    sbx_wire message;
    ssize_t got = recv(follow->child->control_fd, &message, sizeof(message), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got < 0 || !sbx_wire_is_valid(&message, (size_t)got)) {
        self->is_over = true; /* closed: init is gone */
        return false;
    }
    if (message.kind == SBX_WIRE_EXITED) {
        follow->has_ended = true;
        follow->exit = message.u.exit;
        self->is_over = true;
    } else if (message.kind == SBX_WIRE_STOPPED) {
        sbx_terminal_stop_too(follow->terminal);
    } else if (message.kind == SBX_WIRE_FAILED) {
        follow->events->has_error = true;
        follow->events->error = message.u.error;
    }
    return true;
}

/* What it said before is there, even where poll() has looked at its socket before that, and at its life afterwards. */
static void on_death(loop *self)
{
    while (!self->is_over && on_message(self)) {
    }
    self->is_over = true;
}

static void check_job(loop *self, uint64_t now_ns)
{
    sbx_follow *follow = self->follow;
    sbx_job_report report;

    sbx_job_check(follow->job, now_ns, &report);
    follow->events->reached[SBX_LIMIT_MEMORY] |= report.memory_reached;
    follow->events->reached[SBX_LIMIT_PROCESSES] |= report.processes_reached;
    if (report.memory_reached && !follow->plan->limits.memory_fails)
        stop_for(self, SBX_LIMIT_MEMORY, true, now_ns);
    if (report.cpu_reached)
        stop_for(self, SBX_LIMIT_CPU, false, now_ns);
    /* A count that is only looked at can be held by nothing but the end. */
    if (report.processes_reached &&
        sbx_job_enforcer(follow->job, SBX_LIMIT_PROCESSES) == SBX_ENFORCER_POLLED)
        stop_for(self, SBX_LIMIT_PROCESSES, true, now_ns);
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

/*
 * How the job is doing, for the curve of the run. A command that ends before the first look has cost
 * nothing for it. Where looking takes long (no group, many processes) it is done less often.
 */
static void take_sample(loop *self, uint64_t now_ns)
{
    enum { REST_FACTOR = 50 };
    sbx_follow *follow = self->follow;
    uint64_t pause_ns, took_ns;
    sbx_sample sample;

    if (follow->samples == NULL) {
        follow->samples = malloc(sizeof(*follow->samples));
        if (follow->samples == NULL) { /* a curve is not worth a failure */
            self->sample_at_ns = SBX_UNLIMITED;
            return;
        }
        sbx_samples_init(follow->samples);
    }
    sbx_job_sample(follow->job, &sample);
    sample.at_ns = now_ns - follow->go_ns;
    sbx_samples_add(follow->samples, &sample);
    took_ns = sbx_clock_monotonic_ns() - now_ns;
    pause_ns = follow->samples->interval_ns;
    self->sample_at_ns =
        now_ns + (took_ns * REST_FACTOR > pause_ns ? took_ns * REST_FACTOR : pause_ns);
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
    if (now_ns >= self->sample_at_ns && !self->is_killed)
        take_sample(self, now_ns);
    sbx_input_look(follow->input, now_ns);
    if (now_ns >= self->flush_at_ns)
        self->flush_at_ns = sbx_record_flush(follow->record, now_ns);
    if (self->idle_step_ns != 0)
        next_ns = earlier(next_ns, self->idle_next_ns);
    if (self->is_stopping && !self->is_killed)
        next_ns = earlier(next_ns, self->kill_at_ns);
    if (!has_reason(self))
        next_ns = earlier(next_ns, self->wall_at_ns);
    if (!self->is_killed)
        next_ns = earlier(next_ns, self->sample_at_ns);
    next_ns = earlier(next_ns, follow->input->look_at_ns);
    return earlier(next_ns, self->flush_at_ns);
}

static void start_clocks(loop *self)
{
    const sbx_limits *limits = &self->follow->plan->limits;
    uint64_t go_ns = self->follow->go_ns, wall_ns = limits->value[SBX_LIMIT_WALL];
    uint64_t idle_ns = limits->value[SBX_LIMIT_IDLE];

    self->sample_at_ns =
        self->follow->record->row == 0 ? SBX_UNLIMITED : go_ns + SBX_SAMPLES_FIRST_NS;
    self->wall_at_ns = wall_ns > SBX_UNLIMITED - go_ns ? SBX_UNLIMITED : go_ns + wall_ns;
    if (idle_ns != SBX_UNLIMITED) {
        self->idle_step_ns = idle_ns / 8 < 5 * SBX_NS_PER_MS ? 5 * SBX_NS_PER_MS : idle_ns / 8;
        self->idle_since_ns = go_ns;
        self->idle_next_ns = go_ns + self->idle_step_ns;
        self->idle_cpu_ns = sbx_job_cpu_now_ns(self->follow->job);
    }
}

/*
 * The command has been let into its execve, and even the shortest needs a while from there: what a killed sbx left
 * behind, and what would have to be waited for at the end.
 */
static void use_quiet_moment(loop *self)
{
    if (self->had_quiet_moment)
        return;
    self->had_quiet_moment = true;
    if (!self->follow->has_swept)
        (void)sbx_job_sweep(self->follow->job);
    sbx_record_tidy(self->follow->record);
    sbx_record_foresee(self->follow->record);
}

/* Once it was served, and nothing else waits: whoever was answered may have had our processor meanwhile, and be done. */
static bool may_be_quiet(const loop *self)
{
    return self->has_served && !self->had_quiet_moment;
}

static size_t fill_poll(const loop *self, struct pollfd wait[POLL_MAX])
{
    const sbx_follow *follow = self->follow;

    wait[CONTROL] = (struct pollfd){.fd = follow->child->control_fd, .events = POLLIN};
    wait[PIDFD] = (struct pollfd){.fd = follow->child->pidfd, .events = POLLIN};
    wait[SIGNALS] = (struct pollfd){.fd = sbx_signals_fd(), .events = POLLIN};
    wait[WATCH] = (struct pollfd){.fd = self->watch_fd, .events = POLLIN};
    wait[LANDLOCK] =
        (struct pollfd){.fd = follow->landlock == NULL ? -1 : sbx_landlock_log_fd(follow->landlock),
                        .events = POLLIN};
    wait[JOB] = (struct pollfd){.fd = self->is_killed ? -1 : sbx_job_event_fd(follow->job),
                                .events = POLLIN | POLLPRI};
    wait[INPUT] = sbx_input_poll(follow->input);
    return FIRST_OUTPUT + sbx_output_poll(follow->output, wait + FIRST_OUTPUT);
}

static void on_ready(loop *self, const struct pollfd wait[POLL_MAX], size_t count)
{
    sbx_follow *follow = self->follow;
    uint64_t now_ns = sbx_clock_monotonic_ns();

    self->has_served |= wait[WATCH].revents != 0;
    if (wait[WATCH].revents & POLLIN)
        sbx_watch_serve(follow->watch); /* first: somebody stands still for it */
    else if (wait[WATCH].revents != 0)
        self->watch_fd = -1; /* the last process with the filter has ended */
    if (wait[LANDLOCK].revents != 0)
        sbx_landlock_log_serve(follow->landlock);
    if (wait[JOB].revents != 0)
        check_job(self, now_ns);
    if (wait[SIGNALS].revents != 0)
        on_signal(self, now_ns);
    if (wait[PIDFD].revents != 0)
        on_death(self);
    else if (wait[CONTROL].revents != 0)
        (void)on_message(self);
    sbx_input_move(follow->input, &wait[INPUT]);
    sbx_output_move(follow->output, wait + FIRST_OUTPUT, count - FIRST_OUTPUT);
    if (follow->output->is_truncated)
        stop_for(self, SBX_LIMIT_OUTPUT, true, now_ns);
}

void sbx_follow_to_end(sbx_follow *follow)
{
    loop self = {.follow = follow,
                 .watch_fd = follow->watch == NULL ? -1 : sbx_watch_fd(follow->watch)};

    start_clocks(&self);
    while (!self.is_over) {
        struct pollfd wait[POLL_MAX];
        size_t count = fill_poll(&self, wait);
        uint64_t now_ns = sbx_clock_monotonic_ns();
        uint64_t next_ns = on_time(&self, now_ns);
        struct timespec at_once = {0, 0}, pause = {0, 0},
                        *timeout = next_ns == SBX_UNLIMITED ? NULL : &pause;

        if (next_ns > now_ns) {
            pause.tv_sec = (time_t)((next_ns - now_ns) / SBX_NS_PER_S);
            pause.tv_nsec = (long)((next_ns - now_ns) % SBX_NS_PER_S);
        }
        if (self.watch_fd < 0)
            use_quiet_moment(&self);
        if (may_be_quiet(&self))
            timeout = &at_once;
        if (ppoll(wait, (nfds_t)count, timeout, NULL) > 0)
            on_ready(&self, wait, count);
        else if (timeout == &at_once)
            use_quiet_moment(&self);
    }
    /* A short command may have left none; what killed ones left is each start's to take away all the same. */
    if (!self.had_quiet_moment && !follow->has_swept)
        (void)sbx_job_sweep(follow->job);
    if (self.watch_fd >= 0) {
        struct pollfd last = {.fd = self.watch_fd, .events = POLLIN};

        while (poll(&last, 1, 0) > 0 && (last.revents & POLLIN))
            sbx_watch_serve(follow->watch);
    }
}
