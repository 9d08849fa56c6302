/* See pipe.h. */
#include "harness/runner/windows/pipe.h"

enum { PART_MAX = 65536 };

static sbx_os_code begin(OVERLAPPED *out)
{
    *out = (OVERLAPPED){.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    return out->hEvent == NULL ? GetLastError() : 0;
}

/*
 * Waits for a call that was begun. It is over when this returns, whatever came of it: the memory that it uses is the
 * caller's again. other: something else whose being signalled ends the wait; NULL: nothing.
 */
static sbx_os_code finish(HANDLE pipe, OVERLAPPED *call, BOOL is_done, HANDLE other,
                          DWORD timeout_ms, DWORD *out_bytes)
{
    HANDLE both[] = {call->hEvent, other};
    sbx_os_code code = is_done ? 0 : GetLastError();
    DWORD waited;

    if (code == ERROR_IO_PENDING) {
        code = 0;
        waited = WaitForMultipleObjects(other == NULL ? 1 : 2, both, FALSE, timeout_ms);
        if (waited != WAIT_OBJECT_0) {
            code = waited == WAIT_TIMEOUT ? ERROR_TIMEOUT : ERROR_BROKEN_PIPE;
            (void)CancelIoEx(pipe, call);
        }
        if (!GetOverlappedResult(pipe, call, out_bytes, TRUE) && code == 0)
            code = GetLastError();
    } else if (code == 0 && !GetOverlappedResult(pipe, call, out_bytes, TRUE)) {
        code = GetLastError();
    }
    CloseHandle(call->hEvent);
    return code;
}

sbx_os_code sbx_pipe_read(HANDLE pipe, void *data, size_t room, size_t *out_bytes, DWORD timeout_ms)
{
    DWORD part = room < PART_MAX ? (DWORD)room : PART_MAX, got = 0;
    OVERLAPPED call;
    sbx_os_code code = begin(&call);

    if (code == 0)
        code = finish(pipe, &call, ReadFile(pipe, data, part, NULL, &call), NULL, timeout_ms, &got);
    if (code == 0 && got == 0)
        code = ERROR_BROKEN_PIPE;
    *out_bytes = got;
    return code;
}

sbx_os_code sbx_pipe_write(HANDLE pipe, const void *data, size_t bytes, DWORD timeout_ms)
{
    const char *at = data;

    while (bytes > 0) {
        DWORD part = bytes < PART_MAX ? (DWORD)bytes : PART_MAX, done = 0;
        OVERLAPPED call;
        sbx_os_code code = begin(&call);

        if (code == 0)
            code = finish(pipe, &call, WriteFile(pipe, at, part, NULL, &call), NULL, timeout_ms,
                          &done);
        if (code != 0 || done == 0)
            return code != 0 ? code : ERROR_BROKEN_PIPE;
        at += done;
        bytes -= done;
    }
    return 0;
}

sbx_os_code sbx_pipe_await(HANDLE pipe, HANDLE process, DWORD timeout_ms)
{
    OVERLAPPED call;
    DWORD bytes = 0;
    sbx_os_code code = begin(&call);
    BOOL is_done;

    if (code != 0)
        return code;
    is_done = ConnectNamedPipe(pipe, &call);
    if (!is_done && GetLastError() == ERROR_PIPE_CONNECTED) {
        CloseHandle(call.hEvent);
        return 0;
    }
    return finish(pipe, &call, is_done, process, timeout_ms, &bytes);
}
