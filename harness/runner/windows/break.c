/* Asking the command to end, in its own console. */
#include <stdlib.h>
#include <wchar.h>

#include "harness/runner/windows/parts.h"

enum { PATH_UNITS = 4096, LONGEST_MS = 2000 };

static BOOL WINAPI not_for_us(DWORD event)
{
    (void)event;
    return TRUE;
}

int sbx_break_here(uint32_t pid, bool has_terminal)
{
    (void)FreeConsole();
    if (!AttachConsole(pid))
        return 1;
    (void)SetConsoleCtrlHandler(not_for_us, TRUE);
    return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, has_terminal ? 0 : pid) ? 0 : 1;
}

bool sbx_break_send(uint32_t pid, bool has_terminal)
{
    wchar_t *program = malloc(PATH_UNITS * sizeof(*program)), line[64];
    DWORD units = program == NULL ? 0 : GetModuleFileNameW(NULL, program, PATH_UNITS), code = 1;
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION made = {0};

    (void)swprintf(line, SBX_COUNT_OF(line), L"sbx --probe break%ls %lu",
                   has_terminal ? L"-all" : L"", (unsigned long)pid);
    if (units > 0 && units < PATH_UNITS &&
        CreateProcessW(program, line, NULL, NULL, FALSE, DETACHED_PROCESS, NULL, NULL, &start,
                       &made)) {
        if (WaitForSingleObject(made.hProcess, LONGEST_MS) != WAIT_OBJECT_0)
            (void)TerminateProcess(made.hProcess, 1);
        else
            (void)GetExitCodeProcess(made.hProcess, &code);
        CloseHandle(made.hThread);
        CloseHandle(made.hProcess);
    }
    free(program);
    return code == 0;
}
