/* The tries of net_wall.h, by whoever calls: in sbx-runner.exe that is the sandbox user. */
#include <winsock2.h>
#include <ws2tcpip.h>

#include "harness/base/compiler.h"
#include "harness/runner/windows/net_wall.h"

typedef union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
} address;

typedef struct attempt {
    bool is_ipv6, is_stream;
    int door; /* -1: to no destination */
} attempt;

static const attempt attempts[SBX_NET_TRIES] = {
    [SBX_NET_BIND_TCP4] = {false, true, -1}, [SBX_NET_BIND_UDP4] = {false, false, -1},
    [SBX_NET_CONNECT4] = {false, true, 0},   [SBX_NET_SEND4] = {false, false, 1},
    [SBX_NET_BIND_TCP6] = {true, true, -1},  [SBX_NET_BIND_UDP6] = {true, false, -1},
    [SBX_NET_CONNECT6] = {true, true, 2},    [SBX_NET_SEND6] = {true, false, 3},
};

static uint32_t last_error(void)
{
    uint32_t code = (uint32_t)WSAGetLastError();

    return code == 0 ? WSASYSCALLFAILURE : code;
}

/* Port 0: any address. Otherwise the loopback. */
static int make_address(address *out, bool is_ipv6, uint16_t port)
{
    *out = (address){.any.sa_family = AF_UNSPEC};
    if (is_ipv6) {
        out->ip6.sin6_family = AF_INET6;
        out->ip6.sin6_port = htons(port);
        if (port != 0)
            out->ip6.sin6_addr.s6_addr[15] = 1;
        return sizeof(out->ip6);
    }
    out->ip4.sin_family = AF_INET;
    out->ip4.sin_port = htons(port);
    out->ip4.sin_addr.s_addr = htonl(port != 0 ? INADDR_LOOPBACK : INADDR_ANY);
    return sizeof(out->ip4);
}

/* What became of a connection that is not there yet: one wait, which its answer ends. */
static uint32_t await_connection(SOCKET made)
{
    fd_set is_there, has_failed;
    struct timeval longest = {.tv_sec = SBX_NET_TRY_MS / 1000,
                              .tv_usec = SBX_NET_TRY_MS % 1000 * 1000};
    int code = 0, bytes = sizeof(code);

    FD_ZERO(&is_there);
    FD_ZERO(&has_failed);
    FD_SET(made, &is_there);
    FD_SET(made, &has_failed);
    switch (select(0, NULL, &is_there, &has_failed, &longest)) {
    case SOCKET_ERROR:
        return last_error();
    case 0:
        return WSAETIMEDOUT;
    default:
        break;
    }
    if (FD_ISSET(made, &is_there))
        return SBX_NET_WENT;
    if (getsockopt(made, SOL_SOCKET, SO_ERROR, (char *)&code, &bytes) != 0)
        return last_error();
    return code == 0 ? WSASYSCALLFAILURE : (uint32_t)code;
}

static uint32_t try_connecting(SOCKET made, const address *to, int bytes)
{
    u_long does_not_wait = 1;
    uint32_t code;

    if (ioctlsocket(made, (long)FIONBIO, &does_not_wait) != 0)
        return last_error();
    if (connect(made, &to->any, bytes) == 0)
        return SBX_NET_WENT;
    code = last_error();
    return code == WSAEWOULDBLOCK ? await_connection(made) : code;
}

static uint32_t try_one(const attempt *about, const uint16_t port[SBX_NET_DOORS])
{
    address to;
    int bytes = make_address(&to, about->is_ipv6, about->door < 0 ? 0 : port[about->door]);
    uint32_t answer;
    SOCKET made;

    if (about->door >= 0 && port[about->door] == 0)
        return SBX_NET_NO_DOOR;
    made =
        WSASocketW(about->is_ipv6 ? AF_INET6 : AF_INET, about->is_stream ? SOCK_STREAM : SOCK_DGRAM,
                   about->is_stream ? IPPROTO_TCP : IPPROTO_UDP, NULL, 0,
                   WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET)
        return last_error();
    if (about->door >= 0 && about->is_stream)
        answer = try_connecting(made, &to, bytes);
    else if (about->door >= 0)
        answer =
            sendto(made, "", 1, 0, &to.any, bytes) == SOCKET_ERROR ? last_error() : SBX_NET_WENT;
    else
        answer = bind(made, &to.any, bytes) == SOCKET_ERROR ? last_error() : SBX_NET_WENT;
    (void)closesocket(made);
    return answer;
}

void sbx_net_try_all(uint32_t out_answer[SBX_NET_TRIES], const uint16_t port[SBX_NET_DOORS])
{
    WSADATA about;
    uint32_t code = (uint32_t)WSAStartup(MAKEWORD(2, 2), &about);

    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        out_answer[i] = code != 0 ? code : try_one(&attempts[i], port);
    if (code == 0)
        (void)WSACleanup();
}
