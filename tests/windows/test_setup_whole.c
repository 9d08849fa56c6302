/*
 * A setup from end to end on a machine that may be changed, and whether the network is then closed to the one sandbox user
 * and open to the other; whether Windows tells their denials where it was asked to. Only with SBX_TEST_SETUP=1, elevated, on a
 * real Windows; written without one at hand.
 */
/* ctest: serial */
#include "tests/support/test.h"

#include <winsock2.h>

#include "harness/base/windows/wide.h"
#include "harness/setup/windows/audit.h"
#include "harness/setup/windows/secret.h"
#include "harness/setup/windows/state_file.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"
#include "tests/support/windows/setup.h"

enum { WAIT_MS = 30000 };

/* --- the probe, as a sandbox user --- */

static int probe(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    SOCKET connecting;
    WSADATA about;

    if (argc == 2 && strcmp(argv[0], "write") == 0) {
        HANDLE file = CreateFileA(argv[1], GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);

        return file == INVALID_HANDLE_VALUE ? 1 : 0; /* the end closes it */
    }
    if (argc != 2 || strcmp(argv[0], "connect") != 0 || WSAStartup(MAKEWORD(2, 2), &about) != 0)
        return 3;
    connecting = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((u_short)strtoul(argv[1], NULL, 10));
    return connect(connecting, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : 1;
}

static void needs_a_machine_of_its_own(void **state)
{
    const char *asked = getenv("SBX_TEST_SETUP");

    if (program_is_wine() || asked == NULL || strcmp(asked, "1") != 0)
        skip();
    setup_needs_elevation(state);
}

static void await_grants(void)
{
    ULONGLONG until = GetTickCount64() + 120000;
    sbx_grants grants = {.count = 0};

    for (;;) {
        assert_int_equal(sbx_grants_load(&grants, NULL), SBX_OK);
        if (grants.phase == SBX_GRANTS_DONE)
            break;
        if (grants.phase == SBX_GRANTS_FAILED || GetTickCount64() > until)
            fail_msg("the pass over the profile: %s", grants.why);
        sbx_grants_done(&grants);
        Sleep(200);
    }
    assert_true(grants.count >= 1);
    sbx_grants_done(&grants);
}

/* Starts the copy of this program as that user; its exit code. */
static DWORD connect_as(const char *user, const char *program, unsigned port)
{
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION made = {0};
    char password[SBX_SECRET_BYTES], line[600];
    wchar_t *name = sbx_wide(user), *secret, *wide, *path = sbx_wide(program);
    DWORD code = 0;

    assert_int_equal(sbx_secret_load(password, user, NULL), SBX_OK);
    secret = sbx_wide(password);
    (void)snprintf(line, sizeof(line), "probe --probe connect %u", port);
    wide = sbx_wide(line);
    if (!CreateProcessWithLogonW(name, L".", secret, 0, path, wide, CREATE_NO_WINDOW, NULL,
                                 L"C:\\Windows\\System32", &start, &made))
        fail_msg("as %s: %lu", user, GetLastError());
    assert_int_equal(WaitForSingleObject(made.hProcess, WAIT_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(made.hProcess, &code));
    CloseHandle(made.hThread);
    CloseHandle(made.hProcess);
    free(name);
    free(secret);
    free(wide);
    free(path);
    return code;
}

static void check_network(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    int bytes = sizeof(here);
    char program[] = "C:\\Users\\Public\\sbx-setup-test.exe";
    WSADATA about;
    SOCKET listener;

    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &about), 0);
    listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &bytes), 0);
    setup_copy(program_self(), program);
    assert_int_equal(connect_as(SBX_SETUP_ONLINE, program, ntohs(here.sin_port)), 0);
    assert_int_equal(connect_as(SBX_SETUP_OFFLINE, program, ntohs(here.sin_port)), 1);
    assert_true(DeleteFileA(program));
    closesocket(listener);
}

/* --- a default run, by sbx.exe --- */

#define PLACE "C:\\Users\\Public\\sbx-setup-test"

/* Where the sandbox users may read what is beside each other. */
static void copy_programs(void)
{
    static const char *const names[] = {"sbx.exe", "sbx-runner.exe", "sbx-trace.dll"};

    (void)CreateDirectoryA(PLACE, NULL);
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        char from[1024], to[200];

        (void)snprintf(from, sizeof(from), "%s", program_sbx());
        (void)snprintf(strrchr(from, '\\') + 1, 32, "%s", names[i]);
        (void)snprintf(to, sizeof(to), PLACE "\\%s", names[i]);
        setup_copy(from, to);
    }
    setup_copy(program_self(), PLACE "\\probe.exe");
}

/* The command tries to connect to a listener of ours: its exit code is 0 where it could. */
static void check_exec(const char *net, DWORD code, const char *says, const char *row)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    SOCKET listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    char database[600], port[16];
    const char *argv[] = {
        PLACE "\\sbx.exe",   "exec",    "--audit-db", database, "--cwd", "C:/", "--net", net, "--",
        PLACE "\\probe.exe", "--probe", "connect",    port,     NULL};
    program_run done = {0};
    int bytes = sizeof(here);

    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &bytes), 0);
    (void)snprintf(port, sizeof(port), "%u", (unsigned)ntohs(here.sin_port));
    (void)snprintf(database, sizeof(database), "%s/audit.db", program_place("whole"));
    program_do(&done, argv, NULL, 0);
    if (done.code != code || strstr(done.err, says) == NULL)
        fail_msg("--net %s: code %lu and not %lu: %s", net, done.code, code, done.err);
    program_done(&done);
    program_check_row(database,
                      "status || ' ' || identity || ' ' || enforcement || ' ' || "
                      "(',' || walls || ',' LIKE '%,net,%')",
                      row);
    closesocket(listener);
}

/* A setup's memory is not enough: the filters and rules of one address family gone, the next run finds it out. */
static void check_runs(void)
{
    static const struct {
        sbx_setup_kind kind;
        const char *name;
    } taken[] = {{SBX_SETUP_RULE, "sbx-offline-out-loopback"},
                 {SBX_SETUP_RULE, "sbx-offline-out"},
                 {SBX_SETUP_FILTER, "sbx-offline-connect-v4"},
                 {SBX_SETUP_FILTER, "sbx-offline-assign-v4"}};
    const char *const doctor[] = {PLACE "\\sbx.exe", "doctor", NULL};
    program_run done = {0};

    copy_programs();
    check_exec("none", 1, "", "nonzero sandbox full 1");
    check_exec("full", 0, "", "ok sandbox full 0");
    program_do(&done, doctor, NULL, 0);
    assert_non_null(strstr(done.out, "SbxOffline was refused each address"));
    program_done(&done);
    for (size_t i = 0; i < SBX_COUNT_OF(taken); i++)
        assert_int_equal(sbx_setup_os_real.take(setup_item(taken[i].kind, taken[i].name)), 0);
    check_exec("none", 125, "net: the network is not closed to SbxOffline",
               "refused sandbox partial 0");
    SETUP(0, "setup\tcomplete", "repair");
    await_grants();
    check_exec("none", 1, "", "nonzero sandbox full 1");
    (void)!sbx_target_os_real.remove_tree("C:/Users/Public/sbx-setup-test");
}

static void a_setup_from_end_to_end(void **state)
{
    const sbx_setup_item *rule = setup_item(SBX_SETUP_RULE, "sbx-offline-out");
    const sbx_setup_item *filter = setup_item(SBX_SETUP_FILTER, "sbx-offline-connect-v4");

    needs_a_machine_of_its_own(state);
    SETUP(0, "setup\tcomplete", "install");
    await_grants();
    SETUP(0, "complete\tsetup", "status");
    SETUP(0, "setup\tcomplete", "install"); /* once more is nothing more */
    await_grants();
    check_network();
    assert_int_equal(sbx_setup_os_real.take(rule), 0);
    assert_int_equal(sbx_setup_os_real.take(filter), 0);
    SETUP(1, "absent\tfirewall rule\tsbx-offline-out\tSbxOffline", "status");
    SETUP(0, "setup\tcomplete", "repair");
    await_grants();
    SETUP(0, "\"ok\":true", "status", "--json");
    check_network();
    check_runs();
    SETUP(0, "setup\tabsent", "uninstall");
    setup_check_nothing_left();
    SETUP(1, "absent\tuser\tSbxOffline", "status");
    SETUP(0, "setup\tabsent", "uninstall"); /* of nothing */
}

/* --- what Windows itself tells --- */

/* As SbxOffline; what the walls of this version do not hold on path B yet is no matter here. */
static void run_refused(const char *database, const char *program, const char *verb,
                        const char *value)
{
    const char *argv[] = {program_sbx(), "exec",   "--identity", "sandbox", "--allow-degraded",
                          "--audit-db",  database, "--",         program,   "--probe",
                          verb,          value,    NULL};
    program_run done = {0};

    program_do(&done, argv, NULL, 0);
    if (done.code != 1)
        fail_msg("%s %s: code %lu: %s%s", verb, value, done.code, done.out, done.err);
    program_done(&done);
}

static void check_told(const char *database, const char *source, const char *op, const char *target)
{
    char sql[400];

    (void)snprintf(
        sql, sizeof(sql),
        "SELECT count(*) FROM denial WHERE source = '%s' AND confidence = 'kernel' AND "
        "op = '%s' AND target LIKE '%%%s' AND pid > 0 AND exe LIKE '%%sbx-setup-test.exe'",
        source, op, target);
    if (program_ask(database, sql, NULL, 0) != 1)
        fail_msg("%s tells no %s of %s", source, op, target);
}

static void the_audit_is(sbx_setup_found wanted)
{
    for (size_t i = 0; i < SBX_SETUP_AUDITS; i++)
        assert_int_equal(setup_found(&sbx_setup_audit_plan()[i]), wanted);
}

/* Of a file of the caller's, and of a connection that the filters drop. The machine has no audit of its own. */
static void denials_are_told(void **state)
{
    char program[] = "C:\\Users\\Public\\sbx-setup-test.exe", database[600], file[600];
    const char *place, *argv[] = {program_sbx(), "doctor", "--json", NULL};
    program_run done = {0};
    FILE *out;

    needs_a_machine_of_its_own(state);
    place = program_place("told");
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    (void)snprintf(file, sizeof(file), "%s/kept.txt", place);
    assert_non_null(out = fopen(file, "w"));
    assert_int_equal(fclose(out), 0);
    the_audit_is(SBX_SETUP_ABSENT);
    SETUP(0, "setup\tcomplete", "install", "--audit-denials");
    await_grants();
    the_audit_is(SBX_SETUP_THERE);
    SETUP(0, "there\taudit of failures\tFile System", "status");
    program_do(&done, argv, NULL, 0);
    assert_non_null(strstr(done.out, "\"subject\":\"object-audit\",\"state\":\"enforced\""));
    assert_non_null(strstr(done.out, "\"subject\":\"net-events\",\"state\":\"enforced\""));
    program_done(&done);
    setup_copy(program_self(), program);
    run_refused(database, program, "write", file);
    check_told(database, "security_log", "write",
               "/kept.txt"); /* whatever the temp directory is called */
    run_refused(database, program, "connect", "9");
    check_told(database, "wfp", "connect", "tcp 127.0.0.1:9");
    assert_true(DeleteFileA(program));
    assert_int_equal(sbx_setup_os_real.take(&sbx_setup_audit_plan()[2]), 0);
    SETUP(1, "absent\taudit of failures\tFile System", "status");
    SETUP(0, "setup\tcomplete", "repair"); /* which remembers that it was asked for */
    await_grants();
    the_audit_is(SBX_SETUP_THERE);
    SETUP(0, "setup\tabsent", "uninstall");
    the_audit_is(SBX_SETUP_ABSENT);
    setup_check_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setup_from_end_to_end),
        cmocka_unit_test(denials_are_told),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
