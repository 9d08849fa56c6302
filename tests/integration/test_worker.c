/*
 * One worker, one command after the other: verdicts as from runs of their own, nothing of one command within
 * reach of the next, and an end that leaves nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/runner/worker.h"
#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

extern char **environ;

/*
 * What the runner waits with. first_is_late: the first of its descriptors speaks, and poll() has looked at it before;
 * what it sees is the second, which says that the first process is dead.
 */
static bool first_is_late;
static int lates;

static int wait_late(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask)
{
    struct timespec copy = timeout == NULL ? (struct timespec){0} : *timeout;
    int ready = (int)syscall(SYS_ppoll, fds, count, timeout == NULL ? NULL : &copy, mask, 8);

    if (ready > 0 && first_is_late && count > 2 && fds[0].revents != 0) {
        struct pollfd second = {.fd = fds[1].fd, .events = POLLIN};

        if (poll(&second, 1, 5000) == 1) {
            fds[0].revents = 0;
            fds[1].revents = POLLIN;
            lates++;
        }
    }
    return ready;
}

/* In place of libc's, by either of its names. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    return wait_late(fds, count, timeout, mask);
}

int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t bytes);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t bytes)
{
    (void)bytes;
    return wait_late(fds, count, timeout, mask);
}

typedef struct bench {
    const sbx_test_place *place;
    sbx_worker *worker;
    int null_fd;
} bench;

static void make_worker(bench *self, const sbx_test_place *place)
{
    const sbx_worker_options options = {
        .audit_path = place->database, .audit_required = true, .audit_busy_ns = 10 * SBX_NS_PER_S};
    sbx_error err = {0};

    *self = (bench){.place = place, .null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (sbx_worker_create(&self->worker, &options, &err) != SBX_OK)
        fail_msg("%s", err.message);
}

static void free_worker(bench *self)
{
    sbx_worker_free(self->worker);
    close(self->null_fd);
}

/* limits: members of the policy's "limits", such as "\"memory\":\"64M\"". */
static void make_plan(sbx_plan *plan, sbx_policy *policy, const bench *self, const char *limits,
                      const char *network, const char *const *command)
{
    const char *text =
        sbx_test_text("{\"version\":1,\"extends\":\"read-only\",\"network\":\"%s\",\"filesystem\":"
                      "{\"read\":[\"%s\"],\"write\":[\"%s\"]},\"limits\":{%s}}",
                      network, self->place->base, self->place->root, limits);
    const sbx_plan_request asked = {.argv = command,
                                    .environment = (const char *const *)environ,
                                    .cwd = self->place->root,
                                    .audit_path = self->place->database,
                                    .watch_denials = true};
    sbx_error err = {0};

    sbx_policy_init(policy);
    memset(plan, 0, sizeof(*plan));
    if (sbx_policy_parse(policy, text, strlen(text), "test", self->place->root, &err) != SBX_OK ||
        sbx_plan_make(plan, policy, &asked, &err) != SBX_OK)
        fail_msg("%s", err.message);
}

/* The result is the caller's; stdout goes to out_fd where that is not -1. */
static void run(sbx_result *result, bench *self, const char *limits, const char *network,
                int out_fd, const char *const *command)
{
    const sbx_task task = {
        .stdio_fd = {self->null_fd, out_fd >= 0 ? out_fd : self->null_fd, self->null_fd}};
    sbx_policy policy;
    sbx_plan plan;

    make_plan(&plan, &policy, self, limits, network, command);
    sbx_worker_run(result, self->worker, &plan, &task);
    sbx_plan_done(&plan);
    sbx_policy_done(&policy);
}

static void expect(bench *self, const char *limits, const char *const *command, int exit_code,
                   const char *status, const char *reason)
{
    sbx_result result;

    run(&result, self, limits, "none", -1, command);
    if (result.verdict.exit_code != exit_code ||
        strcmp(sbx_outcome_word(result.verdict.outcome), status) != 0 ||
        strcmp(result.verdict.reason, reason) != 0)
        fail_msg("%s %s: exit %d, %s (%s): %s", command[0], command[1] != NULL ? command[1] : "",
                 result.verdict.exit_code, sbx_outcome_word(result.verdict.outcome),
                 result.verdict.reason, result.events.has_error ? result.events.error.message : "");
    sbx_result_done(&result);
}

/* Whatever one command does, the next is run and judged as if it were the first. */
static void test_verdicts(void **state)
{
    const sbx_test_place *place = *state;
    bench self;
    json_t *rows;
    size_t count = 0;

    make_worker(&self, place);
    for (int round = 0; round < 3; round++) {
        expect(&self, "", SBX_LIST("/bin/true"), 0, "ok", "");
        expect(&self, "", SBX_LIST(place->probe, "exit", "7"), 7, "nonzero", "");
        expect(&self, "", SBX_LIST(place->probe, "kill-self", "11"), 139, "signal", "");
        expect(&self, "\"memory\":\"32M\"", SBX_LIST(place->probe, "alloc", "200"), 137, "limit",
               "memory");
        expect(&self, "\"wall\":\"200ms\"", SBX_LIST(place->probe, "sleep", "30"), 124, "limit",
               "wall");
        expect(&self, "\"wall\":\"200ms\",\"grace\":\"50ms\"",
               SBX_LIST(place->probe, "ignore-term", "30"), 124, "limit", "wall");
        expect(&self, "", SBX_LIST("/no/such/program"), 127, "error", "not_found");
        expect(&self, "", SBX_LIST("/etc/passwd"), 126, "error", "not_executable");
        expect(&self, "\"output\":\"1K\"", SBX_LIST(place->probe, "print", "100000"), 137, "limit",
               "output");
        expect(&self, "", SBX_LIST("/bin/sh", "-c", "sleep 60 & setsid sleep 60 & exit 3"), 3,
               "nonzero", "");
        assert_int_equal(sbx_test_count_probes(place), 0);
        count += 10;
    }
    free_worker(&self);
    rows = sbx_test_audit_runs(place);
    assert_int_equal(json_array_size(rows), count);
    json_decref(rows);
}

/* The count is the command's own: what else there is of ours does not count. */
static void test_processes_are_counted(void **state)
{
    const sbx_test_place *place = *state;
    bench self;

    make_worker(&self, place);
    for (unsigned count = 2; count <= 21; count += 19) {
        const char *room = sbx_test_text("\"procs\":%u", count);
        sbx_result result;

        run(&result, &self, room, "none", -1,
            SBX_LIST(place->probe, "fork-bomb", sbx_test_text("%u", count - 1)));
        assert_int_equal(result.verdict.outcome, SBX_OUTCOME_OK);
        if (result.enforcers[SBX_LIMIT_PROCESSES] == SBX_ENFORCER_CGROUP1) {
            assert_int_equal(result.usage.processes_peak_count, count);
            expect(&self, room, SBX_LIST(place->probe, "fork-bomb", sbx_test_text("%u", count)),
                   SBX_PROBE_DENIED, "limit", "procs");
        }
        sbx_result_done(&result);
    }
    free_worker(&self);
}

/* The kernel kills who shares the memory of whom it kills: never us. */
static void test_no_memory_at_all(void **state)
{
    const sbx_test_place *place = *state;
    bench self;
    char text[64];

    make_worker(&self, place);
    for (unsigned kib = 4; kib <= 8192; kib *= 2) {
        sbx_result result;

        snprintf(text, sizeof(text), "\"memory\":\"%uK\"", kib);
        run(&result, &self, text, "none", -1, SBX_LIST("/bin/true"));
        if (kib <= 64) /* not even the job's first process */
            assert_int_not_equal(result.verdict.outcome, SBX_OUTCOME_OK);
        if (result.verdict.outcome == SBX_OUTCOME_LIMIT)
            assert_string_equal(result.verdict.reason, "memory");
        else
            assert_true(result.verdict.outcome == SBX_OUTCOME_OK || result.events.has_error);
        assert_int_not_equal(result.verdict.outcome, SBX_OUTCOME_REFUSED); /* it was forked for */
        sbx_result_done(&result);
    }
    expect(&self, "\"memory\":\"64M\"", SBX_LIST("/bin/true"), 0, "ok", "");
    free_worker(&self);
}

/* Each leaves something where the next one looks for it. */
static void test_nothing_is_handed_on(void **state)
{
    static const char *const leave[] = {
        "echo secret >/tmp/left && echo secret >/var/tmp/left && echo secret >/dev/shm/left && "
        "chmod 700 /tmp/left",
        "ipcmk -M 4096 && ipcmk -S 4 && ipcmk -Q",
        "umask 077; cd /tmp; export LEFT=1; ulimit -n 20; exit 0",
        "(setsid sleep 60 &) ; sleep 0.05",
        "mkdir -p /tmp/a/b/c && ln -s /etc/passwd /tmp/link && mkfifo /tmp/pipe",
    };
    static const char look[] =
        "for d in /tmp /var/tmp /dev/shm; do for n in left a link pipe; do "
        "[ ! -e $d/$n ] && [ ! -L $d/$n ] || exit 11; done; done; "
        "[ \"$(ipcs -a | grep -c '^0x')\" = 0 ] || exit 12; "
        "[ \"$(umask)\" = \"$1\" ] || exit 13; [ -z \"$LEFT\" ] || exit 14; "
        "[ \"$(ulimit -n)\" -gt 20 ] || exit 15; [ \"$(ls -d /proc/[0-9]* | wc -l)\" -le 5 ] || "
        "exit 16; [ \"$(stat -c %a /tmp)\" = 1777 ] || exit 17; exit 0";
    const sbx_test_place *place = *state;
    mode_t mask = umask(0);
    bench self;

    umask(mask);
    if (access("/usr/bin/ipcmk", X_OK) != 0)
        skip();
    make_worker(&self, place);
    for (size_t i = 0; i < SBX_COUNT_OF(leave); i++) {
        expect(&self, "", SBX_LIST("/bin/sh", "-c", leave[i]), 0, "ok", "");
        expect(&self, "",
               SBX_LIST("/bin/sh", "-c", look, "sh", sbx_test_text("%04o", (unsigned)mask)), 0,
               "ok", "");
    }
    free_worker(&self);
}

/* A loopback network is each one's own: the port of the last is free. */
static void test_loopback_is_fresh(void **state)
{
    const sbx_test_place *place = *state;
    bench self;

    make_worker(&self, place);
    for (int i = 0; i < 3; i++) {
        sbx_result result;

        run(&result, &self, "", "loopback", -1, SBX_LIST(place->probe, "bind-tcp", "47123"));
        assert_int_equal(result.verdict.exit_code, SBX_PROBE_DID);
        sbx_result_done(&result);
        run(&result, &self, "", "none", -1, SBX_LIST(place->probe, "bind-tcp", "47123"));
        assert_int_equal(result.verdict.exit_code, SBX_PROBE_DENIED);
        sbx_result_done(&result);
    }
    free_worker(&self);
}

static void test_counters_start_at_nothing(void **state)
{
    const sbx_test_place *place = *state;
    sbx_result result;
    bench self;

    make_worker(&self, place);
    run(&result, &self, "\"memory\":\"256M\"", "none", -1, SBX_LIST(place->probe, "alloc", "100"));
    assert_true(result.usage.memory_peak_bytes > 100U * 1024 * 1024);
    sbx_result_done(&result);
    run(&result, &self, "\"memory\":\"256M\"", "none", -1, SBX_LIST("/bin/true"));
    assert_int_equal(result.verdict.outcome, SBX_OUTCOME_OK);
    if (result.enforcers[SBX_LIMIT_MEMORY] != SBX_ENFORCER_POLLED) /* there, ours is counted too */
        assert_true(result.usage.memory_peak_bytes < 50U * 1024 * 1024);
    assert_int_equal(sbx_denials_total(result.denials), 0);
    sbx_result_done(&result);
    free_worker(&self);
}

static void test_streams(void **state)
{
    const sbx_test_place *place = *state;
    bench self;

    make_worker(&self, place);
    for (int i = 0; i < 4; i++) {
        const char *path = sbx_test_path(place->base, sbx_test_text("out-%d", i));
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        sbx_result result;

        run(&result, &self, i % 2 == 0 ? "" : "\"output\":\"1M\"", "none", fd,
            SBX_LIST("/bin/echo", "-n", sbx_test_text("run %d", i)));
        assert_int_equal(result.verdict.outcome, SBX_OUTCOME_OK);
        sbx_result_done(&result);
        close(fd);
        assert_true(sbx_test_holds(path, sbx_test_text("run %d", i)));
    }
    free_worker(&self);
}

/* A run has ended as its first process said with its last word, also where its death is seen before that. */
static void test_last_word(void **state)
{
    const sbx_test_place *place = *state;
    bench self;

    make_worker(&self, place);
    first_is_late = true;
    expect(&self, "", SBX_LIST("/bin/true"), 0, "ok", "");
    expect(&self, "", SBX_LIST(place->probe, "exit", "7"), 7, "nonzero", "");
    first_is_late = false;
    assert_int_equal(lates, 2);
    free_worker(&self);
}

/* Dropped once, by the thread that makes the first processes; as a user each has its own namespace, and drops it. */
static void test_no_capability_to_be_had(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_path(place->base, "capabilities");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    bench self;
    sbx_result result;

    make_worker(&self, place);
    for (int i = 0; i < 2; i++) {
        char text[1024] = "";

        run(&result, &self, "", "none", fd, SBX_LIST(place->probe, "caps"));
        sbx_result_done(&result);
        assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, "CapBnd:\t0000000000000000"));
        assert_int_equal(ftruncate(fd, 0) + lseek(fd, 0, SEEK_SET), 0);
    }
    close(fd);
    free_worker(&self);
}

/* A worker that is killed takes its command with it; its rows say what is known. */
static void test_killed_worker(void **state)
{
    const sbx_test_place *place = *state;
    json_t *rows = sbx_test_audit_runs(place);
    size_t before = json_array_size(rows);
    pid_t pid = fork();

    json_decref(rows);
    if (pid == 0) {
        bench self;
        sbx_result result;

        make_worker(&self, place);
        run(&result, &self, "", "none", -1, SBX_LIST("/bin/true"));
        sbx_result_done(&result);
        run(&result, &self, "", "none", -1, SBX_LIST(place->probe, "sleep", "60"));
        _exit(0);
    }
    assert_true(sbx_test_wait_probes(place, 1, 10000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(sbx_test_wait_probes(place, 0, 5000));
    {
        sbx_test_outcome outcome;

        sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/true")); /* clears, and marks */
        sbx_test_expect(&outcome, 0, "ok", "");
        sbx_test_outcome_done(&outcome);
    }
    rows = sbx_test_audit_runs(place);
    assert_int_equal(json_array_size(rows), before + 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "status")),
                        "lost");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 2), "status")),
                        "ok");
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_verdicts),
        sbx_unit_test(test_processes_are_counted),
        sbx_unit_test(test_no_memory_at_all),
        sbx_unit_test(test_nothing_is_handed_on),
        sbx_unit_test(test_loopback_is_fresh),
        sbx_unit_test(test_counters_start_at_nothing),
        sbx_unit_test(test_streams),
        sbx_unit_test(test_last_word),
        sbx_unit_test(test_no_capability_to_be_had),
        sbx_unit_test(test_killed_worker),
    };

    return cmocka_run_group_tests_name("worker", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
