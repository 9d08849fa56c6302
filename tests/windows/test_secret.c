/* The sandbox users' passwords: DPAPI and a private file, there and back, and whatever was done to them meanwhile. */
/* ctest: serial */
#include "tests/support/test.h"

#include "harness/setup/windows/secret.h"
#include "tests/support/windows/program.h"
#include "tests/support/windows/setup.h"

static void passwords_are_of_all_kinds(void **state)
{
    char one[SBX_SECRET_BYTES], other[SBX_SECRET_BYTES];

    (void)state;
    assert_int_equal(sbx_secret_make(one, NULL), SBX_OK);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(sbx_secret_make(other, NULL), SBX_OK);
        assert_string_not_equal(one, other);
        assert_int_equal(strlen(other), SBX_SECRET_BYTES - 1);
        assert_non_null(strpbrk(other, "0123456789"));
        assert_non_null(strpbrk(other, "-_"));
        assert_non_null(strpbrk(other, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        assert_non_null(strpbrk(other, "abcdefghijklmnopqrstuvwxyz"));
    }
    sbx_secret_wipe(other, sizeof(other));
    for (size_t i = 0; i < sizeof(other); i++)
        assert_int_equal(other[i], 0);
}

static void change_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    int c;

    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    c = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    fputc(c == '0' ? '1' : '0', file);
    fclose(file);
}

static bool holds_text(const char *path, const char *text)
{
    char *all = NULL;
    bool found;

    assert_int_equal(sbx_setup_file_read(&all, path, NULL), SBX_OK);
    found = strstr(all, text) != NULL;
    free(all);
    return found;
}

static void a_secret_comes_back(void **state)
{
    char password[SBX_SECRET_BYTES], found[SBX_SECRET_BYTES];
    const char *file = setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets/SbxTestOne.secret");
    const char *second = setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets/SbxTestTwo.secret");
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_NOT_FOUND);
    assert_int_equal(sbx_secret_make(password, NULL), SBX_OK);
    assert_int_equal(sbx_secret_save("SbxTestOne", "another", NULL), SBX_OK);
    assert_int_equal(sbx_secret_save("SbxTestOne", password, NULL), SBX_OK); /* over it */
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_OK);
    assert_string_equal(found, password);
    assert_false(holds_text(file, password));
    /* Of one user, under the name of another. */
    setup_copy(file, second);
    assert_int_equal(sbx_secret_load(found, "SbxTestTwo", &err), SBX_REFUSED);
    assert_string_equal(found, "");
    assert_int_equal(
        sbx_secret_save("SbxTestOne", "0123456789012345678901234567890123456789x", &err),
        SBX_INVALID);
    assert_int_equal(sbx_secret_load(found, "../x", &err), SBX_INVALID);
    assert_int_equal(sbx_secret_remove("SbxTestTwo", NULL), SBX_OK);
    assert_true(setup_exists(setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets")));
    assert_int_equal(sbx_secret_remove("SbxTestOne", NULL), SBX_OK);
    assert_int_equal(sbx_secret_remove("SbxTestOne", NULL), SBX_OK); /* is gone */
    assert_false(setup_exists(setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets")));
}

static void a_secret_that_was_changed_or_opened(void **state)
{
    char found[SBX_SECRET_BYTES];
    const char *file = setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets/SbxTestOne.secret");
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_secret_save("SbxTestOne", "Aa1-", NULL), SBX_OK);
    change_byte(file, 0); /* its heading */
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_CORRUPT);
    assert_int_equal(sbx_secret_save("SbxTestOne", "Aa1-", NULL), SBX_OK);
    change_byte(file, -10); /* what is encrypted */
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_REFUSED);
    assert_int_equal(sbx_secret_save("SbxTestOne", "Aa1-", NULL), SBX_OK);
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_OK);
    program_set_access(file, GRANT_ACCESS, GENERIC_READ);
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "others may read"));
    assert_int_equal(err.step, SBX_STEP_IDENTITY);
    assert_int_equal(sbx_secret_save("SbxTestOne", "Aa1-", NULL), SBX_OK); /* a new file */
    assert_int_equal(sbx_secret_load(found, "SbxTestOne", &err), SBX_OK);
    assert_int_equal(sbx_secret_remove("SbxTestOne", NULL), SBX_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_of_all_kinds),
        cmocka_unit_test(a_secret_comes_back),
        cmocka_unit_test(a_secret_that_was_changed_or_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
