/* Something done in a process of its own, whose memory and limits nobody has touched. */
#ifndef SBX_TESTS_SUPPORT_CHILD_H
#define SBX_TESTS_SUPPORT_CHILD_H

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

/* A sanitizer has a heap of its own, and needs memory for itself. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SBX_TEST_HAS_OWN_HEAP = 1 };
#else
enum { SBX_TEST_HAS_OWN_HEAP = 0 };
#endif

/* What work() returns, 0 to 255; -1: it was killed. */
static inline int sbx_test_in_child(int (*work)(void))
{
    int status = -1;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(work());
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
