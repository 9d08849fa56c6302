/* More ways to change a file, tried on one beside the writable root: by descriptors, mappings, and the kernel's copying. */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *victim(const sbx_test_place *place)
{
    return sbx_test_path(place->outside, "victim");
}

static const char *inner(const sbx_test_place *place)
{
    return sbx_test_path(place->root, "inner");
}

/* outside/victim with an attribute and old times, root/inner with other contents. */
static void prepare(const sbx_test_place *place)
{
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    sbx_test_remove_tree(place->outside);
    sbx_test_remove_tree(place->root);
    sbx_test_mkdir(place->outside);
    sbx_test_mkdir(place->root);
    sbx_test_write(victim(place), "original");
    sbx_test_write(inner(place), "evil");
    (void)setxattr(victim(place), "user.kept", "x", 1, 0); /* where there are such */
    assert_int_equal(utimensat(AT_FDCWD, victim(place), old, 0), 0);
}

static void check_untouched(const sbx_test_place *place, bool had_attribute)
{
    struct stat info;
    char value[8];

    assert_true(sbx_test_holds(victim(place), "original"));
    assert_int_equal(stat(victim(place), &info), 0);
    assert_int_equal(info.st_size, 8);
    assert_int_equal(info.st_mtim.tv_sec, 1000000000);
    assert_int_equal(info.st_uid, getuid());
    assert_true(getxattr(victim(place), "user.sbx", value, sizeof(value)) < 0);
    assert_int_equal(getxattr(victim(place), "user.kept", value, sizeof(value)) == 1,
                     had_attribute);
    assert_false(sbx_test_exists(sbx_test_path(place->outside, "new")));
}

typedef struct way {
    unsigned flags;
    const char *op; /* NULL: by a descriptor that was opened to be read, which is not watched */
    const char *const *words;
} way;

static bool has_attributes(const sbx_test_place *place)
{
    char value[8];

    prepare(place);
    return getxattr(victim(place), "user.kept", value, sizeof(value)) == 1;
}

static void try_all(const sbx_test_place *place, const way *ways, size_t count)
{
    bool had_attribute = has_attributes(place);
    /* The last one without the wall that root has besides: the uid. */
    const char *const *const options[] = {NULL, SBX_LIST("--no-watch"),
                                          SBX_LIST("--identity", "self")};

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++) {
            const char *op = k == 1 ? NULL : ways[i].op;
            sbx_test_escape escape = {.attempt = ways[i].words,
                                      .options = options[k],
                                      .flags = ways[i].flags,
                                      .prepare = prepare,
                                      .record_op = op,
                                      .record_target = op != NULL ? "outside/" : NULL};

            sbx_test_try_escape(place, &escape);
            check_untouched(place, had_attribute);
        }
}

static void test_by_descriptor(void **state)
{
    const sbx_test_place *place = *state;
    const char *const path = victim(place);
    const way ways[] = {
        {0, "write", SBX_LIST("fallocate", path)},
        {SBX_ESCAPE_MAY_LACK, "write", SBX_LIST("punch-hole", path)},
        {0, "write", SBX_LIST("ftruncate", path)},
        {0, "write", SBX_LIST("pwritev2", path)},
        {0, "write", SBX_LIST("map-write", path)},
        {SBX_ESCAPE_INSIDE_ONLY, NULL, SBX_LIST("map-upgrade", path)},
        {SBX_ESCAPE_MAY_LACK, NULL, SBX_LIST("fsetxattr", path)},
        {SBX_ESCAPE_MAY_LACK, "setxattr", SBX_LIST("lsetxattr", path)},
        {SBX_ESCAPE_MAY_LACK, "setxattr", SBX_LIST("removexattr", path)},
        {0, NULL, SBX_LIST("fchown", path)},
        {0, NULL, SBX_LIST("futimens", path)},
        {SBX_ESCAPE_MAY_LACK, NULL, SBX_LIST("set-flags", path)},
    };

    try_all(place, ways, sizeof(ways) / sizeof(ways[0]));
}

static void test_by_copying(void **state)
{
    const sbx_test_place *place = *state;
    const char *const from = inner(place), *const to = victim(place);
    const way ways[] = {
        {0, "write", SBX_LIST("copy-range", from, to)},
        {0, "write", SBX_LIST("sendfile", from, to)},
        {0, "write", SBX_LIST("splice", from, to)},
        {SBX_ESCAPE_MAY_LACK, "write", SBX_LIST("clone-file", from, to)},
        {SBX_ESCAPE_MAY_LACK, "link",
         SBX_LIST("link-unnamed", place->root, sbx_test_path(place->outside, "new"))},
    };

    try_all(place, ways, sizeof(ways) / sizeof(ways[0]));
}

/* As a stream that was opened to be read: none of that changes a byte, by the descriptor or by its name. */
static void test_of_the_input(void **state)
{
    const sbx_test_place *place = *state;
    const char *const *const options[] = {NULL, SBX_LIST("--identity", "self"),
                                          SBX_LIST("--identity", "self", "--no-watch")};

    for (size_t i = 0; i < 3; i++) {
        sbx_test_escape escape = {.attempt = SBX_LIST("change-input"), .options = options[i]};
        sbx_test_outcome outcome;
        int fd;

        prepare(place);
        fd = open(victim(place), O_RDONLY | O_CLOEXEC);
        escape.stdin_fd = fd;
        sbx_test_try_escape(place, &escape); /* the control has changed it */
        close(fd);
        prepare(place);
        fd = open(victim(place), O_RDONLY | O_CLOEXEC);
        sbx_test_run(&outcome, place,
                     &(sbx_test_request){.options = options[i] != NULL ? options[i] : SBX_NO_LIST,
                                         .command = SBX_LIST(place->probe, "change-input"),
                                         .stdio = {fd, 0, 0}});
        assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
        assert_true(sbx_test_holds(victim(place), "original"));
        sbx_test_outcome_done(&outcome);
        close(fd);
    }
}

/* The walls must not take what was given. */
static void test_in_the_root_all_works(void **state)
{
    const sbx_test_place *place = *state;
    const char *const file = inner(place), *const other = sbx_test_path(place->root, "other");
    const char *const *const attempts[] = {
        SBX_LIST("fallocate", file),
        SBX_LIST("ftruncate", file),
        SBX_LIST("pwritev2", file),
        SBX_LIST("map-write", file),
        SBX_LIST("fchown", file),
        SBX_LIST("futimens", file),
        SBX_LIST("copy-range", file, other),
        SBX_LIST("sendfile", file, other),
        SBX_LIST("splice", file, other),
    };

    prepare(place);
    sbx_test_write(other, "text");
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int code = sbx_test_probe_inside(place, NULL, attempts[i]);

        if (code != SBX_PROBE_DID)
            fail_msg("%s in the writable root: %d", attempts[i][0], code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_by_descriptor),
        sbx_unit_test(test_by_copying),
        sbx_unit_test(test_of_the_input),
        sbx_unit_test(test_in_the_root_all_works),
    };

    return cmocka_run_group_tests_name("escape: change", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
