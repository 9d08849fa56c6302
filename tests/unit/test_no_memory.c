/*
 * No memory: the n-th allocation fails, for all n, or the n-th and every one after it; in policies, plans, runs, and in what
 * reads the database. Nothing crashes or hangs, what could not be done says so, no command runs without a row, and the
 * ledger holds afterwards. Whole commands, in a process of their own each, whose malloc() is the one below.
 *
 *     SBX_FAULT_STRIDE=1     every allocation; usually each 41st
 *     SBX_FAULT_FIRST=683    from that one on
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/compiler.h"
#include "harness/cli/command.h"
#include "tests/support/abuse.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC false
static unsigned countdown;
static bool fails_on;
#else
#define HAS_OWN_MALLOC true

/* glibc's own, under the names that a program may put its own before. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);

static unsigned countdown; /* 0: none fails */
static bool fails_on;

static bool must_fail(void)
{
    if (countdown == 0 || (countdown > 1 && --countdown > 0))
        return false;
    countdown = fails_on ? 1 : 0;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    return must_fail() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return must_fail() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return must_fail() ? NULL : __libc_realloc(old, bytes);
}
#endif

enum { USUAL_STRIDE = 41, ALLOCATIONS_MAX = 200000, LONGEST_S = 30 };

typedef int command(int argc, char **argv);

typedef struct attempt {
    unsigned n;
    bool goes_on; /* every later one fails, too */
    int code;
    bool was_hit;
    char said[4096]; /* on stderr */
} attempt;

static char **copy_arguments(int *out_count, const char *const *arguments)
{
    char **argv = calloc(64, sizeof(*argv));
    int count = 0;

    for (; arguments[count] != NULL && count < 63; count++)
        argv[count] = (char *)(uintptr_t)arguments[count];
    *out_count = count;
    return argv;
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* In the child. What is still to be counted down when it returns was not reached. */
_Noreturn static void run_child(command *run, const char *const *arguments, const attempt *how,
                                int said, bool *was_hit)
{
    int argc, code, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char **argv = copy_arguments(&argc, arguments);

    (void)dup2(null, 0);
    (void)dup2(null, 1);
    (void)dup2(said, 2);
    for (size_t i = 0; i < SBX_COUNT_OF(crashes);
         i++) /* or it would be cmocka's, and go on testing here */
        (void)signal(crashes[i], SIG_DFL);
    (void)alarm(LONGEST_S);
    fails_on = how->goes_on;
    countdown = how->n;
    code = run(argc, argv);
    *was_hit = how->n != 0 && countdown <= 1 && (how->goes_on ? countdown == 1 : countdown == 0);
    countdown = 0;
    _exit(code);
}

static void try_once(attempt *out, const sbx_test_place *place, command *run,
                     const char *const *arguments)
{
    int said = open(place->base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), status = 0;
    bool *was_hit = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ssize_t bytes;
    pid_t child;

    if (said < 0 || was_hit == MAP_FAILED)
        fail_msg("%s: %s", place->base, strerror(errno));
    (void)unlink(sbx_test_path(place->root, "marker"));
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(run, arguments, out, said, was_hit);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    bytes = pread(said, out->said, sizeof(out->said) - 1, 0);
    out->said[bytes > 0 ? bytes : 0] = '\0';
    out->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->was_hit = *was_hit;
    (void)munmap(was_hit, 4096);
    close(said);
    if (!WIFEXITED(status))
        fail_msg("allocation %u%s: signal %d; %s", out->n, out->goes_on ? " and all later" : "",
                 WTERMSIG(status), out->said);
}

/* check: after each one; NULL: a failure is to be told, and that is all. */
static unsigned fail_each(const sbx_test_place *place, const char *name, command *run,
                          const char *const *arguments,
                          void (*check)(const sbx_test_place *, const attempt *))
{
    unsigned stride = sbx_test_setting("SBX_FAULT_STRIDE", USUAL_STRIDE), tried = 0, told = 0;
    attempt plain = {.n = 0};

    try_once(&plain, place, run, arguments);
    if (plain.code != 0)
        fail_msg("%s: exit %d without a fault: %s", name, plain.code, plain.said);
    for (int goes_on = 0; goes_on <= 1; goes_on++)
        for (unsigned n = sbx_test_setting("SBX_FAULT_FIRST", 1); n < ALLOCATIONS_MAX;
             n += n < 40 ? 1 : stride) {
            attempt one = {.n = n, .goes_on = goes_on != 0};

            try_once(&one, place, run, arguments);
            if (!one.was_hit)
                break;
            tried++;
            told += one.code != 0;
            if (one.code != 0 && one.said[0] == '\0')
                fail_msg("%s, allocation %u%s: exit %d, and nothing is said", name, n,
                         goes_on != 0 ? " and all later" : "", one.code);
            if (check != NULL)
                check(place, &one);
        }
    print_message("%s: told %u times\n", name, told);
    sbx_test_tally("unit/no_memory, an allocation failed", tried);
    return tried;
}

/* ---- the database, seen by plain SQL --------------------------------------------------------- */

static int count_rows(const sbx_test_place *place, const char *where)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    int count;

    assert_int_equal(sqlite3_open_v2(place->database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        sbx_test_text("SELECT count(*) FROM run WHERE %s", where),
                                        -1, &select, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    count = sqlite3_column_int(select, 0);
    sqlite3_finalize(select);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return count;
}

static int rows_before;

static void no_row_no_run(const sbx_test_place *place, const attempt *one)
{
    const char *marker = sbx_test_path(place->root, "marker");
    int rows = count_rows(place, "1");

    if (sbx_test_exists(marker) && rows <= rows_before)
        fail_msg("allocation %u%s: the command ran without a row (%d and %d); exit %d: %s", one->n,
                 one->goes_on ? " and all later" : "", rows_before, rows, one->code, one->said);
    if (one->code == 0 && !sbx_test_exists(marker))
        fail_msg("allocation %u: exit 0, but the command did nothing", one->n);
    rows_before = rows;
    if (!sbx_test_wait_probes(place, 0, 5000))
        fail_msg("allocation %u: a command is still there", one->n);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void need_own_malloc(void)
{
    if (!HAS_OWN_MALLOC) {
        print_message("a sanitizer has its own malloc()\n");
        skip();
    }
}

/* sbx_test_path() would be another path by the end of it. */
static void keep(char out[SBX_TEST_PATH_BYTES], const char *directory, const char *name)
{
    assert_true(snprintf(out, SBX_TEST_PATH_BYTES, "%s/%s", directory, name) < SBX_TEST_PATH_BYTES);
}

static void test_exec(void **state)
{
    const sbx_test_place *place = *state;
    char marker[SBX_TEST_PATH_BYTES], result[SBX_TEST_PATH_BYTES];
    const char *const arguments[] = {"--audit-db",  place->database, "--result", result,
                                     "--read",      place->base,     "--write",  place->root,
                                     "--mem",       "128M",          "--",       place->probe,
                                     "create-file", marker,          NULL};
    attempt last = {.n = 0};

    keep(marker, place->root, "marker");
    keep(result, place->base, "result.json");
    need_own_malloc();
    assert_true(fail_each(place, "exec", sbx_command_exec, arguments, no_row_no_run) > 40);
    try_once(&last, place, sbx_command_exec, arguments);
    assert_int_equal(last.code, 0);
    assert_int_equal(count_rows(place, "status = 'running'"), 0);
    try_once(&last, place, sbx_command_audit_verify, SBX_LIST("--audit-db", place->database));
    if (last.code != 0)
        fail_msg("verify: exit %d: %s", last.code, last.said);
}

static void test_plan(void **state)
{
    const sbx_test_place *place = *state;
    char policy[SBX_TEST_PATH_BYTES];

    need_own_malloc();
    keep(policy, place->base, "policy.json");
    sbx_test_write(
        policy, sbx_test_text("{\"version\":1,\"extends\":\"workspace\",\"filesystem\":{\"write\":"
                              "[\"%s\"],\"read\":[\"%s\"]},\"limits\":{"
                              "\"memory\":\"64M\"},\"env\":{\"set\":{\"A\":\"b\"}}}",
                              place->root, place->base));
    assert_true(fail_each(place, "plan", sbx_command_exec,
                          SBX_LIST("--policy", policy, "--cwd", place->root, "--audit-db",
                                   place->database, "--dry-run", "--", "/bin/true"),
                          NULL) > 20);
}

/* Of a database with a few runs and a denial: with thousands there would be as many allocations that do the same. */
static void test_reading(void **state)
{
    const sbx_test_place *place = *state;
    char path[SBX_TEST_PATH_BYTES], page[SBX_TEST_PATH_BYTES], refused[SBX_TEST_PATH_BYTES];
    const char *const database[] = {"--audit-db", path, NULL};
    const char *const json[] = {"--audit-db", path, "--json", NULL};
    const char *const file[] = {"--audit-db", path, "--out", page, NULL};
    attempt plain = {.n = 0};

    keep(path, place->base, "few.db");
    keep(page, place->base, "report.html");
    keep(refused, place->outside, "refused");
    need_own_malloc();
    for (int i = 0; i < 3; i++)
        try_once(&plain, place, sbx_command_exec,
                 SBX_LIST("--audit-db", path, "--read", place->base, "--", place->probe,
                          "create-file", refused));
    assert_int_not_equal(plain.code, 0);
    assert_int_not_equal(plain.code, 125);
    assert_true(fail_each(place, "audit ls", sbx_command_audit_ls, database, NULL) > 20);
    assert_true(fail_each(place, "audit ls --json", sbx_command_audit_ls, json, NULL) > 20);
    assert_true(fail_each(place, "audit verify", sbx_command_audit_verify, database, NULL) > 20);
    assert_true(fail_each(place, "audit export", sbx_command_audit_export, database, NULL) > 20);
    assert_true(fail_each(place, "audit report", sbx_command_audit_report, file, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_plan),
        sbx_unit_test(test_exec),
        sbx_unit_test(test_reading),
    };

    return cmocka_run_group_tests_name("no memory", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
