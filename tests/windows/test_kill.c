/*
 * Nothing of a run outlives its supervisor, and what it had put on the host goes with the next start: sbx.exe is ended
 * hard, under a tree of processes, and with a job in the job.
 */
#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"

enum { TREE = 3, WAIT_MS = 20000 };

static char database[600], pids_path[600];
static const char *place;

/* --- the probe: each process writes its number, starts the next one, and stays --- */

static int grow(const char *path, unsigned long depth)
{
    char depth_text[16];
    const char *argv[] = {program_self(), "--probe", "tree", path, depth_text, NULL};
    wchar_t *wide = sbx_wide_path(path);
    char text[16];
    DWORD done;
    HANDLE file =
        CreateFileW(wide, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_ALWAYS, 0, NULL);

    (void)snprintf(text, sizeof(text), "%lu\n", GetCurrentProcessId());
    (void)WriteFile(file, text, (DWORD)strlen(text), &done, NULL);
    CloseHandle(file);
    (void)snprintf(depth_text, sizeof(depth_text), "%lu", depth - 1);
    if (depth > 1)
        CloseHandle(program_start(argv));
    Sleep(120000);
    return 0;
}

static int probe(int argc, char **argv)
{
    return argc == 3 ? grow(argv[1], strtoul(argv[2], NULL, 10)) : 0;
}

/* --- waiting for the tree --- */

static size_t read_pids(DWORD pids[TREE])
{
    wchar_t *wide = sbx_wide_path(pids_path);
    HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, 0, NULL);
    char text[256] = "";
    DWORD got = 0;
    size_t count = 0;

    free(wide);
    if (file == INVALID_HANDLE_VALUE)
        return 0;
    (void)ReadFile(file, text, sizeof(text) - 1, &got, NULL);
    CloseHandle(file);
    text[got] = '\0';
    for (char *at = text; strchr(at, '\n') != NULL && count < TREE; at = strchr(at, '\n') + 1)
        pids[count++] = strtoul(at, NULL, 10);
    return count;
}

/* Opens them while they live: a number alone could be given again. */
static void await_tree(HANDLE members[TREE])
{
    DWORD pids[TREE];
    ULONGLONG until = GetTickCount64() + WAIT_MS;

    while (read_pids(pids) < TREE) {
        if (GetTickCount64() > until)
            fail_msg("the tree does not grow: %zu", read_pids(pids));
        Sleep(20);
    }
    for (int i = 0; i < TREE; i++) {
        members[i] = OpenProcess(SYNCHRONIZE, FALSE, pids[i]);
        assert_non_null(members[i]);
        assert_int_equal(WaitForSingleObject(members[i], 0), WAIT_TIMEOUT);
    }
}

static void check_dead(HANDLE members[TREE])
{
    assert_int_equal(WaitForMultipleObjects(TREE, members, TRUE, 5000), WAIT_OBJECT_0);
    for (int i = 0; i < TREE; i++)
        CloseHandle(members[i]);
}

static HANDLE start(bool is_nested)
{
    const char *argv[40] = {program_sbx(), "exec",    "--allow-degraded", "--audit-db",
                            database,      "--label", "outer=1",          "--"};
    const char *const inner[] = {program_sbx(), "exec",   "--allow-degraded",
                                 "--audit-db",  database, "--"};
    const char *const tree[] = {program_self(), "--probe", "tree", pids_path, "3"};
    size_t count = 8;

    for (size_t i = 0; is_nested && i < sizeof(inner) / sizeof(inner[0]); i++)
        argv[count++] = inner[i];
    for (size_t i = 0; i < sizeof(tree) / sizeof(tree[0]); i++)
        argv[count++] = tree[i];
    return program_start(argv);
}

static int begin(void **state)
{
    (void)state;
    place = program_place("kill");
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    (void)snprintf(pids_path, sizeof(pids_path), "%s/pids", place);
    return 0;
}

static void ask(char *out, size_t room, const char *columns)
{
    char sql[300];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT %s FROM run WHERE labels LIKE '%%outer%%' ORDER BY id DESC LIMIT 1",
                   columns);
    (void)program_ask(database, sql, out, room);
}

static bool exists(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD attributes = GetFileAttributesW(wide);

    free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES;
}

/* The place of a made lease is the last word of its line. */
static void find_temp(char *out, size_t room)
{
    char leases[2000];
    const char *found;

    ask(leases, sizeof(leases), "leases ->> 0");
    found = strstr(leases, " C:/");
    assert_non_null(found);
    (void)snprintf(out, room, "%s", found + 1);
}

/* Also the row of a command that is refused, because its working directory is nowhere, makes a database be opened. */
static void end_hard(bool is_nested, bool is_refused_next)
{
    const char *next[] = {program_sbx(),
                          "exec",
                          "--allow-degraded",
                          "--audit-db",
                          database,
                          "--cwd",
                          is_refused_next ? "C:/nowhere/at/all" : "C:/",
                          "--",
                          program_self(),
                          "--probe",
                          "nothing",
                          NULL};
    char temp[600], status[64];
    HANDLE members[TREE], supervisor = start(is_nested);
    program_run done = {0};

    await_tree(members);
    ask(status, sizeof(status), "status");
    assert_string_equal(status, "running");
    find_temp(temp, sizeof(temp));
    assert_true(exists(temp));
    assert_true(TerminateProcess(supervisor, 1));
    check_dead(members);
    assert_int_equal(WaitForSingleObject(supervisor, 5000), WAIT_OBJECT_0);
    CloseHandle(supervisor);
    assert_true(exists(temp)); /* nobody was there to take it away */
    program_do(&done, next, NULL, 0);
    assert_int_equal(done.code, is_refused_next ? 125 : 0);
    program_done(&done);
    ask(status, sizeof(status), "status || ' ' || reason");
    assert_string_equal(status, "lost supervisor");
    assert_false(exists(temp));
    assert_int_equal(
        program_ask(database, "SELECT count(*) FROM run WHERE status = 'running'", NULL, 0), 0);
}

static void a_tree(void **state)
{
    (void)state;
    end_hard(false, false);
}

static void and_then_a_refusal(void **state)
{
    (void)state;
    (void)!sbx_target_os_real.remove_tree(pids_path);
    end_hard(false, true);
}

static void a_job_in_the_job(void **state)
{
    (void)state;
    (void)!sbx_target_os_real.remove_tree(pids_path);
    if (!program_is_wine())
        skip(); /* there a confined sbx refuses to confine; see tests/windows/test_walls.c */
    end_hard(true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree),
        cmocka_unit_test(and_then_a_refusal),
        cmocka_unit_test(a_job_in_the_job),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
