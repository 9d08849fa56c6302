/*
 * A supervisor that is stopped at each of its system calls (ptrace; its children are not followed), so that a test can end it
 * there, or have that call fail.
 *
 *     for (unsigned step = 1;; step += 3)
 *         if (!sbx_test_step(&ending, place, argv, step, 0))
 *             break; // it has fewer calls
 */
#ifndef SBX_TESTS_SUPPORT_STEPPER_H
#define SBX_TESTS_SUPPORT_STEPPER_H

#include "tests/support/sandbox.h"

typedef struct sbx_test_step_ending {
    unsigned step; /* at which of its calls */
    pid_t pid;     /* it is gone */
    bool was_hit;  /* it came to that call */
    long call;     /* its number */
    int exit_code; /* -1: a signal */
    int signal;
    bool has_hung; /* it was ended after 20 s */
} sbx_test_step_ending;

/*
 * Runs argv (NULL-terminated, argv[0] the program's path) in the place's root. At its step-th system call: error 0 ends it by
 * SIGKILL before the call is made, another one is what the call gives instead of being made.
 */
void sbx_test_step(sbx_test_step_ending *out, const sbx_test_place *place, const char *const *argv,
                   unsigned step, int error);

/*
 * Runs it to its end with every transfer of more than a byte made a short one: half of what was asked for, of files and
 * pipes (not of what the kernel gives or takes in one piece: /proc, /sys, devices, packets). How many there were.
 */
unsigned sbx_test_step_short(sbx_test_step_ending *out, const sbx_test_place *place,
                             const char *const *argv);

/* Calls after which an error would prove nothing: the program's own end, what cannot fail, and what the C library begins with. */
bool sbx_test_step_may_fail(long call);

#endif
