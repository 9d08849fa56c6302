/* The socket between the job and its supervisor, seen from the job. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

/*
 * Not exit_group, which the target's filter hands to the listener: where the supervisor is dead, or never
 * got the listener, nobody would answer, and the process would hold its own listener for ever.
 */
SBX_NORETURN static void leave(void)
{
    for (;;)
        syscall(SYS_exit, 125);
}

bool sbx_wire_is_valid(const sbx_wire *message, size_t bytes)
{
    if (bytes != sizeof(*message) || (unsigned)message->kind > SBX_WIRE_EXITED)
        return false;
    return message->kind != SBX_WIRE_FAILED ||
           (message->u.error.status != SBX_OK &&
            memchr(message->u.error.message, '\0', sizeof(message->u.error.message)) != NULL);
}

void sbx_wire_send(int socket, const sbx_wire *message)
{
    /* Nothing better can be done about a failure: the supervisor's end is the only listener. */
    while (send(socket, message, sizeof(*message), MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

void sbx_wire_fail(int socket, const sbx_error *error)
{
    sbx_wire message = {.kind = SBX_WIRE_FAILED};

    message.u.error = *error;
    sbx_wire_send(socket, &message);
    leave();
}

static void attach(struct msghdr *header, void *room, size_t room_bytes, const int *fds,
                   size_t count)
{
    struct cmsghdr *rights;

    if (count == 0)
        return;
    header->msg_control = room;
    header->msg_controllen = room_bytes;
    rights = CMSG_FIRSTHDR(header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
}

sbx_status sbx_wire_send_ready(int socket, int listener_fd, int masks_fd, sbx_error *err)
{
    sbx_wire message = {.kind = SBX_WIRE_READY};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[2];
    size_t count = 0;

    if (listener_fd >= 0) {
        message.value |= 1;
        fds[count++] = listener_fd;
    }
    if (masks_fd >= 0) {
        message.value |= 2;
        fds[count++] = masks_fd;
    }
    attach(&header, control.room, sizeof(control.room), fds, count);
    while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_SPAWN, errno,
                                  "tell sbx that the target is ready");
    while (count > 0)
        close(fds[--count]);
    return SBX_OK;
}

sbx_status sbx_wire_receive_idmap(int *out_fd, int socket, sbx_error *err)
{
    sbx_wire message;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof(control.room)};
    struct cmsghdr *rights;
    ssize_t got;

    (void)err;
    do
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    rights = CMSG_FIRSTHDR(&header);
    if (got != (ssize_t)sizeof(message) || message.kind != SBX_WIRE_IDMAP || rights == NULL ||
        rights->cmsg_type != SCM_RIGHTS)
        leave(); /* the supervisor is gone or has failed, which it knows itself */
    memcpy(out_fd, CMSG_DATA(rights), sizeof(int));
    return SBX_OK;
}

sbx_status sbx_wire_wait_go(int socket, sbx_error *err)
{
    sbx_wire message;
    ssize_t got;

    do
        got = recv(socket, &message, sizeof(message), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(message) || message.kind != SBX_WIRE_GO)
        leave(); /* the supervisor is gone or has changed its mind: nobody listens any more */
    (void)err;
    return SBX_OK;
}
