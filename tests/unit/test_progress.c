/* The bar's line: it never takes more room than there is, and says the most important things first. */
#include "harness/base/clock.h"
#include "harness/cli/progress.h"
#include "harness/cli/width.h"
#include "tests/support/test.h"

static const sbx_progress_picture usual = {.done = 120,
                                           .total = 500,
                                           .failed = 3,
                                           .flaky = 1,
                                           .running = 2,
                                           .per_1000_s = 35210,
                                           .left_ns = 80 * SBX_NS_PER_S,
                                           .memory_bytes = 64 << 20,
                                           .stopped = ""};

static void expect_line(const sbx_progress_picture *picture, unsigned columns, const char *expected)
{
    sbx_text line = {0};

    sbx_progress_format(&line, picture, columns);
    assert_string_equal(sbx_text_string(&line), expected);
    sbx_text_done(&line);
}

static void test_says_everything(void **state)
{
    sbx_progress_picture stopped = usual;

    (void)state;
    expect_line(&usual, 120,
                "[#########.............................] 120/500  3 failed  24%  ETA 1:20  35.2/s"
                "  1 flaky  peak 64 MiB");
    stopped.stopped = "interrupted";
    expect_line(&stopped, 60, "120/500  3 failed  interrupted, 2 running  24%  35.2/s");
}

static void test_narrow(void **state)
{
    (void)state;
    expect_line(&usual, 0, "");
    expect_line(&usual, 3, "");
    expect_line(&usual, 7, "24%");
    expect_line(&usual, 8, "120/500");
    expect_line(&usual, 24, "120/500  3 failed  24%");
    expect_line(&usual, 40, "120/500  3 failed  24%  ETA 1:20");
    expect_line(&usual, 41, "120/500  3 failed  24%  ETA 1:20  35.2/s");
}

static void test_never_too_wide(void **state)
{
    sbx_progress_picture picture = {.total = UINT32_MAX,
                                    .failed = UINT32_MAX,
                                    .flaky = 7,
                                    .per_1000_s = UINT64_MAX / 2,
                                    .memory_bytes = UINT64_MAX / 2,
                                    .stopped = ""};

    (void)state;
    for (unsigned columns = 0; columns < 300; columns++)
        for (unsigned done = 0; done < 5; done++) {
            sbx_text line = {0};

            picture.done = done * (UINT32_MAX / 4);
            picture.left_ns = done == 2 ? SBX_UNLIMITED : done * (UINT64_MAX / 5);
            sbx_progress_format(&line, &picture, columns);
            if (sbx_width_of(sbx_text_string(&line), line.bytes) >= (columns == 0 ? 1 : columns))
                fail_msg("%u columns: \"%s\"", columns, sbx_text_string(&line));
            sbx_text_done(&line);
        }
}

static void test_colour_takes_no_room(void **state)
{
    sbx_progress_picture coloured = usual;

    (void)state;
    coloured.wants_colour = true;
    expect_line(&coloured, 20, "120/500  \033[31m3 failed\033[0m");
    coloured.failed = 0;
    expect_line(&coloured, 20, "120/500  0 failed");
}

static void test_nothing_to_do(void **state)
{
    const sbx_progress_picture none = {.stopped = "", .left_ns = SBX_UNLIMITED};

    (void)state;
    expect_line(&none, 24, "0/0  0 failed  100%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_everything), cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_never_too_wide),  cmocka_unit_test(test_colour_takes_no_room),
        cmocka_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
