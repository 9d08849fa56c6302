/*
 * sbx-runner.exe for real: sbx.exe starts it, and it runs real programs. Where the host has no sandbox users it does so
 * as the caller itself (--allow-degraded), which is all that Wine can show: that another user's process does the same,
 * and what that user may not do, is not in here.
 */
#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/runner/windows/pipe.h"
#include "harness/runner/windows/remote_os.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"

enum { OPTIONS_MAX = 40, WAIT_MS = 20000, BYTES = 1 << 20, FLOOD = 4 << 20, PIECE = 4096 };

static char database[600];
static const char *place;

/* --- the probe --- */

static int copy(void)
{
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE), out = GetStdHandle(STD_OUTPUT_HANDLE);
    HANDLE err = GetStdHandle(STD_ERROR_HANDLE);
    static char data[65536];
    DWORD got = 0, done = 0;

    while (ReadFile(in, data, sizeof(data), &got, NULL) && got > 0)
        for (DWORD at = 0; at < got; at += done)
            if (!WriteFile(out, data + at, got - at, &done, NULL) ||
                !WriteFile(err, data + at, done, &done, NULL))
                return 1;
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

/* Of who made this process. */
static int say_parent(void)
{
    wchar_t name[1024];
    DWORD units = 1024;
    HANDLE parent = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, parent_pid());

    if (parent == NULL || !QueryFullProcessImageNameW(parent, 0, name, &units))
        return 1;
    printf("%ls", wcsrchr(name, L'\\') + 1);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_ALWAYS, 0, NULL);
    DWORD done;

    free(wide);
    (void)WriteFile(file, text, (DWORD)strlen(text), &done, NULL);
    CloseHandle(file);
}

/* Its number and its maker's, into that file; then it stays. */
static int stay(const char *path)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%lu %lu.", GetCurrentProcessId(), parent_pid());
    write_text(path, text);
    Sleep(120000);
    return 0;
}

/* Writes to stdout, and into that file how much of it went. Fails: how much it was by then, in MiB and 10. */
static int flood(const char *path)
{
    static char data[PIECE];
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);

    for (unsigned i = 0; i < FLOOD / PIECE; i++) {
        char text[32];
        DWORD done;

        memset(data, (int)('a' + i % 26), sizeof(data));
        if (!WriteFile(out, data, sizeof(data), &done, NULL))
            return 10 + (int)(i / (BYTES / PIECE));
        (void)snprintf(text, sizeof(text), "%010u.", (i + 1) * PIECE);
        write_text(path, text);
    }
    return 0;
}

static int write_nothing(void)
{
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD done;

    (void)WriteFile(out, "a", 1, &done, NULL);
    (void)WriteFile(out, "", 0, &done, NULL);
    Sleep(100);
    (void)WriteFile(out, "b", 1, &done, NULL);
    return 0;
}

static int probe(int argc, char **argv)
{
    const char *verb = argv[0], *value = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "copy") == 0)
        return copy();
    if (strcmp(verb, "parent") == 0)
        return say_parent();
    if (strcmp(verb, "exit") == 0)
        ExitProcess((UINT)strtoul(value, NULL, 0));
    if (strcmp(verb, "stay") == 0)
        return stay(value);
    if (strcmp(verb, "flood") == 0)
        return flood(value);
    if (strcmp(verb, "nothing") == 0)
        return write_nothing();
    if (strcmp(verb, "variable") == 0)
        printf("%s", sbx_windows_variable(value) == NULL ? "" : sbx_windows_variable(value));
    return 0;
}

/* --- running it in sbx --- */

static void make_command(const char *argv[OPTIONS_MAX], const char *option, const char *verb,
                         const char *value)
{
    const char *all[] = {program_sbx(), "exec",    "--allow-degraded", "--identity",
                         "sandbox",     "--quiet", "--audit-db",       database,
                         option,        "--",      program_self(),     "--probe",
                         verb,          value};
    size_t count = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(all); i++)
        if (all[i] != NULL)
            argv[count++] = all[i];
    argv[count] = NULL;
}

static void run(program_run *out, const char *option, const char *verb, const char *value,
                const void *input, size_t bytes)
{
    const char *argv[OPTIONS_MAX];

    make_command(argv, option, verb, value);
    program_do(out, argv, input, bytes);
}

static void check_run(const char *option, const char *verb, const char *value, DWORD code,
                      const char *output)
{
    program_run done = {0};

    run(&done, option, verb, value, NULL, 0);
    if (done.code != code || (output != NULL && strcmp(done.out, output) != 0))
        fail_msg("%s %s: code %lx, \"%s\", \"%s\"", verb, value, done.code, done.out, done.err);
    program_done(&done);
}

static int begin(void **state)
{
    (void)state;
    place = program_place("runner");
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    return 0;
}

static void who_makes_it(void **state)
{
    (void)state;
    check_run(NULL, "parent", NULL, 0, "sbx-runner.exe");
    program_check_row(database, "status || ' ' || backend", "ok sandbox_user");
    check_run(NULL, "variable", "SBX_RUN_ID", 0, NULL);
    check_run("--env=SBX_TEST=caf\xc3\xa9", "variable", "SBX_TEST", 0, "caf\xc3\xa9");
}

static void streams(void **state)
{
    static const char *const options[] = {NULL, "--output=8M"};
    char *data = malloc(BYTES);
    uint64_t seed = 7;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < BYTES; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        data[i] = i % 97 == 0 ? '\r' : i % 89 == 0 ? '\n' : i % 83 == 0 ? 26 : (char)(seed >> 56);
    }
    for (size_t i = 0; i < SBX_COUNT_OF(options); i++) {
        program_run done = {0};

        run(&done, options[i], "copy", NULL, data, BYTES);
        assert_int_equal(done.code, 0);
        assert_int_equal(done.out_bytes, BYTES);
        assert_memory_equal(done.out, data, BYTES);
        assert_int_equal(done.err_bytes, BYTES);
        assert_memory_equal(done.err, data, BYTES);
        program_done(&done);
    }
    program_check_row(database, "output_bytes", "2097152");
    free(data);
    check_run(NULL, "nothing", NULL, 0, "ab"); /* a write of nothing is no end */
}

static void exit_codes(void **state)
{
    static const char *const codes[] = {"0", "1", "255", "256", "0x7fffffff", "0xffffffff"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(codes); i++)
        check_run(NULL, "exit", codes[i], (DWORD)strtoul(codes[i], NULL, 0), "");
    program_check_row(database, "status || ' ' || command_exit_code", "nonzero -1");
}

static void limits(void **state)
{
    char path[600];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/flood-cut", place);
    check_run("--output=1M", "flood", path, 137, NULL);
    program_check_row(database, "status || ' ' || reason", "limit output");
    (void)snprintf(path, sizeof(path), "%s/stay-wall", place);
    check_run("--wall=1s", "stay", path, 124, "");
    program_check_row(database, "status || ' ' || reason", "limit wall");
}

static void programs_that_do_not_start(void **state)
{
    char path[600];
    const char *argv[] = {program_sbx(),    "exec",       "--allow-degraded", "--identity",
                          "sandbox",        "--audit-db", database,           "--",
                          "C:/no/such.exe", NULL};
    program_run done = {0};

    (void)state;
    program_do(&done, argv, NULL, 0);
    assert_int_equal(done.code, 127);
    program_done(&done);
    (void)snprintf(path, sizeof(path), "%s/text.exe", place);
    write_text(path, "this is no program");
    argv[8] = path;
    program_do(&done, argv, NULL, 0); /* which the runner finds out */
    if (done.code != 126 || strstr(done.err, "text.exe") == NULL)
        fail_msg("code %lu: %s", done.code, done.err);
    program_done(&done);
    program_check_row(database, "status || ' ' || reason", "error not_executable");
}

/* --- ends --- */

/* What the probe wrote, once its last sign is there. */
static void await_text(char *out, size_t room, const char *path)
{
    ULONGLONG until = GetTickCount64() + WAIT_MS;
    wchar_t *wide = sbx_wide_path(path);

    for (;;) {
        HANDLE file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                  OPEN_EXISTING, 0, NULL);
        DWORD got = 0;

        if (file != INVALID_HANDLE_VALUE) {
            (void)ReadFile(file, out, (DWORD)room - 1, &got, NULL);
            CloseHandle(file);
        }
        out[got] = '\0';
        if (strchr(out, '.') != NULL)
            break;
        if (GetTickCount64() > until)
            fail_msg("%s does not come", path);
        Sleep(20);
    }
    free(wide);
}

/*
 * sbx.exe, with the command and its runner as processes that are held open: a number alone could be given again. A
 * runner that is closed to its user, as it should be, is nothing for this test to end: then it is skipped.
 */
static HANDLE start_staying(const char *name, HANDLE out_both[2])
{
    const char *argv[OPTIONS_MAX];
    char path[600], text[64];
    unsigned long pids[2] = {0, 0};
    HANDLE supervisor;

    (void)snprintf(path, sizeof(path), "%s/%s", place, name);
    make_command(argv, NULL, "stay", path);
    supervisor = program_start(argv);
    await_text(text, sizeof(text), path);
    assert_int_equal(sscanf(text, "%lu %lu.", &pids[0], &pids[1]), 2);
    for (int i = 0; i < 2; i++) {
        out_both[i] = OpenProcess(SYNCHRONIZE | PROCESS_TERMINATE, FALSE, pids[i]);
        if (out_both[i] == NULL && !program_is_wine()) {
            (void)TerminateProcess(supervisor, 1);
            CloseHandle(supervisor);
            skip();
        }
        assert_non_null(out_both[i]);
        assert_int_equal(WaitForSingleObject(out_both[i], 0), WAIT_TIMEOUT);
    }
    return supervisor;
}

static void check_dead(HANDLE both[2])
{
    assert_int_equal(WaitForMultipleObjects(2, both, TRUE, 5000), WAIT_OBJECT_0);
    CloseHandle(both[0]);
    CloseHandle(both[1]);
}

static void sbx_is_killed(void **state)
{
    HANDLE both[2], supervisor = start_staying("stay-sbx", both);

    (void)state;
    program_check_row(database, "status", "running");
    assert_true(TerminateProcess(supervisor, 1));
    check_dead(both);
    CloseHandle(supervisor);
    check_run(NULL, "exit", "0", 0, "");
    assert_int_equal(
        program_ask(database, "SELECT count(*) FROM run WHERE status = 'lost'", NULL, 0), 1);
}

static void the_runner_is_killed(void **state)
{
    HANDLE both[2], supervisor = start_staying("stay-runner", both);
    DWORD code = 0;

    (void)state;
    assert_true(TerminateProcess(both[1], 1));
    assert_int_equal(WaitForSingleObject(supervisor, WAIT_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(supervisor, &code));
    CloseHandle(supervisor);
    assert_int_equal(code, 125);
    check_dead(both);
    program_check_row(database, "status || ' ' || (message LIKE '%sbx-runner.exe ended%')",
                      "error 1");
}

static void the_command_is_killed(void **state)
{
    HANDLE both[2], supervisor = start_staying("stay-command", both);
    DWORD code = 0;

    (void)state;
    assert_true(TerminateProcess(both[0], 77));
    assert_int_equal(WaitForSingleObject(supervisor, WAIT_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(supervisor, &code));
    CloseHandle(supervisor);
    assert_int_equal(code, 77);
    check_dead(both);
}

/* --- who does not read --- */

static HANDLE start_flood(HANDLE *out_read, const char *path)
{
    const char *argv[OPTIONS_MAX];
    HANDLE stdio[3] = {NULL, NULL, NULL}, made;

    assert_true(CreatePipe(out_read, &stdio[1], NULL, PIECE));
    assert_true(SetHandleInformation(stdio[1], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    make_command(argv, NULL, "flood", path);
    made = program_start_with(argv, stdio);
    CloseHandle(stdio[1]);
    return made;
}

static unsigned long written(const char *path)
{
    char text[64];

    await_text(text, sizeof(text), path);
    return strtoul(text, NULL, 10);
}

static void check_exit(HANDLE process, DWORD expected)
{
    DWORD code = 0;

    assert_int_equal(WaitForSingleObject(process, WAIT_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(process, &code));
    assert_int_equal(code, expected);
    CloseHandle(process);
}

/* The writer stands still, and then all of it comes, in its order. */
static void a_slow_reader(void **state)
{
    static char data[65536];
    char path[600];
    HANDLE from, supervisor;
    unsigned long first, all = 0;
    DWORD got = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/flood-slow", place);
    supervisor = start_flood(&from, path);
    do { /* until it stands */
        first = written(path);
        Sleep(1000);
    } while (written(path) != first);
    assert_true(first >= 2 * PIECE && first <= BYTES);
    while (ReadFile(from, data, sizeof(data), &got, NULL) && got > 0) {
        for (DWORD i = 0; i < got; i++)
            if (data[i] != (char)('a' + (all + i) / PIECE % 26))
                fail_msg("byte %lu is another one", all + i);
        all += got;
    }
    assert_int_equal(all, FLOOD);
    check_exit(supervisor, 0);
    CloseHandle(from);
}

/* As by a pipe of its own, the command hears that nobody reads any more. */
static void a_reader_who_goes(void **state)
{
    static char data[PIECE];
    char path[600];
    HANDLE from, supervisor;
    DWORD got = 0, code = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/flood-gone", place);
    supervisor = start_flood(&from, path);
    assert_true(ReadFile(from, data, sizeof(data), &got, NULL));
    CloseHandle(from);
    assert_int_equal(WaitForSingleObject(supervisor, WAIT_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(supervisor, &code));
    CloseHandle(supervisor);
    assert_true(code >= 10 && code <= 11); /* in its first or second MiB */
}

/* A command that does not read its input does not hold up the end. */
static void unread_input(void **state)
{
    char *data = calloc(1, BYTES);
    program_run done = {0};

    (void)state;
    assert_non_null(data);
    run(&done, NULL, "exit", "3", data, BYTES);
    assert_int_equal(done.code, 3);
    program_done(&done);
    free(data);
}

/* --- what needs no sbx.exe --- */

static void by_hand(void **state)
{
    static const char *const lines[][3] = {
        {NULL},
        {"\\\\.\\pipe\\other", "1", NULL},
        {"\\\\.\\pipe\\sbx-00112233445566778899aabbccddeeff", "1"}};
    char program[1024];

    (void)state;
    (void)snprintf(program, sizeof(program), "%s", program_sbx());
    (void)snprintf(strrchr(program, '\\') + 1, 32, "sbx-runner.exe");
    for (size_t i = 0; i < SBX_COUNT_OF(lines); i++) {
        const char *argv[] = {program, lines[i][0], lines[i][1], NULL};
        program_run done = {0};

        program_do(&done, argv, NULL, 0);
        assert_int_equal(done.code, 125);
        program_done(&done);
    }
}

/* One name, one end; and who is at the other one is told. */
static void pipes(void **state)
{
    static const char name[] = "\\\\.\\pipe\\sbx-test-runner";
    const sbx_ace aces[] = {{SBX_ACE_ALLOW, SBX_FILE_ALL, 0, SBX_SID_EVERYONE}};
    const sbx_remote_os *os = &sbx_remote_os_real;
    sbx_handle pipe = NULL, second = NULL;
    HANDLE client;
    char text[8] = "";
    uint32_t pid = 0;
    size_t bytes = 0;

    (void)state;
    assert_int_equal(os->make_pipe(&pipe, name, aces, 1), 0);
    assert_int_not_equal(os->make_pipe(&second, name, aces, 1), 0);
    assert_int_equal(os->await_client(pipe, GetCurrentProcess(), 100), SBX_OS_TIMEOUT);
    client = CreateFileW(L"\\\\.\\pipe\\sbx-test-runner", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                         OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    assert_true(client != INVALID_HANDLE_VALUE);
    assert_int_equal(os->await_client(pipe, GetCurrentProcess(), 1000), 0);
    assert_int_equal(os->client_pid(&pid, pipe), 0);
    assert_int_equal(pid, GetCurrentProcessId());
    assert_int_equal(os->read_pipe(pipe, text, sizeof(text), &bytes, 100), SBX_OS_TIMEOUT);
    assert_int_equal(sbx_pipe_write(client, "hello", 5, 1000), 0);
    assert_int_equal(os->read_pipe(pipe, text, sizeof(text), &bytes, 1000), 0);
    assert_int_equal(bytes, 5);
    assert_memory_equal(text, "hello", 5);
    CloseHandle(client);
    assert_int_not_equal(os->read_pipe(pipe, text, sizeof(text), &bytes, 1000), 0);
    CloseHandle(pipe);
}

/* An account that is not there has no SID; on a real Windows a real one has. */
static void accounts(void **state)
{
    char sid[SBX_OS_SID_BYTES] = "";

    (void)state;
    assert_int_not_equal(sbx_remote_os_real.find_account(sid, "SbxNobodyHasThisName"), 0);
    assert_int_equal(sid[0], '\0');
}

static void refused_by_default(void **state)
{
    const char *argv[] = {program_sbx(), "exec",   "--identity", "sandbox",
                          "--audit-db",  database, "--",         program_self(),
                          "--probe",     "exit",   "0",          NULL};
    program_run done = {0};

    (void)state;
    program_do(&done, argv, NULL, 0);
    assert_int_equal(done.code, 125);
    assert_non_null(strstr(done.err, "uid"));
    assert_non_null(strstr(done.err, "sandbox users"));
    program_done(&done);
    program_check_row(database, "status", "refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_makes_it),
        cmocka_unit_test(streams),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(limits),
        cmocka_unit_test(programs_that_do_not_start),
        cmocka_unit_test(sbx_is_killed),
        cmocka_unit_test(the_runner_is_killed),
        cmocka_unit_test(the_command_is_killed),
        cmocka_unit_test(a_slow_reader),
        cmocka_unit_test(a_reader_who_goes),
        cmocka_unit_test(unread_input),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(pipes),
        cmocka_unit_test(accounts),
        cmocka_unit_test(refused_by_default),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
