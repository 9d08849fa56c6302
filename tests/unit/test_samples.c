/* limits/samples.h: a bounded curve of a run of any length, that keeps its shape. */
#include "tests/support/test.h"

#include "harness/base/clock.h"
#include "limits/samples.h"

/* As the runner does: at the interval that holds then. Returns how often it was looked. */
static unsigned follow(sbx_samples *samples, uint64_t run_ns, uint64_t (*memory)(uint64_t at_ns))
{
    unsigned looks = 0;

    sbx_samples_init(samples);
    for (uint64_t at_ns = samples->interval_ns; at_ns <= run_ns; at_ns += samples->interval_ns) {
        sbx_samples_add(samples, &(sbx_sample){.at_ns = at_ns,
                                               .cpu_ns = at_ns / 2,
                                               .memory_bytes = memory(at_ns),
                                               .processes_count = 1});
        looks++;
        assert_true(samples->count <= SBX_SAMPLES_MAX);
    }
    return looks;
}

static uint64_t flat(uint64_t at_ns)
{
    (void)at_ns;
    return 7;
}

/* One megabyte more each second, and one high peak. */
static uint64_t steps_and_a_peak(uint64_t at_ns)
{
    uint64_t second = at_ns / SBX_NS_PER_S;

    return second == 100 ? UINT64_C(1) << 40 : second << 20;
}

static void a_short_run_has_none(void **state)
{
    sbx_samples samples;

    (void)state;
    assert_int_equal(follow(&samples, 99 * SBX_NS_PER_MS, flat), 0);
    assert_int_equal(samples.count, 0);
    assert_int_equal(follow(&samples, 100 * SBX_NS_PER_MS, flat), 1);
    assert_int_equal(follow(&samples, 12 * SBX_NS_PER_S, flat), SBX_SAMPLES_MAX);
    assert_int_equal(samples.item[SBX_SAMPLES_MAX - 1].at_ns, 12 * SBX_NS_PER_S);
}

static void a_long_run_is_bounded(void **state)
{
    static const struct {
        uint64_t seconds;
        unsigned most_looks;
    } all[] = {{13, 200}, {60, 300}, {3600, 700}, {86400, 1000}, {31536000, 1600}};
    sbx_samples samples;

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint64_t run_ns = all[i].seconds * SBX_NS_PER_S;
        unsigned looks = follow(&samples, run_ns, flat);

        assert_in_range(looks, SBX_SAMPLES_MAX, all[i].most_looks);
        assert_in_range(samples.count, SBX_SAMPLES_MAX / 2, SBX_SAMPLES_MAX);
        for (size_t at = 1; at < samples.count; at++)
            assert_true(samples.item[at].at_ns > samples.item[at - 1].at_ns);
        /* It reaches to the end, but for one interval. */
        assert_true(samples.item[samples.count - 1].at_ns + samples.interval_ns > run_ns);
        assert_true(samples.interval_ns < run_ns / 50);
    }
}

/* A point is the most of its stretch, and the stretches lie one behind the other. */
static void thinning_keeps_the_shape(void **state)
{
    sbx_samples samples;
    uint64_t before = 0;
    size_t peaks = 0;

    (void)state;
    follow(&samples, 600 * SBX_NS_PER_S, steps_and_a_peak);
    for (size_t i = 0; i < samples.count; i++) {
        const sbx_sample *is = &samples.item[i];

        assert_int_equal(is->cpu_ns, is->at_ns / 2);
        if (is->memory_bytes == UINT64_C(1) << 40) {
            peaks++;
            assert_in_range(is->at_ns, 100 * SBX_NS_PER_S,
                            101 * SBX_NS_PER_S + samples.interval_ns);
            continue;
        }
        assert_int_equal(is->memory_bytes, is->at_ns / SBX_NS_PER_S << 20);
        assert_true(is->memory_bytes >= before);
        before = is->memory_bytes;
    }
    assert_in_range(peaks, 1, 2);
}

static void what_is_unknown_does_not_win(void **state)
{
    sbx_sample sample = {.cpu_ns = 5, .memory_bytes = SBX_UNLIMITED, .processes_count = 2};
    sbx_samples samples;

    (void)state;
    sbx_samples_init(&samples);
    for (uint64_t i = 0; i <= SBX_SAMPLES_MAX; i++) {
        sample.at_ns = i + 1;
        sample.cpu_ns = i % 2 == 0 ? 5 : SBX_UNLIMITED;
        sample.processes_count = i % 2 == 0 ? SBX_UNLIMITED : 3;
        sbx_samples_add(&samples, &sample);
    }
    assert_int_equal(samples.count, SBX_SAMPLES_MAX / 2 + 1);
    assert_int_equal(samples.interval_ns, 2 * SBX_SAMPLES_FIRST_NS);
    assert_int_equal(samples.item[0].at_ns, 2);
    assert_int_equal(samples.item[0].cpu_ns, 5);
    assert_int_equal(samples.item[0].processes_count, 3);
    assert_true(samples.item[0].memory_bytes == SBX_UNLIMITED);
}

static void it_is_written_as_documented(void **state)
{
    sbx_samples samples;
    sbx_text text = {0};
    sbx_json json;

    (void)state;
    sbx_samples_init(&samples);
    sbx_samples_add(&samples, &(sbx_sample){.at_ns = 100999999,
                                            .cpu_ns = 50000000,
                                            .memory_bytes = 4096,
                                            .processes_count = 2});
    sbx_samples_add(&samples, &(sbx_sample){.at_ns = 200000000,
                                            .cpu_ns = SBX_UNLIMITED,
                                            .memory_bytes = SBX_UNLIMITED,
                                            .processes_count = SBX_UNLIMITED});
    sbx_json_init(&json, &text);
    sbx_samples_to_json(&json, NULL, &samples);
    assert_string_equal(sbx_text_string(&text), "[[100,50,4096,2],[200,null,null,null]]");
    sbx_text_clear(&text);
    sbx_json_init(&json, &text);
    sbx_samples_to_json(&json, NULL, NULL);
    assert_string_equal(sbx_text_string(&text), "[]");
    sbx_text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_run_has_none),
        cmocka_unit_test(a_long_run_is_bounded),
        cmocka_unit_test(thinning_keeps_the_shape),
        cmocka_unit_test(what_is_unknown_does_not_win),
        cmocka_unit_test(it_is_written_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
