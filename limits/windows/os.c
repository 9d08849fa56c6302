/* The real system; see os.h. */
#include "limits/windows/os.h"

static HANDLE make_job(void)
{
    return CreateJobObjectW(NULL, NULL); /* without a name nobody opens it */
}

static HANDLE make_port(void)
{
    return CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
}

static bool set(HANDLE job, JOBOBJECTINFOCLASS what, const void *data, DWORD bytes)
{
    return SetInformationJobObject(job, what, (void *)(uintptr_t)data, bytes) != 0;
}

static bool get(HANDLE job, JOBOBJECTINFOCLASS what, void *data, DWORD bytes)
{
    return QueryInformationJobObject(job, what, data, bytes, NULL) != 0;
}

static bool terminate(HANDLE job, UINT code)
{
    return TerminateJobObject(job, code) != 0;
}

static bool wait_for(HANDLE port, DWORD timeout_ms, DWORD *out_bytes, ULONG_PTR *out_key,
                     LPOVERLAPPED *out_value)
{
    return GetQueuedCompletionStatus(port, out_bytes, out_key, out_value, timeout_ms) != 0;
}

static bool post(HANDLE port, DWORD bytes, ULONG_PTR key, LPOVERLAPPED value)
{
    return PostQueuedCompletionStatus(port, bytes, key, value) != 0;
}

static void close_handle(HANDLE handle)
{
    CloseHandle(handle);
}

const sbx_job_os sbx_job_os_real = {
    .make_job = make_job,
    .make_port = make_port,
    .set = set,
    .get = get,
    .terminate = terminate,
    .wait = wait_for,
    .post = post,
    .close = close_handle,
};

const sbx_job_os *sbx_job_os_used = &sbx_job_os_real;
