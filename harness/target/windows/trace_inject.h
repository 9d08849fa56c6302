/*
 * Getting sbx-trace.dll into a process that has not begun: the runner does it to the command, the DLL itself to whatever
 * its process makes. Two calls are queued for the first thread, which makes them when all of its program's own
 * DLLs are there and before its first instruction: one puts what the DLL has to know into the environment (which the
 * DLL takes out again), the other loads it. Windows documents that order (QueueUserAPC(): "If an application
 * queues an APC before the thread begins running, the thread begins by calling the APC function"). Where the DLL cannot be loaded
 * the program runs all the same, untraced. docs/decisions/0009 says why this way.
 *
 * No C library: it is also part of the DLL.
 * Who may include it: harness/target/windows/trace, harness/runner/windows and tests.
 */
#ifndef SBX_TARGET_WINDOWS_TRACE_INJECT_H
#define SBX_TARGET_WINDOWS_TRACE_INJECT_H

#include <stdbool.h>
#include <windows.h>

/* Of the environment, for no longer than the DLL's loading takes: the section's handle in that process, in hex. */
#define SBX_TRACE_VARIABLE L"SBX_TRACE"

enum { SBX_TRACE_PATH_UNITS = 1024 };

/*
 * process, thread: of a process made suspended, whose first thread has never run. section: of the ring; the process
 * gets a handle of its own. library: absolute, shorter than SBX_TRACE_PATH_UNITS.
 * False: it stays untraced: a 32-bit program, a native one, one that may not call exported functions, no right or no
 * memory. Nothing that would load the DLL is queued then.
 */
bool sbx_trace_inject(HANDLE process, HANDLE thread, HANDLE section, const wchar_t *library);

#endif
