/*
 * Every form of the kernel's Landlock records as text. The texts are the kernel's own samples
 * (Documentation/admin-guide/LSM/landlock.rst, its selftests and commit messages), completed to the
 * fields that audit writes.
 */
#include "tests/support/test.h"

#include "audit/sources/linux/landlock_parse.h"
#include "harness/base/compiler.h"

#define STAMP "audit(1729738800.268:30): "
#define DENY STAMP "domain=1a6fdc66f blockers="
#define CALL(number, exit, rest)                                                                   \
    STAMP                                                                                          \
        "arch=c000003e syscall=" number " success=no exit=" exit                                   \
        " a0=ffffff9c a1=7ffe a2=241 a3=1b6 "                                                      \
        "items=0 ppid=272 pid=289 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 " \
        "tty=pts0 ses=1 " rest

static const struct {
    const char *text;
    sbx_denial_class what;
    const char *op, *target;
} denied[] = {
    {DENY "fs.write_file path=\"/etc/passwd\" dev=\"vda2\" ino=143821", SBX_DENIAL_FILE, "write",
     "/etc/passwd"},
    {DENY "fs.write_file,fs.truncate path=\"/etc/passwd\" dev=\"vda2\" ino=9", SBX_DENIAL_FILE,
     "write", "/etc/passwd"},
    {DENY "fs.truncate path=\"/a\" dev=\"vda2\" ino=9", SBX_DENIAL_FILE, "write", "/a"},
    {DENY "fs.refer path=\"/usr/bin\" dev=\"vda2\" ino=351", SBX_DENIAL_FILE, "rename", "/usr/bin"},
    {DENY "fs.make_reg,fs.refer path=\"/usr/local\" dev=\"vda2\" ino=365", SBX_DENIAL_FILE,
     "rename", "/usr/local"},
    {DENY "fs.make_reg path=\"/home/user\" dev=\"sda1\" ino=1183972", SBX_DENIAL_FILE, "create",
     "/home/user"},
    {DENY "fs.make_dir path=\"/\" dev=\"sda1\" ino=2", SBX_DENIAL_FILE, "create", "/"},
    {DENY "fs.make_sym path=\"/x\"", SBX_DENIAL_FILE, "create", "/x"},
    {DENY "fs.make_sock path=\"/x\"", SBX_DENIAL_FILE, "create", "/x"},
    {DENY "fs.make_fifo path=\"/x\"", SBX_DENIAL_FILE, "create", "/x"},
    {DENY "fs.make_char path=\"/x\"", SBX_DENIAL_FILE, "create", "/x"},
    {DENY "fs.make_block path=\"/x\"", SBX_DENIAL_FILE, "create", "/x"},
    {DENY "fs.remove_file path=\"/x\"", SBX_DENIAL_FILE, "remove", "/x"},
    {DENY "fs.remove_dir path=\"/x\"", SBX_DENIAL_FILE, "remove", "/x"},
    {DENY "fs.execute path=\"/bin/su\"", SBX_DENIAL_FILE, "execute", "/bin/su"},
    {DENY "fs.read_file path=\"/etc/shadow\"", SBX_DENIAL_FILE, "read", "/etc/shadow"},
    {DENY "fs.read_dir path=\"/root\"", SBX_DENIAL_FILE, "list", "/root"},
    {DENY "fs.ioctl_dev path=\"/dev/tty\" dev=\"devtmpfs\" ino=9 ioctlcmd=0x5412", SBX_DENIAL_FILE,
     "ioctl", "/dev/tty"},
    {DENY "fs.change_topology name=\"mnt\" dev=\"tmpfs\" ino=1", SBX_DENIAL_FILE, "mount", "mnt"},
    {DENY "fs.change_topology path=\"/tmp\" dev=\"tmpfs\" ino=1", SBX_DENIAL_FILE, "mount", "/tmp"},
    {DENY "fs.of_tomorrow path=\"/x\"", SBX_DENIAL_FILE, "access", "/x"},
    {DENY "fs.write_files path=\"/x\"", SBX_DENIAL_FILE, "access", "/x"},
    {DENY "fs.write_file", SBX_DENIAL_FILE, "write", ""},
    {DENY "fs.write_file path=(null)", SBX_DENIAL_FILE, "write", ""},
    {DENY "fs.write_file path=\"/a=b\" path=\"/second\"", SBX_DENIAL_FILE, "write", "/a=b"},
    /* hexadecimal: what could be taken for another field, or spoil a line */
    {DENY "fs.write_file path=2F746D702F6120706174683D2F6263 dev=\"vda2\"", SBX_DENIAL_FILE,
     "write", "/tmp/a path=/bc"},
    {DENY "fs.write_file path=2F746D702F2271220A dev=\"vda2\"", SBX_DENIAL_FILE, "write",
     "/tmp/\"q\"\n"},
    {DENY "fs.write_file path=2FC3A4 dev=\"vda2\"", SBX_DENIAL_FILE, "write", "/\xC3\xA4"},
    {DENY "fs.write_file path=2FC3A dev=\"vda2\"", SBX_DENIAL_FILE, "write",
     "2FC3A"}, /* odd: as it stands */
    {DENY "fs.write_file path=2fc3a4 dev=\"vda2\"", SBX_DENIAL_FILE, "write",
     "2fc3a4"}, /* not the kernel's */
    {DENY "net.connect_tcp daddr=127.0.0.1 dest=80", SBX_DENIAL_NETWORK, "connect",
     "tcp 127.0.0.1:80"},
    {DENY "net.connect_tcp daddr=2001:db8::1 dest=443", SBX_DENIAL_NETWORK, "connect",
     "tcp [2001:db8::1]:443"},
    {DENY "net.connect_tcp dest=443", SBX_DENIAL_NETWORK, "connect", "tcp *:443"},
    {DENY "net.bind_tcp saddr=127.0.0.1 src=8080", SBX_DENIAL_NETWORK, "bind",
     "tcp 127.0.0.1:8080"},
    {DENY "net.bind_tcp src=8080", SBX_DENIAL_NETWORK, "bind", "tcp *:8080"},
    {DENY "net.bind_tcp", SBX_DENIAL_NETWORK, "bind", "tcp *:0"},
    {DENY "net.bind_udp src=53", SBX_DENIAL_NETWORK, "bind", "udp *:53"},
    {DENY "net.connect_send_udp daddr=10.0.0.1 dest=53", SBX_DENIAL_NETWORK, "send",
     "udp 10.0.0.1:53"},
    {DENY "net.of_tomorrow dest=53", SBX_DENIAL_NETWORK, "access", "tcp *:53"},
    {DENY "scope.abstract_unix_socket path=00746573742D31", SBX_DENIAL_NETWORK, "connect",
     "unix @test-1"},
    {DENY "scope.abstract_unix_socket", SBX_DENIAL_NETWORK, "connect", "unix"},
    {DENY "fs.resolve_unix path=\"/run/dbus/socket\"", SBX_DENIAL_NETWORK, "connect",
     "unix /run/dbus/socket"},
    {DENY "scope.signal opid=1 ocomm=\"systemd\"", SBX_DENIAL_PROCESS, "signal",
     "process 1 systemd"},
    {DENY "scope.signal opid=7 ocomm=6120622063", SBX_DENIAL_PROCESS, "signal", "process 7 a b c"},
    {DENY "scope.signal opid=7", SBX_DENIAL_PROCESS, "signal", "process 7"},
    {DENY "scope.signal", SBX_DENIAL_PROCESS, "signal", ""},
    {DENY "ptrace opid=1 ocomm=\"systemd\"", SBX_DENIAL_PROCESS, "ptrace", "process 1 systemd"},
    {DENY "unknown opid=1", SBX_DENIAL_PROCESS, "access", "process 1"},
};

static void test_every_denial(void **state)
{
    static sbx_landlock_record record;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(denied); i++) {
        if (!sbx_landlock_parse(&record, SBX_AUDIT_LANDLOCK_ACCESS, denied[i].text,
                                strlen(denied[i].text)))
            fail_msg("not read: %s", denied[i].text);
        assert_int_equal(record.kind, SBX_LANDLOCK_DENIED);
        assert_int_equal(record.time_us, UINT64_C(1729738800268000));
        assert_int_equal(record.serial, 30);
        assert_int_equal(record.domain, 0x1a6fdc66f);
        assert_string_equal(record.text, denied[i].target);
        assert_int_equal(record.text_bytes, strlen(denied[i].target));
        assert_string_equal(record.op, denied[i].op);
        assert_int_equal(record.what, denied[i].what);
        assert_true(record.rule[0] != '\0');
    }
}

static bool parse(sbx_landlock_record *out, int type, const char *text)
{
    return sbx_landlock_parse(out, type, text, strlen(text));
}

static void test_the_other_records(void **state)
{
    static sbx_landlock_record record;

    (void)state;
    assert_true(parse(&record, SBX_AUDIT_LANDLOCK_DOMAIN,
                      STAMP "domain=195ba459b status=allocated mode=enforcing pid=300 uid=0 "
                            "exe=\"/root/sandboxer\" comm=\"sandboxer\"\n"));
    assert_int_equal(record.kind, SBX_LANDLOCK_ALLOCATED);
    assert_int_equal(record.domain, 0x195ba459b);
    assert_int_equal(record.pid, 300);
    assert_true(
        parse(&record, SBX_AUDIT_LANDLOCK_DOMAIN,
              "audit(1729738800.324:31): domain=ffffffffffffffff status=deallocated denials=3"));
    assert_int_equal(record.kind, SBX_LANDLOCK_DEALLOCATED);
    assert_int_equal(record.domain, UINT64_MAX);
    assert_int_equal(record.denials_count, 3);
    assert_int_equal(record.serial, 31);
    assert_true(parse(&record, SBX_AUDIT_END_OF_EVENT, STAMP));
    assert_int_equal(record.kind, SBX_LANDLOCK_EVENT_END);
    assert_int_equal(record.serial, 30);
}

static void test_the_call(void **state)
{
    static sbx_landlock_record record;

    (void)state;
    assert_true(
        parse(&record, SBX_AUDIT_SYSCALL,
              CALL("257", "-13", "comm=\"sh\" exe=\"/usr/bin/sh\" subj=unconfined key=(null)")));
    assert_int_equal(record.kind, SBX_LANDLOCK_CALL);
    assert_int_equal(record.pid, 289);
    assert_int_equal(record.error, 13);
    assert_string_equal(record.text, "/usr/bin/sh");
    assert_false(record.is_rename || record.is_link);
    /* A program whose own name is a field: hexadecimal, and pid= came first. */
    assert_true(parse(&record, SBX_AUDIT_SYSCALL,
                      CALL("257", "3", "comm=2070696431 exe=2F6120706964 pid=1")));
    assert_int_equal(record.pid, 289);
    assert_int_equal(record.error, 0);
    assert_string_equal(record.text, "/a pid");
    assert_true(parse(&record, SBX_AUDIT_SYSCALL, CALL("1", "-99999", "comm=\"x\" exe=(null)")));
    assert_int_equal(record.error, 0);
    assert_int_equal(record.text_bytes, 0);
#if defined(__x86_64__)
    static const struct {
        const char *text;
        bool is_rename, is_link;
    } calls[] = {{CALL("82", "-13", ""), true, false},
                 {CALL("264", "-13", ""), true, false},
                 {CALL("316", "-13", ""), true, false},
                 {CALL("86", "-18", ""), false, true},
                 {CALL("265", "-18", ""), false, true}};

    for (size_t i = 0; i < SBX_COUNT_OF(calls); i++) {
        assert_true(parse(&record, SBX_AUDIT_SYSCALL, calls[i].text));
        assert_int_equal(record.is_rename, calls[i].is_rename);
        assert_int_equal(record.is_link, calls[i].is_link);
    }
#endif
    /* 38 is rename for 32-bit programs only. */
    assert_true(parse(&record, SBX_AUDIT_SYSCALL,
                      STAMP "arch=40000003 syscall=316 success=no exit=-13 pid=2"));
    assert_false(record.is_rename);
}

static void test_garbage(void **state)
{
    static sbx_landlock_record record;
    static const struct {
        int type;
        const char *text;
    } bad[] = {
        {SBX_AUDIT_LANDLOCK_ACCESS, ""},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit("},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit()"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit():"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit(1.2:3)"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit(1.2:3)x domain=1 blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit(1:2.3): domain=1 blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit(1.1000:3): domain=1 blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit(99999999999999999.1:3): domain=1 blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, "audit(1.1:99999999999999999999): domain=1 blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "blockers=fs.refer path=\"/x\""},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "domain=0 blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "domain= blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "domain=1x blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "domain=1ffffffffffffffff blockers=fs.refer"},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "domain=1 path=\"/x\""},
        {SBX_AUDIT_LANDLOCK_ACCESS, STAMP "domain=1 blockers="},
        {SBX_AUDIT_LANDLOCK_ACCESS, DENY "fs.refer path=\"/a\"b\""},
        {SBX_AUDIT_LANDLOCK_ACCESS, DENY "fs.refer path=\"/a"},
        {SBX_AUDIT_LANDLOCK_ACCESS, DENY "fs.refer =x"},
        {SBX_AUDIT_LANDLOCK_DOMAIN, STAMP "domain=1"},
        {SBX_AUDIT_LANDLOCK_DOMAIN, STAMP "domain=1 status=allocated"},
        {SBX_AUDIT_LANDLOCK_DOMAIN, STAMP "domain=1 status=allocated pid=2147483648"},
        {SBX_AUDIT_LANDLOCK_DOMAIN, STAMP "domain=1 status=deallocated denials=-1"},
        {SBX_AUDIT_LANDLOCK_DOMAIN, STAMP "domain=1 status=allocatedx pid=1"},
        {SBX_AUDIT_SYSCALL, STAMP "arch=c000003e syscall=1 success=no exit=-13"},
        {SBX_AUDIT_SYSCALL, STAMP "ppid=3 syscall=1"},
        {1327, STAMP "proctitle=6B696C6C0031"},
        {SBX_AUDIT_LISTENER, STAMP "pid=1 uid=0 nl-mcgrp=1 op=connect res=1"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(bad); i++)
        if (parse(&record, bad[i].type, bad[i].text))
            fail_msg("was read: %s", bad[i].text);
}

/* The longest path the kernel can say, plain and in hexadecimal; and what is longer than any of its. */
static void test_long_names(void **state)
{
    static sbx_landlock_record record;
    static char text[40000];
    size_t bytes;

    (void)state;
    bytes = (size_t)snprintf(text, sizeof(text), DENY "fs.write_file path=\"/");
    memset(text + bytes, 'a', 4094);
    memcpy(text + bytes + 4094, "\" ino=1", 8);
    assert_true(parse(&record, SBX_AUDIT_LANDLOCK_ACCESS, text));
    assert_int_equal(record.text_bytes, 4095);

    bytes = (size_t)snprintf(text, sizeof(text), DENY "fs.write_file path=2F");
    for (size_t i = 0; i < 4094; i++)
        memcpy(text + bytes + 2 * i, "C4", 3);
    assert_true(parse(&record, SBX_AUDIT_LANDLOCK_ACCESS, text));
    assert_int_equal(record.text_bytes, 4095);
    assert_int_equal((unsigned char)record.text[4094], 0xC4);

    for (size_t i = 0; i < 17000; i++)
        memcpy(text + bytes + 2 * i, "C4", 3);
    assert_true(parse(&record, SBX_AUDIT_LANDLOCK_ACCESS, text));
    assert_int_equal(record.text_bytes, SBX_LANDLOCK_TEXT_BYTES - 1);
    assert_int_equal(record.text[SBX_LANDLOCK_TEXT_BYTES - 1], '\0');

    bytes = (size_t)snprintf(text, sizeof(text), DENY "scope.abstract_unix_socket path=00");
    for (size_t i = 0; i < 17000; i++)
        memcpy(text + bytes + 2 * i, "41", 3);
    assert_true(parse(&record, SBX_AUDIT_LANDLOCK_ACCESS, text));
    assert_int_equal(record.text_bytes, SBX_LANDLOCK_TEXT_BYTES - 1);

    bytes = (size_t)snprintf(text, sizeof(text), DENY "scope.signal opid=1 ocomm=\"");
    memset(text + bytes, 'a', 30000);
    memcpy(text + bytes + 30000, "\"", 2);
    assert_true(parse(&record, SBX_AUDIT_LANDLOCK_ACCESS, text));
    assert_int_equal(record.text_bytes, strlen("process 1 ") + 64);
}

/* Changed, cut, and doubled at random: never a crash (the sanitizers look on), never unbounded. */
static void test_mutations(void **state)
{
    static const char *const seeds[] = {
        CALL("257", "-13", "comm=\"sh\" exe=\"/usr/bin/sh\" key=(null)"),
        DENY "fs.make_reg,fs.refer path=2F746D702F6120 dev=\"vda2\" ino=365",
        DENY "net.connect_tcp daddr=2001:db8::1 dest=443",
        DENY "scope.abstract_unix_socket path=00746573742D31",
        DENY "scope.signal opid=1 ocomm=\"systemd\"",
        STAMP
        "domain=1a6fdc66f status=allocated mode=enforcing pid=286 uid=0 exe=\"/a\" comm=\"b\"",
        STAMP "domain=1a6fdc66f status=deallocated denials=1",
    };
    static const char spice[] = "\"= ,.:()\n\0\xFF"
                                "09AFaf";
    static const int types[] = {SBX_AUDIT_SYSCALL, SBX_AUDIT_END_OF_EVENT,
                                SBX_AUDIT_LANDLOCK_ACCESS, SBX_AUDIT_LANDLOCK_DOMAIN};
    static sbx_landlock_record record;
    size_t read_count = 0;

    (void)state;
    srand(20240817);
    for (int round = 0; round < 10000; round++) {
        const char *seed = seeds[(size_t)rand() % SBX_COUNT_OF(seeds)];
        size_t bytes = strlen(seed);
        char *text = malloc(bytes); /* exactly: one byte too far is seen */
        int type = types[(size_t)rand() % SBX_COUNT_OF(types)];

        assert_non_null(text);
        memcpy(text, seed, bytes);
        for (int i = rand() % 6; i > 0; i--)
            text[(size_t)rand() % bytes] = spice[(size_t)rand() % (sizeof(spice) - 1)];
        if (rand() % 3 == 0)
            bytes = (size_t)rand() % bytes;
        if (sbx_landlock_parse(&record, type, text, bytes)) {
            read_count++;
            assert_true(record.text_bytes < SBX_LANDLOCK_TEXT_BYTES);
            assert_int_equal(record.text[record.text_bytes], '\0');
            assert_true(record.kind != SBX_LANDLOCK_DENIED ||
                        (record.op != NULL && record.rule != NULL));
        }
        free(text);
    }
    assert_true(read_count > 500 && read_count < 9500); /* both ways were taken */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_denial), cmocka_unit_test(test_the_other_records),
        cmocka_unit_test(test_the_call),     cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_long_names),   cmocka_unit_test(test_mutations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
