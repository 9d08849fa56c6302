/* Sending, and receiving with descriptors. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/embed/parts.h"

bool sbx_embed_send(int fd, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = send(fd, at, bytes, MSG_NOSIGNAL);

        if (done < 0 && errno != EINTR)
            return false;
        at += done < 0 ? 0 : done;
        bytes -= done < 0 ? 0 : (size_t)done;
    }
    return true;
}

/* More than was announced is closed. */
static void take_descriptors(const struct msghdr *message, int fd[2])
{
    const struct cmsghdr *part = CMSG_FIRSTHDR(message);
    int given[2];
    size_t count;

    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return;
    count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(given, CMSG_DATA(part), (count < 2 ? count : 2) * sizeof(int));
    for (size_t i = 0; i < count && i < 2; i++) {
        if (fd[i] >= 0)
            (void)close(fd[i]);
        fd[i] = given[i];
    }
}

int sbx_embed_receive(int socket_fd, sbx_protocol_answer *answer, size_t *have, int fd[2])
{
    while (*have < sizeof(*answer)) {
        union {
            struct cmsghdr align;
            char room[CMSG_SPACE(2 * sizeof(int))];
        } control;
        struct iovec part = {(char *)answer + *have, sizeof(*answer) - *have};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.room,
                                 .msg_controllen = sizeof(control.room)};
        ssize_t got = recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (got <= 0)
            return -1;
        take_descriptors(&message, fd);
        *have += (size_t)got;
    }
    *have = 0;
    if (answer->magic != SBX_PROTOCOL_MAGIC ||
        memchr(answer->status, '\0', sizeof(answer->status)) == NULL ||
        memchr(answer->reason, '\0', sizeof(answer->reason)) == NULL ||
        memchr(answer->run_id, '\0', sizeof(answer->run_id)) == NULL ||
        memchr(answer->message, '\0', sizeof(answer->message)) == NULL)
        return -1;
    return 1;
}
