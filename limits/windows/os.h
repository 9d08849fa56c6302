/*
 * What limits/windows asks of the system, as a table: tests put their own in its place, let the n-th call fail,
 * or let a system answer that accepts everything and holds nothing. For limits/windows and its tests.
 */
#ifndef SBX_LIMITS_WINDOWS_OS_H
#define SBX_LIMITS_WINDOWS_OS_H

#include <stdbool.h>
#include <stdint.h>
#include <windows.h>

typedef struct sbx_job_os {
    HANDLE (*make_job)(void);
    HANDLE (*make_port)(void);
    bool (*set)(HANDLE job, JOBOBJECTINFOCLASS what, const void *data, DWORD bytes);
    bool (*get)(HANDLE job, JOBOBJECTINFOCLASS what, void *data, DWORD bytes);
    bool (*terminate)(HANDLE job, UINT code);
    /* A message of the port, or false after timeout_ms. */
    bool (*wait)(HANDLE port, DWORD timeout_ms, DWORD *out_bytes, ULONG_PTR *out_key,
                 LPOVERLAPPED *out_value);
    bool (*post)(HANDLE port, DWORD bytes, ULONG_PTR key, LPOVERLAPPED value);
    void (*close)(HANDLE handle);
} sbx_job_os;

/* The real one. */
extern const sbx_job_os sbx_job_os_real;

/* The one in use; a test may put another one here. */
extern const sbx_job_os *sbx_job_os_used;

#endif
