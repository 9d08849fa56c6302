/*
 * What the sandbox users may read of a profile, set and taken away in a played Windows: each call failed once, each lie
 * told once, ended in the middle, and the documented access check for who may then read what.
 */
#include "tests/support/test.h"

#include "harness/policy/policy.h"
#include "harness/policy/windows/lease.h"
#include "harness/setup/windows/grants.h"
#include "tests/support/access.h"
#include "tests/support/played_windows.h"

#define HOME "C:/Users/ann"
#define GROUP "S-1-5-21-1-2-3-1004"

static const char *const children[] = {"Documents", "src",     ".ssh",   ".config", ".cargo",
                                       "AppData",   ".vscode", "linked", "gone",    NULL};
static const sbx_grants_wish wish = {.profile = HOME, .children = children, .group = GROUP};

static const char *const granted[] = {HOME,
                                      HOME "/AppData",
                                      HOME "/AppData/Local",
                                      HOME "/AppData/Local/Programs",
                                      HOME "/Documents",
                                      HOME "/src",
                                      HOME "/.vscode"};
static const char *const closed[] = {HOME "/.ssh", HOME "/.config", HOME "/.cargo", HOME "/linked"};

static struct {
    unsigned saves, fails_at;
    size_t count; /* of the list that was kept last */
    size_t entries_when_first_kept;
} keeper;

static size_t entries(void)
{
    size_t count = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(granted); i++)
        count += played_ace_count(granted[i]);
    for (size_t i = 0; i < SBX_COUNT_OF(closed); i++)
        count += played_ace_count(closed[i]);
    return count;
}

static sbx_status save(const sbx_grants *grants, void *context, sbx_error *err)
{
    (void)context;
    if (++keeper.saves == keeper.fails_at)
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_IDENTITY, "not kept");
    if (keeper.saves == 1)
        keeper.entries_when_first_kept = entries();
    keeper.count = grants->count;
    return SBX_OK;
}

static int begin(void **state)
{
    (void)state;
    memset(&keeper, 0, sizeof(keeper));
    played_reset();
    for (size_t i = 0; i < SBX_COUNT_OF(granted); i++)
        played_add_place(granted[i], true);
    for (size_t i = 0; i < SBX_COUNT_OF(closed); i++)
        played_add_place(closed[i], true);
    played_replace_by_link(HOME "/linked");
    return 0;
}

static void check_granted(void)
{
    for (size_t i = 0; i < SBX_COUNT_OF(granted); i++)
        if (played_ace_count(granted[i]) != 1)
            fail_msg("%s has %zu entries", granted[i], played_ace_count(granted[i]));
    for (size_t i = 0; i < SBX_COUNT_OF(closed); i++)
        assert_int_equal(played_ace_count(closed[i]), 0);
}

static void set_and_revoked(void **state)
{
    sbx_grants grants = {.count = 0};
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err), SBX_OK);
    check_granted();
    assert_int_equal(grants.count, SBX_COUNT_OF(granted));
    assert_int_equal(keeper.entries_when_first_kept, 0); /* the list came first */
    assert_int_equal(keeper.count, SBX_COUNT_OF(granted));
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err), SBX_OK);
    check_granted(); /* once more is nothing more */
    assert_int_equal(grants.count, SBX_COUNT_OF(granted));
    played_move_place(HOME "/src", HOME "/Documents2"); /* found again by what it is */
    assert_int_equal(sbx_grants_revoke(&grants, &played_windows, save, NULL, &err), SBX_OK);
    assert_int_equal(entries() + played_ace_count(HOME "/Documents2"), 0);
    assert_int_equal(grants.count, 0);
    assert_int_equal(keeper.count, 0);
    assert_int_equal(played_left(), 0);
    sbx_grants_done(&grants);
}

static void each_call_fails_once(void **state)
{
    unsigned n = 1;

    (void)state;
    for (;; n++) {
        sbx_grants grants = {.count = 0};
        sbx_error err;
        sbx_status st;

        (void)begin(NULL);
        played.fails_at = n;
        st = sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err);
        assert_true(entries() <= grants.count); /* nothing stands there that is not listed */
        assert_int_equal(keeper.count, grants.count);
        played.fails_at = 0;
        if (st == SBX_OK) {
            sbx_grants_done(&grants);
            break;
        }
        assert_int_equal(err.os_code, PLAYED_FAILURE);
        assert_true(entries() + 1 >= SBX_COUNT_OF(granted)); /* the others are set all the same */
        assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err), SBX_OK);
        check_granted();
        assert_int_equal(sbx_grants_revoke(&grants, &played_windows, save, NULL, &err), SBX_OK);
        assert_int_equal(entries(), 0);
        assert_int_equal(played_left(), 0);
        sbx_grants_done(&grants);
    }
    assert_true(n > 3 * SBX_COUNT_OF(granted));
}

static void each_call_of_a_revoke_fails_once(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        sbx_grants grants = {.count = 0};
        sbx_error err;
        sbx_status st;

        (void)begin(NULL);
        assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err), SBX_OK);
        played.fails_at = played.call_count + n;
        st = sbx_grants_revoke(&grants, &played_windows, save, NULL, &err);
        played.fails_at = 0;
        assert_true(entries() <= grants.count);
        assert_int_equal(grants.count, st == SBX_OK ? 0 : 1);
        assert_int_equal(keeper.count, grants.count);
        assert_int_equal(sbx_grants_revoke(&grants, &played_windows, save, NULL, &err), SBX_OK);
        assert_int_equal(entries(), 0);
        sbx_grants_done(&grants);
        if (st == SBX_OK)
            break;
    }
}

static void a_list_that_is_not_kept_sets_nothing(void **state)
{
    sbx_grants grants = {.count = 0};
    sbx_error err;

    (void)state;
    keeper.fails_at = 1;
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err), SBX_IO);
    assert_string_equal(err.message, "not kept");
    assert_int_equal(entries(), 0);
    sbx_grants_done(&grants);
}

static void lies(void **state)
{
    sbx_grants grants = {.count = 0};
    sbx_error err;

    (void)state;
    played.forgets_aces = true;
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err),
                     SBX_REFUSED);
    assert_non_null(strstr(err.message, "did not read back"));
    played.forgets_aces = false;
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, &err), SBX_OK);
    played.keeps_removed_aces = true;
    assert_int_equal(sbx_grants_revoke(&grants, &played_windows, save, NULL, &err), SBX_IO);
    assert_int_equal(grants.count, SBX_COUNT_OF(granted)); /* all of them are still to be taken */
    sbx_grants_done(&grants);
}

/* Between the list and the entry somebody puts another directory there. */
static sbx_status swap(const sbx_grants *grants, void *context, sbx_error *err)
{
    if (keeper.saves == 0) {
        played_move_place(HOME "/src", HOME "/elsewhere");
        played_add_place(HOME "/src", true);
    }
    return save(grants, context, err);
}

static void a_directory_that_was_put_there_since(void **state)
{
    sbx_grants grants = {.count = 0};
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, swap, NULL, &err), SBX_BUSY);
    assert_int_equal(played_ace_count(HOME "/src"), 0);
    assert_int_equal(played_ace_count(HOME "/elsewhere"), 0);
    assert_int_equal(played_ace_count(HOME "/Documents"), 1);
    sbx_grants_done(&grants);
}

/* --- who may then read what, by the documented access check --- */

enum { BELOW = SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT };
#define OWNER "S-1-5-21-1-2-3-1001"
#define CHANGES                                                                                    \
    (SBX_RIGHT_WRITE_DATA | SBX_RIGHT_APPEND_DATA | SBX_RIGHT_DELETE | SBX_RIGHT_DELETE_CHILD |    \
     SBX_RIGHT_WRITE_DAC | SBX_RIGHT_WRITE_OWNER | SBX_RIGHT_WRITE_ATTRIBUTES |                    \
     SBX_RIGHT_WRITE_EA)

/* As Windows makes a profile; and what the list has for that path. */
static oracle_object object_at(const char *path, const sbx_grants *grants)
{
    oracle_object made = {.owner = OWNER, .has_list = true};

    oracle_add(&made, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, BELOW, SBX_SID_SYSTEM});
    oracle_add(&made, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, BELOW, SBX_SID_ADMINISTRATORS});
    oracle_add(&made, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, BELOW, OWNER});
    for (size_t i = 0; i < grants->count; i++) {
        sbx_lease lease;

        assert_true(sbx_lease_parse(&lease, grants->lease[i]));
        assert_string_equal(lease.sid, GROUP);
        assert_false(lease.is_made);
        if (strcmp(lease.path, path) == 0)
            oracle_add(&made, (sbx_ace){lease.kind, lease.mask, lease.flags, GROUP});
    }
    return made;
}

static const oracle_token sandbox_user = {.sids = {{"S-1-5-21-1-2-3-1005", true, false},
                                                   {GROUP, true, false},
                                                   {"S-1-5-32-545", true, false},
                                                   {"S-1-5-11", true, false},
                                                   {SBX_SID_EVERYONE, true, false}},
                                          .sid_count = 5};

static bool may(const oracle_object *object, uint32_t rights)
{
    return oracle_grants(&sandbox_user, object, &oracle_files, rights);
}

/* What is made in it, or was there: the inheritable entries come down. */
static oracle_object below(const oracle_object *directory, bool is_directory)
{
    oracle_object child = {.owner = OWNER};

    oracle_inherit(&child, directory, is_directory, OWNER, NULL);
    return child;
}

static void check_readable(const char *path, const sbx_grants *grants)
{
    oracle_object directory = object_at(path, grants), file = below(&directory, false);
    oracle_object deeper = below(&directory, true), deepest = below(&deeper, false);
    const oracle_object *all[] = {&directory, &file, &deeper, &deepest};

    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        assert_true(may(all[i], SBX_GENERIC_READ | SBX_GENERIC_EXECUTE));
        for (uint32_t right = 1; right <= SBX_RIGHT_WRITE_OWNER; right <<= 1)
            if ((right & CHANGES) != 0)
                assert_false(may(all[i], right));
    }
}

/* Walked through and looked at, and no more; nothing comes down from it. */
static void check_passable(const char *path, const sbx_grants *grants)
{
    oracle_object directory = object_at(path, grants), file = below(&directory, false);
    oracle_object deeper = below(&directory, true);

    assert_true(may(&directory, SBX_RIGHT_EXECUTE | SBX_RIGHT_READ_ATTRIBUTES));
    assert_false(may(&directory, SBX_RIGHT_READ_DATA));
    for (uint32_t right = 1; right <= SBX_RIGHT_WRITE_OWNER; right <<= 1) {
        if ((right & CHANGES) != 0)
            assert_false(may(&directory, right));
        if (right != SBX_RIGHT_READ_CONTROL) {
            assert_false(may(&file, right));
            assert_false(may(&deeper, right));
        }
    }
}

static void what_may_be_read(void **state)
{
    sbx_grants grants = {.count = 0};

    (void)state;
    assert_int_equal(sbx_grants_set(&grants, &wish, &played_windows, save, NULL, NULL), SBX_OK);
    check_passable(HOME, &grants);
    check_passable(HOME "/AppData", &grants);
    check_passable(HOME "/AppData/Local", &grants);
    check_readable(HOME "/AppData/Local/Programs", &grants);
    check_readable(HOME "/Documents", &grants);
    check_readable(HOME "/src", &grants);
    for (size_t i = 0; i < SBX_COUNT_OF(closed); i++) {
        oracle_object at = object_at(closed[i], &grants);

        assert_false(may(&at, SBX_RIGHT_READ_DATA));
        assert_false(may(&at, SBX_RIGHT_EXECUTE));
    }
    sbx_grants_done(&grants);
}

/* The first part of each built-in secret of a home, in any case, is left out whole. */
static void no_secret_is_granted(void **state)
{
    size_t count = 0;

    (void)state;
    for (const char *const *secret = sbx_policy_secrets(); *secret != NULL; secret++) {
        char name[64];

        if (strncmp(*secret, "~/", 2) != 0)
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*secret + 2, "/"), *secret + 2);
        assert_false(sbx_grants_takes(name));
        for (char *at = name; *at != '\0'; at++)
            if (*at >= 'a' && *at <= 'z')
                *at = (char)(*at - 'a' + 'A');
        assert_false(sbx_grants_takes(name));
        count++;
    }
    assert_true(count > 20);
    assert_false(sbx_grants_takes("appdata"));
    assert_false(sbx_grants_takes(".."));
    assert_false(sbx_grants_takes("a/b"));
    assert_false(sbx_grants_takes("a\\b"));
    assert_false(sbx_grants_takes(""));
    assert_true(sbx_grants_takes(".sshd"));
    assert_true(sbx_grants_takes(".s"));
    assert_true(sbx_grants_takes("AppData2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(set_and_revoked, begin),
        cmocka_unit_test(each_call_fails_once),
        cmocka_unit_test(each_call_of_a_revoke_fails_once),
        cmocka_unit_test_setup(a_list_that_is_not_kept_sets_nothing, begin),
        cmocka_unit_test_setup(lies, begin),
        cmocka_unit_test_setup(a_directory_that_was_put_there_since, begin),
        cmocka_unit_test_setup(what_may_be_read, begin),
        cmocka_unit_test(no_secret_is_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
