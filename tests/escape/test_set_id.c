/*
 * No set-user-ID or set-group-ID file can be made: in a writable root it would belong to the caller on disk, and
 * run as the caller (as root, where root called) for anybody who starts it later.
 */
#include <sys/stat.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

/* The watch reads the bits from registers; openat2 has them in memory, and is not there. */
static const struct {
    const char *verb;
    const char *op; /* of the row; NULL: none */
} ways[] = {
    {"set-id-chmod", "chmod"},    {"set-id-fchmod", "chmod"}, {"set-id-fchmodat", "chmod"},
    {"set-id-fchmodat2", "chmod"}, {"set-id-open", "write"},   {"set-id-creat", "write"},
    {"set-id-mknod", "create"},   {"set-id-openat2", NULL},   {"set-id-tmpfile", "write"},
};

static void check_nothing_made(const sbx_test_place *place)
{
    struct stat about;

    if (stat(sbx_test_path(place->root, "set-id"), &about) == 0)
        assert_int_equal(about.st_mode & 06000, 0);
}

static void try_all(const sbx_test_place *place, const char *const *options, const char *bit,
                    bool is_recorded)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        sbx_test_escape escape = {
            .attempt = SBX_LIST(ways[i].verb, place->root, bit),
            .options = options,
            .flags = SBX_ESCAPE_MAY_LACK,
            .record_op = is_recorded ? ways[i].op : NULL,
        };

        sbx_test_try_escape(place, &escape);
        check_nothing_made(place);
    }
}

static void test_set_user_id(void **state)
{
    try_all(*state, NULL, "2048", true);
}

static void test_set_group_id(void **state)
{
    try_all(*state, NULL, "1024", true);
}

/* The filter alone. */
static void test_unwatched(void **state)
{
    try_all(*state, SBX_LIST("--no-watch"), "2048", false);
    try_all(*state, SBX_LIST("--no-watch"), "1024", false);
}

static void test_as_the_caller_itself(void **state)
{
    try_all(*state, SBX_LIST("--identity", "self"), "3072", true);
}

/* What is no set-id bit goes through, and a mode that no file gets is not looked at. */
static void test_ordinary_modes(void **state)
{
    const sbx_test_place *place = *state;

    assert_int_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("set-id-chmod", place->root, "512")), 0);
    assert_int_equal(
        sbx_test_probe_inside(place, NULL, SBX_LIST("set-id-mknod", place->root, "512")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_set_user_id),
        sbx_unit_test(test_set_group_id),
        sbx_unit_test(test_unwatched),
        sbx_unit_test(test_as_the_caller_itself),
        sbx_unit_test(test_ordinary_modes),
    };

    return cmocka_run_group_tests_name("escape: set-id", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
