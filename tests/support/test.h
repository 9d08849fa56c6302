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

/*
 * Says how often something was done to sbx (a kill, a call that failed), and adds it to the file that SBX_TEST_TALLY
 * names, for scripts/assurance.sh. what: "suite/program, what was done", one text for all that is added up.
 */
static inline void sbx_test_tally(const char *what, unsigned long count)
{
    const char *path = getenv("SBX_TEST_TALLY");
    FILE *file = path == NULL ? NULL : fopen(path, "a");

    print_message("%s: %lu\n", what, count);
    if (file == NULL)
        return;
    fprintf(file, "%s\t%lu\n", what, count);
    fclose(file);
}

#endif
