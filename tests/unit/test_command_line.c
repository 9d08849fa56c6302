/*
 * Windows' command lines: whatever the arguments are, splitting the line gives them back. Held against the documented
 * rules, written down here once more; tests/windows/test_command_line.c asks the system's own function.
 */
#include "tests/support/test.h"

#include "harness/target/windows/quote.h"
#include "harness/target/windows/steps.h"
#include "tests/support/command_line.h"
#include "tests/support/played_windows.h"

enum { ROUNDS = 20000 };

/*
 * The documented reading: the first word to the next blank, or to the closing quote; then 2n backslashes and a quote
 * are n backslashes and begin or end a quoted part, 2n + 1 are n and a quote; others stand for themselves.
 */
static size_t split(char out[COMMAND_LINE_WORDS][COMMAND_LINE_BYTES], const char *line)
{
    size_t count = 1, bytes = 0;
    bool is_quoted = false;
    char end = *line == '"' ? '"' : ' ';

    line += *line == '"';
    while (*line != '\0' && *line != end)
        out[0][bytes++] = *line++;
    out[0][bytes] = '\0';
    line += *line != '\0';
    for (;;) {
        while (*line == ' ' || *line == '\t')
            line++;
        if (*line == '\0')
            return count;
        bytes = 0;
        while (*line != '\0' && (is_quoted || (*line != ' ' && *line != '\t'))) {
            size_t backslashes = strspn(line, "\\");
            bool has_quote = line[backslashes] == '"';

            line += backslashes;
            for (size_t i = 0; i < (has_quote ? backslashes / 2 : backslashes); i++)
                out[count][bytes++] = '\\';
            if (has_quote && backslashes % 2 == 1)
                out[count][bytes++] = *line++;
            else if (has_quote)
                is_quoted = !is_quoted, line++;
            else if (backslashes == 0)
                out[count][bytes++] = *line++;
        }
        out[count++][bytes] = '\0';
    }
}

static void check_round_trip(const char *const *argv)
{
    static char found[COMMAND_LINE_WORDS][COMMAND_LINE_BYTES];
    sbx_text line = {0};
    sbx_error err;
    size_t count, i;

    assert_int_equal(sbx_quote_program(&line, argv, &err), SBX_OK);
    count = split(found, line.data);
    for (i = 0; argv[i] != NULL; i++)
        if (i >= count || strcmp(argv[i], found[i]) != 0)
            fail_msg("argument %zu of <%s>: wanted <%s>, got <%s>", i, line.data, argv[i],
                     i < count ? found[i] : "nothing");
    assert_int_equal(i, count);
    sbx_text_done(&line);
}

static void hostile_lists(void **state)
{
    uint64_t seed = 20261128;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        static char words[COMMAND_LINE_WORDS][COMMAND_LINE_BYTES];
        const char *argv[COMMAND_LINE_WORDS + 1];

        command_line_make(argv, words, &seed);
        check_round_trip(argv);
    }
}

static void known_lists(void **state)
{
    static const char *const lists[][6] = {
        {"a", "", NULL},
        {"a b", "\\", "\\\\", "a\\", "a b\\", NULL},
        {"C:\\dir\\", "\"", "\\\"", "\\\\\"", "a\"b c", NULL},
        {"a", "\t", "\n", " ", "  x  ", NULL},
        {"a", "--flag=\"x y\"", "%PATH%", "a&b|c", "^", NULL},
        {"a", "\"\"", "\"\"\"", "\\\"\\", "' '", NULL},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(lists); i++)
        check_round_trip(lists[i]);
}

static void what_has_no_form(void **state)
{
    static const char *const quoted_name[] = {"a\"b", NULL};
    static char huge[40000];
    const char *argv[] = {"a", huge, NULL};
    sbx_text line = {0};
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_quote_program(&line, quoted_name, &err), SBX_INVALID);
    sbx_text_done(&line);
    memset(huge, 'x', sizeof(huge) - 1);
    assert_int_equal(sbx_quote_program(&line, argv, &err), SBX_NOT_EXECUTABLE);
    sbx_text_done(&line);
    huge[SBX_COMMAND_LINE_UNITS_MAX - 1 - 4] = '\0'; /* exactly what fits beside "a" and a blank */
    assert_int_equal(sbx_quote_program(&line, argv, &err), SBX_OK);
    assert_int_equal(line.bytes, SBX_COMMAND_LINE_UNITS_MAX - 1);
    sbx_text_done(&line);
}

/* --- batch files --- */

/* A reader like the interpreter's: between quotes nothing is a command, outside these are. */
static bool has_command(const char *line)
{
    bool is_quoted = false;

    for (; *line != '\0'; line++) {
        if (*line == '"')
            is_quoted = !is_quoted;
        if (*line == '%' || *line == '\r' || *line == '\n' ||
            (!is_quoted && strchr("&|<>^()", *line) != NULL))
            return true;
    }
    return false;
}

static void batch_files(void **state)
{
    static const char *const refused[] = {"\"&calc.exe&\"", "%PATH%", "a\nb", "a\rb", "\"",
                                          "\x01",           "100%",   "\x7f"};
    static const char *const taken[] = {"&calc.exe", "a b", "^|<>", "(x)", "C:\\dir\\", "!x!", ""};
    sbx_error err;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(refused); i++) {
        const char *arguments[] = {"x", refused[i], NULL};
        sbx_text line = {0};

        if (sbx_quote_batch(&line, "C:\\cmd.exe", "C:\\a.bat", arguments, &err) != SBX_INVALID)
            fail_msg("<%s> is taken", refused[i]);
        sbx_text_done(&line);
    }
    for (size_t i = 0; i < SBX_COUNT_OF(taken); i++) {
        const char *arguments[] = {taken[i], NULL};
        sbx_text line = {0};
        const char *inner;

        assert_int_equal(sbx_quote_batch(&line, "C:\\cmd.exe", "C:\\a b.cmd", arguments, &err),
                         SBX_OK);
        inner = strstr(line.data, "/c \"");
        assert_non_null(inner);
        inner += 4; /* the interpreter takes the outer pair away */
        line.data[line.bytes - 1] = '\0';
        assert_false(has_command(inner));
        sbx_text_done(&line);
    }
}

static void batch_names(void **state)
{
    (void)state;
    assert_true(sbx_quote_is_batch("C:/x.bat"));
    assert_true(sbx_quote_is_batch("C:/x.CMD"));
    assert_true(sbx_quote_is_batch("C:/x.bat. ."));
    assert_false(sbx_quote_is_batch("C:/x.exe"));
    assert_false(sbx_quote_is_batch("bat"));
}

/* --- which file it is --- */

static void check_found(const char *name, const char *expected_program, sbx_status expected)
{
    const char *argv[] = {name, "x", NULL};
    static const char *const env[] = {"PATHEXT=.EXE;.CMD;.PY", NULL};
    sbx_plan plan = {.argv = argv,
                     .env = env,
                     .path_list = "bin;.;\"C:\\quoted dir\";C:\\bin\\;C:/other;;",
                     .cwd = "C:/project"};
    sbx_text program = {0}, line = {0};
    sbx_error err;
    sbx_status st = sbx_command_find(&program, &line, &plan, &played_windows, &err);

    if (st != expected || (st == SBX_OK && strcmp(program.data, expected_program) != 0))
        fail_msg("%s: %s, %s", name, sbx_status_word(st), sbx_text_string(&program));
    sbx_text_done(&program);
    sbx_text_done(&line);
}

static void finding_programs(void **state)
{
    static const char *const files[] = {"C:/project/tool.EXE",      "C:/project/bin/here.EXE",
                                        "C:/quoted dir/q.EXE",   "C:/bin/tool2.EXE",
                                        "C:/bin/script.CMD",     "C:/bin/py.PY",
                                        "C:/bin/python3.11.EXE", "C:/other/tool2.EXE",
                                        "C:/other/exact.name",   "C:/Windows/System32/cmd.exe"};

    (void)state;
    played_reset();
    for (size_t i = 0; i < SBX_COUNT_OF(files); i++)
        played_add_place(files[i], false);
    check_found("tool2", "C:/bin/tool2.EXE", SBX_OK);
    check_found("q", "C:/quoted dir/q.EXE", SBX_OK);
    check_found("python3.11", "C:/bin/python3.11.EXE", SBX_OK);
    check_found("exact.name", "C:/other/exact.name", SBX_OK);
    check_found("script", "C:/Windows/System32/cmd.exe", SBX_OK);
    check_found("tool", NULL, SBX_NOT_FOUND); /* only in the working directory */
    check_found("here", NULL, SBX_NOT_FOUND); /* a relative directory of PATH */
    check_found("py", NULL, SBX_NOT_FOUND);   /* nothing that the system starts by itself */
    check_found("./tool", "C:/project/tool.EXE", SBX_OK);
    check_found("..\\.\\bin//x/../tool2", "C:/bin/tool2.EXE", SBX_OK);
    check_found("../../../bin/tool2", "C:/bin/tool2.EXE", SBX_OK);
    check_found("bin\\here", "C:/project/bin/here.EXE", SBX_OK);
    check_found("C:\\bin\\tool2.EXE", "C:/bin/tool2.EXE", SBX_OK);
    check_found("\\bin\\tool2", "C:/bin/tool2.EXE", SBX_OK);
    check_found("C:tool2.EXE", NULL, SBX_NOT_FOUND);
    check_found("C:/bin/script.CMD::$DATA", NULL, SBX_NOT_FOUND);
    check_found("C:/bin/script.CMD .", NULL, SBX_NOT_FOUND);
    check_found("missing", NULL, SBX_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_lists),    cmocka_unit_test(known_lists),
        cmocka_unit_test(what_has_no_form), cmocka_unit_test(batch_files),
        cmocka_unit_test(batch_names),      cmocka_unit_test(finding_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
