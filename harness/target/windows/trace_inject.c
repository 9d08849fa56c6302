/* See trace_inject.h. */
#include "harness/target/windows/trace_inject.h"

#include <stddef.h>
#include <stdint.h>

#include "harness/target/windows/trace_code.h"

typedef LONG(NTAPI *queue_function)(HANDLE thread, void *routine, void *one, void *two,
                                    void *three);
typedef LONG(NTAPI *query_function)(HANDLE, ULONG, void *, ULONG, ULONG *);

/* What the two calls are given, in the other process. */
typedef struct message {
    wchar_t variable[16];
    wchar_t value[24];
    wchar_t library[SBX_TRACE_PATH_UNITS];
} message;

static void *find(const wchar_t *library, const char *name)
{
    HMODULE module = GetModuleHandleW(library);

    return module == NULL ? NULL : (void *)(uintptr_t)GetProcAddress(module, name);
}

/* Of its image, which is mapped before the thread begins. */
static bool is_traceable(HANDLE process)
{
    enum { IMAGE_BASE_AT = 16 }; /* in the PEB */
    struct {
        void *status;
        uint8_t *peb;
        void *affinity, *priority;
        ULONG_PTR pid, parent_pid;
    } basic = {0};
    query_function query =
        (query_function)(uintptr_t)find(L"ntdll.dll", "NtQueryInformationProcess");
    uint8_t head[SBX_IMAGE_HEAD_BYTES];
    void *image = NULL;
    SIZE_T got = 0;

    return query != NULL && query(process, 0, &basic, sizeof(basic), NULL) == 0 &&
           basic.peb != NULL &&
           ReadProcessMemory(process, basic.peb + IMAGE_BASE_AT, &image, sizeof(image), &got) &&
           got == sizeof(image) && ReadProcessMemory(process, image, head, sizeof(head), &got) &&
           sbx_image_is_traceable(head, got);
}

/*
 * A process may be made so that only functions whose address somebody took may be called by a pointer (browsers do that
 * to some of theirs): what is queued would end it.
 */
static bool suppresses_exports(HANDLE process)
{
    enum { CONTROL_FLOW_GUARD = 7, EXPORT_SUPPRESSION = 2 };
    typedef BOOL(WINAPI * policy_function)(HANDLE, int, void *, SIZE_T);
    policy_function ask =
        (policy_function)(uintptr_t)find(L"kernel32.dll", "GetProcessMitigationPolicy");
    DWORD flags = 0;

    return ask != NULL && ask(process, CONTROL_FLOW_GUARD, &flags, sizeof(flags)) &&
           (flags & EXPORT_SUPPRESSION) != 0;
}

static bool copy(wchar_t *out, size_t room, const wchar_t *text)
{
    for (size_t i = 0; i < room; i++) {
        out[i] = text[i];
        if (text[i] == L'\0')
            return true;
    }
    return false;
}

static void print_hex(wchar_t *out, uint64_t value)
{
    static const wchar_t digit[] = L"0123456789abcdef";

    for (int i = 0; i < 16; i++)
        out[i] = digit[value >> (60 - 4 * i) & 15];
    out[16] = L'\0';
}

/* The message is written, or nothing is left of it there. */
static uint8_t *leave(HANDLE process, HANDLE section, const wchar_t *library, HANDLE *out_there)
{
    /* Not on the stack: the DLL has nothing that would let it grow by more than a page. */
    message *own = VirtualAlloc(NULL, sizeof(*own), MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    uint8_t *there = NULL;
    SIZE_T done = 0;

    *out_there = NULL;
    if (own == NULL)
        return NULL;
    if (copy(own->variable, sizeof(own->variable) / sizeof(wchar_t), SBX_TRACE_VARIABLE) &&
        copy(own->library, SBX_TRACE_PATH_UNITS, library) &&
        DuplicateHandle(GetCurrentProcess(), section, process, out_there, 0, FALSE,
                        DUPLICATE_SAME_ACCESS))
        there =
            VirtualAllocEx(process, NULL, sizeof(*own), MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    if (there != NULL) {
        print_hex(own->value, (uint64_t)(uintptr_t)*out_there);
        if (!WriteProcessMemory(process, there, own, sizeof(*own), &done) || done != sizeof(*own)) {
            (void)VirtualFreeEx(process, there, 0, MEM_RELEASE);
            there = NULL;
        }
    }
    (void)VirtualFree(own, 0, MEM_RELEASE);
    return there;
}

static void close_there(HANDLE process, HANDLE there)
{
    HANDLE here = NULL;

    if (there != NULL && DuplicateHandle(process, there, GetCurrentProcess(), &here, 0, FALSE,
                                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE))
        (void)CloseHandle(here);
}

bool sbx_trace_inject(HANDLE process, HANDLE thread, HANDLE section, const wchar_t *library)
{
    queue_function queue = (queue_function)(uintptr_t)find(L"ntdll.dll", "NtQueueApcThread");
    /* At the same address in every process: the system relies on it for ^C, and refuses to run a program whose
     * kernel32.dll lies elsewhere (STATUS_ILLEGAL_DLL_RELOCATION). */
    void *set = find(L"kernel32.dll", "SetEnvironmentVariableW");
    void *load = find(L"kernel32.dll", "LoadLibraryW");
    HANDLE section_there;
    uint8_t *there;

    if (queue == NULL || set == NULL || load == NULL || !is_traceable(process) ||
        suppresses_exports(process))
        return false;
    there = leave(process, section, library, &section_there);
    if (there == NULL) {
        close_there(process, section_there);
        return false;
    }
    if (queue(thread, set, there + offsetof(message, variable), there + offsetof(message, value),
              NULL) == 0 &&
        queue(thread, load, there + offsetof(message, library), NULL, NULL) == 0)
        return true;
    return false; /* what was queued sets a variable, and reads what stays where it is */
}
