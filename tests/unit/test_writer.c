/* Who has written a row, and whether he is gone: alive, dead and not buried, buried. */
#include <signal.h>
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
    if (child == 0)
        for (;;)
            pause();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead_and_not_buried),
        cmocka_unit_test(test_self),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
