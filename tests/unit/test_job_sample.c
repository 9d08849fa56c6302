/* sbx_job_sample() where there is no group: the sums of the tree below the first process. */
#include "tests/support/test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/job.h"

enum { MIB = 1 << 20, CHILDREN = 3, EACH_BYTES = 8 * MIB };

static int ready[2];

/* Children that each hold some memory, until they are killed. */
static void hold(void)
{
    for (int i = 0; i < CHILDREN; i++) {
        char *memory;

        if (fork() != 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        memory = mmap(NULL, EACH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            _exit(1);
        memset(memory, 1, EACH_BYTES);
        (void)!write(ready[1], "", 1);
        for (;;)
            pause();
    }
    for (;;)
        pause();
}

static void the_tree_is_added_up(void **state)
{
    const sbx_job_options options = {.name = "sample", .choice = SBX_JOB_POLLED};
    sbx_job *job = NULL;
    sbx_sample sample;
    sbx_limits limits;
    char byte;
    pid_t pid;

    (void)state;
    sbx_limits_init(&limits);
    assert_int_equal(sbx_job_create(&job, &limits, &options, NULL), SBX_OK);
    sbx_job_sample(job, &sample); /* nobody is in it yet */
    assert_true(sample.memory_bytes == SBX_UNLIMITED && sample.cpu_ns == SBX_UNLIMITED);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        hold();
    sbx_job_started(job, pid);
    for (int i = 0; i < CHILDREN; i++)
        assert_int_equal(read(ready[0], &byte, 1), 1);
    sbx_job_sample(job, &sample);
    assert_int_equal(sample.processes_count, CHILDREN); /* the first one is the job's own */
    assert_in_range(sample.memory_bytes, CHILDREN * EACH_BYTES, CHILDREN * EACH_BYTES + 256 * MIB);
    assert_true(sample.cpu_ns < 10 * SBX_NS_PER_S);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    sbx_job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_is_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
