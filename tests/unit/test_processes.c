/* The list of started programs: what a hostile command can make it grow to. */
#include <stdlib.h>

#include "audit/processes.h"
#include "tests/support/test.h"

enum { WIDE = 24000 };

static void add(sbx_processes *list, int32_t pid, const char *argv)
{
    const sbx_process_record record = {.pid = pid, .exe = "/bin/sh", .argv_json = argv};

    sbx_processes_add(list, &record);
}

static void test_texts_are_bounded(void **state)
{
    sbx_processes *list = sbx_processes_create();
    char *wide = calloc(1, WIDE + 1);
    const sbx_process_record *taken;
    size_t count, bytes = 0;

    (void)state;
    assert_non_null(list);
    assert_non_null(wide);
    memset(wide, 'x', WIDE);
    for (int32_t i = 0; i < SBX_PROCESSES_MAX; i++)
        add(list, i + 1, wide);
    assert_int_equal(sbx_processes_count(list), SBX_PROCESSES_MAX);
    taken = sbx_processes_take_changes(list, &count);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(taken[i].exe) + strlen(taken[i].argv_json) + 2;
    assert_true(bytes <= SBX_PROCESSES_TEXT_BYTES_MAX);
    assert_true(bytes + WIDE + 10 > SBX_PROCESSES_TEXT_BYTES_MAX);
    assert_int_equal(sbx_processes_lost(list), SBX_PROCESSES_MAX - count);
    add(list, 99999, "[]"); /* what still fits is kept */
    assert_int_equal(sbx_processes_lost(list), SBX_PROCESSES_MAX - count);
    assert_true(sbx_processes_knows(list, 99999));
    free(wide);
    sbx_processes_free(list);
}

static void test_usual_ones_all_fit(void **state)
{
    sbx_processes *list = sbx_processes_create();
    char argv[130];

    (void)state;
    memset(argv, 'x', sizeof(argv) - 1);
    argv[sizeof(argv) - 1] = '\0';
    for (int32_t i = 0; i < SBX_PROCESSES_MAX; i++)
        add(list, i + 1, argv);
    assert_int_equal(sbx_processes_lost(list), 0);
    add(list, 77, argv);
    assert_int_equal(sbx_processes_lost(list), 1);
    sbx_processes_free(list);
}

static void test_programs_are_found(void **state)
{
    sbx_processes *list = sbx_processes_create();
    const sbx_process_record nameless = {.pid = 4};
    int32_t pid = 7;

    (void)state;
    assert_false(sbx_processes_has_program(list, "/bin/sh", &pid));
    assert_int_equal(pid, 0);
    sbx_processes_add(list, &nameless);
    add(list, 5, "[]");
    add(list, 5, "[]"); /* once more by the same process */
    assert_true(sbx_processes_has_program(list, "/bin/sh", &pid));
    assert_int_equal(pid, 5);
    assert_false(sbx_processes_has_program(list, "/bin/s", &pid));
    sbx_processes_end(list, 5, 9, true, 0);
    assert_true(sbx_processes_has_program(list, "/bin/sh", &pid)); /* one that has ended, too */
    add(list, 6, "[]");
    assert_true(sbx_processes_has_program(list, "/bin/sh", &pid));
    assert_int_equal(pid, 0); /* which of the two is not known */
    sbx_processes_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_bounded),
        cmocka_unit_test(test_usual_ones_all_fit),
        cmocka_unit_test(test_programs_are_found),
    };

    return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
