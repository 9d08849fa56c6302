/*
 * What `sbx-setup install --audit-denials` switches on, in a played machine: what was there before is its owner's and stays; what
 * was not is noted before it is put there, and taken away again.
 */
#include "tests/support/test.h"

#include "harness/setup/windows/audit.h"

enum { FAILURE = 1450, COUNT = SBX_SETUP_AUDITS };

static struct {
    sbx_setup_found at[COUNT];
    unsigned call_count, fails_at;
    const char *forgotten; /* is put there, and is not there */
    const char *kept;      /* is taken away, and is there all the same */
    bool is_ours[COUNT], saved[COUNT];
    unsigned save_count;
    size_t order[4 * COUNT], order_count;
} machine;

static size_t index_of(const sbx_setup_item *item)
{
    return (size_t)(item - sbx_setup_audit_plan());
}

static bool fails(void)
{
    return ++machine.call_count == machine.fails_at;
}

static bool is_named(const char *name, const sbx_setup_item *item)
{
    return name != NULL && strcmp(name, item->name) == 0;
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
    assert_true(machine.saved[index_of(item)]); /* durable before it is done */
    machine.order[machine.order_count++] = index_of(item);
    if (!is_named(machine.forgotten, item))
        machine.at[index_of(item)] = SBX_SETUP_THERE;
    return 0;
}

static uint32_t take(const sbx_setup_item *item)
{
    if (fails())
        return FAILURE;
    machine.order[machine.order_count++] = index_of(item);
    if (!is_named(machine.kept, item))
        machine.at[index_of(item)] = SBX_SETUP_ABSENT;
    return 0;
}

static const char *why(void)
{
    return "";
}

static const sbx_setup_os os = {find, put, take, why};

static sbx_status save(void *context, sbx_error *err)
{
    assert_ptr_equal(context, &machine);
    if (fails())
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_IDENTITY, "the disk is full");
    memcpy(machine.saved, machine.is_ours, sizeof(machine.saved));
    machine.save_count++;
    return SBX_OK;
}

static sbx_status install(sbx_error *err)
{
    return sbx_setup_audit_install(machine.is_ours, &os, save, &machine, err);
}

static size_t there(void)
{
    size_t count = 0;

    for (size_t i = 0; i < COUNT; i++)
        count += machine.at[i] != SBX_SETUP_ABSENT;
    return count;
}

static int begin(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    return 0;
}

static void all_of_it_and_back(void **state)
{
    sbx_setup_found found[COUNT];
    sbx_text text = {0};
    bool is_complete = false;

    (void)state;
    assert_int_equal(install(NULL), SBX_OK);
    assert_int_equal(there(), COUNT);
    assert_int_equal(sbx_setup_audit_look(found, &is_complete, &os, NULL), SBX_OK);
    assert_true(is_complete);
    sbx_setup_audit_print(&text, found);
    assert_non_null(strstr(text.data, "there\taudit entry\tFile\tSbxUsers\n"));
    assert_non_null(strstr(text.data, "there\taudit of failures\tFile System\n"));
    assert_int_equal(install(NULL), SBX_OK); /* a second one puts nothing, and forgets nothing */
    assert_int_equal(machine.order_count, COUNT);
    assert_int_equal(sbx_setup_audit_uninstall(machine.is_ours, &os, NULL), SBX_OK);
    assert_int_equal(there(), 0);
    for (size_t i = 0; i < COUNT; i++) { /* the last first */
        assert_int_equal(machine.order[i], i);
        assert_int_equal(machine.order[COUNT + i], COUNT - 1 - i);
    }
    sbx_text_done(&text);
}

/* What the owner of the machine had switched on is theirs, whatever a setup and an uninstall do, each once more. */
static void the_owners_own_stays(void **state)
{
    for (unsigned mask = 0; mask < 1u << COUNT; mask++) {
        (void)begin(state);
        for (size_t i = 0; i < COUNT; i++)
            machine.at[i] = mask >> i & 1 ? SBX_SETUP_THERE : SBX_SETUP_ABSENT;
        assert_int_equal(install(NULL), SBX_OK);
        assert_int_equal(install(NULL), SBX_OK);
        assert_int_equal(there(), COUNT);
        assert_int_equal(sbx_setup_audit_uninstall(machine.is_ours, &os, NULL), SBX_OK);
        assert_int_equal(sbx_setup_audit_uninstall(machine.is_ours, &os, NULL), SBX_OK);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(machine.at[i], mask >> i & 1 ? SBX_SETUP_THERE : SBX_SETUP_ABSENT);
    }
}

/* Finding, saving, putting, reading back; and what stays noted is no more than what could not be taken back. */
static void each_call_of_an_install_fails_once(void **state)
{
    unsigned n = 1;

    for (;; n++) {
        sbx_error err;

        (void)begin(state);
        machine.fails_at = n;
        if (install(&err) == SBX_OK)
            break;
        assert_int_equal(err.step, SBX_STEP_IDENTITY);
        assert_int_equal(there(), 0);
        for (size_t i = 0; i < COUNT; i++)
            assert_false(machine.is_ours[i]);
    }
    assert_int_equal(n, COUNT + 1 + 3 * COUNT + 1);
}

/* Also taking back fails: what is left is noted, so that an uninstall can take it away. */
static void what_cannot_be_taken_back_stays_noted(void **state)
{
    sbx_error err;

    (void)state;
    machine.forgotten = "Handle Manipulation"; /* the last one */
    machine.kept = "Registry";
    assert_int_equal(install(&err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "audit of failures Handle Manipulation did not read back"));
    assert_int_equal(there(), 1);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(machine.is_ours[i],
                         strcmp(sbx_setup_audit_plan()[i].name, "Registry") == 0);
    machine.kept = NULL;
    assert_int_equal(sbx_setup_audit_uninstall(machine.is_ours, &os, NULL), SBX_OK);
    assert_int_equal(there(), 0);
}

static void each_is_read_back(void **state)
{
    for (size_t i = 0; i < COUNT; i++) {
        sbx_error err;

        (void)begin(state);
        machine.forgotten = sbx_setup_audit_plan()[i].name;
        assert_int_equal(install(&err), SBX_REFUSED);
        assert_non_null(strstr(err.message, machine.forgotten));
        assert_int_equal(there(), 0);
    }
}

static void each_call_of_an_uninstall_fails_once(void **state)
{
    for (unsigned n = 1;; n++) {
        sbx_error err;

        (void)begin(state);
        assert_int_equal(install(&err), SBX_OK);
        machine.fails_at = machine.call_count + n;
        if (sbx_setup_audit_uninstall(machine.is_ours, &os, &err) == SBX_OK)
            break;
        assert_int_equal(err.os_code, FAILURE);
        assert_true(there() <= 1); /* all else is gone */
        assert_int_equal(sbx_setup_audit_uninstall(machine.is_ours, &os, &err), SBX_OK);
        assert_int_equal(there(), 0);
    }
    (void)begin(state);
    assert_int_equal(install(NULL), SBX_OK);
    machine.kept = "Key";
    assert_int_equal(sbx_setup_audit_uninstall(machine.is_ours, &os, NULL), SBX_IO);
    assert_int_equal(there(), 1);
}

/* An entry of ours that was changed since: it is put right again, and goes with the rest. */
static void a_changed_entry_is_repaired(void **state)
{
    (void)state;
    assert_int_equal(install(NULL), SBX_OK);
    machine.at[0] = SBX_SETUP_OTHER;
    assert_int_equal(install(NULL), SBX_OK);
    assert_int_equal(machine.at[0], SBX_SETUP_THERE);
    assert_int_equal(machine.order_count, COUNT + 1);
}

/* The names say which is which where they are remembered. */
static void names_are_told_apart(void **state)
{
    const sbx_setup_item *plan = sbx_setup_audit_plan();

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(plan[i].kind == SBX_SETUP_AUDIT || plan[i].kind == SBX_SETUP_AUDIT_ENTRY);
        assert_true(plan[i].kind == SBX_SETUP_AUDIT || strcmp(plan[i].about, SBX_SETUP_GROUP) == 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(plan[i].name, plan[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_of_it_and_back, begin),
        cmocka_unit_test(the_owners_own_stays),
        cmocka_unit_test(each_call_of_an_install_fails_once),
        cmocka_unit_test_setup(what_cannot_be_taken_back_stays_noted, begin),
        cmocka_unit_test(each_is_read_back),
        cmocka_unit_test(each_call_of_an_uninstall_fails_once),
        cmocka_unit_test_setup(a_changed_entry_is_repaired, begin),
        cmocka_unit_test(names_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
