/*
 * What the walls hold, on a Windows that holds them: each attempt is made once outside, where it must succeed, and once
 * inside, where it must fail. Where they do not hold (Wine), the other half is tested: that a run is refused
 * and says what is missing.
 *
 * The first half has not been run on a real Windows yet.
 */
#include "tests/support/test.h"

#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"

enum { DID = 0, DENIED = 10, BROKEN = 20, MEMORY_MIB = 64 };

static char database[600], policy[600], project[600], outside[600];

/* --- the probe --- */

static int judge(bool did)
{
    DWORD code = GetLastError();

    return did                                                               ? DID
           : code == ERROR_ACCESS_DENIED || code == ERROR_PRIVILEGE_NOT_HELD ? DENIED
                                                                             : BROKEN;
}

static int write_file(const char *path, DWORD how)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ, NULL, how, 0, NULL);

    free(wide);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return judge(file != INVALID_HANDLE_VALUE);
}

static int rename_place(const char *path)
{
    char to[700];
    wchar_t *wide = sbx_wide_path(path), *wide_to;
    BOOL did;

    (void)snprintf(to, sizeof(to), "%s.renamed", path);
    wide_to = sbx_wide_path(to);
    did = MoveFileExW(wide, wide_to, 0);
    if (did)
        (void)MoveFileExW(wide_to, wide, 0);
    free(wide);
    free(wide_to);
    return judge(did != 0);
}

static int make_directory(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    BOOL did = CreateDirectoryW(wide, NULL);

    free(wide);
    return judge(did != 0);
}

static int write_registry(void)
{
    HKEY key = NULL;
    LSTATUS status = RegCreateKeyExW(HKEY_CURRENT_USER, L"Software\\sbx-test", 0, NULL,
                                     REG_OPTION_VOLATILE, KEY_WRITE, NULL, &key, NULL);

    if (status == ERROR_SUCCESS) {
        RegCloseKey(key);
        RegDeleteKeyW(HKEY_CURRENT_USER, L"Software\\sbx-test");
    }
    SetLastError((DWORD)status);
    return judge(status == ERROR_SUCCESS);
}

static int change_list(const char *path)
{
    sbx_os_place about;
    sbx_handle handle = NULL;
    sbx_os_code code = sbx_target_os_real.open_place(&handle, &about, path);

    if (code == 0)
        sbx_target_os_real.close(handle);
    SetLastError(code);
    return judge(code == 0);
}

static int break_away(void)
{
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION made = {0};
    wchar_t line[] = L"cmd.exe /c exit";
    BOOL did = CreateProcessW(NULL, line, NULL, NULL, FALSE, CREATE_BREAKAWAY_FROM_JOB, NULL, NULL,
                              &start, &made);

    return judge(did != 0);
}

static int open_process(DWORD pid, DWORD right)
{
    HANDLE process = OpenProcess(right, FALSE, pid);

    if (process != NULL)
        CloseHandle(process);
    return judge(process != NULL);
}

static int eat(void)
{
    for (int i = 0; i < 4 * MEMORY_MIB; i++) {
        char *more = VirtualAlloc(NULL, 1 << 20, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);

        if (more == NULL)
            return BROKEN; /* the allocation failed before the job was ended */
        memset(more, 1, 1 << 20);
    }
    return DID;
}

static int probe(int argc, char **argv)
{
    const char *verb = argv[0], *value = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "write") == 0)
        return write_file(value, OPEN_ALWAYS);
    if (strcmp(verb, "read") == 0) {
        wchar_t *wide = sbx_wide_path(value);
        HANDLE file =
            CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);

        free(wide);
        return judge(file != INVALID_HANDLE_VALUE);
    }
    if (strcmp(verb, "rename") == 0)
        return rename_place(value);
    if (strcmp(verb, "mkdir") == 0)
        return make_directory(value);
    if (strcmp(verb, "registry") == 0)
        return write_registry();
    if (strcmp(verb, "list") == 0)
        return change_list(value);
    if (strcmp(verb, "break-away") == 0)
        return break_away();
    if (strcmp(verb, "end") == 0)
        return open_process(strtoul(value, NULL, 10), PROCESS_TERMINATE);
    if (strcmp(verb, "eat") == 0)
        return eat();
    if (strcmp(verb, "sleep") == 0)
        Sleep(60000);
    return DID;
}

/* --- running it --- */

static DWORD inside(const char *const *options, const char *verb, const char *value)
{
    const char *argv[32] = {program_sbx(), "exec",  "--quiet",  "--audit-db", database, "--policy",
                            policy,        "--net", "advisory", "--write",    project};
    size_t count = 11;
    program_run done = {0};
    DWORD code;

    for (; options != NULL && *options != NULL; options++)
        argv[count++] = *options;
    argv[count++] = "--";
    argv[count++] = program_self();
    argv[count++] = "--probe";
    argv[count++] = verb;
    argv[count++] = value;
    argv[count] = NULL;
    program_do(&done, argv, NULL, 0);
    code = done.code;
    if (code == 125)
        print_message("%s %s: %s\n", verb, value, done.err);
    program_done(&done);
    return code;
}

static DWORD without_sbx(const char *verb, const char *value)
{
    const char *argv[] = {program_self(), "--probe", verb, value, NULL};
    program_run done = {0};
    DWORD code;

    program_do(&done, argv, NULL, 0);
    code = done.code;
    program_done(&done);
    return code;
}

static void check(const char *verb, const char *value, DWORD expected_outside,
                  DWORD expected_inside)
{
    DWORD found = without_sbx(verb, value);

    if (found != expected_outside)
        fail_msg("%s %s outside: %lu", verb, value, found);
    found = inside(NULL, verb, value);
    if (found != expected_inside)
        fail_msg("%s %s inside: %lu", verb, value, found);
}

static void in_project(char out[700], const char *name)
{
    (void)snprintf(out, 700, "%s/%s", project, name);
}

static int begin(void **state)
{
    static const char
        text[] = /* nothing of what is built in: no secrets, which path A cannot keep */
        "{\"version\": 1, \"extends\": null, \"protect\": [\".git\", \".agents\"], \"env\": "
        "{\"keep\": [\"*\"]}}";
    const char *place = program_place("walls");
    char path[700];

    (void)state;
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    (void)snprintf(policy, sizeof(policy), "%s/policy.json", place);
    (void)snprintf(project, sizeof(project), "%s/project", place);
    (void)snprintf(outside, sizeof(outside), "%s/outside", place);
    assert_int_equal(sbx_target_os_real.write_file(policy, text), 0);
    assert_int_equal(sbx_target_os_real.make_directory(outside, NULL, 0), 0);
    in_project(path, ".git");
    assert_int_equal(sbx_target_os_real.make_directory(path, NULL, 0), 0);
    in_project(path, "src/old.c");
    assert_int_equal(write_file(path, OPEN_ALWAYS), BROKEN); /* its directory is missing */
    in_project(path, "src");
    assert_int_equal(sbx_target_os_real.make_directory(path, NULL, 0), 0);
    in_project(path, "src/old.c");
    assert_int_equal(write_file(path, OPEN_ALWAYS), DID);
    in_project(path, ".git/config");
    assert_int_equal(write_file(path, OPEN_ALWAYS), DID);
    return 0;
}

/* --- where the walls hold --- */

static void writes(void **state)
{
    char path[700];

    (void)state;
    in_project(path, "new.c");
    check("write", path, DID, DID);
    in_project(path, "src/old.c"); /* it was there before the entry was */
    check("write", path, DID, DID);
    (void)snprintf(path, sizeof(path), "%s/x", outside);
    check("write", path, DID, DENIED);
    (void)snprintf(path, sizeof(path), "%s/.sbx-test", sbx_windows_variable("USERPROFILE"));
    check("write", path, DID, DENIED);
    check("registry", "", DID, DENIED);
    check("read", database, DID, DID); /* path A reads what its user reads */
    check("write", database, DID, DENIED);
}

/* What Everyone may write, NUL among it, takes the switch; what only the caller may write stays closed with it. */
static void everyone(void **state)
{
    const char *with[] = {"--allow-everyone", NULL};
    char open[700], path[700];
    static const sbx_ace to_all = {SBX_ACE_ALLOW, SBX_FILE_ALL,
                                   SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT,
                                   SBX_SID_EVERYONE};

    (void)state;
    (void)snprintf(open, sizeof(open), "%s/open-to-all", outside);
    assert_int_equal(sbx_target_os_real.make_directory(open, &to_all, 1), 0);
    (void)snprintf(path, sizeof(path), "%s/x", open);
    check("write", path, DID, DENIED);
    check("write", "NUL", DID, DENIED);
    assert_int_equal(inside(with, "write", path), DID);
    assert_int_equal(inside(with, "write", "NUL"), DID);
    (void)snprintf(path, sizeof(path), "%s/x", outside);
    assert_int_equal(inside(with, "write", path), DENIED);
    (void)program_ask(database,
                      "SELECT enforcement || ' ' || missing FROM run ORDER BY id DESC LIMIT 1",
                      path, sizeof(path));
    assert_string_equal(path, "partial everyone");
}

static void protected_names(void **state)
{
    char path[700];

    (void)state;
    in_project(path, ".git/config");
    check("write", path, DID, DENIED);
    check("read", path, DID, DID);
    in_project(path, ".git");
    check("rename", path, DID, DENIED);
    check("list", path, DID, DENIED);
    in_project(path, ".agents/x");
    assert_int_equal(inside(NULL, "write", path), DENIED);
    in_project(path, ".agents");
    assert_int_not_equal(inside(NULL, "mkdir", path), DID);
    check("list", project, DID, DENIED);
    check("rename", project, DID, DENIED);
}

/* What was set is gone when the run is. */
static void no_entry_is_left(void **state)
{
    char path[700], leases[4000];
    sbx_os_place about;
    sbx_handle handle = NULL;
    sbx_os_list found;

    (void)state;
    in_project(path, "a.c");
    assert_int_equal(inside(NULL, "write", path), DID);
    (void)program_ask(database, "SELECT leases FROM run ORDER BY id DESC LIMIT 1", leases,
                      sizeof(leases));
    assert_non_null(strstr(leases, project));
    assert_int_equal(sbx_target_os_real.open_place(&handle, &about, project), 0);
    assert_int_equal(sbx_target_os_real.read_list(&found, handle), 0);
    for (size_t i = 0; i < found.count && i < SBX_OS_LIST_MAX; i++)
        assert_null(strstr(leases, found.ace[i].sid));
    sbx_target_os_real.close(handle);
    in_project(path, ".agents");
    assert_int_equal(GetFileAttributesA(path), INVALID_FILE_ATTRIBUTES);
}

static void jobs(void **state)
{
    const char *memory[] = {"--mem", "64M", NULL};
    char status[64];

    (void)state;
    assert_int_equal(inside(NULL, "break-away", ""), DENIED);
    assert_int_equal(inside(memory, "eat", ""), 137);
    (void)program_ask(database, "SELECT status || ' ' || reason FROM run ORDER BY id DESC LIMIT 1",
                      status, sizeof(status));
    assert_string_equal(status, "limit memory");
}

static void guards(void **state)
{
    char pid[32];
    const char *argv[] = {program_sbx(),  "exec",    "--quiet", "--audit-db", database,
                          "--policy",     policy,    "--net",   "advisory",   "--",
                          program_self(), "--probe", "sleep",   NULL};
    HANDLE other = program_start(argv);

    (void)state;
    (void)snprintf(pid, sizeof(pid), "%lu", GetProcessId(other));
    Sleep(3000); /* until it has closed itself */
    assert_int_equal(inside(NULL, "end", pid), DENIED);
    assert_true(TerminateProcess(other, 1));
    CloseHandle(other);
}

static void full_enforcement(void **state)
{
    char found[200];

    (void)state;
    assert_int_equal(inside(NULL, "nothing", ""), DID);
    (void)program_ask(database,
                      "SELECT enforcement || ' ' || walls || ' ' || network || ' ' || backend FROM "
                      "run ORDER BY id DESC LIMIT 1",
                      found, sizeof(found));
    assert_string_equal(found, "full token,aces,job advisory restricted_token");
}

/* --- where they do not --- */

static void check_refused(const char *const *options, const char *missing, const char *way_out)
{
    char marker[700], found[300];
    const char *argv[32] = {program_sbx(), "exec", "--audit-db", database};
    size_t count = 4;
    program_run done = {0};

    in_project(marker, "marker");
    for (; *options != NULL; options++)
        argv[count++] = *options;
    argv[count++] = "--";
    argv[count++] = program_self();
    argv[count++] = "--probe";
    argv[count++] = "write";
    argv[count++] = marker;
    argv[count] = NULL;
    program_do(&done, argv, NULL, 0);
    if (done.code != 125 || strstr(done.err, missing) == NULL || strstr(done.err, way_out) == NULL)
        fail_msg("code %lu: %s", done.code, done.err);
    assert_false(sbx_target_os_real.is_file(marker));
    program_done(&done);
    (void)program_ask(database, "SELECT status || ' ' || reason FROM run ORDER BY id DESC LIMIT 1",
                      found, sizeof(found));
    assert_string_equal(found, "refused plan");
}

static void a_default_run_is_refused(void **state)
{
    static const char *const nothing[] = {NULL}, *const advisory[] = {"--net", "advisory", NULL};
    const char *degraded[] = {"--audit-db", database,   "--allow-degraded",
                              "--net",      "advisory", NULL};
    const char *argv[] = {program_sbx(),  "exec",      degraded[0], degraded[1],
                          degraded[2],    degraded[3], degraded[4], "--",
                          program_self(), "--probe",   "nothing",   NULL};
    program_run done = {0};
    char found[300];

    (void)state;
    check_refused(nothing, "this host does not hold: token,aces,job,net", "--net advisory");
    check_refused(nothing, "this host does not hold: token,aces,job,net", "sbx-setup install");
    check_refused(advisory, "this host does not hold: token,aces,job.", "--allow-degraded");
    program_do(&done, argv, NULL, 0);
    assert_int_equal(done.code, 0);
    assert_non_null(strstr(done.err, "not enforced on this host: token,aces,job"));
    program_done(&done);
    (void)program_ask(database,
                      "SELECT enforcement || ' ' || missing || ' ' || network || ' [' || walls || "
                      "']' FROM run ORDER BY id DESC LIMIT 1",
                      found, sizeof(found));
    assert_string_equal(found, "partial token,aces,job advisory []");
}

static bool says(const char *path, const char *words)
{
    static char text[65536];
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    DWORD got = 0;

    free(wide);
    assert_true(file != INVALID_HANDLE_VALUE);
    assert_true(ReadFile(file, text, sizeof(text) - 1, &got, NULL));
    CloseHandle(file);
    text[got] = '\0';
    return strstr(text, words) != NULL;
}

/* It takes nothing of a refusal away, and stands in row and result beside what the host does not hold. */
static void everyone_is_recorded(void **state)
{
    static const char *const refused[] = {"--net", "advisory", "--allow-everyone", NULL};
    char result[700], found[600];
    const char *argv[] = {
        program_sbx(), "exec",         "--audit-db", database,  "--allow-degraded",
        "--net",       "advisory",     "--result",   result,    "--allow-everyone",
        "--",          program_self(), "--probe",    "nothing", NULL};
    static const char policies[] =
        "SELECT missing || ' ' || (policy.json ->> '$.windows.everyone') FROM run JOIN policy ON "
        "policy.id = run.policy ORDER BY run.id DESC LIMIT 1";
    program_run done = {0};

    (void)state;
    in_project(result, "result.json");
    check_refused(refused, "this host does not hold: token,aces,job.", "--allow-degraded");
    program_do(&done, argv, NULL, 0);
    assert_int_equal(done.code, 0);
    assert_non_null(strstr(done.err, "not enforced: token,aces,job,everyone"));
    program_done(&done);
    (void)program_ask(database, policies, found, sizeof(found));
    assert_string_equal(found, "token,aces,job,everyone 1");
    (void)program_ask(database,
                      "SELECT enforcement || ' ' || missing FROM run ORDER BY id DESC LIMIT 1",
                      found, sizeof(found));
    assert_string_equal(found, "partial token,aces,job,everyone");
    assert_true(says(result, "\"missing\":[\"token\",\"aces\",\"job\",\"everyone\"]"));
}

static void limits_that_are_not_held(void **state)
{
    static const char *const files[] = {"--net",   "advisory", "--files", "100",
                                        "--fsize", "1M",       NULL};
    const char *argv[] = {program_sbx(), "exec",    "--audit-db", database, "--allow-degraded",
                          "--mem",       "64M",     "--procs",    "5",      "--cpus",
                          "1",           "--fsize", "1M",         "--",     program_self(),
                          "--probe",     "nothing", NULL};
    program_run done = {0};
    char found[300];

    (void)state;
    check_refused(files, "fsize,files", "Nothing on Windows holds");
    program_do(&done, argv, NULL, 0);
    assert_int_equal(done.code, 0);
    program_done(&done);
    (void)program_ask(database, "SELECT missing FROM run ORDER BY id DESC LIMIT 1", found,
                      sizeof(found));
    assert_string_equal(found, "token,aces,job,net,fsize,memory,cpus,procs");
}

int main(void)
{
    const struct CMUnitTest held[] = {
        cmocka_unit_test(writes),
        cmocka_unit_test(protected_names),
        cmocka_unit_test(everyone),
        cmocka_unit_test(no_entry_is_left),
        cmocka_unit_test(jobs),
        cmocka_unit_test(guards),
        cmocka_unit_test(full_enforcement),
    };
    const struct CMUnitTest not_held[] = {
        cmocka_unit_test(a_default_run_is_refused),
        cmocka_unit_test(everyone_is_recorded),
        cmocka_unit_test(limits_that_are_not_held),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return program_is_wine() ? cmocka_run_group_tests(not_held, begin, NULL)
                             : cmocka_run_group_tests(held, begin, NULL);
}
