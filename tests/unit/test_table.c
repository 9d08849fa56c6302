/* One set of typed rows as a table, a record and JSON; what a hostile program wrote into them. */
#include <fcntl.h>
#include <jansson.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/table.h"
#include "harness/cli/width.h"
#include "tests/support/test.h"

static const sbx_column columns[] = {
    {"run_id", "RUN", SBX_CELL_TEXT},        {"status", "STATUS", SBX_CELL_TEXT},
    {"exit_code", "EXIT", SBX_CELL_INTEGER}, {"peak_bytes", "MEMORY", SBX_CELL_BYTES},
    {"wall_ns", "TIME", SBX_CELL_DURATION},  {"partial", "PARTIAL", SBX_CELL_BOOL},
    {"argv", NULL, SBX_CELL_JSON},           {"command", "COMMAND", SBX_CELL_TEXT},
};

enum { COLUMNS = SBX_COUNT_OF(columns) };

#define TEXT(string)                                                                               \
    {                                                                                              \
        .text = (string), .text_bytes = sizeof(string) - 1                                         \
    }
#define NUMBER(value)                                                                              \
    {                                                                                              \
        .integer = (value)                                                                         \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        .is_null = true                                                                            \
    }

static const sbx_cell plain_row[COLUMNS] = {
    TEXT("01J"),
    TEXT("ok"),
    NUMBER(0),
    NUMBER(1610612736),
    NUMBER(350000000),
    NUMBER(0),
    TEXT("[\"make\",\"x\"]"),
    TEXT("make x"),
};
/* ESC ] 0 ; … BEL sets the title, CSI 2J clears, U+202E reverses, \r overwrites, 0xff is no UTF-8. */
static const sbx_cell hostile_row[COLUMNS] = {
    TEXT("01K"),
    TEXT("limit"),
    NUMBER(-9),
    NOTHING,
    NUMBER(2100000000),
    NUMBER(1),
    TEXT("[]"),
    TEXT("\033]0;x\007a\033[2J\r\nb\xe2\x80\xae"
         "c\xff\x7f\xc2\x9b\\"),
};

static const sbx_screen no_screen = {0};

static void expect_table(const sbx_cell *const *rows, const sbx_screen *screen, const char *golden)
{
    sbx_table table;
    sbx_text text = {0};

    sbx_table_init(&table, columns, COLUMNS);
    for (size_t i = 0; rows[i] != NULL; i++) {
        sbx_table_add(&table, rows[i]);
    }
    assert_int_equal(sbx_table_render(&text, &table, screen, NULL), SBX_OK);
    assert_string_equal(sbx_text_string(&text), golden);
    sbx_table_done(&table);
    sbx_text_done(&text);
}

#define ROWS(...) ((const sbx_cell *const[]){__VA_ARGS__, NULL})

static void test_golden(void **state)
{
    (void)state;
    expect_table(ROWS(plain_row, hostile_row), &no_screen,
                 "RUN  STATUS  EXIT   MEMORY    TIME  PARTIAL  COMMAND\n"
                 "01J  ok         0  1.5 GiB  350 ms  no       make x\n"
                 "01K  limit     -9        -   2.1 s  yes      "
                 "\\x1b]0;x\\x07a\\x1b[2J\\x0d\\x0ab\\u{202E}c\\xff\\x7f\\u{009B}\\\\\n");
}

static void expect_no_control(const char *text)
{
    for (; *text != '\0'; text++) {
        assert_true((unsigned char)*text >= ' ' || *text == '\n');
        assert_true(*text != 0x7f);
    }
}

static void test_narrow(void **state)
{
    const sbx_screen narrow = {.is_terminal = true, .columns = 58};
    const sbx_screen narrower = {.is_terminal = true, .columns = 20};

    (void)state;
    expect_table(ROWS(plain_row, hostile_row), &narrow,
                 "RUN  STATUS  EXIT   MEMORY    TIME  PARTIAL  COMMAND\n"
                 "01J  ok         0  1.5 GiB  350 ms  no       make x\n"
                 "01K  limit     -9        -   2.1 s  yes      \\x1b]0;x\\x07…\n");
    /* Too narrow even so: the line ends where the screen does. */
    expect_table(ROWS(plain_row, hostile_row), &narrower,
                 "RUN  STATUS  EXIT\n"
                 "01J  ok         0  …\n"
                 "01K  limit     -9\n");
}

static void test_every_width(void **state)
{
    (void)state;
    for (unsigned width = 1; width < 120; width++) {
        const sbx_screen screen = {.is_terminal = true, .columns = width};
        const sbx_cell *const rows[] = {plain_row, hostile_row};
        sbx_table table;
        sbx_text text = {0};
        const char *at = NULL;

        sbx_table_init(&table, columns, COLUMNS);
        for (size_t i = 0; i < SBX_COUNT_OF(rows); i++) {
            sbx_table_add(&table, rows[i]);
        }
        assert_int_equal(sbx_table_render(&text, &table, &screen, NULL), SBX_OK);
        expect_no_control(sbx_text_string(&text));
        for (at = sbx_text_string(&text); *at != '\0'; at += strcspn(at, "\n") + 1) {
            assert_in_range(sbx_width_of(at, strcspn(at, "\n")), 0, width);
        }
        sbx_table_done(&table);
        sbx_text_done(&text);
    }
}

static void test_colour(void **state)
{
    const sbx_screen screen = {.is_terminal = true, .columns = 80, .wants_colour = true};

    (void)state;
    expect_table(
        ROWS(plain_row), &screen,
        "\033[1mRUN\033[0m  \033[1mSTATUS\033[0m  \033[1mEXIT\033[0m   \033[1mMEMORY\033[0m"
        "    \033[1mTIME\033[0m  \033[1mPARTIAL\033[0m  \033[1mCOMMAND\033[0m\n"
        "01J  \033[32mok\033[0m         0  1.5 GiB  350 ms  no       make x\n");
}

/* A second batch has no second heading, and may be wider than the first. */
static void test_batches(void **state)
{
    sbx_table table;
    sbx_text text = {0};

    (void)state;
    sbx_table_init(&table, columns, 3);
    assert_int_equal(sbx_table_render(&text, &table, &no_screen, NULL), SBX_OK);
    assert_string_equal(sbx_text_string(&text), "");
    sbx_table_add(&table, plain_row);
    assert_int_equal(sbx_table_render(&text, &table, &no_screen, NULL), SBX_OK);
    for (int i = 0; i < 100; i++) {
        sbx_table_add(&table, hostile_row);
    }
    assert_int_equal(table.row_count, 100);
    sbx_text_clear(&text);
    assert_int_equal(sbx_table_render(&text, &table, &no_screen, NULL), SBX_OK);
    assert_int_equal(text.bytes, 100 * strlen("01K  limit     -9\n"));
    assert_memory_equal(text.data, "01K  limit     -9\n01K", 21);
    assert_int_equal(table.row_count, 0);
    sbx_table_done(&table);
    sbx_text_done(&text);
}

static void test_wide_text(void **state)
{
    static const sbx_column two[] = {{"a", "A", SBX_CELL_TEXT}, {"b", "B", SBX_CELL_TEXT}};
    static const sbx_cell row[] = {TEXT("日本語テスト"), TEXT("e\xcc\x81t\xc3\xa9 🎉")};
    const sbx_screen screen = {.is_terminal = true, .columns = 17};
    sbx_table table;
    sbx_text text = {0};

    (void)state;
    assert_int_equal(sbx_width_of("日本語テスト", strlen("日本語テスト")), 12);
    assert_int_equal(sbx_width_of("e\xcc\x81t\xc3\xa9 🎉", strlen("e\xcc\x81t\xc3\xa9 🎉")), 6);
    assert_int_equal(sbx_width_cut("日本語", 9, 5), 6);
    assert_int_equal(sbx_width_cut("e\xcc\x81x", 4, 1), 3);
    assert_int_equal(sbx_width_of("\xe6\x97", 2), 1);
    sbx_table_init(&table, two, 2);
    sbx_table_add(&table, row);
    assert_int_equal(sbx_table_render(&text, &table, &no_screen, NULL), SBX_OK);
    assert_string_equal(text.data, "A             B\n日本語テスト  e\xcc\x81t\xc3\xa9 🎉\n");
    sbx_text_clear(&text);
    sbx_table_add(&table, row);
    assert_int_equal(sbx_table_render(&text, &table, &screen, NULL), SBX_OK);
    /* Nine columns hold four wide characters and the mark. */
    assert_string_equal(text.data, "日本語テ…  e\xcc\x81t\xc3\xa9 🎉\n");
    sbx_table_done(&table);
    sbx_text_done(&text);
}

static json_t *row_as_json(const sbx_cell *cells)
{
    sbx_text text = {0};
    sbx_json json;
    json_error_t error;
    json_t *value = NULL;

    sbx_json_init(&json, &text);
    sbx_json_open_object(&json, NULL);
    sbx_table_row_to_json(&json, columns, COLUMNS, cells);
    sbx_json_close_object(&json);
    assert_int_equal(sbx_text_check(&text, NULL), SBX_OK);
    value = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        fail_msg("%s: %s", error.text, text.data);
    }
    sbx_text_done(&text);
    return value;
}

static void test_json(void **state)
{
    json_t *plain = row_as_json(plain_row), *hostile = row_as_json(hostile_row);

    (void)state;
    assert_int_equal(json_object_size(plain), COLUMNS);
    assert_string_equal(json_string_value(json_object_get(plain, "status")), "ok");
    assert_int_equal(json_integer_value(json_object_get(plain, "peak_bytes")), 1610612736);
    assert_true(json_is_false(json_object_get(plain, "partial")));
    assert_int_equal(json_array_size(json_object_get(plain, "argv")), 2);
    assert_true(json_is_null(json_object_get(hostile, "peak_bytes")));
    assert_int_equal(json_integer_value(json_object_get(hostile, "exit_code")), -9);
    assert_string_equal(json_string_value(json_object_get(hostile, "command")),
                        "\033]0;x\007a\033[2J\r\nb\xe2\x80\xae"
                        "c\xef\xbf\xbd\x7f\xc2\x9b\\");
    json_decref(plain);
    json_decref(hostile);
}

static void test_record(void **state)
{
    const sbx_screen colour = {.is_terminal = true, .columns = 80, .wants_colour = true};
    sbx_text text = {0};

    (void)state;
    sbx_table_render_record(&text, columns, COLUMNS, hostile_row, &no_screen);
    assert_string_equal(text.data,
                        "run id              01K\n"
                        "status              limit\n"
                        "exit code           -9\n"
                        "wall                2.1 s\n"
                        "partial             yes\n"
                        "command             "
                        "\\x1b]0;x\\x07a\\x1b[2J\\x0d\\x0ab\\u{202E}c\\xff\\x7f\\u{009B}\\\\\n");
    sbx_text_clear(&text);
    sbx_table_render_record(&text, columns, 2, hostile_row, &colour);
    assert_string_equal(text.data,
                        "run id              01K\nstatus              \033[31mlimit\033[0m\n");
    sbx_text_done(&text);
}

static void test_time(void **state)
{
    static const sbx_column column = {"started_us", "STARTED", SBX_CELL_TIME};
    const sbx_cell cell = NUMBER(1767323045000000);
    sbx_text text = {0};

    (void)state;
    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    tzset();
    sbx_table_format_cell(&text, &column, &cell);
    assert_string_equal(text.data, "2026-01-02 03:04:05");
    sbx_text_clear(&text);
    assert_int_equal(setenv("TZ", "XYZ-2", 1), 0);
    tzset();
    sbx_table_format_cell(&text, &column, &cell);
    assert_string_equal(text.data, "2026-01-02 05:04:05");
    sbx_text_done(&text);
}

/* A terminal of our own: what it says, and who wins over it. */
static void test_screen(void **state)
{
    struct winsize size = {.ws_col = 123, .ws_row = 40};
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), pipes[2];
    sbx_screen screen;

    (void)state;
    assert_true(terminal >= 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    assert_int_equal(unsetenv("NO_COLOR") | unsetenv("COLUMNS") | setenv("TERM", "xterm", 1), 0);
    screen = sbx_caller_screen(terminal);
    assert_true(screen.is_terminal && screen.wants_colour);
    assert_int_equal(screen.columns, 123);
    assert_int_equal(setenv("COLUMNS", "99", 1) | setenv("NO_COLOR", "1", 1), 0);
    screen = sbx_caller_screen(terminal);
    assert_true(screen.is_terminal && !screen.wants_colour);
    assert_int_equal(screen.columns, 99);
    assert_int_equal(
        setenv("COLUMNS", "9x", 1) | setenv("NO_COLOR", "", 1) | setenv("TERM", "dumb", 1), 0);
    screen = sbx_caller_screen(terminal);
    assert_false(screen.wants_colour);
    assert_int_equal(screen.columns, 123);
    /* An empty NO_COLOR says nothing. */
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_true(sbx_caller_screen(terminal).wants_colour);
    screen = sbx_caller_screen(pipes[1]);
    assert_true(!screen.is_terminal && !screen.wants_colour);
    assert_int_equal(screen.columns, 0);
    (void)close(terminal);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),      cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_every_width), cmocka_unit_test(test_colour),
        cmocka_unit_test(test_batches),     cmocka_unit_test(test_wide_text),
        cmocka_unit_test(test_json),        cmocka_unit_test(test_record),
        cmocka_unit_test(test_time),        cmocka_unit_test(test_screen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
