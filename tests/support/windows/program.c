/* See program.h. */
#include "tests/support/windows/program.h"

#include <sqlite3.h>

#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/cli/caller.h"
#include "harness/target/windows/os.h"
#include "harness/target/windows/quote.h"

enum { WAIT_MS = 60000 };

bool program_is_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

/* CTest hands over a path of the system that it runs on. */
const char *program_sbx(void)
{
    static char path[1024];
    const char *named = getenv("SBX_BIN");

    if (named == NULL)
        sbx_test_skip_file("SBX_BIN names no sbx.exe");
    (void)snprintf(path, sizeof(path), "%s%s", named[0] == '/' ? "Z:" : "", named);
    for (char *at = path; *at != '\0'; at++)
        if (*at == '/')
            *at = '\\';
    return path;
}

const char *program_self(void)
{
    static char path[1024];
    wchar_t wide[1024];
    DWORD units = GetModuleFileNameW(NULL, wide, 1024);
    sbx_text text = {0};

    sbx_text_add_wide(&text, wide, units);
    (void)snprintf(path, sizeof(path), "%s", sbx_text_string(&text));
    sbx_text_done(&text);
    return path;
}

static char places[32][512];
static size_t place_count;

static void remove_places(void)
{
    for (size_t i = 0; i < place_count; i++)
        (void)sbx_target_os_real.remove_tree(places[i]);
}

const char *program_place(const char *name)
{
    static unsigned number;
    wchar_t folder[MAX_PATH];
    DWORD units = GetTempPathW(MAX_PATH, folder);
    wchar_t longer[1024];
    sbx_text text = {0};
    char *place = places[place_count++];

    units = GetLongPathNameW(folder, longer, 1024);
    sbx_text_add_wide_path(&text, longer, units);
    (void)snprintf(place, sizeof(places[0]), "%ssbx-test-%lu-%u-%s", sbx_text_string(&text),
                   (unsigned long)GetCurrentProcessId(), ++number, name);
    sbx_text_done(&text);
    if (number == 1)
        (void)atexit(remove_places);
    assert_int_equal(sbx_target_os_real.make_directory(place, NULL, 0), 0);
    return place;
}

/* --- running --- */

typedef struct stream {
    HANDLE pipe;
    char *data;
    size_t bytes, room;
} stream;

static DWORD WINAPI collect(void *context)
{
    stream *self = context;
    DWORD got = 0;

    for (;;) {
        if (self->room - self->bytes < 65536) {
            self->room = self->room * 2 + 131072;
            self->data = realloc(self->data, self->room);
        }
        if (!ReadFile(self->pipe, self->data + self->bytes, 65535, &got, NULL) || got == 0)
            break;
        self->bytes += got;
    }
    self->data[self->bytes] = '\0';
    return 0;
}

typedef struct feed {
    HANDLE pipe;
    const char *data;
    size_t bytes;
} feed;

static DWORD WINAPI give(void *context)
{
    feed *self = context;

    while (self->bytes > 0) {
        DWORD done = 0;

        if (!WriteFile(self->pipe, self->data, self->bytes > 65536 ? 65536 : (DWORD)self->bytes,
                       &done, NULL))
            break;
        self->data += done;
        self->bytes -= done;
    }
    CloseHandle(self->pipe);
    return 0;
}

static PROCESS_INFORMATION create(const char *const *argv, const HANDLE stdio[3])
{
    STARTUPINFOW start = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made = {0};
    sbx_text line = {0};
    wchar_t *wide, *program = sbx_wide(argv[0]);

    start.hStdInput = stdio[0];
    start.hStdOutput = stdio[1];
    start.hStdError = stdio[2];
    if (sbx_quote_program(&line, argv, NULL) != SBX_OK)
        fail_msg("%s: no command line", argv[0]);
    wide = sbx_wide(line.data);
    if (!CreateProcessW(program, wide, NULL, NULL, TRUE, 0, NULL, NULL, &start, &made))
        fail_msg("%s: not started: %lu", line.data, GetLastError());
    CloseHandle(made.hThread);
    free(wide);
    free(program);
    sbx_text_done(&line);
    return made;
}

static void make_pipe(HANDLE *out_read, HANDLE *out_write, bool child_reads)
{
    assert_true(CreatePipe(out_read, out_write, NULL, 65536));
    assert_true(SetHandleInformation(child_reads ? *out_read : *out_write, HANDLE_FLAG_INHERIT,
                                     HANDLE_FLAG_INHERIT));
}

void program_do_for(program_run *out, const char *const *argv, const void *input, size_t bytes,
                    DWORD wait_ms)
{
    HANDLE child[3], ours[3], threads[3];
    stream streams[2] = {{0}};
    feed given;
    PROCESS_INFORMATION made;

    make_pipe(&child[0], &ours[0], true);
    make_pipe(&ours[1], &child[1], false);
    make_pipe(&ours[2], &child[2], false);
    made = create(argv, child);
    for (int i = 0; i < 3; i++)
        CloseHandle(child[i]);
    given = (feed){ours[0], input, bytes};
    streams[0].pipe = ours[1];
    streams[1].pipe = ours[2];
    threads[0] = CreateThread(NULL, 0, give, &given, 0, NULL);
    threads[1] = CreateThread(NULL, 0, collect, &streams[0], 0, NULL);
    threads[2] = CreateThread(NULL, 0, collect, &streams[1], 0, NULL);
    if (WaitForSingleObject(made.hProcess, wait_ms) != WAIT_OBJECT_0) {
        TerminateProcess(made.hProcess, 99);
        fail_msg("%s %s: does not end", argv[0], argv[1]);
    }
    WaitForMultipleObjects(3, threads, TRUE, WAIT_MS);
    assert_true(GetExitCodeProcess(made.hProcess, &out->code));
    CloseHandle(made.hProcess);
    for (int i = 0; i < 3; i++)
        CloseHandle(threads[i]);
    CloseHandle(ours[1]);
    CloseHandle(ours[2]);
    out->out = streams[0].data;
    out->out_bytes = streams[0].bytes;
    out->err = streams[1].data;
    out->err_bytes = streams[1].bytes;
}

void program_do(program_run *out, const char *const *argv, const void *input, size_t bytes)
{
    program_do_for(out, argv, input, bytes, WAIT_MS);
}

void program_done(program_run *run)
{
    free(run->out);
    free(run->err);
    *run = (program_run){0};
}

HANDLE program_start_with(const char *const *argv, const HANDLE stdio[3])
{
    return create(argv, stdio).hProcess;
}

HANDLE program_start(const char *const *argv)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    HANDLE nothing =
        CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    &inherited, OPEN_EXISTING, 0, NULL);
    HANDLE stdio[3] = {nothing, nothing, nothing};
    HANDLE made = program_start_with(argv, stdio);

    CloseHandle(nothing);
    return made;
}

long long program_ask(const char *database, const char *sql, char *text, size_t room)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    long long value = -1;

    assert_int_equal(sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(select) == SQLITE_ROW) {
        const char *found = (const char *)sqlite3_column_text(select, 0);

        if (text != NULL)
            (void)snprintf(text, room, "%s", found == NULL ? "" : found);
        value = sqlite3_column_int64(select, 0);
    }
    sqlite3_finalize(select);
    sqlite3_close(db);
    return value;
}

bool program_is_probe(int *out_code, int (*probe)(int argc, char **argv))
{
    char **argv = NULL;
    int argc = 0;

    if (sbx_caller_arguments(&argc, &argv, NULL) != SBX_OK || argc < 3 ||
        strcmp(argv[1], "--probe") != 0)
        return false;
    *out_code = probe(argc - 2, argv + 2);
    return true;
}

void program_set_access(const char *path, ACCESS_MODE mode, DWORD rights)
{
    SID_IDENTIFIER_AUTHORITY world = SECURITY_WORLD_SID_AUTHORITY;
    EXPLICIT_ACCESSW entry = {.grfAccessPermissions = rights,
                              .grfAccessMode = mode,
                              .Trustee = {.TrusteeForm = TRUSTEE_IS_SID}};
    PSID everyone = NULL;
    PACL list = NULL, wider = NULL;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    wchar_t *wide = sbx_wide_path(path);

    assert_true(AllocateAndInitializeSid(&world, 1, 0, 0, 0, 0, 0, 0, 0, 0, &everyone));
    entry.Trustee.ptstrName = everyone;
    assert_int_equal(GetNamedSecurityInfoW(wide, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL,
                                           NULL, &list, NULL, &descriptor),
                     ERROR_SUCCESS);
    assert_int_equal(SetEntriesInAclW(1, &entry, list, &wider), ERROR_SUCCESS);
    assert_int_equal(
        SetNamedSecurityInfoW(wide, SE_FILE_OBJECT,
                              DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL,
                              NULL, wider, NULL),
        ERROR_SUCCESS);
    LocalFree(wider);
    LocalFree(descriptor);
    FreeSid(everyone);
    free(wide);
}

void program_check_row(const char *database, const char *columns, const char *expected)
{
    char sql[512], found[512];

    (void)snprintf(sql, sizeof(sql), "SELECT %s FROM run ORDER BY id DESC LIMIT 1", columns);
    (void)program_ask(database, sql, found, sizeof(found));
    if (strcmp(found, expected) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", columns, found, expected);
}
