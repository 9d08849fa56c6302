/*
 * Signatures on Windows, and what else the audit commands write: keygen, seal, verify, --out FILE, tail -f. The key's list
 * of entries is kept by Wine as far as the mode of a file can say it, and that is enough for one that is too wide.
 */
#include "tests/support/test.h"

#include <sqlite3.h>

#include "harness/base/windows/wide.h"
#include "tests/support/windows/program.h"

static char database[600], home[600], key[700];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(home, sizeof(home), "%s", program_place("seal"));
    (void)snprintf(database, sizeof(database), "%s/audit.db", home);
    (void)snprintf(key, sizeof(key), "%s/sbx/seal.key", home);
    /* Where the key is; of this program's children only. */
    assert_true(SetEnvironmentVariableA("LOCALAPPDATA", home));
    assert_true(SetEnvironmentVariableA("SBX_AUDIT_DB", database));
    return 0;
}

static void sbx(DWORD code, const char *says, const char *const *words)
{
    const char *argv[16] = {program_sbx()};
    program_run done = {0};

    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = words[i];
    program_do(&done, argv, NULL, 0);
    if (done.code != code || (strstr(done.out, says) == NULL && strstr(done.err, says) == NULL))
        fail_msg("%s %s: code %lu and not %lu, without \"%s\": %s%s", words[0], words[1], done.code,
                 code, says, done.out, done.err);
    program_done(&done);
}

#define SBX(code, says, ...) sbx((code), (says), (const char *const[]){__VA_ARGS__, NULL})

static void run_something(void)
{
    SBX(3, "", "exec", "--allow-degraded", "--quiet", "--net=full", "--", program_self(), "--probe",
        "exit");
}

static void seals(void **state)
{
    (void)state;
    run_something();
    SBX(0, "ed25519 ", "audit", "keygen");
    SBX(1, "there is a key already", "audit", "keygen");
    SBX(0, "sbx-seal 1 ", "audit", "seal");
    SBX(0, "\nverified", "audit", "verify"); /* all of it, by the key that is here */
}

static void what_was_changed_is_found(void **state)
{
    sqlite3 *db = NULL;

    (void)state;
    assert_int_equal(sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE run SET exit_code = 0 WHERE id = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    SBX(3, "exit_code is 0, and event", "audit", "verify");
    assert_int_equal(sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE run SET exit_code = 3 WHERE id = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    SBX(0, "\nverified", "audit", "verify");
}

static void a_key_that_others_read_is_none(void **state)
{
    (void)state;
    program_set_access(key, GRANT_ACCESS, GENERIC_READ);
    SBX(1, "others may read or write it", "audit", "seal");
    program_set_access(key, REVOKE_ACCESS, GENERIC_READ);
    SBX(0, "sbx-seal 1 ", "audit", "seal");
}

static void a_file_is_written_beside_its_place(void **state)
{
    char path[700], text[64] = "";
    FILE *file;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/out.jsonl", home);
    file = fopen(path, "wb");
    assert_non_null(file);
    fputs("what was there", file);
    fclose(file);
    SBX(0, "", "audit", "export", "-o", path);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_memory_equal(text, "{\"", 2);
    SBX(1, "is not a regular file", "audit", "export", "-o", home);
    SBX(1, "", "audit", "export", "-o", "NUL");
}

/* Takes it too. */
static void wait_for_output(HANDLE pipe)
{
    char taken[4096];
    DWORD waiting = 0;

    for (int i = 0; i < 100 && waiting == 0; i++) {
        Sleep(100);
        assert_true(PeekNamedPipe(pipe, NULL, 0, NULL, &waiting, NULL));
    }
    assert_true(waiting > 0);
    while (waiting > 0) {
        assert_true(ReadFile(pipe, taken, sizeof(taken), &waiting, NULL));
        assert_true(PeekNamedPipe(pipe, NULL, 0, NULL, &waiting, NULL));
    }
}

/* Until the reader of its output goes. */
static void tail_follows(void **state)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    STARTUPINFOW start = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made = {0};
    wchar_t line[1400], *program = sbx_wide(program_sbx());
    HANDLE ours = NULL, theirs = NULL;

    (void)state;
    assert_true(CreatePipe(&ours, &theirs, &inherited, 65536));
    assert_true(SetHandleInformation(ours, HANDLE_FLAG_INHERIT, 0));
    start.hStdOutput = theirs;
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    (void)_snwprintf(line, SBX_COUNT_OF(line), L"\"%ls\" audit tail --follow -n 1", program);
    assert_true(CreateProcessW(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &made));
    CloseHandle(theirs);
    wait_for_output(ours); /* what was there before */
    run_something();
    wait_for_output(ours); /* what came since */
    CloseHandle(ours);
    assert_int_equal(WaitForSingleObject(made.hProcess, 10000), WAIT_OBJECT_0);
    CloseHandle(made.hProcess);
    CloseHandle(made.hThread);
    free(program);
}

static int probe(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 3;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals),
        cmocka_unit_test(what_was_changed_is_found),
        cmocka_unit_test(a_key_that_others_read_is_none),
        cmocka_unit_test(a_file_is_written_beside_its_place),
        cmocka_unit_test(tail_follows),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
