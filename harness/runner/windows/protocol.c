/* What is said; see protocol.h. */
#include "harness/runner/windows/protocol.h"

#include <string.h>

static void add_number(sbx_text *out, uint64_t value, size_t bytes)
{
    uint8_t raw[8];

    for (size_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    sbx_text_add_bytes(out, raw, bytes);
}

static void add_string(sbx_text *out, const char *text)
{
    size_t bytes = strlen(text) + 1;

    if (bytes > SBX_PROTOCOL_START_MAX)
        out->failed = true;
    add_number(out, bytes, 4);
    sbx_text_add_bytes(out, text, bytes);
}

/* The length is not known before the body is there: its place is kept. */
static size_t begin(sbx_text *out, sbx_frame_kind kind, unsigned stream)
{
    size_t at = out->bytes;

    add_number(out, 0, 4);
    add_number(out, kind, 1);
    add_number(out, stream, 1);
    add_number(out, 0, 2);
    return at;
}

static void end(sbx_text *out, size_t at, size_t most_bytes)
{
    size_t bytes;

    if (out->failed)
        return;
    bytes = out->bytes - at - SBX_PROTOCOL_HEAD_BYTES;
    if (bytes > most_bytes)
        out->failed = true;
    for (size_t i = 0; i < 4; i++)
        out->data[at + i] = (char)(uint8_t)(bytes >> (8 * i));
}

void sbx_protocol_add_hello(sbx_text *out, const sbx_frame_hello *hello)
{
    size_t at = begin(out, SBX_FRAME_HELLO, 0);

    add_number(out, hello->version, 4);
    sbx_text_add_bytes(out, hello->nonce, sizeof(hello->nonce));
    add_string(out, hello->user);
    add_string(out, hello->logon);
    end(out, at, SBX_PROTOCOL_DATA_MAX);
}

void sbx_protocol_add_try(sbx_text *out, const sbx_frame_try *where)
{
    size_t at = begin(out, SBX_FRAME_TRY, 0);

    for (unsigned i = 0; i < SBX_NET_DOORS; i++)
        add_number(out, where->port[i], 2);
    end(out, at, SBX_PROTOCOL_DATA_MAX);
}

void sbx_protocol_add_tried(sbx_text *out, const sbx_frame_tried *tried)
{
    size_t at = begin(out, SBX_FRAME_TRIED, 0);

    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        add_number(out, tried->answer[i], 4);
    end(out, at, SBX_PROTOCOL_DATA_MAX);
}

void sbx_protocol_add_start(sbx_text *out, const sbx_frame_start *start)
{
    size_t at = begin(out, SBX_FRAME_START, 0);
    unsigned flags = (start->must_hold ? 1u : 0u) | (start->allows_everyone ? 16u : 0u);

    for (unsigned i = 0; i < SBX_PROTOCOL_STREAMS; i++)
        flags |= (start->is_open[i] ? 2u : 0u) << i;
    add_number(out, start->version, 4);
    add_number(out, start->job, 8);
    add_number(out, flags, 4);
    add_number(out, start->terminal.columns, 2);
    add_number(out, start->terminal.rows, 2);
    add_string(out, start->run_sid);
    add_string(out, start->overseer);
    add_string(out, start->group);
    add_string(out, start->program);
    add_string(out, start->line);
    add_string(out, start->cwd);
    add_string(out, start->desktop);
    if (start->env_bytes > SBX_PROTOCOL_START_MAX)
        out->failed = true;
    add_number(out, start->env_bytes, 4);
    if (start->env_bytes > 0)
        sbx_text_add_bytes(out, start->env, start->env_bytes);
    end(out, at, SBX_PROTOCOL_START_MAX);
}

void sbx_protocol_add_started(sbx_text *out, const sbx_frame_started *started)
{
    size_t at = begin(out, SBX_FRAME_STARTED, 0);

    add_number(out, started->pid, 4);
    add_number(out, started->process, 8);
    add_number(out, started->thread, 8);
    end(out, at, SBX_PROTOCOL_DATA_MAX);
}

void sbx_protocol_add_failed(sbx_text *out, const sbx_error *error)
{
    size_t at = begin(out, SBX_FRAME_FAILED, 0);

    add_number(out, error->status, 4);
    add_number(out, error->step, 4);
    add_number(out, error->os_domain, 4);
    add_number(out, (uint32_t)error->os_code, 4);
    add_string(out, error->message);
    end(out, at, SBX_PROTOCOL_DATA_MAX);
}

void sbx_protocol_add_data(sbx_text *out, unsigned stream, const void *data, size_t bytes)
{
    size_t at = begin(out, SBX_FRAME_DATA, stream);

    sbx_text_add_bytes(out, data, bytes);
    end(out, at, SBX_PROTOCOL_DATA_MAX);
}

void sbx_protocol_add_credit(sbx_text *out, unsigned stream, uint32_t bytes)
{
    size_t at = begin(out, SBX_FRAME_CREDIT, stream);

    add_number(out, bytes, 4);
    end(out, at, 4);
}

void sbx_protocol_add_size(sbx_text *out, uint16_t columns, uint16_t rows)
{
    size_t at = begin(out, SBX_FRAME_SIZE, 0);

    add_number(out, columns, 2);
    add_number(out, rows, 2);
    end(out, at, 4);
}

void sbx_protocol_add_eof(sbx_text *out, unsigned stream)
{
    end(out, begin(out, SBX_FRAME_EOF, stream), 0);
}
