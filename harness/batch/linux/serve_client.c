/* Orders come in, answers go out, and neither waits for the other: a client that does not read can still be read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/batch/linux/serve_parts.h"

void sbx_serve_client_init(sbx_serve_client *out, int fd)
{
    memset(out, 0, sizeof(*out));
    out->fd = fd;
    out->input_fd = -1;
    out->end = &out->first;
}

void sbx_serve_client_done(sbx_serve_client *client)
{
    while (client->first != NULL) {
        sbx_serve_outgoing *next = client->first->next;

        free(client->first);
        client->first = next;
    }
    if (client->input_fd >= 0)
        (void)close(client->input_fd);
    sbx_text_done(&client->text);
}

/* --- orders --- */

static bool is_valid(const sbx_protocol_order *order)
{
    return order->magic == SBX_PROTOCOL_MAGIC && order->text_bytes <= SBX_PROTOCOL_TEXT_MAX &&
           order->input_bytes <= SBX_PROTOCOL_INPUT_MAX;
}

/* At most that many bytes; 0: nothing is there now; -1: the client is gone. */
static ssize_t receive(const sbx_serve_client *self, void *out, size_t bytes)
{
    ssize_t got;

    do
        got = recv(self->fd, out, bytes, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return got == 0 ? -1 : got;
}

/* A disk that is full is that command's trouble: the rest of its input is read and dropped. */
static void keep_input(sbx_serve_client *self, const char *data, size_t bytes)
{
    while (bytes > 0 && !self->input_failed) {
        ssize_t done = write(self->input_fd, data, bytes);

        self->input_failed = done < 0 && errno != EINTR;
        data += done < 0 ? 0 : done;
        bytes -= done < 0 ? 0 : (size_t)done;
    }
}

static ssize_t read_some(sbx_serve_client *self)
{
    char room[64 * 1024];
    size_t text_left;
    ssize_t got;

    if (self->order_have < sizeof(self->order)) {
        got = receive(self, (char *)&self->order + self->order_have,
                      sizeof(self->order) - self->order_have);
        self->order_have += got > 0 ? (size_t)got : 0;
        if (self->order_have < sizeof(self->order))
            return got;
        sbx_text_clear(&self->text);
        self->input_left = self->order.input_bytes;
        self->input_failed = false;
        if (!is_valid(&self->order))
            return -1;
        if (self->input_left > 0)
            self->input_fd = sbx_serve_files_input(self->files, self->order.ticket);
        self->input_failed = self->input_left > 0 && self->input_fd < 0;
        return got;
    }
    text_left = self->order.text_bytes - self->text.bytes;
    if (text_left > 0) {
        got = receive(self, room, text_left < sizeof(room) ? text_left : sizeof(room));
        sbx_text_add_bytes(&self->text, room, got > 0 ? (size_t)got : 0);
        return self->text.failed ? -1 : got;
    }
    got = receive(self, room,
                  self->input_left < sizeof(room) ? (size_t)self->input_left : sizeof(room));
    if (got > 0) {
        keep_input(self, room, (size_t)got);
        self->input_left -= (uint64_t)got;
    }
    return got;
}

static bool is_whole(const sbx_serve_client *self)
{
    return self->order_have == sizeof(self->order) && self->text.bytes == self->order.text_bytes &&
           self->input_left == 0;
}

sbx_serve_news sbx_serve_client_read(sbx_serve_client *client)
{
    if (is_whole(client)) /* it was taken: the next one begins */
        client->order_have = 0;
    while (!is_whole(client)) {
        ssize_t got = read_some(client);

        if (got <= 0)
            return got == 0 ? SBX_SERVE_NOTHING : SBX_SERVE_GONE;
    }
    if (client->input_fd >= 0)
        (void)close(client->input_fd);
    client->input_fd = -1;
    return SBX_SERVE_ORDER;
}

/* --- answers --- */

bool sbx_serve_client_answer(sbx_serve_client *client, const sbx_protocol_answer *answer,
                             bool has_files)
{
    sbx_serve_outgoing *added = calloc(1, sizeof(*added));

    if (added == NULL)
        return false;
    added->answer = *answer;
    added->has_files = has_files;
    *client->end = added;
    client->end = &added->next;
    return true;
}

/* Descriptors go with the first byte. */
static ssize_t send_some(sbx_serve_client *self, int fd[2])
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec part = {(char *)&self->first->answer + self->sent,
                         sizeof(self->first->answer) - self->sent};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (self->sent == 0 && self->first->answer.descriptors > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.room;
        message.msg_controllen = sizeof(control.room);
        CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fd, 2 * sizeof(int));
    }
    return sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Files are opened only now, so that answers that wait take no descriptors. */
static ssize_t send_first(sbx_serve_client *self)
{
    int fd[2] = {-1, -1};
    ssize_t done;

    if (self->sent == 0)
        self->first->answer.descriptors =
            self->first->has_files &&
                    sbx_serve_files_open(fd, self->files, self->first->answer.ticket)
                ? 2
                : 0;
    done = send_some(self, fd);
    for (int i = 0; i < 2; i++)
        if (fd[i] >= 0)
            (void)close(fd[i]);
    return done;
}

bool sbx_serve_client_flush(sbx_serve_client *client)
{
    while (client->first != NULL) {
        sbx_serve_outgoing *first = client->first;
        ssize_t done = send_first(client);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        client->sent += (size_t)done;
        if (client->sent < sizeof(first->answer))
            continue;
        client->sent = 0;
        sbx_serve_files_forget(client->files, first->answer.ticket);
        client->first = first->next;
        if (client->first == NULL)
            client->end = &client->first;
        free(first);
    }
    return true;
}
