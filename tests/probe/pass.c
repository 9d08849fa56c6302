/* Verbs about descriptors: those that came by a socket, and the pipe that is stdin. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/descriptor.h"

/* A descriptor, or -1 where none came. */
static int receive_descriptor(int socket)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    struct cmsghdr *rights;
    int fd = -1;

    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    rights = CMSG_FIRSTHDR(&message);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(rights), sizeof(int));
    return fd;
}

/* Through its magic link: what was opened to be read, opened to be written. */
static int widen(int fd)
{
    char path[64];

    if (fd < 0)
        return EBADMSG;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return sbx_probe_write_and_close(open(path, O_WRONLY | O_CLOEXEC));
}

static int pass_and_widen(char **arguments)
{
    int pair[2], fd = open(arguments[0], O_RDONLY | O_CLOEXEC), status = 0;
    pid_t child;

    if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        close(fd);
        _exit(widen(receive_descriptor(pair[1])));
    }
    if (sbx_test_send_descriptor(pair[0], fd) != 0)
        return EBADMSG;
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EBADMSG;
}

/* From stdin, a socket on which somebody has sent a descriptor before we began. */
static int receive_and_widen(char **arguments)
{
    (void)arguments;
    return widen(receive_descriptor(STDIN_FILENO));
}

static int receive_and_write(char **arguments)
{
    int fd = receive_descriptor(STDIN_FILENO);

    (void)arguments;
    return fd < 0 ? EBADMSG : sbx_probe_write_and_close(fd);
}

static int receive_and_write_at(char **arguments)
{
    int directory = receive_descriptor(STDIN_FILENO);

    return directory < 0
               ? EBADMSG
               : sbx_probe_write_and_close(openat(directory, arguments[0], O_WRONLY | O_CLOEXEC));
}

static int receive_and_create_at(char **arguments)
{
    int directory = receive_descriptor(STDIN_FILENO);

    return directory < 0 ? EBADMSG
                         : sbx_probe_write_and_close(openat(directory, arguments[0],
                                                            O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

/* Makes the pipe that is stdin as large as may be, takes one byte, and rests. */
static int grow_input(char **arguments)
{
    char byte;

    if (fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1024 * 1024) < 0 || read(STDIN_FILENO, &byte, 1) != 1)
        return errno;
    sbx_probe_sleep((double)sbx_probe_number(arguments[0]));
    return 0;
}

const sbx_probe_verb sbx_probe_pass_verbs[] = {
    {"pass-widen", "PATH", sbx_probe_denied_usual, pass_and_widen},
    {"receive-widen", "", sbx_probe_denied_usual, receive_and_widen},
    {"receive-write", "", sbx_probe_denied_usual, receive_and_write},
    {"receive-write-at", "NAME", sbx_probe_denied_usual, receive_and_write_at},
    {"receive-create-at", "NAME", sbx_probe_denied_usual, receive_and_create_at},
    {"grow-input", "SECONDS", sbx_probe_denied_usual, grow_input},
    {.name = NULL},
};
