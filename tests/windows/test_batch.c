/*
 * sbx batch run on Windows: fifty mixed tasks, each with the verdict that it must get, twice, and the same both times;
 * what a task writes is in its file byte for byte; ids are names of files; and no command gets at the processes that
 * guard it.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <io.h>

#include "harness/base/windows/security.h"
#include "harness/policy/windows/ace_plan.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/batch.h"
#include "tests/support/windows/program.h"

#include <tlhelp32.h>

enum { TASKS = 50 };

/* --- the probe --- */

/* Each byte that there is, ends of lines of all kinds among them. */
static void fill(unsigned char out[1024])
{
    for (int i = 0; i < 1024; i++)
        out[i] = (unsigned char)(i < 512 ? i : i % 3 == 0 ? '\r' : i % 3 == 1 ? '\n' : 26);
}

static int write_out(DWORD stream, const void *data, DWORD bytes)
{
    DWORD done = 0;

    return WriteFile(GetStdHandle(stream), data, bytes, &done, NULL) && done == bytes ? 0 : 1;
}

static int copy(void)
{
    static char data[4096];
    DWORD got = 0;

    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), data, sizeof(data), &got, NULL) && got > 0)
        if (write_out(STD_OUTPUT_HANDLE, data, got) != 0)
            return 1;
    return 0;
}

static int flood(void)
{
    static char data[4096];

    memset(data, 'x', sizeof(data));
    for (int i = 0; i < 20000; i++)
        if (write_out(STD_OUTPUT_HANDLE, data, sizeof(data)) != 0)
            return 1;
    return 0;
}

static DWORD parent_of(DWORD pid)
{
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32 each = {.dwSize = sizeof(each)};
    DWORD parent = 0;

    for (BOOL more = Process32First(all, &each); more; more = Process32Next(all, &each))
        if (each.th32ProcessID == pid)
            parent = each.th32ParentProcessID;
    CloseHandle(all);
    return parent;
}

/* 0: it has the list that closes it. */
static int read_guard(DWORD pid)
{
    HANDLE process = OpenProcess(READ_CONTROL, FALSE, pid);
    char user[SBX_SID_TEXT_BYTES];
    sbx_ace wanted[SBX_TOKEN_ACES_MAX];
    sbx_os_list found = {.count = 0};
    size_t count;

    if (process == NULL || sbx_security_user(user, NULL) != SBX_OK ||
        sbx_target_os_real.read_list(&found, process) != 0)
        return 1;
    count = sbx_guard_aces(wanted, user);
    for (size_t i = 0; i < count; i++)
        if (found.count != count || found.ace[i].mask != wanted[i].mask ||
            strcmp(found.ace[i].sid, wanted[i].sid) != 0)
            return 2;
    return 0;
}

/* Our worker, and the coordinator that started it. */
static int read_guards(void)
{
    DWORD worker = parent_of(GetCurrentProcessId()), coordinator = parent_of(worker);

    return read_guard(worker) * 10 + read_guard(coordinator);
}

static int probe(int argc, char **argv)
{
    const char *verb = argv[0], *value = argc > 1 ? argv[1] : "";
    unsigned char bytes[1024];

    (void)_setmode(_fileno(stdout), _O_BINARY);
    if (strcmp(verb, "exit") == 0)
        ExitProcess((UINT)strtoul(value, NULL, 0));
    if (strcmp(verb, "say") == 0)
        return write_out(STD_OUTPUT_HANDLE, value, (DWORD)strlen(value));
    if (strcmp(verb, "complain") == 0)
        return write_out(STD_ERROR_HANDLE, value, (DWORD)strlen(value));
    if (strcmp(verb, "bytes") == 0) {
        fill(bytes);
        return write_out(STD_OUTPUT_HANDLE, bytes, sizeof(bytes));
    }
    if (strcmp(verb, "crash") == 0)
        RaiseException(EXCEPTION_ACCESS_VIOLATION, EXCEPTION_NONCONTINUABLE, 0, NULL);
    if (strcmp(verb, "sleep") == 0)
        Sleep((DWORD)strtoul(value, NULL, 10));
    if (strcmp(verb, "copy") == 0)
        return copy();
    if (strcmp(verb, "flood") == 0)
        return flood();
    if (strcmp(verb, "guards") == 0)
        return read_guards();
    return 0;
}

/* --- fifty tasks --- */

typedef struct specimen {
    const char *verb, *value, *more;
    const char *verdict, *kind;
} specimen;

static const specimen corpus[] = {
    {"say", "42", "{\"expect\":{\"stdout\":\"42\"}}", "pass", ""},
    {"say", "41", "{\"expect\":{\"stdout\":\"42\"}}", "fail", "stdout"},
    {"exit", "3", NULL, "fail", "exit"},
    {"exit", "3", "{\"expect\":{\"exit\":[1,3]}}", "pass", ""},
    {"exit", "0x80000001", "{\"expect\":{\"exit\":2147483649}}", "pass", ""},
    {"crash", "", "{\"expect\":{\"exit\":-1073741819}}", "pass", ""},
    {"sleep", "30000", "{\"limits\":{\"wall\":\"1s\",\"grace\":\"0\"}}", "fail", "limit.wall"},
    {"sleep", "30000",
     "{\"limits\":{\"wall\":\"1s\",\"grace\":\"0\"},\"expect\":{\"reason\":\"wall\"}}", "pass", ""},
    {"flood", "", "{\"limits\":{\"output\":\"64K\"}}", "fail", "limit.output"},
    {"copy", "", "{\"stdin\":\"input\",\"expect\":{\"stdout\":{\"equals_file\":\"input\"}}}",
     "pass", ""},
    {"copy", "", "{\"expect\":{\"stdout\":\"\"}}", "pass", ""}, /* nothing to read */
    {"bytes", "", NULL, "pass", ""},
    {"complain", "a b", "{\"expect\":{\"stderr\":{\"contains\":[\"a\",\"b\"]}}}", "pass", ""},
};

static batch_place place;

static const char *id_of(unsigned number)
{
    static char id[16];

    (void)snprintf(id, sizeof(id), "t%u", number);
    return id;
}

static void write_input(void)
{
    char path[700];
    unsigned char bytes[1024];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/input", place.root);
    file = fopen(path, "wb");
    assert_non_null(file);
    fill(bytes);
    assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    assert_int_equal(fclose(file), 0);
}

static void check_verdicts(const json_t *results)
{
    assert_int_equal(json_object_size(results), TASKS + 1);
    for (unsigned i = 0; i < TASKS; i++) {
        const specimen *each = &corpus[i % SBX_COUNT_OF(corpus)];
        const char *id = id_of(i);

        if (strcmp(batch_text(results, id, "verdict"), each->verdict) != 0 ||
            strcmp(batch_text(results, id, "kind"), each->kind) != 0)
            fail_msg("%s (%s %s): %s \"%s\", %s", id, each->verb, each->value,
                     batch_text(results, id, "verdict"), batch_text(results, id, "kind"),
                     batch_text(results, id, "detail"));
    }
    assert_string_equal(batch_text(results, "missing", "kind"), "not_found");
}

static char *read_task_file(const batch_place *of, const char *id, const char *name,
                            size_t *out_bytes)
{
    char path[800];

    (void)snprintf(path, sizeof(path), "%s/tasks/%s/1/%s", of->out, id, name);
    return batch_read(path, out_bytes);
}

/* Everything but times, ids of runs, and how much of a flood was seen before the end. */
static void check_same(const json_t *one, const json_t *other, const batch_place *first,
                       const batch_place *second)
{
    static const char *const texts[] = {"verdict", "kind", "detail", "status", "reason", "spec"};
    static const char *const names[] = {"stdout", "stderr"};

    for (unsigned i = 0; i < TASKS; i++) {
        const char *id = id_of(i);

        for (size_t k = 0; k < SBX_COUNT_OF(texts); k++)
            assert_string_equal(batch_text(one, id, texts[k]), batch_text(other, id, texts[k]));
        assert_int_equal(batch_number(one, id, "exit_code"), batch_number(other, id, "exit_code"));
        for (size_t k = 0; k < SBX_COUNT_OF(names); k++) {
            size_t bytes = 0, other_bytes = 0;
            char *data = read_task_file(first, id, names[k], &bytes);
            char *other_data = read_task_file(second, id, names[k], &other_bytes);

            assert_true(data != NULL && other_data != NULL);
            assert_int_equal(bytes, other_bytes);
            assert_memory_equal(data, other_data, bytes);
            free(data);
            free(other_data);
        }
    }
}

static void check_rows(const char *batch)
{
    char sql[400], found[200];

    (void)snprintf(
        sql, sizeof(sql),
        "SELECT count(DISTINCT task) || ' ' || count(*) || ' ' || min(attempt) || ' ' || "
        "sum(status = 'running') || ' ' || min(session) || ' ' || sum(labels LIKE '%%k%%v%%') "
        "FROM run WHERE batch = '%s'",
        batch);
    (void)program_ask(place.database, sql, found, sizeof(found));
    assert_string_equal(found, "51 51 1 0 the session 51");
}

static void fifty_tasks(void **state)
{
    static const char *const options[] = {"-j",      "4",   "--session", "the session",
                                          "--label", "k=v", NULL};
    batch_place second = place;
    json_t *results[2], *summary;
    char *result;
    unsigned twice = 0;

    (void)state;
    (void)snprintf(second.out, sizeof(second.out), "%s/again", place.root);
    write_input();
    batch_begin(&place, "{\"wall\":\"60s\"}");
    for (unsigned i = 0; i < TASKS; i++) {
        const specimen *each = &corpus[i % SBX_COUNT_OF(corpus)];
        const char *words[] = {each->verb, each->value, NULL};

        batch_add(id_of(i), words, each->more);
    }
    batch_add("missing", (const char *[]){NULL}, "{\"argv\":[\"no-such-program\"]}");
    batch_end();
    for (int round = 0; round < 2; round++) {
        summary = batch_run(round == 0 ? &place : &second, options, 100);
        results[round] = batch_results(round == 0 ? &place : &second, &twice);
        assert_int_equal(twice, 0);
        check_verdicts(results[round]);
        check_rows(json_string_value(json_object_get(summary, "batch")));
        assert_int_equal(json_integer_value(json_object_get(summary, "workers_lost")), 0);
        json_decref(summary);
    }
    check_same(results[0], results[1], &place, &second);
    result = read_task_file(&place, "t8", "result.json", NULL);
    assert_non_null(result);
    assert_non_null(strstr(result, "\"reason\":\"output\""));
    free(result);
    json_decref(results[0]);
    json_decref(results[1]);
}

/* In the file, and in what is compared with it. */
static void bytes_stay_bytes(void **state)
{
    unsigned char wanted[1024];
    size_t bytes = 0;
    char *found;

    (void)state;
    fill(wanted);
    found = read_task_file(&place, "t11", "stdout", &bytes);
    assert_int_equal(bytes, sizeof(wanted));
    assert_memory_equal(found, wanted, bytes);
    free(found);
    found = read_task_file(&place, "t9", "stdout", &bytes); /* through a task's stdin */
    assert_int_equal(bytes, sizeof(wanted));
    assert_memory_equal(found, wanted, bytes);
    free(found);
    found = read_task_file(&place, "t8", "stdout", &bytes);
    assert_int_equal(bytes, 64 * 1024);
    free(found);
}

static void reports(void **state)
{
    static const struct {
        const char *name, *words;
    } files[] = {
        {"junit.xml", "<testcase"},
        {"joblog", "Exitval"},
        {"results.tap", "TAP version 14\n1..51\n"},
        {"report.html", "<html"},
        {"summary.json", "\"tasks\":51,"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(files); i++) {
        char path[700], *text;

        (void)snprintf(path, sizeof(path), "%s/%s", place.out, files[i].name);
        text = batch_read(path, NULL);
        if (text == NULL || strstr(text, files[i].words) == NULL)
            fail_msg("%s does not say %s", path, files[i].words);
        free(text);
    }
}

/* --- names --- */

static void ids_are_names(void **state)
{
    static const struct {
        const char *id, *name;
    } names[] = {
        {"alice", "alice"}, {"Alice", "%41lice"}, {"nul", "%6Eul"},       {"com1.x", "%63om1.x"},
        {"dot.", "dot%2E"}, {"a/b", "a%2Fb"},     {"\xc3\xa4", "%C3%A4"}, {"nullable", "nullable"},
    };
    static const char *const options[] = {"-j", "4", NULL};
    batch_place names_place;

    (void)state;
    batch_place_make(&names_place, "names");
    batch_begin(&names_place, NULL);
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++)
        batch_add(names[i].id, (const char *[]){"say", names[i].id, NULL}, NULL);
    batch_end();
    json_decref(batch_run(&names_place, options, 0));
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        char *text = read_task_file(&names_place, names[i].name, "stdout", NULL);

        if (text == NULL || strcmp(text, names[i].id) != 0)
            fail_msg("%s is not in %s: %s", names[i].id, names[i].name, text == NULL ? "" : text);
        free(text);
    }
}

/* --- the guards --- */

static void guards_are_closed(void **state)
{
    static const char *const options[] = {NULL};
    batch_place guarded;
    json_t *results;
    unsigned twice;

    (void)state;
    batch_place_make(&guarded, "guards");
    batch_begin(&guarded, NULL);
    batch_add("guards", (const char *[]){"guards", NULL}, NULL);
    batch_end();
    json_decref(batch_run(&guarded, options, 0));
    results = batch_results(&guarded, &twice);
    assert_int_equal(batch_number(results, "guards", "exit_code"), 0);
    json_decref(results);
}

/* --- what is refused --- */

static void check_refused(const batch_place *of, const char *option, const char *words)
{
    const char *argv[40];
    program_run done = {0};

    batch_command(argv, of, (const char *[]){"--dry-run", option, NULL});
    program_do(&done, argv, NULL, 0);
    if (done.code != 2 || strstr(done.err, words) == NULL)
        fail_msg("exit %lu: %s", done.code, done.err);
    program_done(&done);
}

static void what_is_not_here(void **state)
{
    batch_place refused;
    const char *argv[] = {program_sbx(), "--worker", NULL};
    program_run done = {0};

    (void)state;
    batch_place_make(&refused, "refused");
    batch_begin(&refused, NULL);
    batch_add("a", (const char *[]){"exit", "0", NULL},
              "{\"expect\":{\"stdout\":{\"regex\":\"x\"}}}");
    batch_end();
    check_refused(&refused, "-q", "regular expressions are not on Windows yet");
    check_refused(&refused, "--lines", "--lines: this system has no shell");
    batch_begin(&refused, NULL);
    batch_add("a", (const char *[]){"exit", "0", NULL}, "{\"expect\":{\"exit\":4294967296}}");
    batch_end();
    check_refused(&refused, "-q", "from -2147483648 to 4294967295");
    program_do(&done, argv, "x", 1); /* nobody but a pool starts that */
    assert_int_equal(done.code, 2);
    assert_int_equal(done.out_bytes, 0);
    program_done(&done);
}

static int begin(void **state)
{
    (void)state;
    batch_place_make(&place, "batch");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_tasks),       cmocka_unit_test(bytes_stay_bytes),
        cmocka_unit_test(reports),           cmocka_unit_test(ids_are_names),
        cmocka_unit_test(guards_are_closed), cmocka_unit_test(what_is_not_here),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
