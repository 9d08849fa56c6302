/*
 * libsbx as its callers have it, through its header alone: results, order, hostile callers (threads, handlers, children,
 * descriptors), and what is left when the caller or the helper is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/include/sbx/sbx.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { MANY = 300, THREADS = 4, SOON_MS = 15000 };

static sbx_runner *open_runner(const sbx_test_place *place, unsigned jobs)
{
    const sbx_options options = {.size = sizeof(options),
                                 .program = sbx_test_binary(),
                                 .audit_db = place->database,
                                 .jobs = jobs};
    sbx_runner *runner = NULL;
    sbx_error error;

    if (sbx_open(&runner, &options, &error) != SBX_OK)
        fail_msg("%s", error.message);
    return runner;
}

static uint64_t submit(sbx_runner *runner, sbx_command *command)
{
    sbx_error error;
    uint64_t ticket = 0;

    command->size = sizeof(*command);
    if (sbx_submit(runner, command, &ticket, &error) != SBX_OK)
        fail_msg("%s", error.message);
    return ticket;
}

static uint64_t submit_shell(sbx_runner *runner, const char *text)
{
    sbx_command command = {.argv = SBX_LIST("/bin/sh", "-c", text)};

    return submit(runner, &command);
}

static sbx_result *next(sbx_runner *runner)
{
    sbx_result *result = NULL;
    sbx_error error = {0};

    if (sbx_next(runner, &result, SBX_TEST_TIMEOUT_MS, &error) != SBX_OK)
        fail_msg("no result: %s", error.message);
    return result;
}

static void expect(const sbx_result *result, const char *status, const char *reason, int exit_code,
                   const char *output)
{
    if (strcmp(result->status, status) != 0 || strcmp(result->reason, reason) != 0 ||
        result->exit_code != exit_code || result->output_bytes != strlen(output) ||
        memcmp(result->output, output, result->output_bytes) != 0)
        fail_msg("%s \"%s\" %d: %s; output \"%.*s\"; errors \"%.*s\"", result->status,
                 result->reason, result->exit_code, result->message, (int)result->output_bytes,
                 result->output, (int)result->errors_bytes, result->errors);
}

static void expect_next(sbx_runner *runner, const char *status, const char *reason, int exit_code,
                        const char *output)
{
    sbx_result *result = next(runner);

    expect(result, status, reason, exit_code, output);
    sbx_result_free(result);
}

/* --- one command --- */

static void test_results(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 1);
    sbx_command command = {.argv = SBX_LIST("/bin/cat"), .input = "a\0b", .input_bytes = 3};
    sbx_result *result;

    submit_shell(runner, "echo out; echo err >&2; exit 3");
    result = next(runner);
    expect(result, "nonzero", "", 3, "out\n");
    assert_int_equal(result->errors_bytes, 4);
    assert_memory_equal(result->errors, "err\n", 4);
    assert_true(result->ticket == 1 && result->wall_ns > 0 && result->started_us > 0);
    sbx_result_free(result);
    submit(runner, &command);
    result = next(runner);
    assert_string_equal(result->status, "ok");
    assert_int_equal(result->output_bytes, 3);
    assert_memory_equal(result->output, "a\0b", 3);
    sbx_result_free(result);
    submit_shell(runner, "kill -9 $$");
    expect_next(runner, "signal", "", 137, "");
    command = (sbx_command){.argv = SBX_LIST("/no/such/program")};
    submit(runner, &command);
    expect_next(runner, "error", "not_found", 127, "");
    sbx_close(runner);
}

static void test_what_is_asked_for(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 1);
    sbx_command limited = {.argv = SBX_LIST(place->probe, "alloc", "200"),
                           .read = SBX_LIST(place->base),
                           .memory_bytes = 64u << 20};
    sbx_command slow = {.argv = SBX_LIST("/bin/sleep", "20"), .wall_ms = 200};
    sbx_command writes = {.argv = SBX_LIST("/bin/sh", "-c",
                                           "printf %s \"$NAME\" > made; echo x > "
                                           "../outside/touched"),
                          .cwd = place->root,
                          .write = SBX_LIST(place->root),
                          .env = SBX_LIST("NAME=\"v\\1\n="),
                          .labels = SBX_LIST("task=alice/t1")};
    sbx_command loud = {.argv = SBX_LIST("/usr/bin/yes"), .output_bytes = 65536};
    sbx_result *result;

    submit(runner, &limited);
    expect_next(runner, "limit", "memory", 137, "");
    submit(runner, &slow);
    expect_next(runner, "limit", "wall", 124, "");
    submit(runner, &writes);
    result = next(runner);
    assert_int_equal(result->exit_code, 2);
    assert_true(result->denied > 0 || geteuid() != 0);
    sbx_result_free(result);
    assert_true(sbx_test_holds(sbx_test_path(place->root, "made"), "\"v\\1\n="));
    assert_false(sbx_test_exists(sbx_test_path(place->outside, "touched")));
    submit(runner, &loud);
    result = next(runner);
    assert_string_equal(result->reason, "output");
    assert_true(result->output_bytes <= 65536);
    sbx_result_free(result);
    sbx_close(runner);
}

static void test_exec(void **state)
{
    const sbx_test_place *place = *state;
    const sbx_options options = {
        .size = sizeof(options), .program = sbx_test_binary(), .audit_db = place->database};
    const sbx_command command = {.size = sizeof(command), .argv = SBX_LIST("/bin/echo", "one")};
    sbx_result *result = NULL;
    sbx_error error;

    assert_int_equal(sbx_exec(&result, &options, &command, &error), SBX_OK);
    expect(result, "ok", "", 0, "one\n");
    sbx_result_free(result);
    assert_string_equal(sbx_version(), "0.1.0");
}

static void test_recorded(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 2);
    sbx_command command = {.argv = SBX_LIST("/bin/true"), .labels = SBX_LIST("task=t/1", "k=v")};
    sbx_test_outcome outcome;
    sbx_result *result;

    submit(runner, &command);
    result = next(runner);
    sbx_test_sbx(
        &outcome, place,
        SBX_LIST("audit", "ls", "--json", "--batch", sbx_runner_id(runner), "--label", "task=t/1"));
    assert_int_equal(outcome.exit_code, 0);
    assert_true(result->run_id[0] != '\0');
    assert_non_null(strstr(outcome.out, result->run_id));
    sbx_result_free(result);
    sbx_close(runner);
    sbx_test_outcome_done(&outcome);
}

/* --- many --- */

typedef struct collected {
    unsigned count;
    unsigned long sum;
} collected;

static void collect(void *context, const sbx_result *result)
{
    collected *seen = context;
    char text[32] = "";

    if (strcmp(result->status, "ok") != 0)
        fail_msg("command %llu: %s \"%s\", signal %d, exit %d: %s",
                 (unsigned long long)result->ticket, result->status, result->reason, result->signal,
                 result->exit_code, result->message);
    assert_true(result->output_bytes < sizeof(text));
    memcpy(text, result->output, result->output_bytes);
    assert_int_equal(strtoul(text, NULL, 10), (unsigned long)(uintptr_t)result->data);
    seen->sum += (unsigned long)(uintptr_t)result->data;
    seen->count++;
}

/* More is handed over than a socket holds, and nobody takes a result meanwhile. */
static void test_many(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 3);
    collected seen = {0};
    char *input = calloc(1, 8192);

    for (unsigned long i = 0; i < MANY; i++) {
        sbx_command command = {.argv = SBX_LIST("/bin/sh", "-c", "read -r x; echo $x"),
                               .input = input,
                               .input_bytes = 8192,
                               .data = (void *)(uintptr_t)i};

        memset(input, ' ', 8192);
        (void)snprintf(input + 4000, 32, "%lu\n", i);
        submit(runner, &command);
    }
    assert_int_equal(sbx_pending(runner), MANY);
    assert_int_equal(sbx_finish(runner, collect, &seen, NULL), SBX_OK);
    assert_int_equal(seen.count, MANY);
    assert_int_equal(seen.sum, (unsigned long)MANY * (MANY - 1) / 2);
    assert_int_equal(sbx_pending(runner), 0);
    free(input);
    sbx_close(runner);
}

static void test_poll_and_cancel(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 1);
    sbx_command sleeps = {.argv = SBX_LIST(place->probe, "sleep", "30"),
                          .read = SBX_LIST(place->base)};
    struct pollfd wait = {.fd = sbx_fd(runner), .events = POLLIN};
    uint64_t first = submit(runner, &sleeps), second = submit_shell(runner, "true");
    sbx_result *result = NULL;

    assert_int_equal(sbx_next(runner, &result, 50, NULL), SBX_NOTHING);
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_true(sbx_test_wait_probes(place, 1, SOON_MS));
    assert_int_equal(sbx_cancel(runner, second, NULL), SBX_OK);
    result = next(runner);
    assert_true(result->ticket == second);
    assert_string_equal(result->status, "cancelled");
    sbx_result_free(result);
    assert_int_equal(sbx_cancel(runner, first, NULL), SBX_OK);
    assert_int_equal(poll(&wait, 1, SOON_MS), 1);
    result = next(runner);
    assert_true(result->ticket == first);
    assert_string_equal(result->status, "cancelled");
    sbx_result_free(result);
    assert_int_equal(sbx_next(runner, &result, -1, NULL), SBX_NOTHING);
    assert_int_equal(sbx_cancel(runner, 999, NULL), SBX_OK); /* of nothing: nothing */
    submit_shell(runner, "echo still here");
    expect_next(runner, "ok", "", 0, "still here\n");
    sbx_close(runner);
}

/* What is wrong with a command is its result, and no one else's. */
static void test_bad_commands(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 1);
    sbx_command bad[] = {
        {.argv = SBX_LIST("/bin/echo", "\xff")},
        {.argv = SBX_LIST("/bin/true"), .policy = "no-such-policy"},
        {.argv = SBX_LIST("/bin/true"), .network = "sometimes"},
        {.argv = SBX_LIST("/bin/true"), .cwd = "/no/such/place"},
        {.argv = SBX_LIST("/bin/true"), .write = SBX_LIST("/etc")},
    };
    const char *const none[] = {NULL};
    sbx_command empty = {.size = sizeof(empty), .argv = none};
    sbx_error error = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sbx_result *result;

        submit(runner, &bad[i]);
        result = next(runner);
        if (strcmp(result->status, "refused") != 0 || result->message[0] == '\0' ||
            result->exit_code != 125)
            fail_msg("command %zu: %s %d: %s", i, result->status, result->exit_code,
                     result->message);
        sbx_result_free(result);
    }
    assert_int_equal(sbx_submit(runner, &empty, NULL, &error), SBX_INVALID);
    assert_int_equal(error.code, SBX_INVALID);
    empty.size = 1;
    assert_int_equal(sbx_submit(runner, &empty, NULL, NULL), SBX_INVALID);
    /* An older caller's structure ends where it ends. */
    bad[1] = (sbx_command){
        .size = offsetof(sbx_command, cwd), .argv = SBX_LIST("/bin/true"), .cwd = "/no/such/place"};
    assert_int_equal(sbx_submit(runner, &bad[1], NULL, NULL), SBX_OK);
    expect_next(runner, "ok", "", 0, "");
    sbx_close(runner);
}

static void expect_refusal(const sbx_options *options, const char *text)
{
    sbx_runner *runner = (sbx_runner *)(uintptr_t)1;
    sbx_error error = {0};

    assert_int_equal(sbx_open(&runner, options, &error), SBX_REFUSED);
    assert_null(runner);
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, text);
}

static void test_refusals(void **state)
{
    const sbx_test_place *place = *state;
    sbx_options options = {.size = sizeof(options), .program = "/no/such/sbx"};

    expect_refusal(&options, "/no/such/sbx: No such file");
    options.program = "/bin/true";
    expect_refusal(&options, "no sbx");
    options.program = sbx_test_binary();
    options.audit_db = "/proc/nothing/audit.db";
    expect_refusal(&options, "/proc/nothing");
    options.audit_db = place->database;
    options.jobs = 100000;
    expect_refusal(&options, "jobs");
}

/* --- in a process that is busy with other things --- */

static volatile sig_atomic_t children_seen;

static void note_child(int number)
{
    (void)number;
    children_seen++;
}

static size_t count_descriptors(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void test_leaves_the_caller_alone(void **state)
{
    const sbx_test_place *place = *state;
    struct sigaction action = {.sa_handler = note_child}, before;
    size_t descriptors = count_descriptors();
    sigset_t mask, after;
    int pair[2];
    char byte;
    sbx_runner *runner;

    assert_int_equal(sigaction(SIGCHLD, &action, &before), 0);
    memset(&mask, 0, sizeof(mask)); /* the kernel fills but a part */
    memset(&after, 0, sizeof(after));
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    assert_int_equal(pipe(pair), 0); /* without CLOEXEC: the helper must not hold it */
    children_seen = 0;
    runner = open_runner(place, 2);
    close(pair[1]);
    assert_int_equal(read(pair[0], &byte, 1), 0);
    close(pair[0]);
    submit_shell(runner, "exit 0");
    expect_next(runner, "ok", "", 0, "");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    sbx_close(runner);
    assert_int_equal(children_seen, 0);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &after), 0);
    assert_memory_equal(&after, &mask, sizeof(mask));
    assert_int_equal(sigaction(SIGCHLD, &before, NULL), 0);
}

static volatile bool has_threads_enough;

static void *keep_busy(void *unused)
{
    (void)unused;
    while (!has_threads_enough)
        free(malloc(4096));
    return NULL;
}

/* NULL, or what failed: an assertion would jump into another thread's stack. */
static void *run_in_thread(void *context)
{
    const sbx_test_place *place = context;
    const sbx_options options = {
        .size = sizeof(options), .program = sbx_test_binary(), .audit_db = place->database};
    const sbx_command command = {.size = sizeof(command), .argv = SBX_LIST("/bin/echo", "x")};

    for (int round = 0; round < 3; round++) {
        sbx_result *result = NULL;
        bool is_right = sbx_exec(&result, &options, &command, NULL) == SBX_OK &&
                        strcmp(result->status, "ok") == 0 && result->output_bytes == 2 &&
                        memcmp(result->output, "x\n", 2) == 0;

        sbx_result_free(result);
        if (!is_right)
            return (void *)(uintptr_t) "a command in a thread";
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t thread[THREADS], busy;
    void *failed = NULL, *each;

    assert_int_equal(pthread_create(&busy, NULL, keep_busy, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_in_thread, *state), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], &each), 0);
        failed = each != NULL ? each : failed;
    }
    has_threads_enough = true;
    assert_int_equal(pthread_join(busy, NULL), 0);
    assert_null(failed);
}

/* --- ends --- */

static void submit_sleep(sbx_runner *runner, const sbx_test_place *place)
{
    sbx_command command = {.argv = SBX_LIST(place->probe, "sleep", "60"),
                           .read = SBX_LIST(place->base)};

    submit(runner, &command);
}

static void test_close_kills(void **state)
{
    const sbx_test_place *place = *state;
    sbx_runner *runner = open_runner(place, 2);

    for (int i = 0; i < 3; i++)
        submit_sleep(runner, place);
    assert_true(sbx_test_wait_probes(place, 2, SOON_MS));
    sbx_close(runner);
    assert_int_equal(sbx_test_count_probes(place), 0); /* at once */
    sbx_close(NULL);
}

/*
 * The caller that is to be killed, after fork. No assertion may fail here: it would go on as a second runner of these tests,
 * and whoever waits for its word would wait for ever.
 */
_Noreturn static void be_killed(const sbx_test_place *place, int out)
{
    const sbx_options options = {.size = sizeof(options),
                                 .program = sbx_test_binary(),
                                 .audit_db = place->database,
                                 .jobs = 1};
    const sbx_command command = {.size = sizeof(command),
                                 .argv = SBX_LIST(place->probe, "sleep", "60"),
                                 .read = SBX_LIST(place->base)};
    sbx_runner *runner = NULL;
    pid_t child;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sbx_open(&runner, &options, NULL) != SBX_OK ||
        sbx_submit(runner, &command, NULL, NULL) != SBX_OK)
        _exit(1);
    child = fork();
    if (child == 0) {
        close(out);
        sleep(60);
        _exit(0);
    }
    (void)!write(out, &child, sizeof(child));
    pause();
    _exit(0);
}

/* Killed, while a child of it still holds its socket: all the same nothing goes on. */
static void test_killed_caller(void **state)
{
    const sbx_test_place *place = *state;
    int pair[2];
    pid_t child, grandchild = 0;

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    child = fork();
    if (child == 0)
        be_killed(place, pair[1]);
    close(pair[1]); /* its end, if it fails, is seen */
    assert_true(child > 0);
    assert_int_equal(read(pair[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    assert_true(sbx_test_wait_probes(place, 1, SOON_MS));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(sbx_test_wait_probes(place, 0, SOON_MS));
    assert_int_equal(kill(grandchild, SIGKILL), 0);
    close(pair[0]);
}

/* /proc/PID/stat, "" where there is none. */
static const char *read_stat(int pid)
{
    static char text[512];
    FILE *file = fopen(sbx_test_text("/proc/%d/stat", pid), "re");

    memset(text, 0, sizeof(text));
    if (file == NULL)
        return text;
    (void)!fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    return text;
}

static int parent_of(int pid)
{
    const char *end = strrchr(read_stat(pid), ')');

    return end != NULL ? (int)strtol(end + 4, NULL, 10) : 0;
}

/* The process above the probe's sandbox and its worker. */
static bool is_helper(int pid)
{
    const char *above = read_stat(parent_of(pid));

    return strstr(above, "(sbx)") == NULL && strstr(above, "(probe)") == NULL;
}

static void test_killed_helper(void **state)
{
    const sbx_test_place *place = *state;
    sbx_command command = {.size = sizeof(command), .argv = SBX_LIST("/bin/true")};
    sbx_runner *runner;
    sbx_result *result = NULL;
    sbx_error error = {0};
    int pid;

    assert_int_equal(setenv("TMPDIR", place->base, 1), 0); /* it cannot tidy up */
    runner = open_runner(place, 1);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    submit_sleep(runner, place);
    assert_true(sbx_test_wait_probes(place, 1, SOON_MS));
    pid = sbx_test_find_probe(place);
    while (pid > 1 && !is_helper(pid))
        pid = parent_of(pid);
    assert_true(pid > 1 && pid != getpid());
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(sbx_next(runner, &result, SOON_MS, &error), SBX_LOST);
    assert_int_equal(error.code, SBX_LOST);
    assert_int_equal(sbx_submit(runner, &command, NULL, NULL), SBX_LOST);
    assert_true(sbx_test_wait_probes(place, 0, SOON_MS));
    sbx_close(runner);
}

/* What commands read and wrote is nowhere when it has been handed over, or dropped. */
static void test_leaves_no_files(void **state)
{
    const sbx_test_place *place = *state;
    const char *scratch = sbx_test_path(place->base, "scratch");
    sbx_runner *runner;

    sbx_test_mkdir(scratch);
    assert_int_equal(setenv("TMPDIR", scratch, 1), 0);
    runner = open_runner(place, 1);
    for (int i = 0; i < 4; i++) {
        sbx_command command = {.argv = SBX_LIST("/bin/cat"), .input = "x", .input_bytes = 1};

        submit(runner, &command);
    }
    expect_next(runner, "ok", "", 0, "x");
    sbx_close(runner);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_int_equal(rmdir(scratch), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),          sbx_unit_test(test_results),
        sbx_unit_test(test_what_is_asked_for), sbx_unit_test(test_exec),
        sbx_unit_test(test_recorded),          sbx_unit_test(test_many),
        sbx_unit_test(test_poll_and_cancel),   sbx_unit_test(test_bad_commands),
        sbx_unit_test(test_refusals),          sbx_unit_test(test_leaves_the_caller_alone),
        sbx_unit_test(test_threads),           sbx_unit_test(test_close_kills),
        sbx_unit_test(test_killed_caller),     sbx_unit_test(test_killed_helper),
        sbx_unit_test(test_leaves_no_files),
    };
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
