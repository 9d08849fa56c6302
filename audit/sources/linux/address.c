/* See address.h. */
#include "audit/sources/linux/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "audit/sources/linux/memory.h"
#include "audit/sources/linux/syscalls.h"
#include "harness/base/compiler.h"

/* The type of somebody else's socket: by a copy of its descriptor. Unknown for threads before 6.9. */
static int read_type(pid_t task, int socket)
{
    int pidfd = (int)syscall(SYS_pidfd_open, task, 0);
    int type = 0, copy;
    socklen_t bytes = sizeof(type);

    if (pidfd < 0)
        return 0;
    copy = (int)syscall(SYS_pidfd_getfd, pidfd, socket, 0);
    if (copy >= 0) {
        if (getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0)
            type = 0;
        close(copy);
    }
    close(pidfd);
    return type;
}

void sbx_address_read(sbx_address *out, pid_t task, int socket, uint64_t at, uint64_t bytes)
{
    memset(out, 0, sizeof(*out));
    if (bytes < sizeof(sa_family_t))
        return;
    if (bytes > sizeof(out->u.room))
        bytes = sizeof(out->u.room);
    out->bytes = sbx_memory_read(task, at, &out->u.room, bytes);
    if (out->bytes >= sizeof(sa_family_t) &&
        (out->u.any.sa_family == AF_INET || out->u.any.sa_family == AF_INET6))
        out->type = read_type(task, socket);
}

static bool is_loopback(const sbx_address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address->u.any;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address->u.any;
    uint32_t host;

    if (address->u.any.sa_family == AF_INET) {
        host = ntohl(v4->sin_addr.s_addr);
        return host >> 24 == 127 || host == INADDR_ANY;
    }
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

static unsigned port_of(const sbx_address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address->u.any;

    return ntohs(v4->sin_port); /* the same place in sockaddr_in6 */
}

bool sbx_address_is_route_lookup(const sbx_address *address)
{
    return (address->u.any.sa_family == AF_INET || address->u.any.sa_family == AF_INET6) &&
           address->type == SOCK_DGRAM && port_of(address) == 0;
}

bool sbx_address_path(char out[112], const sbx_address *address)
{
    const struct sockaddr_un *path = (const struct sockaddr_un *)(const void *)&address->u.any;

    if (address->u.any.sa_family != AF_UNIX ||
        address->bytes <= offsetof(struct sockaddr_un, sun_path) || path->sun_path[0] == '\0')
        return false;
    (void)snprintf(out, 112, "%.*s", (int)sizeof(path->sun_path), path->sun_path);
    return true;
}

int sbx_address_refusal(const sbx_address *address)
{
    char path[112];

    if (address->bytes < sizeof(sa_family_t))
        return EINVAL;
    if (address->u.any.sa_family != AF_UNIX)
        return address->u.any.sa_family == AF_UNSPEC ? EINVAL : ENETUNREACH;
    /* abstract: the namespace's own, and nobody listens who could be reached */
    return sbx_address_path(path, address) ? EACCES : ECONNREFUSED;
}

bool sbx_address_is_denied(const sbx_address *address, sbx_watch_network network, bool is_bind)
{
    bool is_inet =
        address->u.any.sa_family == AF_INET && address->bytes >= sizeof(struct sockaddr_in);
    bool is_inet6 = address->u.any.sa_family == AF_INET6 && address->bytes >= 24;

    if (!is_inet && !is_inet6)
        return false;
    if (network == SBX_WATCH_NETWORK_FULL)
        return false;
    if (is_bind) /* TCP is refused; a UDP port in an empty namespace is nobody's */
        return network == SBX_WATCH_NETWORK_NONE && address->type == SOCK_STREAM;
    if (sbx_address_is_route_lookup(address))
        return false;
    return network == SBX_WATCH_NETWORK_NONE || !is_loopback(address);
}

void sbx_address_format(char *out, size_t room, const sbx_address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address->u.any;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address->u.any;
    const struct sockaddr_un *path = (const struct sockaddr_un *)(const void *)&address->u.any;
    const char *type = address->type == SOCK_STREAM  ? "tcp"
                       : address->type == SOCK_DGRAM ? "udp"
                       : address->type == SOCK_RAW   ? "raw"
                                                     : "ip";
    char text[INET6_ADDRSTRLEN];

    if (address->u.any.sa_family == AF_INET)
        (void)snprintf(out, room, "%s %s:%u", type,
                       inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)), port_of(address));
    else if (address->u.any.sa_family == AF_INET6)
        (void)snprintf(out, room, "%s [%s]:%u", type,
                       inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)), port_of(address));
    else if (address->u.any.sa_family == AF_UNIX &&
             address->bytes > offsetof(struct sockaddr_un, sun_path))
        (void)snprintf(out, room, "unix %s%.108s", path->sun_path[0] == '\0' ? "@" : "",
                       path->sun_path + (path->sun_path[0] == '\0'));
    else
        sbx_address_format_family(out, room, address->u.any.sa_family);
}

void sbx_address_format_family(char *out, size_t room, int family)
{
    static const struct {
        int family;
        const char *word;
    } names[] = {{AF_UNIX, "unix"},       {AF_PACKET, "packet"}, {AF_VSOCK, "vsock"},
                 {AF_NETLINK, "netlink"}, {AF_ALG, "alg"},       {AF_BLUETOOTH, "bluetooth"},
                 {AF_CAN, "can"},         {AF_TIPC, "tipc"},     {AF_XDP, "xdp"},
                 {AF_KEY, "key"},         {AF_RDS, "rds"},       {AF_QIPCRTR, "qipcrtr"}};

    for (size_t i = 0; i < SBX_COUNT_OF(names); i++)
        if (names[i].family == family) {
            (void)snprintf(out, room, "%s", names[i].word);
            return;
        }
    (void)snprintf(out, room, "family %d", family);
}

void sbx_address_format_call(char *out, size_t room, int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
#define X(call) {call, #call},
        SBX_REFUSED_CALLS(X)
#undef X
            {SYS_clone, "SYS_clone"},
        {SYS_unshare, "SYS_unshare"},
        {SYS_ioctl, "SYS_ioctl"},
        {SYS_sched_setaffinity, "SYS_sched_setaffinity"},
        {SYS_socketpair, "SYS_socketpair"},
    };

    for (size_t i = 0; i < SBX_COUNT_OF(names); i++)
        if (names[i].number == number) {
            const char *name;

            name = names[i].name + (strncmp(names[i].name, "SYS_", 4) == 0 ? 4 : 7);
            (void)snprintf(out, room, "%s", name);
            return;
        }
    (void)snprintf(out, room, "call %d", number);
}
