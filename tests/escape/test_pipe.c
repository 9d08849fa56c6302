/*
 * stdin as a pipe that others read from too: the command must not put anything into it (a shell that reads its script
 * from there would run it outside), and takes no more from it than it reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *const *const ways[] = {
    (const char *const[]){NULL},
    (const char *const[]){"--identity", "self", NULL},
    (const char *const[]){"--no-watch", "--identity", "self", NULL},
    (const char *const[]){"--output", "16M", "--identity", "self", NULL},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static void make_pipe(int out[2], const char *text)
{
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(write(out[1], text, strlen(text)), strlen(text));
}

static void close_pipe(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* All that lies in the pipe now, with an end. */
static const char *drain(int fd)
{
    static char text[4096];
    ssize_t got;

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    got = read(fd, text, sizeof(text) - 1);
    assert_true(got >= 0 || errno == EAGAIN);
    text[got < 0 ? 0 : got] = '\0';
    return text;
}

static void run_on(sbx_test_outcome *out, const sbx_test_place *place, const char *const *options,
                   int fd, const char *const *command)
{
    sbx_test_request request = {
        .options = options, .command = command, .as_is = options == NULL, .stdio = {fd, 0, 0}};

    sbx_test_run(out, place, &request);
}

static void test_nothing_is_put_in(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *command = SBX_LIST(place->probe, "write-file", "/proc/self/fd/0");
    sbx_test_outcome outcome;
    int fds[2];

    make_pipe(fds, "");
    run_on(&outcome, place, NULL, fds[0], command);
    assert_int_equal(outcome.exit_code, SBX_PROBE_DID);
    assert_string_equal(drain(fds[0]), "x"); /* the control's */
    sbx_test_outcome_done(&outcome);
    close_pipe(fds);
    for (size_t i = 0; i < WAYS; i++) {
        make_pipe(fds, "");
        run_on(&outcome, place, ways[i], fds[0], command);
        assert_string_equal(drain(fds[0]), "");
        sbx_test_outcome_done(&outcome);
        close_pipe(fds);
    }
}

/* What this is about: the shell goes on with what is in its stdin. */
static void test_the_script_stays_the_callers(void **state)
{
    const sbx_test_place *place = *state;
    const char *mark = sbx_test_path(place->outside, "escaped");
    const char *script =
        sbx_test_text("%s exec --identity self --audit-db %s --read %s --write %s -- /bin/sh -c "
                      "'echo \"echo x > %s\" > /proc/self/fd/0'\necho went on\n",
                      sbx_test_binary(), place->database, place->base, place->root, mark);
    sbx_test_outcome outcome;
    int fds[2];

    make_pipe(fds, script);
    close(fds[1]);
    run_on(&outcome, place, NULL, fds[0], SBX_LIST("/bin/sh"));
    close(fds[0]);
    assert_false(sbx_test_exists(mark));
    assert_non_null(strstr(outcome.out, "went on"));
    sbx_test_outcome_done(&outcome);
}

static void test_what_is_not_read_is_left(void **state)
{
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < WAYS; i++) {
        sbx_test_outcome outcome;
        int fds[2];

        make_pipe(fds, "0123456789");
        run_on(&outcome, place, ways[i], fds[0], SBX_LIST("/bin/true"));
        assert_int_equal(outcome.exit_code, 0);
        sbx_test_outcome_done(&outcome);
        run_on(&outcome, place, ways[i], fds[0], SBX_LIST("/usr/bin/head", "-c", "4"));
        assert_string_equal(outcome.out, "0123");
        sbx_test_outcome_done(&outcome);
        assert_int_equal(write(fds[1], "ab", 2), 2);
        close(fds[1]);
        run_on(&outcome, place, ways[i], fds[0], SBX_LIST("/usr/bin/head", "-c", "5"));
        assert_string_equal(outcome.out, "45678");
        sbx_test_outcome_done(&outcome);
        run_on(&outcome, place, ways[i], fds[0], SBX_LIST("/bin/cat"));
        assert_string_equal(outcome.out, "9ab"); /* and the end */
        sbx_test_outcome_done(&outcome);
        close(fds[0]);
    }
}

/* Writes a pattern in pieces of odd sizes, in a process of its own. */
static pid_t start_writer(int out_fds[2], size_t bytes)
{
    pid_t writer;

    assert_int_equal(pipe2(out_fds, O_CLOEXEC), 0);
    writer = fork();
    assert_true(writer >= 0);
    if (writer > 0) {
        close(out_fds[1]);
        return writer;
    }
    (void)signal(SIGPIPE, SIG_DFL);
    close(out_fds[0]);
    for (size_t at = 0; at < bytes;) {
        char piece[9000];
        size_t size = at % 3 == 0 ? 1 : at % 3 == 1 ? sizeof(piece) : 4096;

        for (size_t i = 0; i < size; i++)
            piece[i] = (char)((at + i) * 31 / 7);
        if (write(out_fds[1], piece, size) != (ssize_t)size)
            _exit(1);
        at += size;
    }
    _exit(0);
}

static void run_with_writer(sbx_test_outcome *out, const sbx_test_place *place,
                            const char *const *options, const char *const *command)
{
    int fds[2];
    pid_t writer = start_writer(fds, 700001);

    run_on(out, place, options, fds[0], command);
    close(fds[0]);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_int_equal(out->exit_code, 0);
}

/* Byte for byte, however it is read. */
static void test_all_of_it_comes(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const commands[] = {
        SBX_LIST("/bin/cat"), SBX_LIST("/bin/dd", "bs=777", "status=none"),
        SBX_LIST("/bin/dd", "bs=1M", "status=none"), SBX_LIST("/usr/bin/head", "-c", "300001")};

    for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++) {
        sbx_test_outcome outside;

        run_with_writer(&outside, place, NULL, commands[k]);
        assert_true(outside.out_bytes > 300000);
        for (size_t i = 0; i < WAYS; i++) {
            sbx_test_outcome inside;

            run_with_writer(&inside, place, ways[i], commands[k]);
            assert_int_equal(inside.out_bytes, outside.out_bytes);
            assert_memory_equal(inside.out, outside.out, inside.out_bytes);
            sbx_test_outcome_done(&inside);
        }
        sbx_test_outcome_done(&outside);
    }
}

static uint64_t children_cpu_ms(void)
{
    struct rusage used;

    assert_int_equal(getrusage(RUSAGE_CHILDREN, &used), 0);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

/* A command that makes room in its pipe and does not read does not keep sbx busy. */
static void test_room_costs_nothing(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    uint64_t before_ms;
    int fds[2];

    make_pipe(fds, "0123456789");
    before_ms = children_cpu_ms();
    run_on(&outcome, place, ways[1], fds[0], SBX_LIST(place->probe, "grow-input", "2"));
    assert_int_equal(outcome.exit_code, SBX_PROBE_DID);
    assert_true(children_cpu_ms() - before_ms < sbx_test_slow_ms(600));
    assert_string_equal(drain(fds[0]), "123456789");
    sbx_test_outcome_done(&outcome);
    close_pipe(fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_nothing_is_put_in),
        sbx_unit_test(test_the_script_stays_the_callers),
        sbx_unit_test(test_what_is_not_read_is_left),
        sbx_unit_test(test_all_of_it_comes),
        sbx_unit_test(test_room_costs_nothing),
    };

    return cmocka_run_group_tests_name("escape: pipe", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
