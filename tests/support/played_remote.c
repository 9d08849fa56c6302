/* See played_remote.h. */
#include "tests/support/played_remote.h"

#include <stdio.h>
#include <string.h>

#include "harness/runner/windows/inside.h"
#include "tests/support/played_terminal.h"

enum { RUNNER_PID = 4711 };

played_runner_world played_runner;
static struct {
    sbx_text said; /* by the runner, not heard yet */
    sbx_protocol_reader reader;
    sbx_inside inside;
    sbx_os_process process;
    uint8_t nonce[SBX_PROTOCOL_NONCE_BYTES];
    sbx_handle handle[8]; /* the runner's, by their numbers / 4 */
    bool is_alive;
} runner;

static uint64_t number_of(sbx_handle handle)
{
    uint64_t i = 1;

    while (runner.handle[i] != NULL && runner.handle[i] != handle)
        i++;
    runner.handle[i] = handle;
    return 4 * i;
}

/* --- the runner --- */

static void as_runner(void)
{
    if (!played_runner.had_password)
        return;
    played.as_user = PLAYED_SANDBOX_USER;
    played.as_logon = PLAYED_SANDBOX_LOGON;
}

static void as_caller(void)
{
    played.as_user = PLAYED_CALLER;
    played.as_logon = PLAYED_LOGON;
}

static void end_runner(void)
{
    if (!runner.is_alive)
        return;
    runner.is_alive = false;
    sbx_inside_done(&runner.inside);
    sbx_text_done(&runner.said);
    sbx_protocol_reader_done(&runner.reader);
}

static void begin_runner(void)
{
    sbx_frame_hello hello = {.version = SBX_PROTOCOL_VERSION};
    sbx_error error;

    runner.is_alive = true;
    runner.inside = (sbx_inside){.os = &played_windows, .terminal_os = &played_terminal};
    sbx_protocol_reader_init(&runner.reader, SBX_SIDE_SBX);
    as_runner();
    if (sbx_inside_look(&runner.inside, &error) != SBX_OK) {
        sbx_protocol_add_failed(&runner.said, &error);
    } else if (!played_runner.says_nothing) {
        memcpy(hello.nonce, runner.nonce, sizeof(hello.nonce));
        hello.nonce[5] ^= played_runner.other_nonce;
        hello.version += played_runner.other_version;
        hello.user = played_runner.other_user ? "S-1-5-21-1-1-1-1" : runner.inside.own.user;
        hello.logon = runner.inside.own.logon;
        sbx_protocol_add_hello(&runner.said, &hello);
        if (played_runner.says_tried_unasked)
            sbx_protocol_add_tried(&runner.said, &(sbx_frame_tried){{0}});
        if (played_runner.talks_nonsense)
            runner.said.data[4] = 99;
    }
    as_caller();
}

/* The test's own look, which does not count as a call. */
static void look_at_list(void)
{
    sbx_os_list list = {.count = 0};
    played_world kept = played;

    played.fails_at = 0;
    (void)played_windows.read_default_list(&list, runner.inside.token);
    played = kept;
    for (size_t i = 0; i < list.count; i++) {
        played_runner.lists_group |= strcmp(list.ace[i].sid, PLAYED_GROUP) == 0;
        played_runner.lists_user |= strcmp(list.ace[i].sid, PLAYED_SANDBOX_USER) == 0;
    }
}

static void say_started(void)
{
    sbx_os_process *child = &runner.inside.child;
    sbx_frame_started started = {.pid = child->pid + played_runner.other_child};

    if (played_runner.other_process) { /* one that is in no job, under the right number */
        played_windows.close(child->process);
        played_windows.close(child->thread);
        *child = played_new_runner(child->pid);
    }
    look_at_list();
    started.process = number_of(child->process);
    started.thread = number_of(child->thread);
    sbx_protocol_add_started(&runner.said, &started);
}

/* As the system has it: what there is no door for is not tried. */
static void on_try(const sbx_frame_try *where)
{
    sbx_frame_tried tried;

    memcpy(tried.answer, played_runner.net_answer, sizeof(tried.answer));
    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        if (played_runner.has_no_ipv6 && i >= SBX_NET_TRIES / 2)
            tried.answer[i] = SBX_NET_NO_FAMILY;
    if (where->port[2] == 0)
        tried.answer[SBX_NET_CONNECT6] = SBX_NET_NO_DOOR;
    if (where->port[3] == 0)
        tried.answer[SBX_NET_SEND6] = SBX_NET_NO_DOOR;
    played_runner.was_tried = true;
    played_runner.had_doors_open = played_runner.open_doors > 0;
    if (played_runner.tries_nothing) {
        sbx_protocol_add_started(&runner.said,
                                 &(sbx_frame_started){.pid = 1, .process = 4, .thread = 8});
        return;
    }
    sbx_protocol_add_tried(&runner.said, &tried);
}

static void on_start(const sbx_frame_start *start)
{
    static const sbx_handle stdio[3];
    sbx_handle job = runner.handle[start->job / 4];
    sbx_error error;

    as_runner();
    if (sbx_inside_make(&runner.inside, start, job, stdio, &error) == SBX_OK)
        say_started();
    else
        sbx_protocol_add_failed(&runner.said, &error);
    as_caller();
}

/* --- the table --- */

static sbx_os_code find_account(char out[SBX_OS_SID_BYTES], const char *name)
{
    if (played_fails("find_account"))
        return PLAYED_FAILURE;
    (void)snprintf(out, SBX_OS_SID_BYTES, "%s",
                   strcmp(name, "SbxUsers") == 0 ? PLAYED_GROUP : PLAYED_SANDBOX_USER);
    return 0;
}

static sbx_os_code make_pipe(sbx_handle *out, const char *name, const sbx_ace *aces, size_t count)
{
    if (played_fails("make_pipe"))
        return PLAYED_FAILURE;
    for (size_t i = 0; i < SBX_PROTOCOL_NONCE_BYTES; i++) {
        unsigned byte = 0;

        (void)sscanf(name + strlen("\\\\.\\pipe\\sbx-") + 2 * i, "%2x", &byte);
        runner.nonce[i] = (uint8_t)byte;
    }
    *out = played_new_pipe(aces, played_runner.forgets_pipe_list ? 0 : count);
    return 0;
}

static sbx_os_code read_pipe_list(sbx_os_list *out, sbx_handle pipe)
{
    return played_windows.read_list(out, pipe);
}

static sbx_os_code await_client(sbx_handle pipe, sbx_handle process, unsigned timeout_ms)
{
    (void)pipe;
    (void)timeout_ms;
    if (played_fails("await_client"))
        return PLAYED_FAILURE;
    if (!played_is_let_go(process))
        return SBX_OS_TIMEOUT;
    begin_runner();
    return 0;
}

static sbx_os_code client_pid(uint32_t *out, sbx_handle pipe)
{
    (void)pipe;
    if (played_fails("client_pid"))
        return PLAYED_FAILURE;
    *out = played_runner.other_client ? RUNNER_PID + 1 : RUNNER_PID;
    return 0;
}

/* In small pieces, as a pipe may. */
static sbx_os_code read_pipe(sbx_handle pipe, void *data, size_t room, size_t *out_bytes,
                             unsigned timeout_ms)
{
    size_t bytes = runner.said.bytes < room ? runner.said.bytes : room;

    (void)pipe;
    (void)timeout_ms;
    if (played_fails("read_pipe"))
        return PLAYED_FAILURE;
    if (bytes == 0)
        return SBX_OS_TIMEOUT;
    if (bytes > 7)
        bytes = 7;
    memcpy(data, runner.said.data, bytes);
    memmove(runner.said.data, runner.said.data + bytes, runner.said.bytes - bytes);
    runner.said.bytes -= bytes;
    *out_bytes = bytes;
    return 0;
}

static sbx_os_code write_pipe(sbx_handle pipe, const void *data, size_t bytes, unsigned timeout_ms)
{
    const uint8_t *at = data;

    (void)pipe;
    (void)timeout_ms;
    if (played_fails("write_pipe"))
        return PLAYED_FAILURE;
    while (bytes > 0) {
        sbx_frame frame;
        size_t used;
        bool has;

        if (sbx_protocol_read(&runner.reader, at, bytes, &used, &frame, &has, NULL) != SBX_OK)
            return SBX_OS_PIPE_ENDED;
        if (has && frame.kind == SBX_FRAME_TRY)
            on_try(&frame.try);
        if (has && frame.kind == SBX_FRAME_START)
            on_start(&frame.start);
        at += used;
        bytes -= used;
    }
    return 0;
}

static sbx_os_code make_own_job(sbx_handle *out)
{
    if (played_fails("make_own_job"))
        return PLAYED_FAILURE;
    *out = played_new_job();
    return 0;
}

static sbx_os_code read_own_job(bool *out_holds, sbx_handle job)
{
    (void)job;
    if (played_fails("read_own_job"))
        return PLAYED_FAILURE;
    *out_holds = !played_runner.forgets_own_job;
    return 0;
}

static sbx_os_code make_runner(sbx_os_process *out, const sbx_remote_account *account,
                               const char *pipe_name)
{
    if (played_fails("make_runner"))
        return PLAYED_FAILURE;
    if (strstr(pipe_name, PLAYED_PASSWORD) != NULL)
        return SBX_OS_DENIED;
    if (account->name != NULL && strcmp(account->password, PLAYED_PASSWORD) != 0)
        return SBX_OS_LOGON_FAILED;
    played_runner.had_password = account->name != NULL;
    *out = runner.process = played_new_runner(RUNNER_PID);
    return 0;
}

static sbx_os_code enter_job(sbx_handle job, sbx_handle process)
{
    if (played_fails("enter_job"))
        return PLAYED_FAILURE;
    if (!played_runner.leaves_own_job)
        played_enter_job(process, job);
    played.in_job = job;
    return 0;
}

static sbx_os_code give_handle(uint64_t *out, sbx_handle process, sbx_handle handle,
                               uint32_t rights)
{
    (void)process;
    if (played_fails("give_handle"))
        return PLAYED_FAILURE;
    played_runner.job_rights = rights;
    *out = number_of(handle);
    return 0;
}

/* The runner forgets what was taken. */
static sbx_os_code take_handle(sbx_handle *out, sbx_handle process, uint64_t value)
{
    (void)process;
    if (played_fails("take_handle"))
        return PLAYED_FAILURE;
    *out = runner.handle[value / 4];
    if (runner.inside.child.process == *out)
        runner.inside.child.process = NULL;
    if (runner.inside.child.thread == *out)
        runner.inside.child.thread = NULL;
    return 0;
}

static sbx_os_code process_pid(uint32_t *out, sbx_handle process)
{
    (void)process;
    if (played_fails("process_pid"))
        return PLAYED_FAILURE;
    *out = 42; /* played_windows.make_process() */
    return 0;
}

static sbx_os_code open_doors(sbx_net_doors *out)
{
    if (played_fails("open_doors"))
        return PLAYED_FAILURE;
    *out = (sbx_net_doors){.port = {50001, 50002}, .has_ipv6 = !played_runner.has_no_ipv6};
    played_runner.open_doors = 2;
    if (played_runner.has_no_ipv6 || played_runner.has_no_ipv6_loopback)
        return 0;
    out->port[2] = 50003;
    out->port[3] = 50004;
    played_runner.open_doors = 4;
    return 0;
}

static sbx_os_code count_arrivals(unsigned *out, const sbx_net_doors *doors)
{
    (void)doors;
    if (played_fails("count_arrivals"))
        return PLAYED_FAILURE;
    *out = played_runner.arrivals;
    return 0;
}

static void close_doors(sbx_net_doors *doors)
{
    *doors = (sbx_net_doors){.has_ipv6 = false};
    played_runner.open_doors = 0;
}

static void wipe(void *data, size_t bytes)
{
    memset(data, 0, bytes);
    played_runner.is_wiped = true;
}

const sbx_remote_os played_remote = {
    .find_account = find_account,
    .make_pipe = make_pipe,
    .read_pipe_list = read_pipe_list,
    .await_client = await_client,
    .client_pid = client_pid,
    .read_pipe = read_pipe,
    .write_pipe = write_pipe,
    .make_own_job = make_own_job,
    .read_own_job = read_own_job,
    .make_runner = make_runner,
    .enter_job = enter_job,
    .give_handle = give_handle,
    .take_handle = take_handle,
    .process_pid = process_pid,
    .open_doors = open_doors,
    .count_arrivals = count_arrivals,
    .close_doors = close_doors,
    .wipe = wipe,
};

void played_remote_reset(void)
{
    end_runner();
    memset(&played_runner, 0, sizeof(played_runner));
    memset(&runner, 0, sizeof(runner));
    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        played_runner.net_answer[i] = SBX_NET_DENIED;
    played_reset();
    played.on_job_end = end_runner;
}

sbx_status played_load_password(char *out, size_t room, const char *account, sbx_error *err)
{
    (void)account;
    if (played_fails("load_password"))
        return sbx_fail(err, SBX_IO, SBX_STEP_IDENTITY, SBX_OS_WIN32, PLAYED_FAILURE,
                        "load the password");
    (void)snprintf(out, room, "%s", PLAYED_PASSWORD);
    return SBX_OK;
}
