/*
 * Whole runs of the kernel's Landlock records over a socket: whose they are, how many there are, and
 * whether all were seen.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/sources/linux/landlock_log.h"
#include "audit/sources/linux/landlock_parse.h"
#include "harness/base/clock.h"
#include "harness/base/compiler.h"

typedef struct stream {
    int peer;
    sbx_landlock_log *log;
    sbx_denials *denials;
    int32_t job_pid; /* what is_in_job() says yes to */
} stream;

enum { TARGET = 286 };

static bool is_in_job(void *context, int32_t pid)
{
    return pid == ((const stream *)context)->job_pid;
}

static void open_stream(stream *self, sbx_landlock_receive *receive)
{
    sbx_error err;
    int pair[2], room = 1 << 20;

    *self = (stream){.job_pid = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    self->peer = pair[1];
    self->denials = sbx_denials_create();
    assert_non_null(self->denials);
    assert_int_equal(sbx_landlock_log_create(&self->log, pair[0], receive, &err), SBX_OK);
    sbx_landlock_log_follow(self->log, TARGET, self->denials, is_in_job, self);
}

static void close_stream(stream *self)
{
    sbx_landlock_log_free(self->log);
    sbx_denials_free(self->denials);
    close(self->peer);
}

static void send_record(const stream *self, int type, const char *format, ...) SBX_PRINTF(3, 4);

static void send_record(const stream *self, int type, const char *format, ...)
{
    struct {
        struct nlmsghdr header;
        char text[1024];
    } message = {.header = {.nlmsg_type = (uint16_t)type}};
    va_list list;
    size_t bytes;

    va_start(list, format);
    bytes = sizeof(message.header) +
            (size_t)vsnprintf(message.text, sizeof(message.text), format, list);
    va_end(list);
    message.header.nlmsg_len = (uint32_t)bytes;
    assert_int_equal(send(self->peer, &message, bytes, 0), (ssize_t)bytes);
}

static void send_denied(const stream *self, unsigned serial, uint64_t domain, const char *what)
{
    send_record(self, SBX_AUDIT_LANDLOCK_ACCESS,
                "audit(1729738800.268:%u): domain=%llx blockers=%s", serial,
                (unsigned long long)domain, what);
}

static void send_maker(const stream *self, unsigned serial, uint64_t domain, int pid)
{
    send_record(
        self, SBX_AUDIT_LANDLOCK_DOMAIN,
        "audit(1729738800.268:%u): domain=%llx status=allocated mode=enforcing pid=%d uid=0 "
        "exe=\"/usr/bin/sbx\" comm=\"sbx\"",
        serial, (unsigned long long)domain, pid);
}

static void send_call(const stream *self, unsigned serial, int pid)
{
    send_record(self, SBX_AUDIT_SYSCALL,
                "audit(1729738800.268:%u): arch=c000003e syscall=257 success=no exit=-13 a0=0 "
                "items=0 ppid=1 "
                "pid=%d uid=0 comm=\"sh\" exe=\"/usr/bin/sh\" key=(null)",
                serial, pid);
    send_record(self, 1327, "audit(1729738800.268:%u): proctitle=7368", serial);
    send_record(self, SBX_AUDIT_END_OF_EVENT, "audit(1729738800.268:%u): ", serial);
}

static void send_end(const stream *self, uint64_t domain, unsigned denials)
{
    send_record(self, SBX_AUDIT_LANDLOCK_DOMAIN,
                "audit(1729738800.300:900): domain=%llx status=deallocated "
                "denials=%u",
                (unsigned long long)domain, denials);
}

static const sbx_denial *find(const stream *self, const char *op, const char *target)
{
    for (size_t i = 0; i < sbx_denials_count(self->denials); i++) {
        const sbx_denial *denial = sbx_denials_get(self->denials, i);

        if (strcmp(denial->op, op) == 0 && denial->target_bytes == strlen(target) &&
            memcmp(denial->target, target, denial->target_bytes) == 0)
            return denial;
    }
    return NULL;
}

static void test_one_run(void **state)
{
    stream self;
    const sbx_denial *denial;

    (void)state;
    open_stream(&self, NULL);
    assert_false(sbx_landlock_log_is_on(self.log));
    send_denied(&self, 30, 0xabc, "fs.write_file path=\"/dev/tty\" dev=\"devtmpfs\" ino=9");
    send_maker(&self, 30, 0xabc, TARGET);
    sbx_landlock_log_serve(self.log);
    assert_true(sbx_landlock_log_is_on(self.log));
    assert_int_equal(sbx_denials_count(self.denials), 0); /* held: who it was comes now */
    send_call(&self, 30, 289);
    send_denied(&self, 31, 0xabc, "fs.write_file path=\"/etc/passwd\" dev=\"vda2\" ino=143821");
    send_call(&self, 31, 290);
    sbx_landlock_log_serve(self.log);

    assert_int_equal(sbx_denials_count(self.denials), 2);
    denial = find(&self, "write", "/dev/tty");
    assert_non_null(denial);
    assert_int_equal(denial->kind, SBX_DENIAL_FILE);
    assert_int_equal(denial->pid, 289);
    assert_string_equal(denial->exe, "/usr/bin/sh");
    assert_int_equal(denial->error, EACCES);
    assert_string_equal(denial->rule, "no writable root");
    assert_int_equal(denial->source, SBX_SOURCE_LANDLOCK);
    assert_int_equal(denial->confidence, SBX_CONFIDENCE_KERNEL);
    assert_int_equal(denial->first_us, UINT64_C(1729738800268000));
    assert_int_equal(denial->last_us, UINT64_C(1729738800268000));
    assert_int_equal(denial->count, 1);
    assert_int_equal(find(&self, "write", "/etc/passwd")->pid, 290);

    assert_int_equal(sbx_landlock_log_complete(self.log), -1);
    send_end(&self, 0xabc, 2);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    assert_int_equal(sbx_landlock_log_count(self.log), 2);
    close_stream(&self);
}

static void test_missing_ones_are_noticed(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 30, 0xabc, "fs.refer path=\"/a\"");
    send_maker(&self, 30, 0xabc, TARGET);
    send_end(&self, 0xdef, 1); /* somebody else's end is not ours */
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), -1);
    send_end(&self, 0xabc, 2);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), 0);
    assert_int_equal(sbx_denials_total(self.denials), 1); /* its call never came, and it is kept */
    assert_int_equal(sbx_denials_get(self.denials, 0)->pid, 0);
    close_stream(&self);
}

/* Three runs and a sandboxed browser at once, their records in between each other. */
static void test_other_runs_are_left_out(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 1, 0x100,
                "fs.refer path=\"/theirs\""); /* denied before we listened: no maker */
    send_denied(&self, 2, 0x200, "fs.make_reg path=\"/theirs\"");
    send_denied(&self, 3, 0xabc, "fs.make_reg path=\"/ours\"");
    send_maker(&self, 2, 0x200, 999);
    send_call(&self, 1, 100);
    send_maker(&self, 3, 0xabc, TARGET);
    send_denied(&self, 4, 0x100, "fs.refer path=\"/theirs\"");
    send_call(&self, 3, 300);
    send_call(&self, 2, 200);
    send_call(&self, 4, 100);
    for (unsigned serial = 10; serial < 30; serial += 2) {
        send_denied(&self, serial, 0xabc, "net.connect_tcp daddr=192.0.2.1 dest=80");
        send_denied(&self, serial + 1, 0x200, "net.connect_tcp daddr=192.0.2.2 dest=80");
        send_call(&self, serial + 1, 200);
        send_call(&self, serial, 301);
        sbx_landlock_log_serve(self.log);
    }
    send_end(&self, 0x200, 11);
    send_end(&self, 0xabc, 11);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_denials_count(self.denials), 2);
    assert_int_equal(find(&self, "create", "/ours")->pid, 300);
    assert_int_equal(find(&self, "connect", "tcp 192.0.2.1:80")->count, 10);
    assert_string_equal(find(&self, "connect", "tcp 192.0.2.1:80")->rule, "network none");
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    close_stream(&self);
}

/* Ours waits for its call while any number of others' go by. */
static void test_others_do_not_push_ours_out(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 1, 0x200, "fs.refer path=\"/theirs\"");
    send_maker(&self, 1, 0x200, 999);
    send_denied(&self, 2, 0xabc, "fs.refer path=\"/ours\"");
    send_maker(&self, 2, 0xabc, TARGET);
    for (unsigned i = 0; i < 200; i++) {
        send_denied(&self, 10 + i, i % 2 == 0 ? 0x200 : 0xf00 + i, "fs.refer path=\"/theirs\"");
        if (i % 32 == 0)
            sbx_landlock_log_serve(self.log);
    }
    send_call(&self, 2, 301);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_denials_total(self.denials), 1);
    assert_int_equal(find(&self, "rename", "/ours")->pid, 301);
    close_stream(&self);
}

/* A rename is two records of one event; what it was, only the call says. */
static void test_the_call_says_what_it_was(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 5, 0xabc, "fs.remove_file path=\"/from\"");
    send_maker(&self, 5, 0xabc, TARGET);
    send_denied(&self, 5, 0xabc, "fs.make_reg path=\"/to\"");
    send_record(&self, SBX_AUDIT_SYSCALL,
                "audit(1729738800.268:5): arch=c000003e syscall=82 exit=-13 pid=7");
    send_denied(&self, 6, 0xabc, "fs.make_reg,fs.refer path=\"/to\"");
    send_record(&self, SBX_AUDIT_SYSCALL,
                "audit(1729738800.268:6): arch=c000003e syscall=86 exit=-18 pid=7");
    send_end(&self, 0xabc, 3);
    sbx_landlock_log_serve(self.log);
#if defined(__x86_64__)
    assert_non_null(find(&self, "rename", "/from"));
    assert_non_null(find(&self, "rename", "/to"));
    assert_int_equal(find(&self, "link", "/to")->error, EXDEV);
#endif
    assert_int_equal(sbx_denials_total(self.denials), 3);
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    close_stream(&self);
}

/* The target confines itself once more: that domain's denials are its own affair. */
static void test_the_elder_domain_is_ours(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 1, 0xb00, "fs.write_file path=\"/inner\"");
    send_maker(&self, 1, 0xb00, TARGET);
    send_denied(&self, 2, 0xa00, "fs.write_file path=\"/ours\"");
    send_maker(&self, 2, 0xa00, TARGET);
    send_call(&self, 2, 5);
    send_denied(&self, 3, 0xb00, "fs.write_file path=\"/inner\"");
    send_call(&self, 3, 5);
    send_denied(&self, 4, 0xc00, "fs.write_file path=\"/inner\"");
    send_maker(&self, 4, 0xc00, TARGET);
    send_call(&self, 4, 5);
    send_end(&self, 0xa00, 1);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_denials_count(self.denials), 1);
    assert_non_null(find(&self, "write", "/ours"));
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    close_stream(&self);
}

/* Where the owner audits no tasks there is no SYSCALL record, and each record is an event of its own. */
static void test_without_calls(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 1, 0xabc, "fs.write_file path=\"/a\"");
    send_maker(&self, 2, 0xabc, TARGET);
    send_denied(&self, 3, 0xabc, "fs.write_file path=\"/b\"");
    sbx_landlock_log_serve(self.log);
    usleep(110 * 1000);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_denials_count(self.denials), 2);
    send_denied(&self, 4, 0xabc, "fs.write_file path=\"/c\"");
    sbx_landlock_log_finish(self.log, 0);
    assert_int_equal(sbx_denials_count(self.denials), 3);
    assert_int_equal(sbx_landlock_log_count(self.log), 3);
    assert_int_equal(sbx_landlock_log_complete(self.log), -1);
    close_stream(&self);
}

static int no_room_at; /* how many datagrams come before the buffer is full */

static ssize_t receive_with_a_gap(int fd, void *out, size_t room)
{
    if (no_room_at-- == 0) {
        errno = ENOBUFS;
        return -1;
    }
    return recv(fd, out, room, MSG_DONTWAIT);
}

static void test_a_full_buffer(void **state)
{
    stream self;

    (void)state;
    no_room_at = 0;
    open_stream(&self, receive_with_a_gap);
    self.job_pid = 289;
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), 0);
    assert_true(sbx_landlock_log_is_on(self.log));
    /* The maker's record was lost: whom the domain stops is all there is to go by. */
    send_denied(&self, 7, 0x100, "fs.write_file path=\"/theirs\"");
    send_call(&self, 7, 1);
    send_denied(&self, 8, 0xabc, "fs.write_file path=\"/ours\"");
    send_call(&self, 8, 289);
    send_denied(&self, 9, 0xabc, "fs.write_file path=\"/ours\"");
    send_call(&self, 9, 4711);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_denials_count(self.denials), 1);
    assert_int_equal(find(&self, "write", "/ours")->count, 2);
    assert_int_equal(sbx_landlock_log_complete(self.log), 0);
    send_end(&self, 0xabc, 3);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), 0);
    close_stream(&self);

    /* What was lost was somebody else's: the kernel's count says so. */
    no_room_at = 2;
    open_stream(&self, receive_with_a_gap);
    send_denied(&self, 1, 0xabc, "fs.write_file path=\"/ours\"");
    send_maker(&self, 1, 0xabc, TARGET);
    send_call(&self, 1, 289);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), 0);
    send_end(&self, 0xabc, 1);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    close_stream(&self);
}

/* sbx in somebody's sandbox: that domain stops our processes too, and is not ours. */
static void test_an_outer_domain_is_not_learnt(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, NULL);
    self.job_pid = 289;
    send_denied(&self, 8, 0x100, "fs.write_file path=\"/outer\"");
    send_call(&self, 8, 289);
    send_end(&self, 0x100, 1);
    sbx_landlock_log_serve(self.log);
    sbx_landlock_log_finish(self.log, 50 * SBX_NS_PER_MS);
    assert_int_equal(sbx_denials_count(self.denials), 0);
    assert_int_equal(sbx_landlock_log_complete(self.log), -1);
    close_stream(&self);
}

/* Of this C library's heap; under a sanitizer it is not used, and this is 0. */
static size_t memory_bytes(void)
{
    return mallinfo2().uordblks;
}

/* 60,000 denials of thousands of domains without an end to their events, ours among them. */
static void test_a_flood(void **state)
{
    stream self;
    size_t before, most = 0;

    (void)state;
    open_stream(&self, NULL);
    send_denied(&self, 1, 0xabc, "fs.write_file path=\"/ours\"");
    send_maker(&self, 1, 0xabc, TARGET);
    sbx_landlock_log_serve(self.log);
    before = memory_bytes();
    for (unsigned i = 0; i < 60000; i++) {
        char what[600];
        bool is_ours = i % 8 == 0;

        (void)snprintf(what, sizeof(what), "fs.write_file path=\"/%s%0500u\"",
                       is_ours ? "" : "theirs", is_ours ? 1U : i);
        send_denied(&self, i,
                    is_ours           ? 0xabc
                    : i % 5000 < 2500 ? 0x10 + i % 80
                                      : 0x1000 + i % 5000,
                    what);
        if (i % 32 == 31) {
            sbx_landlock_log_serve(self.log);
            most = memory_bytes() > most ? memory_bytes() : most;
        }
    }
    sbx_landlock_log_finish(self.log, 0);
    assert_int_equal(sbx_denials_count(self.denials), 2);
    assert_int_equal(sbx_landlock_log_count(self.log), 7501);
    assert_int_equal(sbx_denials_total(self.denials), 7501);
    assert_true(most <= before + 64 * 1024);
    send_end(&self, 0xabc, 7501);
    sbx_landlock_log_finish(self.log, 0);
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    close_stream(&self);
}

static ssize_t receive_without_end(int fd, void *out, size_t room)
{
    const struct nlmsghdr header = {.nlmsg_type = SBX_AUDIT_END_OF_EVENT,
                                    .nlmsg_len = sizeof(header)};

    (void)fd;
    assert_true(room >= sizeof(header));
    memcpy(out, &header, sizeof(header));
    return (ssize_t)sizeof(header);
}

/* However fast they come, both return. */
static void test_serving_ends(void **state)
{
    stream self;
    uint64_t start_ns;

    (void)state;
    open_stream(&self, receive_without_end);
    sbx_landlock_log_serve(self.log);
    start_ns = sbx_clock_monotonic_ns();
    sbx_landlock_log_finish(self.log, 30 * SBX_NS_PER_MS);
    assert_true(sbx_clock_monotonic_ns() - start_ns < SBX_NS_PER_S);
    close_stream(&self);
}

static void test_finish_waits_for_the_end_only(void **state)
{
    stream self;
    uint64_t start_ns = sbx_clock_monotonic_ns();
    pid_t child;

    (void)state;
    open_stream(&self, NULL);
    sbx_landlock_log_finish(self.log, 10 * SBX_NS_PER_S); /* nothing of ours was recorded */
    assert_true(sbx_clock_monotonic_ns() - start_ns < SBX_NS_PER_S);

    send_denied(&self, 1, 0xabc, "ptrace opid=1 ocomm=\"systemd\"");
    send_maker(&self, 1, 0xabc, TARGET);
    start_ns = sbx_clock_monotonic_ns();
    sbx_landlock_log_finish(self.log, 30 * SBX_NS_PER_MS);
    assert_true(sbx_clock_monotonic_ns() - start_ns >= 30 * SBX_NS_PER_MS);
    assert_int_equal(sbx_landlock_log_complete(self.log), -1);
    assert_non_null(find(&self, "ptrace", "process 1 systemd"));

    child = fork();
    if (child == 0) {
        usleep(20 * 1000);
        send_end(&self, 0xabc, 1);
        _exit(0);
    }
    start_ns = sbx_clock_monotonic_ns();
    sbx_landlock_log_finish(self.log, 20 * SBX_NS_PER_S);
    assert_true(sbx_clock_monotonic_ns() - start_ns < 10 * SBX_NS_PER_S);
    assert_int_equal(sbx_landlock_log_complete(self.log), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close_stream(&self);
}

/* From the first record on, what is not ours to read does not even wake us. */
static void test_other_types_do_not_arrive(void **state)
{
    static const int passed[] = {SBX_AUDIT_SYSCALL, SBX_AUDIT_END_OF_EVENT, SBX_AUDIT_LISTENER,
                                 SBX_AUDIT_LANDLOCK_ACCESS, SBX_AUDIT_LANDLOCK_DOMAIN};
    static const int stopped[] = {NLMSG_ERROR, 1000, 1299, 1301, 1302, 1307,
                                  1319,        1321, 1327, 1400, 1422, 1425};
    stream self;
    struct pollfd wait = {.events = POLLIN};

    (void)state;
    open_stream(&self, NULL);
    wait.fd = sbx_landlock_log_fd(self.log);
    send_record(&self, 1327, "x");
    assert_int_equal(poll(&wait, 1, 0), 1);
    sbx_landlock_log_serve(self.log);
    assert_true(sbx_landlock_log_is_on(self.log));
    for (size_t i = 0; i < SBX_COUNT_OF(stopped); i++)
        send_record(&self, stopped[i], "x");
    assert_int_equal(poll(&wait, 1, 0), 0);
    for (size_t i = 0; i < SBX_COUNT_OF(passed); i++) {
        send_record(&self, passed[i], "x");
        assert_int_equal(poll(&wait, 1, 0), 1);
        sbx_landlock_log_serve(self.log);
        assert_int_equal(poll(&wait, 1, 0), 0);
    }
    close_stream(&self);
}

static ssize_t receive_dead(int fd, void *out, size_t room)
{
    (void)fd;
    (void)out;
    (void)room;
    errno = ENOTCONN;
    return -1;
}

/* Or poll would call us for it for ever. */
static void test_a_dead_socket_is_let_go(void **state)
{
    stream self;

    (void)state;
    open_stream(&self, receive_dead);
    assert_true(sbx_landlock_log_fd(self.log) >= 0);
    sbx_landlock_log_serve(self.log);
    assert_int_equal(sbx_landlock_log_fd(self.log), -1);
    sbx_landlock_log_serve(self.log);
    sbx_landlock_log_finish(self.log, SBX_NS_PER_S);
    close_stream(&self);
    sbx_landlock_log_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_run),
        cmocka_unit_test(test_missing_ones_are_noticed),
        cmocka_unit_test(test_other_runs_are_left_out),
        cmocka_unit_test(test_others_do_not_push_ours_out),
        cmocka_unit_test(test_the_call_says_what_it_was),
        cmocka_unit_test(test_the_elder_domain_is_ours),
        cmocka_unit_test(test_without_calls),
        cmocka_unit_test(test_a_full_buffer),
        cmocka_unit_test(test_an_outer_domain_is_not_learnt),
        cmocka_unit_test(test_a_flood),
        cmocka_unit_test(test_serving_ends),
        cmocka_unit_test(test_finish_waits_for_the_end_only),
        cmocka_unit_test(test_other_types_do_not_arrive),
        cmocka_unit_test(test_a_dead_socket_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
