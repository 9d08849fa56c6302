/*
 * Reading and writing the pipe between sbx.exe and sbx-runner.exe with a limit of time: it is opened for overlapped
 * calls, because with others one thread's reading would hold up another one's writing.
 */
#ifndef SBX_RUNNER_WINDOWS_PIPE_H
#define SBX_RUNNER_WINDOWS_PIPE_H

#include <windows.h>

#include "harness/target/windows/os.h"

/* At least one byte. timeout_ms: INFINITE for no limit. */
sbx_os_code sbx_pipe_read(HANDLE pipe, void *data, size_t room, size_t *out_bytes,
                          DWORD timeout_ms);
/* All of them. Two threads must not write at the same time. */
sbx_os_code sbx_pipe_write(HANDLE pipe, const void *data, size_t bytes, DWORD timeout_ms);
/* Of a server: a client is there, or has been. process: whose end means that none will come. */
sbx_os_code sbx_pipe_await(HANDLE pipe, HANDLE process, DWORD timeout_ms);

#endif
