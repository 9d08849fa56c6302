/*
 * sbx-runner.exe: the process that is the sandbox user, and makes the command's process for sbx.exe, which started it.
 *
 *   the pipe, whose server must be who started us - HELLO - (TRY - is the network closed to us? - TRIED) - START - the
 *   process (inside.c) - STARTED - the streams, until the pipe ends, and we with it
 *
 * It decides nothing: job, limits, clocks and the end are sbx.exe's. What it is given on its command line is public:
 * the pipe's name, which is of use to this process alone, and the number of its sbx.exe.
 */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "harness/runner/windows/inside.h"
#include "harness/runner/windows/pipe.h"
#include "harness/runner/windows/relay.h"

enum { NAME_UNITS = 80, NAME_AT = 13, ANSWER_MS = 60000, FAILED = 125, STREAMS = 3 };

typedef struct runner {
    HANDLE pipe;
    wchar_t name[NAME_UNITS]; /* of the pipe: its last part is the nonce */
    DWORD parent;
    sbx_inside inside;
    sbx_protocol_reader reader;
    HANDLE local[STREAMS], child[STREAMS];
    SRWLOCK terminal_lock; /* of inside.terminal, once the streams run */
} runner;

/* Exactly "sbx-runner \\.\pipe\sbx-<32 digits> <number>". */
static bool read_command_line(runner *self)
{
    wchar_t line[2 * NAME_UNITS];
    unsigned long parent = 0;

    if (swscanf(GetCommandLineW(), L"sbx-runner %79ls %lu", self->name, &parent) != 2 ||
        wcslen(self->name) != NAME_AT + 2 * SBX_PROTOCOL_NONCE_BYTES ||
        wcsncmp(self->name, L"\\\\.\\pipe\\sbx-", NAME_AT) != 0 ||
        wcsspn(self->name + NAME_AT, L"0123456789abcdef") != 2 * SBX_PROTOCOL_NONCE_BYTES)
        return false;
    self->parent = parent;
    return swprintf(line, SBX_COUNT_OF(line), L"sbx-runner %ls %lu", self->name, parent) > 0 &&
           wcscmp(line, GetCommandLineW()) == 0;
}

static uint8_t digit(wchar_t at)
{
    return (uint8_t)(at <= L'9' ? at - L'0' : at - L'a' + 10);
}

/* The server may learn who we are, and not become us. */
static bool open_pipe(runner *self)
{
    ULONG server = 0;

    self->pipe =
        CreateFileW(self->name,
                    FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES |
                        FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
                    0, NULL, OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    return self->pipe != INVALID_HANDLE_VALUE && GetNamedPipeServerProcessId(self->pipe, &server) &&
           server == self->parent;
}

/* --- speaking --- */

static bool say(runner *self, sbx_text *frame)
{
    bool ok =
        !frame->failed && sbx_pipe_write(self->pipe, frame->data, frame->bytes, ANSWER_MS) == 0;

    sbx_text_done(frame);
    return ok;
}

static bool say_failed(runner *self, const sbx_error *error)
{
    sbx_text frame = {0};

    sbx_protocol_add_failed(&frame, error);
    return say(self, &frame);
}

static bool greet(runner *self)
{
    sbx_frame_hello hello = {.version = SBX_PROTOCOL_VERSION};
    sbx_text frame = {0};
    sbx_error error;

    if (sbx_inside_look(&self->inside, &error) != SBX_OK) {
        (void)say_failed(self, &error);
        return false;
    }
    for (size_t i = 0; i < SBX_PROTOCOL_NONCE_BYTES; i++)
        hello.nonce[i] = (uint8_t)(digit(self->name[NAME_AT + 2 * i]) << 4 |
                                   digit(self->name[NAME_AT + 2 * i + 1]));
    hello.user = self->inside.own.user;
    hello.logon = self->inside.own.logon;
    sbx_protocol_add_hello(&frame, &hello);
    return say(self, &frame);
}

/* No byte of what comes behind it. */
static bool await_frame(runner *self, sbx_frame *out)
{
    uint8_t data[4096];
    bool has = false;

    while (!has) {
        size_t wanted = sbx_protocol_wanted(&self->reader), bytes = 0, used = 0;

        if (sbx_pipe_read(self->pipe, data, wanted < sizeof(data) ? wanted : sizeof(data), &bytes,
                          ANSWER_MS) != 0 ||
            sbx_protocol_read(&self->reader, data, bytes, &used, out, &has, NULL) != SBX_OK)
            return false;
    }
    return true;
}

/* With the privileges and the token that we have: filters ask for the user, and the command is the same one. */
static bool try_network(runner *self, const sbx_frame_try *where)
{
    sbx_frame_tried tried;
    sbx_text frame = {0};

    sbx_net_try_all(tried.answer, where->port);
    sbx_protocol_add_tried(&frame, &tried);
    return say(self, &frame);
}

static bool await_start(runner *self, sbx_frame *out)
{
    if (!await_frame(self, out))
        return false;
    if (out->kind == SBX_FRAME_TRY && (!try_network(self, &out->try) || !await_frame(self, out)))
        return false;
    return out->kind == SBX_FRAME_START && out->start.version == SBX_PROTOCOL_VERSION;
}

/* --- the process --- */

static void close_all(HANDLE handle[STREAMS])
{
    for (int i = 0; i < STREAMS; i++) {
        if (handle[i] != NULL)
            CloseHandle(handle[i]);
        handle[i] = NULL;
    }
}

static sbx_status make_pipes(runner *self, const sbx_frame_start *start, sbx_error *err)
{
    for (int i = 0; i < STREAMS; i++) {
        HANDLE *from = i == 0 ? &self->child[i] : &self->local[i];
        HANDLE *to = i == 0 ? &self->local[i] : &self->child[i];

        if (start->is_open[i] && !CreatePipe(from, to, NULL, SBX_PROTOCOL_DATA_MAX))
            return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, GetLastError(),
                               "make a pipe for the command's streams");
    }
    return SBX_OK;
}

static bool make_process(runner *self, const sbx_frame_start *start)
{
    HANDLE job = (HANDLE)(uintptr_t)start->job;
    sbx_handle stdio[STREAMS];
    sbx_text frame = {0};
    sbx_error error;
    sbx_status st = make_pipes(self, start, &error);

    memcpy(stdio, self->child, sizeof(stdio));
    if (st == SBX_OK)
        st = sbx_inside_make(&self->inside, start, job, stdio, &error);
    close_all(self->child); /* or their ends would never be heard of */
    CloseHandle(job);
    if (st != SBX_OK) {
        (void)say_failed(self, &error);
        return false;
    }
    sbx_protocol_add_started(&frame,
                             &(sbx_frame_started){.pid = self->inside.child.pid,
                                                  .process = (uintptr_t)self->inside.child.process,
                                                  .thread = (uintptr_t)self->inside.child.thread});
    self->inside.child = (sbx_os_process){0}; /* sbx.exe takes them, and closes them here */
    return say(self, &frame);
}

/* Nobody is left who could tell us anything: threads and handles go with us. */
static void end_at_once(void *context)
{
    (void)context;
    ExitProcess(0);
}

static void resize(void *context, uint16_t columns, uint16_t rows)
{
    runner *self = context;

    AcquireSRWLockExclusive(&self->terminal_lock);
    if (self->inside.terminal != NULL)
        self->inside.terminal_os->resize_pseudo(self->inside.terminal,
                                                &(sbx_os_size){columns, rows});
    ReleaseSRWLockExclusive(&self->terminal_lock);
}

/* Nothing is typed any more: the job is dead. What the terminal has still to say is read by another thread. */
static void hang_up(void *context)
{
    runner *self = context;
    sbx_handle terminal;

    AcquireSRWLockExclusive(&self->terminal_lock);
    terminal = self->inside.terminal;
    self->inside.terminal = NULL;
    ReleaseSRWLockExclusive(&self->terminal_lock);
    if (terminal != NULL)
        self->inside.terminal_os->close_pseudo(terminal);
}

static bool follow(runner *self)
{
    bool has_terminal = self->inside.terminal != NULL;
    sbx_relay_options options = {.side = SBX_SIDE_RUNNER,
                                 .pipe = self->pipe,
                                 .reader = &self->reader,
                                 .on_end = end_at_once,
                                 .on_input_end = has_terminal ? hang_up : NULL,
                                 .on_size = has_terminal ? resize : NULL,
                                 .context = self};
    sbx_relay *relay = NULL;

    memcpy(options.local, self->local, sizeof(options.local));
    if (sbx_relay_start(&relay, &options, NULL) != SBX_OK)
        return false;
    sbx_relay_await_end(relay);
    return true;
}

int main(void)
{
    static runner self = {
        .inside = {.os = &sbx_target_os_real, .terminal_os = &sbx_terminal_os_real},
        .terminal_lock = SRWLOCK_INIT};
    sbx_frame frame;

    /* Libraries come from the system's folder and from nowhere else. */
    (void)SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
    (void)SetDllDirectoryW(L"");
    if (!read_command_line(&self) || !open_pipe(&self))
        return FAILED; /* not from an sbx.exe: there is nobody to tell */
    sbx_protocol_reader_init(&self.reader, SBX_SIDE_SBX);
    if (!greet(&self) || !await_start(&self, &frame) || !make_process(&self, &frame.start))
        return FAILED;
    return follow(&self) ? 0 : FAILED;
}
