/*
 * sbx.exe's sockets for trying whether the network is closed (net_wall.h). On the loopback alone, so that no firewall asks
 * the user about a program that listens; nobody can take a port over, and no process inherits one.
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include "harness/runner/windows/net_wall.h"

enum { BACKLOG = 4 };

static bool is_ipv6(unsigned which)
{
    return which >= SBX_NET_DOORS / 2;
}

static bool is_stream(unsigned which)
{
    return which % 2 == 0;
}

static SOCKET as_socket(sbx_handle door)
{
    return (SOCKET)(uintptr_t)door;
}

static sbx_os_code last_error(void)
{
    sbx_os_code code = (sbx_os_code)WSAGetLastError();

    return code == 0 ? WSASYSCALLFAILURE : code;
}

static int bind_to_loopback(SOCKET made, unsigned which)
{
    struct sockaddr_in here4 = {.sin_family = AF_INET};
    struct sockaddr_in6 here6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    if (is_ipv6(which))
        return bind(made, (struct sockaddr *)&here6, sizeof(here6));
    here4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(made, (struct sockaddr *)&here4, sizeof(here4));
}

static sbx_os_code read_port(uint16_t *out, SOCKET made)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
    } here = {.any.sa_family = AF_UNSPEC};
    int bytes = sizeof(here);

    if (getsockname(made, &here.any, &bytes) != 0)
        return last_error();
    *out = ntohs(here.any.sa_family == AF_INET ? here.ip4.sin_port : here.ip6.sin6_port);
    return *out == 0 ? WSAEADDRNOTAVAIL : 0;
}

static sbx_os_code open_one(sbx_net_doors *out, unsigned which)
{
    BOOL is_ours_alone = TRUE;
    u_long does_not_wait = 1;
    sbx_os_code code = 0;
    SOCKET made =
        WSASocketW(is_ipv6(which) ? AF_INET6 : AF_INET, is_stream(which) ? SOCK_STREAM : SOCK_DGRAM,
                   is_stream(which) ? IPPROTO_TCP : IPPROTO_UDP, NULL, 0,
                   WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    if (made == INVALID_SOCKET)
        return last_error();
    if (is_ipv6(which))
        out->has_ipv6 = true;
    if (setsockopt(made, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&is_ours_alone,
                   sizeof(is_ours_alone)) != 0 ||
        bind_to_loopback(made, which) != 0 || (is_stream(which) && listen(made, BACKLOG) != 0) ||
        ioctlsocket(made, (long)FIONBIO, &does_not_wait) != 0)
        code = last_error();
    if (code == 0)
        code = read_port(&out->port[which], made);
    if (code == 0)
        out->door[which] = (sbx_handle)(uintptr_t)made;
    else
        (void)closesocket(made);
    return code;
}

sbx_os_code sbx_net_doors_open(sbx_net_doors *out)
{
    WSADATA about;
    sbx_os_code code;

    *out = (sbx_net_doors){.has_ipv6 = false};
    code = (sbx_os_code)WSAStartup(MAKEWORD(2, 2), &about);
    if (code != 0)
        return code;
    out->is_started = true;
    for (unsigned i = 0; code == 0 && i < SBX_NET_DOORS; i++) {
        code = open_one(out, i);
        if (is_ipv6(i) && (code == WSAEAFNOSUPPORT || code == WSAEADDRNOTAVAIL))
            code = 0; /* no IPv6 here, or none of its loopback */
    }
    if (code != 0)
        sbx_net_doors_close(out);
    return code;
}

sbx_os_code sbx_net_doors_count(unsigned *out, const sbx_net_doors *doors)
{
    *out = 0;
    for (unsigned i = 0; i < SBX_NET_DOORS; i++) {
        char byte[16];
        bool came;

        if (doors->door[i] == NULL)
            continue;
        if (is_stream(i)) {
            SOCKET guest = accept(as_socket(doors->door[i]), NULL, NULL);

            came = guest != INVALID_SOCKET;
            if (came)
                (void)closesocket(guest);
        } else {
            came = recv(as_socket(doors->door[i]), byte, sizeof(byte), 0) != SOCKET_ERROR;
        }
        if (came)
            ++*out;
        else if (WSAGetLastError() != WSAEWOULDBLOCK)
            return last_error();
    }
    return 0;
}

void sbx_net_doors_close(sbx_net_doors *doors)
{
    for (unsigned i = 0; i < SBX_NET_DOORS; i++)
        if (doors->door[i] != NULL)
            (void)closesocket(as_socket(doors->door[i]));
    if (doors->is_started)
        (void)WSACleanup();
    *doors = (sbx_net_doors){.has_ipv6 = false};
}
