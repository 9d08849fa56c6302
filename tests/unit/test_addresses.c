/* Lists of addresses in the firewall's forms: the same by meaning, and nothing taken for the same that is not. */
#include "tests/support/test.h"

#include "harness/setup/windows/addresses.h"
#include "harness/setup/windows/setup.h"

static void the_same_in_other_words(void **state)
{
    static const char *const same[][2] = {
        {"127.0.0.0/8", "127.0.0.0/255.0.0.0"},
        {"127.0.0.0/8", "127.0.0.0-127.255.255.255"},
        {"127.0.0.0/8,::1", "::1/128, 127.0.0.0/255.0.0.0"},
        {"::1", "0:0:0:0:0:0:0:1-::1"},
        {"::", "::/128"},
        {"10.0.0.1", "10.0.0.1/32"},
        {"10.0.0.0-10.0.0.9,10.0.0.10-10.0.0.255", "10.0.0.0/24"},
        {"10.0.0.0/24,10.0.0.7,10.0.0.0/25", "10.0.0.0/24"},
        {"*", "0.0.0.0-255.255.255.255,::/0"},
        {"::2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "::2-FFFF:FFFF:ffff:FFFF:ffff:ffff:ffff:ffff"},
        {"fe80::/10", "fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(same); i++)
        if (!sbx_addresses_are_same(same[i][0], same[i][1]) ||
            !sbx_addresses_are_same(same[i][1], same[i][0]))
            fail_msg("%s and %s", same[i][0], same[i][1]);
    assert_true(sbx_addresses_are_same(NULL, "*"));
}

static void others(void **state)
{
    static const char *const other[][2] = {
        {"127.0.0.0/8", "127.0.0.0/9"},
        {"127.0.0.0/8", "127.0.0.0/8,::1"},
        {"*", "0.0.0.0/0"},
        {"::1", "::2"},
        {"10.0.0.0-10.0.0.9,10.0.0.11-10.0.0.255", "10.0.0.0/24"},
        {"255.255.255.255", "::"}, /* the end of one version is not before the other's start */
        {"0.0.0.0/0,::/0", "0.0.0.0-255.255.255.254,::/0"},
        {"LocalSubnet", "LocalSubnet"},
        {"", ""},
        {"10.0.0.0/33", "10.0.0.0/33"},
        {"10.0.0.256", "10.0.0.256"},
        {"10.0.0.9-10.0.0.1", "10.0.0.9-10.0.0.1"},
        {"10.0.0.0/255.0.255.0", "10.0.0.0/255.0.255.0"},
        {"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"},
        {"1::2::3", "1::2::3"},
        {"1:2:3:4:5:6:7::8", "1:2:3:4:5:6:7::8"},
        {"::1-10.0.0.1", "::1-10.0.0.1"},
        {"10.0.0.1,", "10.0.0.1,"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(other); i++)
        if (sbx_addresses_are_same(other[i][0], other[i][1]))
            fail_msg("%s and %s", other[i][0], other[i][1]);
}

/* Each rule of the plan can be read back, and what two of them leave out is nothing. */
static void the_rules_of_the_plan(void **state)
{
    size_t count, rules = 0;
    const sbx_setup_item *plan = sbx_setup_plan(&count);
    char both[2][600] = {"", ""};

    (void)state;
    for (size_t i = 0; i < count; i++) {
        char *all = both[plan[i].is_inbound];

        if (plan[i].kind != SBX_SETUP_RULE)
            continue;
        rules++;
        assert_true(sbx_addresses_are_same(plan[i].remote, plan[i].remote));
        assert_true(strlen(all) + strlen(plan[i].remote) + 2 < sizeof(both[0]));
        if (all[0] != '\0')
            strncat(all, ",", sizeof(both[0]) - strlen(all) - 1);
        strncat(all, plan[i].remote, sizeof(both[0]) - strlen(all) - 1);
    }
    assert_int_equal(rules, 4);
    assert_true(sbx_addresses_are_same(both[0], "*"));
    assert_true(sbx_addresses_are_same(both[1], "*"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_in_other_words),
        cmocka_unit_test(others),
        cmocka_unit_test(the_rules_of_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
