/*
 * What Windows itself tells of one refused access, taken apart: an event of the security log (4656, "A handle to an
 * object was requested", a failure) or a dropped connection of the filtering platform. Plain C without the system, the
 * same on Linux, where it is tested.
 *
 * The system wrote the event; what is in it was chosen by programs that nobody trusts: names of files and keys, of
 * any units and any length. Both kinds come as values and never as XML: no name can pass for another field.
 * An event is OURS, or it is somebody else's (FOREIGN: another user's, another kind of event, a success), or it is one of our user's
 * that cannot be read (BROKEN), which who reads it has to count.
 *
 * Fields: learn.microsoft.com, "4656(S, F): A handle to an object was requested", "FWPM_NET_EVENT_HEADER1", and
 * "FWPM_NET_EVENT_CLASSIFY_DROP1".
 */
#ifndef SBX_AUDIT_SOURCES_WINDOWS_KERNEL_EVENT_H
#define SBX_AUDIT_SOURCES_WINDOWS_KERNEL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/denial.h"
#include "audit/sources/windows/nt_name.h"

typedef enum sbx_event_verdict {
    SBX_EVENT_OURS,
    SBX_EVENT_FOREIGN,
    SBX_EVENT_BROKEN,
} sbx_event_verdict;

/* Zeroed is nothing. */
typedef struct sbx_kernel_denial {
    sbx_denial_class kind;
    const char *op;   /* static */
    uint32_t pid;     /* 0: the event does not say */
    uint64_t time_us; /* UTC */
    sbx_text target;  /* "C:/docs/file", "\REGISTRY\MACHINE\…", "tcp 192.0.2.1:80" */
    sbx_text program; /* "C:/Windows/System32/cmd.exe" */
} sbx_kernel_denial;

void sbx_kernel_denial_done(sbx_kernel_denial *denial);

/* ---- SIDs ---------------------------------------------------------------------------------------------------- */

enum { SBX_EVENT_SID_BYTES = 68, SBX_EVENT_SID_TEXT_BYTES = 192 };

/* "S-1-5-21-…" of a SID's bytes; false: these are none. */
bool sbx_event_sid_print(char out[SBX_EVENT_SID_TEXT_BYTES], const uint8_t *sid, size_t bytes);

/* ---- the security log ---------------------------------------------------------------------------------------- */

typedef enum sbx_event_value_kind {
    SBX_VALUE_NONE, /* this event has no such field */
    SBX_VALUE_NUMBER,
    SBX_VALUE_TEXT,
    SBX_VALUE_SID,
} sbx_event_value_kind;

typedef struct sbx_event_value {
    sbx_event_value_kind kind;
    uint64_t number;
    const uint16_t *text; /* UTF-16, without an end */
    size_t units;
    const uint8_t *sid;
    size_t sid_bytes;
} sbx_event_value;

typedef enum sbx_security_field {
    SBX_SECURITY_ID,
    SBX_SECURITY_KEYWORDS,
    SBX_SECURITY_TIME,    /* 100 ns since 1601, UTC */
    SBX_SECURITY_USER,    /* SubjectUserSid */
    SBX_SECURITY_TYPE,    /* ObjectType: "File", "Key", "Process" … */
    SBX_SECURITY_NAME,    /* ObjectName */
    SBX_SECURITY_MASK,    /* AccessMask */
    SBX_SECURITY_PID,     /* ProcessId */
    SBX_SECURITY_PROGRAM, /* ProcessName */
    SBX_SECURITY_FIELD_COUNT
} sbx_security_field;

/* The same as paths for EvtCreateRenderContext(), in that order. */
extern const char *const sbx_security_paths[SBX_SECURITY_FIELD_COUNT];

/* The events that are asked for, as an XPath query: failures of that user. */
void sbx_security_query_add(sbx_text *out, const char *user);

/*
 * *out is to be freed whatever the verdict is. Numbers may also be texts ("0x1f4", as some versions give them).
 * Without an object's name there is nothing to tell: BROKEN.
 */
sbx_event_verdict sbx_security_event_read(sbx_kernel_denial *out,
                                          const sbx_event_value values[SBX_SECURITY_FIELD_COUNT],
                                          const char *user, const sbx_nt_drives *drives);

/* ---- the filtering platform ---------------------------------------------------------------------------------- */

typedef enum sbx_net_layer {
    SBX_NET_CONNECT,
    SBX_NET_ACCEPT,
    SBX_NET_LISTEN,
    SBX_NET_BIND,
    SBX_NET_OTHER,
} sbx_net_layer;

enum { SBX_NET_PROGRAM_UNITS = 1024 };

/* Which of the fields the event has (FWPM_NET_EVENT_FLAG_…). */
enum {
    SBX_NET_HAS_PROTOCOL = 0x1,
    SBX_NET_HAS_LOCAL_ADDRESS = 0x2,
    SBX_NET_HAS_REMOTE_ADDRESS = 0x4,
    SBX_NET_HAS_LOCAL_PORT = 0x8,
    SBX_NET_HAS_REMOTE_PORT = 0x10,
    SBX_NET_HAS_PROGRAM = 0x20,
    SBX_NET_HAS_USER = 0x40,
    SBX_NET_HAS_VERSION = 0x100,
};

/* One dropped connection, flat: it is copied from a thread of the system's to ours. */
typedef struct sbx_net_drop {
    uint64_t time; /* 100 ns since 1601, UTC */
    uint32_t flags;
    sbx_net_layer layer;
    bool is_v6;
    uint8_t protocol;              /* IPPROTO_… */
    uint8_t local[16], remote[16]; /* in the order of the network; of version 4 the first four */
    uint16_t local_port, remote_port;
    uint8_t user[SBX_EVENT_SID_BYTES];
    size_t user_bytes;
    uint16_t
        program[SBX_NET_PROGRAM_UNITS]; /* \device\harddiskvolume3\windows\…, in small letters */
    size_t program_units;
} sbx_net_drop;

/*
 * *out is to be freed whatever the verdict is. The event has no process: pid is 0. What is told is the other side's
 * address, of listening and binding the own one.
 */
sbx_event_verdict sbx_net_drop_read(sbx_kernel_denial *out, const sbx_net_drop *drop,
                                    const char *user, const sbx_nt_drives *drives);

#endif
