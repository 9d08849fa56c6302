/* harness/base on Windows: roots and names of paths, text there and back, environment, hashes. */
#include "tests/support/test.h"

#include "harness/base/clock.h"
#include "harness/base/path.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

static void roots(void **state)
{
    (void)state;
    assert_int_equal(sbx_path_root_bytes("C:/"), 3);
    assert_int_equal(sbx_path_root_bytes("z:\\x"), 3);
    assert_int_equal(sbx_path_root_bytes("C:"), 0);
    assert_int_equal(sbx_path_root_bytes("C:x"), 0);
    assert_int_equal(sbx_path_root_bytes("/x"), 0);
    assert_int_equal(sbx_path_root_bytes("//server/share/x"), 0);
    assert_int_equal(sbx_path_root_bytes("\\\\server\\share"), 0);
    assert_int_equal(sbx_path_root_bytes("1:/x"), 0);
    assert_int_equal(sbx_path_root_bytes(""), 0);
}

static void cleaning(void **state)
{
    static const struct {
        const char *base, *path, *expected;
    } cases[] = {
        {NULL, "C:/", "C:/"},
        {NULL, "C:/a//b/./c/..", "C:/a/b"},
        {NULL, "C:/../..", "C:/"},
        {NULL, "C:/a/../../b", "C:/b"},
        {"D:/base", "x/../y", "D:/base/y"},
        {"D:/base", "../../..", "D:/"},
        {"D:/", "x", "D:/x"},
        {"D:/base", "C:/x", "C:/x"},
        {NULL, "/x", NULL},
        {NULL, "C:x", NULL},
        {"/x", "y", NULL},
        {NULL, "//server/share/x", NULL},
    };
    sbx_text out = {0};
    sbx_error err;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_status st = sbx_path_clean(&out, cases[i].base, cases[i].path, &err);

        assert_int_equal(st == SBX_OK, cases[i].expected != NULL);
        if (st == SBX_OK)
            assert_string_equal(sbx_text_string(&out), cases[i].expected);
    }
    sbx_text_done(&out);
}

static void within(void **state)
{
    (void)state;
    assert_true(sbx_path_is_within("C:/Work/x", "c:/work"));
    assert_true(sbx_path_is_within("C:/work", "C:/WORK"));
    assert_false(sbx_path_is_within("C:/workshop", "C:/work"));
    assert_true(sbx_path_is_within("C:/x", "C:/"));
    assert_false(sbx_path_is_within("D:/x", "C:/"));
    assert_true(sbx_path_is_within("C:/\xc3\x84/x", "C:/\xc3\xa4")); /* Ä, ä */
    assert_false(sbx_path_is_within("C:/", "C:/work"));
    assert_true(sbx_path_is_same("C:/.GIT", "C:/.git"));
    assert_false(sbx_path_is_same("C:/.git", "C:/.gi"));
}

/* Also half a surrogate pair, which a file name may hold. */
static void text_there_and_back(void **state)
{
    static const wchar_t *const names[] = {L"",
                                           L"a",
                                           L"\x00e4\x4e2d",
                                           L"\xd83d\xde00 smile",
                                           L"half \xd800 pair",
                                           L"\xdc00\xd800",
                                           L"\xffff"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        sbx_text text = {0};
        wchar_t *back;

        sbx_text_add_wide(&text, names[i], wcslen(names[i]));
        back = sbx_wide(sbx_text_string(&text));
        assert_non_null(back);
        assert_int_equal(wcscmp(back, names[i]), 0);
        free(back);
        sbx_text_done(&text);
    }
    assert_null(sbx_wide("\xff"));
    assert_null(sbx_wide("\xed\xa0"));
    assert_null(sbx_wide("a\xc0\x80"));
}

static void system_paths(void **state)
{
    sbx_text text = {0};
    wchar_t *wide = sbx_wide_path("C:/a/b");

    (void)state;
    assert_int_equal(wcscmp(wide, L"\\\\?\\C:\\a\\b"), 0);
    free(wide);
    wide = sbx_wide_path("a/b");
    assert_int_equal(wcscmp(wide, L"a\\b"), 0);
    free(wide);
    sbx_text_add_wide_path(&text, L"\\\\?\\c:\\a\\b", 10);
    assert_string_equal(sbx_text_string(&text), "C:/a/b");
    sbx_text_clear(&text);
    sbx_text_add_wide_path(&text, L"\\\\?\\UNC\\server\\x", 16);
    assert_string_equal(sbx_text_string(&text), "//server/x");
    sbx_text_done(&text);
}

static void variables(void **state)
{
    (void)state;
    SetEnvironmentVariableW(L"SBX_TEST_\x00e4", L"\x4e2d"); /* before the list is made */
    assert_non_null(sbx_windows_variable("systemroot"));
    assert_null(sbx_windows_variable("SBX_TEST_NOT_THERE"));
    assert_string_equal(sbx_windows_variable("SBX_TEST_\xc3\xa4"), "\xe4\xb8\xad");
    assert_true(sbx_variable_is_named("Path=x", "PATH", 4));
    assert_false(sbx_variable_is_named("Paths=x", "PATH", 4));
}

static void system_words(void **state)
{
    (void)state;
    assert_non_null(strstr(sbx_os_text(SBX_OS_WIN32, ERROR_ACCESS_DENIED), "(5)"));
    assert_null(strchr(sbx_os_text(SBX_OS_WIN32, ERROR_ACCESS_DENIED), '\n'));
    assert_non_null(strstr(sbx_os_text(SBX_OS_WIN32, 123456), "123456"));
}

static void the_caller(void **state)
{
    char user[SBX_SID_TEXT_BYTES];
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_security_user(user, &err), SBX_OK);
    assert_int_equal(strncmp(user, "S-1-5-", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots),        cmocka_unit_test(cleaning),
        cmocka_unit_test(within),       cmocka_unit_test(text_there_and_back),
        cmocka_unit_test(system_paths), cmocka_unit_test(variables),
        cmocka_unit_test(system_words), cmocka_unit_test(the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
