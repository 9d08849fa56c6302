/* `sbx exec` as a way to start a program: exit codes, lookup, standard streams, environment. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

typedef struct ending {
    const char *const *command;
    int exit_code;
    const char *status, *reason;
} ending;

static void test_endings(void **state)
{
    const sbx_test_place *place = *state;
    const char *not_executable = sbx_test_path(place->root, "data");
    const ending endings[] = {
        {SBX_LIST("/bin/true"), 0, "ok", ""},
        {SBX_LIST(place->probe, "exit", "3"), 3, "nonzero", ""},
        {SBX_LIST(place->probe, "exit", "124"), 124, "nonzero", ""},
        {SBX_LIST(place->probe, "exit", "125"), 125, "nonzero", ""},
        {SBX_LIST(place->probe, "exit", "137"), 137, "nonzero", ""},
        {SBX_LIST(place->probe, "exit", "255"), 255, "nonzero", ""},
        {SBX_LIST("/nonexistent/program"), 127, "error", "not_found"},
        {SBX_LIST("no-such-program-anywhere"), 127, "error", "not_found"},
        {SBX_LIST(not_executable), 126, "error", "not_executable"},
        {SBX_LIST(place->root), 126, "error", "not_executable"},
        {SBX_LIST(place->probe, "kill-self", "15"), 143, "signal", ""},
        {SBX_LIST(place->probe, "kill-self", "11"), 139, "signal", ""},
        {SBX_LIST(place->probe, "kill-self", "9"), 137, "signal", ""},
        {SBX_LIST("/bin/sh", "-c", "kill -9 $$"), 137, "signal", ""},
        {SBX_LIST("/bin/sh", "-c", "kill -TERM $$"), 143, "signal", ""},
    };

    sbx_test_write(not_executable, "no program");
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        sbx_test_outcome outcome;

        sbx_test_exec(&outcome, place, SBX_NO_LIST, endings[i].command);
        print_message("%s %s\n", endings[i].command[0],
                      endings[i].command[1] != NULL ? endings[i].command[1] : "");
        sbx_test_expect(&outcome, endings[i].exit_code, endings[i].status, endings[i].reason);
        sbx_test_outcome_done(&outcome);
    }
}

static void test_signal_is_named(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/sh", "-c", "kill -9 $$"));
    assert_int_equal(sbx_test_number(&outcome, "signal"), 9);
    assert_true(json_is_null(json_object_get(outcome.result, "command_exit_code")));
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(place->probe, "exit", "137"));
    assert_int_equal(sbx_test_number(&outcome, "command_exit_code"), 137);
    assert_true(json_is_null(json_object_get(outcome.result, "signal")));
    sbx_test_outcome_done(&outcome);
}

static void expect_output(const sbx_test_place *place, const sbx_test_request *request,
                          const char *text)
{
    sbx_test_outcome outcome;

    sbx_test_run(&outcome, place, request);
    if (outcome.exit_code != 0 || strcmp(outcome.out, text) != 0)
        fail_msg("exit %d, stdout \"%s\" instead of \"%s\", stderr %s", outcome.exit_code,
                 outcome.out, text, outcome.err);
    sbx_test_outcome_done(&outcome);
}

static void test_lookup(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_text("PATH=/nonexistent:%s/bin", place->base);
    const char *script = sbx_test_path(place->root, "script");
    const char *const by_name[] = {sbx_test_binary(), "exec", "--read", place->base,
                                   "probe",           "ping", NULL};
    sbx_test_request request = {.command = SBX_LIST("probe", "ping"), .env = SBX_LIST(path)};

    expect_output(place, &request, "ping: DID\n");
    /* Without "--" the first word that is no option is the command, and what follows is the
     * command's. */
    request.as_is = true;
    request.command = by_name;
    expect_output(place, &request, "ping: DID\n");
    /* A relative path is looked at from the working directory, not in PATH. */
    request =
        (sbx_test_request){.command = SBX_LIST("./script", "--mem", "1"), .env = SBX_LIST(path)};
    sbx_test_write(script, "#!/bin/sh\necho \"$@\"\n");
    assert_int_equal(chmod(script, 0755), 0);
    expect_output(place, &request, "--mem 1\n");
    /* Like env and nohup: a script that names no interpreter is the shell's. */
    sbx_test_write(script, "echo no interpreter: \"$1\"\n");
    expect_output(place, &request, "no interpreter: --mem\n");
}

static void test_arguments_are_exact(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.command = SBX_LIST("/usr/bin/printf", "[%s]", "", " ", "a\nb",
                                                    "$HOME", "\"'\\", "--", "-x", "\xff\xfe", "*")};

    expect_output(place, &request, "[][ ][a\nb][$HOME][\"'\\][--][-x][\xff\xfe][*]");
}

/* Copies one descriptor into another until the end, in a child of its own that holds no other
 * ends. */
static pid_t start_copy(int to, int from, const int ends[4])
{
    pid_t child = fork();

    if (child == 0) {
        char block[65536];
        ssize_t bytes;

        for (int i = 0; i < 4; i++)
            if (ends[i] != to && ends[i] != from)
                close(ends[i]);
        while ((bytes = read(from, block, sizeof(block))) > 0)
            for (ssize_t done = 0; done < bytes;) {
                ssize_t part = write(to, block + done, (size_t)(bytes - done));

                if (part <= 0)
                    _exit(1);
                done += part;
            }
        _exit(bytes == 0 ? 0 : 1);
    }
    return child;
}

static bool are_same(const char *one, const char *other)
{
    FILE *left = fopen(one, "re"), *right = fopen(other, "re");
    bool same = left != NULL && right != NULL;

    while (same) {
        static char block[2][65536];
        size_t bytes = fread(block[0], 1, sizeof(block[0]), left);

        same = fread(block[1], 1, sizeof(block[1]), right) == bytes &&
               memcmp(block[0], block[1], bytes) == 0;
        if (bytes == 0)
            break;
    }
    if (left != NULL)
        fclose(left);
    if (right != NULL)
        fclose(right);
    return same;
}

/* pipe in, pipe out (or err), 50 MB, compared byte for byte. */
static void copy_through(const sbx_test_place *place, const char *const *options, int stream)
{
    const char *big = sbx_test_path(place->base, "big"), *copy = sbx_test_path(place->base, "copy");
    int in[2], out[2], from = open(big, O_RDONLY | O_CLOEXEC);
    int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    sbx_test_request request = {
        .options = options,
        .command = SBX_LIST("/bin/sh", "-c", stream == 1 ? "exec cat" : "exec cat >&2")};
    sbx_test_child child;
    sbx_test_outcome outcome;
    pid_t feeder, drainer;
    int status;

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    request.stdio[0] = in[0];
    request.stdio[stream] = out[1];
    sbx_test_start(&child, place, &request);
    feeder = start_copy(in[1], from, (const int[4]){in[0], in[1], out[0], out[1]});
    drainer = start_copy(to, out[0], (const int[4]){in[0], in[1], out[0], out[1]});
    close(in[0]);
    close(in[1]);
    close(out[0]);
    close(out[1]);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    assert_int_equal(waitpid(feeder, &status, 0), feeder);
    assert_int_equal(waitpid(drainer, &status, 0), drainer);
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_true(are_same(big, copy));
    sbx_test_outcome_done(&outcome);
    close(from);
    close(to);
}

static void test_streams_are_exact(void **state)
{
    const sbx_test_place *place = *state;
    const char *big = sbx_test_path(place->base, "big");

    assert_int_equal(sbx_test_probe_outside(place, SBX_LIST("write-big", big, "50000001")), 0);
    copy_through(place, SBX_NO_LIST, 1);
    copy_through(place, SBX_NO_LIST, 2);
    copy_through(place, SBX_LIST("--output", "1G"), 1);
    copy_through(place, SBX_LIST("--output", "1G"), 2);
}

/* A reader that goes away ends the writer as it always does. */
static void test_reader_that_leaves(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const options[] = {SBX_NO_LIST, SBX_LIST("--output", "1G")};

    for (size_t i = 0; i < 2; i++) {
        int out[2];
        sbx_test_request request = {.options = options[i],
                                    .command = SBX_LIST(place->probe, "print", "100000000")};
        sbx_test_child child;
        sbx_test_outcome outcome;
        char block[1000];

        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        request.stdio[1] = out[1];
        sbx_test_start(&child, place, &request);
        close(out[1]);
        assert_true(read(out[0], block, sizeof(block)) > 0);
        close(out[0]);
        sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
        assert_int_equal(outcome.exit_code, 128 + SIGPIPE);
        sbx_test_outcome_done(&outcome);
    }
}

static void test_closed_streams(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");

    for (unsigned closed = 1; closed < 8; closed++) {
        sbx_test_request request = {.command = SBX_LIST(place->probe, "create-file", made)};
        sbx_test_outcome outcome;

        for (unsigned i = 0; i < 3; i++)
            if ((closed & (1u << i)) != 0)
                request.stdio[i] = -1;
        sbx_test_run(&outcome, place, &request);
        sbx_test_expect(&outcome, 0, "ok", NULL);
        /* No stray descriptor of sbx's own has taken the free number and what goes to it. */
        assert_true(sbx_test_holds(made, "x"));
        assert_int_equal(unlink(made), 0);
        sbx_test_outcome_done(&outcome);
    }
}

/* Files that are in no directory at all, as test harnesses like to capture into. */
static void test_anonymous_streams(void **state)
{
    const sbx_test_place *place = *state;
    int out = memfd_create("out", MFD_CLOEXEC);
    sbx_test_request request = {.stdio = {0, out, 0}, .command = SBX_LIST(place->probe, "ping")};
    sbx_test_outcome outcome;
    char text[64] = "";

    assert_true(out >= 0);
    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_int_equal(pread(out, text, sizeof(text) - 1, 0), 10);
    assert_string_equal(text, "ping: DID\n");
    close(out);
    sbx_test_outcome_done(&outcome);
}

static void test_environment(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *env = SBX_LIST("SBX_TEST_PLAIN=plain", "SBX_TEST_TOKEN=token");
    sbx_test_request request = {.env = env,
                                .command = SBX_LIST(place->probe, "env", "SBX_TEST_PLAIN")};
    sbx_test_outcome outcome;

    expect_output(place, &request, "SBX_TEST_PLAIN=plain\nenv: DID\n");
    request.options = SBX_LIST("--env", "SBX_TEST_PLAIN=changed");
    expect_output(place, &request, "SBX_TEST_PLAIN=changed\nenv: DID\n");
    /* Names that look like credentials stay outside, unless they are asked for. */
    request.command = SBX_LIST(place->probe, "env", "SBX_TEST_TOKEN");
    request.options = SBX_NO_LIST;
    sbx_test_run(&outcome, place, &request);
    assert_string_equal(outcome.out, "env: ABSENT ENOENT\n");
    sbx_test_outcome_done(&outcome);
    request.options = SBX_LIST("--env", "SBX_TEST_TOKEN");
    expect_output(place, &request, "SBX_TEST_TOKEN=token\nenv: DID\n");
    request.command = SBX_LIST(place->probe, "env", "SBX_TEST_PLAIN");
    /* The grader's environment is bare, and one name can be let through. */
    request.options = SBX_LIST("--policy", "grader");
    sbx_test_run(&outcome, place, &request);
    assert_string_equal(outcome.out, "env: ABSENT ENOENT\n");
    sbx_test_outcome_done(&outcome);
    request.options = SBX_LIST("--policy", "grader", "--env", "SBX_TEST_PLAIN");
    expect_output(place, &request, "SBX_TEST_PLAIN=plain\nenv: DID\n");
}

static void test_working_directory(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.command = SBX_LIST(place->probe, "cwd"), .cwd = place->outside};
    sbx_test_outcome outcome;

    expect_output(place, &request, sbx_test_text("cwd=%s\ncwd: DID\n", place->outside));
    request.options = SBX_LIST("--cwd", place->root);
    expect_output(place, &request, sbx_test_text("cwd=%s\ncwd: DID\n", place->root));
    request.options = SBX_LIST("--cwd", "/nonexistent");
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, "/nonexistent"));
    sbx_test_outcome_done(&outcome);
}

static void test_umask_is_kept(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.command = SBX_LIST("/bin/sh", "-c", "umask")};
    mode_t before = umask(0027);

    expect_output(place, &request, "0027\n");
    umask(before);
}

/* The command has ended; what it left behind still holds stdout, and neither delays nor
 * survives. */
static void test_daemon_left_behind(void **state)
{
    const sbx_test_place *place = *state;
    int out[2];
    sbx_test_request request = {.options = SBX_NO_LIST};
    sbx_test_child child;
    sbx_test_outcome outcome;
    struct pollfd end;
    char text[256];

    request.command = SBX_LIST(place->probe, "daemon", sbx_test_path(place->root, "pid"), "60");
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    request.stdio[1] = out[1];
    sbx_test_start(&child, place, &request);
    close(out[1]);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_true(outcome.wall_ms < sbx_test_slow_ms(5000));
    assert_int_equal(sbx_test_number(&outcome, "leaked_procs"), 1);
    assert_true(sbx_test_exists(sbx_test_path(place->root, "pid")));
    assert_int_equal(sbx_test_count_probes(place), 0);
    /* Nobody holds the pipe any more: its end comes at once. */
    end = (struct pollfd){.fd = out[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 1000), 1);
    while (read(out[0], text, sizeof(text)) > 0)
        continue;
    close(out[0]);
    sbx_test_outcome_done(&outcome);
}

static void test_nested(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_LIST("--read", sbx_test_binary()),
                                .command = SBX_LIST(sbx_test_binary(), "exec", "--audit-db",
                                                    sbx_test_path(place->root, "inner.db"), "--",
                                                    "/bin/true")};
    sbx_test_outcome outcome;

    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 125);
    sbx_test_expect(&outcome, 125, "nonzero", ""); /* it is the inner one that refused */
    if (strstr(outcome.err, "inside") == NULL)
        fail_msg("the message does not say why: %s", outcome.err);
    sbx_test_outcome_done(&outcome);
}

/* Megabytes of arguments and environment, as far as the kernel takes them. */
static void test_huge_arguments(void **state)
{
    const sbx_test_place *place = *state;
    enum { WORD_BYTES = 100000, WORDS = 12 };
    static char word[WORD_BYTES + 1], variable[130001];
    const char *command[WORDS + 4] = {"/bin/sh", "-c", "echo $# ${#SBX_TEST_LONG}"};
    sbx_test_request request = {.command = command, .env = SBX_LIST(variable)};

    memset(word, 'a', WORD_BYTES);
    memset(variable, 'b', 130000);
    memcpy(variable, "SBX_TEST_LONG=", 14);
    for (size_t i = 0; i < WORDS; i++)
        command[3 + i] = word;
    expect_output(place, &request, "11 129986\n");
}

/* Names of programs that no file can have. */
static void test_impossible_names(void **state)
{
    const sbx_test_place *place = *state;
    static char long_path[3000];
    sbx_test_request request = {.command = SBX_LIST(long_path)};
    sbx_test_outcome outcome;

    memset(long_path, '/', sizeof(long_path) - 2);
    long_path[sizeof(long_path) - 2] = 'x';
    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 127, "error", "not_found");
    sbx_test_outcome_done(&outcome);
    memset(long_path, 'y', sizeof(long_path) - 2);
    long_path[0] = '/';
    sbx_test_run(&outcome, place, &request);
    assert_true(outcome.exit_code == 126 || outcome.exit_code == 127); /* ENAMETOOLONG */
    assert_true(outcome.err_bytes > 0);
    sbx_test_outcome_done(&outcome);
}

/* Ignored signals and the mask are handed down as they were, as any exec does. */
static void test_signal_dispositions(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .command = SBX_LIST("/bin/grep", "-E", "^Sig(Blk|Ign|Cgt):", "/proc/self/status")};
    sbx_test_outcome inside, outside;

    for (int ignored = 0; ignored < 2; ignored++) {
        (void)signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL);
        (void)signal(SIGHUP, ignored ? SIG_IGN : SIG_DFL);
        request.as_is = true;
        sbx_test_run(&outside, place, &request);
        request.as_is = false;
        sbx_test_run(&inside, place, &request);
        assert_string_equal(inside.out, outside.out);
        sbx_test_outcome_done(&inside);
        sbx_test_outcome_done(&outside);
    }
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_endings),
        sbx_unit_test(test_signal_is_named),
        sbx_unit_test(test_lookup),
        sbx_unit_test(test_arguments_are_exact),
        sbx_unit_test(test_streams_are_exact),
        sbx_unit_test(test_reader_that_leaves),
        sbx_unit_test(test_closed_streams),
        sbx_unit_test(test_anonymous_streams),
        sbx_unit_test(test_environment),
        sbx_unit_test(test_working_directory),
        sbx_unit_test(test_umask_is_kept),
        sbx_unit_test(test_daemon_left_behind),
        sbx_unit_test(test_nested),
        sbx_unit_test(test_huge_arguments),
        sbx_unit_test(test_impossible_names),
        sbx_unit_test(test_signal_dispositions),
    };

    return cmocka_run_group_tests_name("exec", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
