/*
 * One run, in order. What can overlap does: the target prepares itself on one CPU while the database
 * is opened and the start row is made durable on the other; "go" needs both.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/sources/linux/masks.h"
#include "harness/base/clock.h"
#include "harness/runner/linux/parts.h"

typedef struct live_run {
    const sbx_plan *plan;
    const sbx_run_options *options;
    const sbx_run_base *base;
    sbx_launcher *launcher; /* of base or our own; NULL: we fork */
    sbx_result *result;
    sbx_error *err; /* of result */
    char job_name[SBX_JOB_NAME_BYTES];
    sbx_job *job;
    sbx_placeholders placeholders;
    sbx_terminal terminal;
    sbx_input input;
    sbx_output output;
    sbx_entry entry; /* the first process may read it for as long as it lives */
    sbx_child child;
    int listener;
    int masks_fd; /* the directory of what stands for secrets */
    pid_t target_pid;
    sbx_place *places;
    sbx_watch *watch;
    sbx_landlock_log *landlock;
    sbx_record record;
    sbx_follow follow;
    bool has_met; /* a launcher's process has spoken */
    bool has_go;
} live_run;

static const int own_streams[3] = {0, 1, 2};

/* 1. Everything that can fail before a process exists. */
static sbx_status prepare(live_run *run)
{
    const sbx_plan *plan = run->plan;
    sbx_job_options options = {.name = run->job_name,
                               .allow_degraded = plan->allow_degraded,
                               .has_user_namespace = plan->user_namespace,
                               .first_stays_outside = sbx_can_share(plan)};
    const int *streams = run->base->stdio_fd != NULL ? run->base->stdio_fd : own_streams;
    sbx_status st;

    if ((st = sbx_job_name(run->job_name, run->err)) != SBX_OK ||
        (st = sbx_job_create(&run->job, &plan->limits, &options, run->err)) != SBX_OK)
        return st;
    if (options.first_stays_outside) {
        run->launcher = run->base->launcher;
        if (run->launcher == NULL &&
            (st = sbx_launcher_create(&run->launcher, false, run->err)) != SBX_OK)
            return st;
    }
    run->record.syncs_later = run->launcher != NULL || run->base->store != NULL;
    sbx_describe_enforcers(run->result, plan, run->job);
    if (run->base->stdio_fd == NULL)
        sbx_terminal_look(&run->terminal);
    run->record.leases = sbx_placeholders_list(plan);
    if ((st = sbx_output_init(&run->output, plan->limits.value[SBX_LIMIT_OUTPUT], streams,
                              run->err)) != SBX_OK ||
        (st = sbx_input_init(&run->input, streams[0], plan, run->err)) != SBX_OK)
        return st;
    if (plan->watch_denials) {
        run->record.denials = run->result->denials = sbx_denials_create();
        run->record.processes = sbx_processes_create();
        if (plan->learns)
            run->record.learned = run->result->learned = sbx_denials_create();
        if (run->record.denials == NULL || run->record.processes == NULL ||
            (plan->learns && run->record.learned == NULL))
            return sbx_fail_plain(run->err, SBX_NO_MEMORY, SBX_STEP_WATCH,
                                  "no memory for the watch");
    }
    return SBX_OK;
}

static void describe_entry(live_run *run)
{
    const int *given = run->base->stdio_fd;

    run->entry = (sbx_entry){.plan = run->plan,
                             .job = run->job,
                             .control_fd = -1,
                             .idmap_fd = run->base->idmap_fd,
                             .locks = run->placeholders.fds,
                             .lock_count = run->placeholders.count,
                             .stdio_fd = {run->input.child_fd, -1, -1},
                             .shares_memory = run->launcher != NULL,
                             .takes_foreground = run->terminal.takes_foreground,
                             .has_terminal = run->terminal.fd >= 0,
                             .terminal_fd = run->terminal.fd,
                             .ignores_sigpipe = sbx_signals_pipe_ignored(),
                             .signal_mask = sbx_signals_mask_before()};
    if (run->input.child_fd < 0 && given != NULL)
        run->entry.stdio_fd[0] = given[0];
    for (int fd = 1; fd <= 2; fd++)
        run->entry.stdio_fd[fd] = run->output.is_used ? run->output.child_fd[fd]
                                  : given != NULL     ? given[fd]
                                                      : -1;
}

/* The first process is there, and holds what it needs. */
static void adopt(live_run *run)
{
    sbx_input_started(&run->input);
    sbx_output_started(&run->output);
    sbx_job_started(run->job, run->child.pid);
}

/* 2. The job's first process; from here on something must be taken down again. */
static sbx_status spawn(live_run *run)
{
    sbx_status st;

    describe_entry(run);
    if (run->launcher != NULL)
        st = sbx_spawn_shared(&run->child, &run->entry, run->launcher, run->err);
    else
        st = sbx_spawn(&run->child, &run->entry, run->err);
    if (st != SBX_OK)
        return st;
    if (run->launcher == NULL)
        adopt(run);
    /* The kernel's own records, where kernel audit is on and we may read them; mostly we may not. */
    if (run->plan->watch_denials && run->plan->walls[SBX_WALL_LANDLOCK] &&
        sbx_landlock_log_open(&run->landlock, NULL) != SBX_OK)
        run->landlock = NULL;
    if (run->base->idmap_fd >= 0)
        return SBX_OK;
    return sbx_spawn_idmap(&run->child, run->plan, run->err);
}

/* Who a launcher has made. False: nobody yet. */
static bool meet(live_run *run)
{
    if (run->launcher == NULL || run->has_met)
        return true;
    sbx_spawn_meet(&run->child, run->launcher);
    run->has_met = run->child.pid > 0;
    if (run->has_met)
        adopt(run);
    return run->has_met;
}

/* A signal to us ends the wait: the job is taken down unborn. */
static bool was_cancelled(live_run *run)
{
    for (;;) {
        struct pollfd wait[2] = {{.fd = run->child.control_fd, .events = POLLIN},
                                 {.fd = sbx_signals_fd(), .events = POLLIN}};

        if (poll(wait, 2, -1) < 0)
            continue;
        if (wait[1].revents != 0 && run->result->events.cancelled_by == 0)
            run->result->events.cancelled_by = sbx_signals_next();
        if (wait[0].revents != 0)
            return false;
        if (run->result->events.cancelled_by != 0 && meet(run))
            return true;
    }
}

/* 4. The target is confined and waits. */
static sbx_status await_ready(live_run *run)
{
    sbx_wire message;
    sbx_ready ready;
    bool has_spoken;

    if (was_cancelled(run))
        return SBX_OK;
    has_spoken = sbx_spawn_hear(&run->child, &message, &ready);
    (void)meet(run); /* nobody, where the launcher itself speaks */
    if (!has_spoken)
        return sbx_fail_plain(
            run->err, SBX_IO, SBX_STEP_SPAWN,
            "the job's first process died while it prepared itself (was it killed, or the "
            "memory limit too small to start anything?)");
    if (message.kind == SBX_WIRE_FAILED) {
        *run->err = message.u.error;
        return message.u.error.status;
    }
    run->listener = ready.listener;
    run->masks_fd = ready.masks_fd;
    run->target_pid = ready.target_pid;
    /* A target that enters its groups by itself is looked for there: a limit that holds nobody is none. */
    if (run->launcher != NULL && sbx_job_count_processes(run->job) == 0)
        return sbx_fail_plain(
            run->err, SBX_REFUSED, SBX_STEP_JOB,
            "the command is not in its job's group; its limits would not be held");
    return SBX_OK;
}

/* 5. The watch must listen before the target's execve, which is the first call it sees. */
static sbx_status start_watch(live_run *run)
{
    const sbx_plan *plan = run->plan;
    sbx_watch_options options = {.has_mounts = plan->walls[SBX_WALL_MOUNTS],
                                 .files_count = plan->limits.value[SBX_LIMIT_FILES],
                                 .denials = run->record.denials,
                                 .learned = run->record.learned,
                                 .processes = run->record.processes};

    run->terminal.target_group = run->target_pid;
    if (run->landlock != NULL)
        sbx_landlock_log_follow(run->landlock, run->target_pid, run->record.denials, NULL, NULL);
    if (run->listener < 0)
        return SBX_OK;
    run->places = calloc(plan->rule_count + SBX_PLACES_MORE, sizeof(*run->places));
    if (run->places == NULL)
        return sbx_fail_plain(run->err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for the watch");
    options.places = run->places;
    options.place_count = sbx_describe_places(run->places, plan);
    options.may_connect = plan->unix_sockets || plan->network != SBX_NETWORK_NONE;
    options.network = plan->network == SBX_NETWORK_NONE       ? SBX_WATCH_NETWORK_NONE
                      : plan->network == SBX_NETWORK_LOOPBACK ? SBX_WATCH_NETWORK_LOOPBACK
                                                              : SBX_WATCH_NETWORK_FULL;
    return sbx_watch_create(&run->watch, run->listener, run->child.pid, &options, run->err);
}

/* 6. From here on the command runs. */
static sbx_status let_go(live_run *run)
{
    sbx_wire message = {.kind = SBX_WIRE_GO};

    run->follow.go_ns = sbx_clock_monotonic_ns();
    if (send(run->child.control_fd, &message, sizeof(message), MSG_NOSIGNAL) !=
        (ssize_t)sizeof(message))
        return sbx_fail_errno(run->err, SBX_IO, SBX_STEP_SPAWN, errno, "let the command go");
    run->has_go = true;
    return SBX_OK;
}

/* 7. While the command runs there is time for what must not delay it. */
static void follow(live_run *run)
{
    run->follow = (sbx_follow){.plan = run->plan,
                               .job = run->job,
                               .child = &run->child,
                               .watch = run->watch,
                               .landlock = run->landlock,
                               .input = &run->input,
                               .output = &run->output,
                               .terminal = &run->terminal,
                               .record = &run->record,
                               .has_swept = run->base->store != NULL,
                               .events = &run->result->events,
                               .go_ns = run->follow.go_ns};
    sbx_follow_to_end(&run->follow);
    run->result->samples = run->follow.samples;
    run->result->wall_ns = sbx_clock_monotonic_ns() - run->follow.go_ns;
}

static uint64_t timeval_ns(struct timeval value)
{
    return (uint64_t)value.tv_sec * SBX_NS_PER_S + (uint64_t)value.tv_usec * SBX_NS_PER_US;
}

static void fill_unknown(uint64_t *value, uint64_t known)
{
    if (*value == SBX_UNLIMITED)
        *value = known;
}

static void bury(live_run *run, struct rusage *out)
{
    struct rusage used = {0};

    if (run->child.pid <= 0)
        return;
    while (wait4(run->child.pid, NULL, 0, &used) < 0 && errno == EINTR) {
    }
    run->child.pid = 0;
    if (out != NULL)
        *out = used;
}

/* The command did not end by itself: everything is killed, and nothing of the job is left. */
static void kill_job(live_run *run)
{
    uint64_t left_count;
    siginfo_t dead;
    sbx_error left;

    if (run->plan->walls[SBX_WALL_PIDS])
        (void)kill(run->child.pid, SIGKILL);
    close(run->child.control_fd); /* without a pid namespace: init kills its tree on this */
    run->child.control_fd = -1;
    /* Dead, but not buried: what a process used is told by its remains. */
    while (waitid(P_PID, (id_t)run->child.pid, &dead, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    left_count = sbx_job_count_processes(run->job);
    if (left_count != 0 && left_count != SBX_UNLIMITED &&
        sbx_job_kill(run->job, 5 * SBX_NS_PER_S, &left) != SBX_OK &&
        !run->result->events.has_error) {
        run->result->events.has_error = true; /* saying so is all that remains */
        run->result->events.error = left;
    }
}

/*
 * What the kernel remembers of the job's largest process. Looking now and then misses a short peak, which this does
 * not. A worker's target has begun in our memory: what is no more than that is ours.
 */
static void note_largest(live_run *run, uint64_t bytes)
{
    sbx_usage *usage = &run->result->usage;
    struct rusage own;

    if (run->launcher != NULL && getrusage(RUSAGE_SELF, &own) == 0 &&
        bytes <= (uint64_t)own.ru_maxrss * 1024U)
        return;
    fill_unknown(&usage->memory_peak_bytes, bytes);
    if (sbx_job_enforcer(run->job, SBX_LIMIT_MEMORY) == SBX_ENFORCER_POLLED &&
        usage->memory_peak_bytes < bytes)
        usage->memory_peak_bytes = bytes;
}

/*
 * 8. Everything but init is dead, and that is dying: what the job used. Where the command ended by itself,
 * init said so when nothing else was left, so that there is no need to wait for its own end yet.
 */
static void take_down(live_run *run)
{
    sbx_usage *usage = &run->result->usage;
    const sbx_wire_exit *told = &run->follow.exit;
    struct rusage last = {0};
    sbx_job_report report;

    if (run->child.pid <= 0)
        return;
    if (!run->follow.has_ended)
        kill_job(run);
    sbx_terminal_take_back(&run->terminal,
                           !run->follow.has_ended || WIFSIGNALED(told->wait_status));
    sbx_job_check(run->job, sbx_clock_monotonic_ns(), &report);
    run->result->events.reached[SBX_LIMIT_MEMORY] |= report.memory_reached;
    run->result->events.reached[SBX_LIMIT_PROCESSES] |= report.processes_reached;
    sbx_job_read_usage(run->job, usage);
    if (run->follow.has_ended) {
        fill_unknown(&usage->user_ns, told->user_ns);
        fill_unknown(&usage->system_ns, told->system_ns);
        fill_unknown(&usage->io_read_bytes, told->io_read_bytes);
        fill_unknown(&usage->io_write_bytes, told->io_write_bytes);
        note_largest(run, told->memory_peak_bytes);
    } else {
        bury(run, &last);
        fill_unknown(&usage->user_ns, timeval_ns(last.ru_utime));
        fill_unknown(&usage->system_ns, timeval_ns(last.ru_stime));
    }
}

/* Which secrets were reached for: the masks remember, and everybody who could touch them is dead. */
static void look_at_masks(live_run *run)
{
    const sbx_plan *plan = run->plan;

    if (run->masks_fd < 0 || run->record.denials == NULL)
        return;
    for (size_t i = 0; i < plan->rule_count; i++)
        if (plan->rules[i].kind == SBX_RULE_DENY)
            sbx_masks_look(run->masks_fd, i, plan->rules[i].path, plan->rules[i].is_directory,
                           plan->rules[i].source, run->record.denials);
}

static void note_exit(live_run *run)
{
    sbx_events *events = &run->result->events;
    int status = run->follow.exit.wait_status;

    if (!run->follow.has_ended)
        return;
    run->result->leaked_processes = run->follow.exit.leaked_count;
    if (events->has_error) /* the exec itself failed: that exit code is ours */
        return;
    events->has_exit = WIFEXITED(status);
    events->exit_code = events->has_exit ? WEXITSTATUS(status) : 0;
    events->has_signal = WIFSIGNALED(status);
    events->signal = events->has_signal ? WTERMSIG(status) : 0;
    if (run->record.processes != NULL && (events->has_exit || events->has_signal))
        sbx_processes_end(run->record.processes, run->target_pid, run->result->ended_us, true,
                          events->has_exit ? events->exit_code : -events->signal);
}

/*
 * Where kernel audit is on, the kernel says how many denials of ours there were when the domain is gone, which the
 * listener would keep alive. Waited for only where it recorded one.
 */
static void finish_sources(live_run *run)
{
    enum { KERNEL_WAIT_MS = 100 };
    sbx_result *result = run->result;
    bool is_on = false;

    if (run->watch != NULL)
        run->result->events.reached[SBX_LIMIT_FILES] = sbx_watch_files_reached(run->watch);
    if (run->landlock != NULL) {
        sbx_landlock_log_serve(run->landlock);
        is_on = sbx_landlock_log_is_on(run->landlock);
    }
    if (is_on) {
        sbx_watch_free(run->watch);
        run->listener = run->watch == NULL ? run->listener : -1;
        run->watch = NULL;
        sbx_landlock_log_finish(run->landlock, KERNEL_WAIT_MS * SBX_NS_PER_MS);
        result->audit_complete = sbx_landlock_log_complete(run->landlock);
    }
    (void)snprintf(result->audit_sources, sizeof(result->audit_sources), "%s%s%s",
                   run->record.denials != NULL ? "seccomp" : "",
                   run->record.denials != NULL && run->masks_fd >= 0 ? ",mask" : "",
                   is_on ? ",landlock" : "");
}

static void sync_end(void *context)
{
    live_run *run = context;

    sbx_record_sync(&run->record, run->result);
}

static bool syncs_now(const live_run *run)
{
    return run->record.store != NULL && !run->record.keeps_store;
}

/* 9. Everything is dead: what happened is decided and written down. */
static void conclude(live_run *run)
{
    sbx_result *result = run->result;
    sbx_events *events = &result->events;

    result->ended_us = sbx_clock_utc_us();
    if (run->has_go) {
        look_at_masks(run);
        finish_sources(run);
        note_exit(run);
    }
    if (events->has_error && events->error.step == SBX_STEP_EXEC) {
        events->not_found = events->error.status == SBX_NOT_FOUND;
        events->not_executable = events->error.status == SBX_NOT_EXECUTABLE;
    }
    if (run->record.processes != NULL) {
        result->processes_count = sbx_processes_count(run->record.processes);
        result->processes_lost = sbx_processes_lost(run->record.processes);
    }
    result->output_bytes = run->output.is_used ? run->output.seen_bytes : SBX_UNLIMITED;
    result->output_truncated = run->output.is_truncated;
    result->verdict = sbx_verdict_of(events);
    sbx_placeholders_release(
        &run->placeholders); /* before the row says that there is nothing left */
    sbx_record_end(&run->record, result);
    /* The disk takes about as long as to clean up does. A worker's row is synced with its next start. */
    if (run->launcher != NULL && run->has_met)
        sbx_launcher_call(run->launcher, syncs_now(run) ? sync_end : NULL, run);
    else if (run->launcher != NULL && syncs_now(run))
        sync_end(run);
}

/* 10. Nothing is left on the host when this returns; of ours nothing, unless the process ends here. */
static void free_run(live_run *run)
{
    bury(run, NULL);
    if (run->child.mapper > 0)
        while (waitpid(run->child.mapper, NULL, 0) < 0 && errno == EINTR) {
        }
    sbx_landlock_log_free(run->landlock);
    sbx_watch_free(run->watch);
    if (run->watch == NULL && run->listener >= 0)
        close(run->listener);
    if (run->child.control_fd >= 0)
        close(run->child.control_fd);
    if (run->masks_fd >= 0)
        close(run->masks_fd);
    if (run->launcher != NULL && run->entry.plan != NULL && !run->has_met) {
        sbx_launcher_wait(run->launcher); /* given up before it spoke */
        sbx_spawn_meet(&run->child, run->launcher);
        bury(run, NULL);
    }
    if (run->child.pidfd >= 0)
        close(run->child.pidfd);
    sbx_input_done(&run->input);
    sbx_output_done(&run->output);
    sbx_job_free(run->job);
    sbx_placeholders_release(&run->placeholders);
    free(run->places);
    if (run->launcher != NULL) /* by now the disk is done, too */
        sbx_launcher_wait(run->launcher);
    if (!run->options->ends_process || !run->has_go) {
        if (run->launcher != run->base->launcher)
            sbx_launcher_free(run->launcher);
        sbx_record_close(&run->record);
        sbx_processes_free(run->record.processes);
    }
    sbx_signals_give_back(run->base->launcher == NULL);
}

static sbx_status start(live_run *run)
{
    sbx_status st;

    if ((st = sbx_signals_take(run->err)) != SBX_OK || (st = prepare(run)) != SBX_OK)
        return st;
    if (run->plan->audit_before_mounts) /* its files must be there to be covered */
        if ((st = sbx_record_open(&run->record, run->result, run->err)) != SBX_OK)
            return st;
    /* What stands on the host for the run is written down before it stands: then there is no overlap. */
    if (run->record.leases != NULL &&
        ((st = sbx_record_start(&run->record, run->result, run->err)) != SBX_OK ||
         (st = sbx_placeholders_take(&run->placeholders, run->plan, run->err)) != SBX_OK))
        return st;
    if ((st = spawn(run)) != SBX_OK)
        return st;
    /* 3. The start row is made durable while the target prepares itself: no row, no "go". */
    if ((st = sbx_record_start(&run->record, run->result, run->err)) != SBX_OK)
        return st;
    if ((st = await_ready(run)) != SBX_OK || (st = start_watch(run)) != SBX_OK)
        return st;
    return run->result->events.cancelled_by != 0 ? SBX_OK : let_go(run);
}

/* A command that ended before its flood was seen has reached the limit all the same. */
static void note_cut_output(live_run *run)
{
    sbx_events *events = &run->result->events;
    bool is_stopped = events->cancelled_by != 0;

    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        is_stopped |= events->killed_for[kind];
    if (run->output.is_truncated && !is_stopped)
        events->killed_for[SBX_LIMIT_OUTPUT] = true;
}

void sbx_record_release(const char *lease)
{
    sbx_placeholder_clear(lease);
}

void sbx_run(sbx_result *result, const sbx_plan *plan, const sbx_run_options *options)
{
    static const sbx_run_base nothing = {.idmap_fd = -1};

    sbx_run_on(result, plan, options, &nothing);
}

void sbx_run_on(sbx_result *result, const sbx_plan *plan, const sbx_run_options *options,
                const sbx_run_base *base)
{
    live_run run = {.plan = plan,
                    .options = options,
                    .base = base,
                    .result = result,
                    .listener = -1,
                    .masks_fd = -1,
                    .child = {.pidfd = -1, .control_fd = -1},
                    .terminal = {.fd = -1},
                    .input = {.to = -1, .sink = -1, .child_fd = -1, .look_at_ns = SBX_UNLIMITED},
                    .record = {.plan = plan,
                               .backend = plan->uses_namespaces ? "namespaces" : "landlock",
                               .cancel = sbx_signals_came(),
                               .options = options,
                               .store = base->store,
                               .keeps_store = base->store != NULL}};

    memset(result, 0, sizeof(*result));
    memcpy(result->run_id, plan->run_id, sizeof(result->run_id));
    sbx_usage_init(&result->usage);
    result->audit_complete = -1;
    result->started_us = sbx_clock_utc_us();
    sbx_describe_walls(result, plan);
    run.err = &result->events.error;
    run.output.child_fd[1] = run.output.child_fd[2] = -1;
    run.output.stream[0].from = run.output.stream[1].from = -1;

    if (start(&run) != SBX_OK)
        result->events.has_error = true;
    if (run.has_go) {
        follow(&run);
        sbx_output_drain(&run.output);
        note_cut_output(&run);
    }
    take_down(&run);
    conclude(&run);
    free_run(&run);
}
