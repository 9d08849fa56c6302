/*
 * What was denied, into the ring. Only after a call has failed, so it may take its time; but it is asked under any
 * lock of the program's, so it calls nothing but the kernel.
 */
#include "harness/target/windows/trace/parts.h"
#include "harness/target/windows/trace_socket.h"

/* Of ntdll.dll, which this library is linked with. */
NTSTATUS NTAPI NtReadVirtualMemory(HANDLE, const void *, void *, SIZE_T, SIZE_T *);

bool trace_copy(void *out, const void *from, size_t bytes)
{
    SIZE_T got = 0;

    return NtReadVirtualMemory(GetCurrentProcess(), from, out, bytes, &got) == 0 && got == bytes;
}

static void put(sbx_ring_op op, const uint16_t *name, size_t units, bool is_cut)
{
    sbx_ring_record record = {.kind = SBX_RING_DENIED,
                              .op = op,
                              .pid = GetCurrentProcessId(),
                              .value = SBX_RING_STATUS_DENIED,
                              .is_cut = is_cut,
                              .name = name,
                              .units = units};

    if (units > 0)
        (void)sbx_ring_put(trace_ring, &record);
}

/* A name in pieces; where it is too long its beginning goes. */
typedef struct name {
    uint16_t unit[SBX_RING_UNITS];
    size_t units;
    bool is_cut;
} name;

static void add(name *self, const void *from, size_t bytes)
{
    size_t more = bytes / sizeof(uint16_t), over;

    if (more > SBX_RING_UNITS) {
        from = (const uint16_t *)from + (more - SBX_RING_UNITS);
        more = SBX_RING_UNITS;
        self->is_cut = true;
    }
    if (self->units + more > SBX_RING_UNITS) {
        over = self->units + more - SBX_RING_UNITS;
        for (size_t i = over; i < self->units; i++)
            self->unit[i - over] = self->unit[i];
        self->units -= over;
        self->is_cut = true;
    }
    if (trace_copy(self->unit + self->units, from, more * sizeof(uint16_t)))
        self->units += more;
    else
        self->is_cut = true;
}

/* A long name of the handle has no room, and is left out: what follows is told as a part of one. */
static void add_handle(name *self, HANDLE handle)
{
    struct {
        UNICODE_STRING name;
        uint16_t unit[SBX_RING_UNITS];
    } found;
    ULONG got = 0;

    if (NtQueryObject(handle, (OBJECT_INFORMATION_CLASS)1 /* its name */, &found, sizeof(found),
                      &got) == 0 &&
        found.name.Buffer != NULL)
        add(self, found.name.Buffer, found.name.Length);
    else
        self->is_cut = true;
}

static void add_separator(name *self)
{
    static const uint16_t separator = '\\';

    if (self->units > 0 && self->unit[self->units - 1] != separator)
        add(self, &separator, sizeof(separator));
}

void trace_report_handle(sbx_ring_op op, HANDLE handle, const void *units, size_t bytes)
{
    name self;

    self.units = 0;
    self.is_cut = false;
    if (handle != NULL)
        add_handle(&self, handle);
    if (bytes > 0) {
        if (handle != NULL)
            add_separator(&self);
        add(&self, units, bytes);
    }
    put(op, self.unit, self.units, self.is_cut);
}

void trace_report_attributes(sbx_ring_op op, const OBJECT_ATTRIBUTES *attributes)
{
    OBJECT_ATTRIBUTES own;
    UNICODE_STRING text = {0};

    if (!trace_copy(&own, attributes, sizeof(own)))
        return;
    if (own.ObjectName != NULL && !trace_copy(&text, own.ObjectName, sizeof(text)))
        return;
    trace_report_handle(op, own.RootDirectory, text.Buffer, text.Length);
}

void trace_report_name(sbx_ring_op op, const UNICODE_STRING *port)
{
    UNICODE_STRING text;

    if (trace_copy(&text, port, sizeof(text)))
        trace_report_handle(op, NULL, text.Buffer, text.Length);
}

void trace_report_socket(ULONG code, const void *request, ULONG bytes)
{
    uint16_t unit[SBX_SOCKET_ADDRESS_BYTES / 2];
    size_t at, have;
    sbx_socket_ask asked = sbx_socket_asked(&at, code);

    if (asked == SBX_SOCKET_OTHER || bytes <= at)
        return;
    have = bytes - at < sizeof(unit) ? bytes - at : sizeof(unit);
    if (!trace_copy(unit, (const uint8_t *)request + at, have))
        return;
    put(asked == SBX_SOCKET_BIND ? SBX_RING_BIND : SBX_RING_CONNECT, unit,
        sbx_socket_address_bytes((const uint8_t *)unit, have) / sizeof(unit[0]), false);
}

void trace_report_process(const CLIENT_ID *id)
{
    CLIENT_ID own;
    uint16_t digit[10];
    size_t first = 10;
    uint32_t pid;

    if (!trace_copy(&own, id, sizeof(own)))
        return;
    pid = (uint32_t)(uintptr_t)own.UniqueProcess;
    do {
        digit[--first] = (uint16_t)('0' + pid % 10);
        pid /= 10;
    } while (pid > 0);
    put(SBX_RING_PROCESS, digit + first, 10 - first, false);
}
