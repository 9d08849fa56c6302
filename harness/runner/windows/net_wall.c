/* What the answers prove; see net_wall.h. */
#include "harness/runner/windows/net_wall.h"

enum { TRIES_EACH = SBX_NET_TRIES / 2, DOORS_EACH = SBX_NET_DOORS / 2, FIRST_WITH_DOOR = 2 };

static const char *const doing[TRIES_EACH] = {
    "giving a TCP socket an address", "giving a UDP socket an address",
    "connecting to the loopback", "sending a datagram to the loopback"};

/* Of an answer that is not a filter's: does it say that there is nothing there to be closed? */
static bool is_moot(unsigned attempt, uint32_t answer, const sbx_net_doors *doors)
{
    unsigned which = attempt % TRIES_EACH;

    if (attempt < TRIES_EACH)
        return false; /* every machine has IPv4 and its loopback */
    if (answer == SBX_NET_NO_FAMILY)
        return !doors->has_ipv6;
    return answer == SBX_NET_NO_DOOR && which >= FIRST_WITH_DOOR &&
           doors->port[DOORS_EACH + which - FIRST_WITH_DOOR] == 0;
}

static sbx_status refuse(unsigned attempt, uint32_t answer, const char *who, sbx_error *err)
{
    const char *what = doing[attempt % TRIES_EACH];
    const char *family = attempt < TRIES_EACH ? "IPv4" : "IPv6";

    if (answer == SBX_NET_WENT)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_NET,
                              "net: the network is not closed to %s: %s (%s) went through where a "
                              "filter of sbx-setup refuses it (`sbx-setup status` says which is "
                              "missing, `sbx-setup repair` puts it back)",
                              who, what, family);
    if (answer == SBX_NET_NO_DOOR)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_NET,
                              "net: that the network is closed to %s was not proven: %s (%s) was "
                              "not tried",
                              who, what, family);
    return sbx_fail(err, SBX_REFUSED, SBX_STEP_NET, SBX_OS_WIN32, (int)answer,
                    "net: that the network is closed to %s was not proven: %s (%s) did not fail as "
                    "a filter of sbx-setup makes it fail (code %u, not %u)",
                    who, what, family, (unsigned)answer, (unsigned)SBX_NET_DENIED);
}

sbx_status sbx_net_judge(const uint32_t answer[SBX_NET_TRIES], const sbx_net_doors *doors,
                         unsigned arrivals, const char *who, sbx_error *err)
{
    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        if (answer[i] != SBX_NET_DENIED && !is_moot(i, answer[i], doors))
            return refuse(i, answer[i], who, err);
    if (arrivals > 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_NET,
                              "net: that the network is closed to %s was not proven: it is said to "
                              "have been refused, and somebody came to the socket all the same",
                              who);
    return SBX_OK;
}
