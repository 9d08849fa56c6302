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

enum { WAIT_MS = 60000, STEP_MS = 10, COLUMNS = 90, ROWS = 30, LINES = 120, ASKED = 78 };

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
    HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, 0, NULL);
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
    char text[256], other[700];
    wchar_t typed[128] = L"";
    sbx_text line = {0};
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
    if (!ReadConsoleW(in, typed, SBX_COUNT_OF(typed), &got, NULL))
        return 1;
    say(out, "<last>");
    sbx_text_add_wide(&line, typed, wcscspn(typed, L"\r\n"));
    (void)snprintf(other, sizeof(other), "%s.typed", path);
    put(other, sbx_text_string(&line));
    sbx_text_done(&line);
    return ASKED;
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
    (void)SetConsoleCtrlHandler(NULL, FALSE); /* whatever was inherited */
    (void)SetConsoleCtrlHandler(on_event, TRUE);
    (void)snprintf(ready, sizeof(ready), "%s.ready", path);
    put(ready, "ready");
    Sleep(30000);
    return 1;
}

/* The same as a character, for a command that wants it so. */
static int act_read(const char *path)
{
    HANDLE in = stream(STD_INPUT_HANDLE, L"CONIN$");
    char ready[700], text[16];
    INPUT_RECORD event = {0};
    DWORD got = 0;

    if (!SetConsoleMode(in, 0))
        return 1;
    (void)snprintf(ready, sizeof(ready), "%s.ready", path);
    put(ready, "ready");
    while (event.EventType != KEY_EVENT || event.Event.KeyEvent.uChar.UnicodeChar == 0)
        if (!ReadConsoleInputW(in, &event, 1, &got))
            return 2;
    (void)snprintf(text, sizeof(text), "%x", (unsigned)event.Event.KeyEvent.uChar.UnicodeChar);
    put(path, text);
    return ASKED;
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
    if (strcmp(argv[0], "read") == 0)
        return act_read(argv[1]);
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
    assert_non_null(self->seen + (self->bytes > 400 ? self->bytes - 400 : 0));
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

/* Of the actor; where the stage is over before it came, it never will. */
static void await_note(const user *self, const char *suffix, char *out, size_t room)
{
    char path[720], report[64];
    bool is_over = false;

    (void)snprintf(path, sizeof(path), "%s%s", self->note, suffix);
    for (int i = 0; i < WAIT_MS / STEP_MS && !is_over; i++) {
        is_over = get(self->report, report, sizeof(report));
        if (get(path, out, room))
            return;
        Sleep(STEP_MS);
    }
    fail_msg("%s never came; the stage says \"%s\"; seen: %s", path, report,
             self->seen + (self->bytes > 400 ? self->bytes - 400 : 0));
}

static void check_report(user *self, const char *expected)
{
    char text[64];

    for (int i = 0; i < WAIT_MS / STEP_MS && !get(self->report, text, sizeof(text)); i++)
        Sleep(STEP_MS);
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\", not \"%s\"; seen: %s", text, expected,
                 self->seen + (self->bytes > 400 ? self->bytes - 400 : 0));
}

static void leave(user *self)
{
    assert_int_equal(WaitForSingleObject(self->process, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(self->process);
    ClosePseudoConsole(self->console);
    /* Wine leaves an end of that pipe open here, so that nothing ends it */
    while (WaitForSingleObject(self->reader, 1000) != WAIT_OBJECT_0)
        (void)CancelSynchronousIo(self->reader);
    CloseHandle(self->reader);
    CloseHandle(self->to);
    CloseHandle(self->from);
    free(self->seen + (self->bytes > 400 ? self->bytes - 400 : 0));
}

/* --- tests --- */

static const char *const nothing[] = {NULL};

static void check_seen(const user *self, bool has_error)
{
    char text[32];

    for (int i = 1; i <= LINES; i++) {
        (void)snprintf(text, sizeof(text), "<line-%03d>", i);
        if (strstr(self->seen, text) == NULL)
            fail_msg("%s did not come: %s", text,
                     self->seen + (self->bytes > 400 ? self->bytes - 400 : 0));
    }
    assert_non_null(strstr(self->seen, "<last>"));
    assert_int_equal(strstr(self->seen, "<to-stderr>") != NULL, has_error);
}

static void check_terminal(const char *name, const char *streams, const char *const *more)
{
    bool has_error = streams[2] == '-';
    char text[64], expected[64];
    user self;

    begin_as(&self, name, streams, more, "look");
    await_note(&self, "", text, sizeof(text));
    (void)snprintf(expected, sizeof(expected), "11%d %dx%d", has_error, COLUMNS, ROWS);
    assert_string_equal(text, expected);
    type_in(&self, "typed \xc3\xa9\r");
    await_note(&self, ".typed", text, sizeof(text));
    assert_string_equal(text, "typed \xc3\xa9");
    check_report(&self,
                 "78 1 1"); /* it was a terminal meanwhile, and is the caller's console again */
    check_seen(&self, has_error);
    leave(&self);
    program_check_row(database, "status || ' ' || command_exit_code", "nonzero 78");
}

static void a_terminal(void **state)
{
    (void)state;
    check_terminal("a", "---", nothing);
}

/* As the caller itself, where the host has no sandbox users: the runner makes it all the same. */
static void by_the_runner(void **state)
{
    static const char *const more[] = {"--identity", "sandbox", NULL};

    (void)state;
    check_terminal("b", "---", more);
    program_check_row(database, "backend", "sandbox_user");
}

static void with_errors_elsewhere(void **state)
{
    char path[700], text[64];

    (void)state;
    check_terminal("e", "--2", nothing);
    (void)snprintf(path, sizeof(path), "%s/e.2", place);
    assert_true(get(path, text, sizeof(text)));
    assert_string_equal(text, "<to-stderr>\r\n");
}

/* ^C is the command's, and not sbx.exe's end. */
static void check_interrupt(const char *name, const char *verb, const char *expected)
{
    char text[64];
    user self;

    begin_as(&self, name, "---", nothing, verb);
    await_note(&self, ".ready", text, sizeof(text));
    type_in(&self, "\x03");
    await_note(&self, "", text, sizeof(text));
    assert_string_equal(text, expected);
    check_report(&self, "78 1 1");
    leave(&self);
    program_check_row(database, "status || ' ' || command_exit_code", "nonzero 78");
}

/* As a character and as an event. Wine's ^C in a pseudo console ends others than who has that console, or reaches nobody. */
static void interrupted(void **state)
{
    (void)state;
    if (program_is_wine())
        skip();
    check_interrupt("c", "read", "3");
    check_interrupt("d", "await", "^C");
}

/* Streams that are no terminal's stay what they were, byte for byte, and the console is left alone. */
static void redirected(void **state)
{
    static const char data[] = "a\r\nb\x1a\n\r\xff\x01 end";
    static const char *const which[] = {"<>-", "<>2"};
    char path[700], text[64];

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(which); i++) {
        char name[] = {'r', (char)('0' + i), '\0'};
        user self;

        (void)snprintf(path, sizeof(path), "%s/%s.0", place, name);
        put(path, data);
        begin_as(&self, name, which[i], nothing, "copy");
        check_report(&self, "0 0 1");
        await_note(&self, "", text, sizeof(text));
        assert_string_equal(text, "00");
        (void)snprintf(path, sizeof(path), "%s/%s.1", place, name);
        assert_true(get(path, text, sizeof(text)));
        assert_string_equal(text, data);
        leave(&self);
    }
}

/* A copy that is counted, and a stdin that is a file: no terminal. */
static void no_terminal(void **state)
{
    static const char *const counted[] = {"--output", "1M", NULL};
    char path[700], text[64];
    user self;

    (void)state;
    begin_as(&self, "o", "---", counted, "look");
    check_report(&self, "1 0 1");
    await_note(&self, "", text, sizeof(text));
    assert_int_equal(strncmp(text, "000 ", 4), 0);
    leave(&self);
    (void)snprintf(path, sizeof(path), "%s/i.0", place);
    put(path, "<from-a-file>");
    begin_as(&self, "i", "<--", nothing, "copy");
    check_report(&self, "0 0 1");
    await_note(&self, "", text, sizeof(text));
    assert_string_equal(text, "00");
    assert_non_null(strstr(self.seen, "<from-a-file>"));
    leave(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal),
        cmocka_unit_test(by_the_runner),
        cmocka_unit_test(with_errors_elsewhere),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(redirected),
        cmocka_unit_test(no_terminal),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    place = program_place("terminal");
    (void)snprintf(database, sizeof(database), "%s/audit.db", program_place("terminal-audit"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
