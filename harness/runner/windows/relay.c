/* See relay.h. */
#include "harness/runner/windows/relay.h"

#include <stdlib.h>

#include "harness/base/windows/wide.h"
#include "harness/runner/windows/pipe.h"

enum { HEARD_BYTES = 65536, LOOK_MS = 100, TRIES = 5 };

typedef struct relay_stream {
    struct sbx_relay *relay;
    unsigned number;
    bool is_producer; /* we are */
    HANDLE local, thread;
    /* Under the relay's lock: */
    bool is_over; /* producer: no more is wanted there; consumer: no more will come */
    sbx_flow_sender sender;
    sbx_flow_receiver receiver;
} relay_stream;

struct sbx_relay {
    sbx_relay_options options;
    HANDLE listener;
    SRWLOCK lock;               /* of everything but the pipe */
    SRWLOCK write_lock;         /* one frame after the other */
    CONDITION_VARIABLE changed; /* credit, data, an end */
    bool is_broken;             /* the pipe is of no more use */
    bool is_freed;              /* and that is no news to anybody */
    relay_stream stream[SBX_PROTOCOL_STREAMS];
};

static void close_local(relay_stream *stream)
{
    if (stream->local != NULL)
        CloseHandle(stream->local);
    stream->local = NULL;
}

static void break_off(sbx_relay *relay)
{
    AcquireSRWLockExclusive(&relay->lock);
    relay->is_broken = true;
    WakeAllConditionVariable(&relay->changed);
    ReleaseSRWLockExclusive(&relay->lock);
}

static bool is_broken(sbx_relay *relay)
{
    bool is;

    AcquireSRWLockShared(&relay->lock);
    is = relay->is_broken;
    ReleaseSRWLockShared(&relay->lock);
    return is;
}

/* The frame is used up. False: it did not get there, and nothing will any more. */
static bool say(sbx_relay *relay, sbx_text *frame)
{
    sbx_os_code code;

    AcquireSRWLockExclusive(&relay->write_lock);
    code = is_broken(relay) ? ERROR_BROKEN_PIPE
           : frame->failed
               ? ERROR_NOT_ENOUGH_MEMORY
               : sbx_pipe_write(relay->options.pipe, frame->data, frame->bytes, INFINITE);
    ReleaseSRWLockExclusive(&relay->write_lock);
    sbx_text_clear(frame);
    if (code != 0)
        break_off(relay);
    return code == 0;
}

static bool say_eof(relay_stream *stream)
{
    sbx_text frame = {0};
    bool ok;

    sbx_protocol_add_eof(&frame, stream->number);
    ok = say(stream->relay, &frame);
    sbx_text_done(&frame);
    return ok;
}

/* --- producing --- */

/* 0: it is over. What is given counts as sent. */
static uint32_t await_credit(relay_stream *stream)
{
    sbx_relay *relay = stream->relay;
    uint32_t bytes = 0;

    AcquireSRWLockExclusive(&relay->lock);
    while (!relay->is_broken && !stream->is_over &&
           (bytes = sbx_flow_take(&stream->sender, SBX_PROTOCOL_DATA_MAX)) == 0)
        SleepConditionVariableSRW(&relay->changed, &relay->lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&relay->lock);
    return bytes;
}

static bool give_back(relay_stream *stream, uint32_t bytes)
{
    sbx_relay *relay = stream->relay;
    bool goes_on;

    AcquireSRWLockExclusive(&relay->lock);
    sbx_flow_return(&stream->sender, bytes);
    goes_on = !relay->is_broken && !stream->is_over;
    ReleaseSRWLockExclusive(&relay->lock);
    return goes_on;
}

/* False: that was all. Somebody may write nothing to a pipe, and it is not the end; of a file it is. */
static bool read_some(HANDLE local, uint8_t *data, uint32_t room, DWORD *out_got)
{
    bool is_pipe = GetFileType(local) == FILE_TYPE_PIPE;

    do {
        if (!ReadFile(local, data, room, out_got, NULL))
            return false;
    } while (*out_got == 0 && is_pipe);
    return *out_got > 0;
}

/* Credit comes before reading: what nobody has room for stays where it is. */
static DWORD WINAPI produce(void *context)
{
    relay_stream *stream = context;
    uint8_t *data = malloc(SBX_PROTOCOL_DATA_MAX);
    sbx_text frame = {0};
    uint32_t credit;

    while (data != NULL && (credit = await_credit(stream)) > 0) {
        DWORD got = 0;
        bool is_read = read_some(stream->local, data, credit, &got);

        if (!give_back(stream, credit - (is_read ? got : 0)) || !is_read)
            break;
        sbx_protocol_add_data(&frame, stream->number, data, got);
        if (!say(stream->relay, &frame))
            break;
    }
    close_local(stream); /* who writes there hears that nobody reads */
    (void)say_eof(stream);
    sbx_text_done(&frame);
    free(data);
    return 0;
}

/* --- consuming --- */

/* 0: it is over, and all was handed on. */
static uint32_t await_data(relay_stream *stream, const uint8_t **out)
{
    sbx_relay *relay = stream->relay;
    uint32_t bytes;

    AcquireSRWLockExclusive(&relay->lock);
    while ((bytes = sbx_flow_peek(&stream->receiver, out)) == 0 && !stream->is_over &&
           !relay->is_broken)
        SleepConditionVariableSRW(&relay->changed, &relay->lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&relay->lock);
    return bytes;
}

static bool hand_on(relay_stream *stream, uint32_t bytes, sbx_text *frame)
{
    sbx_relay *relay = stream->relay;
    uint32_t credit;
    bool is_wanted;

    AcquireSRWLockExclusive(&relay->lock);
    credit = sbx_flow_drop(&stream->receiver, bytes);
    is_wanted = credit > 0 && !stream->is_over && !relay->is_broken;
    ReleaseSRWLockExclusive(&relay->lock);
    if (!is_wanted)
        return true;
    sbx_protocol_add_credit(frame, stream->number, credit);
    return say(relay, frame);
}

/* Pieces that lie in the ring are its consumer's alone until they are dropped. */
static DWORD WINAPI consume(void *context)
{
    relay_stream *stream = context;
    sbx_text frame = {0};
    const uint8_t *data;
    uint32_t bytes;

    while ((bytes = await_data(stream, &data)) > 0) {
        DWORD done = 0;

        if (bytes > SBX_PROTOCOL_DATA_MAX)
            bytes = SBX_PROTOCOL_DATA_MAX;
        if (!WriteFile(stream->local, data, bytes, &done, NULL) || done == 0)
            break; /* who read it is gone */
        (void)hand_on(stream, done,
                      &frame); /* a broken pipe: what came before is still handed on */
    }
    close_local(stream);
    if (stream->number == 0 && stream->relay->options.on_input_end != NULL)
        stream->relay->options.on_input_end(stream->relay->options.context);
    (void)say_eof(stream);
    sbx_text_done(&frame);
    return 0;
}

void sbx_relay_resize(sbx_relay *relay, uint16_t columns, uint16_t rows)
{
    sbx_text frame = {0};

    sbx_protocol_add_size(&frame, columns, rows);
    (void)say(relay, &frame);
    sbx_text_done(&frame);
}

/* --- hearing --- */

/* The protocol has looked at whose stream it is, and whether it is open. False: more than was agreed. */
static bool take_frame(sbx_relay *relay, const sbx_frame *frame)
{
    relay_stream *stream = &relay->stream[frame->stream];
    bool ok = true;

    if (frame->kind == SBX_FRAME_SIZE) {
        if (relay->options.on_size != NULL)
            relay->options.on_size(relay->options.context, frame->size.columns, frame->size.rows);
        return true;
    }
    AcquireSRWLockExclusive(&relay->lock);
    if (frame->kind == SBX_FRAME_DATA)
        ok = sbx_flow_put(&stream->receiver, frame->data, frame->data_bytes);
    else if (frame->kind == SBX_FRAME_CREDIT)
        ok = sbx_flow_earn(&stream->sender, frame->credit_bytes);
    else
        stream->is_over = true;
    WakeAllConditionVariable(&relay->changed);
    ReleaseSRWLockExclusive(&relay->lock);
    /* One that waits for its writer may wait long; at worst it hears of it with the next bytes. */
    if (frame->kind == SBX_FRAME_EOF && stream->is_producer && stream->thread != NULL)
        (void)CancelSynchronousIo(stream->thread);
    return ok;
}

static bool take_bytes(sbx_relay *relay, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        size_t used = 0;
        sbx_frame frame;
        bool has = false;

        if (sbx_protocol_read(relay->options.reader, data, bytes, &used, &frame, &has, NULL) !=
                SBX_OK ||
            (has && !take_frame(relay, &frame)))
            return false;
        data += used;
        bytes -= used;
    }
    return true;
}

static DWORD WINAPI listen_to(void *context)
{
    sbx_relay *relay = context;
    uint8_t *data = malloc(HEARD_BYTES);
    size_t bytes = 0;
    bool is_news;

    while (data != NULL &&
           sbx_pipe_read(relay->options.pipe, data, HEARD_BYTES, &bytes, INFINITE) == 0 &&
           take_bytes(relay, data, bytes)) {
    }
    free(data);
    break_off(relay);
    AcquireSRWLockShared(&relay->lock);
    is_news = !relay->is_freed && relay->options.on_end != NULL;
    ReleaseSRWLockShared(&relay->lock);
    if (is_news)
        relay->options.on_end(relay->options.context);
    return 0;
}

/* --- life --- */

static HANDLE start_thread(LPTHREAD_START_ROUTINE routine, void *context)
{
    return CreateThread(NULL, 0, routine, context, 0, NULL);
}

static void init(sbx_relay *relay, const sbx_relay_options *options)
{
    relay->options = *options;
    InitializeSRWLock(&relay->lock);
    InitializeSRWLock(&relay->write_lock);
    InitializeConditionVariable(&relay->changed);
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++) {
        relay_stream *stream = &relay->stream[i];

        stream->relay = relay;
        stream->number = i;
        stream->is_producer = (options->side == SBX_SIDE_SBX) == (i == 0);
        stream->local = options->local[i];
        sbx_flow_sender_init(&stream->sender);
        sbx_flow_receiver_init(&stream->receiver);
    }
}

static bool start_threads(sbx_relay *relay)
{
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++) {
        relay_stream *stream = &relay->stream[i];

        if (stream->local != NULL && (stream->thread = start_thread(
                                          stream->is_producer ? produce : consume, stream)) == NULL)
            return false;
    }
    return (relay->listener = start_thread(listen_to, relay)) != NULL;
}

sbx_status sbx_relay_start(sbx_relay **out, const sbx_relay_options *options, sbx_error *err)
{
    sbx_relay *relay = calloc(1, sizeof(*relay));

    if (relay != NULL) {
        init(relay, options);
        if (start_threads(relay)) {
            *out = relay;
            return SBX_OK;
        }
        sbx_relay_free(relay);
    }
    for (unsigned i = 0; relay == NULL && i < SBX_PROTOCOL_STREAMS; i++)
        if (options->local[i] != NULL)
            CloseHandle(options->local[i]);
    return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_STDIO,
                          "no memory for the command's streams");
}

bool sbx_relay_is_drained(sbx_relay *relay, DWORD timeout_ms)
{
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++) {
        const relay_stream *stream = &relay->stream[i];

        if (!stream->is_producer && stream->thread != NULL &&
            WaitForSingleObject(stream->thread, timeout_ms) == WAIT_TIMEOUT)
            return false;
    }
    return true;
}

void sbx_relay_await_end(sbx_relay *relay)
{
    (void)WaitForSingleObject(relay->listener, INFINITE);
}

static bool end_thread(const sbx_relay *relay, HANDLE *thread)
{
    for (int i = 0; i < TRIES; i++) {
        (void)CancelSynchronousIo(*thread);
        (void)CancelIoEx(relay->options.pipe, NULL);
        if (WaitForSingleObject(*thread, LOOK_MS) == WAIT_OBJECT_0) {
            CloseHandle(*thread);
            *thread = NULL;
            return true;
        }
    }
    return false;
}

void sbx_relay_free(sbx_relay *relay)
{
    bool is_over = true;

    if (relay == NULL)
        return;
    AcquireSRWLockExclusive(&relay->lock);
    relay->is_freed = true;
    ReleaseSRWLockExclusive(&relay->lock);
    break_off(relay);
    while (relay->listener != NULL && WaitForSingleObject(relay->listener, 0) == WAIT_TIMEOUT) {
        (void)CancelIoEx(relay->options.pipe, NULL);
        (void)WaitForSingleObject(relay->listener, LOOK_MS / 10);
    }
    if (relay->listener != NULL)
        CloseHandle(relay->listener);
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++) {
        relay_stream *stream = &relay->stream[i];

        if (stream->thread != NULL && !end_thread(relay, &stream->thread))
            is_over = false; /* it goes on using its memory */
        else
            close_local(stream);
    }
    if (is_over)
        free(relay);
}
