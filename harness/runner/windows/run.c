/*
 * One run, in order: the job, the token, the start row with all leases, the entries, the process, go; and back again,
 * the last thing first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/runner/windows/kernel.h"
#include "harness/runner/windows/other_user.h"
#include "harness/runner/windows/parts.h"

typedef struct live_run {
    const sbx_plan *plan;
    sbx_result *result;
    sbx_error *err; /* of result */
    char job_name[SBX_JOB_NAME_BYTES];
    sbx_job *job;
    HANDLE stdio[3];
    sbx_terminal terminal;
    sbx_output output;
    sbx_launch launch;
    sbx_other_user other; /* path B */
    HANDLE wait;          /* for the command's end; NULL: none */
    sbx_members *members;
    sbx_trace *trace;   /* NULL: nothing is traced */
    sbx_kernel *kernel; /* NULL: Windows tells nothing */
    sbx_record record;
    sbx_follow follow;
} live_run;

void sbx_record_release(const char *lease)
{
    /* What cannot be taken away names a SID that no token will have again. */
    (void)!sbx_entries_release(lease, &sbx_target_os_real, NULL);
}

static void find_stdio(HANDLE out[3])
{
    static const DWORD standard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};

    for (int i = 0; i < 3; i++) {
        out[i] = GetStdHandle(standard[i]);
        if (out[i] == INVALID_HANDLE_VALUE)
            out[i] = NULL;
    }
}

/* The trace only looks: a run goes on without it, and its row says that nobody watched. */
static void watch(live_run *run)
{
    sbx_denials *denials = run->plan->watch_denials ? sbx_denials_create() : NULL;

    if (denials == NULL)
        return;
    run->trace = sbx_trace_create(run->plan, run->members, denials);
    if (run->trace == NULL) {
        sbx_denials_free(denials);
        return;
    }
    run->record.denials = denials;
    run->result->denials = denials; /* freed with it */
}

/* A copy that is counted is no terminal's. */
static sbx_status find_streams(live_run *run)
{
    uint64_t limit_bytes = run->plan->limits.value[SBX_LIMIT_OUTPUT];
    HANDLE plain[3];

    find_stdio(run->stdio);
    if (limit_bytes == SBX_UNLIMITED)
        sbx_terminal_look(&run->terminal, run->stdio);
    for (int fd = 0; fd < 3; fd++)
        plain[fd] = sbx_terminal_has(&run->terminal, run->stdio, fd) ? NULL : run->stdio[fd];
    return sbx_output_init(&run->output, limit_bytes, plain, sbx_job_port(run->job), run->err);
}

/* 1. Everything that can fail before there is anything on the host. */
static sbx_status prepare(live_run *run)
{
    const sbx_plan *plan = run->plan;
    sbx_job_options options = {.name = run->job_name, .allow_degraded = plan->allow_degraded};
    sbx_status st;

    if ((st = sbx_job_name(run->job_name, run->err)) != SBX_OK ||
        (st = sbx_job_create(&run->job, &plan->limits, &options, run->err)) != SBX_OK)
        return st;
    sbx_signals_post_to(sbx_job_port(run->job));
    sbx_describe_enforcers(run->result, plan, run->job);
    if ((st = find_streams(run)) != SBX_OK)
        return st;
    run->record.processes = sbx_processes_create();
    if (run->record.processes != NULL)
        run->members = sbx_members_create(run->record.processes, sbx_job_native(run->job));
    if (run->members == NULL)
        return sbx_fail_plain(run->err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for the watch");
    watch(run);
    run->launch.job = sbx_job_native(run->job);
    memcpy(run->launch.stdio, run->output.child, sizeof(run->launch.stdio));
    if (plan->identity == SBX_IDENTITY_SANDBOX)
        sbx_other_user_init(&run->other, &run->launch);
    st = sbx_launch_prepare(&run->launch, run->err);
    /* Tried just now; where it must hold that is a refusal, whose row says it too. */
    if (plan->walls[SBX_WALL_NET] && !run->other.remote.net_holds &&
        (st == SBX_OK || run->err->step == SBX_STEP_NET))
        sbx_describe_lack(run->result, SBX_WALL_NET);
    return st;
}

/* The record's own list: the launch goes before the record does. */
static sbx_status list_leases(live_run *run)
{
    const char *const *leases = sbx_launch_leases(&run->launch);
    size_t count = 0;

    while (leases != NULL && leases[count] != NULL)
        count++;
    if (count == 0)
        return SBX_OK;
    run->record.leases = calloc(count + 1, sizeof(*run->record.leases));
    if (run->record.leases == NULL)
        return sbx_fail_plain(run->err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "no memory for the leases");
    memcpy(run->record.leases, leases, count * sizeof(*leases));
    return SBX_OK;
}

/* What Windows itself tells is of the sandbox users alone. It only looks, too. */
static void listen(live_run *run, HANDLE port)
{
    sbx_denials *denials = run->record.denials;

    if (!run->plan->watch_denials || !run->plan->walls[SBX_WALL_UID] || run->launch.maker == NULL)
        return;
    if (denials == NULL && (denials = sbx_denials_create()) == NULL)
        return;
    run->kernel = sbx_kernel_open(run->plan, run->members, denials, run->other.remote.user, port);
    if (run->kernel == NULL && run->record.denials == NULL) {
        sbx_denials_free(denials);
        return;
    }
    run->record.denials = denials;
    run->result->denials = denials; /* freed with it */
}

/* On path B the runner makes it, between two pipes as for streams. */
static sbx_status open_terminal(live_run *run)
{
    sbx_launch *launch = &run->launch;
    bool is_ours = launch->maker == NULL;
    sbx_status st;

    if (!run->terminal.is_wanted)
        return SBX_OK;
    st = sbx_terminal_open(&run->terminal, is_ours ? launch->own_token : NULL, run->err);
    if (is_ours) {
        launch->terminal = run->terminal.pseudo;
    } else {
        launch->stdio[0] = run->terminal.command_in;
        launch->stdio[1] = run->terminal.command_out;
        launch->terminal_size = run->terminal.size;
    }
    return st;
}

/* 4. From here on the command runs. */
static sbx_status let_go(live_run *run)
{
    HANDLE port = sbx_job_port(run->job);
    sbx_status st = sbx_follow_watch(&run->wait, &run->launch, port, run->err);

    if (st == SBX_OK && run->launch.maker != NULL)
        st = sbx_other_user_streams(&run->other, &run->launch, port, run->err);
    if (st == SBX_OK && run->launch.maker != NULL && run->terminal.is_wanted)
        st = sbx_terminal_join(&run->terminal, sbx_other_user_resize, &run->other, run->err);
    if (st == SBX_OK)
        st = sbx_output_started(&run->output, run->err);
    if (st != SBX_OK)
        return st;
    sbx_members_add_first(run->members, &run->launch);
    sbx_job_started(run->job, run->launch.child.pid);
    if (run->trace != NULL)
        sbx_trace_begin(run->trace, &run->launch);
    listen(run, port);
    run->follow.go_ns = sbx_clock_monotonic_ns();
    return sbx_launch_go(&run->launch, run->err);
}

static sbx_status start(live_run *run)
{
    sbx_status st;

    if ((st = sbx_signals_take(run->err)) != SBX_OK || (st = prepare(run)) != SBX_OK ||
        (st = list_leases(run)) != SBX_OK)
        return st;
    /* 2. Durable before anything stands on the host: who is killed from here on leaves it to the next start. */
    if ((st = sbx_record_start(&run->record, run->result, run->err)) != SBX_OK)
        return st;
    run->result->events.cancelled_by = sbx_signals_next();
    if (run->result->events.cancelled_by != 0)
        return SBX_OK;
    if ((st = open_terminal(run)) != SBX_OK ||
        (st = sbx_launch_start(&run->launch, run->err)) != SBX_OK) /* 3 */
        return st;
    return let_go(run);
}

/* 5. While the command runs there is time for what must not delay it. */
static void follow(live_run *run)
{
    run->follow = (sbx_follow){.plan = run->plan,
                               .job = run->job,
                               .launch = &run->launch,
                               .output = &run->output,
                               .record = &run->record,
                               .members = run->members,
                               .trace = run->trace,
                               .kernel = run->kernel,
                               .events = &run->result->events,
                               .has_terminal = run->terminal.is_wanted,
                               .go_ns = run->follow.go_ns};
    sbx_follow_to_end(&run->follow);
    run->result->wall_ns = sbx_clock_monotonic_ns() - run->follow.go_ns;
}

static void note_exit(live_run *run)
{
    sbx_events *events = &run->result->events;
    DWORD code = 0;

    if (events->has_error || !GetExitCodeProcess(run->launch.child.process, &code))
        return;
    events->has_exit = true;
    events->exit_code = (int)code; /* all 32 bits */
}

static void keep_error(live_run *run, const sbx_error *error)
{
    if (run->result->events.has_error)
        return;
    run->result->events.has_error = true;
    run->result->events.error = *error;
}

/* Everybody is dead: what was denied is known, as far as it ever will be. */
static void finish_watch(live_run *run)
{
    sbx_text sources = {0};
    bool is_whole = true;

    if (run->trace != NULL) {
        sbx_text_add(&sources, sbx_denial_source_word(SBX_SOURCE_NTDLL));
        is_whole = sbx_trace_finish(run->trace);
    }
    sbx_members_end_all(run->members);
    if (run->kernel != NULL) {
        is_whole &= sbx_kernel_finish(run->kernel);
        sbx_kernel_add_sources(&sources, run->kernel);
    }
    (void)snprintf(run->result->audit_sources, sizeof(run->result->audit_sources), "%s",
                   sbx_text_string(&sources));
    /*
     * That nothing is missing cannot be told: a program can take the wrappers away, and the log does not say when
     * all of it is written.
     */
    if (run->trace != NULL || run->kernel != NULL)
        run->result->audit_complete = is_whole ? -1 : 0;
    sbx_text_done(&sources);
}

/* 6. Nothing of the job is alive when this is done, and what it used is known. */
static void take_down(live_run *run)
{
    sbx_events *events = &run->result->events;
    sbx_job_report report;
    sbx_error own;

    if (run->job == NULL)
        return;
    if (run->launch.has_go)
        run->result->leaked_processes = run->follow.has_ended ? sbx_members_alive(run->members) : 0;
    if (sbx_job_count_processes(run->job) != 0 &&
        sbx_job_kill(run->job, 5 * SBX_NS_PER_S, &own) != SBX_OK)
        keep_error(run, &own);
    if (!run->launch.has_go)
        return;
    finish_watch(run);
    sbx_job_check(run->job, sbx_clock_monotonic_ns(), &report);
    events->reached[SBX_LIMIT_MEMORY] |= report.memory_reached;
    events->reached[SBX_LIMIT_PROCESSES] |= report.processes_reached;
    sbx_job_read_usage(run->job, &run->result->usage);
    note_exit(run);
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

/* 7. What happened is decided and written down, when nothing is left on the host. */
static void conclude(live_run *run)
{
    sbx_result *result = run->result;
    sbx_events *events = &result->events;
    sbx_error own;

    if (run->wait != NULL)
        (void)UnregisterWaitEx(run->wait, INVALID_HANDLE_VALUE);
    result->ended_us = sbx_clock_utc_us();
    free(run->record.leases); /* what is in it goes with the launch */
    run->record.leases = NULL;
    if (sbx_launch_end(&run->launch, &own) != SBX_OK)
        keep_error(run, &own);
    if (events->has_error && events->error.step == SBX_STEP_EXEC) {
        events->not_found = events->error.status == SBX_NOT_FOUND;
        events->not_executable = events->error.status == SBX_NOT_EXECUTABLE;
    }
    if (run->record.processes != NULL) {
        result->processes_count = sbx_processes_count(run->record.processes);
        result->processes_lost = sbx_processes_lost(run->record.processes);
    }
    result->output_bytes = run->output.is_counted ? run->output.seen_bytes : SBX_UNLIMITED;
    result->output_truncated = run->output.is_truncated;
    result->verdict = sbx_verdict_of(events);
    sbx_record_end(&run->record, result);
}

static void free_run(live_run *run)
{
    sbx_signals_give_back();
    sbx_output_done(&run->output);
    sbx_record_close(&run->record);
    sbx_trace_free(run->trace);
    sbx_kernel_free(run->kernel);
    sbx_members_free(run->members);
    sbx_processes_free(run->record.processes);
    sbx_job_free(run->job);
}

void sbx_run(sbx_result *result, const sbx_plan *plan, const sbx_run_options *options)
{
    live_run run = {.plan = plan,
                    .result = result,
                    .terminal = {.os = &sbx_terminal_os_real,
                                 .target_os = &sbx_target_os_real,
                                 .must_hold = plan->walls[SBX_WALL_TOKEN]},
                    .launch = {.plan = plan, .os = &sbx_target_os_real},
                    .record = {.plan = plan,
                               .backend = "restricted_token",
                               .cancel = sbx_signals_came(),
                               .options = options}};

    if (plan->identity == SBX_IDENTITY_SANDBOX)
        run.record.backend = "sandbox_user";
    memset(result, 0, sizeof(*result));
    memcpy(result->run_id, plan->run_id, sizeof(result->run_id));
    sbx_usage_init(&result->usage);
    result->audit_complete = -1;
    result->started_us = sbx_clock_utc_us();
    sbx_describe_walls(result, plan);
    run.err = &result->events.error;
    if (start(&run) != SBX_OK)
        result->events.has_error = true;
    if (run.launch.has_go)
        follow(&run);
    take_down(&run);
    sbx_terminal_hang_up(&run.terminal);
    if (run.launch.has_go) {
        sbx_other_user_drain(&run.other, sbx_signals_came());
        sbx_terminal_drain(&run.terminal, sbx_signals_next);
        sbx_output_drain(&run.output);
        note_cut_output(&run);
    }
    sbx_other_user_done(&run.other);
    sbx_terminal_done(&run.terminal); /* its last writer is gone with that */
    conclude(&run);
    free_run(&run);
}
