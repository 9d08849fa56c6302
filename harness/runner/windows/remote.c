/*
 * The order of a runner's start, which is the point of it:
 *
 *   the account - the pipe, open to that user alone - the job that it cannot leave - the process, suspended -
 *   closed to its own user - in the job - its first instruction - it comes to the pipe: is it that process? is it that
 *   user? does it know the nonce? - is the network closed to it?
 *
 * Suspended until it is closed and in the job: a command of another run is the same user, and would read or change it.
 */
#include "harness/runner/windows/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"

enum { CONNECT_MS = 30000, ANSWER_MS = 60000, WRITE_MS = 30000 };

#define JOB_ASSIGN_AND_QUERY UINT32_C(0x5)
/* What a client asks for to read and write; neither more ends of the pipe nor its list. */
#define CLIENT_RIGHTS                                                                              \
    (SBX_RIGHT_READ_DATA | SBX_RIGHT_WRITE_DATA | SBX_RIGHT_READ_ATTRIBUTES |                      \
     SBX_RIGHT_WRITE_ATTRIBUTES | SBX_RIGHT_READ_CONTROL | SBX_RIGHT_SYNCHRONIZE)

static sbx_status refuse(sbx_error *err, sbx_step step, const char *what)
{
    return sbx_fail_plain(err, SBX_REFUSED, step, "%s", what);
}

/* --- who --- */

static sbx_status find_accounts(sbx_remote *remote, const char *caller,
                                char out_group[SBX_OS_SID_BYTES], sbx_error *err)
{
    sbx_os_code code;

    out_group[0] = '\0';
    if (remote->account == NULL) {
        (void)snprintf(remote->user, sizeof(remote->user), "%s", caller);
        return SBX_OK;
    }
    if ((code = remote->os->find_account(remote->user, remote->account)) != 0)
        return sbx_fail_os(err, SBX_NOT_FOUND, SBX_STEP_IDENTITY, code,
                           "find the sandbox user %s (sbx-setup install makes it)",
                           remote->account);
    if ((code = remote->os->find_account(out_group, remote->group)) != 0)
        return sbx_fail_os(err, SBX_NOT_FOUND, SBX_STEP_IDENTITY, code,
                           "find the group %s (sbx-setup install makes it)", remote->group);
    memcpy(remote->group_sid, out_group, sizeof(remote->group_sid));
    if (strcmp(remote->user, caller) == 0)
        return refuse(err, SBX_STEP_IDENTITY,
                      "sbx.exe runs as a sandbox user itself, who must own nothing");
    return SBX_OK;
}

/* --- the pipe and the job --- */

static sbx_status make_pipe(sbx_remote *remote, sbx_error *err)
{
    sbx_ace aces[] = {{SBX_ACE_ALLOW, CLIENT_RIGHTS, 0, remote->user},
                      {SBX_ACE_ALLOW, SBX_RIGHT_READ_CONTROL, 0, SBX_SID_OWNER_RIGHTS}};
    sbx_os_list found = {.count = 0};
    size_t used;
    sbx_os_code code;
    sbx_status st = sbx_random_bytes(remote->nonce, sizeof(remote->nonce), err);

    if (st != SBX_OK)
        return st;
    used = (size_t)snprintf(remote->pipe_name, sizeof(remote->pipe_name), "\\\\.\\pipe\\sbx-");
    for (size_t i = 0; i < sizeof(remote->nonce); i++)
        used += (size_t)snprintf(remote->pipe_name + used, sizeof(remote->pipe_name) - used, "%02x",
                                 remote->nonce[i]);
    code = remote->os->make_pipe(&remote->pipe, remote->pipe_name, aces, SBX_COUNT_OF(aces));
    if (code == 0)
        code = remote->os->read_pipe_list(&found, remote->pipe);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "make the pipe for sbx-runner.exe");
    if (remote->must_hold && !sbx_token_list_is(&found, aces, SBX_COUNT_OF(aces)))
        return refuse(err, SBX_STEP_IDENTITY,
                      "who may open the pipe to sbx-runner.exe did not read back as it was set: "
                      "this system does not hold it");
    return SBX_OK;
}

static sbx_status make_own_job(sbx_remote *remote, sbx_error *err)
{
    bool holds = false;
    sbx_os_code code = remote->os->make_own_job(&remote->own_job);

    if (code == 0)
        code = remote->os->read_own_job(&holds, remote->own_job);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_JOB, code, "make the job of sbx-runner.exe");
    if (!holds && remote->job_must_hold)
        return refuse(err, SBX_STEP_JOB,
                      "the job of sbx-runner.exe did not read back as it was set: it could outlive "
                      "its sbx.exe");
    return SBX_OK;
}

/* --- the process --- */

static sbx_status explain_start(const sbx_remote *remote, sbx_os_code code, sbx_error *err)
{
    const char *name = remote->account == NULL ? "you" : remote->account;

    if (code == SBX_OS_LOGON_FAILED)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code,
                           "start sbx-runner.exe as %s (its password is another one than was kept: "
                           "sbx-setup repair makes a new one)",
                           name);
    return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code,
                       "start sbx-runner.exe as %s (who must be able to read and run it)", name);
}

/* The password is in this function and in the system's call, and nowhere else. */
static sbx_status start_process(sbx_remote *remote, sbx_error *err)
{
    char password[SBX_PASSWORD_BYTES] = "";
    sbx_remote_account account = {.name = remote->account};
    sbx_os_code code = 0;
    sbx_status st = SBX_OK;

    if (remote->account != NULL) {
        st = remote->load_password(password, sizeof(password), remote->account, err);
        account.password = password;
    }
    if (st == SBX_OK)
        code = remote->os->make_runner(&remote->runner, &account, remote->pipe_name);
    remote->os->wipe(password, sizeof(password));
    if (code != 0)
        remote->runner = (sbx_os_process){0};
    return code == 0 ? st : explain_start(remote, code, err);
}

static sbx_status close_to_its_user(sbx_remote *remote, sbx_error *err)
{
    sbx_ace aces[SBX_TOKEN_ACES_MAX];
    size_t count = sbx_guard_aces(aces, remote->user);

    return sbx_token_guard(remote->runner.process, aces, count, remote->must_hold,
                           remote->target_os, err);
}

static sbx_status put_into_job(sbx_remote *remote, sbx_error *err)
{
    bool is_in = false;
    sbx_os_code code = remote->os->enter_job(remote->own_job, remote->runner.process);

    if (code == 0)
        code = remote->target_os->is_in_job(&is_in, remote->runner.process, remote->own_job);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_JOB, code, "put sbx-runner.exe into its job");
    if (!is_in)
        return refuse(err, SBX_STEP_JOB,
                      "sbx-runner.exe is not in its job: it could outlive its sbx.exe");
    return SBX_OK;
}

/* --- hearing and saying --- */

/* The next frame, and not a byte of what comes behind it. */
static sbx_status await_frame(sbx_remote *remote, sbx_frame *out, sbx_error *err)
{
    uint8_t data[4096];
    bool has = false;

    while (!has) {
        size_t wanted = sbx_protocol_wanted(&remote->reader), bytes = 0, used = 0;
        sbx_os_code code = 0;
        sbx_status st;

        if (wanted > 0)
            code = remote->os->read_pipe(remote->pipe, data,
                                         wanted < sizeof(data) ? wanted : sizeof(data), &bytes,
                                         ANSWER_MS);
        if (code != 0)
            return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "hear of sbx-runner.exe");
        st = sbx_protocol_read(&remote->reader, data, bytes, &used, out, &has, err);
        if (st != SBX_OK)
            return st;
    }
    if (out->kind == SBX_FRAME_FAILED) {
        if (err != NULL)
            *err = out->failed;
        return out->failed.status;
    }
    return SBX_OK;
}

static sbx_status say(sbx_remote *remote, sbx_text *frame, sbx_error *err)
{
    sbx_os_code code = 0;
    sbx_status st = SBX_OK;

    if (frame->failed)
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_SPAWN,
                            "the command line and the environment are too long to be handed to "
                            "sbx-runner.exe");
    else
        code = remote->os->write_pipe(remote->pipe, frame->data, frame->bytes, WRITE_MS);
    if (code != 0)
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "tell sbx-runner.exe what to run");
    sbx_text_done(frame);
    return st;
}

static sbx_status check_hello(sbx_remote *remote, const sbx_frame_hello *hello, sbx_error *err)
{
    if (hello->version != SBX_PROTOCOL_VERSION)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_SPAWN,
                              "sbx-runner.exe is of another release than sbx.exe (protocol %u, not "
                              "%u): install both together",
                              (unsigned)hello->version, (unsigned)SBX_PROTOCOL_VERSION);
    if (memcmp(hello->nonce, remote->nonce, sizeof(remote->nonce)) != 0)
        return refuse(err, SBX_STEP_IDENTITY,
                      "who came to the pipe of sbx-runner.exe does not know what that was told");
    if (strcmp(hello->user, remote->user) != 0 || strlen(hello->logon) >= SBX_OS_SID_BYTES)
        return refuse(err, SBX_STEP_IDENTITY,
                      "sbx-runner.exe is another user than it was started as");
    remote->who = (sbx_os_token){.restricting_count = 0};
    (void)snprintf(remote->who.user, sizeof(remote->who.user), "%s", hello->user);
    (void)snprintf(remote->who.logon, sizeof(remote->who.logon), "%s", hello->logon);
    return SBX_OK;
}

static sbx_status greet(sbx_remote *remote, sbx_error *err)
{
    uint32_t pid = 0;
    sbx_frame frame;
    sbx_os_code code = remote->target_os->resume(remote->runner.thread);
    sbx_status st;

    if (code == 0)
        code = remote->os->await_client(remote->pipe, remote->runner.process, CONNECT_MS);
    if (code == 0)
        code = remote->os->client_pid(&pid, remote->pipe);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "wait for sbx-runner.exe");
    if (pid != remote->runner.pid)
        return refuse(err, SBX_STEP_IDENTITY, "somebody else than sbx-runner.exe came to its pipe");
    sbx_protocol_reader_init(&remote->reader, SBX_SIDE_RUNNER);
    if ((st = await_frame(remote, &frame, err)) != SBX_OK)
        return st;
    return check_hello(remote, &frame.hello, err);
}

/* --- the network --- */

/* *out_wall: what it proves. Fails where the conversation itself does. */
static sbx_status ask_to_try(sbx_remote *remote, const sbx_net_doors *doors, sbx_status *out_wall,
                             sbx_error *err)
{
    const char *who = remote->account == NULL ? "you" : remote->account;
    sbx_frame_try where;
    sbx_text frame = {0};
    sbx_frame answer;
    unsigned arrivals = 0;
    sbx_os_code code;
    sbx_status st;

    memcpy(where.port, doors->port, sizeof(where.port));
    sbx_protocol_add_try(&frame, &where);
    sbx_protocol_reader_ask(&remote->reader);
    if ((st = say(remote, &frame, err)) != SBX_OK ||
        (st = await_frame(remote, &answer, err)) != SBX_OK)
        return st;
    if ((code = remote->os->count_arrivals(&arrivals, doors)) != 0)
        *out_wall = sbx_fail_os(&remote->net_error, SBX_REFUSED, SBX_STEP_NET, code,
                                "net: look whether %s came to the sockets", who);
    else
        *out_wall = sbx_net_judge(answer.tried.answer, doors, arrivals, who, &remote->net_error);
    return SBX_OK;
}

/* Before there is anything of the command, and by the user that it will be. */
static sbx_status try_network(sbx_remote *remote, sbx_error *err)
{
    sbx_net_doors doors = {.has_ipv6 = false};
    sbx_status wall = SBX_REFUSED, st = SBX_OK;
    sbx_os_code code = remote->os->open_doors(&doors);

    if (code != 0)
        (void)sbx_fail_os(
            &remote->net_error, SBX_REFUSED, SBX_STEP_NET, code,
            "net: open the sockets by which it is tried whether the network is closed");
    else
        st = ask_to_try(remote, &doors, &wall, err);
    remote->os->close_doors(&doors);
    remote->net_holds = st == SBX_OK && wall == SBX_OK;
    if (st != SBX_OK || remote->net_holds || !remote->net_must_hold)
        return st;
    if (err != NULL)
        *err = remote->net_error;
    return wall;
}

sbx_status sbx_remote_open(sbx_remote *remote, const char *caller, char out_group[SBX_OS_SID_BYTES],
                           sbx_error *err)
{
    sbx_status st;

    if ((st = find_accounts(remote, caller, out_group, err)) != SBX_OK ||
        (st = make_pipe(remote, err)) != SBX_OK || (st = make_own_job(remote, err)) != SBX_OK ||
        (st = start_process(remote, err)) != SBX_OK ||
        (st = close_to_its_user(remote, err)) != SBX_OK ||
        (st = put_into_job(remote, err)) != SBX_OK || (st = greet(remote, err)) != SBX_OK)
        return st;
    return remote->tries_net ? try_network(remote, err) : SBX_OK;
}

/* --- the command's process --- */

static sbx_status ask(sbx_remote *remote, const sbx_os_wish *wish, const char *run_sid,
                      const char *caller, uint64_t job, sbx_error *err)
{
    sbx_frame_start start = {.version = SBX_PROTOCOL_VERSION,
                             .job = job,
                             .must_hold = remote->must_hold,
                             .allows_everyone = remote->allows_everyone,
                             .run_sid = run_sid,
                             .overseer = caller,
                             .group = remote->group_sid,
                             .program = wish->program,
                             .line = wish->command_line,
                             .cwd = wish->cwd,
                             .desktop = wish->desktop != NULL ? wish->desktop : "",
                             .terminal = {wish->terminal_size.columns, wish->terminal_size.rows}};
    sbx_text env = {0}, frame = {0};
    sbx_status st;

    for (const char *const *each = wish->env; *each != NULL; each++)
        sbx_text_add_bytes(&env, *each, strlen(*each) + 1);
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++)
        start.is_open[i] = wish->stdio[i] != NULL;
    start.env = sbx_text_string(&env);
    start.env_bytes = env.bytes;
    sbx_protocol_add_start(&frame, &start);
    sbx_protocol_reader_open(&remote->reader, start.is_open);
    frame.failed |= env.failed;
    st = say(remote, &frame, err);
    sbx_text_done(&env);
    return st;
}

static sbx_status take(sbx_remote *remote, sbx_os_process *out, const sbx_frame_started *started,
                       sbx_error *err)
{
    const sbx_remote_os *os = remote->os;
    uint32_t pid = 0;
    sbx_os_code code = os->take_handle(&out->process, remote->runner.process, started->process);

    if (code == 0)
        code = os->take_handle(&out->thread, remote->runner.process, started->thread);
    if (code == 0)
        code = os->process_pid(&pid, out->process);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code,
                           "take the command's process over from sbx-runner.exe");
    out->pid = pid;
    if (pid != started->pid)
        return refuse(err, SBX_STEP_SPAWN,
                      "sbx-runner.exe handed over another process than it said");
    return SBX_OK;
}

sbx_status sbx_remote_make(sbx_remote *remote, sbx_os_process *out, const sbx_os_wish *wish,
                           const char *run_sid, const char *caller, sbx_error *err)
{
    uint64_t job = 0;
    sbx_frame frame;
    sbx_os_code code =
        remote->os->give_handle(&job, remote->runner.process, wish->job, JOB_ASSIGN_AND_QUERY);
    sbx_status st;

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_JOB, code,
                           "let sbx-runner.exe put a process into the job");
    if ((st = ask(remote, wish, run_sid, caller, job, err)) != SBX_OK ||
        (st = await_frame(remote, &frame, err)) != SBX_OK)
        return st;
    return take(remote, out, &frame.started, err);
}

void sbx_remote_close(sbx_remote *remote)
{
    const sbx_target_os *os = remote->target_os;

    /* The job first: with its last handle the runner ends, whatever else fails. */
    if (remote->own_job != NULL)
        os->close(remote->own_job);
    if (remote->runner.process != NULL) {
        (void)os->end_process(remote->runner.process);
        os->close(remote->runner.process);
    }
    if (remote->runner.thread != NULL)
        os->close(remote->runner.thread);
    if (remote->pipe != NULL)
        os->close(remote->pipe);
    sbx_protocol_reader_done(&remote->reader);
    remote->own_job = remote->pipe = NULL;
    remote->runner = (sbx_os_process){0};
}

static sbx_status open_for_launch(void *context, const char *caller, sbx_os_token *out_who,
                                  char out_group[SBX_OS_SID_BYTES], sbx_error *err)
{
    sbx_remote *remote = context;
    sbx_status st = sbx_remote_open(remote, caller, out_group, err);

    if (st == SBX_OK)
        *out_who = remote->who;
    return st;
}

static sbx_status make_for_launch(void *context, sbx_os_process *out, const sbx_os_wish *wish,
                                  const char *run_sid, const char *caller, sbx_error *err)
{
    return sbx_remote_make(context, out, wish, run_sid, caller, err);
}

sbx_launch_maker sbx_remote_maker(sbx_remote *remote)
{
    return (sbx_launch_maker){remote, open_for_launch, make_for_launch};
}
