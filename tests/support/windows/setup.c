/* See setup.h. */
#include "tests/support/windows/setup.h"

#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/setup/windows/as_user.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"

const char *setup_program(void)
{
    static char path[1024];
    const char *named = getenv("SBX_SETUP_BIN");

    if (named == NULL)
        sbx_test_skip_file("SBX_SETUP_BIN names no sbx-setup.exe");
    (void)snprintf(path, sizeof(path), "%s%s", named[0] == '/' ? "Z:" : "", named);
    for (char *at = path; *at != '\0'; at++)
        if (*at == '/')
            *at = '\\';
    return path;
}

void setup_do(DWORD code, const char *says, const char *const *words)
{
    const char *argv[8] = {setup_program()};
    program_run done = {0};

    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = words[i];
    program_do(&done, argv, NULL, 0);
    if (done.code != code || (strstr(done.out, says) == NULL && strstr(done.err, says) == NULL))
        fail_msg("sbx-setup %s: code %lu and not %lu, without \"%s\": %s%s",
                 words[0] == NULL ? "" : words[0], done.code, code, says, done.out, done.err);
    program_done(&done);
}

const char *setup_place(sbx_setup_folder which, const char *below)
{
    static char path[16][1024];
    static unsigned next;
    char *out = path[next++ % 16];
    sbx_text text = {0};

    assert_int_equal(sbx_setup_folder_find(&text, which, NULL), SBX_OK);
    (void)snprintf(out, sizeof(path[0]), "%s%s", sbx_text_string(&text), below);
    sbx_text_done(&text);
    return out;
}

bool setup_exists(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD attributes = GetFileAttributesW(wide);

    free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES;
}

void setup_copy(const char *from, const char *to)
{
    wchar_t *one = sbx_wide_path(from), *other = sbx_wide_path(to);

    assert_true(CopyFileW(one, other, FALSE));
    free(one);
    free(other);
}

const sbx_setup_item *setup_item(sbx_setup_kind kind, const char *name)
{
    size_t count;
    const sbx_setup_item *plan = sbx_setup_plan(&count);

    for (size_t i = 0; i < count; i++)
        if (plan[i].kind == kind && strcmp(plan[i].name, name) == 0)
            return &plan[i];
    fail_msg("%s is not in the plan", name);
    return NULL;
}

sbx_setup_found setup_found(const sbx_setup_item *item)
{
    sbx_setup_found found = SBX_SETUP_UNKNOWN;

    assert_int_equal(sbx_setup_os_real.find(&found, item), 0);
    return found;
}

/* What an install of a machine's user would be in the way of. */
static bool is_set_up(void)
{
    return setup_exists(setup_place(SBX_SETUP_FOLDER_MACHINE, "/setup.json"));
}

void setup_check_nothing_left(void)
{
    assert_false(setup_exists(setup_place(SBX_SETUP_FOLDER_MACHINE, "")));
    assert_false(setup_exists(setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets")));
    assert_int_equal(setup_found(setup_item(SBX_SETUP_HIDDEN, SBX_SETUP_OFFLINE)),
                     SBX_SETUP_ABSENT);
    assert_int_equal(setup_found(setup_item(SBX_SETUP_HIDDEN, SBX_SETUP_ONLINE)), SBX_SETUP_ABSENT);
}

void setup_needs_elevation(void **state)
{
    (void)state;
    if (program_is_wine()) { /* whose prefix is the tests' own */
        if (!sbx_as_user_is_elevated())
            fail_msg("%s", "Wine's user is no administrator");
        /* What a killed test left. */
        (void)sbx_target_os_real.remove_tree(setup_place(SBX_SETUP_FOLDER_MACHINE, ""));
        (void)sbx_target_os_real.remove_tree(setup_place(SBX_SETUP_FOLDER_LOCAL, "/secrets"));
        setup_check_nothing_left();
    } else if (!sbx_as_user_is_elevated() || is_set_up()) {
        skip(); /* a plain user; or somebody's setup, that is not ours to touch */
    }
}
