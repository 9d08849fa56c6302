/*
 * The launcher's thread, without what it makes: the kernel refuses the clone, and each job is handed over, refused by name
 * and waited for, thousands of times. Here ThreadSanitizer can look at it (scripts/test-threads.sh), which it could not
 * beside a process that runs in its memory.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

/* What is called is done behind what is launched, and has been done when it was waited for. */
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_called)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
