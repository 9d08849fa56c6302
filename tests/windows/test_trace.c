/*
 * Denied accesses on Windows: what sbx-trace.dll in the command and its children tells, as rows. What is denied is on Wine
 * what its host denies to everybody (a file system of the kernel's) or what Wine itself does (registry, processes); on
 * Windows, where the walls hold, a place outside of every root.
 *
 * Only the first kind has been run.
 */
#include "tests/support/test.h"

#include "audit/sources/windows/ring.h"
#include "harness/base/windows/wide.h"
#include "harness/target/windows/trace_inject.h"
#include "tests/support/windows/program.h"

#include <aclapi.h>

enum { DID = 0, DENIED = 10, BROKEN = 20 };

static char database[600], denied[600];
static const char *sbx; /* the program, with its library beside it */

/* --- the probe --- */

static int judge(bool did)
{
    return did ? DID : GetLastError() == ERROR_ACCESS_DENIED ? DENIED : BROKEN;
}

static int write_file(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, 0, NULL);
    int answer = judge(file != INVALID_HANDLE_VALUE);

    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(wide);
    return answer;
}

/* By a name that is relative to the working directory, which the kernel is given as a handle. */
static int write_from_within(const char *path)
{
    char place[600], *name;
    wchar_t *wide_place, *wide_name;
    HANDLE file;
    int answer;

    (void)snprintf(place, sizeof(place), "%s", path);
    name = strrchr(place, '/');
    *name++ = '\0';
    wide_place = sbx_wide(place);
    wide_name = sbx_wide(name);
    if (!SetCurrentDirectoryW(wide_place))
        return BROKEN;
    file = CreateFileW(wide_name, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, 0, NULL);
    answer = judge(file != INVALID_HANDLE_VALUE);
    free(wide_place);
    free(wide_name);
    return answer;
}

static int run_self(const char *verb, const char *value)
{
    const char *argv[] = {program_self(), "--probe", verb, value, NULL};
    HANDLE child = program_start(argv);
    DWORD code = BROKEN;

    WaitForSingleObject(child, 30000);
    GetExitCodeProcess(child, &code);
    CloseHandle(child);
    return (int)code;
}

/* A list that gives everybody these rights and no others; it lives as long as the process. */
static bool allow_everyone(SECURITY_DESCRIPTOR *out, DWORD rights)
{
    SID_IDENTIFIER_AUTHORITY world = SECURITY_WORLD_SID_AUTHORITY;
    EXPLICIT_ACCESSW entry = {.grfAccessPermissions = rights,
                              .grfAccessMode = SET_ACCESS,
                              .Trustee = {.TrusteeForm = TRUSTEE_IS_SID}};
    PSID everyone = NULL;
    PACL list = NULL;

    if (!AllocateAndInitializeSid(&world, 1, 0, 0, 0, 0, 0, 0, 0, 0, &everyone))
        return false;
    entry.Trustee.ptstrName = everyone;
    return SetEntriesInAclW(1, &entry, NULL, &list) == ERROR_SUCCESS &&
           InitializeSecurityDescriptor(out, SECURITY_DESCRIPTOR_REVISION) &&
           SetSecurityDescriptorDacl(out, TRUE, list, FALSE);
}

/* A key that its own list closes for writing. */
static int write_key(void)
{
    static const wchar_t path[] = L"Software\\sbx-trace-test";
    SECURITY_DESCRIPTOR descriptor;
    HKEY key = NULL;
    LSTATUS status;

    if (!allow_everyone(&descriptor, KEY_READ | DELETE))
        return BROKEN;
    status = RegCreateKeyExW(HKEY_CURRENT_USER, path, 0, NULL, REG_OPTION_VOLATILE,
                             KEY_READ | WRITE_DAC, NULL, &key, NULL);
    if (status != ERROR_SUCCESS) {
        SetLastError((DWORD)status);
        return judge(false); /* on Windows the walls say no here already */
    }
    status = RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, &descriptor);
    RegCloseKey(key);
    if (status != ERROR_SUCCESS)
        return BROKEN;
    status = RegOpenKeyExW(HKEY_CURRENT_USER, path, 0, KEY_SET_VALUE, &key);
    RegDeleteKeyW(HKEY_CURRENT_USER, path);
    SetLastError((DWORD)status);
    return judge(status == ERROR_SUCCESS);
}

/* Ourselves, after nobody was let in any more. */
static int open_closed_process(void)
{
    ACL nobody;
    SECURITY_DESCRIPTOR descriptor;
    HANDLE process;

    if (!InitializeAcl(&nobody, sizeof(nobody), ACL_REVISION) ||
        !InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) ||
        !SetSecurityDescriptorDacl(&descriptor, TRUE, &nobody, FALSE) ||
        !SetKernelObjectSecurity(GetCurrentProcess(), DACL_SECURITY_INFORMATION, &descriptor))
        return BROKEN;
    process = OpenProcess(PROCESS_TERMINATE, FALSE, GetCurrentProcessId());
    return judge(process != NULL);
}

/* Memory with a name that its own list closes for writing: by the name, and by a handle that may read. */
static int map_closed_section(bool by_handle)
{
    static const wchar_t name[] = L"sbx-trace-test-section";
    SECURITY_DESCRIPTOR descriptor;
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes),
                                      .lpSecurityDescriptor = &descriptor};
    HANDLE made, opened;

    if (!allow_everyone(&descriptor, SECTION_MAP_READ | SECTION_QUERY))
        return BROKEN;
    made = CreateFileMappingW(INVALID_HANDLE_VALUE, &attributes, PAGE_READWRITE, 0, 4096, name);
    if (made == NULL)
        return judge(false); /* on Windows the walls may say no here already */
    opened = OpenFileMappingW(by_handle ? FILE_MAP_READ : FILE_MAP_WRITE, FALSE, name);
    if (!by_handle)
        return judge(opened != NULL);
    if (opened == NULL)
        return BROKEN;
    return judge(MapViewOfFile(opened, FILE_MAP_WRITE, 0, 0, 0) != NULL);
}

static sbx_ring *find_ring(void)
{
    MEMORY_BASIC_INFORMATION about;

    for (uint8_t *at = NULL; VirtualQuery(at, &about, sizeof(about)) != 0;
         at = (uint8_t *)about.BaseAddress + about.RegionSize)
        if (about.Type == MEM_MAPPED && about.State == MEM_COMMIT &&
            about.Protect == PAGE_READWRITE && about.RegionSize >= sizeof(sbx_ring) &&
            about.RegionSize < sizeof(sbx_ring) + 65536 && sbx_ring_is_usable(about.BaseAddress))
            return about.BaseAddress;
    return NULL;
}

/* For a third of a second, everything that is not an honest record, as fast as it goes. */
static int scribble(void)
{
    sbx_ring *ring = find_ring();
    uint64_t random = 88172645463325252u;
    DWORD until = GetTickCount() + 300;

    if (ring == NULL)
        return BROKEN;
    while ((LONG)(GetTickCount() - until) < 0) {
        for (size_t i = 0; i < sizeof(*ring); i += 8) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            memcpy((char *)ring + i, &random, 8);
        }
        for (int i = 0; i < SBX_RING_SLOTS; i++) { /* some that look like ones */
            ring->slot[i].kind = SBX_RING_DENIED;
            ring->slot[i].value = SBX_RING_STATUS_DENIED;
            ring->slot[i].op = (uint32_t)i % SBX_RING_OP_COUNT;
            ring->slot[i].pid = i % 3 == 0 ? GetCurrentProcessId() : 4 + 4 * (uint32_t)i;
            ring->slot[i].units = (uint32_t)i;
            ring->slot[i].state = 2;
        }
    }
    return DID;
}

/* As a program that wants its children to be seen by nobody: the stub gets its first bytes back. */
static int unwrap_and_run(const char *path)
{
    uint8_t *stub =
        (uint8_t *)(uintptr_t)GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtCreateUserProcess");
    int32_t distance;
    DWORD before;

    if (stub == NULL || stub[0] != 0xE9)
        return BROKEN; /* nobody has wrapped it */
    memcpy(&distance, stub + 1, sizeof(distance));
    if (!VirtualProtect(stub, 8, PAGE_EXECUTE_READWRITE, &before))
        return BROKEN;
    memcpy(stub, stub + 5 + distance + 32, 8);
    return run_self("write", path);
}

static int probe(int argc, char **argv)
{
    const char *verb = argv[0], *value = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "write") == 0)
        return write_file(value);
    if (strcmp(verb, "within") == 0)
        return write_from_within(value);
    if (strcmp(verb, "child") == 0)
        return run_self("write", value);
    if (strcmp(verb, "grandchild") == 0)
        return run_self("child", value);
    if (strcmp(verb, "rename") == 0)
        return judge(MoveFileExW(sbx_wide_path(value), L"Z:\\sys\\sbx-renamed", 0) != 0);
    if (strcmp(verb, "key") == 0)
        return write_key();
    if (strcmp(verb, "process") == 0)
        return open_closed_process();
    if (strcmp(verb, "section") == 0 || strcmp(verb, "view") == 0)
        return map_closed_section(strcmp(verb, "view") == 0);
    if (strcmp(verb, "scribble") == 0)
        return scribble();
    if (strcmp(verb, "unwrap") == 0)
        return unwrap_and_run(value);
    if (strcmp(verb, "variable") == 0) /* what the library was told by is not there any more */
        return GetEnvironmentVariableW(SBX_TRACE_VARIABLE, NULL, 0) == 0 ? DID : BROKEN;
    return BROKEN;
}

/* --- running it in sbx --- */

static int begin(void **state)
{
    const char *place = program_place("trace");

    (void)state;
    sbx = program_sbx();
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    if (program_is_wine())
        (void)snprintf(denied, sizeof(denied), "Z:/sys/sbx-denied");
    else
        (void)snprintf(denied, sizeof(denied), "%s/denied", place);
    return 0;
}

static void check(DWORD code, const char *option, const char *verb, const char *value)
{
    const char *argv[] = {sbx,    "exec", "--allow-degraded", "--quiet", "--audit-db", database,
                          option, "--",   program_self(),     "--probe", verb,         value,
                          NULL};
    program_run done = {0};

    program_do(&done, argv, NULL, 0);
    if (done.code != code)
        fail_msg("%s %s: code %lu and not %lu, \"%s\"", verb, value, done.code, code, done.err);
    program_done(&done);
}

/* A number about the newest run. */
static long long ask(const char *what)
{
    char sql[1024];

    (void)snprintf(sql, sizeof(sql), "SELECT %s FROM run WHERE id = (SELECT max(id) FROM run)",
                   what);
    return program_ask(database, sql, NULL, 0);
}

static void expect_row(const char *where)
{
    char what[900];

    (void)snprintf(
        what, sizeof(what),
        "(SELECT count(*) FROM denial WHERE denial.run = run.id AND source = 'ntdll' AND "
        "confidence = 'observed' AND errno = 5 AND %s)",
        where);
    if (ask(what) != 1)
        fail_msg("no row, or several: %s", where);
}

static void a_denied_write_is_a_row(void **state)
{
    char where[700];

    (void)state;
    check(DENIED, "--net=full", "write", denied);
    (void)snprintf(where, sizeof(where),
                   "class = 'file' AND op = 'write' AND target = '%s' AND count = 1 AND rule = 'no "
                   "writable root' AND exe LIKE '%%/test_trace.exe' AND pid = (SELECT pid FROM "
                   "process WHERE process.run = run.id AND idx = 0)",
                   denied);
    expect_row(where);
    assert_int_equal(ask("denied_total"), 1);
    assert_int_equal(ask("audit_sources = 'ntdll'"), 1);
    assert_int_equal(ask("audit_complete IS NULL"),
                     1); /* that nothing is missing nobody can tell */
    check(DENIED, "--no-watch", "write", denied);
    assert_int_equal(ask("denied_total = 0 AND audit_sources = ''"), 1);
    check(DID, "--net=full", "variable", "");
    assert_int_equal(ask("denied_total"), 0);
}

static void by_a_relative_name_too(void **state)
{
    char where[700];

    (void)state;
    check(DENIED, "--net=full", "within", denied);
    (void)snprintf(where, sizeof(where), "target = '%s'", denied);
    expect_row(where);
}

static void children_are_followed(void **state)
{
    char where[700];

    (void)state;
    /* Its own number, and not that of one that made it: of its kind the one that made nobody. Two that are seen at one look
     * at the job are written down in either order. */
    (void)snprintf(where, sizeof(where),
                   "target = '%s' AND pid = (SELECT pid FROM process AS p WHERE p.run = run.id AND "
                   "exe LIKE '%%/test_trace.exe' AND NOT EXISTS(SELECT 1 FROM process AS q WHERE "
                   "q.run = run.id AND q.parent_pid = p.pid)) AND pid <> (SELECT pid FROM process "
                   "WHERE process.run = run.id AND idx = 0)",
                   denied);
    check(DENIED, "--net=full", "child", denied);
    expect_row(where);
    check(DENIED, "--net=full", "grandchild", denied);
    expect_row(where);
    assert_int_equal(ask("audit_complete IS NULL"), 1);
}

static void other_things_than_files(void **state)
{
    (void)state;
    check(DENIED, "--net=full", "key", "");
    expect_row("op IN ('key write', 'key create') AND target LIKE '%sbx-trace-test'");
    check(DENIED, "--net=full", "process", "");
    expect_row(
        "class = 'process' AND op = 'open' AND target = 'process ' || denial.pid AND rule = ''");
    check(DENIED, "--net=full", "section", "");
    expect_row("class = 'file' AND op = 'map' AND target LIKE '%sbx-trace-test-section'");
    check(DENIED, "--net=full", "view", "");
    expect_row("class = 'file' AND op = 'map' AND target LIKE '%sbx-trace-test-section'");
    if (program_is_wine()) {
        check(DENIED, "--net=full", "rename", "Z:/sys/kernel");
        expect_row("op = 'rename' AND target = 'Z:/sys/sbx-renamed'");
    }
}

static void a_hostile_ring_harms_nobody(void **state)
{
    (void)state;
    check(DID, "--net=full", "scribble", "");
    assert_int_equal(ask("status = 'ok' AND command_exit_code = 0"), 1);
    assert_int_equal(ask("audit_complete"), 0);
    assert_true(ask("denied_total") >= 0);
    /* Whatever it says: no process of somebody else's. */
    assert_int_equal(ask("(SELECT count(*) FROM denial WHERE denial.run = run.id AND pid NOT IN "
                         "(SELECT pid FROM process WHERE process.run = run.id))"),
                     0);
}

static void what_is_not_traced_is_counted(void **state)
{
    (void)state;
    check(DENIED, "--net=full", "unwrap", denied);
    assert_int_equal(ask("denied_total"), 0);
    assert_int_equal(ask("audit_complete"), 0);
    if (!program_is_wine()) { /* a 32-bit program; Debian's wine64 runs none */
        const char *argv[] = {
            program_sbx(), "exec",           "--quiet", "--audit-db",
            database,      "--net=advisory", "--",      "C:/Windows/SysWOW64/cmd.exe",
            "/c",          "exit",           NULL};
        program_run done = {0};

        program_do(&done, argv, NULL, 0);
        assert_int_equal(done.code, 0);
        program_done(&done);
        assert_int_equal(ask("audit_complete"), 0);
    }
}

static void without_the_library_nobody_watches(void **state)
{
    char alone[700];
    wchar_t *from = sbx_wide_path(program_sbx()), *to;

    (void)state;
    (void)snprintf(alone, sizeof(alone), "%s/sbx.exe", program_place("alone"));
    to = sbx_wide_path(alone);
    assert_true(CopyFileW(from, to, TRUE));
    sbx = alone;
    check(DENIED, "--net=full", "write", denied);
    sbx = program_sbx();
    assert_int_equal(
        ask("status = 'nonzero' AND denied_total = 0 AND audit_sources = '' AND audit_complete IS "
            "NULL"),
        1);
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_denied_write_is_a_row),
        cmocka_unit_test(by_a_relative_name_too),
        cmocka_unit_test(children_are_followed),
        cmocka_unit_test(other_things_than_files),
        cmocka_unit_test(a_hostile_ring_harms_nobody),
        cmocka_unit_test(what_is_not_traced_is_counted),
        cmocka_unit_test(without_the_library_nobody_watches),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
