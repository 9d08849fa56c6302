/*
 * sbx-trace.dll: in each process of a run, wraps the system calls that change something and reports those that the
 * system denied. It decides nothing, changes no answer, and where anything at all is not as it expects it does nothing;
 * a program that fights it wins, and is held by the walls all the same.
 *
 * No C library (the program may have another one, or none); nothing that waits, takes a lock or needs memory after
 * it was loaded, because a program may make these calls under any lock of its own.
 */
#ifndef SBX_TARGET_WINDOWS_TRACE_PARTS_H
#define SBX_TARGET_WINDOWS_TRACE_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <windows.h>
#include <winternl.h>

#include "audit/sources/windows/ring.h"
#include "harness/target/windows/trace_inject.h"

/* ---- dll.c: what the process was told ------------------------------------------------------------------------ */

extern sbx_ring *trace_ring; /* never NULL once something is wrapped */
extern HANDLE trace_section; /* for the children */
extern wchar_t trace_library[SBX_TRACE_PATH_UNITS];

/* ---- calls.c: the wrappers ------------------------------------------------------------------------------------- */

enum { TRACE_CALLS = 16 };

typedef void trace_function(void);

typedef struct trace_call {
    const char *name;
    trace_function *wrapper;
} trace_call;

extern const trace_call trace_calls[TRACE_CALLS];
extern trace_function
    *trace_original[TRACE_CALLS]; /* what stands for the stub; set before the wrapper is put up */

/* ---- wrap.c: putting them before the stubs ---------------------------------------------------------------------- */

/* How many could not be wrapped; those are as they were. */
uint32_t trace_wrap(void);

/* ---- report.c: into the ring --------------------------------------------------------------------------------------- */

/* Of a call that was denied: `attributes` is what it was given, and may be gone or changed by now. */
void trace_report_attributes(sbx_ring_op op, const OBJECT_ATTRIBUTES *attributes);
/* By an open handle, with units of a name relative to it (none: the handle's own). They are in the caller's memory. */
void trace_report_handle(sbx_ring_op op, HANDLE handle, const void *units, size_t bytes);
void trace_report_process(const CLIENT_ID *id);
void trace_report_name(sbx_ring_op op, const UNICODE_STRING *port);
/* A request to the socket driver; whatever else it is, nothing is told of it. */
void trace_report_socket(ULONG code, const void *request, ULONG bytes);

/* From memory that may be gone. */
bool trace_copy(void *out, const void *from, size_t bytes);

#endif
