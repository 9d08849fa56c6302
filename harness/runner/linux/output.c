/*
 * stdout and stderr through sbx, only where --output asks for a cap. Byte for byte up to the cap; a
 * slow reader holds the target back as a pipe would, and never holds sbx back: nothing is written
 * that would block.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

enum { BUFFER_BYTES = 65536, CAREFUL_BYTES = 4096 };

static sbx_status open_stream(sbx_output_stream *stream, int *out_child_fd, int to, sbx_error *err)
{
    struct stat about;
    int fds[2];

    stream->data = malloc(BUFFER_BYTES);
    if (stream->data == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_STDIO, "no memory to copy the output");
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_STDIO, errno, "make a pipe for the output");
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    stream->from = fds[0];
    *out_child_fd = fds[1];
    stream->to = to;
    stream->is_careful = fstat(to, &about) != 0 || !S_ISREG(about.st_mode);
    return SBX_OK;
}

sbx_status sbx_output_init(sbx_output *out, uint64_t limit_bytes, const int to[3], sbx_error *err)
{
    sbx_status st = SBX_OK;

    memset(out, 0, sizeof(*out));
    out->limit_bytes = limit_bytes;
    out->child_fd[0] = out->child_fd[1] = out->child_fd[2] = -1;
    out->stream[0].from = out->stream[0].to = out->stream[1].from = out->stream[1].to = -1;
    if (limit_bytes == SBX_UNLIMITED)
        return SBX_OK;
    out->is_used = true;
    for (int i = 0; st == SBX_OK && i < 2; i++)
        st = open_stream(&out->stream[i], &out->child_fd[i + 1], to[i + 1], err);
    return st;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void sbx_output_started(sbx_output *output)
{
    close_fd(&output->child_fd[1]);
    close_fd(&output->child_fd[2]);
}

size_t sbx_output_poll(const sbx_output *output, struct pollfd *wait)
{
    size_t count = 0;

    for (int i = 0; i < 2; i++) {
        const sbx_output_stream *stream = &output->stream[i];

        if (stream->bytes > 0)
            wait[count++] = (struct pollfd){.fd = stream->to, .events = POLLOUT};
        else if (stream->from >= 0)
            wait[count++] = (struct pollfd){.fd = stream->from, .events = POLLIN};
    }
    return count;
}

static void fill(sbx_output *output, sbx_output_stream *stream)
{
    uint64_t left = output->limit_bytes - output->seen_bytes;
    ssize_t got = read(stream->from, stream->data, BUFFER_BYTES);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_fd(&stream->from);
        return;
    }
    if (got < 0)
        return;
    if ((uint64_t)got > left) {
        got = (ssize_t)left;
        output->is_truncated = true;
    }
    output->seen_bytes += (uint64_t)got;
    stream->start = 0;
    stream->bytes = (size_t)got;
}

/* The reader is gone: the target shall hear of it as from a pipe of its own. */
static void give_up(sbx_output_stream *stream)
{
    close_fd(&stream->from);
    stream->bytes = 0;
}

static void empty(sbx_output_stream *stream)
{
    size_t bytes = stream->bytes;
    ssize_t put;

    if (stream->is_careful && bytes > CAREFUL_BYTES)
        bytes = CAREFUL_BYTES; /* a pipe that says POLLOUT has room for a page */
    put = write(stream->to, stream->data + stream->start, bytes);
    if (put < 0) {
        if (errno != EAGAIN && errno != EINTR)
            give_up(stream);
        return;
    }
    stream->start += (size_t)put;
    stream->bytes -= (size_t)put;
}

void sbx_output_move(sbx_output *output, const struct pollfd *wait, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (wait[k].revents == 0)
            continue;
        for (int i = 0; i < 2; i++) {
            sbx_output_stream *stream = &output->stream[i];

            if (stream->bytes > 0 && wait[k].fd == stream->to && wait[k].events == POLLOUT)
                empty(stream);
            else if (stream->bytes == 0 && wait[k].fd == stream->from && wait[k].events == POLLIN)
                fill(output, stream);
        }
    }
}

void sbx_output_drain(sbx_output *output)
{
    struct pollfd wait[2];
    size_t count;

    if (!output->is_used)
        return;
    while ((count = sbx_output_poll(output, wait)) > 0) {
        if (output->is_truncated && output->stream[0].bytes + output->stream[1].bytes == 0)
            return;
        if (poll(wait, (nfds_t)count, -1) < 0 && errno != EINTR)
            return;
        if (*sbx_signals_came() && sbx_signals_next() != 0)
            return; /* a reader that does not read, and a user who does not want to wait */
        sbx_output_move(output, wait, count);
    }
}

void sbx_output_done(sbx_output *output)
{
    sbx_output_started(output);
    for (int i = 0; i < 2; i++) {
        close_fd(&output->stream[i].from);
        free(output->stream[i].data);
        output->stream[i].data = NULL;
    }
}
