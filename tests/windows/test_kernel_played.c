/*
 * How the security log and the filtering platform are heard, with both libraries played: what is refused, what is posted to the
 * port and how often, what is hostile in an event, what is lost and counted, and that everything opened is closed.
 */
#include "tests/support/test.h"

#include "harness/runner/windows/kernel_calls.h"

#include <sddl.h>

static const char user[] = "S-1-5-21-1-2-3-1005";

enum { SOON_MS = 10000, SHORTLY_MS = 200, MANY = 600 };

static HANDLE port;

/* Is something said to the port? */
static bool is_posted(DWORD wait_ms)
{
    DWORD message = 0;
    ULONG_PTR key = 0;
    LPOVERLAPPED value = NULL;

    if (!GetQueuedCompletionStatus(port, &message, &key, &value, wait_ms))
        return false;
    assert_int_equal(key, SBX_PORT_KERNEL_KEY);
    return true;
}

/* --- the log --- */

typedef enum oddity { PLAIN, NO_END, ELSEWHERE, FEW, TOO_LONG, IS_A_LIST } oddity;

static struct {
    HANDLE signal;
    int fails_at; /* 1: subscribe, 2: make a context */
    DWORD code;
    int subscriptions, contexts, events; /* open ones */
    int left;                            /* events that are waiting */
    DWORD broken;                        /* what the next call says once instead; 0: nothing */
    oddity odd;
} service;

static EVT_HANDLE WINAPI subscribe(EVT_HANDLE session, HANDLE signal, LPCWSTR channel,
                                   LPCWSTR query, EVT_HANDLE bookmark, PVOID context,
                                   EVT_SUBSCRIBE_CALLBACK callback, DWORD flags)
{
    assert_null(session);
    assert_null(bookmark);
    assert_null(context);
    assert_true(callback == NULL);
    assert_int_equal(wcscmp(channel, L"Security"), 0);
    assert_non_null(wcsstr(query, L"S-1-5-21-1-2-3-1005"));
    assert_int_equal(flags, EvtSubscribeToFutureEvents | EvtSubscribeStrict);
    SetLastError(service.code);
    if (service.fails_at == 1)
        return NULL;
    service.signal = signal;
    service.subscriptions++;
    return (EVT_HANDLE)(uintptr_t)1;
}

static EVT_HANDLE WINAPI make_context(DWORD count, LPCWSTR *paths, DWORD flags)
{
    assert_int_equal(count, SBX_SECURITY_FIELD_COUNT);
    assert_int_equal(wcscmp(paths[SBX_SECURITY_ID], L"Event/System/EventID"), 0);
    assert_int_equal(flags, EvtRenderContextValues);
    SetLastError(service.code);
    if (service.fails_at == 2)
        return NULL;
    service.contexts++;
    return (EVT_HANDLE)(uintptr_t)2;
}

static BOOL WINAPI next(EVT_HANDLE subscription, DWORD room, EVT_HANDLE *out, DWORD wait_ms,
                        DWORD flags, PDWORD out_count)
{
    assert_true(subscription == (EVT_HANDLE)(uintptr_t)1);
    assert_true(wait_ms <= 1000);
    assert_int_equal(flags, 0);
    *out_count = 0;
    if (service.broken != 0) {
        SetLastError(service.broken);
        service.broken = 0;
        return FALSE;
    }
    while (service.left > 0 && *out_count < room) {
        out[(*out_count)++] = (EVT_HANDLE)(uintptr_t)3;
        service.left--;
        service.events++;
    }
    SetLastError(ERROR_NO_MORE_ITEMS);
    return *out_count > 0;
}

static BOOL WINAPI close_handle(EVT_HANDLE handle)
{
    service.subscriptions -= handle == (EVT_HANDLE)(uintptr_t)1;
    service.contexts -= handle == (EVT_HANDLE)(uintptr_t)2;
    service.events -= handle == (EVT_HANDLE)(uintptr_t)3;
    return TRUE;
}

/* The object's name lies behind the values, as the real one puts it. */
static BOOL WINAPI render(EVT_HANDLE context, EVT_HANDLE event, DWORD flags, DWORD room, PVOID out,
                          PDWORD out_used, PDWORD out_count)
{
    static const wchar_t name[] = L"C:\\docs\\x", outside[] = L"C:\\outside";
    EVT_VARIANT *value = out;
    wchar_t *text = (wchar_t *)(void *)(value + SBX_SECURITY_FIELD_COUNT);

    assert_true(context == (EVT_HANDLE)(uintptr_t)2 && event == (EVT_HANDLE)(uintptr_t)3);
    assert_int_equal(flags, EvtRenderEventValues);
    assert_true(room >= SBX_SECURITY_FIELD_COUNT * sizeof(*value) + sizeof(name));
    if (service.odd == TOO_LONG) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    memset(value, 0, SBX_SECURITY_FIELD_COUNT * sizeof(*value));
    memcpy(text, name, sizeof(name));
    value[SBX_SECURITY_ID].Type = EvtVarTypeUInt16;
    value[SBX_SECURITY_ID].UInt16Val = 4656;
    value[SBX_SECURITY_KEYWORDS].Type = EvtVarTypeHexInt64;
    value[SBX_SECURITY_KEYWORDS].UInt64Val = UINT64_C(0x8010000000000000);
    value[SBX_SECURITY_MASK].Type = EvtVarTypeHexInt32;
    value[SBX_SECURITY_MASK].UInt32Val = 2;
    value[SBX_SECURITY_PID].Type = EvtVarTypeSizeT;
    value[SBX_SECURITY_PID].SizeTVal = 4212;
    value[SBX_SECURITY_NAME].Type = EvtVarTypeString;
    if (service.odd == IS_A_LIST)
        value[SBX_SECURITY_NAME].Type |= EVT_VARIANT_TYPE_ARRAY;
    value[SBX_SECURITY_NAME].StringVal = service.odd == ELSEWHERE ? outside : text;
    *out_used = (DWORD)(SBX_SECURITY_FIELD_COUNT * sizeof(*value) + sizeof(name)) -
                (service.odd == NO_END ? (DWORD)sizeof(wchar_t) : 0);
    *out_count = SBX_SECURITY_FIELD_COUNT - (service.odd == FEW);
    return TRUE;
}

static const sbx_wevtapi wevtapi = {subscribe, next, close_handle, make_context, render};

typedef struct seen {
    int count;
    sbx_event_value name, id, pid;
} seen;

static void see(void *context, const sbx_event_value values[SBX_SECURITY_FIELD_COUNT])
{
    seen *self = context;

    self->count++;
    self->name = values[SBX_SECURITY_NAME];
    self->id = values[SBX_SECURITY_ID];
    self->pid = values[SBX_SECURITY_PID];
}

static int begin(void **state)
{
    (void)state;
    memset(&service, 0, sizeof(service));
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    return port == NULL ? 1 : 0;
}

static int end(void **state)
{
    (void)state;
    CloseHandle(port);
    return service.subscriptions + service.contexts + service.events;
}

static sbx_event_log *open_log(void)
{
    sbx_event_log *log = NULL;
    sbx_error err = {0};

    if (sbx_event_log_open_by(&log, &wevtapi, user, port, &err) != SBX_OK)
        fail_msg("%s", err.message);
    return log;
}

static void each_call_of_opening_fails_once(void **state)
{
    sbx_event_log *log = NULL;
    sbx_error err = {0};

    (void)state;
    service.fails_at = 1;
    service.code = ERROR_ACCESS_DENIED;
    assert_int_equal(sbx_event_log_open_by(&log, &wevtapi, user, port, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "Event Log Readers"));
    service.code = ERROR_SERVICE_NOT_ACTIVE;
    assert_int_equal(sbx_event_log_open_by(&log, &wevtapi, user, port, &err), SBX_REFUSED);
    assert_int_equal(err.os_code, ERROR_SERVICE_NOT_ACTIVE);
    service.fails_at = 2;
    assert_int_equal(sbx_event_log_open_by(&log, &wevtapi, user, port, &err), SBX_REFUSED);
    assert_null(log);
    assert_int_equal(service.subscriptions, 0);
}

static void a_signal_is_one_message(void **state)
{
    sbx_event_log *log = open_log();
    seen found = {0};

    (void)state;
    for (int i = 0; i < 3; i++) { /* armed again behind each reading */
        service.left = 1;
        SetEvent(service.signal);
        assert_true(is_posted(SOON_MS));
        assert_false(is_posted(SHORTLY_MS));
        sbx_event_log_read(log, see, &found);
        assert_int_equal(found.count, i + 1);
    }
    assert_false(is_posted(SHORTLY_MS));
    assert_int_equal(found.id.number, 4656);
    assert_int_equal(found.pid.number, 4212);
    assert_int_equal(found.name.kind, SBX_VALUE_TEXT);
    assert_int_equal(found.name.units, 9);
    assert_int_equal(sbx_event_log_lost(log), 0);
    sbx_event_log_close(log);
}

/* Some at a time, and the rest without another signal. */
static void many_are_taken_in_turns(void **state)
{
    sbx_event_log *log = open_log();
    seen found = {0};
    int turns = 0;

    (void)state;
    service.left = MANY;
    SetEvent(service.signal);
    while (is_posted(turns == 0 ? SOON_MS : 1000)) {
        sbx_event_log_read(log, see, &found);
        turns++;
        assert_true(found.count <= turns * 256);
    }
    assert_int_equal(found.count, MANY);
    assert_int_equal(turns, 3);
    sbx_event_log_close(log);
}

static void what_the_log_lost_is_counted(void **state)
{
    sbx_event_log *log = open_log();
    seen found = {0};

    (void)state;
    service.left = 2;
    service.broken = ERROR_EVT_QUERY_RESULT_STALE;
    sbx_event_log_read(log, see, &found);
    assert_int_equal(sbx_event_log_lost(log), 1);
    sbx_event_log_read(log, see, &found);
    assert_int_equal(found.count, 2);
    service.broken = ERROR_TIMEOUT; /* nothing there in time is nothing lost */
    sbx_event_log_read(log, see, &found);
    assert_int_equal(sbx_event_log_lost(log), 1);
    sbx_event_log_close(log);
}

static void odd_events(void **state)
{
    sbx_event_log *log = open_log();
    seen found = {0};

    (void)state;
    for (int odd = NO_END; odd <= IS_A_LIST; odd++) {
        uint64_t lost = sbx_event_log_lost(log);
        int count = found.count;

        service.odd = (oddity)odd;
        service.left = 1;
        sbx_event_log_read(log, see, &found);
        if (odd == FEW || odd == TOO_LONG) {
            assert_int_equal(sbx_event_log_lost(log), lost + 1);
            assert_int_equal(found.count, count);
        } else { /* without a name, which the reader calls broken */
            assert_int_equal(found.count, count + 1);
            assert_int_equal(found.name.kind, SBX_VALUE_NONE);
        }
    }
    sbx_event_log_close(log);
}

/* --- the platform --- */

static struct {
    DWORD open_code, option_code, layer_code, subscribe_code;
    UINT32 is_collecting;
    int engines, subscriptions, lent;
    FWPM_NET_EVENT_CALLBACK0 callback;
    void *context;
    UINT16 next_layer;
} platform;

static int begin_platform(void **state)
{
    memset(&platform, 0, sizeof(platform));
    platform.is_collecting = 1;
    return begin(state);
}

static int end_platform(void **state)
{
    return end(state) + platform.engines + platform.subscriptions + platform.lent;
}

static DWORD WINAPI engine_open(const wchar_t *server, UINT32 service_kind,
                                SEC_WINNT_AUTH_IDENTITY_W *identity, const FWPM_SESSION0 *session,
                                HANDLE *out)
{
    assert_null(server);
    assert_int_equal(service_kind, 10);
    assert_null(identity);
    assert_null(session);
    if (platform.open_code != 0)
        return platform.open_code;
    platform.engines++;
    *out = (HANDLE)(uintptr_t)1;
    return 0;
}

static DWORD WINAPI engine_close(HANDLE engine)
{
    platform.engines -= engine == (HANDLE)(uintptr_t)1;
    return 0;
}

static void WINAPI give_back(void **memory)
{
    free(*memory);
    *memory = NULL;
    platform.lent--;
}

static DWORD WINAPI get_option(HANDLE engine, FWPM_ENGINE_OPTION option, FWP_VALUE0 **out)
{
    (void)engine;
    assert_int_equal(option, FWPM_ENGINE_COLLECT_NET_EVENTS);
    if (platform.option_code != 0)
        return platform.option_code;
    *out = calloc(1, sizeof(**out));
    (*out)->type = FWP_UINT32;
    (*out)->uint32 = platform.is_collecting;
    platform.lent++;
    return 0;
}

/* In the order of the table: 100 and 101 connect, 102 and 103 accept, and so on. */
static DWORD WINAPI get_layer(HANDLE engine, const GUID *key, FWPM_LAYER0 **out)
{
    (void)engine;
    (void)key;
    if (platform.layer_code != 0)
        return platform.layer_code;
    *out = calloc(1, sizeof(**out));
    (*out)->layerId = (UINT16)(100 + platform.next_layer++);
    platform.lent++;
    return 0;
}

static DWORD WINAPI subscribe_net(HANDLE engine, const FWPM_NET_EVENT_SUBSCRIPTION0 *wanted,
                                  FWPM_NET_EVENT_CALLBACK0 callback, void *context, HANDLE *out)
{
    (void)engine;
    assert_non_null(wanted->enumTemplate);
    if (platform.subscribe_code != 0)
        return platform.subscribe_code;
    platform.callback = callback;
    platform.context = context;
    platform.subscriptions++;
    *out = (HANDLE)(uintptr_t)2;
    return 0;
}

static DWORD WINAPI unsubscribe(HANDLE engine, HANDLE subscription)
{
    assert_true(engine == (HANDLE)(uintptr_t)1 && subscription == (HANDLE)(uintptr_t)2);
    platform.subscriptions--;
    return 0;
}

static const sbx_fwpuclnt fwpuclnt = {engine_open, engine_close,  give_back,  get_option,
                                      get_layer,   subscribe_net, unsubscribe};

static void each_refusal_is_named(void **state)
{
    DWORD *const codes[] = {&platform.open_code, &platform.option_code, &platform.layer_code,
                            &platform.subscribe_code};
    sbx_net_events *net = NULL;
    sbx_error err = {0};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(codes); i++) {
        *codes[i] = ERROR_ACCESS_DENIED;
        assert_int_equal(sbx_net_events_open_by(&net, &fwpuclnt, user, port, &err), SBX_REFUSED);
        assert_non_null(strstr(err.message, "Network Configuration Operators"));
        *codes[i] = 0;
        assert_int_equal(platform.engines, 0);
    }
    platform.is_collecting = 0;
    assert_int_equal(sbx_net_events_open_by(&net, &fwpuclnt, user, port, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "told not to collect its events"));
    assert_null(net);
}

typedef struct drops {
    int count;
    sbx_net_drop last;
} drops;

static void see_drop(void *context, const sbx_net_drop *drop)
{
    drops *self = context;

    self->count++;
    self->last = *drop;
}

typedef struct told {
    FWPM_NET_EVENT1 event;
    FWPM_NET_EVENT_CLASSIFY_DROP1 drop;
    PSID sid;
} told;

static void tell(told *out, const wchar_t *sid)
{
    static wchar_t app[] = L"\\device\\harddiskvolume3\\x.exe";

    memset(out, 0, sizeof(*out));
    assert_true(ConvertStringSidToSidW(sid, &out->sid));
    out->event.type = FWPM_NET_EVENT_TYPE_CLASSIFY_DROP;
    out->event.classifyDrop = &out->drop;
    out->event.header.flags = 0x17f;
    out->event.header.ipVersion = FWP_IP_VERSION_V4;
    out->event.header.ipProtocol = 6;
    out->event.header.remoteAddrV4 = 0xc0000201; /* a number: 192.0.2.1 */
    out->event.header.remotePort = 80;
    out->event.header.appId.data = (UINT8 *)app;
    out->event.header.appId.size = sizeof(app);
    out->event.header.userId = out->sid;
    out->drop.layerId = 101;
}

static sbx_net_events *open_net(void)
{
    sbx_net_events *net = NULL;
    sbx_error err = {0};

    if (sbx_net_events_open_by(&net, &fwpuclnt, user, port, &err) != SBX_OK)
        fail_msg("%s", err.message);
    return net;
}

static void a_drop_of_ours_and_nothing_else(void **state)
{
    static const uint8_t v4[] = {192, 0, 2, 1};
    sbx_net_events *net = open_net();
    drops found = {0};
    told ours, other;

    (void)state;
    tell(&ours, L"S-1-5-21-1-2-3-1005");
    tell(&other, L"S-1-5-21-1-2-3-1006");
    platform.callback(platform.context, &other.event);
    platform.callback(platform.context, NULL);
    ours.event.type = FWPM_NET_EVENT_TYPE_IPSEC_KERNEL_DROP;
    platform.callback(platform.context, &ours.event);
    ours.event.type = FWPM_NET_EVENT_TYPE_CLASSIFY_DROP;
    ours.event.header.flags = 0x3f; /* the user is not among the fields */
    platform.callback(platform.context, &ours.event);
    assert_false(is_posted(0));
    ours.event.header.flags = 0x17f;
    platform.callback(platform.context, &ours.event);
    platform.callback(platform.context, &ours.event);
    assert_true(is_posted(0)); /* once for what is waiting */
    assert_false(is_posted(0));
    assert_int_equal(WaitForSingleObject(sbx_net_events_signal(net), 0), WAIT_OBJECT_0);
    sbx_net_events_read(net, see_drop, &found);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.last.layer, SBX_NET_CONNECT);
    assert_memory_equal(found.last.remote, v4, sizeof(v4));
    assert_int_equal(found.last.remote_port, 80);
    assert_int_equal(found.last.program_units, 30);
    ours.drop.layerId = 106; /* binding */
    ours.event.header.ipVersion = FWP_IP_VERSION_V6;
    ours.event.header.remoteAddrV6.byteArray16[15] = 1;
    platform.callback(platform.context, &ours.event);
    assert_true(is_posted(0));
    sbx_net_events_read(net, see_drop, &found);
    assert_int_equal(found.last.layer, SBX_NET_BIND);
    assert_true(found.last.is_v6 && found.last.remote[15] == 1);
    ours.drop.layerId = 7;
    ours.event.header.appId.size = sizeof(found.last.program) + 2; /* longer than we keep */
    platform.callback(platform.context, &ours.event);
    sbx_net_events_read(net, see_drop, &found);
    assert_int_equal(found.last.layer, SBX_NET_OTHER);
    assert_int_equal(found.last.program_units, 0);
    sbx_net_events_close(net);
    LocalFree(ours.sid);
    LocalFree(other.sid);
}

static void more_than_the_queue_holds_is_counted(void **state)
{
    sbx_net_events *net = open_net();
    drops found = {0};
    told ours;

    (void)state;
    tell(&ours, L"S-1-5-21-1-2-3-1005");
    for (int i = 0; i < 300; i++)
        platform.callback(platform.context, &ours.event);
    assert_int_equal(sbx_net_events_lost(net), 300 - 256);
    sbx_net_events_read(net, see_drop, &found);
    assert_int_equal(found.count, 256);
    platform.callback(platform.context, &ours.event); /* there is room again */
    sbx_net_events_read(net, see_drop, &found);
    assert_int_equal(found.count, 257);
    assert_int_equal(sbx_net_events_lost(net), 300 - 256);
    sbx_net_events_close(net);
    LocalFree(ours.sid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_of_opening_fails_once, begin, end),
        cmocka_unit_test_setup_teardown(a_signal_is_one_message, begin, end),
        cmocka_unit_test_setup_teardown(many_are_taken_in_turns, begin, end),
        cmocka_unit_test_setup_teardown(what_the_log_lost_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(odd_events, begin, end),
        cmocka_unit_test_setup_teardown(each_refusal_is_named, begin_platform, end_platform),
        cmocka_unit_test_setup_teardown(a_drop_of_ours_and_nothing_else, begin_platform,
                                        end_platform),
        cmocka_unit_test_setup_teardown(more_than_the_queue_holds_is_counted, begin_platform,
                                        end_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
