/*
 * sbx-setup.exe and its parts on Windows, without setting anything up that stays. Under Wine: what Wine can do is done
 * (the registry, files, locks, what killed runs left), and an install is a refusal that leaves nothing.
 */
/* ctest: serial */
#include "tests/support/test.h"

#include "harness/base/windows/functions.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/as_user.h"
#include "harness/setup/windows/audit.h"
#include "harness/setup/windows/files.h"
#include "harness/setup/windows/killed_runs.h"
#include "harness/setup/windows/os.h"
#include "harness/setup/windows/secret.h"
#include "harness/setup/windows/state_file.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"
#include "tests/support/windows/setup.h"

enum { WAIT_MS = 30000 };

/* --- the command line --- */

static void usage(void **state)
{
    const char *const nothing[] = {NULL};

    (void)state;
    if (!program_is_wine() && !sbx_as_user_is_elevated())
        skip(); /* its manifest keeps it from being started at all */
    setup_do(2, "which verb?", nothing);
    SETUP(0, "sbx-setup 0.", "--version");
    SETUP(0, "Usage: sbx-setup VERB", "--help");
    SETUP(0, "Usage: sbx-setup VERB", "install", "-h"); /* and does nothing else */
    SETUP(2, "instal: no such verb", "instal");
    SETUP(2, "--force: no such option", "install", "--force");
    SETUP(2, "status: one operand too many", "install", "status");
    SETUP(2, "--audit-denials: an option of install", "status", "--audit-denials");
    SETUP(2, "--audit-denials: an option of install", "--audit-denials", "repair");
}

static bool asks_for(const char *program, const char *level)
{
    wchar_t *wide = sbx_wide(program);
    HMODULE file = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_AS_DATAFILE);
    HRSRC found =
        file == NULL ? NULL : FindResourceW(file, MAKEINTRESOURCEW(1), (LPCWSTR)RT_MANIFEST);
    char manifest[8192] = "";
    DWORD bytes = found == NULL ? 0 : SizeofResource(file, found);

    assert_true(bytes > 0 && bytes < sizeof(manifest));
    memcpy(manifest, LockResource(LoadResource(file, found)), bytes);
    FreeLibrary(file);
    free(wide);
    return strstr(manifest, level) != NULL;
}

static void only_this_one_asks_for_an_administrator(void **state)
{
    (void)state;
    assert_true(asks_for(setup_program(), "level=\"requireAdministrator\""));
    assert_false(asks_for(setup_program(), "asInvoker"));
    assert_true(asks_for(program_sbx(), "level=\"asInvoker\""));
    assert_false(asks_for(program_sbx(), "requireAdministrator"));
}

/* As the user who is no administrator any more; *out_code: of the process, or why it was not started. */
static void run_without_administrator(const char *verb, char *says, size_t room, DWORD *out_code)
{
    union {
        SID sid;
        BYTE room[SECURITY_MAX_SID_SIZE];
    } administrators;
    SID_AND_ATTRIBUTES disabled = {.Sid = &administrators.sid};
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    STARTUPINFOW start = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made = {0};
    HANDLE token = NULL, lesser = NULL, ours = NULL;
    DWORD bytes = sizeof(administrators), got = 0;
    char line[1200];
    wchar_t *wide;

    says[0] = '\0';
    assert_true(CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, &administrators.sid, &bytes));
    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token));
    assert_true(CreateRestrictedToken(token, 0, 1, &disabled, 0, NULL, 0, NULL, &lesser));
    assert_true(CreatePipe(&ours, &start.hStdError, &inherited, 65536));
    assert_true(SetHandleInformation(ours, HANDLE_FLAG_INHERIT, 0));
    start.hStdOutput = start.hStdError;
    (void)snprintf(line, sizeof(line), "\"%s\" %s", setup_program(), verb);
    wide = sbx_wide(line);
    if (CreateProcessAsUserW(lesser, NULL, wide, NULL, NULL, TRUE, 0, NULL, NULL, &start, &made)) {
        CloseHandle(start.hStdError);
        assert_int_equal(WaitForSingleObject(made.hProcess, WAIT_MS), WAIT_OBJECT_0);
        assert_true(GetExitCodeProcess(made.hProcess, out_code));
        if (ReadFile(ours, says, (DWORD)room - 1, &got, NULL))
            says[got] = '\0';
        CloseHandle(made.hThread);
        CloseHandle(made.hProcess);
    } else {
        *out_code = GetLastError();
        CloseHandle(start.hStdError);
    }
    CloseHandle(ours);
    CloseHandle(lesser);
    CloseHandle(token);
    free(wide);
}

static void without_elevation_it_refuses(void **state)
{
    static const char *const verbs[] = {"install", "status", "repair", "uninstall", "grants"};

    setup_needs_elevation(state);
    for (size_t i = 0; i < SBX_COUNT_OF(verbs); i++) {
        char says[2000];
        DWORD code = 0;

        run_without_administrator(verbs[i], says, sizeof(says), &code);
        if (code == SBX_OS_NEEDS_ADMIN && says[0] == '\0')
            continue; /* Windows itself refuses, by the manifest */
        assert_int_equal(code, 1);
        if (strstr(says, ": not elevated: ") == NULL)
            fail_msg("%s says: %s", verbs[i], says);
    }
    setup_check_nothing_left();
}

/* --- the real table, as far as this system goes --- */

static void hidden_accounts(void **state)
{
    const sbx_setup_item *item = setup_item(SBX_SETUP_HIDDEN, SBX_SETUP_OFFLINE);
    static const wchar_t list[] =
        L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon\\SpecialAccounts\\UserList";
    DWORD value = 1;

    setup_needs_elevation(state);
    assert_int_equal(setup_found(item), SBX_SETUP_ABSENT);
    assert_int_equal(sbx_setup_os_real.put(item), 0);
    assert_int_equal(setup_found(item), SBX_SETUP_THERE);
    assert_int_equal(
        RegSetKeyValueW(HKEY_LOCAL_MACHINE, list, L"SbxOffline", REG_DWORD, &value, sizeof(value)),
        0);
    assert_int_equal(setup_found(item), SBX_SETUP_OTHER);
    assert_int_equal(RegSetKeyValueW(HKEY_LOCAL_MACHINE, list, L"SbxOffline", REG_SZ, L"0", 4), 0);
    assert_int_equal(setup_found(item), SBX_SETUP_OTHER);
    assert_int_equal(sbx_setup_os_real.put(item), 0);
    assert_int_equal(setup_found(item), SBX_SETUP_THERE);
    assert_int_equal(sbx_setup_os_real.take(item), 0);
    assert_int_equal(setup_found(item), SBX_SETUP_ABSENT);
    assert_int_equal(sbx_setup_os_real.take(item), 0);
}

/* Wine keeps users for one process, and not what says whose they are: such a one is taken back at once. */
static void a_user_is_what_reads_back(void **state)
{
    const sbx_setup_item *item = setup_item(SBX_SETUP_USER, SBX_SETUP_OFFLINE);
    const char *secret = setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets/SbxOffline.secret");

    setup_needs_elevation(state);
    assert_int_equal(setup_found(item), SBX_SETUP_ABSENT);
    if (program_is_wine()) {
        assert_int_equal(sbx_setup_os_real.put(item), ERROR_NOT_SUPPORTED);
        assert_string_equal(sbx_setup_os_real.why(), "its comment did not read back");
    } else {
        assert_int_equal(sbx_setup_os_real.put(item), 0);
        assert_true(setup_exists(secret));
        assert_int_equal(setup_found(item), SBX_SETUP_THERE);
        assert_int_equal(sbx_setup_os_real.take(item), 0);
    }
    assert_int_equal(setup_found(item), SBX_SETUP_ABSENT);
    assert_false(setup_exists(secret));
}

/* Nothing of the plan ends the program, whatever this system lacks. */
static void everything_can_be_asked(void **state)
{
    size_t count;
    const sbx_setup_item *plan = sbx_setup_plan(&count);

    setup_needs_elevation(state);
    for (size_t i = 0; i < count; i++) {
        sbx_setup_found found = SBX_SETUP_THERE;
        uint32_t code = sbx_setup_os_real.find(&found, &plan[i]);

        assert_true(code != 0 || found != SBX_SETUP_THERE);
    }
    plan = sbx_setup_audit_plan();
    for (size_t i = 0; i < SBX_SETUP_AUDITS; i++) {
        sbx_setup_found found = SBX_SETUP_THERE;
        uint32_t code = sbx_setup_os_real.find(&found, &plan[i]);

        assert_true(code == 0 || found != SBX_SETUP_THERE); /* or the machine's owner has it on */
        if (program_is_wine()) {
            assert_int_equal(code, SBX_SETUP_NO_FUNCTION);
            assert_non_null(strstr(sbx_setup_os_real.why(), "this Windows has no Audit"));
            assert_int_equal(sbx_setup_os_real.put(&plan[i]), SBX_SETUP_NO_FUNCTION);
        }
    }
}

/* What a Windows lacks is named, and not called. */
static void what_is_missing_is_named(void **state)
{
    static const char *const names[] = {"GetTickCount64", "FwpmNothing0"};
    FARPROC found[2] = {NULL, NULL};
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_functions_find(found, sizeof(found), "kernel32.dll", names, 1, &err),
                     SBX_OK);
    assert_non_null(found[0]);
    assert_int_equal(sbx_functions_find(found, sizeof(found), "kernel32.dll", names, 2, &err),
                     SBX_REFUSED);
    assert_string_equal(err.message, "this Windows has no FwpmNothing0 in kernel32.dll");
    assert_null(found[1]);
    assert_int_equal(sbx_functions_find(found, sizeof(found), "nothing.dll", names, 1, &err),
                     SBX_REFUSED);
    assert_non_null(strstr(err.message, "does not load nothing.dll"));
}

/* --- files and locks --- */

static int probe(int argc, char **argv)
{
    sbx_state_lock lock = NULL;

    if (argc == 2 && strcmp(argv[0], "hold") == 0) {
        if (sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, 0, NULL) != SBX_OK)
            return 3;
        Sleep((DWORD)strtoul(argv[1], NULL, 10));
        sbx_state_lock_give(&lock);
        return 0;
    }
    if (argc == 1 && strcmp(argv[0], "stay") == 0)
        Sleep(120000);
    return 0;
}

static HANDLE start_holder(const char *ms)
{
    const char *argv[] = {program_self(), "--probe", "hold", ms, NULL};
    HANDLE holder = program_start(argv);
    ULONGLONG until = GetTickCount64() + WAIT_MS;

    while (!sbx_state_lock_is_held(SBX_STATE_LOCK_SETUP)) {
        if (GetTickCount64() > until)
            fail_msg("%s", "the lock is not taken");
        Sleep(10);
    }
    return holder;
}

static void one_at_a_time(void **state)
{
    sbx_state_lock lock = NULL;
    HANDLE holder;
    sbx_error err;

    setup_needs_elevation(state);
    holder = start_holder("120000");
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, 200, &err), SBX_BUSY);
    assert_non_null(strstr(err.message, "another sbx-setup is at work"));
    assert_null(lock);
    SETUP(1, "another sbx-setup is at work", "install");
    assert_true(TerminateProcess(holder, 1)); /* a setup that is ended gives its lock back */
    assert_int_equal(WaitForSingleObject(holder, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(holder);
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, WAIT_MS, &err), SBX_OK);
    assert_true(sbx_state_lock_is_held(SBX_STATE_LOCK_SETUP));
    sbx_state_lock_give(&lock);
    assert_false(sbx_state_lock_is_held(SBX_STATE_LOCK_SETUP));
    holder = start_holder("1500"); /* and is waited for */
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, WAIT_MS, &err), SBX_OK);
    sbx_state_lock_give(&lock);
    assert_int_equal(WaitForSingleObject(holder, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(holder);
    assert_int_equal(sbx_state_remove_folder(NULL), SBX_OK);
    setup_check_nothing_left();
}

static void a_folder_of_others_is_not_trusted(void **state)
{
    const char *folder = setup_place(SBX_SETUP_FOLDER_MACHINE, "");
    sbx_state_lock lock = NULL;
    sbx_error err;

    setup_needs_elevation(state);
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, 0, &err), SBX_OK);
    sbx_state_lock_give(&lock);
    program_set_access(folder, GRANT_ACCESS, FILE_ALL_ACCESS);
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, 0, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "others may write to it"));
    SETUP(1, "others may write to it", "install");
    assert_int_equal(sbx_state_remove_folder(NULL), SBX_OK);
}

/* In a state of this user's, without a setup behind it: for what does not get as far as the plan. */
static void write_state_as(const char *owner, bool is_complete)
{
    sbx_state_lock lock = NULL;
    sbx_state about = {.made_us = 1,
                       .is_complete = is_complete,
                       .group = "S-1-5-21-9-9-9-1004",
                       .offline = "S-1-5-21-9-9-9-1005",
                       .online = "S-1-5-21-9-9-9-1006"};

    if (owner == NULL)
        assert_int_equal(sbx_security_user(about.owner, NULL), SBX_OK);
    else
        (void)snprintf(about.owner, sizeof(about.owner), "%s", owner);
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, 0, NULL), SBX_OK);
    assert_int_equal(sbx_state_save(&about, NULL), SBX_OK);
    sbx_state_lock_give(&lock);
}

static void write_state(const char *owner)
{
    write_state_as(owner, false);
}

static void remove_state(void)
{
    assert_int_equal(sbx_state_remove(NULL), SBX_OK);
    assert_int_equal(sbx_state_remove_folder(NULL), SBX_OK);
    setup_check_nothing_left();
}

static void a_state_of_somebody_or_something_else(void **state)
{
    const char *file = setup_place(SBX_SETUP_FOLDER_MACHINE, "/setup.json");

    setup_needs_elevation(state);
    SETUP(1, "nothing was set up", "repair");
    SETUP(1, "nothing was set up", "grants");
    write_state("S-1-5-21-9-9-9-1001");
    SETUP(1, "the user S-1-5-21-9-9-9-1001 has set up this machine", "install");
    SETUP(1, "the user S-1-5-21-9-9-9-1001 has set up this machine", "uninstall");
    assert_true(setup_exists(file));
    assert_int_equal(
        sbx_setup_file_write(file, "{\"version\":2}", "D:P(A;;FA;;;SY)(A;;FA;;;BA)", NULL), SBX_OK);
    SETUP(1, "a setup of another version (2) was here", "install");
    SETUP(1, "a setup of another version (2) was here", "status");
    SETUP(1, "a setup of another version (2) was here", "uninstall");
    assert_int_equal(sbx_setup_file_write(file, "nonsense", "D:P(A;;FA;;;SY)(A;;FA;;;BA)", NULL),
                     SBX_OK);
    SETUP(1, "is not readable", "repair");
    remove_state();
}

/* Neither by default nor where it is asked for is a command then a sandbox user's. */
static void check_exec(const char *says)
{
    char database[600];
    const char *argv[] = {program_sbx(), "exec", "--audit-db", database, "--", program_self(),
                          "--probe",     "none", NULL,         NULL,     NULL};
    static const char *const missing[] = {"net", "uid"};

    (void)snprintf(database, sizeof(database), "%s/audit.db", program_place("exec"));
    for (int i = 0; i < 2; i++) {
        program_run done = {0};

        if (i == 1) {
            memmove(&argv[4], &argv[2], 6 * sizeof(argv[0]));
            argv[2] = "--identity";
            argv[3] = "sandbox";
        }
        program_do(&done, argv, NULL, 0);
        if (done.code != 125 || strstr(done.err, says) == NULL ||
            strstr(done.err, missing[i]) == NULL || strstr(done.err, "sbx-setup ") == NULL)
            fail_msg("code %lu, without \"%s\": %s", done.code, says, done.err);
        program_done(&done);
    }
}

/* What keeps a run from the sandbox users has its own words each. */
static void a_run_says_what_is_amiss(void **state)
{
    const char *file = setup_place(SBX_SETUP_FOLDER_MACHINE, "/setup.json");

    setup_needs_elevation(state);
    check_exec("nobody has set this machine up");
    write_state("S-1-5-21-9-9-9-1001");
    check_exec("were set up by another user");
    write_state(NULL);
    check_exec("is not complete");
    write_state_as(NULL, true);
    check_exec("is not the one that was set up");
    assert_int_equal(sbx_setup_file_write(file, "nonsense", "D:P(A;;FA;;;SY)(A;;FA;;;BA)", NULL),
                     SBX_OK);
    check_exec("cannot be read");
    remove_state();
}

static void a_pass_says_what_became_of_it(void **state)
{
    sbx_grants grants = {.phase = SBX_GRANTS_IN_PROGRESS};
    sbx_state_lock lock = NULL;

    setup_needs_elevation(state);
    write_state(NULL);
    assert_int_equal(sbx_grants_keep(&grants, NULL), SBX_OK);
    SETUP(1, "ended before its end\tgrants", "status"); /* nobody holds its lock */
    assert_int_equal(sbx_state_lock_take(&lock, SBX_STATE_LOCK_GRANTS, 0, NULL), SBX_OK);
    SETUP(1, "in progress\tgrants", "status");
    SETUP(1, "\"grants\":\"in progress\"", "status", "--json");
    SETUP(1, "another sbx-setup is at work", "grants");
    sbx_state_lock_give(&lock);
    SETUP(1, "looking for the group SbxUsers", "grants"); /* there is none */
    assert_int_equal(sbx_grants_load(&grants, NULL), SBX_OK);
    assert_int_equal(grants.phase, SBX_GRANTS_FAILED);
    assert_non_null(strstr(grants.why, "looking for the group SbxUsers"));
    sbx_grants_done(&grants);
    SETUP(1, "failed\tgrants\t0 entries\tlooking for the group", "status");
    SETUP(1, "incomplete\tsetup", "status");
    remove_state();
}

/* --- what killed runs left --- */

static void what_a_killed_run_left(void **state)
{
    char database[700], leases[2000];
    const char *place = program_place("setup"), *temp;
    const char *run[] = {program_sbx(), "exec",         "--allow-degraded", "--audit-db", database,
                         "--",          program_self(), "--probe",          "stay",       NULL};
    sbx_killed_runs killed;
    ULONGLONG until = GetTickCount64() + WAIT_MS;
    HANDLE supervisor;

    (void)state;
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    assert_true(SetEnvironmentVariableA("SBX_AUDIT_DB", database));
    assert_int_equal(sbx_killed_runs_release(&killed, NULL), SBX_OK); /* no database is no run */
    assert_int_equal(killed.released + killed.kept, 0);
    assert_false(setup_exists(database));
    supervisor = program_start(run);
    while (!setup_exists(database) ||
           program_ask(database, "SELECT count(*) FROM process", NULL, 0) < 1) {
        if (GetTickCount64() > until)
            fail_msg("%s", "the run does not begin");
        Sleep(50);
    }
    (void)program_ask(database, "SELECT leases ->> 0 FROM run", leases, sizeof(leases));
    temp = strstr(leases, " C:/");
    assert_non_null(temp);
    assert_true(setup_exists(++temp));
    assert_true(TerminateProcess(supervisor, 1));
    assert_int_equal(WaitForSingleObject(supervisor, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(supervisor);
    assert_true(setup_exists(temp));
    assert_int_equal(sbx_killed_runs_release(&killed, NULL), SBX_OK);
    assert_true(killed.released >= 1);
    assert_int_equal(killed.kept, 0);
    assert_false(setup_exists(temp));
    (void)program_ask(database, "SELECT status FROM run", leases, sizeof(leases));
    assert_string_equal(leases, "lost");
    assert_int_equal(sbx_killed_runs_release(&killed, NULL), SBX_OK);
    assert_int_equal(killed.released, 0);
}

/* --- the whole --- */

static void under_wine_an_install_is_refused(void **state)
{
    setup_needs_elevation(state);
    if (!program_is_wine())
        skip();
    SETUP(1, "the group SbxUsers", "install"); /* Wine says yes to every group */
    setup_check_nothing_left();
    SETUP(1, "{\"verb\":\"install\",\"ok\":false,\"error\":{\"status\":\"refused\"", "install",
          "--json");
    setup_check_nothing_left();
    SETUP(1, "absent\tuser\tSbxOffline", "status");
    SETUP(1, "unknown\tfilter\tsbx-offline-connect-v4\tSbxOffline", "status");
    SETUP(1, "absent\tsetup", "status");
    setup_check_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage),
        cmocka_unit_test(only_this_one_asks_for_an_administrator),
        cmocka_unit_test(without_elevation_it_refuses),
        cmocka_unit_test(everything_can_be_asked),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(hidden_accounts),
        cmocka_unit_test(a_user_is_what_reads_back),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(a_folder_of_others_is_not_trusted),
        cmocka_unit_test(a_state_of_somebody_or_something_else),
        cmocka_unit_test(a_run_says_what_is_amiss),
        cmocka_unit_test(a_pass_says_what_became_of_it),
        cmocka_unit_test(under_wine_an_install_is_refused),
        cmocka_unit_test(what_a_killed_run_left),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
