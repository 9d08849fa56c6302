/* A descriptor, handed to another process over a unix socket. Also for the probe, which shares nothing else with the tests. */
#ifndef SBX_TESTS_SUPPORT_DESCRIPTOR_H
#define SBX_TESTS_SUPPORT_DESCRIPTOR_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* With one byte, as a stream carries none without. 0, or an errno. */
static inline int sbx_test_send_descriptor(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (char *)"x", .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fd, sizeof(int));
    return sendmsg(socket, &message, 0) == 1 ? 0 : errno;
}

#endif
