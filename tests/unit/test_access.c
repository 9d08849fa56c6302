/* tests/support/access.h: the oracle itself, by the examples of Windows' documentation. */
#include "tests/support/test.h"

#include "tests/support/access.h"

#define ANDREW "S-1-5-21-1-1-1-1001"
#define JANE "S-1-5-21-1-1-1-1002"
#define GROUP_A "S-1-5-21-1-1-1-2001"
#define OTHER "S-1-5-21-7-7-7-7"

#define READ SBX_RIGHT_READ_DATA
#define WRITE SBX_RIGHT_WRITE_DATA
#define EXECUTE SBX_RIGHT_EXECUTE

static oracle_token token_of(const char *user)
{
    return (oracle_token){.sids = {{user, true, false}, {SBX_SID_EVERYONE, true, false}},
                          .sid_count = 2};
}

static bool grants(const oracle_token *token, const oracle_object *object, uint32_t desired)
{
    return oracle_grants(token, object, &oracle_files, desired);
}

/* The picture of "How DACLs control access to an object": deny Andrew, allow Group A write, allow everyone. */
static void denial_comes_first(void **state)
{
    oracle_object object = {.owner = OTHER,
                            .has_list = true,
                            .ace_count = 3,
                            .aces = {{SBX_ACE_DENY, READ | WRITE | EXECUTE, 0, ANDREW},
                                     {SBX_ACE_ALLOW, WRITE, 0, GROUP_A},
                                     {SBX_ACE_ALLOW, READ | EXECUTE, 0, SBX_SID_EVERYONE}}};
    oracle_token andrew = token_of(ANDREW), jane = token_of(JANE);

    (void)state;
    andrew.sids[andrew.sid_count++] = (oracle_sid){GROUP_A, true, false};
    jane.sids[jane.sid_count++] = (oracle_sid){GROUP_A, true, false};
    assert_false(grants(&andrew, &object, READ));
    assert_false(grants(&andrew, &object, WRITE));
    assert_true(grants(&jane, &object, READ | WRITE | EXECUTE));
}

/* Rights add up over entries, and the first word about a right is the last. */
static void entries_add_up_in_order(void **state)
{
    oracle_object late_deny = {.owner = OTHER,
                               .has_list = true,
                               .ace_count = 2,
                               .aces = {{SBX_ACE_ALLOW, READ, 0, JANE},
                                        {SBX_ACE_DENY, READ | WRITE, 0, SBX_SID_EVERYONE}}};
    oracle_token jane = token_of(JANE);

    (void)state;
    assert_true(grants(&jane, &late_deny, READ));
    assert_false(grants(&jane, &late_deny, WRITE));
    assert_false(grants(&jane, &late_deny, READ | WRITE));
    late_deny.aces[0].flags = SBX_ACE_INHERIT_ONLY;
    assert_false(grants(&jane, &late_deny, READ));
}

static void no_list_and_an_empty_one(void **state)
{
    oracle_object object = {.owner = OTHER};
    oracle_token jane = token_of(JANE);

    (void)state;
    assert_true(grants(&jane, &object, SBX_FILE_ALL));
    object.has_list = true;
    assert_false(grants(&jane, &object, READ));
}

static void the_owner_may_always_change_the_list(void **state)
{
    oracle_object object = {.owner = JANE, .has_list = true};
    oracle_token jane = token_of(JANE), andrew = token_of(ANDREW);

    (void)state;
    assert_true(grants(&jane, &object, SBX_RIGHT_READ_CONTROL | SBX_RIGHT_WRITE_DAC));
    assert_false(grants(&jane, &object, SBX_RIGHT_WRITE_OWNER));
    assert_false(grants(&andrew, &object, SBX_RIGHT_READ_CONTROL));
    /* … unless an entry for OWNER RIGHTS says what the owner may. */
    oracle_add(&object, (sbx_ace){SBX_ACE_ALLOW, SBX_RIGHT_READ_CONTROL, 0, SBX_SID_OWNER_RIGHTS});
    assert_true(grants(&jane, &object, SBX_RIGHT_READ_CONTROL));
    assert_false(grants(&jane, &object, SBX_RIGHT_WRITE_DAC));
    andrew.has_take_ownership = true;
    assert_true(grants(&andrew, &object, SBX_RIGHT_WRITE_OWNER));
}

static void deny_only_sids(void **state)
{
    oracle_object allows = {.owner = OTHER,
                            .has_list = true,
                            .ace_count = 1,
                            .aces = {{SBX_ACE_ALLOW, READ, 0, GROUP_A}}};
    oracle_object denies = {
        .owner = OTHER,
        .has_list = true,
        .ace_count = 2,
        .aces = {{SBX_ACE_DENY, READ, 0, GROUP_A}, {SBX_ACE_ALLOW, READ, 0, SBX_SID_EVERYONE}}};
    oracle_token jane = token_of(JANE);

    (void)state;
    jane.sids[jane.sid_count++] = (oracle_sid){GROUP_A, false, true};
    assert_false(grants(&jane, &allows, READ));
    assert_false(grants(&jane, &denies, READ));
    jane.sids[jane.sid_count - 1] = (oracle_sid){GROUP_A, false, false}; /* switched off: no word */
    assert_false(grants(&jane, &allows, READ));
    assert_true(grants(&jane, &denies, READ));
    jane.sids[jane.sid_count - 1] = (oracle_sid){GROUP_A, true, false};
    assert_true(grants(&jane, &allows, READ));
}

/* "Restricted tokens": two checks, and both have to allow. */
static void restricting_sids(void **state)
{
    oracle_object object = {.owner = OTHER,
                            .has_list = true,
                            .ace_count = 1,
                            .aces = {{SBX_ACE_ALLOW, READ | WRITE, 0, JANE}}};
    oracle_token jane = token_of(JANE);

    (void)state;
    assert_true(grants(&jane, &object, READ));
    jane.restricting[jane.restricting_count++] = OTHER;
    assert_false(grants(&jane, &object, READ));
    oracle_add(&object, (sbx_ace){SBX_ACE_ALLOW, READ, 0, OTHER});
    assert_true(grants(&jane, &object, READ));
    assert_false(grants(&jane, &object, WRITE)); /* only one of the checks allows that */
    oracle_add(&object, (sbx_ace){SBX_ACE_ALLOW, EXECUTE, 0, OTHER});
    assert_false(grants(&jane, &object, EXECUTE)); /* and only the other one that */
}

static void write_restricted(void **state)
{
    oracle_object object = {.owner = OTHER,
                            .has_list = true,
                            .ace_count = 1,
                            .aces = {{SBX_ACE_ALLOW, SBX_FILE_ALL, 0, JANE}}};
    oracle_token jane = token_of(JANE);

    (void)state;
    jane.restricting[jane.restricting_count++] = GROUP_A;
    jane.is_write_restricted = true;
    assert_true(grants(&jane, &object, SBX_GENERIC_READ | SBX_GENERIC_EXECUTE));
    assert_false(grants(&jane, &object, WRITE));
    assert_false(grants(&jane, &object, SBX_GENERIC_WRITE));
    assert_false(grants(&jane, &object, SBX_RIGHT_DELETE));
    assert_false(grants(&jane, &object, SBX_RIGHT_WRITE_DAC));
    jane.reading = ORACLE_NARROW;
    assert_false(grants(&jane, &object, SBX_GENERIC_WRITE));
    assert_true(grants(&jane, &object, SBX_RIGHT_DELETE)); /* why the host is asked, too */
    oracle_add(&object, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_WRITE, 0, GROUP_A});
    assert_true(grants(&jane, &object, SBX_GENERIC_WRITE));
}

static void generic_rights(void **state)
{
    oracle_object object = {.owner = OTHER,
                            .has_list = true,
                            .ace_count = 1,
                            .aces = {{SBX_ACE_ALLOW, SBX_GENERIC_READ, 0, JANE}}};
    oracle_token jane = token_of(JANE);

    (void)state;
    assert_true(grants(&jane, &object, READ | SBX_RIGHT_READ_CONTROL));
    assert_true(grants(&jane, &object, SBX_GENERIC_READ));
    assert_false(grants(&jane, &object, EXECUTE));
    assert_false(grants(&jane, &object, SBX_GENERIC_ALL));
    object.aces[0].mask = SBX_GENERIC_ALL;
    assert_true(grants(&jane, &object, SBX_GENERIC_ALL));
}

/* "ACE inheritance rules". */
static void inheritance(void **state)
{
    oracle_object parent = {.owner = OTHER}, child, grandchild, file;
    oracle_object usual = {.owner = OTHER, .has_list = true};

    (void)state;
    oracle_add(&parent, (sbx_ace){SBX_ACE_ALLOW, WRITE, SBX_ACE_OBJECT_INHERIT, JANE});
    oracle_inherit(&child, &parent, true, OTHER, &usual);
    assert_int_equal(child.ace_count, 1); /* a directory hands it on, and does not mean itself */
    assert_int_equal(child.aces[0].flags,
                     SBX_ACE_INHERITED | SBX_ACE_INHERIT_ONLY | SBX_ACE_OBJECT_INHERIT);
    oracle_inherit(&file, &child, false, OTHER, &usual);
    assert_int_equal(file.aces[0].flags, SBX_ACE_INHERITED);
    parent.aces[0].flags = SBX_ACE_CONTAINER_INHERIT | SBX_ACE_NO_PROPAGATE;
    oracle_inherit(&child, &parent, true, OTHER, &usual);
    assert_int_equal(child.aces[0].flags, SBX_ACE_INHERITED);
    oracle_inherit(&grandchild, &child, true, OTHER, &usual);
    assert_int_equal(grandchild.ace_count, 0); /* … and then the maker's default list counts */
    assert_true(grandchild.has_list);
    oracle_inherit(&file, &parent, false, OTHER, NULL);
    assert_int_equal(file.ace_count, 0);
}

/* An explicit entry stands before an inherited one, so it can allow what was denied above. */
static void order_of_entries(void **state)
{
    oracle_object object = {.owner = OTHER};
    oracle_token jane = token_of(JANE);

    (void)state;
    oracle_add(&object, (sbx_ace){SBX_ACE_ALLOW, READ, SBX_ACE_INHERITED, JANE});
    oracle_add(&object, (sbx_ace){SBX_ACE_DENY, READ, SBX_ACE_INHERITED, JANE});
    assert_false(grants(&jane, &object, READ));
    oracle_add(&object, (sbx_ace){SBX_ACE_ALLOW, READ, 0, JANE});
    assert_true(grants(&jane, &object, READ));
    oracle_add(&object, (sbx_ace){SBX_ACE_DENY, READ, 0, JANE});
    assert_false(grants(&jane, &object, READ));
    assert_int_equal(object.aces[0].kind, SBX_ACE_DENY);
    assert_int_equal(object.aces[3].flags, SBX_ACE_INHERITED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denial_comes_first),
        cmocka_unit_test(entries_add_up_in_order),
        cmocka_unit_test(no_list_and_an_empty_one),
        cmocka_unit_test(the_owner_may_always_change_the_list),
        cmocka_unit_test(deny_only_sids),
        cmocka_unit_test(restricting_sids),
        cmocka_unit_test(write_restricted),
        cmocka_unit_test(generic_rights),
        cmocka_unit_test(inheritance),
        cmocka_unit_test(order_of_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
