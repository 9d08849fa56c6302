/* harness/base/units.h: tables of what is read, what is refused and how it is said. */
#include "tests/support/test.h"

#include "harness/base/units.h"

typedef sbx_status parser(uint64_t *out, const char *option, const char *text, sbx_error *err);

typedef struct reading {
    const char *text;
    uint64_t value;
} reading;

static void check_readings(parser *parse, const reading *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 77;
        sbx_error err = {0};

        if (parse(&value, "--x", cases[i].text, &err) != SBX_OK)
            fail_msg("%s: %s", cases[i].text, err.message);
        if (value != cases[i].value)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)value);
    }
}

static void check_refusals(parser *parse, const char *const *cases, size_t count,
                           const char *problem)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 77;
        sbx_error err = {0};

        if (parse(&value, "--x", cases[i], &err) != SBX_INVALID)
            fail_msg("\"%s\" was taken", cases[i]);
        assert_int_equal(err.step, SBX_STEP_OPTIONS);
        assert_int_equal(value, 77);
        if (strstr(err.message, problem) == NULL || strstr(err.message, "--x: \"") != err.message ||
            strstr(err.message, cases[i]) == NULL ||
            strstr(err.message, "expected a form like") == NULL)
            fail_msg("\"%s\": %s", cases[i], err.message);
    }
}

/* Nobody's number. */
#define NO_NUMBERS                                                                                 \
    "", " ", "-1", "+1", "0x10", "1e3", " 1", "1 ", "1 K", ".5", ".5G", "5.", "1.", "1..5",        \
        "1.5.5", "1,5", "K", "nan", "inf", "Unlimited", "unlimited ", "1\n", "\xC2\xB2",           \
        "1.1234567", "--", "1K1", "0b1", "1_000"

static void sizes(void **state)
{
    static const reading good[] = {
        {"0", 0},
        {"1", 1},
        {"512", 512},
        {"007", 7},
        {"512K", 524288},
        {"1KB", 1024},
        {"1KiB", 1024},
        {"10MB", 10485760},
        {"10M", 10485760},
        {"10MiB", 10485760},
        {"2G", 2147483648},
        {"2GB", 2147483648},
        {"1.5GiB", 1610612736},
        {"0.5K", 512},
        {"1.000001K", 1024},
        {"0.999999T", 1099510528264},
        {"8388607T", UINT64_C(9223370937343148032)},
        {"8388607.999999T", UINT64_C(9223372036853676296)},
        {"9223372036854775807", INT64_MAX},
        {"8589934591G", UINT64_C(9223372035781033984)},
        {"unlimited", UINT64_MAX},
    };
    static const char *const bad[] = {NO_NUMBERS, "2Q",  "1k",  "1g", "1Kb", "1kB", "1B", "1GiBs",
                                      "1.5",      "0.0", "1.0", "1P", "1GK", "1iB", "1s", "1m"};
    static const char *const large[] = {
        "9223372036854775808", "18446744073709551615", "18446744073709551616",
        "99999999999999999999999999", "8388608T", "8589934592G", "9007199254740992K",
        "18446744073709551615K",
    };
    static const char *const small[] = {"0.0001K", "0.000001K"};

    (void)state;
    check_readings(sbx_parse_size, good, SBX_COUNT_OF(good));
    check_refusals(sbx_parse_size, bad, SBX_COUNT_OF(bad), "is not a size");
    check_refusals(sbx_parse_size, large, SBX_COUNT_OF(large), "is too large for a size");
    check_refusals(sbx_parse_size, small, SBX_COUNT_OF(small), "is too small for a size");
}

static void durations(void **state)
{
    static const reading good[] = {
        {"0", 0},
        {"0s", 0},
        {"1", UINT64_C(1000000000)},
        {"60s", UINT64_C(60000000000)},
        {"250ms", UINT64_C(250000000)},
        {"10us", 10000},
        {"2m", UINT64_C(120000000000)},
        {"1h", UINT64_C(3600000000000)},
        {"1.5s", UINT64_C(1500000000)},
        {"1.5", UINT64_C(1500000000)},
        {"0.5m", UINT64_C(30000000000)},
        {"0.25ms", 250000},
        {"0.001us", 1},
        {"0.999999h", UINT64_C(3599996400000)},
        {"9223372036", UINT64_C(9223372036000000000)},
        {"2562047h", UINT64_C(9223369200000000000)},
        {"unlimited", UINT64_MAX},
    };
    static const char *const bad[] = {NO_NUMBERS, "1S", "1sec", "1ns", "1d",
                                      "1min",     "1M", "1K",   "5mss"};
    static const char *const large[] = {"18446744073709551615", "9223372037", "2562048h",
                                        "9223372036854776us", "9223372036.854776"};
    static const char *const small[] = {"0.0001us", "0.000999us"};

    (void)state;
    check_readings(sbx_parse_duration, good, SBX_COUNT_OF(good));
    check_refusals(sbx_parse_duration, bad, SBX_COUNT_OF(bad), "is not a duration");
    check_refusals(sbx_parse_duration, large, SBX_COUNT_OF(large), "is too large for a duration");
    check_refusals(sbx_parse_duration, small, SBX_COUNT_OF(small), "is too small for a duration");
}

static void counts(void **state)
{
    static const reading good[] = {{"1", 1},
                                   {"64", 64},
                                   {"0064", 64},
                                   {"9223372036854775807", INT64_MAX},
                                   {"unlimited", UINT64_MAX}};
    static const char *const bad[] = {NO_NUMBERS, "1K", "1.5", "1.0", "6s"};
    static const char *const large[] = {"9223372036854775808", "18446744073709551615",
                                        "18446744073709551616"};
    static const char *const small[] = {"0", "000"};

    (void)state;
    check_readings(sbx_parse_count, good, SBX_COUNT_OF(good));
    check_refusals(sbx_parse_count, bad, SBX_COUNT_OF(bad), "is not a count");
    check_refusals(sbx_parse_count, large, SBX_COUNT_OF(large), "is too large for a count");
    check_refusals(sbx_parse_count, small, SBX_COUNT_OF(small), "is too small for a count");
}

static void cpus(void **state)
{
    static const reading good[] = {{"0.5", 500},
                                   {"2", 2000},
                                   {"0.001", 1},
                                   {"1.25", 1250},
                                   {"0.10", 100},
                                   {"unlimited", UINT64_MAX},
                                   {"9223372036854775", UINT64_C(9223372036854775000)}};
    static const char *const bad[] = {NO_NUMBERS, "0.0005", "1.2345", "50%", "1K", "500m"};
    static const char *const large[] = {"18446744073709551615", "9223372036854776"};
    static const char *const small[] = {"0", "0.0", "0.000"};

    (void)state;
    check_readings(sbx_parse_cpus, good, SBX_COUNT_OF(good));
    check_refusals(sbx_parse_cpus, bad, SBX_COUNT_OF(bad), "is not a number of CPUs");
    check_refusals(sbx_parse_cpus, large, SBX_COUNT_OF(large), "is too large for a number of CPUs");
    check_refusals(sbx_parse_cpus, small, SBX_COUNT_OF(small), "is too small for a number of CPUs");
}

static void the_message_is_the_one_promised(void **state)
{
    uint64_t value;
    sbx_error err = {0};

    (void)state;
    assert_int_equal(sbx_parse_size(&value, "--mem", "2Q", &err), SBX_INVALID);
    assert_string_equal(err.message,
                        "--mem: \"2Q\" is not a size (expected a form like 512K, 2G or 1.5GiB)");
    assert_int_equal(sbx_parse_duration(&value, "--wall", "-1", &err), SBX_INVALID);
    assert_string_equal(err.message,
                        "--wall: \"-1\" is not a duration (expected a form like 250ms, 60s or 2m)");
}

typedef void formatter(sbx_text *out, uint64_t value);

static void check_format(formatter *format, uint64_t value, const char *expected)
{
    sbx_text text = {0};

    format(&text, value);
    assert_string_equal(sbx_text_string(&text), expected);
    sbx_text_done(&text);
}

static void for_people(void **state)
{
    (void)state;
    check_format(sbx_format_size, 0, "0 B");
    check_format(sbx_format_size, 1023, "1023 B");
    check_format(sbx_format_size, 1024, "1 KiB");
    check_format(sbx_format_size, 1536, "1.5 KiB");
    check_format(sbx_format_size, 812 * 1024, "812 KiB");
    check_format(sbx_format_size, 1048575, "1023 KiB");
    check_format(sbx_format_size, 10737418240 - 1, "9.9 GiB");
    check_format(sbx_format_size, 1610612736, "1.5 GiB");
    check_format(sbx_format_size, UINT64_MAX - 1, "16777215 TiB");
    check_format(sbx_format_size, UINT64_MAX, "unlimited");

    check_format(sbx_format_duration, 0, "0 ns");
    check_format(sbx_format_duration, 999, "999 ns");
    check_format(sbx_format_duration, 1500, "1.5 us");
    check_format(sbx_format_duration, 350000000, "350 ms");
    check_format(sbx_format_duration, 2100000000, "2.1 s");
    check_format(sbx_format_duration, UINT64_C(59999999999), "59 s");
    check_format(sbx_format_duration, UINT64_C(60000000000), "1 m");
    check_format(sbx_format_duration, UINT64_C(200000000000), "3 m 20 s");
    check_format(sbx_format_duration, UINT64_C(3660000000000), "1 h 1 m");
    check_format(sbx_format_duration, UINT64_MAX, "unlimited");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),      cmocka_unit_test(durations),
        cmocka_unit_test(counts),     cmocka_unit_test(cpus),
        cmocka_unit_test(for_people), cmocka_unit_test(the_message_is_the_one_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
