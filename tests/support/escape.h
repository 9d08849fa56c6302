/*
 * One attempt to get out, in three parts: outside the probe must be able to do it (so that a
 * typo or a
 * missing kernel feature can't pass for a wall), inside it must be told no, and the audit
 * database must
 * hold the row.
 */
#ifndef SBX_TESTS_SUPPORT_ESCAPE_H
#define SBX_TESTS_SUPPORT_ESCAPE_H

#include "tests/support/sandbox.h"

typedef enum sbx_test_escape_flag {
    SBX_ESCAPE_NEEDS_ROOT = 1, /* outside only root can do it: others are asked inside only */
    SBX_ESCAPE_MAY_LACK = 2,   /* this kernel may not have it: then inside it must not be DID */
    SBX_ESCAPE_HIDDEN = 4,     /* inside the thing may simply not be there (ABSENT) */
    SBX_ESCAPE_INSIDE_ONLY =
        8, /* no control: it would do harm outside, or is always possible there */
} sbx_test_escape_flag;

typedef struct sbx_test_escape {
    const char *const *attempt; /* the probe's verb and arguments */
    const char *const *options; /* more options for `sbx exec`; NULL: none */
    unsigned flags;
    const char *
        record_op; /* "write|open": the row's op must be one of these; NULL: no row is looked for */
    const char *record_target;                    /* must be in the row's target; NULL: any */
    void (*prepare)(const sbx_test_place *place); /* before each of the two; NULL: nothing */
    int stdin_fd;                                 /* 0: /dev/null */
    int extra_fd;
} sbx_test_escape;

void sbx_test_try_escape(const sbx_test_place *place, const sbx_test_escape *escape);

/* Inside only; the probe's answer. Fails where the run itself did not get to the command. */
int sbx_test_probe_inside(const sbx_test_place *place, const char *const *options,
                          const char *const *attempt);

/* The rig itself: the probe runs inside and says so, with every wall up. First test of each
 * file. */
void sbx_test_ping(void **state);

/* Group set-up and clean-up: *state is an sbx_test_place. */
int sbx_test_place_setup(void **state);
int sbx_test_place_teardown(void **state);

#endif
