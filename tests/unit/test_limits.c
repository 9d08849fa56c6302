/* limits/limits.h: the words, which are stored in databases, and the empty values. */
#include "tests/support/test.h"

#include "limits/limits.h"

static void words_are_stable(void **state)
{
    static const char *const limits[SBX_LIMIT_COUNT] = {
        "memory", "swap", "cpus", "cpu", "wall", "idle", "procs", "fsize", "files", "output"};
    static const char *const enforcers[] = {"none",   "cgroup2", "cgroup1",  "job_object", "rlimit",
                                            "polled", "timer",   "affinity", "hardware",   "pipe"};

    (void)state;
    for (int i = 0; i < SBX_LIMIT_COUNT; i++)
        assert_string_equal(sbx_limit_word((sbx_limit_kind)i), limits[i]);
    assert_string_equal(sbx_limit_word(SBX_LIMIT_COUNT), "unknown");
    for (size_t i = 0; i < SBX_COUNT_OF(enforcers); i++)
        assert_string_equal(sbx_enforcer_word((sbx_enforcer)i), enforcers[i]);
    assert_int_equal(SBX_ENFORCER_PIPE, SBX_COUNT_OF(enforcers) - 1);
    assert_string_equal(sbx_enforcer_word((sbx_enforcer)SBX_COUNT_OF(enforcers)), "unknown");
}

static void nothing_is_asked_for_at_first(void **state)
{
    sbx_limits limits;

    (void)state;
    memset(&limits, 1, sizeof(limits));
    sbx_limits_init(&limits);
    for (int i = 0; i < SBX_LIMIT_COUNT; i++)
        assert_true(limits.value[i] == SBX_UNLIMITED);
    assert_true(limits.grace_ns == UINT64_C(2000000000));
    assert_false(limits.memory_fails);
}

static void usage_is_unknown_at_first(void **state)
{
    sbx_usage usage;

    (void)state;
    memset(&usage, 1, sizeof(usage));
    sbx_usage_init(&usage);
    assert_true(usage.user_ns == SBX_UNLIMITED && usage.system_ns == SBX_UNLIMITED);
    assert_true(usage.memory_peak_bytes == SBX_UNLIMITED);
    assert_true(usage.processes_peak_count == SBX_UNLIMITED);
    assert_true(usage.io_read_bytes == SBX_UNLIMITED && usage.io_write_bytes == SBX_UNLIMITED);
    assert_true(sbx_usage_cpu_ns(&usage) == SBX_UNLIMITED);
    usage.user_ns = 3;
    assert_true(sbx_usage_cpu_ns(&usage) == 3);
    usage.system_ns = 4;
    assert_true(sbx_usage_cpu_ns(&usage) == 7);
    usage.user_ns = SBX_UNLIMITED;
    assert_true(sbx_usage_cpu_ns(&usage) == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_stable),
        cmocka_unit_test(nothing_is_asked_for_at_first),
        cmocka_unit_test(usage_is_unknown_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
