/* The setup of Windows' sandbox users in a played machine: put, read back, failed at each call, lied to, undone. */
#include "tests/support/test.h"

#include "harness/policy/windows/accounts.h"
#include "harness/setup/windows/setup.h"

enum { FAILURE = 1450, ITEMS_MAX = 64 };

static struct {
    sbx_setup_found at[ITEMS_MAX];
    unsigned call_count, fails_at, put_count;
    bool keeps;
    const char *forgotten; /* that one alone */
    const char *foreign;   /* that one is somebody else's */
    const char *why;
    size_t order[4 * ITEMS_MAX], order_count; /* of what was put (+1) and taken */
} machine;

static size_t index_of(const sbx_setup_item *item)
{
    size_t count;

    return (size_t)(item - sbx_setup_plan(&count));
}

static bool fails(void)
{
    return ++machine.call_count == machine.fails_at;
}

static uint32_t find(sbx_setup_found *out, const sbx_setup_item *item)
{
    if (fails())
        return FAILURE;
    *out = machine.at[index_of(item)];
    return 0;
}

static uint32_t put(const sbx_setup_item *item)
{
    if (fails())
        return FAILURE;
    if (machine.foreign != NULL && strcmp(machine.foreign, item->name) == 0)
        return SBX_SETUP_NOT_OURS;
    machine.put_count++;
    machine.order[machine.order_count++] = index_of(item);
    if (machine.forgotten == NULL || strcmp(machine.forgotten, item->name) != 0)
        machine.at[index_of(item)] = SBX_SETUP_THERE;
    return 0;
}

static uint32_t take(const sbx_setup_item *item)
{
    if (fails())
        return FAILURE;
    if (machine.foreign != NULL && strcmp(machine.foreign, item->name) == 0)
        return SBX_SETUP_NOT_OURS;
    machine.order[machine.order_count++] = index_of(item);
    if (!machine.keeps)
        machine.at[index_of(item)] = SBX_SETUP_ABSENT;
    return 0;
}

static const char *why(void)
{
    return machine.why == NULL ? "" : machine.why;
}

static const sbx_setup_os os = {find, put, take, why};

static size_t plan_count(void)
{
    size_t count;

    (void)sbx_setup_plan(&count);
    assert_true(count <= ITEMS_MAX);
    return count;
}

static size_t there(void)
{
    size_t found = 0;

    for (size_t i = 0; i < plan_count(); i++)
        found += machine.at[i] != SBX_SETUP_ABSENT;
    return found;
}

static int begin(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    return 0;
}

static void install_and_uninstall(void **state)
{
    sbx_setup_found found[SBX_SETUP_ITEMS_MAX];
    sbx_text text = {0};
    sbx_error err;
    bool is_complete = true;

    (void)state;
    assert_int_equal(sbx_setup_look(found, &is_complete, &os, &err), SBX_OK);
    assert_false(is_complete);
    sbx_setup_print(&text, found);
    assert_non_null(strstr(text.data, "absent\tuser\tSbxOffline\n"));
    assert_non_null(strstr(text.data, "absent\tmember\tSbxUsers\tSbxOnline\n"));
    assert_int_equal(sbx_setup_install(&os, &err), SBX_OK);
    assert_int_equal(there(), plan_count());
    assert_int_equal(sbx_setup_install(&os, &err), SBX_OK); /* a second one does nothing */
    assert_int_equal(machine.put_count, plan_count());
    assert_int_equal(sbx_setup_look(found, &is_complete, &os, &err), SBX_OK);
    assert_true(is_complete);
    assert_int_equal(sbx_setup_uninstall(&os, &err), SBX_OK);
    assert_int_equal(there(), 0);
    for (size_t i = 0; i < plan_count(); i++) /* the last first */
        assert_int_equal(machine.order[plan_count() + i], plan_count() - 1 - i);
    assert_int_equal(sbx_setup_uninstall(&os, &err), SBX_OK);
    sbx_text_done(&text);
}

/* What cannot be looked for is unknown, the rest is told all the same, and nothing counts as complete. */
static void each_look_fails_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= plan_count(); n++) {
        sbx_setup_found found[SBX_SETUP_ITEMS_MAX];
        bool is_complete = true;
        sbx_text text = {0};
        sbx_json json;
        sbx_error err;

        (void)begin(NULL);
        assert_int_equal(sbx_setup_install(&os, &err), SBX_OK);
        machine.fails_at = machine.call_count + n;
        machine.why = "the service is not running";
        assert_int_equal(sbx_setup_look(found, &is_complete, &os, &err), SBX_IO);
        assert_false(is_complete);
        assert_non_null(strstr(err.message, "(the service is not running)"));
        for (size_t i = 0; i < plan_count(); i++)
            assert_int_equal(found[i], i == n - 1 ? SBX_SETUP_UNKNOWN : SBX_SETUP_THERE);
        sbx_json_init(&json, &text);
        sbx_setup_print_json(&json, NULL, found);
        assert_non_null(strstr(text.data, "{\"state\":\"unknown\",\"kind\":"));
        sbx_text_done(&text);
    }
}

static void what_somebody_else_made_is_left_alone(void **state)
{
    sbx_error err;

    (void)state;
    machine.foreign = SBX_SETUP_ONLINE; /* the user of that name */
    machine.at[6] = SBX_SETUP_OTHER;
    assert_int_equal(sbx_setup_plan(&(size_t){0})[6].kind, SBX_SETUP_USER);
    assert_int_equal(sbx_setup_install(&os, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "the user SbxOnline: there is one that sbx-setup did not"));
    assert_int_equal(there(), 1);
    assert_int_equal(sbx_setup_uninstall(&os, &err), SBX_REFUSED);
    assert_int_equal(there(), 1);
}

static void repair(void **state)
{
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_setup_install(&os, &err), SBX_OK);
    machine.at[3] = SBX_SETUP_OTHER;
    machine.at[plan_count() - 1] = SBX_SETUP_ABSENT;
    machine.put_count = 0;
    assert_int_equal(sbx_setup_install(&os, &err), SBX_OK);
    assert_int_equal(machine.put_count, 2);
    assert_int_equal(there(), plan_count());
}

static void each_call_of_an_install_fails_once(void **state)
{
    unsigned n = 1;

    for (;; n++) {
        sbx_error err;

        (void)begin(state);
        machine.fails_at = n;
        if (sbx_setup_install(&os, &err) == SBX_OK)
            break;
        assert_int_equal(err.os_code, FAILURE);
        assert_int_equal(err.step, SBX_STEP_IDENTITY);
        assert_int_equal(there(), 0);
    }
    assert_int_equal(n, 3 * plan_count() + 1);
}

/* A repair that fails leaves what was good before. */
static void a_failed_repair_keeps_the_rest(void **state)
{
    sbx_error err;
    size_t last = plan_count() - 1;

    (void)state;
    assert_int_equal(sbx_setup_install(&os, &err), SBX_OK);
    machine.at[0] = machine.at[last] = SBX_SETUP_ABSENT;
    machine.forgotten = sbx_setup_plan(&last)[plan_count() - 1].name;
    machine.why = "it is off";
    assert_int_equal(sbx_setup_install(&os, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "did not read back as it was made (it is off): "));
    assert_int_equal(there(), plan_count() - 2);
}

static void each_thing_is_read_back(void **state)
{
    size_t count;
    const sbx_setup_item *plan = sbx_setup_plan(&count);

    for (size_t i = 0; i < count; i++) {
        sbx_error err;

        if (plan[i].kind != SBX_SETUP_RULE && plan[i].kind != SBX_SETUP_FILTER)
            continue; /* names of the others stand twice */
        (void)begin(state);
        machine.forgotten = plan[i].name;
        assert_int_equal(sbx_setup_install(&os, &err), SBX_REFUSED);
        assert_non_null(strstr(err.message, plan[i].name));
        assert_int_equal(there(), 0);
    }
}

static void each_call_of_an_uninstall_fails_once(void **state)
{
    for (unsigned n = 1;; n++) {
        unsigned before;
        sbx_error err;

        (void)begin(state);
        assert_int_equal(sbx_setup_install(&os, &err), SBX_OK);
        before = machine.call_count;
        machine.fails_at = before + n;
        if (sbx_setup_uninstall(&os, &err) == SBX_OK)
            break;
        assert_int_equal(err.os_code, FAILURE);
        assert_true(there() <= 1); /* all else is gone */
        assert_int_equal(sbx_setup_uninstall(&os, &err), SBX_OK);
        assert_int_equal(there(), 0);
    }
    (void)begin(state);
    assert_int_equal(sbx_setup_install(&os, NULL), SBX_OK);
    machine.keeps = true;
    assert_int_equal(sbx_setup_uninstall(&os, NULL), SBX_IO);
}

/* What the plan itself has to have. */
static void the_network_is_closed_to_offline_alone(void **state)
{
    static const char *const layers[] = {"connect/v4", "connect/v6", "listen/v4", "listen/v6",
                                         "accept/v4",  "accept/v6",  "assign/v4", "assign/v6"};
    size_t count, rules[2] = {0, 0};
    const sbx_setup_item *plan = sbx_setup_plan(&count);

    (void)state;
    for (size_t k = 0; k < SBX_COUNT_OF(layers); k++) {
        size_t found = 0;

        for (size_t i = 0; i < count; i++)
            found += plan[i].kind == SBX_SETUP_FILTER && strcmp(plan[i].layer, layers[k]) == 0;
        assert_int_equal(found, 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (plan[i].kind == SBX_SETUP_RULE)
            rules[plan[i].is_inbound]++;
        if (plan[i].kind == SBX_SETUP_RULE || plan[i].kind == SBX_SETUP_FILTER)
            assert_string_equal(plan[i].about, SBX_SETUP_OFFLINE);
        if (plan[i].kind == SBX_SETUP_DENIED_RIGHT) /* or no runner could be started */
            assert_string_not_equal(plan[i].name, "SeDenyInteractiveLogonRight");
    }
    assert_int_equal(rules[0], 2);
    assert_int_equal(rules[1], 2);
}

/* Who plans a run and who sets the machine up know nothing of each other but the names. */
static void names(void **state)
{
    (void)state;
    assert_string_equal(SBX_ACCOUNT_GROUP, SBX_SETUP_GROUP);
    assert_string_equal(SBX_ACCOUNT_OFFLINE, SBX_SETUP_OFFLINE);
    assert_string_equal(SBX_ACCOUNT_ONLINE, SBX_SETUP_ONLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test_setup(install_and_uninstall, begin),
        cmocka_unit_test(each_look_fails_once),
        cmocka_unit_test_setup(what_somebody_else_made_is_left_alone, begin),
        cmocka_unit_test_setup(repair, begin),
        cmocka_unit_test(each_call_of_an_install_fails_once),
        cmocka_unit_test_setup(a_failed_repair_keeps_the_rest, begin),
        cmocka_unit_test(each_thing_is_read_back),
        cmocka_unit_test(each_call_of_an_uninstall_fails_once),
        cmocka_unit_test(the_network_is_closed_to_offline_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
