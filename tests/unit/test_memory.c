/* Another process's memory, as far as there is some, and who a task belongs to. */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "audit/sources/linux/memory.h"
#include "tests/support/child.h"
#include "tests/support/refuse.h"

enum { PAGE = 4096 };

static void test_up_to_a_hole(void **state)
{
    unsigned char *pages =
        mmap(NULL, 5 * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static unsigned char got[5 * PAGE];
    uint64_t from = (uint64_t)(uintptr_t)pages;
    char text[16];

    (void)state;
    assert_true(pages != MAP_FAILED);
    for (size_t i = 0; i < 5 * (size_t)PAGE; i++)
        pages[i] = (unsigned char)(1 + i % 251);
    assert_int_equal(mprotect(pages + 3 * PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(sbx_memory_read(getpid(), from + 100, got, sizeof(got) - 100), 3 * PAGE - 100);
    assert_memory_equal(got, pages + 100, 3 * PAGE - 100);
    assert_int_equal(sbx_memory_read(getpid(), from + 3 * PAGE, got, 1), 0);
    assert_int_equal(sbx_memory_read(getpid(), from + 2 * PAGE + 5, got, 7), 7);
    assert_memory_equal(got, pages + 2 * PAGE + 5, 7);
    pages[PAGE + 3] = '\0';
    assert_true(sbx_memory_read_string(getpid(), from + PAGE - 5, text, sizeof(text)));
    assert_int_equal(strlen(text), 8);
    assert_false(sbx_memory_read_string(getpid(), from + PAGE - 5, text, 8));
    assert_false(sbx_memory_read_string(getpid(), from + 3 * PAGE - 2, text, sizeof(text)));
    assert_int_equal(munmap(pages, 5 * (size_t)PAGE), 0);
}

static void *task_of_thread(void *out)
{
    pid_t group = -1, parent = -1, task = (pid_t)syscall(SYS_gettid);

    *(bool *)out = task != getpid() && sbx_memory_read_ids(task, &group, &parent) &&
                   group == getpid() && parent == getppid();
    return NULL;
}

/* Our own, a thread's, and nobody's. */
static int can_tell(void)
{
    pid_t group = -1, parent = -1, gone;
    bool is_thread_known = false;
    pthread_t thread;

    if (!sbx_memory_read_ids(getpid(), &group, &parent) || group != getpid() || parent != getppid())
        return 1;
    if (pthread_create(&thread, NULL, task_of_thread, &is_thread_known) != 0 ||
        pthread_join(thread, NULL) != 0 || !is_thread_known)
        return 2;
    gone = fork();
    if (gone == 0)
        _exit(0);
    if (gone < 0 || waitpid(gone, NULL, 0) != gone)
        return 3;
    group = parent = -7;
    return !sbx_memory_read_ids(gone, &group, &parent) && group == -7 && parent == -7 ? 0 : 4;
}

/* As before Linux 5.3, and where a filter around us does not let it be called. */
static int can_tell_without_pidfd(void)
{
    return sbx_test_refuse_call(SYS_pidfd_open, ENOSYS) ? can_tell() : 5;
}

static int can_tell_without_info(void)
{
    return sbx_test_refuse_call(SYS_ioctl, ENOTTY) ? can_tell() : 5;
}

static void test_who_it_is(void **state)
{
    (void)state;
    assert_int_equal(sbx_test_in_child(can_tell), 0);
    assert_int_equal(sbx_test_in_child(can_tell_without_pidfd), 0);
    assert_int_equal(sbx_test_in_child(can_tell_without_info), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_up_to_a_hole),
                                       cmocka_unit_test(test_who_it_is)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
