/*
 * Build-time generator: writes every variant of the seccomp filter, made with libseccomp, as C arrays.
 * Making a filter takes libseccomp about half a millisecond, which no launch shall pay.
 *
 *     seccomp_gen OUTPUT.h
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit/sources/linux/syscalls.h"
#include "harness/target/linux/seccomp_gen/shrink.h"

/* libseccomp's number for what a kernel can: user notification, and all that was before it. */
enum { API_WITH_NOTIFY = 5 };

#define LOW_32 UINT64_C(0xffffffff)

/* The kernel looks at 32 bits of an int argument, so the filter does too: comparing 64 would let a value with
 * a high bit set pass for another one. */
#define INT_EQ(arg, value) SCMP_CMP((arg), SCMP_CMP_MASKED_EQ, LOW_32, (scmp_datum_t)(value))
#define BITS_SET(arg, bits) SCMP_CMP((arg), SCMP_CMP_MASKED_EQ, (bits), (bits))
#define BITS_ARE(arg, mask, bits) SCMP_CMP((arg), SCMP_CMP_MASKED_EQ, (mask), (bits))

static void check(int code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "seccomp_gen: %s: %s\n", what, strerror(-code));
    exit(1);
}

#define ADD(action, call, ...)                                                                     \
    check(seccomp_rule_add_array(filter, (action), (call),                                         \
                                 sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) /                    \
                                     sizeof(struct scmp_arg_cmp),                                  \
                                 (struct scmp_arg_cmp[]){__VA_ARGS__}),                            \
          #call)

static void add_plain(scmp_filter_ctx filter, uint32_t action, int call)
{
    check(seccomp_rule_add_array(filter, action, call, 0, NULL), "rule");
}

/* Namespaces: each flag for itself, because a filter cannot ask for "any of". The low byte of clone's
 * flags is a signal, and CLONE_NEWTIME lies there: only unshare can ask for a time namespace. */
static void refuse_namespaces(scmp_filter_ctx filter, uint32_t action)
{
    static const uint64_t flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                     CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        ADD(action, SYS_clone, BITS_SET(0, flags[i]));
        ADD(action, SYS_unshare, BITS_SET(0, flags[i]));
    }
    ADD(action, SYS_unshare, BITS_SET(0, (uint64_t)0x80 /* CLONE_NEWTIME */));
}

/*
 * Families that may be made: AF_INET (2), AF_INET6 (10), AF_NETLINK (16, NETLINK_ROUTE only), and AF_UNIX (1)
 * where it can do no harm. Everything else is said by few comparisons on bits; tests/unit/test_seccomp.c
 * walks every number through the finished filter.
 */
static void refuse_families(scmp_filter_ctx filter, uint32_t action, int allows_unix)
{
    if (allows_unix) {
        for (uint64_t bit = 2; bit <= 32; bit <<= 1) /* odd, but not 1 */
            ADD(action, SYS_socket, BITS_SET(0, bit | 1));
    } else {
        ADD(action, SYS_socket, BITS_SET(0, (uint64_t)1)); /* odd: 1 among them */
    }
    ADD(action, SYS_socket, BITS_SET(0, (uint64_t)4));         /* 4 6 12 14 20 … */
    ADD(action, SYS_socket, BITS_SET(0, (uint64_t)32));        /* 32 34 … */
    ADD(action, SYS_socket, BITS_ARE(0, LOW_32, (uint64_t)0)); /* unspecified */
    ADD(action, SYS_socket, BITS_ARE(0, LOW_32, (uint64_t)8));
    ADD(action, SYS_socket, BITS_SET(0, (uint64_t)(16 | 2))); /* 18 26 */
    ADD(action, SYS_socket, BITS_SET(0, (uint64_t)(16 | 8))); /* 24 26 */
    for (uint64_t bit = 64; bit <= LOW_32; bit <<= 1)
        ADD(action, SYS_socket, BITS_SET(0, bit));
    for (uint64_t bit = 1; bit <= 128; bit <<= 1) /* netlink protocols but ROUTE (0) */
        ADD(action, SYS_socket, INT_EQ(0, AF_NETLINK), BITS_SET(2, bit));
}

/*
 * A path socket of the host is out of reach of every namespace: only not being able to connect keeps
 * the target from it. With network none every connect is refused, whatever its address, so stream
 * sockets do no harm. Datagram sockets carry their address in memory with each message, where no
 * filter can look (a pair of them, too, may be told another address): they cannot be made. SOCK_RAW (3)
 * is SOCK_DGRAM (2) by another name here; both have the bit that STREAM (1) and SEQPACKET (5) lack.
 */
static void refuse_sockets(scmp_filter_ctx filter, uint32_t action, int variant)
{
    int allows_all_unix = variant & SBX_FILTER_UNIX;
    int allows_streams = variant & SBX_FILTER_NET_NONE;

    refuse_families(filter, action, allows_all_unix || allows_streams);
    if (allows_all_unix)
        return;
    if (allows_streams)
        ADD(action, SYS_socket, INT_EQ(0, AF_UNIX), BITS_SET(1, (uint64_t)2));
    ADD(action, SYS_socketpair, BITS_SET(1, (uint64_t)2));
}

/* Bit by bit, because a filter cannot ask for "any of". */
static void refuse_set_id(scmp_filter_ctx filter, uint32_t action)
{
    static const uint64_t makes[] = {O_CREAT, O_TMPFILE & ~O_DIRECTORY};

    for (uint64_t bit = 1; bit <= SBX_SET_ID_BITS; bit <<= 1) {
        if ((SBX_SET_ID_BITS & bit) == 0)
            continue;
#define X(call, mode, flags)                                                                       \
    if ((flags) < 0)                                                                               \
        ADD(action, (call), BITS_SET((mode), bit));                                                \
    else                                                                                           \
        for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++)                              \
            ADD(action, (call), BITS_SET((mode), bit), BITS_SET((unsigned)(flags), makes[i]));
        SBX_MODE_CALLS(X)
#undef X
    }
}

static void refuse(scmp_filter_ctx filter, int variant)
{
    uint32_t action = variant & SBX_FILTER_WATCH ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM);
    uint32_t socket_action = variant & SBX_FILTER_WATCH ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EACCES);

#define X(call) add_plain(filter, action, call);
    SBX_REFUSED_CALLS(X)
#undef X
#define X(call) add_plain(filter, SCMP_ACT_ERRNO(ENOSYS), call);
    SBX_ABSENT_CALLS(X)
#undef X
    refuse_namespaces(filter, action);
    refuse_sockets(filter, socket_action, variant);
    if ((variant & (SBX_FILTER_NET_NONE | SBX_FILTER_UNIX | SBX_FILTER_WATCH)) ==
        SBX_FILTER_NET_NONE)
        add_plain(filter, SCMP_ACT_ERRNO(EACCES), SYS_connect); /* watched: refused by the watch */
#define X(command) ADD(action, SYS_ioctl, INT_EQ(1, (command)));
    SBX_REFUSED_IOCTLS(X)
#undef X
    if (variant & SBX_FILTER_AFFINITY)
        add_plain(filter, action, SYS_sched_setaffinity);
    refuse_set_id(filter, action);
}

static void watch_open(scmp_filter_ctx filter, int call, unsigned flags_argument)
{
    static const uint64_t writes[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};

    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        ADD(SCMP_ACT_NOTIFY, call, BITS_SET(flags_argument, writes[i]));
}

static void watch(scmp_filter_ctx filter, int variant)
{
#define X(call, op, kind, dirfd, path, flags, dirfd2, path2)                                       \
    if ((kind) == SBX_WATCH_OPEN && (flags) >= 0)                                                  \
        watch_open(filter, (call), (unsigned)(flags));                                             \
    else                                                                                           \
        add_plain(filter, SCMP_ACT_NOTIFY, (call));
    SBX_WATCHED_CALLS(X)
#undef X
    add_plain(filter, SCMP_ACT_NOTIFY, SYS_execve);
    add_plain(filter, SCMP_ACT_NOTIFY, SYS_execveat);
    add_plain(filter, SCMP_ACT_NOTIFY, SYS_exit_group);
    if (!(variant & SBX_FILTER_NET_FULL)) {
        add_plain(filter, SCMP_ACT_NOTIFY, SYS_connect);
        add_plain(filter, SCMP_ACT_NOTIFY, SYS_bind);
        ADD(SCMP_ACT_NOTIFY, SYS_sendto, SCMP_CMP(4, SCMP_CMP_NE, 0));
    }
}

static void write_instruction(FILE *out, struct sock_filter op)
{
    fprintf(out, "    {0x%04x, %u, %u, 0x%08x},\n", op.code, op.jt, op.jf, op.k);
}

/* Calls younger than our lists do not exist. x32 numbers lie above too; other architectures are killed by
 * libseccomp's own first check. */
static size_t write_prologue(FILE *out)
{
    const struct sock_filter prologue[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SBX_NR_LAST_KNOWN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };

    for (size_t i = 0; i < sizeof(prologue) / sizeof(prologue[0]); i++)
        write_instruction(out, prologue[i]);
    return sizeof(prologue) / sizeof(prologue[0]);
}

static size_t write_variant(FILE *out, int variant)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    FILE *raw = tmpfile();
    struct sock_filter code[CODE_MAX];
    size_t prologue, count, bytes;

    if (filter == NULL || raw == NULL)
        check(-ENOMEM, "start");
    check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad arch");
    check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
    refuse(filter, variant);
    if (variant & SBX_FILTER_WATCH)
        watch(filter, variant);
    check(seccomp_export_bpf(filter, fileno(raw)), "export");
    if (lseek(fileno(raw), 0, SEEK_SET) != 0)
        check(-errno, "rewind");
    fprintf(out, "static const struct sock_filter seccomp_filter_%d[] = {\n", variant);
    prologue = write_prologue(out);
    bytes = fread(code, 1, sizeof(code), raw);
    check(bytes < sizeof(code) ? 0 : -E2BIG, "read what was exported");
    count = shrink(code, bytes / sizeof(code[0]));
    for (size_t i = 0; i < count; i++)
        write_instruction(out, code[i]);
    fprintf(out, "};\n\n");
    fclose(raw);
    seccomp_release(filter);
    return count + prologue;
}

int main(int argc, char **argv)
{
    FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;
    size_t counts[SBX_FILTER_VARIANTS];

    if (out == NULL) {
        fprintf(stderr, "usage: seccomp_gen OUTPUT.h\n");
        return 2;
    }
    /* For the kernel they will run on: the one that builds may be older, or an emulator without any filters. */
    check(seccomp_api_set(API_WITH_NOTIFY), "level");
    fprintf(out, "/* Made by seccomp_gen from audit/sources/linux/syscalls.h. */\n\n");
    for (int variant = 0; variant < SBX_FILTER_VARIANTS; variant++)
        counts[variant] = write_variant(out, variant);
    fprintf(
        out,
        "static const struct {\n    const struct sock_filter *code;\n    unsigned short count;\n"
        "} seccomp_filters[] = {\n");
    for (int variant = 0; variant < SBX_FILTER_VARIANTS; variant++)
        fprintf(out, "    {seccomp_filter_%d, %zu},\n", variant, counts[variant]);
    fprintf(out, "};\n");
    return fclose(out) == 0 ? 0 : 1;
}
