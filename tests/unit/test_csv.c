/* CSV: RFC 4180, safe on a terminal, safe in a spreadsheet. */
#include "tests/support/test.h"

#include "harness/cli/csv.h"

static const sbx_column columns[] = {{"text", "TEXT", SBX_CELL_TEXT},
                                     {"wall_ns", "WALL", SBX_CELL_DURATION},
                                     {"cut", NULL, SBX_CELL_BOOL},
                                     {"any", "ANY", SBX_CELL_ANY}};

static void expect(const char *text, size_t bytes, const char *wanted)
{
    sbx_cell cells[4] = {{.text = text, .text_bytes = bytes},
                         {.integer = -1500},
                         {.integer = 1},
                         {.is_real = true, .real = 2}};
    char line[300];
    sbx_text out = {0};

    sbx_csv_row(&out, columns, 4, cells);
    snprintf(line, sizeof(line), "%s,-1500,true,2.0\r\n", wanted);
    assert_string_equal(sbx_text_string(&out), line);
    sbx_text_done(&out);
}

static void texts(void **state)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"plain", "plain"},
        {"", "\"\""},
        {"a,b", "\"a,b\""},
        {"say \"x\"", "\"say \"\"x\"\"\""},
        {" x", "\" x\""},
        {"x ", "\"x \""},
        {"a\nb\r", "a\\x0ab\\x0d"},
        {"\x1b[2J", "\\x1b[2J"},
        {"\xE2\x80\xAEx", "\\u{202E}x"},
        {"\xC2\x9Bx", "\\u{009B}x"},
        {"\xFF", "\\xff"},
        {"=1+1", "'=1+1"},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"@SUM(1)", "'@SUM(1)"},
        {"=\"a\",b", "\"'=\"\"a\"\",b\""},
        {"\t=1", "\\x09=1"},
        {"'=1", "'=1"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++)
        expect(cases[i].text, strlen(cases[i].text), cases[i].wanted);
}

static void head_and_nulls(void **state)
{
    const sbx_cell cells[4] = {
        {.is_null = true}, {.is_null = true}, {.is_null = true}, {.is_null = true}};
    sbx_text out = {0};

    (void)state;
    sbx_csv_head(&out, columns, 4);
    sbx_csv_row(&out, columns, 4, cells);
    assert_string_equal(sbx_text_string(&out), "text,wall_ns,cut,any\r\n,,,\r\n");
    sbx_text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(head_and_nulls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
