/*
 * Is the network closed to a sandbox user? That is tried in each run, by a process of that user and before there is
 * anything of the command: what a setup remembers says only whether trying is worth it.
 *
 *   1. sbx.exe opens doors: sockets of its own on the loopback, at ports that the system chooses, and closed to inheritance
 *   2. the runner makes the tries and says what the system answered to each (frames TRY and TRIED, protocol.h)
 *   3. sbx.exe looks whether anybody came, closes the doors, and judges
 *
 * The wall holds if every answer is the one that a filter gives (WSAEACCES), and nobody came. A try that went through,
 * timed out or failed in another way proves nothing.
 *
 * Why these tries: the filters of sbx-setup have one condition, the user, at the layers for getting an address (bind),
 * connecting, listening and accepting. A socket that gets no address reaches nothing, wherever it wants to go: that is
 * tried without a destination. That the loopback is closed, which firewalls leave open, is tried with one.
 *
 * net_wall.c is pure, the same on every system; net_doors.c and net_try.c are the real sockets, on Windows only.
 */
#ifndef SBX_RUNNER_WINDOWS_NET_WALL_H
#define SBX_RUNNER_WINDOWS_NET_WALL_H

#include "harness/base/error.h"
#include "harness/target/windows/os.h"

/* In the order in which they are made. */
typedef enum sbx_net_try {
    SBX_NET_BIND_TCP4, /* any address, any port */
    SBX_NET_BIND_UDP4,
    SBX_NET_CONNECT4, /* to a door */
    SBX_NET_SEND4,    /* one datagram of one byte, to a door */
    SBX_NET_BIND_TCP6,
    SBX_NET_BIND_UDP6,
    SBX_NET_CONNECT6,
    SBX_NET_SEND6,
    SBX_NET_TRIES
} sbx_net_try;

enum {
    SBX_NET_DOORS = 4,     /* TCP and UDP on 127.0.0.1, TCP and UDP on ::1 */
    SBX_NET_TRY_MS = 3000, /* the longest that one try may take */
};

/* Answers: Windows' numbers, and one that is nobody's. */
#define SBX_NET_WENT UINT32_C(0)
#define SBX_NET_DENIED UINT32_C(10013)    /* WSAEACCES: what a filter says */
#define SBX_NET_NO_FAMILY UINT32_C(10047) /* WSAEAFNOSUPPORT: this machine has no such addresses */
#define SBX_NET_NO_DOOR UINT32_MAX        /* was not tried: there was no door */

typedef struct sbx_net_doors {
    sbx_handle door[SBX_NET_DOORS]; /* NULL: none */
    uint16_t port[SBX_NET_DOORS];   /* 0: none; those of IPv4 are always there */
    bool has_ipv6;   /* sockets of IPv6 can be made here, whether or not there is a ::1 */
    bool is_started; /* of who opens them */
} sbx_net_doors;

/*
 * arrivals: how many came to a door. who: the user's name, for the message.
 * Fails: REFUSED  the wall does not hold, or was not proven (step NET); the message says which try
 */
SBX_MUST_USE sbx_status sbx_net_judge(const uint32_t answer[SBX_NET_TRIES],
                                      const sbx_net_doors *doors, unsigned arrivals,
                                      const char *who, sbx_error *err);

/* ---- net_doors.c: sbx.exe's side, for the table in remote_os.h ---- */

/* On failure nothing is open. A machine without IPv6, or without ::1, has two doors. */
sbx_os_code sbx_net_doors_open(sbx_net_doors *out);
/* Who has come by now; does not wait. */
sbx_os_code sbx_net_doors_count(unsigned *out, const sbx_net_doors *doors);
void sbx_net_doors_close(sbx_net_doors *doors); /* zeroed is fine */

/* ---- net_try.c: the runner's side ---- */

/* Bounded in time, and leaves nothing open. port: of the doors, 0: there is none. */
void sbx_net_try_all(uint32_t out_answer[SBX_NET_TRIES], const uint16_t port[SBX_NET_DOORS]);

#endif
