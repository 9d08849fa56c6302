/*
 * Processes and the machine on Windows; see writer.h. A process is told from a later one with its pid by the
 * moment it began, which the next boot cannot give again: what stands for the boot is the machine.
 */
#include "audit/writer.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/windows/wide.h"

/* When it began, in the system's own ticks; 0: cannot be told. */
static uint64_t began(HANDLE process)
{
    FILETIME created, ended, kernel, user;

    if (!GetProcessTimes(process, &created, &ended, &kernel, &user))
        return 0;
    return (uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime;
}

/* Made when Windows was installed, and the same for everybody; "" where it cannot be read. */
static void read_machine_id(char *out, size_t room)
{
    wchar_t wide[64] = L"";
    DWORD bytes = sizeof(wide) - sizeof(*wide);
    size_t i;

    if (RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid",
                     RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, wide, &bytes) != ERROR_SUCCESS)
        wide[0] = L'\0';
    for (i = 0; wide[i] != L'\0' && i + 1 < room; i++)
        out[i] = wide[i] < 0x80 ? (char)wide[i] : '?';
    out[i] = '\0';
}

void sbx_supervisor_self(sbx_supervisor *out)
{
    *out = (sbx_supervisor){.pid = (int64_t)GetCurrentProcessId()};
    out->start_ticks = began(GetCurrentProcess());
    read_machine_id(out->boot_id, sizeof(out->boot_id));
}

bool sbx_supervisor_is_gone(const sbx_supervisor *other, const sbx_supervisor *self)
{
    HANDLE process;
    uint64_t ticks;
    bool is_gone;

    if (other->boot_id[0] == '\0' || strcmp(other->boot_id, self->boot_id) != 0 || other->pid <= 0)
        return false;
    process =
        OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, (DWORD)other->pid);
    if (process == NULL)
        return GetLastError() ==
               ERROR_INVALID_PARAMETER; /* no such process; else: not for our eyes */
    ticks = began(process);
    is_gone = WaitForSingleObject(process, 0) == WAIT_OBJECT_0 || /* ended, but somebody holds it */
              (ticks != 0 && other->start_ticks != 0 && ticks != other->start_ticks);
    CloseHandle(process);
    return is_gone;
}

/* By the kernel's own export: GetVersionEx() tells a program what its manifest wants to hear. */
static void read_version(char *out, size_t room)
{
    typedef LONG(WINAPI * get_version_function)(OSVERSIONINFOW *);
    OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof(version)};
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    FARPROC found = ntdll == NULL ? NULL : GetProcAddress(ntdll, "RtlGetVersion");
    get_version_function get_version = NULL;

    memcpy(&get_version, &found, sizeof(get_version));
    if (get_version == NULL || get_version(&version) != 0)
        return;
    (void)snprintf(out, room, "%lu.%lu.%lu", version.dwMajorVersion, version.dwMinorVersion,
                   version.dwBuildNumber);
}

void sbx_node_self(sbx_node *out)
{
    wchar_t name[256];
    DWORD units = SBX_COUNT_OF(name);
    sbx_text text = {0};

    *out = (sbx_node){.os = "Windows"};
    if (GetComputerNameExW(ComputerNameDnsHostname, name, &units)) {
        sbx_text_add_wide(&text, name, units);
        (void)snprintf(out->hostname, sizeof(out->hostname), "%s", sbx_text_string(&text));
        sbx_text_done(&text);
    }
    read_version(out->os_version, sizeof(out->os_version));
    read_machine_id(out->machine_id, sizeof(out->machine_id));
}
