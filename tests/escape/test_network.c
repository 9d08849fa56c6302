/* The network wall: the host's sockets by address, by path and by abstract name. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

/* What this test listens on, outside. */
typedef struct host {
    sbx_test_place *place;
    int tcp, tcp6, udp, udp6, path_stream, path_datagram, abstract;
    char port[16], port6[16], udp_port[16], udp6_port[16];
    char stream_path[SBX_TEST_PATH_BYTES], datagram_path[SBX_TEST_PATH_BYTES];
    char name[64];
} host;

static host world;

static void listen_inet(int *out_fd, char out_port[16], int family, int type)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    socklen_t bytes = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) != 0 ||
        (type == SOCK_STREAM && listen(fd, 100) != 0) ||
        getsockname(fd, (struct sockaddr *)&address, &bytes) != 0) {
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    *out_fd = fd;
    snprintf(out_port, 16, "%u",
             ntohs(family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                     : ((struct sockaddr_in6 *)&address)->sin6_port));
}

static int listen_unix(const char *name, int type, bool is_abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);

    assert_true(length + 2 < sizeof(address.sun_path));
    memcpy(address.sun_path + (is_abstract ? 1 : 0), name, length);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 100), 0);
    if (!is_abstract)
        assert_int_equal(chmod(name, 0777), 0);
    return fd;
}

static int setup(void **state)
{
    if (sbx_test_place_setup(state) != 0)
        return -1;
    world.place = *state;
    listen_inet(&world.tcp, world.port, AF_INET, SOCK_STREAM);
    listen_inet(&world.tcp6, world.port6, AF_INET6, SOCK_STREAM);
    listen_inet(&world.udp, world.udp_port, AF_INET, SOCK_DGRAM);
    listen_inet(&world.udp6, world.udp6_port, AF_INET6, SOCK_DGRAM);
    snprintf(world.stream_path, sizeof(world.stream_path), "%s",
             sbx_test_path(world.place->outside, "stream"));
    snprintf(world.datagram_path, sizeof(world.datagram_path), "%s",
             sbx_test_path(world.place->outside, "datagram"));
    snprintf(world.name, sizeof(world.name), "sbx-test-%d", (int)getpid());
    world.path_stream = listen_unix(world.stream_path, SOCK_STREAM, false);
    world.path_datagram = listen_unix(world.datagram_path, SOCK_DGRAM, false);
    world.abstract = listen_unix(world.name, SOCK_STREAM, true);
    return world.tcp >= 0 && world.udp >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    const int fds[] = {world.tcp,         world.tcp6,          world.udp,     world.udp6,
                       world.path_stream, world.path_datagram, world.abstract};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return sbx_test_place_teardown(state);
}

/* Takes what has come in and says how many connections or datagrams that were. */
static size_t drain(int fd, bool is_datagram)
{
    size_t count = 0;

    for (;;) {
        char byte;
        int got = is_datagram ? (int)recv(fd, &byte, 1, MSG_DONTWAIT) : accept(fd, NULL, NULL);

        if (got < 0)
            return count;
        count++;
        if (!is_datagram)
            close(got);
    }
}

static void attempt(unsigned flags, const char *const *options, const char *op, const char *target,
                    const char *const *words)
{
    sbx_test_escape escape = {.attempt = words,
                              .options = options,
                              .flags = flags,
                              .record_op = op,
                              .record_target = target};

    sbx_test_try_escape(world.place, &escape);
}

#define NETWORK_OPS "connect|send|socket|bind"

static void test_tcp(void **state)
{
    (void)state;
    attempt(0, NULL, NETWORK_OPS, NULL, SBX_LIST("connect-tcp", "127.0.0.1", world.port));
    assert_int_equal(drain(world.tcp, false), 1); /* the control's, and no other */
    attempt(0, SBX_LIST("--no-watch"), NULL, NULL,
            SBX_LIST("connect-tcp", "127.0.0.1", world.port));
    assert_int_equal(drain(world.tcp, false), 1);
    attempt(SBX_ESCAPE_MAY_LACK, NULL, NETWORK_OPS, NULL,
            SBX_LIST("connect-tcp6", "::1", world.port6));
    attempt(SBX_ESCAPE_MAY_LACK, NULL, NULL, NULL,
            SBX_LIST("send-fast-open", "127.0.0.1", world.port));
    (void)drain(world.tcp, false);
    attempt(0, NULL, NETWORK_OPS, NULL, SBX_LIST("bind-tcp", "0"));
}

/* The row says where to, in words that a person can search for. */
static void test_record_names_the_address(void **state)
{
    (void)state;
    attempt(0, NULL, "connect", world.port, SBX_LIST("connect-tcp", "127.0.0.1", world.port));
    attempt(0, NULL, "connect", "127.0.0.1", SBX_LIST("connect-tcp", "127.0.0.1", world.port));
    attempt(0, NULL, "connect", world.stream_path, SBX_LIST("connect-unix", world.stream_path));
}

static void test_udp(void **state)
{
    (void)state;
    attempt(0, NULL, "send", world.udp_port, SBX_LIST("send-udp", "127.0.0.1", world.udp_port));
    assert_int_equal(drain(world.udp, true), 1);
    attempt(0, SBX_LIST("--no-watch"), NULL, NULL,
            SBX_LIST("send-udp", "127.0.0.1", world.udp_port));
    assert_int_equal(drain(world.udp, true), 1);
}

/* Addresses that no filter sees, and the way in which names are asked for. */
static void test_more_udp(void **state)
{
    static const char *const verbs[] = {"send-many-udp", "ask-names"};
    static const char *const ops[] = {NULL, "connect"};
    static const size_t counts[] = {1, 2};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        attempt(0, NULL, ops[i], ops[i] != NULL ? world.udp_port : NULL,
                SBX_LIST(verbs[i], "127.0.0.1", world.udp_port));
        assert_int_equal(drain(world.udp, true), counts[i]); /* the control's */
        attempt(0, SBX_LIST("--no-watch"), NULL, NULL,
                SBX_LIST(verbs[i], "127.0.0.1", world.udp_port));
        assert_int_equal(drain(world.udp, true), counts[i]);
    }
    if (world.udp6 >= 0) {
        attempt(0, NULL, "send", world.udp6_port, SBX_LIST("send-udp6", "::1", world.udp6_port));
        assert_int_equal(drain(world.udp6, true), 1);
    }
    attempt(SBX_ESCAPE_MAY_LACK, NULL, NULL, NULL, SBX_LIST("ping-address", "127.0.0.1"));
}

/* What else has connections: MPTCP, SCTP, DCCP; and fast open by a message. */
static void test_more_streams(void **state)
{
    static const char *const protocols[][2] = {{"1", "262"}, {"1", "132"}, {"6", "33"}};
    const char *const *const options[] = {NULL, SBX_LIST("--no-watch")};

    (void)state;
    (void)drain(world.tcp, false);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 3; i++) {
            attempt(SBX_ESCAPE_MAY_LACK, options[k], NULL, NULL,
                    SBX_LIST("connect-protocol", "127.0.0.1", world.port, protocols[i][0],
                             protocols[i][1]));
            assert_true(drain(world.tcp, false) <= 1);
        }
        attempt(SBX_ESCAPE_MAY_LACK, options[k], NULL, NULL,
                SBX_LIST("send-message-fast-open", "127.0.0.1", world.port));
        assert_true(drain(world.tcp, false) <= 1);
    }
}

/* Every family that there is: three are for addresses, one is for pairs, and NETLINK_ROUTE is harmless. */
static void test_every_family(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const types[] = {"1", "2", "3", "5"};
    const char *const *const options[] = {NULL, SBX_LIST("--net", "full"),
                                          SBX_LIST("--net", "loopback", "--no-watch")};
    size_t made = 0;

    for (int family = 3; family < 46; family++) {
        bool is_there = false;

        if (family == AF_INET6)
            continue;
        for (size_t t = 0; t < 4 && !is_there; t++) {
            const char *const *words =
                SBX_LIST("socket", sbx_test_text("%d", family), types[t],
                         family == AF_NETLINK ? "15" : "0"); /* 15: the kernel's events */

            is_there = sbx_test_probe_outside(place, words) == SBX_PROBE_DID;
            for (size_t i = 0; is_there && i < 3; i++)
                attempt(0, options[i], i < 2 ? "socket" : NULL, NULL, words);
        }
        made += is_there;
    }
    assert_true(made > 0); /* netlink at least: or nothing was tried */
}

static void test_special_sockets(void **state)
{
    (void)state;
    /* No row for this one: a raw socket fails for want of a right, as it does for every user. */
    attempt(SBX_ESCAPE_NEEDS_ROOT, NULL, NULL, NULL, SBX_LIST("socket-raw"));
    attempt(SBX_ESCAPE_NEEDS_ROOT, NULL, NETWORK_OPS, NULL, SBX_LIST("socket-packet"));
    attempt(SBX_ESCAPE_MAY_LACK, NULL, NETWORK_OPS, NULL, SBX_LIST("socket-vsock"));
    attempt(SBX_ESCAPE_MAY_LACK, NULL, NULL, NULL, SBX_LIST("socket-netlink", "9")); /* audit */
    attempt(SBX_ESCAPE_MAY_LACK, NULL, NULL, NULL,
            SBX_LIST("socket-netlink", "12")); /* netfilter */
}

/* Every network, watched and not: the walls must not hang on the watch. */
static const char *const *const networks[] = {
    (const char *const[]){"--net", "none", NULL},
    (const char *const[]){"--net", "loopback", NULL},
    (const char *const[]){"--net", "full", NULL},
    (const char *const[]){"--net", "none", "--no-watch", NULL},
    (const char *const[]){"--net", "loopback", "--no-watch", NULL},
    (const char *const[]){"--net", "full", "--no-watch", NULL},
};

static void test_unix_paths(void **state)
{
    (void)state;
    attempt(0, NULL, NETWORK_OPS, NULL, SBX_LIST("connect-unix", world.stream_path));
    (void)drain(world.path_stream, false);
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        attempt(0, networks[i], NULL, NULL, SBX_LIST("connect-unix", world.stream_path));
        assert_int_equal(drain(world.path_stream, false), 1); /* the control's, and no other */
        attempt(0, networks[i], NULL, NULL, SBX_LIST("send-unix", world.datagram_path));
        attempt(0, networks[i], NULL, NULL, SBX_LIST("send-message-unix", world.datagram_path));
        attempt(0, networks[i], NULL, NULL, SBX_LIST("send-pair-unix", world.datagram_path));
        attempt(0, networks[i], NULL, NULL, SBX_LIST("connect-pair-unix", world.datagram_path));
        assert_int_equal(drain(world.path_datagram, true), 3);
    }
}

static void test_abstract_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        attempt(SBX_ESCAPE_HIDDEN, networks[i], NULL, NULL,
                SBX_LIST("connect-abstract", world.name));
        assert_int_equal(drain(world.abstract, false), 1);
    }
}

static void test_none_has_no_loopback(void **state)
{
    const sbx_test_place *place = *state;

    assert_int_equal(sbx_test_probe_outside(place, SBX_LIST("talk-to-self")), SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("talk-to-self")),
                     SBX_PROBE_DENIED);
    /* Pairs have no address, and programs need them. */
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("socket-pair")), SBX_PROBE_DID);
}

static void test_loopback_is_its_own(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *options = SBX_LIST("--net", "loopback");

    assert_int_equal(sbx_test_probe_inside(place, options, SBX_LIST("talk-to-self")),
                     SBX_PROBE_DID);
    (void)drain(world.tcp, false);
    attempt(SBX_ESCAPE_HIDDEN, options, NULL, NULL,
            SBX_LIST("connect-tcp", "127.0.0.1", world.port));
    assert_int_equal(drain(world.tcp, false), 1);
    assert_int_not_equal(
        sbx_test_probe_inside(place, options, SBX_LIST("send-udp", "192.0.2.1", "9")),
        SBX_PROBE_DID);
}

static void test_full_is_the_hosts(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *options = SBX_LIST("--net", "full");

    (void)drain(world.tcp, false);
    assert_int_equal(
        sbx_test_probe_inside(place, options, SBX_LIST("connect-tcp", "127.0.0.1", world.port)),
        SBX_PROBE_DID);
    assert_int_equal(drain(world.tcp, false), 1);
    (void)drain(world.udp, true);
    assert_int_equal(
        sbx_test_probe_inside(place, options, SBX_LIST("send-udp", "127.0.0.1", world.udp_port)),
        SBX_PROBE_DID);
    assert_int_equal(drain(world.udp, true), 1);
}

/* The host's network is not its interfaces. */
static void test_full_has_no_raw_sockets(void **state)
{
    const char *const *options = SBX_LIST("--net", "full");

    (void)state;
    attempt(SBX_ESCAPE_NEEDS_ROOT, options, NULL, NULL, SBX_LIST("socket-raw"));
    attempt(SBX_ESCAPE_NEEDS_ROOT, options, NULL, NULL, SBX_LIST("socket-packet"));
    attempt(SBX_ESCAPE_MAY_LACK, options, NULL, NULL, SBX_LIST("socket-vsock"));
}

static void test_unix_sockets_option(void **state)
{
    const sbx_test_place *place = *state;

    (void)drain(world.path_stream, false);
    assert_int_equal(sbx_test_probe_inside(place, SBX_LIST("--unix-sockets"),
                                           SBX_LIST("connect-unix", world.stream_path)),
                     SBX_PROBE_DID);
    assert_int_equal(drain(world.path_stream, false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_tcp),
        sbx_unit_test(test_record_names_the_address),
        sbx_unit_test(test_udp),
        sbx_unit_test(test_more_udp),
        sbx_unit_test(test_more_streams),
        sbx_unit_test(test_every_family),
        sbx_unit_test(test_special_sockets),
        sbx_unit_test(test_unix_paths),
        sbx_unit_test(test_abstract_names),
        sbx_unit_test(test_none_has_no_loopback),
        sbx_unit_test(test_loopback_is_its_own),
        sbx_unit_test(test_full_is_the_hosts),
        sbx_unit_test(test_full_has_no_raw_sockets),
        sbx_unit_test(test_unix_sockets_option),
    };

    return cmocka_run_group_tests_name("escape: network", tests, setup, teardown);
}
