/*
 * A terminal for the command, for real: this program makes a pseudo console and starts itself in it, which is then a
 * caller with a console (the stage), and runs the real sbx.exe there, with this program once more as the command (the
 * actor). What the user of that console types and sees are bytes here.
 *
 * Under Wine a process gets no standard handles of a pseudo console; the actor then opens the console by name.
 */
#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/runner/windows/keys.h"
#include "harness/target/windows/os.h"
#include "harness/target/windows/quote.h"
#include "tests/support/windows/program.h"

enum { WAIT_MS = 60000, STEP_MS = 10, COLUMNS = 90, ROWS = 30, LINES = 300, ASKED = 78 };

static char database[600];
static const char *place;

/* --- files by which all three tell each other --- */

static void put(const char *path, const char *text)
{
    char other[700];
    wchar_t *wide, *last = sbx_wide_path(path);
    HANDLE file;
    DWORD done = 0;

    (void)snprintf(other, sizeof(other), "%s.new", path); /* it is there with all that is in it */
    wide = sbx_wide_path(other);
    file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    (void)WriteFile(file, text, (DWORD)strlen(text), &done, NULL);
    CloseHandle(file);
    (void)MoveFileExW(wide, last, MOVEFILE_REPLACE_EXISTING);
    free(wide);
    free(last);
}

static bool get(const char *path, char *out, size_t room)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    DWORD done = 0;

    free(wide);
    out[0] = '\0';
    if (file == INVALID_HANDLE_VALUE)
        return false;
    (void)ReadFile(file, out, (DWORD)room - 1, &done, NULL);
    out[done] = '\0';
    CloseHandle(file);
    return true;
}

static void await(const char *path, char *out, size_t room)
{
    for (int i = 0; i < WAIT_MS / STEP_MS; i++) {
        if (get(path, out, room))
            return;
        Sleep(STEP_MS);
    }
    fail_msg("%s: never came", path);
}

/* --- the actor --- */

/* The stream that it has, and where it has none of the terminal's (Wine), the console by its name. */
static HANDLE stream(DWORD which, const wchar_t *name)
{
    HANDLE found = GetStdHandle(which);

    if (found != NULL && found != INVALID_HANDLE_VALUE)
        return found;
    return program_is_wine()
               ? CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                             NULL, OPEN_EXISTING, 0, NULL)
               : NULL;
}

static bool is_console(HANDLE handle)
{
    DWORD mode;

    return handle != NULL && GetConsoleMode(handle, &mode);
}

static void say(HANDLE out, const char *text)
{
    DWORD done;

    (void)WriteFile(out, text, (DWORD)strlen(text), &done, NULL);
}

/* Which of its streams are consoles, and how large; then many lines, and a line that is typed. */
static int act_look(const char *path)
{
    HANDLE in = stream(STD_INPUT_HANDLE, L"CONIN$"), out = stream(STD_OUTPUT_HANDLE, L"CONOUT$");
    HANDLE err = stream(STD_ERROR_HANDLE, L"CONOUT$");
    CONSOLE_SCREEN_BUFFER_INFO info = {0};
    char text[256];
    DWORD got = 0;

    (void)GetConsoleScreenBufferInfo(out, &info);
    for (int i = 1; i <= LINES; i++) {
        (void)snprintf(text, sizeof(text), "<line-%03d>\r\n", i);
        say(out, text);
    }
    say(err, "<to-stderr>\r\n");
    (void)snprintf(text, sizeof(text), "%d%d%d %dx%d", is_console(in), is_console(out),
                   is_console(err), info.srWindow.Right - info.srWindow.Left + 1,
                   info.srWindow.Bottom - info.srWindow.Top + 1);
    put(path, text);
    if (!ReadFile(in, text, sizeof(text) - 1, &got, NULL))
        return 1;
    text[got] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    say(out, "<last>");
    (void)snprintf(text + strlen(text), 8, "|");
    {
        char other[700];

        (void)snprintf(other, sizeof(other), "%s.typed", path);
        put(other, text);
    }
    return strcmp(text, "typed \xc3\xa9|") == 0 ? ASKED : 2;
}

static const char *answer_path;

static BOOL WINAPI on_event(DWORD event)
{
    put(answer_path, event == CTRL_C_EVENT ? "^C" : event == CTRL_BREAK_EVENT ? "^Break" : "other");
    ExitProcess(ASKED);
}

static int act_await(const char *path)
{
    char ready[700];

    answer_path = path;
    (void)SetConsoleCtrlHandler(on_event, TRUE);
    (void)snprintf(ready, sizeof(ready), "%s.ready", path);
    put(ready, "ready");
    Sleep(30000);
    return 1;
}

/* Passes its stdin on, whole: the command of a pipe. */
static int act_copy(const char *path)
{
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE), out = GetStdHandle(STD_OUTPUT_HANDLE);
    static char data[4096];
    DWORD got = 0, done = 0;

    put(path, is_console(in) ? is_console(out) ? "11" : "10" : is_console(out) ? "01" : "00");
    while (ReadFile(in, data, sizeof(data), &got, NULL) && got > 0)
        if (!WriteFile(out, data, got, &done, NULL))
            return 1;
    return 0;
}

/* --- the stage --- */

typedef struct stage {
    HANDLE console[2];
    DWORD mode[2];
} stage;

static HANDLE open_console(const wchar_t *name)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};

    return CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                       &inherited, OPEN_EXISTING, 0, NULL);
}

static HANDLE open_file(const char *path, bool writes)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, writes ? GENERIC_WRITE : GENERIC_READ, FILE_SHARE_READ,
                              &inherited, writes ? CREATE_ALWAYS : OPEN_EXISTING, 0, NULL);

    free(wide);
    return file;
}

static bool is_raw(const stage *self)
{
    DWORD mode = 0;

    return GetConsoleMode(self->console[0], &mode) && (mode & SBX_CONSOLE_TERMINAL_INPUT) != 0;
}

static bool is_as_it_was(const stage *self)
{
    DWORD mode[2] = {0};

    return GetConsoleMode(self->console[0], &mode[0]) &&
           GetConsoleMode(self->console[1], &mode[1]) && mode[0] == self->mode[0] &&
           mode[1] == self->mode[1];
}

static BOOL WINAPI not_for_us(DWORD event)
{
    (void)event;
    return TRUE;
}

/*
 * report, streams ("---": all the console's; "<": a file as stdin, ">" as stdout, "2" as stderr), then sbx's arguments. Says: exit
 * code, was the console raw meanwhile, is it as it was.
 */
static int stand(int argc, char **argv)
{
    stage self = {{open_console(L"CONIN$"), open_console(L"CONOUT$")}, {0}};
    HANDLE stdio[] = {self.console[0], self.console[1], self.console[1]}, sbx;
    const char *line[64] = {program_sbx()};
    char path[700], text[64];
    bool was_raw = false;
    DWORD code = 99;

    for (int i = 2; i < argc && i < 60; i++)
        line[i - 1] = argv[i];
    for (int fd = 0; fd < 3; fd++) {
        (void)snprintf(path, sizeof(path), "%s.%d", argv[0], fd);
        if (argv[1][fd] != '-')
            stdio[fd] = open_file(path, fd != 0);
    }
    (void)GetConsoleMode(self.console[0], &self.mode[0]);
    (void)GetConsoleMode(self.console[1], &self.mode[1]);
    (void)SetConsoleCtrlHandler(not_for_us, TRUE);
    sbx = program_start_with(line, stdio);
    while (WaitForSingleObject(sbx, STEP_MS) == WAIT_TIMEOUT)
        was_raw |= is_raw(&self);
    (void)GetExitCodeProcess(sbx, &code);
    (void)snprintf(text, sizeof(text), "%lu %d %d", (unsigned long)code, was_raw,
                   is_as_it_was(&self));
    put(argv[0], text);
    return 0;
}

static int probe(int argc, char **argv)
{
    if (strcmp(argv[0], "stand") == 0)
        return stand(argc - 1, argv + 1);
    if (strcmp(argv[0], "look") == 0)
        return act_look(argv[1]);
    if (strcmp(argv[0], "await") == 0)
        return act_await(argv[1]);
    if (strcmp(argv[0], "copy") == 0)
        return act_copy(argv[1]);
    return 99;
}

/* --- the user of the caller's console --- */

typedef struct user {
    HPCON console;
    HANDLE to, from, process, reader;
    char *seen;
    size_t bytes;
    char report[700], note[700];
} user;

static DWORD WINAPI see(void *context)
{
    user *self = context;
    DWORD got = 0;

    while (self->bytes < (1 << 20) &&
           ReadFile(self->from, self->seen + self->bytes, 65536, &got, NULL)) {
        self->bytes += got;
        self->seen[self->bytes] = '\0';
    }
    return 0;
}

static void make_console(user *self)
{
    HANDLE from = NULL, to = NULL;

    assert_true(CreatePipe(&from, &self->to, NULL, 0));
    assert_true(CreatePipe(&self->from, &to, NULL, 0));
    assert_int_equal(CreatePseudoConsole((COORD){COLUMNS, ROWS}, from, to, 0, &self->console), 0);
    CloseHandle(from);
    CloseHandle(to);
    self->seen = calloc(1, (1 << 20) + 65536 + 1);
    assert_non_null(self->seen);
    self->reader = CreateThread(NULL, 0, see, self, 0, NULL);
}

/* In that console, with its streams. */
static HANDLE start_in(HPCON console, const char *const *argv)
{
    STARTUPINFOEXW start = {.StartupInfo = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES}};
    PROCESS_INFORMATION made = {0};
    SIZE_T bytes = 0;
    sbx_text line = {0};
    wchar_t *wide, *program = sbx_wide(argv[0]);

    (void)InitializeProcThreadAttributeList(NULL, 1, 0, &bytes);
    start.lpAttributeList = malloc(bytes);
    assert_true(InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &bytes));
    assert_true(UpdateProcThreadAttribute(start.lpAttributeList, 0,
                                          PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, console,
                                          sizeof(console), NULL, NULL));
    assert_int_equal(sbx_quote_program(&line, argv, NULL), SBX_OK);
    wide = sbx_wide(line.data);
    if (!CreateProcessW(program, wide, NULL, NULL, FALSE, EXTENDED_STARTUPINFO_PRESENT, NULL, NULL,
                        &start.StartupInfo, &made))
        fail_msg("%s: not started: %lu", line.data, GetLastError());
    CloseHandle(made.hThread);
    DeleteProcThreadAttributeList(start.lpAttributeList);
    free(start.lpAttributeList);
    free(wide);
    free(program);
    sbx_text_done(&line);
    return made.hProcess;
}

/* more: options of sbx; NULL-terminated. */
static void begin_as(user *self, const char *name, const char *streams, const char *const *more,
                     const char *verb)
{
    const char *argv[64] = {
        program_self(),     "--probe", "stand",      self->report, streams,   "exec",
        "--allow-degraded", "--quiet", "--audit-db", database,     "--write", place};
    size_t count = 12;

    *self = (user){.bytes = 0};
    (void)snprintf(self->report, sizeof(self->report), "%s/%s", place, name);
    (void)snprintf(self->note, sizeof(self->note), "%s/%s.note", place, name);
    for (; *more != NULL; more++)
        argv[count++] = *more;
    argv[count++] = "--";
    argv[count++] = program_self();
    argv[count++] = "--probe";
    argv[count++] = verb;
    argv[count++] = self->note;
    make_console(self);
    self->process = start_in(self->console, argv);
}

static void type_in(user *self, const char *text)
{
    DWORD done = 0;

    assert_true(WriteFile(self->to, text, (DWORD)strlen(text), &done, NULL));
}

static void await_note(user *self, const char *suffix, char *out, size_t room)
{
    char path[720];

    (void)snprintf(path, sizeof(path), "%s%s", self->note, suffix);
    await(path, out, room);
}

static void check_report(user *self, const char *expected)
{
    char text[64];

    await(self->report, text, sizeof(text));
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\", not \"%s\"; seen: %s", text, expected, self->seen);
}

static void leave(user *self)
{
    assert_int_equal(WaitForSingleObject(self->process, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(self->process);
    ClosePseudoConsole(self->console);
    assert_int_equal(WaitForSingleObject(self->reader, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(self->reader);
    CloseHandle(self->to);
    CloseHandle(self->from);
    free(self->seen);
}

/* --- tests --- */

static const char *const nothing[] = {NULL};

static void check_seen(const user *self, bool has_error)
{
    char text[32];

    for (int i = 1; i <= LINES; i++) {
        (void)snprintf(text, sizeof(text), "<line-%03d>", i);
        if (strstr(self->seen, text) == NULL)
            fail_msg("%s did not come: %s", text, self->seen);
    }
    assert_non_null(strstr(self->seen, "<last>"));
    assert_int_equal(strstr(self->seen, "<to-stderr>") != NULL, has_error);
}

static void check_terminal(const char *name, const char *const *more)
{
    user self;
    char text[64], size[64];

    begin_as(&self, name, "---", more, "look");
    await_note(&self, "", text, sizeof(text));
    (void)snprintf(size, sizeof(size), "111 %dx%d", COLUMNS, ROWS);
    assert_string_equal(text, size);
    type_in(&self, "typed \xc3\xa9\r");
    await_note(&self, ".typed", text, sizeof(text));
    assert_string_equal(text, "typed \xc3\xa9|");
    check_report(&self, "78 1 1");
    check_seen(&self, true);
    leave(&self);
    program_check_row(database, "status || ' ' || command_exit_code", "nonzero 78");
}

static void a_terminal(void **state)
{
    (void)state;
    check_terminal("a", nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    place = program_place("terminal");
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
