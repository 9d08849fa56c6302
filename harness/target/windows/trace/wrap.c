/*
 * A wrapper is put before a system call's stub by replacing the stub's first two instructions, eight bytes that are
 * checked to be exactly those (trace_code.h), with a jump. One page near ntdll.dll has, for each call, the jump to the
 * wrapper, and the two instructions with a jump back: the system call itself is still made by ntdll.dll's own
 * instruction.
 */
#include "harness/target/windows/trace/parts.h"
#include "harness/target/windows/trace_code.h"

#define ENTRY_BYTES 64
#define BRIDGE_AT 32
#define PAGE_BYTES 4096
#define GRAIN ((uintptr_t)65536)                 /* where memory can be taken */
#define REACH ((intptr_t)INT32_MAX - (16 << 20)) /* ntdll.dll itself is smaller than what is left */

_Static_assert(SBX_JUMP_BYTES <= BRIDGE_AT && BRIDGE_AT + SBX_BRIDGE_BYTES <= ENTRY_BYTES &&
                   TRACE_CALLS * ENTRY_BYTES <= PAGE_BYTES,
               "all have room");

/* The end of a free region that is nearer to ntdll.dll. */
static uint8_t *take_page(const MEMORY_BASIC_INFORMATION *about, uintptr_t ntdll)
{
    uintptr_t first = ((uintptr_t)about->BaseAddress + GRAIN - 1) & ~(GRAIN - 1);
    uintptr_t end = ((uintptr_t)about->BaseAddress + about->RegionSize) & ~(GRAIN - 1);
    uintptr_t at = first < ntdll ? end - GRAIN : first;
    intptr_t distance = (intptr_t)(at - ntdll);

    if (about->State != MEM_FREE || first == 0 || first >= end || distance > REACH ||
        distance < -REACH)
        return NULL;
    return VirtualAlloc((void *)at, PAGE_BYTES, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
}

/* Memory that a jump from ntdll.dll reaches: region by region, downwards, then upwards. */
static uint8_t *find_page(uintptr_t ntdll)
{
    enum { REGIONS_MAX = 8192 };
    MEMORY_BASIC_INFORMATION about;
    uintptr_t at = ntdll;
    uint8_t *page = NULL;

    for (int i = 0; i < REGIONS_MAX && page == NULL && at >= GRAIN; i++) {
        if (VirtualQuery((void *)(at - 1), &about, sizeof(about)) == 0)
            break;
        page = take_page(&about, ntdll);
        at = (uintptr_t)about.BaseAddress;
    }
    at = ntdll;
    for (int i = 0; i < REGIONS_MAX && page == NULL; i++) {
        if (VirtualQuery((void *)at, &about, sizeof(about)) == 0)
            break;
        page = take_page(&about, ntdll);
        at = (uintptr_t)about.BaseAddress + about.RegionSize;
    }
    return page;
}

/* One store of eight bytes: whoever comes by meanwhile finds the old beginning or the new one. */
static bool replace(uint8_t *stub, const uint8_t jump[SBX_STUB_TAKEN_BYTES])
{
    DWORD before;
    uint64_t value = 0;

    for (int i = SBX_STUB_TAKEN_BYTES - 1; i >= 0; i--)
        value = value << 8 | jump[i];
    if (!VirtualProtect(stub, SBX_STUB_TAKEN_BYTES, PAGE_EXECUTE_READWRITE, &before))
        return false;
    __atomic_store_n((uint64_t *)(void *)stub, value, __ATOMIC_SEQ_CST);
    (void)VirtualProtect(stub, SBX_STUB_TAKEN_BYTES, before, &before);
    (void)FlushInstructionCache(GetCurrentProcess(), stub, SBX_STUB_TAKEN_BYTES);
    return true;
}

static uint8_t *find_stub(HMODULE ntdll, const char *name)
{
    return (uint8_t *)(uintptr_t)GetProcAddress(ntdll, name);
}

/* One that we know, and a single store can replace its beginning. */
static bool can_be_wrapped(const uint8_t *stub)
{
    return ((uintptr_t)stub & 7) == 0 && sbx_stub_is_known(stub);
}

uint32_t trace_wrap(void)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    uint8_t *page, *stub[TRACE_CALLS] = {0}, jump[SBX_STUB_TAKEN_BYTES];
    uint32_t missed = 0;
    DWORD before;

    if (ntdll == NULL || (page = find_page((uintptr_t)ntdll)) == NULL)
        return TRACE_CALLS;
    for (int i = 0; i < TRACE_CALLS; i++) {
        uint8_t *entry = page + i * ENTRY_BYTES;

        if ((stub[i] = find_stub(ntdll, trace_calls[i].name)) == NULL)
            continue; /* a call that this system does not have */
        if (!can_be_wrapped(stub[i])) {
            stub[i] = NULL;
            missed++;
            continue;
        }
        sbx_jump_write(entry, (uint64_t)(uintptr_t)trace_calls[i].wrapper);
        sbx_bridge_write(entry + BRIDGE_AT, stub[i], (uint64_t)(uintptr_t)stub[i]);
        trace_original[i] = (trace_function *)(uintptr_t)(entry + BRIDGE_AT);
    }
    /* It was written, and from here on it is run: never both at once. */
    if (!VirtualProtect(page, PAGE_BYTES, PAGE_EXECUTE_READ, &before)) {
        (void)VirtualFree(page, 0, MEM_RELEASE);
        return TRACE_CALLS;
    }
    (void)FlushInstructionCache(GetCurrentProcess(), page, PAGE_BYTES);
    for (int i = 0; i < TRACE_CALLS; i++)
        if (stub[i] != NULL && (!sbx_stub_jump(jump, (uint64_t)(uintptr_t)stub[i],
                                               (uint64_t)(uintptr_t)(page + i * ENTRY_BYTES)) ||
                                !replace(stub[i], jump)))
            missed++;
    return missed;
}
