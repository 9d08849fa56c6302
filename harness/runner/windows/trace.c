/*
 * Denied accesses: the ring's reader. What the processes of the run say is believed as far as it can be: the number of
 * a process must be one of the job's, its program is what the system says of it, and the rest is written down as
 * observed.
 */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "audit/sources/windows/net_name.h"
#include "audit/sources/windows/ring.h"
#include "harness/base/clock.h"
#include "harness/base/windows/wide.h"
#include "harness/runner/windows/parts.h"
#include "harness/target/windows/trace_inject.h"

#define PAUSE_LEAST_NS (2 * SBX_NS_PER_MS)
#define PAUSE_MOST_NS (64 * SBX_NS_PER_MS)

struct sbx_trace {
    const sbx_plan *plan;
    sbx_members *members;
    sbx_denials *denials;
    HANDLE section;
    sbx_ring_reader reader;
    sbx_nt_drives drives;
    wchar_t library[SBX_TRACE_PATH_UNITS];
    uint64_t look_at_ns, pause_ns;
    bool is_partial; /* of a process that is traced not every call is */
    sbx_text target; /* of the denial at hand */
};

/* Beside this program. */
static bool find_library(wchar_t out[SBX_TRACE_PATH_UNITS])
{
    static const wchar_t name[] = L"sbx-trace.dll";
    DWORD units = GetModuleFileNameW(NULL, out, SBX_TRACE_PATH_UNITS);
    wchar_t *slash;

    if (units == 0 || units >= SBX_TRACE_PATH_UNITS || (slash = wcsrchr(out, L'\\')) == NULL ||
        (size_t)(slash + 1 - out) + SBX_COUNT_OF(name) > SBX_TRACE_PATH_UNITS)
        return false;
    memcpy(slash + 1, name, sizeof(name));
    return GetFileAttributesW(out) != INVALID_FILE_ATTRIBUTES;
}

sbx_trace *sbx_trace_create(const sbx_plan *plan, sbx_members *members, sbx_denials *denials)
{
    sbx_trace *trace = calloc(1, sizeof(*trace));

    if (trace == NULL)
        return NULL;
    *trace = (sbx_trace){
        .plan = plan, .members = members, .denials = denials, .pause_ns = PAUSE_LEAST_NS};
    if (!find_library(trace->library))
        goto fail;
    trace->section =
        CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof(sbx_ring), NULL);
    if (trace->section != NULL)
        trace->reader.ring =
            MapViewOfFile(trace->section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, sizeof(sbx_ring));
    if (trace->reader.ring == NULL)
        goto fail;
    sbx_ring_init(trace->reader.ring);
    sbx_denied_drives(&trace->drives);
    return trace;
fail:
    sbx_trace_free(trace);
    return NULL;
}

void sbx_trace_free(sbx_trace *trace)
{
    if (trace == NULL)
        return;
    if (trace->reader.ring != NULL)
        UnmapViewOfFile(trace->reader.ring);
    if (trace->section != NULL)
        CloseHandle(trace->section);
    sbx_text_done(&trace->target);
    free(trace);
}

void sbx_trace_begin(sbx_trace *trace, const sbx_launch *launch)
{
    (void)sbx_trace_inject(launch->child.process, launch->child.thread, trace->section,
                           trace->library);
}

/* --- one record --- */

/* False: it makes no sense. */
static bool describe(sbx_denial *out, sbx_trace *trace, const sbx_ring_record *record)
{
    static const struct {
        const char *op;
        sbx_denial_class kind;
    } known[SBX_RING_OP_COUNT] = {
        [SBX_RING_WRITE] = {"write", SBX_DENIAL_FILE},
        [SBX_RING_CREATE] = {"create", SBX_DENIAL_FILE},
        [SBX_RING_REMOVE] = {"remove", SBX_DENIAL_FILE},
        [SBX_RING_RENAME] = {"rename", SBX_DENIAL_FILE},
        [SBX_RING_LINK] = {"link", SBX_DENIAL_FILE},
        [SBX_RING_KEY_WRITE] = {"key write", SBX_DENIAL_FILE},
        [SBX_RING_KEY_CREATE] = {"key create", SBX_DENIAL_FILE},
        [SBX_RING_PROCESS] = {"open", SBX_DENIAL_PROCESS},
        [SBX_RING_MAP] = {"map", SBX_DENIAL_FILE},
        [SBX_RING_PORT] = {"connect", SBX_DENIAL_PROCESS},
        [SBX_RING_CONNECT] = {"connect", SBX_DENIAL_NETWORK},
        [SBX_RING_BIND] = {"bind", SBX_DENIAL_NETWORK},
    };
    uint64_t now_us = sbx_clock_utc_us();

    *out = (sbx_denial){.kind = known[record->op].kind,
                        .op = known[record->op].op,
                        .pid = (int32_t)record->pid,
                        .error = ERROR_ACCESS_DENIED,
                        .source = SBX_SOURCE_NTDLL,
                        .confidence = SBX_CONFIDENCE_OBSERVED,
                        .first_us = now_us,
                        .last_us = now_us,
                        .count = 1};
    sbx_text_clear(&trace->target);
    if (record->op == SBX_RING_CONNECT || record->op == SBX_RING_BIND) {
        if (!sbx_net_socket_add(&trace->target, record->name, record->units))
            return false;
    } else {
        if (record->op == SBX_RING_PROCESS)
            sbx_text_add(&trace->target, "process ");
        if (record->is_cut)
            sbx_text_add(&trace->target, "\xe2\x80\xa6"); /* … */
        sbx_nt_name_add(&trace->target, record->name, record->units, &trace->drives);
    }
    out->target = sbx_text_string(&trace->target);
    out->target_bytes = trace->target.bytes;
    out->rule = sbx_denied_rule(trace->plan, out->target);
    return true;
}

static void on_record(void *context, const sbx_ring_record *record)
{
    sbx_trace *trace = context;
    sbx_denial denial;

    if (!sbx_members_adopt(trace->members, record->pid)) {
        trace->reader.refused++; /* no process of this job */
        return;
    }
    if (record->kind == SBX_RING_HELLO) {
        sbx_members_note_traced(trace->members, record->pid);
        trace->is_partial |= record->value != 0;
        return;
    }
    if (!describe(&denial, trace, record)) {
        trace->reader.refused++;
        return;
    }
    denial.exe = sbx_members_exe(trace->members, record->pid);
    if (trace->target.failed)
        trace->reader.lost++;
    else
        sbx_denials_add(trace->denials, &denial);
}

/* --- when --- */

void sbx_trace_look(sbx_trace *trace)
{
    if (sbx_ring_read(&trace->reader, on_record, trace) > 0)
        trace->pause_ns = PAUSE_LEAST_NS;
}

uint64_t sbx_trace_on_time(sbx_trace *trace, uint64_t now_ns)
{
    if (now_ns < trace->look_at_ns)
        return trace->look_at_ns;
    trace->pause_ns = trace->pause_ns * 2 > PAUSE_MOST_NS ? PAUSE_MOST_NS : trace->pause_ns * 2;
    sbx_trace_look(trace);
    trace->look_at_ns = now_ns + trace->pause_ns;
    return trace->look_at_ns;
}

bool sbx_trace_finish(sbx_trace *trace)
{
    sbx_ring_finish(&trace->reader, on_record, trace);
    sbx_members_end_all(trace->members);
    return trace->reader.lost == 0 && trace->reader.refused == 0 && !trace->is_partial &&
           sbx_members_untraced(trace->members) == 0;
}
