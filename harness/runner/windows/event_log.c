/*
 * The security log's failures of one user: a pull subscription. The service signals an event, the runner's one thread
 * takes what there is, and no thread of ours waits for it.
 */
#include "harness/runner/windows/kernel_calls.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/windows/functions.h"
#include "harness/base/windows/wide.h"

enum {
    ROOM_BYTES = 160 * 1024, /* two names of the longest that there are, and the rest */
    AT_ONCE = 16,
    READ_MAX = 256,
    NEXT_WAIT_MS = 100, /* the service answers at once whether there is one */
};

struct sbx_event_log {
    sbx_wevtapi call;
    EVT_HANDLE subscription, context;
    HANDLE signal, port;
    HANDLE wait; /* for the signal; NULL: none */
    void *room;
    uint64_t lost;
};

static sbx_status find_wevtapi(sbx_wevtapi *out, sbx_error *err)
{
    static const char *const names[] = {"EvtSubscribe", "EvtNext", "EvtClose",
                                        "EvtCreateRenderContext", "EvtRender"};

    _Static_assert(SBX_COUNT_OF(names) * sizeof(FARPROC) == sizeof(*out), "a name for each call");
    return sbx_functions_find(out, sizeof(*out), "wevtapi.dll", names, SBX_COUNT_OF(names), err);
}

/* --- the subscription --- */

static sbx_status refuse(sbx_error *err, DWORD code)
{
    if (code == ERROR_ACCESS_DENIED)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_WATCH,
                              "only administrators and the group Event Log Readers may read the "
                              "security log");
    return sbx_fail_os(err, SBX_REFUSED, SBX_STEP_WATCH, code, "subscribe to the security log");
}

static sbx_status subscribe(sbx_event_log *log, const char *user, sbx_error *err)
{
    sbx_text query = {0};
    wchar_t *wide = NULL;
    sbx_status st = SBX_OK;

    sbx_security_query_add(&query, user);
    if (query.failed || (wide = sbx_wide(sbx_text_string(&query))) == NULL) {
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for a query");
    } else {
        /* Strict: what the log lost before we read it is an error of EvtNext(), which is counted. */
        log->subscription =
            log->call.subscribe(NULL, log->signal, L"Security", wide, NULL, NULL, NULL,
                                EvtSubscribeToFutureEvents | EvtSubscribeStrict);
        if (log->subscription == NULL)
            st = refuse(err, GetLastError());
    }
    free(wide);
    sbx_text_done(&query);
    return st;
}

/* Behind the subscription: some systems have that call for show, and end who makes it. */
static sbx_status make_context(sbx_event_log *log, sbx_error *err)
{
    wchar_t *path[SBX_SECURITY_FIELD_COUNT] = {NULL};
    bool has_memory = true;

    for (int i = 0; i < SBX_SECURITY_FIELD_COUNT; i++) {
        path[i] = sbx_wide(sbx_security_paths[i]);
        has_memory &= path[i] != NULL;
    }
    if (has_memory)
        log->context = log->call.make_context(SBX_SECURITY_FIELD_COUNT, (LPCWSTR *)(void *)path,
                                              EvtRenderContextValues);
    for (int i = 0; i < SBX_SECURITY_FIELD_COUNT; i++)
        free(path[i]);
    return log->context != NULL ? SBX_OK : refuse(err, GetLastError());
}

static void CALLBACK post(void *port, BOOLEAN is_timeout)
{
    (void)is_timeout;
    (void)PostQueuedCompletionStatus(port, 0, SBX_PORT_KERNEL_KEY, NULL);
}

/* One message for one signal; armed again behind each reading. */
static void arm(sbx_event_log *log)
{
    if (log->port == NULL)
        return;
    if (log->wait != NULL)
        (void)UnregisterWaitEx(log->wait,
                               INVALID_HANDLE_VALUE); /* behind its call, which is short */
    log->wait = NULL;
    if (!RegisterWaitForSingleObject(&log->wait, log->signal, post, log->port, INFINITE,
                                     WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD))
        log->wait = NULL; /* then what is there is read at the end of the run */
}

sbx_status sbx_event_log_open_by(sbx_event_log **out, const sbx_wevtapi *call, const char *user,
                                 HANDLE port, sbx_error *err)
{
    sbx_event_log *log = calloc(1, sizeof(*log));
    sbx_status st = SBX_OK;

    *out = NULL;
    if (log == NULL || (log->room = malloc(ROOM_BYTES)) == NULL ||
        (log->signal = CreateEventW(NULL, TRUE, FALSE, NULL)) == NULL)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for the security log");
    if (st == SBX_OK) {
        log->call = *call;
        st = subscribe(log, user, err);
    }
    if (st == SBX_OK)
        st = make_context(log, err);
    if (st != SBX_OK) {
        sbx_event_log_close(log);
        return st;
    }
    log->port = port;
    arm(log);
    *out = log;
    return SBX_OK;
}

sbx_status sbx_event_log_open(sbx_event_log **out, const char *user, HANDLE port, sbx_error *err)
{
    sbx_wevtapi call;
    sbx_status st = find_wevtapi(&call, err);

    *out = NULL;
    return st == SBX_OK ? sbx_event_log_open_by(out, &call, user, port, err) : st;
}

void sbx_event_log_close(sbx_event_log *log)
{
    if (log == NULL)
        return;
    if (log->wait != NULL)
        (void)UnregisterWaitEx(log->wait, INVALID_HANDLE_VALUE);
    if (log->context != NULL)
        log->call.close(log->context);
    if (log->subscription != NULL)
        log->call.close(log->subscription);
    if (log->signal != NULL)
        CloseHandle(log->signal);
    free(log->room);
    free(log);
}

HANDLE sbx_event_log_signal(const sbx_event_log *log)
{
    return log->signal;
}

uint64_t sbx_event_log_lost(const sbx_event_log *log)
{
    return log->lost;
}

/* --- one event --- */

/* What a value points to lies in the room that was filled, or is none. */
static size_t bytes_left(const sbx_event_log *log, const void *at, size_t used)
{
    const char *from = log->room, *here = at;

    return here < from || here >= from + used ? 0 : (size_t)(from + used - here);
}

static sbx_event_value text_of(const sbx_event_log *log, const wchar_t *text, size_t used)
{
    size_t most = bytes_left(log, text, used) / sizeof(wchar_t), units = 0;

    while (units < most && text[units] != L'\0')
        units++;
    if (units == most) /* it has no end there */
        return (sbx_event_value){.kind = SBX_VALUE_NONE};
    return (sbx_event_value){
        .kind = SBX_VALUE_TEXT, .text = (const uint16_t *)(const void *)text, .units = units};
}

static sbx_event_value number_of(uint64_t number)
{
    return (sbx_event_value){.kind = SBX_VALUE_NUMBER, .number = number};
}

static sbx_event_value value_of(const sbx_event_log *log, const EVT_VARIANT *value, size_t used)
{
    switch (value->Type) { /* with the bit for lists, which none of these has */
    case EvtVarTypeString:
        return text_of(log, value->StringVal, used);
    case EvtVarTypeSid:
        return (sbx_event_value){.kind = SBX_VALUE_SID,
                                 .sid = (const uint8_t *)value->SidVal,
                                 .sid_bytes = bytes_left(log, value->SidVal, used)};
    case EvtVarTypeByte:
        return number_of(value->ByteVal);
    case EvtVarTypeUInt16:
        return number_of(value->UInt16Val);
    case EvtVarTypeUInt32:
    case EvtVarTypeHexInt32:
        return number_of(value->UInt32Val);
    case EvtVarTypeUInt64:
    case EvtVarTypeHexInt64:
    case EvtVarTypeFileTime:
        return number_of(value->UInt64Val);
    case EvtVarTypeSizeT:
        return number_of(value->SizeTVal);
    default:
        return (sbx_event_value){.kind = SBX_VALUE_NONE};
    }
}

static void take(sbx_event_log *log, EVT_HANDLE event, sbx_event_log_visit *visit, void *context)
{
    const EVT_VARIANT *found = log->room;
    sbx_event_value values[SBX_SECURITY_FIELD_COUNT];
    DWORD used = 0, count = 0;

    if (!log->call.render(log->context, event, EvtRenderEventValues, ROOM_BYTES, log->room, &used,
                          &count) ||
        count != SBX_SECURITY_FIELD_COUNT || used > ROOM_BYTES) {
        log->lost++;
        return;
    }
    for (int i = 0; i < SBX_SECURITY_FIELD_COUNT; i++)
        values[i] = value_of(log, &found[i], used);
    visit(context, values);
}

/* False: there is no more now. */
static bool read_some(sbx_event_log *log, sbx_event_log_visit *visit, void *context)
{
    EVT_HANDLE event[AT_ONCE];
    DWORD count = 0;

    if (!log->call.next(log->subscription, AT_ONCE, event, NEXT_WAIT_MS, 0, &count)) {
        DWORD code = GetLastError();

        if (code != ERROR_NO_MORE_ITEMS && code != ERROR_TIMEOUT)
            log->lost++;
        return false;
    }
    for (DWORD i = 0; i < count; i++) {
        take(log, event[i], visit, context);
        log->call.close(event[i]);
    }
    return count > 0;
}

void sbx_event_log_read(sbx_event_log *log, sbx_event_log_visit *visit, void *context)
{
    int seen = 0;

    (void)ResetEvent(log->signal); /* before: what comes while we read signals again */
    while (seen < READ_MAX && read_some(log, visit, context))
        seen += AT_ONCE;
    if (seen >= READ_MAX)
        (void)SetEvent(log->signal);
    arm(log);
}
