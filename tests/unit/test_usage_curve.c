/* harness/cli/usage_curve.h: a line of bars that is as long as the run and as high as its use. */
#include "tests/support/test.h"

#include "harness/cli/usage_curve.h"

static void expect(const char *samples, const char *wanted)
{
    sbx_text text = {0};

    sbx_usage_curve_add(&text, samples, strlen(samples), 20);
    assert_string_equal(sbx_text_string(&text), wanted);
    sbx_text_done(&text);
}

static void it_shows_steps(void **state)
{
    (void)state;
    expect("[[100,100,1048576,1],[200,150,2097152,1],[300,150,4194304,1],[400,150,8388608,1]]",
           "memory over time    ▂▃▅█  most 8 MiB\n"
           "cpu over time       █▅▁▁  most 100 % of a CPU\n");
    expect("[[100,10,null,1],[200,220,null,3]]", "cpu over time       ▁█  most 210 % of a CPU\n"
                                                 "processes           ▃█  most 3\n");
}

/* A stretch that took longer is longer. */
static void time_is_to_scale(void **state)
{
    (void)state;
    expect("[[100,null,1024,1],[200,null,8192,1],[800,null,1024,1],[1000,null,4096,1]]",
           "memory over time    █▂▂▅  most 8 KiB\n");
}

static void what_is_not_known_is_a_gap(void **state)
{
    (void)state;
    expect("[[100,null,1024,1],[200,null,null,1],[300,null,1024,1]]",
           "memory over time    █ █  most 1 KiB\n");
}

static void what_is_no_list_of_points_is_nothing(void **state)
{
    (void)state;
    expect("", "");
    expect("[]", "");
    expect("[[1,2,3]]", "");
    expect("\x1b[2J", "");
    expect("[[1,2,3,\"\x1b[2J\"]]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_shows_steps),
        cmocka_unit_test(time_is_to_scale),
        cmocka_unit_test(what_is_not_known_is_a_gap),
        cmocka_unit_test(what_is_no_list_of_points_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
