/* Other processes, the kernel's back doors, and rights that must be gone. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

static void attempt(const sbx_test_place *place, unsigned flags, const char *const *words)
{
    sbx_test_escape escape = {.attempt = words, .flags = flags};

    sbx_test_try_escape(place, &escape);
}

static void test_the_host_process(void **state)
{
    const sbx_test_place *place = *state;
    const char *pid = sbx_test_text("%d", (int)getpid());

    attempt(place, SBX_ESCAPE_HIDDEN, SBX_LIST("kill", pid));
    attempt(place, SBX_ESCAPE_HIDDEN, SBX_LIST("pidfd-signal", pid));
    /* Who may trace whom is the host's setting. */
    attempt(place, SBX_ESCAPE_HIDDEN | SBX_ESCAPE_MAY_LACK, SBX_LIST("ptrace", pid));
    attempt(place, SBX_ESCAPE_HIDDEN | SBX_ESCAPE_MAY_LACK, SBX_LIST("process-vm-read", pid));
    attempt(place, SBX_ESCAPE_HIDDEN | SBX_ESCAPE_MAY_LACK, SBX_LIST("process-vm-write", pid));
    attempt(place, SBX_ESCAPE_HIDDEN | SBX_ESCAPE_MAY_LACK, SBX_LIST("open-mem", pid));
    attempt(place, SBX_ESCAPE_HIDDEN | SBX_ESCAPE_MAY_LACK, SBX_LIST("pidfd-getfd", pid));
    attempt(place, SBX_ESCAPE_HIDDEN, SBX_LIST("read-proc", pid, "environ"));
    attempt(place, SBX_ESCAPE_HIDDEN, SBX_LIST("read-proc", pid, "cmdline"));
}

/* sbx's own process inside: it holds the job's strings. */
static void test_the_init(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const verbs[] = {"ptrace", "process-vm-read", "process-vm-write", "open-mem",
                                        "pidfd-getfd"};
    static const char *const files[] = {"environ", "mem", "maps", "fd/0"};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST(verbs[i], "1")),
                         SBX_PROBE_DENIED);
    for (size_t i = 0; i < 4; i++)
        assert_int_not_equal(
            sbx_test_probe_inside(place, NULL, SBX_LIST("read-proc", "1", files[i])),
            SBX_PROBE_DID);
}

/* Whatever the command sends to it or to everybody, its own exit is what is reported. */
static void test_signals_to_the_init(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const options[] = {SBX_NO_LIST, SBX_LIST("--identity", "self"),
                                          SBX_LIST("--no-watch")};

    for (size_t i = 0; i < 3; i++) {
        sbx_test_outcome outcome;

        sbx_test_exec(&outcome, place, options[i],
                      SBX_LIST(place->probe, "signal-everybody", sbx_test_host_namespace()));
        sbx_test_expect(&outcome, 0, "ok", "");
        assert_string_equal(outcome.out, "signal-everybody: DID\n");
        sbx_test_outcome_done(&outcome);
    }
}

static void test_namespaces(void **state)
{
    const sbx_test_place *place = *state;
    unsigned maybe = SBX_ESCAPE_MAY_LACK;

    attempt(place, maybe, SBX_LIST("unshare-user"));
    attempt(place, maybe, SBX_LIST("clone3-user"));
    attempt(place, maybe, SBX_LIST("clone-user"));
    attempt(place, maybe, SBX_LIST("mount-tmpfs", place->root));
    attempt(place, SBX_ESCAPE_NEEDS_ROOT, SBX_LIST("open-tree", place->root));
    attempt(place, SBX_ESCAPE_NEEDS_ROOT, SBX_LIST("setns", "/proc/self/ns/net"));
    attempt(place, SBX_ESCAPE_INSIDE_ONLY, SBX_LIST("remount", "/"));
    attempt(place, SBX_ESCAPE_INSIDE_ONLY, SBX_LIST("umount", place->root));
    attempt(place, SBX_ESCAPE_INSIDE_ONLY, SBX_LIST("umount", "/tmp"));
    attempt(place, SBX_ESCAPE_INSIDE_ONLY, SBX_LIST("umount", "/proc"));
}

static void test_kernel_back_doors(void **state)
{
    const sbx_test_place *place = *state;

    const char *file = sbx_test_path(place->outside, "file");

    sbx_test_write(file, "text");
    attempt(place, 0, SBX_LIST("keyctl"));
    attempt(place, 0, SBX_LIST("add-key"));
    attempt(place, SBX_ESCAPE_NEEDS_ROOT, SBX_LIST("bpf"));
    attempt(place, SBX_ESCAPE_MAY_LACK, SBX_LIST("io-uring"));
    attempt(place, SBX_ESCAPE_MAY_LACK, SBX_LIST("perf"));
    attempt(place, SBX_ESCAPE_MAY_LACK, SBX_LIST("userfaultfd"));
    attempt(place, SBX_ESCAPE_NEEDS_ROOT, SBX_LIST("open-by-handle", file));
    attempt(place, SBX_ESCAPE_MAY_LACK, SBX_LIST("i386-syscall"));
    attempt(place, SBX_ESCAPE_MAY_LACK, SBX_LIST("x32-syscall"));
}

/* Calls that no sandboxed program needs, with arguments that do nothing. */
static void test_filtered_calls(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const calls[] = {
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "fsopen",
        "fsmount",
        "fsconfig",
        "fspick",
        "move_mount",
        "open_tree",
        "mount_setattr",
        "unshare",
        "setns",
        "keyctl",
        "add_key",
        "request_key",
        "bpf",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "perf_event_open",
        "userfaultfd",
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "open_by_handle_at",
        "swapon",
        "swapoff",
        "reboot",
        "acct",
        "quotactl",
        "settimeofday",
        "clock_settime",
        "sethostname",
        "setdomainname",
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        attempt(place, SBX_ESCAPE_NEEDS_ROOT | SBX_ESCAPE_MAY_LACK,
                SBX_LIST("try-syscall", calls[i]));
}

/* A debugger for one's own children is a tool, not a way out. */
static void test_own_children_can_be_traced(void **state)
{
    const sbx_test_place *place = *state;

    if (sbx_test_probe_outside(place, SBX_LIST("ptrace-child")) == SBX_PROBE_DID)
        assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("ptrace-child")),
                         SBX_PROBE_DID);
}

static void test_typing_into_the_terminal(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const verbs[] = {"tiocsti", "tiocsti-high", "tioclinux"};

    for (size_t i = 0; i < 3; i++) {
        sbx_test_terminal terminal;
        sbx_test_escape escape = {.attempt = SBX_LIST(verbs[i]), .flags = SBX_ESCAPE_NEEDS_ROOT};

        sbx_test_terminal_open(&terminal);
        escape.stdin_fd = terminal.slave;
        sbx_test_try_escape(place, &escape);
        sbx_test_terminal_close(&terminal);
    }
}

static void test_no_rights_are_left(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const identities[] = {NULL, SBX_LIST("--identity", "self")};

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sbx_test_probe_inside(place, identities[i], SBX_LIST("caps")),
                         SBX_PROBE_DENIED);
        assert_int_equal(sbx_test_probe_inside(place, identities[i], SBX_LIST("no-new-privs")),
                         SBX_PROBE_DID);
        assert_int_equal(sbx_test_probe_inside(place, identities[i], SBX_LIST("seccomp-mode")),
                         SBX_PROBE_DID);
        assert_int_equal(sbx_test_probe_inside(place, identities[i], SBX_LIST("set-groups")),
                         SBX_PROBE_DENIED);
        assert_int_equal(sbx_test_probe_inside(place, identities[i], SBX_LIST("nice")),
                         SBX_PROBE_DENIED);
    }
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("become-root")), SBX_PROBE_DENIED);
}

/* Root makes its own setuid program, of a user that is neither; others use the system's. */
static void test_setuid_programs(void **state)
{
    const sbx_test_place *place = *state;
    const char *program = "/usr/bin/su";
    struct stat info;

    if (sbx_test_is_root()) {
        program = sbx_test_path(place->base, "bin/setuid");
        sbx_test_copy_program(program, place->probe);
        assert_int_equal(chown(program, 12345, 12345), 0);
        assert_int_equal(chmod(program, 04755), 0);
        attempt(place, 0, SBX_LIST("setuid-self", program, "wait-stdin"));
    } else if (stat(program, &info) == 0 && (info.st_mode & S_ISUID) != 0) {
        attempt(place, SBX_ESCAPE_MAY_LACK, SBX_LIST("setuid-self", program));
    }
}

/* The job's own limits must be out of its reach. AppArmor's .null is a /dev/null, everybody's to write. */
static void test_control_groups(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "256M"),
                  SBX_LIST("/bin/sh", "-c",
                           "find /sys/fs/cgroup /sys/kernel -writable ! -path "
                           "/sys/kernel/security/apparmor/.null 2>/dev/null | head -n 5; exit 0"));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_string_equal(outcome.out, "");
    sbx_test_outcome_done(&outcome);
}

static void test_shared_memory(void **state)
{
    const sbx_test_place *place = *state;
    key_t key = (key_t)(0x5b000000 + getpid());
    const char *name = sbx_test_text("/sbx-test-%d", (int)getpid());
    int id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0666);
    sbx_test_escape escape = {.flags = SBX_ESCAPE_HIDDEN};

    assert_true(id >= 0);
    assert_true(fd >= 0);
    escape.attempt = SBX_LIST("shm-attach", sbx_test_text("%d", (int)key));
    sbx_test_try_escape(place, &escape);
    escape.attempt = SBX_LIST("shm-open", name);
    sbx_test_try_escape(place, &escape);
    assert_int_equal(shmctl(id, IPC_RMID, NULL), 0);
    assert_int_equal(shm_unlink(name), 0);
    close(fd);
}

/* Two runs at once do not see each other. */
static void test_two_jobs(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "sleep", "30")};
    sbx_test_child sleeper;
    sbx_test_outcome outcome;
    int pid;

    sbx_test_start(&sleeper, place, &request);
    assert_true(sbx_test_wait_probes(place, 1, 5000));
    pid = sbx_test_find_probe(place);
    assert_int_not_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("kill", sbx_test_text("%d", pid), "9")),
        SBX_PROBE_DID);
    assert_int_equal(sbx_test_count_probes(place), 1);
    assert_int_equal(kill(sleeper.pid, SIGTERM), 0);
    sbx_test_finish(&outcome, &sleeper, SBX_TEST_TIMEOUT_MS);
    assert_int_equal(outcome.exit_code, 143);
    sbx_test_outcome_done(&outcome);
}

/* 1 byte: the kernel starts no program of the host's with the dump either (0 would let it). */
static void test_no_core_dumps(void **state)
{
    struct rlimit ours = {0, 0};
    sbx_test_outcome outcome;
    const char *line;
    int soft = -1, hard = -1;

    sbx_test_exec(&outcome, *state, SBX_NO_LIST, SBX_LIST("/bin/cat", "/proc/self/limits"));
    line = strstr(outcome.out, "Max core file size");
    assert_non_null(line);
    assert_int_equal(sscanf(line, "Max core file size %d %d", &soft, &hard), 2);
    assert_int_equal(getrlimit(RLIMIT_CORE, &ours), 0);
    assert_int_equal(hard, ours.rlim_max >= 1 || sbx_test_is_root() ? 1 : 0);
    assert_int_equal(soft, hard);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_no_core_dumps),
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_the_host_process),
        sbx_unit_test(test_the_init),
        sbx_unit_test(test_signals_to_the_init),
        sbx_unit_test(test_namespaces),
        sbx_unit_test(test_kernel_back_doors),
        sbx_unit_test(test_filtered_calls),
        sbx_unit_test(test_own_children_can_be_traced),
        sbx_unit_test(test_typing_into_the_terminal),
        sbx_unit_test(test_no_rights_are_left),
        sbx_unit_test(test_setuid_programs),
        sbx_unit_test(test_control_groups),
        sbx_unit_test(test_shared_memory),
        sbx_unit_test(test_two_jobs),
    };

    return cmocka_run_group_tests_name("escape: process", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
