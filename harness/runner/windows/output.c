/*
 * Streams through sbx: stdout and stderr where --output asks for a cap, and each that is a console and not the command's
 * terminal (terminal.h), because who has a handle of a console can type into it, and what reads it next is the
 * caller's shell. One thread each, which
 * reads and writes and waits as long as the other side wants: the target is held back as by a pipe of its own, and the
 * supervisor by nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/runner/windows/parts.h"

enum { BUFFER_BYTES = 65536, LOOK_MS = 100 };

static void close_handle(HANDLE *handle)
{
    if (*handle != NULL)
        CloseHandle(*handle);
    *handle = NULL;
}

static bool is_console(HANDLE handle)
{
    DWORD mode;

    return handle != NULL && GetConsoleMode(handle, &mode);
}

static sbx_status open_pipe(HANDLE *out_ours, HANDLE *out_child, bool child_reads, sbx_error *err)
{
    HANDLE from = NULL, to = NULL;

    if (!CreatePipe(&from, &to, NULL, BUFFER_BYTES))
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, GetLastError(),
                           "make a pipe for the command's streams");
    *out_ours = child_reads ? to : from;
    *out_child = child_reads ? from : to;
    return SBX_OK;
}

/* What is closed for us is closed for the command. */
static sbx_status open_stream(sbx_output *output, int fd, HANDLE caller, sbx_error *err)
{
    bool is_input = fd == 0;
    sbx_output_stream *stream;
    sbx_status st;

    output->child[fd] = caller;
    if (caller == NULL || (!is_console(caller) && (is_input || !output->is_counted)))
        return SBX_OK;
    stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_STDIO,
                              "no memory for the command's streams");
    output->child[fd] = NULL;
    output->stream[fd] = stream;
    *stream = (sbx_output_stream){.output = is_input ? NULL : output};
    st = open_pipe(is_input ? &stream->to : &stream->from, &output->child[fd], is_input, err);
    if (is_input)
        stream->from = caller;
    else
        stream->to = caller;
    return st;
}

sbx_status sbx_output_init(sbx_output *out, uint64_t limit_bytes, const HANDLE caller[3],
                           HANDLE port, sbx_error *err)
{
    sbx_status st = SBX_OK;

    *out = (sbx_output){.limit_bytes = limit_bytes,
                        .is_counted = limit_bytes != SBX_UNLIMITED,
                        .port = port,
                        .lock = SRWLOCK_INIT};
    for (int fd = 0; st == SBX_OK && fd < 3; fd++)
        st = open_stream(out, fd, caller[fd], err);
    return st;
}

/* How much of it may still be handed on. */
static DWORD count(sbx_output *output, DWORD got, bool *out_is_full)
{
    uint64_t left;

    AcquireSRWLockExclusive(&output->lock);
    left = output->limit_bytes - output->seen_bytes;
    if (got > left) {
        got = (DWORD)left;
        output->is_truncated = true;
    }
    output->seen_bytes += got;
    *out_is_full = output->is_truncated;
    if (output->is_truncated)
        (void)PostQueuedCompletionStatus(output->port, 0, SBX_PORT_OUTPUT_KEY, NULL);
    ReleaseSRWLockExclusive(&output->lock);
    return got;
}

static bool write_all(HANDLE to, const char *data, DWORD bytes)
{
    while (bytes > 0) {
        DWORD done = 0;

        if (!WriteFile(to, data, bytes, &done, NULL) || done == 0)
            return false;
        data += done;
        bytes -= done;
    }
    return true;
}

/* Ends with the stream, or with the one who reads it: each hears of the other as from a pipe of its own. */
static DWORD WINAPI copy(void *context)
{
    sbx_output_stream *stream = context;
    bool is_input = stream->output == NULL, is_full = false;
    char *data = malloc(BUFFER_BYTES);
    DWORD got = 0;

    while (data != NULL && !is_full && ReadFile(stream->from, data, BUFFER_BYTES, &got, NULL) &&
           got > 0) {
        if (!is_input)
            got = count(stream->output, got, &is_full);
        if (!write_all(stream->to, data, got))
            break;
    }
    free(data);
    close_handle(is_input ? &stream->to : &stream->from);
    return 0;
}

sbx_status sbx_output_started(sbx_output *output, sbx_error *err)
{
    for (int fd = 0; fd < 3; fd++) {
        sbx_output_stream *stream = output->stream[fd];

        if (stream == NULL)
            continue;
        close_handle(&output->child[fd]);
        stream->thread = CreateThread(NULL, 0, copy, stream, 0, NULL);
        if (stream->thread == NULL)
            return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, GetLastError(),
                               "make a thread for the command's streams");
    }
    return SBX_OK;
}

/* A reader that does not read, and a user who does not want to wait. */
static void give_up(const sbx_output_stream *stream)
{
    while (WaitForSingleObject(stream->thread, LOOK_MS) == WAIT_TIMEOUT)
        (void)CancelSynchronousIo(stream->thread);
}

void sbx_output_drain(sbx_output *output)
{
    for (int fd = 1; fd < 3; fd++) {
        const sbx_output_stream *stream = output->stream[fd];

        while (stream != NULL && stream->thread != NULL &&
               WaitForSingleObject(stream->thread, LOOK_MS) == WAIT_TIMEOUT)
            if (*sbx_signals_came() && sbx_signals_next() != 0)
                give_up(stream);
    }
}

/* Somebody has to press a key, it may be, before a console's reader comes back: then it is left to the end of the
 * process, with what it has. */
static bool leave_input(const sbx_output_stream *stream)
{
    enum { TRIES = 5 };

    for (int i = 0; i < TRIES; i++) {
        (void)CancelSynchronousIo(stream->thread);
        if (WaitForSingleObject(stream->thread, LOOK_MS) == WAIT_OBJECT_0)
            return false;
    }
    return true;
}

void sbx_output_done(sbx_output *output)
{
    for (int fd = 0; fd < 3; fd++) {
        sbx_output_stream *stream = output->stream[fd];

        if (stream == NULL)
            continue;
        close_handle(&output->child[fd]);
        output->stream[fd] = NULL;
        if (stream->thread != NULL && fd == 0 && leave_input(stream)) {
            CloseHandle(stream->thread);
            continue;
        }
        if (stream->thread != NULL)
            give_up(stream);
        close_handle(&stream->thread);
        close_handle(fd == 0 ? &stream->to : &stream->from);
        free(stream);
    }
}
