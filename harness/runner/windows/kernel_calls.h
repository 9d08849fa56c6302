/*
 * The system's calls behind event_log.c and net_events.c, as tables, so that a test can play both libraries.
 *
 * Who may include it: those two, tests.
 */
#ifndef SBX_RUNNER_WINDOWS_KERNEL_CALLS_H
#define SBX_RUNNER_WINDOWS_KERNEL_CALLS_H

#include "harness/runner/windows/kernel.h"

#include <fwpmu.h>
#include <winevt.h>

/* Of wevtapi.dll, in the order of the names in event_log.c. */
typedef struct sbx_wevtapi {
    EVT_HANDLE(WINAPI *subscribe)
    (EVT_HANDLE, HANDLE, LPCWSTR, LPCWSTR, EVT_HANDLE, PVOID, EVT_SUBSCRIBE_CALLBACK, DWORD);
    BOOL(WINAPI *next)(EVT_HANDLE, DWORD, EVT_HANDLE *, DWORD, DWORD, PDWORD);
    BOOL(WINAPI *close)(EVT_HANDLE);
    EVT_HANDLE(WINAPI *make_context)(DWORD, LPCWSTR *, DWORD);
    BOOL(WINAPI *render)(EVT_HANDLE, EVT_HANDLE, DWORD, DWORD, PVOID, PDWORD, PDWORD);
} sbx_wevtapi;

/* Of fwpuclnt.dll, in the order of the names in net_events.c. */
typedef struct sbx_fwpuclnt {
    DWORD(WINAPI *open)
    (const wchar_t *, UINT32, SEC_WINNT_AUTH_IDENTITY_W *, const FWPM_SESSION0 *, HANDLE *);
    DWORD(WINAPI *close)(HANDLE);
    void(WINAPI *free)(void **);
    DWORD(WINAPI *get_option)(HANDLE, FWPM_ENGINE_OPTION, FWP_VALUE0 **);
    DWORD(WINAPI *get_layer)(HANDLE, const GUID *, FWPM_LAYER0 **);
    DWORD(WINAPI *subscribe)
    (HANDLE, const FWPM_NET_EVENT_SUBSCRIPTION0 *, FWPM_NET_EVENT_CALLBACK0, void *, HANDLE *);
    DWORD(WINAPI *unsubscribe)(HANDLE, HANDLE);
} sbx_fwpuclnt;

/* sbx_event_log_open() and sbx_net_events_open() by these calls, which are copied. */
SBX_MUST_USE sbx_status sbx_event_log_open_by(sbx_event_log **out, const sbx_wevtapi *call,
                                              const char *user, HANDLE port, sbx_error *err);
SBX_MUST_USE sbx_status sbx_net_events_open_by(sbx_net_events **out, const sbx_fwpuclnt *call,
                                               const char *user, HANDLE port, sbx_error *err);

#endif
