/*
 * Who is in the job, by the port's messages: each new process becomes a row, and is held open until its end, which
 * tells its exit code. What a process says about itself (its command line) is in its own memory, and is taken as that.
 */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "harness/base/clock.h"
#include "harness/base/json.h"
#include "harness/base/windows/wide.h"
#include "harness/runner/windows/parts.h"

#include <shellapi.h>

enum {
    ARGUMENTS_BYTES_MAX = 4096,
    LINE_BYTES_MAX = 65536 + 64,
    LOOKS_MAX = 64,
    KEPT_MAX = 4096, /* handles of processes that have ended */
};

/* One that is just being made does not say yet who it is: it is looked at again before it becomes a row. */
typedef struct member {
    uint32_t pid;
    HANDLE process; /* NULL: could not be opened */
    unsigned looks;
    bool has_row;
    bool is_helper; /* the system's own, which hosts the command's console */
    bool is_traced;
} member;

/* As long as we have the handle, no other process gets the number. */
typedef struct kept_member {
    uint32_t pid;
    HANDLE process;
} kept_member;

struct sbx_members {
    sbx_processes *list;
    kept_member *kept; /* NULL: none is kept; a ring */
    size_t kept_count, kept_next;
    member *item; /* of those that have not ended */
    size_t count, room;
    uint32_t first_pid;
    HANDLE job;
    uint64_t untraced;
};

sbx_members *sbx_members_create(sbx_processes *list, HANDLE job)
{
    sbx_members *members = calloc(1, sizeof(*members));

    if (members != NULL)
        *members = (sbx_members){.list = list, .job = job};
    return members;
}

void sbx_members_free(sbx_members *members)
{
    if (members == NULL)
        return;
    for (size_t i = 0; i < members->count; i++)
        if (members->item[i].process != NULL)
            CloseHandle(members->item[i].process);
    for (size_t i = 0; i < members->kept_count; i++)
        CloseHandle(members->kept[i].process);
    free(members->item);
    free(members->kept);
    free(members);
}

bool sbx_members_keep_ended(sbx_members *members)
{
    if (members->kept == NULL)
        members->kept = calloc(KEPT_MAX, sizeof(*members->kept));
    return members->kept != NULL;
}

/* Of the many the oldest is let go. */
static void keep_ended(sbx_members *members, const member *item)
{
    kept_member *room;

    if (item->process == NULL)
        return;
    if (members->kept == NULL) {
        CloseHandle(item->process);
        return;
    }
    room = &members->kept[members->kept_next];
    if (members->kept_count == KEPT_MAX)
        CloseHandle(room->process);
    else
        members->kept_count++;
    *room = (kept_member){.pid = item->pid, .process = item->process};
    members->kept_next = (members->kept_next + 1) % KEPT_MAX;
}

/* --- what the system knows of a process beyond its documented calls; looked up, because it may not be there --- */

typedef LONG(WINAPI *query_function)(HANDLE, ULONG, void *, ULONG, ULONG *);

static query_function find_query(void)
{
    static query_function found;
    static bool has_looked;
    HMODULE ntdll = has_looked ? NULL : GetModuleHandleW(L"ntdll.dll");
    FARPROC address = ntdll == NULL ? NULL : GetProcAddress(ntdll, "NtQueryInformationProcess");

    has_looked = true;
    if (address != NULL)
        memcpy(&found, &address, sizeof(found));
    return found;
}

/* Of PROCESS_BASIC_INFORMATION, whose last field it is. */
static uint32_t parent_of(HANDLE process)
{
    struct {
        void *status, *peb, *affinity, *priority;
        ULONG_PTR pid, parent_pid;
    } basic;
    query_function query = find_query();

    if (query == NULL || query(process, 0, &basic, sizeof(basic), NULL) != 0)
        return 0;
    return (uint32_t)basic.parent_pid;
}

static uint64_t began_us(HANDLE process)
{
    static const uint64_t since_1601 = UINT64_C(11644473600000000);
    FILETIME created, ended, kernel, user;
    uint64_t us, now_us;

    if (!GetProcessTimes(process, &created, &ended, &kernel, &user))
        return sbx_clock_utc_us();
    us = ((uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime) / 10;
    now_us = sbx_clock_utc_us();
    /* What is just being made may have no time yet, or any. */
    return us > since_1601 && us - since_1601 <= now_us ? us - since_1601 : now_us;
}

static void read_image(sbx_text *out, HANDLE process)
{
    wchar_t *name = malloc(LINE_BYTES_MAX);
    DWORD units = LINE_BYTES_MAX / sizeof(*name);

    if (name != NULL && QueryFullProcessImageNameW(process, 0, name, &units))
        sbx_text_add_wide_path(out, name, units);
    free(name);
}

/* --- arguments --- */

static bool add_argument(sbx_json *json, sbx_text *out, const char *argument)
{
    static const char cut[] = "\xe2\x80\xa6"; /* … */

    if (out->bytes + strlen(argument) > ARGUMENTS_BYTES_MAX) {
        sbx_json_string(json, NULL, cut);
        return false;
    }
    sbx_json_bytes(json, NULL, argument, strlen(argument));
    return true;
}

static void add_list(sbx_text *out, const char *const *argv)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    while (*argv != NULL && add_argument(&json, out, *argv))
        argv++;
    sbx_json_close_array(&json);
}

static void add_line(sbx_text *out, const wchar_t *line)
{
    int count = 0;
    wchar_t **argv = CommandLineToArgvW(line, &count);
    sbx_json json;
    bool has_room = true;

    if (argv == NULL)
        return;
    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (int i = 0; i < count && has_room; i++) {
        sbx_text argument = {0};

        sbx_text_add_wide(&argument, argv[i], wcslen(argv[i]));
        has_room = add_argument(&json, out, sbx_text_string(&argument));
        sbx_text_done(&argument);
    }
    sbx_json_close_array(&json);
    LocalFree(argv);
}

/* Since Windows 8.1; nothing where it is not known. */
static void read_arguments(sbx_text *out, HANDLE process)
{
    enum { COMMAND_LINE_INFORMATION = 60 };
    struct {
        USHORT bytes, room;
        wchar_t *at;
    } *found = calloc(1, LINE_BYTES_MAX);
    query_function query = find_query();
    ULONG used = 0;

    if (found != NULL && query != NULL &&
        query(process, COMMAND_LINE_INFORMATION, found, LINE_BYTES_MAX - sizeof(wchar_t), &used) ==
            0 &&
        found->bytes > 0 && found->at != NULL)
        add_line(out, found->at); /* what was asked for is longer than what is said, and all zero */
    free(found);
}

/* --- members --- */

static member *keep(sbx_members *members, uint32_t pid, HANDLE process)
{
    if (members->count == members->room) {
        size_t room = members->room == 0 ? 16 : members->room * 2;
        member *item = realloc(members->item, room * sizeof(*item));

        if (item == NULL)
            return NULL;
        members->item = item;
        members->room = room;
    }
    members->item[members->count] = (member){.pid = pid, .process = process};
    return &members->item[members->count++];
}

static void add_row(sbx_members *members, member *item, const char *exe, const char *argv_json)
{
    HANDLE process = item->process;
    sbx_process_record record = {.pid = (int32_t)item->pid,
                                 .parent_pid = (int32_t)(process == NULL ? 0 : parent_of(process)),
                                 .start_us =
                                     process == NULL ? sbx_clock_utc_us() : began_us(process),
                                 .exe = exe,
                                 .argv_json = argv_json};

    sbx_processes_add(members->list, &record);
    item->has_row = true;
}

void sbx_members_add_first(sbx_members *members, const sbx_launch *launch)
{
    HANDLE process = NULL;
    sbx_text arguments = {0};
    member *item;

    (void)DuplicateHandle(GetCurrentProcess(), launch->child.process, GetCurrentProcess(), &process,
                          0, FALSE, DUPLICATE_SAME_ACCESS);
    members->first_pid = launch->child.pid;
    item = keep(members, launch->child.pid, process);
    if (item == NULL) {
        if (process != NULL)
            CloseHandle(process);
        return;
    }
    add_list(&arguments, launch->plan->argv);
    add_row(members, item, sbx_text_string(&launch->program),
            arguments.failed ? NULL : arguments.data);
    sbx_text_done(&arguments);
}

static bool is_console_host(const char *image)
{
    static const char name[] = "/system32/conhost.exe";
    size_t bytes = strlen(image);

    return bytes > sizeof(name) && _stricmp(image + bytes - (sizeof(name) - 1), name) == 0;
}

static void look_at(sbx_members *members, member *item, bool is_last_look)
{
    sbx_text image = {0}, arguments = {0};

    if (item->process != NULL) {
        read_image(&image, item->process);
        read_arguments(&arguments, item->process);
    }
    item->is_helper = image.bytes > 0 && !image.failed && is_console_host(image.data);
    if (is_last_look || ++item->looks == LOOKS_MAX || item->process == NULL ||
        (image.bytes > 0 && arguments.bytes > 0))
        add_row(members, item, image.failed ? NULL : image.data,
                arguments.failed ? NULL : arguments.data);
    sbx_text_done(&image);
    sbx_text_done(&arguments);
}

/* While it is in the list its number is nobody else's: it is held open. */
static member *find(const sbx_members *members, uint32_t pid)
{
    for (size_t i = 0; i < members->count; i++)
        if (members->item[i].pid == pid)
            return &members->item[i];
    return NULL;
}

static HANDLE open_process(uint32_t pid)
{
    return OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid);
}

void sbx_members_add(sbx_members *members, uint32_t pid)
{
    HANDLE process;

    if (pid == members->first_pid || find(members, pid) != NULL)
        return;
    process = open_process(pid);
    if (keep(members, pid, process) == NULL && process != NULL)
        CloseHandle(process);
}

bool sbx_members_adopt(sbx_members *members, uint32_t pid)
{
    HANDLE process;
    BOOL is_ours = FALSE;

    if (find(members, pid) != NULL)
        return true;
    process = open_process(pid);
    if (process == NULL)
        return false;
    if (IsProcessInJob(process, members->job, &is_ours) && is_ours &&
        keep(members, pid, process) != NULL)
        return true;
    CloseHandle(process);
    return false;
}

bool sbx_members_had(sbx_members *members, uint32_t pid)
{
    for (size_t i = 0; i < members->kept_count; i++)
        if (members->kept[i].pid == pid)
            return true;
    return sbx_members_adopt(members, pid);
}

bool sbx_members_had_program(sbx_members *members, const char *exe, uint32_t *out_pid)
{
    int32_t pid = 0;
    bool is_found;

    (void)sbx_members_look(members); /* one that was just made may be the one */
    is_found = sbx_processes_has_program(members->list, exe, &pid);
    *out_pid = (uint32_t)pid;
    return is_found;
}

void sbx_members_note_traced(sbx_members *members, uint32_t pid)
{
    member *item = find(members, pid);

    if (item != NULL)
        item->is_traced = true;
}

uint64_t sbx_members_untraced(const sbx_members *members)
{
    return members->untraced;
}

const char *sbx_members_exe(sbx_members *members, uint32_t pid)
{
    member *item = find(members, pid);

    if (item != NULL && !item->has_row)
        look_at(members, item, false);
    return sbx_processes_exe(members->list, (int32_t)pid);
}

bool sbx_members_look(sbx_members *members)
{
    bool is_complete = true;

    for (size_t i = 0; i < members->count; i++) {
        if (!members->item[i].has_row)
            look_at(members, &members->item[i], false);
        is_complete &= members->item[i].has_row;
    }
    return is_complete;
}

static void end_one(sbx_members *members, size_t i)
{
    member *item = &members->item[i];
    DWORD code = 0;
    bool has_exit;

    if (!item->has_row)
        look_at(members, item, true);
    members->untraced += !item->is_traced && !item->is_helper;
    has_exit = item->process != NULL && WaitForSingleObject(item->process, 1000) == WAIT_OBJECT_0 &&
               GetExitCodeProcess(item->process, &code);

    sbx_processes_end(members->list, (int32_t)item->pid, sbx_clock_utc_us(), has_exit,
                      (int32_t)code);
    keep_ended(members, item);
    *item = members->item[--members->count];
}

void sbx_members_end(sbx_members *members, uint32_t pid)
{
    for (size_t i = 0; i < members->count; i++)
        if (members->item[i].pid == pid) {
            end_one(members, i);
            return;
        }
}

uint64_t sbx_members_alive(const sbx_members *members)
{
    uint64_t count = 0;

    for (size_t i = 0; i < members->count; i++)
        count += members->item[i].pid != members->first_pid && !members->item[i].is_helper &&
                 members->item[i].process != NULL &&
                 WaitForSingleObject(members->item[i].process, 0) == WAIT_TIMEOUT;
    return count;
}

void sbx_members_end_all(sbx_members *members)
{
    while (members->count > 0)
        end_one(members, members->count - 1);
}
