/*
 * Connections of one user that the filtering platform dropped. The platform calls back in a thread of its own, which copies
 * what it is shown and does nothing more.
 */
#include "harness/runner/windows/kernel_calls.h"

#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/windows/functions.h"
#include "harness/base/windows/wide.h"

enum { QUEUE_MAX = 256, LAYERS = 8, BY_WINNT = 10 /* RPC_C_AUTHN_WINNT */ };

struct sbx_net_events {
    sbx_fwpuclnt call;
    HANDLE engine, subscription, signal, port;
    PSID user;
    UINT16 layer[LAYERS]; /* as this system numbers them */
    SRWLOCK lock;
    sbx_net_drop *queue; /* under the lock, with what follows */
    size_t from, count;
    uint64_t lost;
};

/* FWPM_LAYER_ALE_AUTH_CONNECT, …_RECV_ACCEPT, …_LISTEN, FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT; _V4 and _V6. */
static const struct {
    sbx_net_layer layer;
    GUID key;
} layers[LAYERS] = {
    {SBX_NET_CONNECT,
     {0xc38d57d1, 0x05a7, 0x4c33, {0x90, 0x4f, 0x7f, 0xbc, 0xee, 0xe6, 0x0e, 0x82}}},
    {SBX_NET_CONNECT,
     {0x4a72393b, 0x319f, 0x44bc, {0x84, 0xc3, 0xba, 0x54, 0xdc, 0xb3, 0xb6, 0xb4}}},
    {SBX_NET_ACCEPT,
     {0xe1cd9fe7, 0xf4b5, 0x4273, {0x96, 0xc0, 0x59, 0x2e, 0x48, 0x7b, 0x86, 0x50}}},
    {SBX_NET_ACCEPT,
     {0xa3b42c97, 0x9f04, 0x4672, {0xb8, 0x7e, 0xce, 0xe9, 0xc4, 0x83, 0x25, 0x7f}}},
    {SBX_NET_LISTEN,
     {0x88bb5dad, 0x76d7, 0x4227, {0x9c, 0x71, 0xdf, 0x0a, 0x3e, 0xd7, 0xbe, 0x7e}}},
    {SBX_NET_LISTEN,
     {0x7ac9de24, 0x17dd, 0x4814, {0xb4, 0xbd, 0xa9, 0xfb, 0xc9, 0x5a, 0x32, 0x1b}}},
    {SBX_NET_BIND, {0x1247d66d, 0x0b60, 0x4a15, {0x8d, 0x44, 0x71, 0x55, 0xd0, 0xf5, 0x3a, 0x0c}}},
    {SBX_NET_BIND, {0x55a650e1, 0x5f0a, 0x4eca, {0xa6, 0x53, 0x88, 0xf5, 0x3b, 0x26, 0xaa, 0x8c}}},
};

static sbx_status find_fwpuclnt(sbx_fwpuclnt *out, sbx_error *err)
{
    static const char *const names[] = {"FwpmEngineOpen0",         "FwpmEngineClose0",
                                        "FwpmFreeMemory0",         "FwpmEngineGetOption0",
                                        "FwpmLayerGetByKey0",      "FwpmNetEventSubscribe0",
                                        "FwpmNetEventUnsubscribe0"};

    _Static_assert(SBX_COUNT_OF(names) * sizeof(FARPROC) == sizeof(*out), "a name for each call");
    return sbx_functions_find(out, sizeof(*out), "fwpuclnt.dll", names, SBX_COUNT_OF(names), err);
}

/* --- in the system's thread --- */

static sbx_net_layer layer_of(const sbx_net_events *net, UINT16 number)
{
    for (size_t i = 0; i < LAYERS; i++)
        if (net->layer[i] == number)
            return layers[i].layer;
    return SBX_NET_OTHER;
}

/* Version 4 comes as a number, version 6 as the network has it. */
static void copy_address(uint8_t out[16], const FWPM_NET_EVENT_HEADER1 *header, bool is_local)
{
    UINT32 v4 = is_local ? header->localAddrV4 : header->remoteAddrV4;

    if (header->ipVersion == FWP_IP_VERSION_V6) {
        memcpy(out, is_local ? header->localAddrV6.byteArray16 : header->remoteAddrV6.byteArray16,
               16);
        return;
    }
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v4 >> (24 - 8 * i));
}

/* A program of a longer name has none here, and is counted by who reads. */
static void flatten(sbx_net_drop *out, const sbx_net_events *net, const FWPM_NET_EVENT1 *event)
{
    const FWPM_NET_EVENT_HEADER1 *header = &event->header;
    const FILETIME *time = &header->timeStamp;
    DWORD sid_bytes = GetLengthSid(header->userId);

    *out = (sbx_net_drop){.time = (uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime,
                          .flags = header->flags,
                          .layer = layer_of(net, event->classifyDrop->layerId),
                          .is_v6 = header->ipVersion == FWP_IP_VERSION_V6,
                          .protocol = header->ipProtocol,
                          .local_port = header->localPort,
                          .remote_port = header->remotePort};
    copy_address(out->local, header, true);
    copy_address(out->remote, header, false);
    if (sid_bytes <= sizeof(out->user)) {
        memcpy(out->user, header->userId, sid_bytes);
        out->user_bytes = sid_bytes;
    }
    if (header->appId.data != NULL && header->appId.size <= sizeof(out->program)) {
        memcpy(out->program, header->appId.data, header->appId.size);
        out->program_units = header->appId.size / sizeof(*out->program);
    }
}

static void CALLBACK on_event(void *context, const FWPM_NET_EVENT1 *event)
{
    sbx_net_events *net = context;
    bool was_empty;

    if (event == NULL || event->type != FWPM_NET_EVENT_TYPE_CLASSIFY_DROP ||
        event->classifyDrop == NULL || (event->header.flags & SBX_NET_HAS_USER) == 0 ||
        event->header.userId == NULL || !EqualSid(event->header.userId, net->user))
        return;
    AcquireSRWLockExclusive(&net->lock);
    was_empty = net->count == 0;
    if (net->count == QUEUE_MAX)
        net->lost++;
    else
        flatten(&net->queue[(net->from + net->count++) % QUEUE_MAX], net, event);
    ReleaseSRWLockExclusive(&net->lock);
    (void)SetEvent(net->signal);
    if (was_empty && net->port != NULL)
        (void)PostQueuedCompletionStatus(net->port, 0, SBX_PORT_KERNEL_KEY, NULL);
}

/* --- in ours --- */

static sbx_status refuse(sbx_error *err, DWORD code)
{
    if (code == ERROR_ACCESS_DENIED)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_WATCH,
                              "only administrators and the group Network Configuration Operators "
                              "are told what the filtering platform drops");
    return sbx_fail_os(err, SBX_REFUSED, SBX_STEP_WATCH, code, "subscribe to the platform's drops");
}

static sbx_status look_at_option(const sbx_net_events *net, sbx_error *err)
{
    FWP_VALUE0 *found = NULL;
    DWORD code = net->call.get_option(net->engine, FWPM_ENGINE_COLLECT_NET_EVENTS, &found);
    bool is_on = code == 0 && found != NULL && found->type == FWP_UINT32 && found->uint32 != 0;

    if (found != NULL)
        net->call.free((void **)&found);
    if (code != 0)
        return refuse(err, code);
    if (is_on)
        return SBX_OK;
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_WATCH,
        "the filtering platform was told not to collect its events; sbx leaves it "
        "so, since it is the whole machine's");
}

static sbx_status look_at_layers(sbx_net_events *net, sbx_error *err)
{
    for (size_t i = 0; i < LAYERS; i++) {
        FWPM_LAYER0 *found = NULL;
        DWORD code = net->call.get_layer(net->engine, &layers[i].key, &found);

        if (code != 0 || found == NULL)
            return refuse(err, code);
        net->layer[i] = found->layerId;
        net->call.free((void **)&found);
    }
    return SBX_OK;
}

static sbx_status subscribe(sbx_net_events *net, sbx_error *err)
{
    FWPM_NET_EVENT_ENUM_TEMPLATE0 all = {.numFilterConditions = 0};
    FWPM_NET_EVENT_SUBSCRIPTION0 wanted = {.enumTemplate = &all};
    DWORD code = net->call.open(NULL, BY_WINNT, NULL, NULL, &net->engine);
    sbx_status st;

    if (code != 0)
        return refuse(err, code);
    if ((st = look_at_option(net, err)) != SBX_OK || (st = look_at_layers(net, err)) != SBX_OK)
        return st;
    code = net->call.subscribe(net->engine, &wanted, on_event, net, &net->subscription);
    return code == 0 ? SBX_OK : refuse(err, code);
}

static bool make_room(sbx_net_events *net, const char *user)
{
    wchar_t *wide = sbx_wide(user);
    bool is_made = wide != NULL && ConvertStringSidToSidW(wide, &net->user);

    free(wide);
    net->queue = calloc(QUEUE_MAX, sizeof(*net->queue));
    net->signal = CreateEventW(NULL, FALSE, FALSE, NULL);
    return is_made && net->queue != NULL && net->signal != NULL;
}

sbx_status sbx_net_events_open_by(sbx_net_events **out, const sbx_fwpuclnt *call, const char *user,
                                  HANDLE port, sbx_error *err)
{
    sbx_net_events *net = calloc(1, sizeof(*net));
    sbx_status st = SBX_OK;

    *out = NULL;
    if (net == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for dropped events");
    net->call = *call;
    net->port = port;
    InitializeSRWLock(&net->lock);
    if (!make_room(net, user))
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for dropped events");
    if (st == SBX_OK)
        st = subscribe(net, err);
    if (st != SBX_OK) {
        sbx_net_events_close(net);
        return st;
    }
    *out = net;
    return SBX_OK;
}

sbx_status sbx_net_events_open(sbx_net_events **out, const char *user, HANDLE port, sbx_error *err)
{
    sbx_fwpuclnt call;
    sbx_status st = find_fwpuclnt(&call, err);

    *out = NULL;
    return st == SBX_OK ? sbx_net_events_open_by(out, &call, user, port, err) : st;
}

/* Unsubscribing returns when the last call back has. */
void sbx_net_events_close(sbx_net_events *net)
{
    if (net == NULL)
        return;
    if (net->subscription != NULL)
        (void)net->call.unsubscribe(net->engine, net->subscription);
    if (net->engine != NULL)
        (void)net->call.close(net->engine);
    if (net->signal != NULL)
        CloseHandle(net->signal);
    if (net->user != NULL)
        LocalFree(net->user);
    free(net->queue);
    free(net);
}

HANDLE sbx_net_events_signal(const sbx_net_events *net)
{
    return net->signal;
}

static bool take(sbx_net_drop *out, sbx_net_events *net)
{
    bool is_there;

    AcquireSRWLockExclusive(&net->lock);
    is_there = net->count > 0;
    if (is_there) {
        *out = net->queue[net->from];
        net->from = (net->from + 1) % QUEUE_MAX;
        net->count--;
    }
    ReleaseSRWLockExclusive(&net->lock);
    return is_there;
}

/* Bounded: what comes meanwhile is said to the port when the queue was empty, or is there at the end of the run. */
void sbx_net_events_read(sbx_net_events *net, sbx_net_events_visit *visit, void *context)
{
    sbx_net_drop drop;
    int seen = 0;

    while (seen < QUEUE_MAX && take(&drop, net)) {
        visit(context, &drop);
        seen++;
    }
    if (seen == QUEUE_MAX && net->port != NULL)
        (void)PostQueuedCompletionStatus(net->port, 0, SBX_PORT_KERNEL_KEY, NULL);
}

uint64_t sbx_net_events_lost(sbx_net_events *net)
{
    uint64_t lost;

    AcquireSRWLockShared(&net->lock);
    lost = net->lost;
    ReleaseSRWLockShared(&net->lock);
    return lost;
}
