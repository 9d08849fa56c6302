/* What happens when the library is loaded, by the process's first thread, before the program begins; see parts.h. */
#include "harness/target/windows/trace/parts.h"

sbx_ring *trace_ring;
HANDLE trace_section;
wchar_t trace_library[SBX_TRACE_PATH_UNITS];

/* The section's handle, as sbx_trace_inject() left it; the program shall not see it. NULL: there is none. */
static HANDLE take_section(void)
{
    wchar_t text[24];
    DWORD units = GetEnvironmentVariableW(SBX_TRACE_VARIABLE, text, sizeof(text) / sizeof(text[0]));
    uintptr_t value = 0;

    (void)SetEnvironmentVariableW(SBX_TRACE_VARIABLE, NULL);
    if (units != 16)
        return NULL;
    for (DWORD i = 0; i < units; i++) {
        wchar_t c = text[i];

        if (c >= L'0' && c <= L'9')
            value = value << 4 | (uintptr_t)(c - L'0');
        else if (c >= L'a' && c <= L'f')
            value = value << 4 | (uintptr_t)(c - L'a' + 10);
        else
            return NULL;
    }
    return (HANDLE)value;
}

static void begin(HMODULE self)
{
    sbx_ring_record hello = {.kind = SBX_RING_HELLO, .pid = GetCurrentProcessId()};
    HMODULE pinned;
    DWORD units = GetModuleFileNameW(self, trace_library, SBX_TRACE_PATH_UNITS);

    trace_section = take_section();
    if (trace_section == NULL || units == 0 || units >= SBX_TRACE_PATH_UNITS)
        return;
    trace_ring =
        MapViewOfFile(trace_section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, sizeof(sbx_ring));
    if (trace_ring == NULL || !sbx_ring_is_usable(trace_ring))
        return;
    /* Never unloaded: from here on calls lead through it. */
    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                            (const wchar_t *)(const void *)&trace_ring, &pinned))
        return;
    hello.value = trace_wrap();
    if (hello.value < TRACE_CALLS)
        (void)sbx_ring_put(trace_ring, &hello);
}

/* Loaded a second time, or by whom there is nothing to tell: it stays there, and does nothing. */
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved);
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH && trace_ring == NULL) {
        (void)DisableThreadLibraryCalls(self);
        begin(self);
    }
    return TRUE;
}
