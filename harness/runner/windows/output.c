/*
 * stdout and stderr through sbx, only where --output asks for a cap. One thread each, which reads and writes and
 * waits as long as the reader wants: the target is held back as by a pipe of its own, and the supervisor by
 * nothing.
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

static sbx_status open_stream(sbx_output *output, int i, sbx_error *err)
{
    sbx_output_stream *stream = &output->stream[i];
    HANDLE from = NULL, child = NULL;

    if (stream->to == NULL) /* closed for us, and for the command */
        return SBX_OK;
    if (!CreatePipe(&from, &child, NULL, BUFFER_BYTES))
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, GetLastError(),
                           "make a pipe for the output");
    stream->from = from;
    output->child[i + 1] = child;
    return SBX_OK;
}

sbx_status sbx_output_init(sbx_output *out, uint64_t limit_bytes, const HANDLE to[3], HANDLE port,
                           sbx_error *err)
{
    sbx_status st = SBX_OK;

    *out = (sbx_output){.limit_bytes = limit_bytes, .port = port, .lock = SRWLOCK_INIT};
    memcpy(out->child, to, sizeof(out->child));
    if (limit_bytes == SBX_UNLIMITED)
        return SBX_OK;
    out->is_used = true;
    for (int i = 0; i < 2; i++) {
        out->stream[i] = (sbx_output_stream){.output = out, .to = to[i + 1]};
        out->child[i + 1] = NULL;
    }
    for (int i = 0; st == SBX_OK && i < 2; i++)
        st = open_stream(out, i, err);
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

static DWORD WINAPI copy(void *context)
{
    sbx_output_stream *stream = context;
    char *data = malloc(BUFFER_BYTES);
    bool is_full = false;
    DWORD got = 0;

    while (data != NULL && !is_full && ReadFile(stream->from, data, BUFFER_BYTES, &got, NULL) &&
           got > 0) {
        got = count(stream->output, got, &is_full);
        if (is_full)
            (void)PostQueuedCompletionStatus(stream->output->port, 0, SBX_PORT_OUTPUT_KEY, NULL);
        if (!write_all(stream->to, data, got))
            break; /* the reader is gone: the target hears of it as from a pipe of its own */
    }
    free(data);
    close_handle(&stream->from);
    return 0;
}

sbx_status sbx_output_started(sbx_output *output, sbx_error *err)
{
    if (!output->is_used)
        return SBX_OK;
    for (int i = 0; i < 2; i++) {
        sbx_output_stream *stream = &output->stream[i];

        close_handle(&output->child[i + 1]);
        if (stream->from == NULL)
            continue;
        stream->thread = CreateThread(NULL, 0, copy, stream, 0, NULL);
        if (stream->thread == NULL)
            return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, GetLastError(),
                               "make a thread for the output");
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
    for (int i = 0; i < 2; i++) {
        const sbx_output_stream *stream = &output->stream[i];

        while (stream->thread != NULL &&
               WaitForSingleObject(stream->thread, LOOK_MS) == WAIT_TIMEOUT)
            if (*sbx_signals_came() && sbx_signals_next() != 0)
                give_up(stream);
    }
}

void sbx_output_done(sbx_output *output)
{
    if (!output->is_used)
        return;
    for (int i = 0; i < 2; i++) {
        sbx_output_stream *stream = &output->stream[i];

        close_handle(&output->child[i + 1]);
        if (stream->thread != NULL)
            give_up(stream);
        close_handle(&stream->thread);
        close_handle(&stream->from);
    }
}
