/* A connection that the filtering platform dropped; see kernel_event.h. */
#include "audit/sources/windows/kernel_event.h"

#include <string.h>

#include "audit/sources/windows/net_name.h"

static const char *protocol_word(const sbx_net_drop *drop)
{
    enum { ICMP = 1, TCP = 6, UDP = 17, ICMP_V6 = 58 };

    switch (drop->flags & SBX_NET_HAS_PROTOCOL ? drop->protocol : 0) {
    case TCP:
        return "tcp";
    case UDP:
        return "udp";
    case ICMP:
    case ICMP_V6:
        return "icmp";
    default:
        return "ip";
    }
}

/* "tcp 192.0.2.1:80", "udp [2001:db8::1]:53", "icmp 192.0.2.1", and "tcp" of one that has no address. */
static void add_target(sbx_text *out, const sbx_net_drop *drop, bool is_own)
{
    const uint8_t *address = is_own ? drop->local : drop->remote;
    unsigned has_address = is_own ? SBX_NET_HAS_LOCAL_ADDRESS : SBX_NET_HAS_REMOTE_ADDRESS;
    unsigned has_port = is_own ? SBX_NET_HAS_LOCAL_PORT : SBX_NET_HAS_REMOTE_PORT;
    const char *word = protocol_word(drop);

    sbx_text_add(out, word);
    if (!(drop->flags & SBX_NET_HAS_VERSION) || !(drop->flags & has_address))
        return;
    sbx_text_add(out, " ");
    sbx_net_address_add(out, drop->is_v6, address);
    if ((drop->flags & has_port) && strcmp(word, "icmp") != 0) /* which has types there */
        sbx_text_add_format(out, ":%u", is_own ? drop->local_port : drop->remote_port);
}

sbx_event_verdict sbx_net_drop_read(sbx_kernel_denial *out, const sbx_net_drop *drop,
                                    const char *user, const sbx_nt_drives *drives)
{
    static const char *const ops[] = {[SBX_NET_CONNECT] = "connect",
                                      [SBX_NET_ACCEPT] = "accept",
                                      [SBX_NET_LISTEN] = "listen",
                                      [SBX_NET_BIND] = "bind",
                                      [SBX_NET_OTHER] = "access"};
    const uint64_t since_1601_us = UINT64_C(11644473600000000);
    char sid[SBX_EVENT_SID_TEXT_BYTES];
    size_t units = drop->program_units;

    *out = (sbx_kernel_denial){.kind = SBX_DENIAL_NETWORK};
    if (!(drop->flags & SBX_NET_HAS_USER) || drop->user_bytes > sizeof(drop->user) ||
        !sbx_event_sid_print(sid, drop->user, drop->user_bytes) || strcmp(sid, user) != 0)
        return SBX_EVENT_FOREIGN;
    if (!(drop->flags & SBX_NET_HAS_PROGRAM) || units > SBX_NET_PROGRAM_UNITS ||
        (unsigned)drop->layer > SBX_NET_OTHER || drop->time / 10 < since_1601_us ||
        drop->time > INT64_MAX)
        return SBX_EVENT_BROKEN;
    while (units > 0 && drop->program[units - 1] == 0) /* its end is counted with it */
        units--;
    if (units == 0)
        return SBX_EVENT_BROKEN;
    out->op = ops[drop->layer];
    out->time_us = drop->time / 10 - since_1601_us;
    add_target(&out->target, drop, drop->layer == SBX_NET_LISTEN || drop->layer == SBX_NET_BIND);
    sbx_nt_name_add(&out->program, drop->program, units, drives);
    return out->target.failed || out->program.failed ? SBX_EVENT_BROKEN : SBX_EVENT_OURS;
}
