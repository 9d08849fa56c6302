/* What is heard; see protocol.h. Nothing of it is believed before it was looked at. */
#include <string.h>

#include "harness/runner/windows/protocol.h"

/* Which frames may come. */
enum { TURN_FIRST, TURN_ANSWER, TURN_STREAMS, TURN_OVER };

/* A body that is read from its front. Once something is missing it stays `bad`. */
typedef struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
} cursor;

static uint64_t take_number(cursor *from, size_t bytes)
{
    uint64_t value = 0;

    if (from->left < bytes) {
        from->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)from->at[i] << (8 * i);
    from->at += bytes;
    from->left -= bytes;
    return value;
}

static const uint8_t *take_bytes(cursor *from, size_t bytes)
{
    const uint8_t *found = from->at;

    if (from->bad || from->left < bytes) {
        from->bad = true;
        return NULL;
    }
    from->at += bytes;
    from->left -= bytes;
    return found;
}

static const char *take_string(cursor *from)
{
    size_t bytes = (size_t)take_number(from, 4);
    const char *text = (const char *)take_bytes(from, bytes);

    if (text == NULL || bytes == 0 || text[bytes - 1] != '\0' ||
        !sbx_utf8_is_valid(text, bytes - 1)) { /* no other NUL is valid */
        from->bad = true;
        return "";
    }
    return text;
}

static void read_hello(cursor *from, sbx_frame_hello *out)
{
    const uint8_t *nonce;

    out->version = (uint32_t)take_number(from, 4);
    nonce = take_bytes(from, sizeof(out->nonce));
    if (nonce != NULL)
        memcpy(out->nonce, nonce, sizeof(out->nonce));
    out->user = take_string(from);
    out->logon = take_string(from);
    from->bad |= out->user[0] == '\0';
}

static void read_try(cursor *from, sbx_frame_try *out)
{
    for (unsigned i = 0; i < SBX_NET_DOORS; i++) {
        out->port[i] = (uint16_t)take_number(from, 2);
        from->bad |= i < SBX_NET_DOORS / 2 && out->port[i] == 0;
    }
}

static void read_tried(cursor *from, sbx_frame_tried *out)
{
    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        out->answer[i] = (uint32_t)take_number(from, 4);
}

/* NAME=VALUE, of which a name may begin with the sign: the system has such ones for the drives' directories. */
static bool is_environment(const char *env, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(env + at, '\0', bytes - at);
        size_t length = end == NULL ? 0 : (size_t)(end - (env + at));

        if (length < 2 || memchr(env + at + 1, '=', length - 1) == NULL ||
            !sbx_utf8_is_valid(env + at, length))
            return false;
        at += length + 1;
    }
    return true;
}

static void read_size(cursor *from, sbx_frame_size *out)
{
    out->columns = (uint16_t)take_number(from, 2);
    out->rows = (uint16_t)take_number(from, 2);
    from->bad |= out->columns > SBX_PROTOCOL_CELLS_MAX || out->rows > SBX_PROTOCOL_CELLS_MAX ||
                 (out->columns == 0) != (out->rows == 0);
}

static void read_start(cursor *from, sbx_frame_start *out)
{
    uint32_t flags;

    out->version = (uint32_t)take_number(from, 4);
    out->job = take_number(from, 8);
    flags = (uint32_t)take_number(from, 4);
    out->must_hold = (flags & 1) != 0;
    out->allows_everyone = (flags & 16) != 0;
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++)
        out->is_open[i] = (flags >> 1 >> i & 1) != 0;
    read_size(from, &out->terminal);
    from->bad |= out->terminal.columns != 0 && !(out->is_open[0] && out->is_open[1]);
    out->run_sid = take_string(from);
    out->overseer = take_string(from);
    out->group = take_string(from);
    out->program = take_string(from);
    out->line = take_string(from);
    out->cwd = take_string(from);
    out->desktop = take_string(from);
    out->env_bytes = (size_t)take_number(from, 4);
    out->env = (const char *)take_bytes(from, out->env_bytes);
    from->bad |= out->job == 0 || flags > 31 || out->run_sid[0] == '\0' ||
                 out->overseer[0] == '\0' || out->program[0] == '\0' || out->cwd[0] == '\0';
    if (!from->bad && !is_environment(out->env, out->env_bytes))
        from->bad = true;
}

/* Those beyond stand for the caller's own process and thread, whoever's that then is. */
static bool is_handle(uint64_t value)
{
    return value > 0 && value <= INT32_MAX;
}

static void read_started(cursor *from, sbx_frame_started *out)
{
    out->pid = (uint32_t)take_number(from, 4);
    out->process = take_number(from, 8);
    out->thread = take_number(from, 8);
    from->bad |= out->pid == 0 || !is_handle(out->process) || !is_handle(out->thread);
}

/* How many there are of each, by the maps: what is beyond them is no word of ours. */
#define X(name, word) +1
enum { STATUS_COUNT = 0 SBX_STATUS_MAP(X), STEP_COUNT = 0 SBX_STEP_MAP(X) };
#undef X

static void read_failed(cursor *from, sbx_error *out)
{
    uint32_t status = (uint32_t)take_number(from, 4), step = (uint32_t)take_number(from, 4);
    uint32_t domain = (uint32_t)take_number(from, 4), code = (uint32_t)take_number(from, 4);
    const char *message = take_string(from);
    size_t bytes = strlen(message);

    from->bad |= status == SBX_OK || status >= STATUS_COUNT || step >= STEP_COUNT ||
                 domain > SBX_OS_SQLITE || bytes >= sizeof(out->message);
    if (from->bad)
        return;
    out->status = (sbx_status)status;
    out->step = (sbx_step)step;
    out->os_domain = (sbx_os_domain)domain;
    out->os_code = (int)(int32_t)code;
    memcpy(out->message, message, bytes + 1);
}

static void read_credit(cursor *from, uint32_t *out)
{
    *out = (uint32_t)take_number(from, 4);
    from->bad |= *out == 0 || *out > SBX_PROTOCOL_WINDOW;
}

/* --- turns --- */

/* Who produces it. */
static sbx_protocol_side producer_of(unsigned stream)
{
    return stream == 0 ? SBX_SIDE_SBX : SBX_SIDE_RUNNER;
}

static bool may_come(const sbx_protocol_reader *reader, unsigned kind, unsigned stream)
{
    bool is_runner = reader->from == SBX_SIDE_RUNNER;

    switch (kind) {
    case SBX_FRAME_HELLO:
        return is_runner && reader->turn == TURN_FIRST;
    case SBX_FRAME_TRY:
        return !is_runner && reader->turn == TURN_FIRST;
    case SBX_FRAME_TRIED:
        return is_runner && reader->turn == TURN_ANSWER && reader->is_asked;
    case SBX_FRAME_START:
        return !is_runner && reader->turn <= TURN_ANSWER;
    case SBX_FRAME_STARTED:
        return is_runner && reader->turn == TURN_ANSWER && !reader->is_asked;
    case SBX_FRAME_FAILED: /* a runner may fail before it can greet */
        return is_runner && reader->turn <= TURN_ANSWER;
    case SBX_FRAME_DATA:
        return reader->turn == TURN_STREAMS && producer_of(stream) == reader->from &&
               !reader->has_ended[stream];
    case SBX_FRAME_CREDIT:
        return reader->turn == TURN_STREAMS && producer_of(stream) != reader->from &&
               !reader->has_ended[stream];
    case SBX_FRAME_EOF:
        return reader->turn == TURN_STREAMS && !reader->has_ended[stream];
    case SBX_FRAME_SIZE:
        return !is_runner && reader->turn == TURN_STREAMS && reader->has_terminal &&
               !reader->has_ended[0];
    default:
        return false;
    }
}

static void take_turn(sbx_protocol_reader *reader, const sbx_frame *frame)
{
    switch (frame->kind) {
    case SBX_FRAME_HELLO:
    case SBX_FRAME_TRY:
        reader->turn = TURN_ANSWER;
        break;
    case SBX_FRAME_TRIED:
        reader->is_asked = false;
        break;
    case SBX_FRAME_START:
        sbx_protocol_reader_open(reader, frame->start.is_open);
        reader->has_terminal = frame->start.terminal.columns != 0;
        reader->turn = TURN_STREAMS;
        break;
    case SBX_FRAME_STARTED:
        reader->turn = TURN_STREAMS;
        break;
    case SBX_FRAME_FAILED:
        reader->turn = TURN_OVER;
        break;
    case SBX_FRAME_EOF:
        reader->has_ended[frame->stream] = true;
        break;
    default:
        break;
    }
}

static size_t most_bytes(unsigned kind)
{
    return kind == SBX_FRAME_START ? SBX_PROTOCOL_START_MAX : SBX_PROTOCOL_DATA_MAX;
}

static bool is_head(const sbx_protocol_reader *reader)
{
    const uint8_t *head = reader->head;
    unsigned kind = head[4], stream = head[5];
    bool has_stream = kind == SBX_FRAME_DATA || kind == SBX_FRAME_CREDIT || kind == SBX_FRAME_EOF;

    return head[6] == 0 && head[7] == 0 && stream < SBX_PROTOCOL_STREAMS &&
           (has_stream || stream == 0) && reader->body_bytes <= most_bytes(kind) &&
           may_come(reader, kind, stream);
}

static bool read_body(const sbx_protocol_reader *reader, sbx_frame *out)
{
    cursor from = {(const uint8_t *)sbx_text_string(&reader->body), reader->body.bytes, false};

    *out = (sbx_frame){.kind = (sbx_frame_kind)reader->head[4], .stream = reader->head[5]};
    switch (out->kind) {
    case SBX_FRAME_HELLO:
        read_hello(&from, &out->hello);
        break;
    case SBX_FRAME_TRY:
        read_try(&from, &out->try);
        break;
    case SBX_FRAME_TRIED:
        read_tried(&from, &out->tried);
        break;
    case SBX_FRAME_START:
        read_start(&from, &out->start);
        break;
    case SBX_FRAME_STARTED:
        read_started(&from, &out->started);
        break;
    case SBX_FRAME_FAILED:
        read_failed(&from, &out->failed);
        break;
    case SBX_FRAME_DATA:
        out->data_bytes = from.left;
        out->data = take_bytes(&from, from.left);
        from.bad |= out->data_bytes == 0;
        break;
    case SBX_FRAME_CREDIT:
        read_credit(&from, &out->credit_bytes);
        break;
    case SBX_FRAME_EOF:
        break;
    case SBX_FRAME_SIZE:
        read_size(&from, &out->size);
        from.bad |= out->size.columns == 0;
        break;
    }
    return !from.bad && from.left == 0;
}

/* --- the reader --- */

void sbx_protocol_reader_init(sbx_protocol_reader *reader, sbx_protocol_side from)
{
    *reader = (sbx_protocol_reader){.from = from};
}

void sbx_protocol_reader_ask(sbx_protocol_reader *reader)
{
    reader->is_asked = true;
}

void sbx_protocol_reader_open(sbx_protocol_reader *reader, const bool is_open[SBX_PROTOCOL_STREAMS])
{
    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++)
        reader->has_ended[i] = !is_open[i];
}

void sbx_protocol_reader_done(sbx_protocol_reader *reader)
{
    sbx_text_done(&reader->body);
}

static sbx_status refuse(sbx_protocol_reader *reader, sbx_error *err)
{
    reader->is_broken = true;
    return sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_SPAWN,
                          "%s said something that is not in their protocol (kind %u): the two "
                          "programs may be of different versions",
                          reader->from == SBX_SIDE_RUNNER ? "sbx-runner.exe" : "sbx.exe",
                          (unsigned)reader->head[4]);
}

size_t sbx_protocol_wanted(const sbx_protocol_reader *reader)
{
    if (reader->head_bytes < SBX_PROTOCOL_HEAD_BYTES)
        return SBX_PROTOCOL_HEAD_BYTES - reader->head_bytes;
    return reader->body_bytes - reader->body.bytes;
}

static size_t take_part(size_t wanted, size_t there)
{
    return wanted < there ? wanted : there;
}

sbx_status sbx_protocol_read(sbx_protocol_reader *reader, const uint8_t *data, size_t bytes,
                             size_t *out_used, sbx_frame *out, bool *out_has, sbx_error *err)
{
    size_t part;

    *out_has = false;
    *out_used = 0;
    if (reader->is_broken)
        return refuse(reader, err);
    if (reader->head_bytes == 0)
        sbx_text_clear(&reader->body); /* the frame before this one is not used any more */
    if (reader->head_bytes < SBX_PROTOCOL_HEAD_BYTES) {
        part = take_part(SBX_PROTOCOL_HEAD_BYTES - reader->head_bytes, bytes);
        if (part > 0)
            memcpy(reader->head + reader->head_bytes, data, part);
        reader->head_bytes += part;
        *out_used = part;
        if (reader->head_bytes < SBX_PROTOCOL_HEAD_BYTES)
            return SBX_OK;
        reader->body_bytes = (size_t)reader->head[0] | (size_t)reader->head[1] << 8 |
                             (size_t)reader->head[2] << 16 | (size_t)reader->head[3] << 24;
        if (!is_head(reader))
            return refuse(reader, err);
    }
    part = take_part(reader->body_bytes - reader->body.bytes, bytes - *out_used);
    if (part > 0)
        sbx_text_add_bytes(&reader->body, data + *out_used, part);
    *out_used += part;
    if (reader->body.failed) {
        reader->is_broken = true;
        return sbx_text_check(&reader->body, err);
    }
    if (reader->body.bytes < reader->body_bytes)
        return SBX_OK;
    reader->head_bytes = 0;
    if (!read_body(reader, out))
        return refuse(reader, err);
    take_turn(reader, out);
    *out_has = true;
    return SBX_OK;
}
