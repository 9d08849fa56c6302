/* The real system; see remote_os.h. */
#include "harness/runner/windows/remote_os.h"

#include <stdlib.h>
#include <wchar.h>

#include "harness/base/windows/wide.h"
#include "harness/runner/windows/pipe.h"
#include "harness/target/windows/os_parts.h"

enum { PATH_UNITS = 4096, NAME_UNITS = 256 };

/* Explicit: a process of the runner's is out of its job only where the runner asks for that. */
#define OWN_JOB_FLAGS ((DWORD)(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK))

/* A call that fails and does not say why is one that this system does not have. */
static sbx_os_code last_error(void)
{
    sbx_os_code code = GetLastError();

    return code == 0 ? ERROR_CALL_NOT_IMPLEMENTED : code;
}

/* By the machine's name before it: a domain may have an account of that name too. */
static sbx_os_code find_account(char out[SBX_OS_SID_BYTES], const char *name)
{
    wchar_t machine[MAX_COMPUTERNAME_LENGTH + 1], whole[NAME_UNITS], domain[NAME_UNITS];
    DWORD machine_units = SBX_COUNT_OF(machine), domain_units = SBX_COUNT_OF(domain);
    char sid[SECURITY_MAX_SID_SIZE];
    DWORD sid_bytes = sizeof(sid);
    SID_NAME_USE use;
    wchar_t *wide = sbx_wide(name);
    sbx_os_code code = 0;

    if (wide == NULL || !GetComputerNameW(machine, &machine_units) ||
        swprintf(whole, SBX_COUNT_OF(whole), L"%ls\\%ls", machine, wide) < 0)
        code = wide == NULL ? ERROR_NOT_ENOUGH_MEMORY : last_error();
    else if (!LookupAccountNameW(NULL, whole, sid, &sid_bytes, domain, &domain_units, &use) ||
             !sbx_os_sid_print(out, sid))
        code = last_error();
    free(wide);
    return code;
}

/* --- the pipe --- */

static sbx_os_code make_pipe(sbx_handle *out, const char *name, const sbx_ace *aces, size_t count)
{
    SECURITY_DESCRIPTOR descriptor;
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security),
                                    .lpSecurityDescriptor = &descriptor};
    PACL list = sbx_os_list_make(aces, count);
    wchar_t *wide = sbx_wide(name);
    HANDLE pipe = INVALID_HANDLE_VALUE;
    sbx_os_code code = 0;

    if (list == NULL || wide == NULL ||
        !InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) ||
        !SetSecurityDescriptorDacl(&descriptor, TRUE, list, FALSE) ||
        (pipe = CreateNamedPipeW(
             wide, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
             PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, 65536,
             65536, 0, &security)) == INVALID_HANDLE_VALUE)
        code = last_error();
    if (list != NULL)
        LocalFree(list);
    free(wide);
    if (code == 0)
        *out = pipe;
    return code;
}

static sbx_os_code await_client(sbx_handle pipe, sbx_handle process, unsigned timeout_ms)
{
    return sbx_pipe_await(pipe, process, timeout_ms);
}

static sbx_os_code client_pid(uint32_t *out, sbx_handle pipe)
{
    ULONG pid = 0;

    if (!GetNamedPipeClientProcessId(pipe, &pid))
        return last_error();
    *out = pid;
    return 0;
}

static sbx_os_code read_pipe(sbx_handle pipe, void *data, size_t room, size_t *out_bytes,
                             unsigned timeout_ms)
{
    return sbx_pipe_read(pipe, data, room, out_bytes, timeout_ms);
}

static sbx_os_code write_pipe(sbx_handle pipe, const void *data, size_t bytes, unsigned timeout_ms)
{
    return sbx_pipe_write(pipe, data, bytes, timeout_ms);
}

/* --- the runner --- */

static sbx_os_code make_own_job(sbx_handle *out)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION asked = {0};
    HANDLE job = CreateJobObjectW(NULL, NULL);

    asked.BasicLimitInformation.LimitFlags = OWN_JOB_FLAGS;
    if (job == NULL)
        return last_error();
    if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &asked, sizeof(asked))) {
        sbx_os_code code = last_error();

        CloseHandle(job);
        return code;
    }
    *out = job;
    return 0;
}

static sbx_os_code read_own_job(bool *out_is_so, sbx_handle job)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION found = {0};

    if (!QueryInformationJobObject(job, JobObjectExtendedLimitInformation, &found, sizeof(found),
                                   NULL))
        return last_error();
    *out_is_so = found.BasicLimitInformation.LimitFlags == OWN_JOB_FLAGS;
    return 0;
}

/* Beside this program: its name is not looked for anywhere else. */
static bool find_program(wchar_t out[PATH_UNITS])
{
    static const wchar_t name[] = L"sbx-runner.exe";
    DWORD units = GetModuleFileNameW(NULL, out, PATH_UNITS);
    wchar_t *slash = units == 0 || units >= PATH_UNITS ? NULL : wcsrchr(out, L'\\');

    if (slash == NULL || (size_t)(slash + 1 - out) + SBX_COUNT_OF(name) > PATH_UNITS)
        return false;
    wmemcpy(slash + 1, name, SBX_COUNT_OF(name));
    return true;
}

/* No handle is inherited, and nothing of the caller's working directory is held. */
static sbx_os_code start_as(PROCESS_INFORMATION *out, const sbx_remote_account *account,
                            const wchar_t *program, wchar_t *line, const wchar_t *folder)
{
    STARTUPINFOW start = {.cb = sizeof(start), .dwFlags = STARTF_FORCEOFFFEEDBACK};
    DWORD flags = CREATE_SUSPENDED | CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT;
    wchar_t *name, *password;
    sbx_os_code code = 0;

    if (account->name == NULL)
        return CreateProcessW(program, line, NULL, NULL, FALSE, flags, NULL, folder, &start, out)
                   ? 0
                   : last_error();
    name = sbx_wide(account->name);
    password = sbx_wide(account->password);
    if (name == NULL || password == NULL)
        code = ERROR_NOT_ENOUGH_MEMORY;
    else if (!CreateProcessWithLogonW(name, L".", password, LOGON_WITH_PROFILE, program, line,
                                      flags, NULL, folder, &start, out))
        code = last_error();
    if (password != NULL)
        SecureZeroMemory(password, wcslen(password) * sizeof(*password));
    free(password);
    free(name);
    return code;
}

static sbx_os_code make_runner(sbx_os_process *out, const sbx_remote_account *account,
                               const char *pipe_name)
{
    wchar_t *program = malloc(PATH_UNITS * sizeof(*program)), *pipe = sbx_wide(pipe_name);
    wchar_t folder[MAX_PATH], line[NAME_UNITS];
    PROCESS_INFORMATION made = {0};
    UINT mode = SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX); /* inherited */
    sbx_os_code code = 0;

    if (program == NULL || pipe == NULL || !find_program(program))
        code = ERROR_FILE_NOT_FOUND;
    else if (GetSystemDirectoryW(folder, SBX_COUNT_OF(folder)) == 0 ||
             swprintf(line, SBX_COUNT_OF(line), L"sbx-runner %ls %lu", pipe,
                      (unsigned long)GetCurrentProcessId()) < 0)
        code = last_error();
    else
        code = start_as(&made, account, program, line, folder);
    SetErrorMode(mode);
    if (code == 0)
        *out = (sbx_os_process){made.hProcess, made.hThread, made.dwProcessId};
    free(program);
    free(pipe);
    return code;
}

static sbx_os_code enter_job(sbx_handle job, sbx_handle process)
{
    return AssignProcessToJobObject(job, process) ? 0 : last_error();
}

static sbx_os_code give_handle(uint64_t *out, sbx_handle process, sbx_handle handle,
                               uint32_t rights)
{
    HANDLE given = NULL;

    if (!DuplicateHandle(GetCurrentProcess(), handle, process, &given, rights, FALSE, 0))
        return last_error();
    *out = (uint64_t)(uintptr_t)given;
    return 0;
}

static sbx_os_code take_handle(sbx_handle *out, sbx_handle process, uint64_t value)
{
    HANDLE taken = NULL;

    if (!DuplicateHandle(process, (HANDLE)(uintptr_t)value, GetCurrentProcess(), &taken, 0, FALSE,
                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE))
        return last_error();
    *out = taken;
    return 0;
}

static sbx_os_code process_pid(uint32_t *out, sbx_handle process)
{
    *out = GetProcessId(process);
    return *out == 0 ? last_error() : 0;
}

static void wipe(void *data, size_t bytes)
{
    SecureZeroMemory(data, bytes);
}

const sbx_remote_os sbx_remote_os_real = {
    .find_account = find_account,
    .make_pipe = make_pipe,
    .read_pipe_list = sbx_os_read_list,
    .await_client = await_client,
    .client_pid = client_pid,
    .read_pipe = read_pipe,
    .write_pipe = write_pipe,
    .make_own_job = make_own_job,
    .read_own_job = read_own_job,
    .make_runner = make_runner,
    .enter_job = enter_job,
    .give_handle = give_handle,
    .take_handle = take_handle,
    .process_pid = process_pid,
    .open_doors = sbx_net_doors_open,
    .count_arrivals = sbx_net_doors_count,
    .close_doors = sbx_net_doors_close,
    .wipe = wipe,
};
