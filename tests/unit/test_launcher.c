/*
 * The launcher's thread, mostly without what it makes: the kernel refuses the clone, and each job is handed over, refused by
 * name and waited for, thousands of times. Here ThreadSanitizer can look at it (scripts/test-threads.sh), which it could not
 * beside a process that runs in its memory. One test makes a process that does nothing, in place of init.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"
#include "tests/support/refuse.h"
#include "tests/support/test.h"

enum { ROUNDS = 3000 };

#if defined(__SANITIZE_ADDRESS__)
/* Its search for leaks begins with a clone. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}
#endif

/* In place of the program's own: speaks, and lives until the supervisor's end of the socket is closed. */
void sbx_target_init(const sbx_entry *entry)
{
    char word = 0;

    (void)send(entry->control_fd, &word, 1, MSG_NOSIGNAL);
    while (recv(entry->control_fd, &word, 1, 0) > 0) {
    }
    _exit(7);
}

#if !defined(__SANITIZE_THREAD__)
static void write_byte(void *context)
{
    (void)!write(*(const int *)context, "", 1);
}

/* What is called is done while the process is still there: its end takes long, and so does a disk. */
static void test_beside(void **state)
{
    static sbx_plan plan;
    sbx_launcher *launcher = NULL;
    sbx_entry entry = {.plan = &plan, .idmap_fd = -1, .shares_memory = true};
    siginfo_t dead = {.si_pid = 0};
    struct pollfd done = {.events = POLLIN};
    int ends[2], status = 0;
    sbx_child child;
    char word;
    sbx_error err = {0};

    (void)state;
    assert_int_equal(pipe(ends), 0);
    done.fd = ends[0];
    assert_int_equal(sbx_launcher_create(&launcher, false, &err), SBX_OK);
    assert_int_equal(sbx_spawn_shared(&child, &entry, launcher, &err), SBX_OK);
    assert_int_equal(recv(child.control_fd, &word, 1, 0), 1);
    sbx_spawn_meet(&child, launcher);
    assert_true(child.pid > 0);

    sbx_launcher_call(launcher, write_byte, &ends[1]);
    assert_int_equal(poll(&done, 1, 10000), 1);
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &dead, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(dead.si_pid, 0);

    close(child.control_fd);
    sbx_launcher_wait(launcher); /* not before that process is gone */
    assert_int_equal(waitpid(child.pid, &status, WNOHANG), child.pid);
    assert_int_equal(WEXITSTATUS(status), 7);
    sbx_launcher_free(launcher);
    close(child.pidfd);
    close(ends[0]);
    close(ends[1]);
}
#endif

static void hand_over(sbx_launcher *launcher, sbx_plan *plan, unsigned round)
{
    sbx_entry entry = {.plan = plan, .idmap_fd = -1, .shares_memory = true};
    sbx_child child;
    sbx_wire message;
    sbx_error err = {0};

    plan->walls[SBX_WALL_PIDS] = round % 2 == 0; /* written here, read by the thread */
    assert_int_equal(sbx_spawn_shared(&child, &entry, launcher, &err), SBX_OK);
    assert_int_equal(recv(child.control_fd, &message, sizeof(message), 0), sizeof(message));
    assert_int_equal(message.kind, SBX_WIRE_FAILED);
    assert_int_equal(message.u.error.os_code, EAGAIN);
    assert_int_equal(recv(child.control_fd, &message, sizeof(message), 0), 0); /* and its end */
    sbx_launcher_wait(launcher);
    sbx_spawn_meet(&child, launcher);
    assert_true(child.pid <= 0);
    close(child.control_fd);
}

static void test_refused(void **state)
{
    static sbx_plan plan;
    sbx_launcher *launcher = NULL;
    sbx_error err = {0};

    (void)state;
    assert_int_equal(sbx_launcher_create(&launcher, true, &err), SBX_OK);
    assert_true(
        sbx_test_refuse_call(SYS_clone, EAGAIN)); /* as where no more processes may be made */
    for (unsigned i = 0; i < ROUNDS; i++)
        hand_over(launcher, &plan, i);
    sbx_launcher_free(launcher);
}

static void note(void *context)
{
    unsigned *count = context;

    ++*count; /* no lock: whoever waits for it comes afterwards */
}

/* What is called has been done when it was waited for, be something launched before or not. */
static void test_called(void **state)
{
    static sbx_plan plan;
    sbx_launcher *launcher = NULL;
    sbx_error err = {0};
    unsigned count = 0;

    (void)state;
    for (int serves_many = 0; serves_many <= 1; serves_many++) {
        assert_int_equal(sbx_launcher_create(&launcher, serves_many != 0, &err), SBX_OK);
        for (unsigned i = 0; i < (serves_many ? ROUNDS : 1U); i++) {
            if (i % 2 == 0)
                hand_over(launcher, &plan, i);
            sbx_launcher_call(launcher, note, &count);
            sbx_launcher_wait(launcher);
        }
        sbx_launcher_free(launcher);
    }
    assert_int_equal(count, ROUNDS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(test_beside), /* before no process can be made any more */
#endif
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
