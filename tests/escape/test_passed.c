/* Descriptors that pass between processes: none gives more than it was opened for, wherever it comes from. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/descriptor.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *victim(const sbx_test_place *place)
{
    return sbx_test_path(place->outside, "victim");
}

static void prepare(const sbx_test_place *place)
{
    sbx_test_remove_tree(place->outside);
    sbx_test_mkdir(place->outside);
    sbx_test_write(victim(place), "original");
}

static void test_within_a_run(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const options[] = {NULL, SBX_LIST("--no-watch"),
                                          SBX_LIST("--identity", "self")};

    for (size_t i = 0; i < 3; i++) {
        sbx_test_escape escape = {.attempt = SBX_LIST("pass-widen", victim(place)),
                                  .options = options[i],
                                  .prepare = prepare};

        sbx_test_try_escape(place, &escape);
        assert_true(sbx_test_holds(victim(place), "original"));
    }
}

/* With stdin a stream on which somebody outside has sent that descriptor. Returns the probe's answer. */
static int run_with(const sbx_test_place *place, const char *const *options, int fd,
                    const char *const *command)
{
    sbx_test_request request = {.options = options, .command = command, .as_is = options == NULL};
    sbx_test_outcome outcome;
    int pair[2], code;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(sbx_test_send_descriptor(pair[0], fd), 0);
    request.stdio[0] = pair[1];
    sbx_test_run(&outcome, place, &request);
    code = outcome.exit_code;
    print_message("%s%s", outcome.out, outcome.err);
    sbx_test_outcome_done(&outcome);
    close(pair[0]);
    close(pair[1]);
    return code;
}

static void check_denied(const sbx_test_place *place, int flags, const char *path,
                         const char *const *command)
{
    const char *const *const options[] = {NULL, SBX_NO_LIST, SBX_LIST("--identity", "self"),
                                          SBX_LIST("--identity", "self", "--no-watch")};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int fd, code;

        prepare(place);
        fd = open(path, flags | O_CLOEXEC);
        assert_true(fd >= 0);
        code = run_with(place, options[i], fd, command);
        close(fd);
        if (options[i] == NULL) {
            assert_int_equal(code, SBX_PROBE_DID);
            continue;
        }
        assert_int_equal(code, SBX_PROBE_DENIED);
        assert_true(sbx_test_holds(victim(place), "original"));
        assert_false(sbx_test_exists(sbx_test_path(place->outside, "new")));
    }
}

static void test_from_outside(void **state)
{
    const sbx_test_place *place = *state;

    check_denied(place, O_RDONLY, victim(place), SBX_LIST(place->probe, "receive-widen"));
    check_denied(place, O_RDONLY | O_DIRECTORY, place->outside,
                 SBX_LIST(place->probe, "receive-write-at", "victim"));
    check_denied(place, O_RDONLY | O_DIRECTORY, place->outside,
                 SBX_LIST(place->probe, "receive-create-at", "new"));
    check_denied(place, O_PATH | O_DIRECTORY, place->outside,
                 SBX_LIST(place->probe, "receive-write-at", "victim"));
    check_denied(place, O_PATH, victim(place), SBX_LIST(place->probe, "receive-widen"));
}

/* Somebody outside who sends a descriptor to be written gives that away: it is not taken back. */
static void test_what_is_given_works(void **state)
{
    const sbx_test_place *place = *state;
    int fd;

    prepare(place);
    fd = open(victim(place), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(run_with(place, SBX_NO_LIST, fd, SBX_LIST(place->probe, "receive-write")),
                     SBX_PROBE_DID);
    assert_true(sbx_test_holds(victim(place), "originalx"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_within_a_run),
        sbx_unit_test(test_from_outside),
        sbx_unit_test(test_what_is_given_works),
    };

    return cmocka_run_group_tests_name("escape: passed", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
