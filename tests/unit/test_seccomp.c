/*
 * The finished filters, every variant, run by a small interpreter of classic BPF: what the kernel
 * would answer for a call, without making it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/btrfs.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "audit/sources/linux/syscalls.h"
#include "harness/base/compiler.h"
#include "seccomp_filters.h"
#include "tests/support/test.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word;

    assert_true(offset + sizeof(word) <= sizeof(*data));
    memcpy(&word, (const char *)data + offset, sizeof(word));
    return word;
}

/* The few instructions that libseccomp uses; another one fails the test. */
static uint32_t run_filter(int variant, const struct seccomp_data *data)
{
    const struct sock_filter *code = seccomp_filters[variant].code;
    uint32_t a = 0, count = seccomp_filters[variant].count;

    for (uint32_t at = 0; at < count; at++) {
        const struct sock_filter *op = &code[at];

        switch (op->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = load_word(data, op->k);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= op->k;
            break;
        case BPF_JMP | BPF_JA:
            at += op->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == op->k ? op->jt : op->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            at += a > op->k ? op->jt : op->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= op->k ? op->jt : op->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += (a & op->k) != 0 ? op->jt : op->jf;
            break;
        case BPF_RET | BPF_K:
            return op->k;
        default:
            fail_msg("unknown instruction 0x%x", op->code);
        }
    }
    fail_msg("the filter runs off its end");
    return 0;
}

static uint32_t answer_for(int variant, int call, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a4)
{
    struct seccomp_data data = {.nr = call, .arch = NATIVE, .args = {a0, a1, a2, 0, a4, 0}};

    return run_filter(variant, &data);
}

static uint32_t refusal(int variant, int code)
{
    return variant & SBX_FILTER_WATCH ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | (uint32_t)code;
}

static uint32_t watched(int variant)
{
    return variant & SBX_FILTER_WATCH ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;
}

/* A network is not full and none at once. */
#define EACH_VARIANT(v)                                                                            \
    for (int v = 0; v < SBX_FILTER_VARIANTS; v++)                                                  \
        if ((v & (SBX_FILTER_NET_FULL | SBX_FILTER_NET_NONE)) !=                                   \
            (SBX_FILTER_NET_FULL | SBX_FILTER_NET_NONE))

static void test_foreign_architectures_are_killed(void **state)
{
    static const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_PPC64LE, 0};

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(foreign); i++) {
            struct seccomp_data data = {.nr = SYS_getpid, .arch = foreign[i]};

            assert_int_equal(run_filter(v, &data), SECCOMP_RET_KILL_PROCESS);
        }
    }
}

static void test_x32_and_unknown_calls_do_not_exist(void **state)
{
    (void)state;
    EACH_VARIANT(v)
    {
        assert_int_equal(answer_for(v, 0x40000000 | SYS_getpid, 0, 0, 0, 0),
                         SECCOMP_RET_ERRNO | ENOSYS);
        assert_int_equal(answer_for(v, 0x40000000 | 512, 0, 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
        assert_int_equal(answer_for(v, SBX_NR_LAST_KNOWN + 1, 0, 0, 0, 0),
                         SECCOMP_RET_ERRNO | ENOSYS);
        assert_int_equal(answer_for(v, -1, 0, 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
    }
}

static void test_refused_calls(void **state)
{
    static const int refused[] = {
#define X(call) call,
        SBX_REFUSED_CALLS(X)
#undef X
    };
    static const int absent[] = {
#define X(call) call,
        SBX_ABSENT_CALLS(X)
#undef X
    };

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(refused); i++)
            assert_int_equal(answer_for(v, refused[i], 0, 0, 0, 0), refusal(v, EPERM));
        for (size_t i = 0; i < SBX_COUNT_OF(absent); i++)
            assert_int_equal(answer_for(v, absent[i], 0, 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
    }
}

static int unix_is_allowed(int variant, uint64_t type)
{
    return (variant & SBX_FILTER_UNIX) || ((variant & SBX_FILTER_NET_NONE) && (type & 2) == 0);
}

static int socket_is_allowed(int variant, uint64_t family, uint64_t type, uint64_t protocol)
{
    return family == AF_INET || family == AF_INET6 || (family == AF_NETLINK && protocol == 0) ||
           (family == AF_UNIX && unix_is_allowed(variant, type));
}

static void test_socket_families(void **state)
{
    static const uint64_t high[] = {0, UINT64_C(1) << 32, UINT64_C(0xffffffff) << 32};
    static const uint64_t types[] = {SOCK_STREAM,
                                     SOCK_DGRAM,
                                     SOCK_RAW,
                                     SOCK_SEQPACKET,
                                     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                     SOCK_DGRAM | SOCK_CLOEXEC};

    (void)state;
    EACH_VARIANT(v)
    {
        for (uint64_t family = 0; family < 1024; family++)
            for (size_t h = 0; h < SBX_COUNT_OF(high); h++)
                for (size_t t = 0; t < SBX_COUNT_OF(types); t++)
                    for (uint64_t protocol = 0; protocol < (family == AF_NETLINK ? 32 : 2);
                         protocol++)
                        assert_int_equal(answer_for(v, SYS_socket, family | high[h],
                                                    types[t] | high[h], protocol | high[h], 0),
                                         socket_is_allowed(v, family, types[t], protocol)
                                             ? SECCOMP_RET_ALLOW
                                             : refusal(v, EACCES));
        for (uint64_t bit = UINT64_C(1) << 12; bit < UINT64_C(1) << 32; bit <<= 1)
            assert_int_equal(answer_for(v, SYS_socket, bit | AF_INET, 0, 0, 0), refusal(v, EACCES));
        for (size_t t = 0; t < SBX_COUNT_OF(types); t++)
            assert_int_equal(answer_for(v, SYS_socketpair, AF_UNIX, types[t], 0, 0),
                             (v & SBX_FILTER_UNIX) || (types[t] & 2) == 0 ? SECCOMP_RET_ALLOW
                                                                          : refusal(v, EACCES));
    }
}

static void test_namespaces(void **state)
{
    static const uint64_t flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                     CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                            CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                            CLONE_CHILD_CLEARTID;

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(flags); i++) {
            assert_int_equal(answer_for(v, SYS_clone, flags[i] | 17, 0, 0, 0), refusal(v, EPERM));
            assert_int_equal(answer_for(v, SYS_clone, flags[i] | thread, 0, 0, 0),
                             refusal(v, EPERM));
            assert_int_equal(answer_for(v, SYS_unshare, flags[i] | CLONE_FILES, 0, 0, 0),
                             refusal(v, EPERM));
        }
        assert_int_equal(answer_for(v, SYS_unshare, 0x80, 0, 0, 0), refusal(v, EPERM));
        assert_int_equal(answer_for(v, SYS_clone, thread, 0, 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(answer_for(v, SYS_clone, 17, 0, 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(answer_for(v, SYS_clone, CLONE_VM | CLONE_VFORK | 17, 0, 0, 0),
                         SECCOMP_RET_ALLOW);
        assert_int_equal(answer_for(v, SYS_unshare, CLONE_FILES | CLONE_FS, 0, 0, 0),
                         SECCOMP_RET_ALLOW);
    }
}

static void test_ioctls(void **state)
{
    static const uint64_t refused[] = {
        TIOCSTI,
        0x541C, /* TIOCLINUX */
        TIOCSETD,
        BTRFS_IOC_SNAP_CREATE,
        BTRFS_IOC_SNAP_CREATE_V2,
        BTRFS_IOC_SUBVOL_CREATE,
        BTRFS_IOC_SUBVOL_CREATE_V2,
        BTRFS_IOC_SNAP_DESTROY,
        BTRFS_IOC_SNAP_DESTROY_V2,
    };
    static const uint64_t allowed[] = {TIOCGWINSZ, TIOCSWINSZ, FICLONE, FICLONERANGE, FIONREAD};

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(refused); i++) {
            assert_int_equal(answer_for(v, SYS_ioctl, 0, refused[i], 0, 0), refusal(v, EPERM));
            assert_int_equal(answer_for(v, SYS_ioctl, 0, refused[i] | UINT64_C(1) << 40, 0, 0),
                             refusal(v, EPERM));
        }
        for (size_t i = 0; i < SBX_COUNT_OF(allowed); i++)
            assert_int_equal(answer_for(v, SYS_ioctl, 0, allowed[i], 0, 0), SECCOMP_RET_ALLOW);
    }
}

static void test_opens_are_watched_for_writing_only(void **state)
{
    static const uint64_t writes[] = {O_WRONLY,
                                      O_RDWR,
                                      O_RDONLY | O_CREAT,
                                      O_RDONLY | O_TRUNC,
                                      O_WRONLY | O_CREAT | O_APPEND,
                                      O_TMPFILE | O_RDWR,
                                      O_WRONLY | UINT64_C(7) << 32};
    static const uint64_t reads[] = {O_RDONLY,
                                     O_RDONLY | O_CLOEXEC,
                                     O_DIRECTORY,
                                     O_PATH,
                                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
                                     UINT64_C(3) << 32};

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(writes); i++)
            assert_int_equal(answer_for(v, SYS_openat, 0, 0, writes[i], 0), watched(v));
        for (size_t i = 0; i < SBX_COUNT_OF(reads); i++)
            assert_int_equal(answer_for(v, SYS_openat, 0, 0, reads[i], 0), SECCOMP_RET_ALLOW);
#if defined(SYS_open)
        assert_int_equal(answer_for(v, SYS_open, 0, O_RDONLY, 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(answer_for(v, SYS_open, 0, O_WRONLY, 0, 0), watched(v));
#endif
    }
}

/* Every call that gives a file its mode; the mode counts for an open only where a file may be made. */
static void test_set_id_bits(void **state)
{
    static const struct {
        int call, mode, flags;
    } calls[] = {
#define X(call, mode, flags) {(int)(call), mode, flags},
        SBX_MODE_CALLS(X)
#undef X
    };
    static const uint64_t bits[] = {04000, 02000, 06755, 04000 | S_IFREG};

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(calls); i++)
            for (size_t b = 0; b < SBX_COUNT_OF(bits); b++) {
                struct seccomp_data data = {.nr = calls[i].call, .arch = NATIVE};

                data.args[calls[i].mode] = bits[b] | UINT64_C(1) << 40;
                if (calls[i].flags >= 0) {
                    data.args[calls[i].flags] = O_RDONLY;
                    assert_int_equal(run_filter(v, &data), SECCOMP_RET_ALLOW);
                    data.args[calls[i].flags] = O_RDONLY | O_CREAT;
                    assert_int_equal(run_filter(v, &data), refusal(v, EPERM));
                    data.args[calls[i].flags] = O_RDWR | O_TMPFILE;
                }
                assert_int_equal(run_filter(v, &data), refusal(v, EPERM));
                data.args[calls[i].mode] = 01777;
                if (calls[i].call != SYS_fchmod)
                    assert_int_equal(run_filter(v, &data), watched(v));
                else
                    assert_int_equal(run_filter(v, &data), SECCOMP_RET_ALLOW);
            }
    }
}

static void test_what_depends_on_the_variant(void **state)
{
    (void)state;
    EACH_VARIANT(v)
    {
        uint32_t net = v & SBX_FILTER_NET_FULL ? SECCOMP_RET_ALLOW : watched(v);
        uint32_t connect = net;

        if ((v & SBX_FILTER_NET_NONE) && !(v & (SBX_FILTER_UNIX | SBX_FILTER_WATCH)))
            connect = SECCOMP_RET_ERRNO | EACCES;
        assert_int_equal(answer_for(v, SYS_connect, 0, 0, 0, 0), connect);
        assert_int_equal(answer_for(v, SYS_bind, 0, 0, 0, 0), net);
        assert_int_equal(answer_for(v, SYS_sendto, 0, 0, 0, 4096), net);
        assert_int_equal(answer_for(v, SYS_sendto, 0, 0, 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(answer_for(v, SYS_exit_group, 0, 0, 0, 0), watched(v));
        assert_int_equal(answer_for(v, SYS_sched_setaffinity, 0, 0, 0, 0),
                         v & SBX_FILTER_AFFINITY ? refusal(v, EPERM) : SECCOMP_RET_ALLOW);
        assert_int_equal(answer_for(v, SYS_execve, 0, 0, 0, 0), watched(v));
        assert_int_equal(answer_for(v, SYS_execveat, 0, 0, 0, 0), watched(v));
    }
}

static void test_ordinary_calls_cost_nothing(void **state)
{
    static const int ordinary[] = {
        SYS_read,    SYS_write,   SYS_close,      SYS_mmap,       SYS_munmap,    SYS_brk,
        SYS_futex,   SYS_fcntl,   SYS_newfstatat, SYS_getdents64, SYS_lseek,     SYS_pipe2,
        SYS_dup3,    SYS_wait4,   SYS_kill,       SYS_ptrace,     SYS_getrandom, SYS_prctl,
        SYS_seccomp, SYS_sendmsg, SYS_accept4,    SYS_listen,     SYS_exit,      SYS_rt_sigreturn};

    (void)state;
    EACH_VARIANT(v)
    {
        for (size_t i = 0; i < SBX_COUNT_OF(ordinary); i++)
            assert_int_equal(answer_for(v, ordinary[i], 0, 0, 0, 0), SECCOMP_RET_ALLOW);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_architectures_are_killed),
        cmocka_unit_test(test_x32_and_unknown_calls_do_not_exist),
        cmocka_unit_test(test_refused_calls),
        cmocka_unit_test(test_socket_families),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_ioctls),
        cmocka_unit_test(test_opens_are_watched_for_writing_only),
        cmocka_unit_test(test_set_id_bits),
        cmocka_unit_test(test_what_depends_on_the_variant),
        cmocka_unit_test(test_ordinary_calls_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
