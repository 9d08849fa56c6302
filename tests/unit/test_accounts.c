/* harness/policy/windows/accounts.h: a setup's memory is believed only where each SID is still the same one's. */
#include "tests/support/test.h"

#include "harness/policy/windows/accounts.h"

static sbx_state state;
static sbx_accounts_today today;

static void set_up(void)
{
    state = (sbx_state){.owner = "S-1-5-21-1-2-3-1000",
                        .is_complete = true,
                        .group = "S-1-5-21-1-2-3-1004",
                        .offline = "S-1-5-21-1-2-3-1005",
                        .online = "S-1-5-21-1-2-3-1006"};
    today = (sbx_accounts_today){.caller = "S-1-5-21-1-2-3-1000",
                                 .group = "S-1-5-21-1-2-3-1004",
                                 .offline = "S-1-5-21-1-2-3-1005",
                                 .online = "S-1-5-21-1-2-3-1006"};
}

static void each_answer(void **test)
{
    (void)test;
    set_up();
    assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_THERE);
    assert_int_equal(sbx_accounts_judge(NULL, &today), SBX_USERS_ABSENT);
    state.is_complete = false;
    assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_INCOMPLETE);
    memcpy(state.owner, "S-1-5-21-1-2-3-1001", sizeof("S-1-5-21-1-2-3-1001"));
    assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_FOREIGN);
}

/* Made anew, gone, or never remembered: in none of these is it the one that was set up. */
static void each_account(void **test)
{
    char *const remembered[] = {state.group, state.offline, state.online};
    char *const now[] = {today.group, today.offline, today.online};

    (void)test;
    for (size_t i = 0; i < SBX_COUNT_OF(now); i++) {
        set_up();
        now[i][strlen(now[i]) - 1] ^= 1;
        assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_OTHER);
        set_up();
        now[i][0] = '\0';
        assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_OTHER);
        set_up();
        remembered[i][0] = '\0';
        assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_OTHER);
        now[i][0] = '\0'; /* nothing is not the same as nothing */
        assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_OTHER);
    }
    set_up();
    state.owner[0] = today.caller[0] = '\0';
    assert_int_equal(sbx_accounts_judge(&state, &today), SBX_USERS_FOREIGN);
}

/* Each "no" in words of its own, and with something to do. */
static void words(void **test)
{
    (void)test;
    for (int one = SBX_USERS_ABSENT; one < SBX_USERS_THERE; one++) {
        assert_non_null(strstr(sbx_accounts_fix((sbx_host_users)one), "`sbx-setup "));
        for (int other = SBX_USERS_ABSENT; other < one; other++)
            assert_string_not_equal(sbx_accounts_amiss((sbx_host_users)one),
                                    sbx_accounts_amiss((sbx_host_users)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer),
        cmocka_unit_test(each_account),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
