/* Reading JSON as jansson does, and where it does not: where memory runs out. */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h> /* a header of Linux: the malloc() below is only put before its C library's */

#include "harness/base/compiler.h"
#include "harness/base/json_read.h"
#include "tests/support/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC false
static unsigned countdown;
static bool fails_on, was_hit;
#else
#define HAS_OWN_MALLOC true

/* glibc's own, under the names that a program may put its own before. */
extern void *__libc_malloc(size_t bytes);

static unsigned countdown; /* 0: none fails */
static bool fails_on, was_hit;

void *malloc(size_t bytes)
{
    if (countdown == 0 || (countdown > 1 && --countdown > 0))
        return __libc_malloc(bytes);
    countdown = fails_on ? 1 : 0;
    was_hit = true;
    return NULL;
}
#endif

/* Both say the same, of the same text. */
static void expect_same(const char *text, size_t bytes, size_t flags)
{
    json_error_t ours, theirs;
    json_t *read = sbx_json_read(text, bytes, flags, &ours);
    json_t *wanted = json_loadb(text, bytes, flags, &theirs);

    assert_int_equal(read == NULL, wanted == NULL);
    if (wanted == NULL) {
        assert_string_equal(ours.text, theirs.text);
        assert_int_equal(ours.line, theirs.line);
        assert_int_equal(ours.column, theirs.column);
    } else {
        assert_true(json_equal(read, wanted));
    }
    json_decref(read);
    json_decref(wanted);
}

static void test_the_same(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "}",
                                        "[]",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":[1,2.5,true,null,\"x\\u00e9\"]}",
                                        "[1",
                                        "\"",
                                        "\"open",
                                        "[\"\\ud800\"]",
                                        "{\"a\":1} trailing",
                                        "[\"\xff\"]",
                                        "1",
                                        "{\"key\":\n\n  bad}"};
    char *large = malloc(300000);

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(texts); i++) {
        expect_same(texts[i], strlen(texts[i]), 0);
        expect_same(texts[i], strlen(texts[i]), JSON_REJECT_DUPLICATES);
    }
    expect_same("[\"a\0b\"]", 8, 0);
    memset(large, 'y', 300000); /* longer than any piece */
    memcpy(large, "[\"", 2);
    memcpy(large + 299998, "\"]", 2);
    expect_same(large, 300000, 0);
    expect_same(large, 299998, 0);
    free(large);
    assert_null(sbx_json_read_string("{", 0, NULL));
}

/* Each allocation fails once, alone and with all that follow: an answer that is right, or none, and then why. */
static void test_no_memory(void **state)
{
    static const char text[] = "{\"a string that grows, and grows, and has to be moved several "
                               "times\": [\"until it is longer than a "
                               "hundred bytes, and then two hundred, so that its buffer has "
                               "doubled four times, or was it five?\"], "
                               "\"b\": {\"c\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}";
    json_t *wanted = sbx_json_read_string(text, 0, NULL);
    unsigned told = 0;

    (void)state;
    assert_non_null(wanted);
    for (int goes_on = 0; goes_on <= 1 && HAS_OWN_MALLOC; goes_on++)
        for (unsigned n = 1;; n++) {
            json_error_t problem = {.text = ""};
            json_t *read;

            fails_on = goes_on != 0;
            was_hit = false;
            countdown = n;
            read = sbx_json_read_string(text, 0, &problem);
            countdown = 0;
            if (!was_hit) {
                assert_true(json_equal(read, wanted));
                json_decref(read);
                break;
            }
            if (read != NULL)
                fail_msg("allocation %u%s: it was read", n, goes_on != 0 ? " and all later" : "");
            assert_string_equal(problem.text, "out of memory");
            told++;
        }
    assert_true(told > 40 || !HAS_OWN_MALLOC);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
