/*
 * The one way to include cmocka (it needs four headers before it), and what every test shares.
 */
#ifndef SBX_TESTS_SUPPORT_TEST_H
#define SBX_TESTS_SUPPORT_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Leaves the whole test program as skipped (exit 77), or as failed where SBX_MUST_WORK=1 says that
 * this host must be able to run it.
 */
static inline _Noreturn void sbx_test_skip_file(const char *reason)
{
    const char *must = getenv("SBX_MUST_WORK");
    int is_required = must != NULL && strcmp(must, "1") == 0;

    fprintf(stderr, "%s: %s\n", is_required ? "must work here, and does not" : "skipped", reason);
    exit(is_required ? 1 : 77);
}

#endif
