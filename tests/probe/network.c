/* Verbs that talk to others: TCP, UDP, raw and packet sockets, unix sockets by path and by name. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/probe/probe.h"

/* EADDRNOTAVAIL: the namespace has no loopback. EAFNOSUPPORT is what a filter may say for "no such
 * family"; the run outside proves that this kernel has it. */
static const int denied_network[] = {EACCES,       EPERM,         ENOSYS,       ENETUNREACH,
                                     EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, 0};

static int close_with(int fd, int failed)
{
    int code = failed ? errno : 0;

    if (fd >= 0)
        close(fd);
    return code;
}

/* A socket, and where ADDRESS PORT leads; -1: errno says why not. */
static int socket_to(struct sockaddr_in *out, char **arguments, int type, int protocol)
{
    memset(out, 0, sizeof(*out));
    out->sin_family = AF_INET;
    out->sin_port = htons((uint16_t)sbx_probe_number(arguments[1]));
    if (inet_pton(AF_INET, arguments[0], &out->sin_addr) == 1)
        return socket(AF_INET, type | SOCK_CLOEXEC, protocol);
    errno = EINVAL;
    return -1;
}

static int socket_to6(struct sockaddr_in6 *out, char **arguments, int type)
{
    memset(out, 0, sizeof(*out));
    out->sin6_family = AF_INET6;
    out->sin6_port = htons((uint16_t)sbx_probe_number(arguments[1]));
    if (inet_pton(AF_INET6, arguments[0], &out->sin6_addr) == 1)
        return socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    errno = EINVAL;
    return -1;
}

static int connect_on(int fd, const void *address, socklen_t bytes)
{
    return close_with(fd, fd < 0 || connect(fd, address, bytes) != 0);
}

static int send_on(int fd, int flags, const void *address, socklen_t bytes)
{
    return close_with(fd, fd < 0 || sendto(fd, "x", 1, flags, address, bytes) != 1);
}

static int connect_tcp(char **arguments)
{
    struct sockaddr_in address;

    return connect_on(socket_to(&address, arguments, SOCK_STREAM, 0), &address, sizeof(address));
}

static int connect_tcp6(char **arguments)
{
    struct sockaddr_in6 address;

    return connect_on(socket_to6(&address, arguments, SOCK_STREAM), &address, sizeof(address));
}

static int send_udp(char **arguments)
{
    struct sockaddr_in address;

    return send_on(socket_to(&address, arguments, SOCK_DGRAM, 0), 0, &address, sizeof(address));
}

static int send_udp6(char **arguments)
{
    struct sockaddr_in6 address;

    return send_on(socket_to6(&address, arguments, SOCK_DGRAM), 0, &address, sizeof(address));
}

/* TCP Fast Open: an address that never passes through connect(). */
static int send_fast_open(char **arguments)
{
    struct sockaddr_in address;

    return send_on(socket_to(&address, arguments, SOCK_STREAM, 0), MSG_FASTOPEN, &address,
                   sizeof(address));
}

/* As the C library asks a name server: connected, two questions in one call. */
static int ask_names(char **arguments)
{
    static char question[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\3sbx\7invalid\0\0\1\0";
    struct iovec part = {.iov_base = question, .iov_len = sizeof(question)};
    struct mmsghdr both[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
                              {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
    struct sockaddr_in address;
    int fd = socket_to(&address, arguments, SOCK_DGRAM, 0);

    return close_with(fd, fd < 0 ||
                              connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
                              sendmmsg(fd, both, 2, MSG_NOSIGNAL) != 2);
}

/* The address is behind three pointers. */
static int send_many_udp(char **arguments)
{
    struct iovec part = {.iov_base = (char *)"x", .iov_len = 1};
    struct sockaddr_in address;
    struct mmsghdr one = {.msg_hdr = {.msg_name = &address,
                                      .msg_namelen = sizeof(address),
                                      .msg_iov = &part,
                                      .msg_iovlen = 1}};
    int fd = socket_to(&address, arguments, SOCK_DGRAM, 0);

    return close_with(fd, fd < 0 || sendmmsg(fd, &one, 1, 0) != 1);
}

static int send_message_fast_open(char **arguments)
{
    struct iovec part = {.iov_base = (char *)"x", .iov_len = 1};
    struct sockaddr_in address;
    struct msghdr one = {
        .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part, .msg_iovlen = 1};
    int fd = socket_to(&address, arguments, SOCK_STREAM, 0);

    return close_with(fd, fd < 0 || sendmsg(fd, &one, MSG_FASTOPEN) != 1);
}

/* One echo request, as ping sends it without any rights. */
static int ping_address(char **arguments)
{
    char request[8] = {8, 0, 0, 0, 0, 1, 0, 1};
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd;

    if (inet_pton(AF_INET, arguments[0], &address.sin_addr) != 1)
        return EINVAL;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    return close_with(fd,
                      fd < 0 || sendto(fd, request, sizeof(request), 0, (struct sockaddr *)&address,
                                       sizeof(address)) != sizeof(request));
}

/* MPTCP, SCTP and what else knows connections: the numbers are socket()'s. */
static int connect_protocol(char **arguments)
{
    struct sockaddr_in address;
    int fd = socket_to(&address, arguments, (int)sbx_probe_number(arguments[2]),
                       (int)sbx_probe_number(arguments[3]));

    if (fd < 0 && errno == ESOCKTNOSUPPORT)
        return EPROTONOSUPPORT; /* not in this kernel, either */
    return connect_on(fd, &address, sizeof(address));
}

static int bind_tcp(char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)sbx_probe_number(arguments[0]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return close_with(fd, fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
                              listen(fd, 1) != 0);
}

/* Listens on the loopback, connects to itself, and passes one byte. */
static int talk_to_self(char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int server = -1, result;
    char byte = 0;

    (void)arguments;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || client < 0 || bind(listener, (struct sockaddr *)&address, bytes) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0 ||
        connect(client, (struct sockaddr *)&address, bytes) != 0 ||
        (server = accept(listener, NULL, NULL)) < 0 || write(client, "x", 1) != 1 ||
        read(server, &byte, 1) != 1)
        result = errno;
    else
        result = byte == 'x' ? 0 : EIO;
    close(listener);
    close(client);
    if (server >= 0)
        close(server);
    return result;
}

static int open_socket(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    return close_with(fd, fd < 0);
}

static int open_raw(char **arguments)
{
    (void)arguments;
    return open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int open_any(char **arguments)
{
    return open_socket((int)sbx_probe_number(arguments[0]), (int)sbx_probe_number(arguments[1]),
                       (int)sbx_probe_number(arguments[2]));
}

static int open_packet(char **arguments)
{
    (void)arguments;
    return open_socket(AF_PACKET, SOCK_RAW, 0);
}

static int open_vsock(char **arguments)
{
    (void)arguments;
    return open_socket(AF_VSOCK, SOCK_STREAM, 0);
}

/* The kernel's audit and event channels; a route socket is harmless and may be open. */
static int open_netlink(char **arguments)
{
    return open_socket(AF_NETLINK, SOCK_RAW, (int)sbx_probe_number(arguments[0]));
}

static socklen_t name_address(struct sockaddr_un *out, const char *name, int is_abstract)
{
    size_t bytes = strlen(name), offset = is_abstract ? 1 : 0;

    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    if (bytes + offset >= sizeof(out->sun_path))
        bytes = sizeof(out->sun_path) - offset - 1;
    memcpy(out->sun_path + offset, name, bytes);
    return is_abstract ? (socklen_t)(sizeof(sa_family_t) + 1 + bytes) : (socklen_t)sizeof(*out);
}

static int connect_unix(char **arguments)
{
    struct sockaddr_un address;
    socklen_t bytes = name_address(&address, arguments[0], 0);

    return connect_on(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &address, bytes);
}

static int connect_abstract(char **arguments)
{
    struct sockaddr_un address;
    socklen_t bytes = name_address(&address, arguments[0], 1);

    return connect_on(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &address, bytes);
}

/* A datagram to a path socket: sendto() names the peer without connect(). */
static int send_unix(char **arguments)
{
    struct sockaddr_un address;
    socklen_t bytes = name_address(&address, arguments[0], 0);

    return send_on(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 0, &address, bytes);
}

static int send_named(int fd, const char *path)
{
    struct sockaddr_un address;
    struct iovec part = {.iov_base = (char *)"x", .iov_len = 1};
    struct msghdr message = {.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1};

    message.msg_namelen = name_address(&address, path, 0);
    return sendmsg(fd, &message, 0) == 1 ? 0 : errno;
}

/* The address is behind two pointers, where no filter looks. */
static int send_message_unix(char **arguments)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 ? errno : send_named(fd, arguments[0]);

    if (fd >= 0)
        close(fd);
    return result;
}

/* One end of a pair, told to go to somebody else. */
static int on_pair(int (*attempt)(int fd, const char *path), const char *path)
{
    int pair[2];
    int result;

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    result = attempt(pair[0], path);
    close(pair[0]);
    close(pair[1]);
    return result;
}

static int connect_named(int fd, const char *path)
{
    struct sockaddr_un address;
    socklen_t bytes = name_address(&address, path, 0);

    return connect(fd, (struct sockaddr *)&address, bytes) == 0 ? 0 : errno;
}

static int send_pair_unix(char **arguments)
{
    return on_pair(send_named, arguments[0]);
}

static int connect_pair_unix(char **arguments)
{
    return on_pair(connect_named, arguments[0]);
}

/* A pair needs no name; pipes between a program's own processes must go on working. */
static int make_pair(char **arguments)
{
    int pair[2];
    char byte = 0;
    int result;

    (void)arguments;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    result = write(pair[0], "x", 1) == 1 && read(pair[1], &byte, 1) == 1 ? 0 : errno;
    close(pair[0]);
    close(pair[1]);
    return result;
}

const sbx_probe_verb sbx_probe_network_verbs[] = {
    {"connect-tcp", "ADDRESS PORT", denied_network, connect_tcp},
    {"connect-tcp6", "ADDRESS PORT", denied_network, connect_tcp6},
    {"send-udp", "ADDRESS PORT", denied_network, send_udp},
    {"send-fast-open", "ADDRESS PORT", denied_network, send_fast_open},
    {"send-message-fast-open", "ADDRESS PORT", denied_network, send_message_fast_open},
    {"send-many-udp", "ADDRESS PORT", denied_network, send_many_udp},
    {"send-udp6", "ADDRESS PORT", denied_network, send_udp6},
    {"ask-names", "ADDRESS PORT", denied_network, ask_names},
    {"ping-address", "ADDRESS", denied_network, ping_address},
    {"connect-protocol", "ADDRESS PORT TYPE PROTOCOL", denied_network, connect_protocol},
    {"socket", "FAMILY TYPE PROTOCOL", denied_network, open_any},
    {"bind-tcp", "PORT", denied_network, bind_tcp},
    {"talk-to-self", "", denied_network, talk_to_self},
    {"socket-raw", "", denied_network, open_raw},
    {"socket-packet", "", denied_network, open_packet},
    {"socket-vsock", "", denied_network, open_vsock},
    {"socket-netlink", "PROTOCOL", denied_network, open_netlink},
    {"connect-unix", "PATH", denied_network, connect_unix},
    {"connect-abstract", "NAME", denied_network, connect_abstract},
    {"send-unix", "PATH", denied_network, send_unix},
    {"send-message-unix", "PATH", denied_network, send_message_unix},
    {"send-pair-unix", "PATH", denied_network, send_pair_unix},
    {"connect-pair-unix", "PATH", denied_network, connect_pair_unix},
    {"socket-pair", "", denied_network, make_pair},
    {.name = NULL},
};
