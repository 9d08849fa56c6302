/*
 * The wrappers. Each makes the call as it was asked, and looks at the answer only: where it is STATUS_ACCESS_DENIED and
 * something was to be changed, that is reported, and the program gets its answer.
 */
#include "harness/target/windows/trace/parts.h"
#include "harness/target/windows/trace_socket.h"

#define DENIED ((NTSTATUS)SBX_RING_STATUS_DENIED)

/* Rights by which something is changed, of a file and of a key. Deleting is one that stands by itself. */
#define FILE_CHANGES                                                                               \
    (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_DELETE_CHILD |                      \
     FILE_WRITE_ATTRIBUTES | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL)
#define KEY_CHANGES                                                                                \
    (KEY_SET_VALUE | KEY_CREATE_SUB_KEY | KEY_CREATE_LINK | DELETE | WRITE_DAC | WRITE_OWNER |     \
     GENERIC_WRITE | GENERIC_ALL)
#define PROCESS_CHANGES                                                                            \
    (PROCESS_TERMINATE | PROCESS_CREATE_THREAD | PROCESS_VM_OPERATION | PROCESS_VM_WRITE |         \
     PROCESS_DUP_HANDLE | PROCESS_SET_QUOTA | PROCESS_SET_INFORMATION | PROCESS_SUSPEND_RESUME |   \
     WRITE_DAC | WRITE_OWNER)
#define SECTION_CHANGES                                                                            \
    (SECTION_MAP_WRITE | SECTION_EXTEND_SIZE | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE |  \
     GENERIC_ALL)

enum {
    CREATE_FILE,
    OPEN_FILE,
    DELETE_FILE,
    SET_FILE,
    CREATE_KEY,
    OPEN_KEY,
    OPEN_KEY_EX,
    OPEN_PROCESS,
    CREATE_PROCESS,
    OPEN_SECTION,
    MAP_SECTION,
    CONNECT_PORT,
    CONNECT_PORT_SECURELY,
    CONNECT_ALPC,
    CONNECT_ALPC_EX,
    DEVICE_CONTROL,
    CALL_COUNT
};
_Static_assert((int)CALL_COUNT == (int)TRACE_CALLS, "the header says how many");

trace_function *trace_original[TRACE_CALLS];

/* --- files --- */

static void report_open(ACCESS_MASK access, ULONG disposition, ULONG options,
                        const OBJECT_ATTRIBUTES *attributes)
{
    bool creates = disposition == FILE_CREATE || disposition == FILE_SUPERSEDE;

    if ((options & FILE_OPEN_BY_FILE_ID) != 0)
        return; /* what is in the place of a name is a number */
    if (creates)
        trace_report_attributes(SBX_RING_CREATE, attributes);
    else if ((access & FILE_CHANGES) != 0 || disposition == FILE_OPEN_IF ||
             disposition == FILE_OVERWRITE || disposition == FILE_OVERWRITE_IF)
        trace_report_attributes(SBX_RING_WRITE, attributes);
    else if ((access & DELETE) != 0 || (options & FILE_DELETE_ON_CLOSE) != 0)
        trace_report_attributes(SBX_RING_REMOVE, attributes);
}

typedef NTSTATUS(NTAPI *create_file)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, IO_STATUS_BLOCK *,
                                     LARGE_INTEGER *, ULONG, ULONG, ULONG, ULONG, void *, ULONG);

static NTSTATUS NTAPI on_create_file(HANDLE *out, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                     IO_STATUS_BLOCK *io, LARGE_INTEGER *size, ULONG flags,
                                     ULONG sharing, ULONG disposition, ULONG options, void *ea,
                                     ULONG ea_bytes)
{
    NTSTATUS status = ((create_file)trace_original[CREATE_FILE])(
        out, access, attributes, io, size, flags, sharing, disposition, options, ea, ea_bytes);

    if (status == DENIED)
        report_open(access, disposition, options, attributes);
    return status;
}

typedef NTSTATUS(NTAPI *open_file)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, IO_STATUS_BLOCK *,
                                   ULONG, ULONG);

static NTSTATUS NTAPI on_open_file(HANDLE *out, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                   IO_STATUS_BLOCK *io, ULONG sharing, ULONG options)
{
    NTSTATUS status =
        ((open_file)trace_original[OPEN_FILE])(out, access, attributes, io, sharing, options);

    if (status == DENIED)
        report_open(access, FILE_OPEN, options, attributes);
    return status;
}

typedef NTSTATUS(NTAPI *delete_file)(OBJECT_ATTRIBUTES *);

static NTSTATUS NTAPI on_delete_file(OBJECT_ATTRIBUTES *attributes)
{
    NTSTATUS status = ((delete_file)trace_original[DELETE_FILE])(attributes);

    if (status == DENIED)
        trace_report_attributes(SBX_RING_REMOVE, attributes);
    return status;
}

/* FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION, in all their kinds. */
typedef struct move {
    ULONG flags;
    HANDLE root;
    ULONG bytes;
} move;

static void report_move(sbx_ring_op op, HANDLE file, const uint8_t *about, ULONG bytes)
{
    enum { NAME_AT = 20 };
    move own;

    if (bytes < sizeof(own) || !trace_copy(&own, about, sizeof(own)) || own.bytes > bytes - NAME_AT)
        trace_report_handle(op, file, NULL, 0);
    else /* the new name: the old one's own rights were asked for when it was opened */
        trace_report_handle(op, own.root, about + NAME_AT, own.bytes);
}

typedef NTSTATUS(NTAPI *set_file)(HANDLE, IO_STATUS_BLOCK *, void *, ULONG, int);

static NTSTATUS NTAPI on_set_file(HANDLE file, IO_STATUS_BLOCK *io, void *about, ULONG bytes,
                                  int kind)
{
    enum {
        RENAME = 10,
        LINK = 11,
        DISPOSITION = 13,
        DISPOSITION_EX = 64,
        RENAME_EX = 65,
        LINK_EX = 72
    };
    NTSTATUS status = ((set_file)trace_original[SET_FILE])(file, io, about, bytes, kind);

    if (status != DENIED)
        return status;
    switch (kind) {
    case RENAME:
    case RENAME_EX:
        report_move(SBX_RING_RENAME, file, about, bytes);
        break;
    case LINK:
    case LINK_EX:
        report_move(SBX_RING_LINK, file, about, bytes);
        break;
    case DISPOSITION:
    case DISPOSITION_EX:
        trace_report_handle(SBX_RING_REMOVE, file, NULL, 0);
        break;
    default:
        break;
    }
    return status;
}

/* --- the registry --- */

typedef NTSTATUS(NTAPI *create_key)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG,
                                    UNICODE_STRING *, ULONG, ULONG *);

static NTSTATUS NTAPI on_create_key(HANDLE *out, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                    ULONG index, UNICODE_STRING *class_name, ULONG options,
                                    ULONG *disposition)
{
    NTSTATUS status = ((create_key)trace_original[CREATE_KEY])(out, access, attributes, index,
                                                               class_name, options, disposition);

    if (status == DENIED)
        trace_report_attributes(SBX_RING_KEY_CREATE, attributes);
    return status;
}

typedef NTSTATUS(NTAPI *open_key)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);

static NTSTATUS NTAPI on_open_key(HANDLE *out, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes)
{
    NTSTATUS status = ((open_key)trace_original[OPEN_KEY])(out, access, attributes);

    if (status == DENIED && (access & KEY_CHANGES) != 0)
        trace_report_attributes(SBX_RING_KEY_WRITE, attributes);
    return status;
}

typedef NTSTATUS(NTAPI *open_key_ex)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, ULONG);

static NTSTATUS NTAPI on_open_key_ex(HANDLE *out, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                     ULONG options)
{
    NTSTATUS status = ((open_key_ex)trace_original[OPEN_KEY_EX])(out, access, attributes, options);

    if (status == DENIED && (access & KEY_CHANGES) != 0)
        trace_report_attributes(SBX_RING_KEY_WRITE, attributes);
    return status;
}

/* --- processes --- */

typedef NTSTATUS(NTAPI *open_process)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, CLIENT_ID *);

static NTSTATUS NTAPI on_open_process(HANDLE *out, ACCESS_MASK access,
                                      OBJECT_ATTRIBUTES *attributes, CLIENT_ID *id)
{
    NTSTATUS status = ((open_process)trace_original[OPEN_PROCESS])(out, access, attributes, id);

    if (status == DENIED && (access & PROCESS_CHANGES) != 0)
        trace_report_process(id);
    return status;
}

/*
 * A child is made suspended whatever was asked, is given the library, and goes on as it was asked to. kernel32's own
 * CreateProcess functions come by here too, and always want it suspended at this point.
 */
typedef NTSTATUS(NTAPI *create_process)(HANDLE *, HANDLE *, ACCESS_MASK, ACCESS_MASK,
                                        OBJECT_ATTRIBUTES *, OBJECT_ATTRIBUTES *, ULONG, ULONG,
                                        void *, void *, void *);

NTSTATUS NTAPI NtResumeThread(HANDLE thread, ULONG *out_count);

static NTSTATUS NTAPI on_create_process(HANDLE *out_process, HANDLE *out_thread,
                                        ACCESS_MASK process_access, ACCESS_MASK thread_access,
                                        OBJECT_ATTRIBUTES *process_attributes,
                                        OBJECT_ATTRIBUTES *thread_attributes, ULONG process_flags,
                                        ULONG thread_flags, void *parameters, void *info,
                                        void *list)
{
    enum { SUSPENDED = 1 };
    DWORD last = GetLastError();
    NTSTATUS status = ((create_process)trace_original[CREATE_PROCESS])(
        out_process, out_thread, process_access, thread_access, process_attributes,
        thread_attributes, process_flags, thread_flags | SUSPENDED, parameters, info, list);
    HANDLE made[2];

    if (status < 0 || !trace_copy(&made[0], out_process, sizeof(made[0])) ||
        !trace_copy(&made[1], out_thread, sizeof(made[1])))
        return status;
    (void)sbx_trace_inject(made[0], made[1], trace_section, trace_library);
    SetLastError(last);
    if ((thread_flags & SUSPENDED) == 0)
        (void)NtResumeThread(made[1], NULL);
    return status;
}

/* --- memory of others --- */

typedef NTSTATUS(NTAPI *open_section)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);

static NTSTATUS NTAPI on_open_section(HANDLE *out, ACCESS_MASK access,
                                      OBJECT_ATTRIBUTES *attributes)
{
    NTSTATUS status = ((open_section)trace_original[OPEN_SECTION])(out, access, attributes);

    if (status == DENIED && (access & SECTION_CHANGES) != 0)
        trace_report_attributes(SBX_RING_MAP, attributes);
    return status;
}

typedef NTSTATUS(NTAPI *map_section)(HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *,
                                     SIZE_T *, ULONG, ULONG, ULONG);

/* One without a name is told of by nothing, and is not. */
static NTSTATUS NTAPI on_map_section(HANDLE section, HANDLE process, void **at, ULONG_PTR zero_bits,
                                     SIZE_T committed, LARGE_INTEGER *offset, SIZE_T *bytes,
                                     ULONG inherit, ULONG type, ULONG protection)
{
    NTSTATUS status = ((map_section)trace_original[MAP_SECTION])(
        section, process, at, zero_bits, committed, offset, bytes, inherit, type, protection);

    if (status == DENIED && (protection & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE)) != 0)
        trace_report_handle(SBX_RING_MAP, section, NULL, 0);
    return status;
}

/* --- ports of others --- */

typedef NTSTATUS(NTAPI *connect_port)(HANDLE *, UNICODE_STRING *, void *, void *, void *, ULONG *,
                                      void *, ULONG *);

static NTSTATUS NTAPI on_connect_port(HANDLE *out, UNICODE_STRING *name, void *quality,
                                      void *client, void *server, ULONG *longest, void *about,
                                      ULONG *about_bytes)
{
    NTSTATUS status = ((connect_port)trace_original[CONNECT_PORT])(
        out, name, quality, client, server, longest, about, about_bytes);

    if (status == DENIED)
        trace_report_name(SBX_RING_PORT, name);
    return status;
}

typedef NTSTATUS(NTAPI *connect_port_securely)(HANDLE *, UNICODE_STRING *, void *, void *, void *,
                                               void *, ULONG *, void *, ULONG *);

static NTSTATUS NTAPI on_connect_port_securely(HANDLE *out, UNICODE_STRING *name, void *quality,
                                               void *client, void *sid, void *server,
                                               ULONG *longest, void *about, ULONG *about_bytes)
{
    NTSTATUS status = ((connect_port_securely)trace_original[CONNECT_PORT_SECURELY])(
        out, name, quality, client, sid, server, longest, about, about_bytes);

    if (status == DENIED)
        trace_report_name(SBX_RING_PORT, name);
    return status;
}

typedef NTSTATUS(NTAPI *connect_alpc)(HANDLE *, UNICODE_STRING *, void *, void *, ULONG, void *,
                                      void *, void *, void *, void *, LARGE_INTEGER *);

static NTSTATUS NTAPI on_connect_alpc(HANDLE *out, UNICODE_STRING *name, void *object, void *port,
                                      ULONG flags, void *sid, void *message, void *bytes,
                                      void *sent, void *received, LARGE_INTEGER *timeout)
{
    NTSTATUS status = ((connect_alpc)trace_original[CONNECT_ALPC])(
        out, name, object, port, flags, sid, message, bytes, sent, received, timeout);

    if (status == DENIED)
        trace_report_name(SBX_RING_PORT, name);
    return status;
}

typedef NTSTATUS(NTAPI *connect_alpc_ex)(HANDLE *, OBJECT_ATTRIBUTES *, void *, void *, ULONG,
                                         void *, void *, void *, void *, void *, LARGE_INTEGER *);

static NTSTATUS NTAPI on_connect_alpc_ex(HANDLE *out, OBJECT_ATTRIBUTES *attributes, void *object,
                                         void *port, ULONG flags, void *security, void *message,
                                         void *bytes, void *sent, void *received,
                                         LARGE_INTEGER *timeout)
{
    NTSTATUS status = ((connect_alpc_ex)trace_original[CONNECT_ALPC_EX])(
        out, attributes, object, port, flags, security, message, bytes, sent, received, timeout);

    if (status == DENIED)
        trace_report_attributes(SBX_RING_PORT, attributes);
    return status;
}

/* --- the network --- */

typedef NTSTATUS(NTAPI *device_control)(HANDLE, HANDLE, void *, void *, IO_STATUS_BLOCK *, ULONG,
                                        void *, ULONG, void *, ULONG);

/* An answer that comes later is not waited for; one that came while the call said "later" is there already. */
static NTSTATUS NTAPI on_device_control(HANDLE file, HANDLE event, void *done, void *context,
                                        IO_STATUS_BLOCK *io, ULONG code, void *in, ULONG in_bytes,
                                        void *out, ULONG out_bytes)
{
    NTSTATUS status = ((device_control)trace_original[DEVICE_CONTROL])(
        file, event, done, context, io, code, in, in_bytes, out, out_bytes);
    IO_STATUS_BLOCK told;
    size_t at;

    if (sbx_socket_asked(&at, code) == SBX_SOCKET_OTHER)
        return status;
    if (status == DENIED ||
        (status == STATUS_PENDING && trace_copy(&told, io, sizeof(told)) && told.Status == DENIED))
        trace_report_socket(code, in, in_bytes);
    return status;
}

const trace_call trace_calls[TRACE_CALLS] = {
    [CREATE_FILE] = {"NtCreateFile", (trace_function *)on_create_file},
    [OPEN_FILE] = {"NtOpenFile", (trace_function *)on_open_file},
    [DELETE_FILE] = {"NtDeleteFile", (trace_function *)on_delete_file},
    [SET_FILE] = {"NtSetInformationFile", (trace_function *)on_set_file},
    [CREATE_KEY] = {"NtCreateKey", (trace_function *)on_create_key},
    [OPEN_KEY] = {"NtOpenKey", (trace_function *)on_open_key},
    [OPEN_KEY_EX] = {"NtOpenKeyEx", (trace_function *)on_open_key_ex},
    [OPEN_PROCESS] = {"NtOpenProcess", (trace_function *)on_open_process},
    [CREATE_PROCESS] = {"NtCreateUserProcess", (trace_function *)on_create_process},
    [OPEN_SECTION] = {"NtOpenSection", (trace_function *)on_open_section},
    [MAP_SECTION] = {"NtMapViewOfSection", (trace_function *)on_map_section},
    [CONNECT_PORT] = {"NtConnectPort", (trace_function *)on_connect_port},
    [CONNECT_PORT_SECURELY] = {"NtSecureConnectPort", (trace_function *)on_connect_port_securely},
    [CONNECT_ALPC] = {"NtAlpcConnectPort", (trace_function *)on_connect_alpc},
    [CONNECT_ALPC_EX] = {"NtAlpcConnectPortEx", (trace_function *)on_connect_alpc_ex},
    [DEVICE_CONTROL] = {"NtDeviceIoControlFile", (trace_function *)on_device_control},
};
