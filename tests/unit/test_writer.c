/* Who has written a row, and whether he is gone: alive, dead and not buried, buried. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/writer.h"
#include "tests/support/test.h"

static sbx_supervisor of(pid_t pid, const sbx_supervisor *self)
{
    sbx_supervisor other = *self;

    other.pid = pid;
    other.start_ticks = 0; /* not known: then the pid alone counts */
    return other;
}

static void test_dead_and_not_buried(void **state)
{
    sbx_supervisor self, other;
    siginfo_t info;
    pid_t child;

    (void)state;
    sbx_supervisor_self(&self);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    other = of(child, &self);
    assert_false(sbx_supervisor_is_gone(&other, &self));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_true(sbx_supervisor_is_gone(&other, &self));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(sbx_supervisor_is_gone(&other, &self));
}

static void test_self(void **state)
{
    sbx_supervisor self, other;

    (void)state;
    sbx_supervisor_self(&self);
    assert_false(sbx_supervisor_is_gone(&self, &self));
    other = self;
    other.start_ticks++;
    assert_true(sbx_supervisor_is_gone(&other, &self));
    other = self;
    other.pid_namespace++;
    assert_false(sbx_supervisor_is_gone(&other, &self)); /* not ours to judge */
}

/* A pid that is somebody else's by now is told by when he began, whatever he calls himself. */
static void test_pid_of_another(void **state)
{
    sbx_supervisor self, other;
    int gate[2];
    char ready;
    pid_t child;

    (void)state;
    sbx_supervisor_self(&self);
    assert_int_equal(pipe(gate), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* where the test fails, too */
        (void)!write(gate[1], prctl(PR_SET_NAME, "a\n) S 1") == 0 ? "y" : "n", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(gate[0], &ready, 1), 1);
    assert_int_equal(ready, 'y');
    other = of(child, &self);
    assert_false(sbx_supervisor_is_gone(&other, &self));
    other.start_ticks = 1;
    assert_true(sbx_supervisor_is_gone(&other, &self));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(gate[0]);
    close(gate[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead_and_not_buried),
        cmocka_unit_test(test_pid_of_another),
        cmocka_unit_test(test_self),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
