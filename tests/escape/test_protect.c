/* Protected names in a writable root: what is there stays as it is, what is not cannot be made. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *in_root(const sbx_test_place *place, const char *name)
{
    return sbx_test_path(place->root, name);
}

/* Each of them, and then the check. attempts: NULL-terminated. */
static void try_all(const sbx_test_place *place, sbx_test_escape escape,
                    const char *const *const *attempts, void (*check)(const sbx_test_place *))
{
    for (; *attempts != NULL; attempts++) {
        escape.attempt = *attempts;
        sbx_test_try_escape(place, &escape);
        check(place);
    }
}

static void prepare_empty(const sbx_test_place *place)
{
    sbx_test_remove_tree(place->root);
    sbx_test_mkdir(place->root);
    sbx_test_mkdir(in_root(place, "directory"));
    sbx_test_write(in_root(place, "file"), "evil");
}

static void prepare_repository(const sbx_test_place *place)
{
    prepare_empty(place);
    sbx_test_mkdir(in_root(place, ".git"));
    sbx_test_mkdir(in_root(place, ".git/hooks"));
    sbx_test_mkdir(in_root(place, ".git/empty"));
    sbx_test_write(in_root(place, ".git/config"), "original");
}

static void check_repository(const sbx_test_place *place)
{
    struct stat info;

    assert_true(sbx_test_holds(in_root(place, ".git/config"), "original"));
    assert_int_equal(stat(in_root(place, ".git"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0755);
    assert_false(sbx_test_exists(in_root(place, ".git/hooks/pre-commit")));
    assert_true(sbx_test_exists(in_root(place, ".git/empty")));
}

#define ATTEMPT(prepare_function, check_function, op, target, ...)                                 \
    do {                                                                                           \
        sbx_test_escape escape_ = {.attempt = SBX_LIST(__VA_ARGS__),                               \
                                   .prepare = (prepare_function),                                  \
                                   .record_op = (op),                                              \
                                   .record_target = (target)};                                     \
        sbx_test_try_escape(place, &escape_);                                                      \
        check_function(place);                                                                     \
    } while (0)

#define ON_REPOSITORY(op, target, ...)                                                             \
    ATTEMPT(prepare_repository, check_repository, op, target, __VA_ARGS__)

static void test_directory_contents(void **state)
{
    const sbx_test_place *place = *state;

    ON_REPOSITORY("write", ".git/config", "write-file", in_root(place, ".git/config"));
    ON_REPOSITORY("create", ".git/hooks/pre-commit", "create-file",
                  in_root(place, ".git/hooks/pre-commit"));
    ON_REPOSITORY("remove", ".git/config", "unlink", in_root(place, ".git/config"));
    ON_REPOSITORY("remove", ".git/empty", "rmdir", in_root(place, ".git/empty"));
    ON_REPOSITORY("rename", ".git/config", "rename", in_root(place, ".git/config"),
                  in_root(place, "stolen"));
    ON_REPOSITORY("rename", ".git", "rename", in_root(place, "file"),
                  in_root(place, ".git/hooks/pre-commit"));
    ON_REPOSITORY("link", ".git", "link", in_root(place, ".git/config"), in_root(place, "alias"));
    ON_REPOSITORY("link", ".git", "link", in_root(place, "file"),
                  in_root(place, ".git/hooks/pre-commit"));
    ON_REPOSITORY(NULL, NULL, "via-symlink", in_root(place, "alias"), ".git/config");
    ON_REPOSITORY(NULL, NULL, "write-proc-fd", in_root(place, ".git/config"));
    ON_REPOSITORY("write", "config", "write-at", in_root(place, ".git/config"));
}

static void test_directory_itself(void **state)
{
    const sbx_test_place *place = *state;

    ON_REPOSITORY("rename", ".git", "rename", in_root(place, ".git"), in_root(place, "away"));
    ON_REPOSITORY("rename", ".git", "exchange", in_root(place, ".git"),
                  in_root(place, "directory"));
    ON_REPOSITORY("chmod", ".git", "chmod", in_root(place, ".git"));
}

/* A work tree's .git is a file that names the real directory. */
static void prepare_file(const sbx_test_place *place)
{
    prepare_empty(place);
    sbx_test_write(in_root(place, ".git"), "gitdir: /original");
}

static void check_file(const sbx_test_place *place)
{
    assert_true(sbx_test_holds(in_root(place, ".git"), "gitdir: /original"));
}

static void test_file(void **state)
{
    const sbx_test_place *place = *state;

    ATTEMPT(prepare_file, check_file, "write", ".git", "write-file", in_root(place, ".git"));
    ATTEMPT(prepare_file, check_file, "remove", ".git", "unlink", in_root(place, ".git"));
    ATTEMPT(prepare_file, check_file, "write", ".git", "truncate", in_root(place, ".git"));
    ATTEMPT(prepare_file, check_file, "rename", ".git", "rename", in_root(place, "file"),
            in_root(place, ".git"));
    ATTEMPT(prepare_file, check_file, "rename", ".git", "rename", in_root(place, ".git"),
            in_root(place, "away"));
}

/* A symlink named .git could be replaced by a command, whatever is done to what it points to:
 * refused. */
static void test_symlink(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    prepare_empty(place);
    sbx_test_mkdir(in_root(place, "store"));
    assert_int_equal(symlink("store", in_root(place, ".git")), 0);
    sbx_test_exec(&outcome, place, SBX_NO_LIST,
                  SBX_LIST(place->probe, "create-file", in_root(place, ".git/config")));
    assert_int_equal(outcome.exit_code, 125);
    assert_non_null(strstr(outcome.err, "symbolic link"));
    assert_false(sbx_test_exists(in_root(place, "store/config")));
    sbx_test_outcome_done(&outcome);
}

static const char *const names[] = {".git", ".codex", ".agents"};

static void check_absent(const sbx_test_place *place)
{
    for (size_t i = 0; i < 3; i++)
        if (sbx_test_exists(in_root(place, names[i])))
            fail_msg("%s was made, or left behind", names[i]);
}

static void test_absent_names(void **state)
{
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < 3; i++) {
        const char *name = in_root(place, names[i]);

        ATTEMPT(prepare_empty, check_absent, NULL, NULL, "mkdir", name);
        ATTEMPT(prepare_empty, check_absent, NULL, NULL, "create-file", name);
        ATTEMPT(prepare_empty, check_absent, NULL, NULL, "symlink", "directory", name);
        ATTEMPT(prepare_empty, check_absent, NULL, NULL, "link", in_root(place, "file"), name);
        ATTEMPT(prepare_empty, check_absent, NULL, NULL, "rename", in_root(place, "directory"),
                name);
        name = in_root(place, names[i]);
        ATTEMPT(prepare_empty, check_absent, NULL, NULL, "rename", in_root(place, "file"), name);
    }
}

/* Whatever stands in for an absent name takes no contents either, and can't be moved away. */
static void test_stand_in(void **state)
{
    const sbx_test_place *place = *state;

    prepare_empty(place);
    assert_int_not_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("create-file", in_root(place, ".git/config"))),
        SBX_PROBE_DID);
    check_absent(place);
    assert_int_not_equal(
        sbx_test_probe_inside(place, NULL,
                              SBX_LIST("rename", in_root(place, ".git"), in_root(place, "away"))),
        SBX_PROBE_DID);
    assert_int_not_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("rmdir", in_root(place, ".git"))),
        SBX_PROBE_DID);
    check_absent(place);
    assert_false(sbx_test_exists(in_root(place, "away")));
}

/* A protected path deeper down can't be got rid of by moving a directory above it. */
static void prepare_deep(const sbx_test_place *place)
{
    prepare_empty(place);
    sbx_test_mkdir(in_root(place, "a"));
    sbx_test_mkdir(in_root(place, "a/b"));
    sbx_test_mkdir(in_root(place, "a/b/kept"));
    sbx_test_write(in_root(place, "a/b/kept/file"), "original");
}

static void check_deep(const sbx_test_place *place)
{
    assert_true(sbx_test_holds(in_root(place, "a/b/kept/file"), "original"));
}

static void test_parents_stay(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.prepare = prepare_deep,
                              .options = SBX_LIST("--protect", in_root(place, "a/b/kept"))};
    const char *const *const attempts[] = {
        SBX_LIST("write-file", in_root(place, "a/b/kept/file")),
        SBX_LIST("rename", in_root(place, "a/b"), in_root(place, "away")),
        SBX_LIST("rename", in_root(place, "a"), in_root(place, "away")),
        NULL,
    };

    try_all(place, escape, attempts, check_deep);
    prepare_deep(place);
    assert_int_equal(sbx_test_probe_inside(place, SBX_LIST("--protect", in_root(place, "a/b/kept")),
                                           SBX_LIST("create-file", in_root(place, "a/b/fine"))),
                     SBX_PROBE_DID);
}

/* Nor by putting another one in its place, or a link to somewhere else. */
static void prepare_deep_twice(const sbx_test_place *place)
{
    prepare_deep(place);
    sbx_test_mkdir(in_root(place, "other"));
    sbx_test_mkdir(in_root(place, "other/b"));
    sbx_test_mkdir(in_root(place, "other/b/kept"));
}

static void test_parents_are_not_exchanged(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.prepare = prepare_deep_twice,
                              .options = SBX_LIST("--protect", in_root(place, "a/b/kept"))};
    const char *const *const attempts[] = {
        SBX_LIST("exchange", in_root(place, "a"), in_root(place, "other")),
        SBX_LIST("exchange", in_root(place, "other"), in_root(place, "a")),
        SBX_LIST("exchange", in_root(place, "a/b"), in_root(place, "other/b")),
        SBX_LIST("exchange", in_root(place, "a/b/kept"), in_root(place, "other/b/kept")),
        SBX_LIST("rename", in_root(place, "a"), in_root(place, "other/a")),
        SBX_LIST("rename", in_root(place, "a/b/kept"), in_root(place, "other/b/away")),
        NULL,
    };

    try_all(place, escape, attempts, check_deep);
}

/* A root's name, protected, below a directory of the root's: asked for by its whole path, it holds like one above. */
static void prepare_nested(const sbx_test_place *place)
{
    prepare_repository(place);
    sbx_test_mkdir(in_root(place, "sub"));
    sbx_test_mkdir(in_root(place, "sub/.git"));
    sbx_test_write(in_root(place, "sub/.git/config"), "original");
}

static void check_nested(const sbx_test_place *place)
{
    assert_true(sbx_test_holds(in_root(place, "sub/.git/config"), "original"));
    assert_false(sbx_test_exists(in_root(place, "sub/.git/new")));
    assert_false(sbx_test_exists(in_root(place, "away")));
    check_repository(place);
}

static void test_nested_names(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.prepare = prepare_nested,
                              .options = SBX_LIST("--protect", in_root(place, "sub/.git"))};
    const char *const *const attempts[] = {
        SBX_LIST("write-file", in_root(place, "sub/.git/config")),
        SBX_LIST("create-file", in_root(place, "sub/.git/new")),
        SBX_LIST("rename", in_root(place, "sub"), in_root(place, "away")),
        SBX_LIST("exchange", in_root(place, "sub"), in_root(place, "directory")),
        SBX_LIST("rename", in_root(place, "sub/.git"), in_root(place, "away")),
        SBX_LIST("link", in_root(place, "sub/.git/config"), in_root(place, "away")),
        SBX_LIST("exchange", in_root(place, "sub/.git"), in_root(place, "directory")),
        NULL,
    };

    try_all(place, escape, attempts, check_nested);
}

/* Where the name does not exist yet, moving what it would lie in does not make it. */
static void test_absent_deep_names(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *options = SBX_LIST("--protect", in_root(place, "directory/later"));
    const char *const *const attempts[] = {
        SBX_LIST("mkdir", in_root(place, "directory/later")),
        SBX_LIST("create-file", in_root(place, "directory/later/x")),
        SBX_LIST("rename", in_root(place, "directory"), in_root(place, "away")),
        SBX_LIST("exchange", in_root(place, "directory"), in_root(place, "other")),
    };

    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        prepare_empty(place);
        sbx_test_mkdir(in_root(place, "other"));
        sbx_test_mkdir(in_root(place, "other/later"));
        assert_int_not_equal(sbx_test_probe_inside(place, options, attempts[i]), SBX_PROBE_DID);
        assert_false(sbx_test_exists(in_root(place, "directory/later")));
        assert_false(sbx_test_exists(in_root(place, "away")));
    }
}

/* One file, however it is spelled; and made by any call. */
static void test_spellings(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const spellings[] = {
        ".git/config",
        "./.git/config",
        ".git//config",
        ".git/./config",
        "directory/../.git/config",
        ".git/../.git/config",
        ".git/hooks/../config",
        "/proc/self/cwd/.git/config",
    };
    static const char *const verbs[] = {"write-file", "truncate", "unlink"};

    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
        for (size_t k = 0; k < 3; k++)
            ON_REPOSITORY(NULL, NULL, verbs[k], spellings[i]);
    ON_REPOSITORY(NULL, NULL, "rename", ".git/", "away");
    ON_REPOSITORY(NULL, NULL, "map-write", ".git/config");
    ON_REPOSITORY(NULL, NULL, "fallocate", ".git/config");
    ON_REPOSITORY(NULL, NULL, "copy-range", "file", ".git/config");
    ON_REPOSITORY(NULL, NULL, "futimens", ".git/config");
    ON_REPOSITORY(NULL, NULL, "link-unnamed", ".", ".git/hooks/pre-commit");
}

/* Names that are others to the file system stay free, and are no way in. */
static void test_names_like_it(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const likes[] = {".GIT", ".git ", ".gitx", "git", ".git.", "..git"};

    for (size_t i = 0; i < sizeof(likes) / sizeof(likes[0]); i++) {
        prepare_repository(place);
        assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("mkdir", likes[i])),
                         SBX_PROBE_DID);
        assert_true(sbx_test_exists(in_root(place, likes[i])));
        check_repository(place);
    }
}

static void test_unprotect_gives_it_back(void **state)
{
    const sbx_test_place *place = *state;

    prepare_repository(place);
    assert_int_equal(sbx_test_probe_inside(place, SBX_LIST("--unprotect", ".git"),
                                           SBX_LIST("write-file", in_root(place, ".git/config"))),
                     SBX_PROBE_DID);
    assert_false(sbx_test_holds(in_root(place, ".git/config"), "original"));
    assert_int_not_equal(sbx_test_probe_inside(place, SBX_LIST("--unprotect", ".git"),
                                               SBX_LIST("mkdir", in_root(place, ".codex"))),
                         SBX_PROBE_DID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_directory_contents),
        sbx_unit_test(test_directory_itself),
        sbx_unit_test(test_file),
        sbx_unit_test(test_symlink),
        sbx_unit_test(test_absent_names),
        sbx_unit_test(test_stand_in),
        sbx_unit_test(test_parents_stay),
        sbx_unit_test(test_parents_are_not_exchanged),
        sbx_unit_test(test_nested_names),
        sbx_unit_test(test_absent_deep_names),
        sbx_unit_test(test_spellings),
        sbx_unit_test(test_names_like_it),
        sbx_unit_test(test_unprotect_gives_it_back),
    };

    return cmocka_run_group_tests_name("escape: protect", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
