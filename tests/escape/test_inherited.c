/* What the caller hands over as a standard stream: a socket that could be pointed at somebody else is refused. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static int inet_socket(int type, bool binds, struct sockaddr_in *out_address)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    socklen_t bytes = sizeof(*out_address);

    *out_address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    if (binds) {
        assert_int_equal(bind(fd, (struct sockaddr *)out_address, bytes), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)out_address, &bytes), 0);
    }
    return fd;
}

/* Runs a command that copies stdin (5 bytes of it, where there are any) with that stream. */
static void run_with(sbx_test_outcome *out, const sbx_test_place *place, const char *const *options,
                     int fd)
{
    sbx_test_request request = {.options = options,
                                .command = SBX_LIST("/usr/bin/head", "-c", "5"),
                                .stdio = {fd, 0, 0}};

    sbx_test_run(out, place, &request);
}

static void expect_refused(const sbx_test_place *place, const char *const *options, int fd)
{
    sbx_test_outcome outcome;

    run_with(&outcome, place, options, fd);
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, "descriptor 0 is a socket"));
    sbx_test_outcome_done(&outcome);
}

static void expect_passed(const sbx_test_place *place, const char *const *options, int fd)
{
    sbx_test_outcome outcome;

    run_with(&outcome, place, options, fd);
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.out, "hello");
    sbx_test_outcome_done(&outcome);
}

/* The control: such a socket does reach a stranger, with nothing but a message. */
static void test_datagrams(void **state)
{
    const sbx_test_place *place = *state;
    struct sockaddr_in there, nowhere;
    int host = inet_socket(SOCK_DGRAM, true, &there);
    int fd = inet_socket(SOCK_DGRAM, false, &nowhere);
    char byte = 0;

    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&there, sizeof(there)), 1);
    assert_int_equal(recv(host, &byte, 1, 0), 1);
    expect_refused(place, SBX_NO_LIST, fd);
    expect_refused(place, SBX_LIST("--no-watch"), fd);
    expect_refused(place, SBX_LIST("--net", "loopback"), fd);
    assert_true(recv(host, &byte, 1, MSG_DONTWAIT) < 0);
    close(fd);
    close(host);
}

static void test_datagrams_with_the_network(void **state)
{
    const sbx_test_place *place = *state;
    struct sockaddr_in there, nowhere;
    int fd = inet_socket(SOCK_DGRAM, true, &there);
    int sender = inet_socket(SOCK_DGRAM, false, &nowhere);

    assert_int_equal(sendto(sender, "hello", 5, 0, (struct sockaddr *)&there, sizeof(there)), 5);
    expect_passed(place, SBX_LIST("--net", "full"), fd);
    close(sender);
    close(fd);
}

/* Also one end of a pair may be told another address. */
static void test_unix_datagram_pair(void **state)
{
    const sbx_test_place *place = *state;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(send(pair[1], "hello", 5, 0), 5);
    expect_refused(place, SBX_NO_LIST, pair[0]);
    expect_refused(place, SBX_LIST("--net", "full"), pair[0]);
    expect_passed(place, SBX_LIST("--unix-sockets"), pair[0]);
    close(pair[0]);
    close(pair[1]);
}

/* Node and others make the pipes of their children like that. */
static void test_unix_stream_pair_is_a_pipe(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const options[] = {SBX_NO_LIST, SBX_LIST("--net", "loopback"),
                                          SBX_LIST("--net", "full")};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(send(pair[1], "hello", 5, 0), 5);
        expect_passed(place, options[i], pair[0]);
        close(pair[0]);
        close(pair[1]);
    }
}

static void test_unix_stream_without_a_peer(void **state)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    expect_refused(*state, SBX_NO_LIST, fd);
    expect_refused(*state, SBX_LIST("--net", "loopback"), fd);
    close(fd);
}

/* Connected, it stays with its peer only where no connect is possible (as inetd's services are started). */
static void test_tcp(void **state)
{
    const sbx_test_place *place = *state;
    struct sockaddr_in there, nowhere;
    int host = inet_socket(SOCK_STREAM, true, &there);
    int client = inet_socket(SOCK_STREAM, false, &nowhere);
    int fd = inet_socket(SOCK_STREAM, false, &nowhere);
    int served;

    expect_refused(place, SBX_NO_LIST, fd);
    assert_int_equal(listen(host, 5), 0);
    expect_refused(place, SBX_NO_LIST, host);
    assert_int_equal(connect(client, (struct sockaddr *)&there, sizeof(there)), 0);
    served = accept4(host, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(send(client, "hello", 5, 0), 5);
    expect_refused(place, SBX_LIST("--net", "loopback"), served);
    expect_refused(place, SBX_LIST("--unix-sockets"), served);
    expect_passed(place, SBX_NO_LIST, served);
    close(fd);
    close(client);
    close(served);
    close(host);
}

static void test_other_families(void **state)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    expect_refused(*state, SBX_NO_LIST, fd);
    expect_refused(*state, SBX_LIST("--net", "full"), fd);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_datagrams),
        sbx_unit_test(test_datagrams_with_the_network),
        sbx_unit_test(test_unix_datagram_pair),
        sbx_unit_test(test_unix_stream_pair_is_a_pipe),
        sbx_unit_test(test_unix_stream_without_a_peer),
        sbx_unit_test(test_tcp),
        sbx_unit_test(test_other_families),
    };

    return cmocka_run_group_tests_name("escape: inherited", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
