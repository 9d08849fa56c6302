/* Expectations, patterns, names of files, and what the host has. */
#include <sys/stat.h>
#include <unistd.h>

#include "harness/batch/capacity.h"
#include "harness/batch/expect.h"
#include "harness/batch/names.h"
#include "harness/batch/pattern.h"
#include "tests/support/place.h"
#include "tests/support/test.h"

typedef struct judged {
    sbx_batch_verdict verdict;
    const char *kind;
} judged;

static judged judge(const char *expect, const sbx_result *result, const char *out)
{
    json_t *object = json_loads(expect, 0, NULL);
    sbx_batch_seen seen = {.result = result, .output[1] = {out, strlen(out)}};
    sbx_text detail = {0};
    judged found;

    assert_non_null(object);
    found.verdict = sbx_expect_judge(&found.kind, &detail, object, &seen);
    sbx_text_done(&detail);
    json_decref(object);
    return found;
}

static void check(const char *expect, const sbx_result *result, const char *out, const char *kind)
{
    judged found = judge(expect, result, out);

    if (strcmp(found.kind, kind) != 0 || (found.verdict == SBX_BATCH_PASS) != (kind[0] == '\0'))
        fail_msg("%s: %s \"%s\", wanted \"%s\"", expect, sbx_batch_verdict_word(found.verdict),
                 found.kind, kind);
}

static sbx_result exited(int code)
{
    sbx_result result = {.events = {.has_exit = true, .exit_code = code}, .wall_ns = 1000000000};

    sbx_usage_init(&result.usage);
    result.usage.user_ns = 500000000;
    result.usage.system_ns = 0;
    result.usage.memory_peak_bytes = 1 << 20;
    result.verdict = sbx_verdict_of(&result.events);
    return result;
}

static void ends(void **state)
{
    sbx_result ok = exited(0), three = exited(3), wall = exited(0), memory = exited(1);
    sbx_result died = {.events = {.has_signal = true, .signal = 11}};

    (void)state;
    wall.events.killed_for[SBX_LIMIT_WALL] = true;
    wall.verdict = sbx_verdict_of(&wall.events);
    memory.events.killed_for[SBX_LIMIT_MEMORY] = true;
    memory.verdict = sbx_verdict_of(&memory.events);
    died.verdict = sbx_verdict_of(&died.events);
    check("{}", &ok, "", "");
    check("{}", &three, "", "exit");
    check("{\"exit\":3}", &three, "", "");
    check("{\"exit\":[1,3]}", &three, "", "");
    check("{\"exit\":[1,2]}", &three, "", "exit");
    check("{}", &wall, "", "limit.wall");
    check("{\"exit\":0}", &wall, "", "limit.wall"); /* it ended with 0, but not by itself */
    check("{\"status\":\"limit\",\"reason\":\"wall\"}", &wall, "", "");
    check("{\"status\":\"limit\",\"reason\":\"memory\"}", &wall, "", "limit.wall");
    check("{\"reason\":\"memory\"}", &memory, "", "");
    check("{}", &died, "", "signal");
    check("{\"signal\":11}", &died, "", "");
    check("{\"signal\":6}", &died, "", "signal");
    check("{\"exit\":139}", &died, "", "signal");
}

static void outputs(void **state)
{
    sbx_result ok = exited(0);

    (void)state;
    check("{\"stdout\":\"a\\n\"}", &ok, "a\n", "");
    check("{\"stdout\":\"a\"}", &ok, "a\n", "stdout");
    check("{\"stdout\":\"\"}", &ok, "", "");
    check("{\"stderr\":\"x\"}", &ok, "x", "stderr");
    check("{\"stdout\":{\"contains\":[\"b\",\"c\"]}}", &ok, "abc", "");
    check("{\"stdout\":{\"contains\":[\"b\",\"d\"]}}", &ok, "abc", "stdout");
    check("{\"stdout\":{\"regex\":\"^b+$\"}}", &ok, "a\nbbb\nc", "");
    check("{\"stdout\":{\"regex\":\"^b+$\"}}", &ok, "abbb", "stdout");
    check("{\"stdout\":{\"sha256\":"
          "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}}",
          &ok, "abc", "");
    check("{\"stdout\":{\"sha256\":"
          "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}}",
          &ok, "abd", "stdout");
    check("{\"exit\":0,\"stdout\":\"x\"}", &ok, "y", "stdout");
}

static void bounds(void **state)
{
    sbx_result ok = exited(0), unknown = exited(0);

    (void)state;
    unknown.usage.memory_peak_bytes = SBX_UNLIMITED;
    check("{\"wall\":\"1s\",\"cpu\":\"500ms\",\"memory\":\"1M\"}", &ok, "", "");
    check("{\"wall\":\"999ms\"}", &ok, "", "wall");
    check("{\"cpu\":\"499ms\"}", &ok, "", "cpu");
    check("{\"memory\":\"1023K\"}", &ok, "", "memory");
    check("{\"memory\":\"1T\"}", &unknown, "", "memory"); /* not known is not held */
}

static void failures_of_sbx_are_no_failures_of_tasks(void **state)
{
    sbx_result refused = {.events = {.has_error = true, .error = {.status = SBX_REFUSED}}};
    sbx_result missing = refused, stopped = exited(0);

    (void)state;
    refused.verdict = sbx_verdict_of(&refused.events);
    assert_int_equal(judge("{}", &refused, "").verdict, SBX_BATCH_ERROR);
    missing.events.not_found = true;
    missing.verdict = sbx_verdict_of(&missing.events);
    assert_int_equal(judge("{}", &missing, "").verdict, SBX_BATCH_FAIL);
    stopped.events.cancelled_by = 15;
    stopped.verdict = sbx_verdict_of(&stopped.events);
    assert_int_equal(judge("{}", &stopped, "").verdict, SBX_BATCH_CANCELLED);
}

static void patterns_are_bounded(void **state)
{
    char *text = malloc(SBX_PATTERN_TEXT_BYTES_MAX + 2);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', SBX_PATTERN_TEXT_BYTES_MAX);
    memcpy(text + SBX_PATTERN_TEXT_BYTES_MAX, "b", 2);
    assert_false(sbx_pattern_is_in("b", text, SBX_PATTERN_TEXT_BYTES_MAX + 1));
    assert_true(sbx_pattern_is_in("b", text + 1, SBX_PATTERN_TEXT_BYTES_MAX));
    free(text);
    assert_true(sbx_pattern_is_in("^b$", "a\0b\0c", 5)); /* a NUL ends a line, and is not the end */
    assert_false(sbx_pattern_is_in("a.b", "a\0b", 3));
    assert_non_null(sbx_pattern_problem("(a)\\1"));
    assert_non_null(sbx_pattern_problem("a{256}"));
    assert_non_null(sbx_pattern_problem("((a{100}){100}){100}"));
    assert_non_null(sbx_pattern_problem("("));
    assert_null(sbx_pattern_problem("^[0-9]{1,3}\\.x\\\\1$"));
}

static void names_are_safe_and_distinct(void **state)
{
    static const char *const ids[] = {"a", "a/b", "a%2Fb", "..", ".", "", "a b", "\xc3\xa4", "A"};
    char longest[256], other[256];
    sbx_text one = {0}, two = {0};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(ids); i++)
        for (size_t j = 0; j < SBX_COUNT_OF(ids); j++) {
            sbx_text_clear(&one);
            sbx_text_clear(&two);
            sbx_batch_file_name(&one, ids[i]);
            sbx_batch_file_name(&two, ids[j]);
            assert_null(strchr(sbx_text_string(&one), '/'));
            assert_true(sbx_text_string(&one)[0] != '.');
            assert_int_equal(strcmp(sbx_text_string(&one), sbx_text_string(&two)) == 0, i == j);
        }
    memset(longest, '/', 255);
    longest[255] = '\0';
    memcpy(other, longest, sizeof(other));
    other[254] = 'x';
    sbx_text_clear(&one);
    sbx_text_clear(&two);
    sbx_batch_file_name(&one, longest);
    sbx_batch_file_name(&two, other);
    assert_true(one.bytes <= 255 && two.bytes <= 255);
    assert_string_not_equal(one.data, two.data);
    sbx_text_done(&one);
    sbx_text_done(&two);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void the_least_of_host_and_groups_counts(void **state)
{
    char directory[] = "/tmp/sbx-test-capacity-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(mkdir("cg", 0700) + mkdir("cg/a", 0700) + mkdir("cg/a/b", 0700), 0);
    write_file("meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n");
    write_file("self", "1:name=x:/other\n0::/a/b\n");
    write_file("cg/a/b/memory.max", "max\n");
    write_file("cg/a/b/memory.current", "5\n");
    write_file("cg/a/memory.max", "3000\n");
    write_file("cg/a/memory.current", "1000\n");
    assert_int_equal(sbx_capacity_memory_of("meminfo", "self", "cg"), 2000);
    write_file("cg/a/memory.max", "max\n");
    assert_int_equal(sbx_capacity_memory_of("meminfo", "self", "cg"), 4000 * 1024);
    assert_int_equal(sbx_capacity_memory_of("none", "none", "cg"), SBX_UNLIMITED);
    write_file("self", "9:cpu,memory:/a\n");
    assert_int_equal(mkdir("cg/memory", 0700) + mkdir("cg/memory/a", 0700), 0);
    write_file("cg/memory/a/memory.limit_in_bytes", "700\n");
    write_file("cg/memory/a/memory.usage_in_bytes", "900\n");
    assert_int_equal(sbx_capacity_memory_of("meminfo", "self", "cg"), 1);
    assert_int_equal(chdir("/"), 0);
    sbx_test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),
        cmocka_unit_test(outputs),
        cmocka_unit_test(bounds),
        cmocka_unit_test(failures_of_sbx_are_no_failures_of_tasks),
        cmocka_unit_test(patterns_are_bounded),
        cmocka_unit_test(names_are_safe_and_distinct),
        cmocka_unit_test(the_least_of_host_and_groups_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
