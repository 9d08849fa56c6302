/* What the watch looks up in a job's view: whether a name is there, and whether a change of it is refused by a wall. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/sources/linux/place.h"
#include "tests/support/place.h"
#include "tests/support/test.h"

static sbx_test_place place;

static int make_place(void **state)
{
    (void)state;
    sbx_test_place_make(&place);
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    sbx_test_place_remove(&place);
    return 0;
}

static sbx_judge judge_here(const sbx_place *places, size_t count)
{
    sbx_judge judge = {.view_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                       .has_mounts = true,
                       .places = places,
                       .place_count = count};

    assert_true(judge.view_fd >= 0);
    return judge;
}

static void link_to(const char *name, const char *target)
{
    assert_int_equal(symlink(target, sbx_test_path(place.root, name)), 0);
}

/* "No" only where nobody could find anything: what is seen from /proc/self is not the same for the job. */
static void test_exists(void **state)
{
    static const char *const there[] = {"file", "dangling", "to-self", "to-self/none",
                                        "into-self/x"};
    static const char *const not_there[] = {"none",           "none/deeper/still", "file/x",
                                            "directory/none", "to-directory/none", "none/../file",
                                            "//none//x/"};
    static const char *const systems[] = {"/proc/none", "/proc/self/none", "/proc/none/x/y",
                                          "/proc/self/exe"};
    sbx_judge judge = judge_here(NULL, 0);

    (void)state;
    sbx_test_write(sbx_test_path(place.root, "file"), "");
    sbx_test_mkdir(sbx_test_path(place.root, "directory"));
    link_to("dangling", "nowhere/at/all");
    link_to("to-directory", "directory");
    link_to("to-self", "/proc/self");
    link_to("into-self", "/proc/self/none");
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        if (!sbx_judge_exists(&judge, sbx_test_path(place.root, there[i])))
            fail_msg("not there: %s", there[i]);
    for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
        if (sbx_judge_exists(&judge, sbx_test_path(place.root, not_there[i])))
            fail_msg("there: %s", not_there[i]);
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
        if (!sbx_judge_exists(&judge, systems[i]))
            fail_msg("not there: %s", systems[i]);
    assert_true(sbx_judge_exists(&judge, "/"));
    assert_false(sbx_judge_exists(&judge, "/dev/none-of-that-name")); /* often another mount */
    assert_false(sbx_judge_exists(&judge, "/none-of-that-name/x"));
    close(judge.view_fd);
}

static bool is_denied(const sbx_judge *judge, sbx_watch_kind kind, const char *path, bool is_new)
{
    sbx_attempt attempt = {.kind = kind, .path = path, .flags = O_WRONLY, .is_new_name = is_new};
    sbx_ruling ruling;

    sbx_judge_attempt(&ruling, judge, &attempt);
    return ruling.is_denied;
}

/* Where mounts are the wall and nothing is mounted, only the names of places are refused: those, and no others. */
static void test_names_of_places(void **state)
{
    const char *protected = sbx_test_path(place.root, ".git");
    const char *elsewhere = sbx_test_path(place.outside, ".git");
    const char *directory = sbx_test_path(place.root, "sub");
    const sbx_place places[] = {
        {SBX_PLACE_WRITABLE, place.root, "writable root"},
        {SBX_PLACE_PROTECTED, protected, "protected"},
    };
    sbx_judge judge = judge_here(places, 2);

    (void)state;
    sbx_test_mkdir(protected);
    sbx_test_mkdir(elsewhere);
    sbx_test_mkdir(directory);
    sbx_test_mkdir(sbx_test_path(directory, ".git"));
    link_to("also-root", ".");
    assert_true(is_denied(&judge, SBX_WATCH_ENTRY, protected, false));
    assert_true(is_denied(&judge, SBX_WATCH_ENTRY, sbx_test_text("%s/", protected), true));
    assert_true(
        is_denied(&judge, SBX_WATCH_ENTRY, sbx_test_path(place.root, "also-root/.git"), false));
    assert_true(is_denied(&judge, SBX_WATCH_ENTRY, sbx_test_path(directory, "../.git"), false));
    assert_false(is_denied(&judge, SBX_WATCH_ENTRY, elsewhere, false));
    assert_false(is_denied(&judge, SBX_WATCH_ENTRY, sbx_test_path(directory, ".git"), false));
    assert_false(is_denied(&judge, SBX_WATCH_ENTRY, sbx_test_path(place.root, ".gi"), true));
    assert_false(is_denied(&judge, SBX_WATCH_ENTRY, sbx_test_path(place.root, ".gitx"), true));
    assert_false(is_denied(&judge, SBX_WATCH_ENTRY, directory, false));
    close(judge.view_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exists),
                                       cmocka_unit_test(test_names_of_places)};

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
