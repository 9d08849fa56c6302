/*
 * Memory of every kind, and room on disk. What nobody holds is said in docs/limits.md.
 * ctest: serial (what hogs the machine makes others slow)
 */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/abuse.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static void abuse(sbx_test_outcome *out, const sbx_test_place *place, const char *const *options,
                  const char *const *command)
{
    sbx_test_request request = {.options = options, .command = command};

    sbx_test_abuse(out, place, &request);
}

#define PROBE(...) SBX_LIST(place->probe, __VA_ARGS__)

static bool is_held_by_kernel(const sbx_test_outcome *outcome)
{
    json_t *limits = json_object_get(outcome->result, "limits");
    const char *word =
        json_string_value(json_object_get(json_object_get(limits, "memory"), "enforced_by"));

    assert_non_null(word);
    return strncmp(word, "cgroup", 6) == 0;
}

static void test_every_kind(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const commands[] = {
        PROBE("alloc", "300"),
        PROBE("alloc-children", "30", "8"),
        PROBE("alloc-shared", "300"),
        PROBE("alloc-segments", "300"),
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        sbx_test_outcome outcome;

        print_message("%s\n", commands[i][1]);
        abuse(&outcome, place, SBX_LIST("--mem", "64M", "--wall", sbx_test_slow_time(20)),
              commands[i]);
        sbx_test_expect(&outcome, 137, "limit", "memory");
        sbx_test_outcome_done(&outcome);
    }
}

/* The private temp directories are memory, and have a size of their own. */
static void test_temp_directories(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const files[] = {"/tmp/big", "/dev/shm/big", "/var/tmp/big"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        sbx_test_outcome outcome;

        abuse(&outcome, place, SBX_LIST("--mem", "64M", "--wall", sbx_test_slow_time(20)),
              PROBE("write-big", files[i], "200000000"));
        if (is_held_by_kernel(&outcome) && outcome.exit_code == 137)
            sbx_test_expect(&outcome, 137, "limit", "memory");
        else
            assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED); /* ENOSPC */
        sbx_test_outcome_done(&outcome);
    }
}

/* Page cache is given back: reading and writing much is no reason to die. */
static void test_page_cache(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_LIST("--mem", "64M", "--wall", sbx_test_slow_time(40)),
          PROBE("write-big", sbx_test_path(place->root, "big"), "150000000"));
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_int_equal(unlink(sbx_test_path(place->root, "big")), 0);
    sbx_test_outcome_done(&outcome);
}

/* On disk a file is limited, the sum of files is not: that is a quota's work. */
static void test_disk(void **state)
{
    const sbx_test_place *place = *state;
    const char *big = sbx_test_path(place->root, "big");
    sbx_test_outcome outcome;
    struct stat info;

    abuse(&outcome, place, SBX_LIST("--fsize", "1M"), PROBE("write-big", big, "100000000"));
    sbx_test_expect(&outcome, 137, "limit", "fsize");
    assert_int_equal(stat(big, &info), 0);
    assert_true(info.st_size <= 1 << 20);
    sbx_test_outcome_done(&outcome);
    assert_int_equal(unlink(big), 0);
}

/* Names are memory as well where the directory is. */
static void test_inodes(void **state)
{
    const sbx_test_place *place = *state;
    const char *count = sbx_test_text("%u", sbx_test_setting("SBX_TEST_FILES", 40000));
    sbx_test_outcome outcome;

    abuse(&outcome, place, SBX_LIST("--mem", "16M", "--wall", sbx_test_slow_time(20), "--no-watch"),
          PROBE("make-files", "/tmp", count));
    if (is_held_by_kernel(&outcome))
        assert_int_not_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_every_kind),
        sbx_unit_test(test_temp_directories),
        sbx_unit_test(test_page_cache),
        sbx_unit_test(test_disk),
        sbx_unit_test(test_inodes),
    };

    return cmocka_run_group_tests_name("abuse: memory", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
