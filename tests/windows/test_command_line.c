/* Command lines as the system itself splits them: what harness/target/windows/quote.c made comes back. */
#include "tests/support/test.h"

#include <windows.h>

#include <shellapi.h>

#include "harness/base/windows/wide.h"
#include "harness/target/windows/quote.h"
#include "tests/support/command_line.h"

enum { ROUNDS = 5000 };

static void check(const char *const *argv)
{
    sbx_text line = {0};
    wchar_t *wide, **found;
    int count = 0, i;

    assert_int_equal(sbx_quote_program(&line, argv, NULL), SBX_OK);
    wide = sbx_wide(line.data);
    found = CommandLineToArgvW(wide, &count);
    assert_non_null(found);
    for (i = 0; argv[i] != NULL; i++) {
        wchar_t *wanted = sbx_wide(argv[i]);

        if (i >= count || wcscmp(wanted, found[i]) != 0)
            fail_msg("argument %d of <%s>", i, line.data);
        free(wanted);
    }
    assert_int_equal(i, count);
    LocalFree(found);
    free(wide);
    sbx_text_done(&line);
}

static void hostile_lists(void **state)
{
    uint64_t seed = 4711;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        static char words[COMMAND_LINE_WORDS][COMMAND_LINE_BYTES];
        const char *argv[COMMAND_LINE_WORDS + 1];

        command_line_make(argv, words, &seed);
        check(argv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_lists)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
