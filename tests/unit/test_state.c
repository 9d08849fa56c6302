/* What a setup remembers: written and read back, and nothing read that was not written so. */
#include "tests/support/test.h"

#include "harness/setup/windows/state.h"

static void a_state_comes_back(void **state)
{
    sbx_state in = {.owner = "S-1-5-21-1-2-3-1001",
                    .made_us = UINT64_C(1795000000000000),
                    .is_complete = true,
                    .group = "S-1-5-21-1-2-3-1004",
                    .offline = "S-1-5-21-1-2-3-1005",
                    .online = "S-1-5-21-1-2-3-1006",
                    .audits = true,
                    .audit_is_ours = {[1] = true, [4] = true}};
    sbx_state out;
    sbx_text text = {0};

    (void)state;
    sbx_state_print(&text, &in);
    assert_int_equal(sbx_state_parse(&out, text.data, NULL), SBX_OK);
    assert_memory_equal(&in, &out, sizeof(in));
    sbx_text_done(&text);
}

static void grants_come_back(void **state)
{
    sbx_grants in = {.phase = SBX_GRANTS_FAILED, .why = "C:/x: \"no\"", .changed_us = 7}, out;
    sbx_text text = {0}, again = {0};

    (void)state;
    assert_int_equal(sbx_grants_add(&in, "ace one C:/a b", NULL), SBX_OK);
    assert_int_equal(sbx_grants_add(&in, "ace two", NULL), SBX_OK);
    assert_int_equal(sbx_grants_add(&in, "ace one C:/a b", NULL), SBX_OK); /* is there */
    assert_int_equal(in.count, 2);
    sbx_grants_print(&text, &in);
    assert_int_equal(sbx_grants_parse(&out, text.data, NULL), SBX_OK);
    assert_int_equal(out.count, 2);
    sbx_grants_print(&again, &out);
    assert_string_equal(text.data, again.data);
    sbx_grants_drop(&out, 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.lease[0], "ace two");
    sbx_grants_done(&in);
    sbx_grants_done(&out);
    sbx_text_done(&text);
    sbx_text_done(&again);
}

static void replace(char *out, size_t room, const char *text, const char *what, const char *with)
{
    const char *at = strstr(text, what);

    assert_non_null(at);
    (void)snprintf(out, room, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
}

static void what_is_not_so_is_refused(void **state)
{
    static const char *const faults[][2] = {
        {"\"version\":1", "\"version\":\"1\""},
        {"\"owner\":\"S-1\"", "\"owner\":7"},
        {"\"owner\":\"S-1\"", "\"owner\":\"S-\\u0000\""},
        {"\"owner\":\"S-1\",", ""},
        {"\"is_complete\":false", "\"is_complete\":0"},
        {"\"made_us\":5", "\"made_us\":-5"},
        {"\"made_us\":5", "\"made_us\":5.5"},
        {"\"audits\":false", "\"audits\":0"},
        {"\"audits\":false,", ""},
        {"\"audits_ours\":[]", "\"audits_ours\":{}"},
        {"\"audits_ours\":[]", "\"audits_ours\":[\"Filing System\"]"},
        {"\"audits_ours\":[]", "\"audits_ours\":[7]"},
        {"\"made_us\":5", "\"made_us\":5,\"made_us\":6"},
        {"}", ""},
    };
    sbx_state in = {.owner = "S-1", .made_us = 5}, out;
    char other[1024], wide[300];
    sbx_text text = {0};
    sbx_error err;

    (void)state;
    sbx_state_print(&text, &in);
    for (size_t i = 0; i < SBX_COUNT_OF(faults); i++) {
        replace(other, sizeof(other), text.data, faults[i][0], faults[i][1]);
        if (sbx_state_parse(&out, other, &err) != SBX_CORRUPT)
            fail_msg("%s", other);
    }
    (void)snprintf(wide, sizeof(wide), "\"owner\":\"%0*d\"", SBX_STATE_SID_BYTES,
                   1); /* one too many */
    replace(other, sizeof(other), text.data, "\"owner\":\"S-1\"", wide);
    assert_int_equal(sbx_state_parse(&out, other, &err), SBX_CORRUPT);
    replace(other, sizeof(other), text.data, ",\"audits\":false,\"audits_ours\":[]", "");
    assert_int_equal(sbx_state_parse(&out, other, &err), SBX_OK); /* of before there were any */
    assert_false(out.audits);
    replace(other, sizeof(other), text.data, "\"version\":1", "\"version\":2");
    assert_int_equal(sbx_state_parse(&out, other, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "another version (2)"));
    assert_int_equal(sbx_state_parse(&out, "", &err), SBX_CORRUPT);
    assert_int_equal(sbx_state_parse(&out, "[]", &err), SBX_CORRUPT);
    sbx_text_done(&text);
}

static void grants_that_are_not_so(void **state)
{
    static const char *const bad[] = {
        "{\"version\":1,\"phase\":\"later\",\"why\":\"\",\"changed_us\":1,\"entries\":[]}",
        "{\"version\":1,\"phase\":\"done\",\"why\":\"\",\"changed_us\":1,\"entries\":{}}",
        "{\"version\":1,\"phase\":\"done\",\"why\":\"\",\"changed_us\":1,\"entries\":[\"a\",7]}",
        "{\"version\":1,\"phase\":\"done\",\"changed_us\":1,\"entries\":[]}",
    };
    sbx_grants out;
    sbx_error err;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(bad); i++) {
        assert_int_equal(sbx_grants_parse(&out, bad[i], &err), SBX_CORRUPT);
        assert_null(out.lease);
    }
    assert_int_equal(sbx_grants_parse(&out, "{\"version\":9}", &err), SBX_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back),
        cmocka_unit_test(grants_come_back),
        cmocka_unit_test(what_is_not_so_is_refused),
        cmocka_unit_test(grants_that_are_not_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
