/*
 * The real sbx.exe running real programs: streams, arguments, names, exit codes, limits, rows. With --allow-degraded,
 * so that it also runs where no wall holds (Wine); what a wall holds is tests/windows/test_walls.c.
 */
#include "tests/support/test.h"

#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/policy/windows/ace_plan.h"
#include "harness/target/windows/os.h"
#include "tests/support/command_line.h"
#include "tests/support/windows/program.h"

enum { OPTIONS_MAX = 40 };

static char database[600];
static const char *place;

/* --- the probe --- */

static int say_arguments(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        for (const char *at = argv[i]; *at != '\0'; at++)
            printf("%02x", (unsigned char)*at);
        printf("\n");
    }
    return 0;
}

static int copy(void)
{
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE), out = GetStdHandle(STD_OUTPUT_HANDLE);
    static char data[65536];
    DWORD got = 0, done = 0;
    unsigned long long all = 0;

    while (ReadFile(in, data, sizeof(data), &got, NULL) && got > 0) {
        all += got;
        for (DWORD at = 0; at < got; at += done)
            if (!WriteFile(out, data + at, got - at, &done, NULL))
                return 1;
    }
    fprintf(stderr, "%llu", all);
    return 0;
}

static int flood(unsigned long bytes)
{
    static char data[4096];
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD done;

    memset(data, 'x', sizeof(data));
    for (; bytes > 0; bytes -= done)
        if (!WriteFile(out, data, bytes > sizeof(data) ? sizeof(data) : bytes, &done, NULL))
            return 1;
    return 0;
}

/* Leaves what is hard to take away: a read-only file, a deep directory. */
static int fill_temp(void)
{
    const char *temp = sbx_windows_variable("TEMP");
    wchar_t wide[600];
    HANDLE file;

    (void)swprintf(wide, 600, L"%hs\\deep", temp);
    if (!CreateDirectoryW(wide, NULL))
        return 1;
    (void)swprintf(wide, 600, L"%hs\\deep\\keep.txt", temp);
    file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_READONLY, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return 2;
    CloseHandle(file);
    printf("%s", temp);
    return 0;
}

static int start_children(int count)
{
    const char *argv[] = {program_self(), "--probe", "exit", "5", NULL};

    for (int i = 0; i < count; i++) {
        HANDLE child = program_start(argv);

        WaitForSingleObject(child, 20000);
        CloseHandle(child);
    }
    return 0;
}

static int leave_child(void)
{
    const char *argv[] = {program_self(), "--probe", "sleep", "60000", NULL};

    CloseHandle(program_start(argv));
    return 0;
}

static DWORD parent_pid(void)
{
    typedef LONG(WINAPI * query)(HANDLE, ULONG, void *, ULONG, ULONG *);
    struct {
        void *unused[4];
        ULONG_PTR pid, parent_pid;
    } basic = {{NULL}, 0, 0};
    FARPROC found = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryInformationProcess");
    query ask;

    memcpy(&ask, &found, sizeof(ask));
    (void)ask(GetCurrentProcess(), 0, &basic, sizeof(basic), NULL);
    return (DWORD)basic.parent_pid;
}

/* 0: sbx.exe's process has the list that it shall have. What it holds: tests/windows/test_walls.c. */
static int read_guard(void)
{
    HANDLE process = OpenProcess(READ_CONTROL, FALSE, parent_pid());
    char user[SBX_SID_TEXT_BYTES];
    sbx_ace wanted[SBX_TOKEN_ACES_MAX];
    sbx_os_list found = {.count = 0};
    size_t count;

    if (process == NULL || sbx_security_user(user, NULL) != SBX_OK ||
        sbx_target_os_real.read_list(&found, process) != 0)
        return 1;
    count = sbx_guard_aces(wanted, user);
    if (found.count != count)
        return 2;
    for (size_t i = 0; i < count; i++)
        if (found.ace[i].kind != wanted[i].kind || found.ace[i].mask != wanted[i].mask ||
            strcmp(found.ace[i].sid, wanted[i].sid) != 0)
            return 3;
    return 0;
}

static BOOL WINAPI on_break(DWORD event)
{
    ExitProcess(event == CTRL_BREAK_EVENT ? 78 : 79);
}

static int await_break(void)
{
    (void)SetConsoleCtrlHandler(on_break, TRUE);
    Sleep(30000);
    return 1;
}

static int probe(int argc, char **argv)
{
    const char *verb = argv[0], *value = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "arguments") == 0)
        return say_arguments(argc - 1, argv + 1);
    if (strcmp(verb, "copy") == 0)
        return copy();
    if (strcmp(verb, "exit") == 0)
        ExitProcess((UINT)strtoul(value, NULL, 0));
    if (strcmp(verb, "crash") == 0)
        RaiseException(EXCEPTION_ACCESS_VIOLATION, EXCEPTION_NONCONTINUABLE, 0, NULL);
    if (strcmp(verb, "sleep") == 0)
        Sleep((DWORD)strtoul(value, NULL, 10));
    if (strcmp(verb, "flood") == 0)
        return flood(strtoul(value, NULL, 10));
    if (strcmp(verb, "fill-temp") == 0)
        return fill_temp();
    if (strcmp(verb, "children") == 0)
        return start_children((int)strtoul(value, NULL, 10));
    if (strcmp(verb, "leave-child") == 0)
        return leave_child();
    if (strcmp(verb, "await-break") == 0)
        return await_break();
    if (strcmp(verb, "guard") == 0)
        return read_guard();
    if (strcmp(verb, "variable") == 0)
        printf("%s", sbx_windows_variable(value) == NULL ? "" : sbx_windows_variable(value));
    if (strcmp(verb, "handle") == 0)
        return SetEvent((HANDLE)(uintptr_t)strtoul(value, NULL, 10)) ? 1 : 0;
    return 0;
}

/* --- running it in sbx --- */

/* more: options, "--", and the command; all NULL-terminated. */
static void run_with_input(program_run *out, const char *const *options, const char *const *command,
                           const void *input, size_t bytes)
{
    const char *argv[OPTIONS_MAX] = {program_sbx(), "exec",       "--allow-degraded",
                                     "--quiet",     "--audit-db", database};
    size_t count = 6;

    for (; *options != NULL; options++)
        argv[count++] = *options;
    argv[count++] = "--";
    for (; *command != NULL; command++)
        argv[count++] = *command;
    argv[count] = NULL;
    program_do(out, argv, input, bytes);
}

static void run(program_run *out, const char *options, const char *verb, const char *value)
{
    static char words[512];
    const char *list[16] = {NULL}, *command[] = {program_self(), "--probe", verb, value, NULL};
    size_t count = 0;

    (void)snprintf(words, sizeof(words), "%s", options);
    for (char *at = words; *at != '\0' && count < 15;) {
        list[count++] = at;
        at += strcspn(at, " ");
        if (*at != '\0')
            *at++ = '\0';
    }
    run_with_input(out, list, command, NULL, 0);
}

static void check_run(const char *options, const char *verb, const char *value, DWORD code,
                      const char *output)
{
    program_run done = {0};

    run(&done, options, verb, value);
    if (done.code != code || (output != NULL && strcmp(done.out, output) != 0))
        fail_msg("%s %s %s: code %lx, \"%s\", \"%s\"", options, verb, value, done.code, done.out,
                 done.err);
    program_done(&done);
}

static int begin(void **state)
{
    (void)state;
    place = program_place("exec");
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    return 0;
}

static void streams(void **state)
{
    enum { BYTES = 1 << 20 };
    const char *command[] = {program_self(), "--probe", "copy", NULL}, *nothing[] = {NULL};
    const char *capped[] = {"--output", "8M", NULL};
    char *data = malloc(BYTES);
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < BYTES; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        data[i] = i % 97 == 0 ? '\r' : i % 89 == 0 ? '\n' : i % 83 == 0 ? 26 : (char)(seed >> 56);
    }
    for (int i = 0; i < 2; i++) {
        program_run done = {0};

        run_with_input(&done, i == 0 ? nothing : capped, command, data, BYTES);
        assert_int_equal(done.code, 0);
        assert_int_equal(done.out_bytes, BYTES);
        assert_memory_equal(done.out, data, BYTES);
        assert_string_equal(done.err, "1048576");
        program_done(&done);
    }
    program_check_row(database, "output_bytes", "1048583");
    free(data);
}

static void arguments(void **state)
{
    uint64_t seed = 99;

    (void)state;
    for (int round = 0; round < 4; round++) {
        static char words[COMMAND_LINE_WORDS][COMMAND_LINE_BYTES];
        const char *list[COMMAND_LINE_WORDS + 1], *nothing[] = {NULL};
        const char *command[COMMAND_LINE_WORDS + 4] = {program_self(), "--probe", "arguments"};
        program_run done = {0};
        sbx_text wanted = {0};
        size_t i;

        command_line_make(list, words, &seed);
        for (i = 0; list[i] != NULL; i++) {
            command[3 + i] = list[i];
            for (const char *at = list[i]; *at != '\0'; at++)
                sbx_text_add_format(&wanted, "%02x", (unsigned char)*at);
            sbx_text_add(&wanted, "\r\n");
        }
        command[3 + i] = NULL;
        run_with_input(&done, nothing, command, NULL, 0);
        assert_int_equal(done.code, 0);
        assert_string_equal(done.out, sbx_text_string(&wanted));
        program_done(&done);
        sbx_text_done(&wanted);
    }
}

static void exit_codes(void **state)
{
    static const char *const codes[] = {"0", "255", "256", "0x7fffffff", "0xffffffff"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(codes); i++)
        check_run("", "exit", codes[i], (DWORD)strtoul(codes[i], NULL, 0), "");
    program_check_row(database, "status || ' ' || command_exit_code", "nonzero -1");
    check_run("", "crash", "", 0xC0000005, "");
    program_check_row(database, "status || ' ' || command_exit_code", "nonzero -1073741819");
}

static void unicode(void **state)
{
    static const char name[] = "pr\xc3\xb6g \xf0\x9f\x92\xa5.exe";
    char directory[600], program[700];
    const char *nothing[] = {"--cwd", directory, NULL};
    const char *command[] = {"./pr\xc3\xb6g \xf0\x9f\x92\xa5", "--probe", "arguments",
                             "\xe6\x97\xa5\xe6\x9c\xac", NULL};
    wchar_t *from = sbx_wide_path(program_self()), *to;
    program_run done = {0};

    (void)state;
    (void)snprintf(directory, sizeof(directory), "%s/d\xc3\xa9j\xc3\xa0 \xe2\x82\xac", place);
    (void)snprintf(program, sizeof(program), "%s/%s", directory, name);
    assert_int_equal(sbx_target_os_real.make_directory(directory, NULL, 0), 0);
    to = sbx_wide_path(program);
    assert_true(CopyFileW(from, to, TRUE));
    run_with_input(&done, nothing, command, NULL, 0);
    assert_int_equal(done.code, 0);
    assert_string_equal(done.out, "e697a5e69cac\r\n");
    program_check_row(database, "cwd", directory);
    program_done(&done);
    free(from);
    free(to);
}

static void programs_that_do_not_start(void **state)
{
    char file[700];
    const char *missing[] = {"no-such-program", NULL}, *broken[] = {file, NULL},
               *nothing[] = {NULL};
    program_run done = {0};

    (void)state;
    run_with_input(&done, nothing, missing, NULL, 0);
    assert_int_equal(done.code, 127);
    assert_non_null(strstr(done.err, "not found"));
    program_done(&done);
    program_check_row(database, "status || ' ' || reason", "error not_found");
    (void)snprintf(file, sizeof(file), "%s/text.exe", place);
    assert_int_equal(sbx_target_os_real.write_file(file, "this is no program"), 0);
    run_with_input(&done, nothing, broken, NULL, 0);
    assert_int_equal(done.code, 126);
    program_done(&done);
    program_check_row(database, "status || ' ' || reason", "error not_executable");
}

static void batch_files(void **state)
{
    char file[700], marker[700];
    const char *taken[] = {file, "a&b", "x y", "^|", NULL}, *nothing[] = {NULL};
    const char *refused[] = {file, "\"&echo>marker&\"", NULL};
    program_run done = {0};

    (void)state;
    (void)snprintf(file, sizeof(file), "%s/b a t.cmd", place);
    (void)snprintf(marker, sizeof(marker), "%s/marker", place);
    assert_int_equal(
        sbx_target_os_real.write_file(file, "@echo [%1] [%2] [%~3]\r\n@exit /b 41\r\n"), 0);
    run_with_input(&done, nothing, taken, NULL, 0);
    assert_int_equal(done.code, 41);
    assert_non_null(strstr(done.out, "[\"a&b\"] [\"x y\"]"));
    program_done(&done);
    run_with_input(&done, nothing, refused, NULL, 0);
    assert_int_equal(done.code, 125);
    assert_non_null(strstr(done.err, "batch file"));
    assert_false(sbx_target_os_real.is_file(marker));
    program_done(&done);
}

static void limits(void **state)
{
    program_run done = {0};

    (void)state;
    check_run("--wall 500ms", "sleep", "30000", 124, "");
    program_check_row(database, "status || ' ' || reason || ' ' || (wall_ns < 15000000000)",
                      "limit wall 1");
    check_run("--idle 400ms", "sleep", "30000", 124, "");
    program_check_row(database, "status || ' ' || reason", "limit idle");
    run(&done, "--output 1000", "flood", "100000");
    assert_int_equal(done.code, 137);
    assert_int_equal(done.out_bytes, 1000);
    program_done(&done);
    program_check_row(database,
                      "status || ' ' || reason || ' ' || output_bytes || ' ' || output_truncated",
                      "limit output 1000 1");
    check_run("--wall 20s --output 1000", "flood", "1000", 0, NULL);
    program_check_row(database, "status", "ok");
}

/* Asked first, and its own answer is in the row. Wine's ^Break goes nowhere: then nothing is waited for. */
static void grace(void **state)
{
    (void)state;
    check_run("--wall 2s --grace 20s", "await-break", "", 124, "");
    program_check_row(database, "status || ' ' || reason || ' ' || command_exit_code",
                      program_is_wine() ? "limit wall 137" : "limit wall 78");
    program_check_row(database, "wall_ns < 15000000000", "1");
    check_run("--wall 1s --grace 500ms", "sleep", "30000", 124, "");
}

static void temp_directory(void **state)
{
    program_run one = {0}, other = {0};

    (void)state;
    run(&one, "", "fill-temp", "");
    run(&other, "", "fill-temp", "");
    assert_int_equal(one.code, 0);
    assert_int_equal(other.code, 0);
    assert_non_null(strstr(one.out, "\\sbx\\temp\\"));
    assert_string_not_equal(one.out, other.out); /* each run has its own */
    for (char *at = one.out; *at != '\0'; at++)
        *at = *at == '\\' ? '/' : *at;
    {
        wchar_t *wide = sbx_wide_path(one.out);

        assert_int_equal(GetFileAttributesW(wide), INVALID_FILE_ATTRIBUTES);
        free(wide);
    }
    program_done(&one);
    program_done(&other);
}

static void environment(void **state)
{
    program_run done = {0};

    (void)state;
    run(&done, "--net advisory", "variable", "path");
    assert_non_null(strstr(done.out, "\\stubs;"));
    program_done(&done);
    program_check_row(database, "network", "advisory");
    check_run("--net advisory", "variable", "HTTPS_PROXY", 0, "http://127.0.0.1:9");
    check_run("--env NAME=v\xc3\xa4lue", "variable", "NAME", 0, "v\xc3\xa4lue");
    run(&done, "", "variable", "SBX_RUN_ID");
    assert_int_equal(done.out_bytes, 26);
    program_check_row(database, "run_id", done.out);
    program_done(&done);
}

static void process_rows(void **state)
{
    char found[600];
    static const char exits[] =
        "SELECT group_concat(exit_code, ' ') FROM (SELECT exit_code FROM process WHERE run = "
        "(SELECT max(id) FROM run) AND exe LIKE '%/test_exec.exe' ORDER BY idx)";
    static const char first[] =
        "SELECT argv FROM process WHERE run = (SELECT max(id) FROM run) AND "
        "idx = 0 AND start_us > 0 AND end_us >= start_us";

    (void)state;
    check_run("", "children", "2", 0, "");
    (void)program_ask(database, exits, found, sizeof(found));
    assert_string_equal(found, "0 5 5");
    (void)program_ask(database, first, found, sizeof(found));
    assert_non_null(strstr(found, "\"--probe\",\"children\",\"2\""));
    assert_int_equal(program_ask(database,
                                 "SELECT count(*) FROM process AS child JOIN process AS parent ON "
                                 "parent.run = child.run AND parent.pid = child.parent_pid WHERE "
                                 "child.run = (SELECT max(id) FROM run) AND child.exit_code = 5",
                                 NULL, 0),
                     2);
    check_run("", "leave-child", "", 0, "");
    program_check_row(database, "status || ' ' || leaked_procs", "ok 1");
}

static void other_handles_stay(void **state)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    HANDLE event = CreateEventW(&inherited, TRUE, FALSE, NULL);
    char number[32];

    (void)state;
    assert_non_null(event);
    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)(uintptr_t)event);
    check_run("", "handle", number, 0, "");
    assert_int_equal(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    CloseHandle(event);
}

static void sbx_guards_itself(void **state)
{
    (void)state;
    check_run("", "guard", "", 0, "");
}

static void many_at_once(void **state)
{
    enum { MANY = 8 };
    HANDLE started[MANY];
    char sql[200];
    const char *argv[] = {
        program_sbx(), "exec", "--allow-degraded", "--quiet", "--audit-db", database, "--label",
        "many=1",      "--",   program_self(),     "--probe", "exit",       "77",     NULL};

    (void)state;
    for (int i = 0; i < MANY; i++)
        started[i] = program_start(argv);
    for (int i = 0; i < MANY; i++) {
        DWORD code = 0;

        assert_int_equal(WaitForSingleObject(started[i], 60000), WAIT_OBJECT_0);
        assert_true(GetExitCodeProcess(started[i], &code));
        assert_int_equal(code, 77);
        CloseHandle(started[i]);
    }
    (void)snprintf(
        sql, sizeof(sql),
        "SELECT count(*) FROM run WHERE labels LIKE '%%many%%' AND command_exit_code = 77");
    assert_int_equal(program_ask(database, sql, NULL, 0), MANY);
    assert_int_equal(
        program_ask(database, "SELECT count(*) FROM run WHERE status = 'running'", NULL, 0), 0);
    (void)program_ask(database, "PRAGMA integrity_check", sql, sizeof(sql));
    assert_string_equal(sql, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),
        cmocka_unit_test(arguments),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(unicode),
        cmocka_unit_test(programs_that_do_not_start),
        cmocka_unit_test(batch_files),
        cmocka_unit_test(limits),
        cmocka_unit_test(grace),
        cmocka_unit_test(temp_directory),
        cmocka_unit_test(environment),
        cmocka_unit_test(process_rows),
        cmocka_unit_test(other_handles_stay),
        cmocka_unit_test(sbx_guards_itself),
        cmocka_unit_test(many_at_once),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
