/* harness/base/path.h: cleaning, being within, names, globs. With the paths of Linux; tests/windows has the others. */
#include "tests/support/test.h"

#include "harness/base/path.h"

static void cleans(void **state)
{
    static const struct {
        const char *base, *path, *expected; /* expected NULL: refused */
    } cases[] = {
        {NULL, "/", "/"},
        {NULL, "//", "/"},
        {NULL, "/a", "/a"},
        {NULL, "/a/", "/a"},
        {NULL, "//a///b//", "/a/b"},
        {NULL, "/a/./b/.", "/a/b"},
        {NULL, "/a/../b", "/b"},
        {NULL, "/a/b/../..", "/"},
        {NULL, "/..", "/"},
        {NULL, "/../../x", "/x"},
        {NULL, "/a/...", "/a/..."},
        {NULL, "/a/..b/.c", "/a/..b/.c"},
        {"/base", "x", "/base/x"},
        {"/base", ".", "/base"},
        {"/base", "./x", "/base/x"},
        {"/base", "..", "/"},
        {"/base", "../..", "/"},
        {"/base/", "../y", "/y"},
        {"/", "x", "/x"},
        {"/base/../b2", "x", "/b2/x"},
        {"/base", "/abs", "/abs"},
        {"/base", "~", "/base/~"},
        {"/base", "", NULL},
        {NULL, "", NULL},
        {NULL, "x", NULL},
        {NULL, ".", NULL},
        {"rel", "x", NULL},
        {"", "x", NULL},
    };
    sbx_text out = {0};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_error err = {0};
        sbx_status st = sbx_path_clean(&out, cases[i].base, cases[i].path, &err);

        if (cases[i].expected == NULL) {
            assert_int_equal(st, SBX_INVALID);
            assert_int_equal(err.status, SBX_INVALID);
        } else {
            assert_int_equal(st, SBX_OK);
            assert_string_equal(out.data, cases[i].expected);
            assert_int_equal(out.bytes, strlen(cases[i].expected));
        }
    }
    sbx_text_done(&out);
}

static void is_within(void **state)
{
    (void)state;
    assert_true(sbx_path_is_within("/a", "/a"));
    assert_true(sbx_path_is_within("/a/b", "/a"));
    assert_true(sbx_path_is_within("/a/b/c", "/a/b"));
    assert_true(sbx_path_is_within("/", "/"));
    assert_true(sbx_path_is_within("/a", "/"));
    assert_false(sbx_path_is_within("/a/bc", "/a/b"));
    assert_false(sbx_path_is_within("/a", "/a/b"));
    assert_false(sbx_path_is_within("/", "/a"));
    assert_false(sbx_path_is_within("/b", "/a"));
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(sbx_path_name("/a/b"), "b");
    assert_string_equal(sbx_path_name("b"), "b");
    assert_string_equal(sbx_path_name("/"), "");
}

static void globs(void **state)
{
    static const struct {
        const char *glob, *text;
        bool matches;
    } cases[] = {
        {"*", "", true},
        {"*", "anything", true},
        {"", "", true},
        {"", "a", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"abc", "ab", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"?", "", false},
        {"*TOKEN*", "MY_TOKEN", true},
        {"*TOKEN*", "TOKENS", true},
        {"*TOKEN*", "TOKE", false},
        {"*_KEY", "A_KEY", true},
        {"*_KEY", "A_KEYS", false},
        {"*_KEY", "A_KEY_KEY", true},
        {"AWS_*", "AWS_", true},
        {"AWS_*", "XAWS_", false},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "axxcyyb", false},
        {"**", "x", true},
        {"*a*a*a", "aa", false},
        {"LC_*", "lc_all", false},
        {"[a]", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++)
        if (sbx_glob_matches(cases[i].glob, cases[i].text) != cases[i].matches)
            fail_msg("%s ~ %s", cases[i].glob, cases[i].text);
}

/* Backtracking must not be exponential: this would run for ages if it were. */
static void a_hostile_glob_is_cheap(void **state)
{
    char text[20001];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(sbx_glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans),
        cmocka_unit_test(is_within),
        cmocka_unit_test(names),
        cmocka_unit_test(globs),
        cmocka_unit_test(a_hostile_glob_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
