/*
 * Several runs at one place (harness/target/windows/share.c), in a played world: what stands in for an absent name, and
 * the entries of the sandbox users' group, are there as long as any run needs them, whoever made them, whoever ends
 * first, and whoever is killed; and then they are gone.
 */
#include "tests/support/test.h"

#include "harness/target/windows/steps.h"
#include "tests/support/played_windows.h"

#define USER "S-1-5-21-9-9-9-1001" /* played_windows.c's own */
#define GROUP "S-1-5-21-9-9-9-1004"
#define ROOT "C:/project"
#define ABSENT "C:/project/.agents"
#define SECRET "C:/project/secret"

enum { RUNS = 3, LEASES_MAX = 24 };

static const sbx_rule rules[] = {
    {SBX_RULE_WRITE, true, ROOT, "write"},
    {SBX_RULE_PROTECT_ABSENT, true, ABSENT, "protect .agents"},
    {SBX_RULE_DENY, true, SECRET, "deny"},
};

static const char *const runs[RUNS] = {"S-1-5-21-1-2-3-4-21592", "S-1-5-21-5-6-7-8-21592",
                                       "S-1-5-21-4294967295-0-1-2-21592"};

typedef struct one_run {
    sbx_entries entries;
    sbx_ace_sids sids;
    char lease[LEASES_MAX][256];
    size_t lease_count;
} one_run;

static const sbx_plan plan = {.rules = rules, .rule_count = SBX_COUNT_OF(rules)};
static const sbx_target_os *os = &played_windows;
static one_run all[RUNS];
static const char *group; /* NULL: path A */
static sbx_error error;

static void set_up(void)
{
    for (unsigned i = 0; i < RUNS; i++)
        sbx_entries_done(&all[i].entries, os);
    played_reset();
    played_add_place(ROOT, true);
    played_add_place(SECRET, true);
    memset(all, 0, sizeof(all));
}

static void look(unsigned i)
{
    one_run *run = &all[i];

    run->sids = (sbx_ace_sids){runs[i], group};
    assert_int_equal(sbx_entries_list(&run->entries, &plan, &run->sids, USER, true, os, &error),
                     SBX_OK);
    for (; run->entries.lease[run->lease_count] != NULL; run->lease_count++)
        (void)snprintf(run->lease[run->lease_count], sizeof(run->lease[0]), "%s",
                       run->entries.lease[run->lease_count]);
}

static void begin(unsigned i)
{
    if (all[i].entries.item == NULL)
        look(i);
    if (sbx_entries_set(&all[i].entries, os, &error) != SBX_OK)
        fail_msg("run %u: %s", i, error.message);
}

static sbx_status end(unsigned i)
{
    sbx_status st = sbx_entries_undo(&all[i].entries, os, &error);

    sbx_entries_done(&all[i].entries, os);
    return st;
}

/* What the next start does with its row, in the order of the leases. */
static void release(unsigned i)
{
    for (size_t k = 0; k < all[i].lease_count; k++)
        if (sbx_entries_release(all[i].lease[k], os, &error) != SBX_OK)
            fail_msg("%s: %s", all[i].lease[k], error.message);
}

static void die(unsigned i)
{
    sbx_entries_done(&all[i].entries, os); /* its memory and its handles */
}

/* Is all there that this run needs? */
static void check_held(unsigned i, const char *when)
{
    static const char *const places[] = {ROOT, ABSENT, SECRET};

    for (size_t k = 0; k < SBX_COUNT_OF(places); k++) {
        if (!played_has_place(places[k]) || played_ace_count_of(places[k], runs[i]) == 0)
            fail_msg("%s: run %u has lost %s", when, i, places[k]);
        if (group != NULL && played_ace_count_of(places[k], group) == 0)
            fail_msg("%s: run %u has lost the group's entry at %s", when, i, places[k]);
    }
}

static void check_nothing_left(const char *when)
{
    char text[2048];

    if (played.removed_open)
        fail_msg("%s: a directory was taken away that was open", when);
    if (played_left() == 0)
        return;
    played_describe_left(text, sizeof(text));
    fail_msg("%s: left: %s", when, text);
}

static void end_well(unsigned i, const char *when)
{
    if (end(i) != SBX_OK)
        fail_msg("%s: the end of run %u: %s", when, i, error.message);
}

static void on_both_paths(void (*test)(void))
{
    static const char *const groups[] = {NULL, GROUP};

    for (size_t i = 0; i < SBX_COUNT_OF(groups); i++) {
        group = groups[i];
        set_up();
        test();
        check_nothing_left(group == NULL ? "path A" : "path B");
    }
}

/* --- orders --- */

static void each_order(void)
{
    static const unsigned orders[][RUNS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                            {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    for (size_t k = 0; k < SBX_COUNT_OF(orders); k++) {
        set_up();
        for (unsigned i = 0; i < RUNS; i++)
            begin(i);
        for (unsigned n = 0; n < RUNS; n++) {
            for (unsigned m = n; m < RUNS; m++)
                check_held(orders[k][m], "before an end");
            end_well(orders[k][n], played.failed_in);
        }
        check_nothing_left("an order of ends");
    }
}

static void ends_in_each_order(void **state)
{
    (void)state;
    on_both_paths(each_order);
}

/* Both have looked before either has made anything. */
static void at_once(void)
{
    look(0);
    look(1);
    begin(0);
    begin(1);
    check_held(0, "at once");
    check_held(1, "at once");
    end_well(0, played.failed_in);
    check_held(1, "at once, after the first");
    begin(2); /* by now nothing was ever gone */
    end_well(1, played.failed_in);
    check_held(2, "behind both");
    end_well(2, played.failed_in);
}

static void starts_at_once(void **state)
{
    (void)state;
    on_both_paths(at_once);
}

/* --- killed --- */

/* Whichever of two is killed, and whether its leases are released while the other one runs, or behind it. */
static void killed(void)
{
    for (unsigned dead = 0; dead < 2; dead++)
        for (unsigned when = 0; when < 2; when++) {
            set_up();
            begin(0);
            begin(1);
            die(dead);
            check_held(1 - dead, "the other was killed");
            if (when == 0)
                release(dead);
            if (when == 0)
                check_held(1 - dead, "the other's leases were released");
            end_well(1 - dead, played.failed_in);
            if (when == 1) {
                assert_true(played_has_place(ABSENT)); /* as long as somebody's row names it */
                release(dead);
            }
            release(dead); /* twice does no harm */
            check_nothing_left("one was killed");
        }
}

static void one_is_killed(void **state)
{
    (void)state;
    on_both_paths(killed);
}

/* At any call of its start, beside one that lives, and after one that is killed too. */
static void killed_while_starting(void)
{
    unsigned before, total;

    begin(0);
    look(1);
    before = played.call_count;
    begin(1);
    total = played.call_count;
    for (unsigned n = before + 1; n <= total; n++) {
        set_up();
        begin(0);
        look(1);
        assert_int_equal(played.call_count, before);
        played.fails_at = n;
        (void)!sbx_entries_set(&all[1].entries, os, &error);
        played.fails_at = 0;
        played.locks = 0; /* the system gives it on */
        die(1);
        check_held(0, played.failed_in);
        release(1);
        check_held(0, played.failed_in);
        if (n % 2 == 0) {
            end_well(0, played.failed_in);
        } else {
            die(0);
            release(0);
        }
        check_nothing_left(played.failed_in);
    }
}

static void one_is_killed_while_starting(void **state)
{
    (void)state;
    on_both_paths(killed_while_starting);
}

/* --- failures --- */

/* Of an end: it is told, the other run keeps what it needs, and the leases find the rest. */
static void failing_end(void)
{
    for (unsigned n = 1;; n++) {
        unsigned before;

        set_up();
        begin(0);
        begin(1);
        before = played.call_count;
        played.fails_at = before + n;
        if (end(0) == SBX_OK) {
            assert_true(played.call_count < before + n);
            assert_true(n > 8);
            played.fails_at = 0;
            end_well(1, played.failed_in);
            break;
        }
        assert_int_equal(error.os_code, PLAYED_FAILURE);
        played.fails_at = 0;
        check_held(1, played.failed_in);
        release(0);
        check_held(1, played.failed_in);
        end_well(1, played.failed_in);
        check_nothing_left(played.failed_in);
    }
}

static void an_end_that_fails(void **state)
{
    (void)state;
    on_both_paths(failing_end);
}

/* Of a start: what it had is gone, and the other run's is not. */
static void failing_start(void)
{
    unsigned before, total;

    begin(0);
    look(1);
    before = played.call_count;
    begin(1);
    total = played.call_count;
    for (unsigned n = before + 1; n <= total; n++) {
        set_up();
        begin(0);
        look(1);
        played.fails_at = n;
        if (sbx_entries_set(&all[1].entries, os, &error) == SBX_OK)
            fail_msg("%s fails, and nobody says so", played.failed_in);
        played.fails_at = 0;
        end_well(1, played.failed_in);
        check_held(0, played.failed_in);
        end_well(0, played.failed_in);
        check_nothing_left(played.failed_in);
    }
}

static void a_start_that_fails(void **state)
{
    (void)state;
    on_both_paths(failing_start);
}

/* --- what is somebody's --- */

/* Something was put into it: it becomes a directory as any other, when the last run goes. */
static void filled(void)
{
    begin(0);
    begin(1);
    played_put(ABSENT);
    end_well(0, played.failed_in);
    check_held(1, "filled");
    end_well(1, played.failed_in);
    assert_true(played_has_place(ABSENT));
    assert_int_equal(played_ace_count(ABSENT), 0); /* its mark is gone, too */
    assert_int_equal(played_ace_count(ROOT) + played_ace_count(SECRET), 0);
    look(2);
    assert_int_equal(sbx_entries_set(&all[2].entries, os, &error), SBX_REFUSED);
    end_well(2, played.failed_in);
    assert_true(played_has_place(ABSENT));
    set_up();
}

static void it_is_filled(void **state)
{
    (void)state;
    on_both_paths(filled);
}

/* Made by somebody since the plan looked, and empty: neither joined nor taken away, and not by a lease either. */
static void somebodys(void)
{
    look(0);
    played_add_place(ABSENT, true);
    assert_int_equal(sbx_entries_set(&all[0].entries, os, &error), SBX_REFUSED);
    end_well(0, "somebody's");
    release(0);
    assert_true(played_has_place(ABSENT));
    assert_int_equal(played_ace_count(ABSENT), 0);
}

static void a_directory_of_somebodys(void **state)
{
    (void)state;
    on_both_paths(somebodys);
}

static void link_in_its_place(void)
{
    begin(0);
    look(1);
    played_replace_by_link(ABSENT);
    assert_int_equal(sbx_entries_set(&all[1].entries, os, &error), SBX_REFUSED);
    end_well(1, played.failed_in);
    end_well(0, played.failed_in);
}

static void a_link_in_its_place(void **state)
{
    (void)state;
    on_both_paths(link_in_its_place);
}

static void which_sids_are_runs(void **state)
{
    static const char *const none[] = {
        "",
        "S-1-5-21-1-2-3-4",
        "S-1-5-21-1-2-3-21592",
        "S-1-5-21-1-2-3-4-21593",
        "S-1-5-21-1-2-3-4-215920",
        "S-1-5-21-1-2-3-4-21592-1",
        "S-1-5-21-1-2--4-21592",
        "S-1-5-21-1-2-3-x-21592",
        "S-1-5-21-1-2-3-12345678901-21592",
        "S-1-5-22-1-2-3-4-21592",
        SBX_SID_SYSTEM,
        USER,
    };
    char made[SBX_OS_SID_BYTES];

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(none); i++)
        if (sbx_sid_is_run(none[i]))
            fail_msg("%s is no run's", none[i]);
    assert_false(sbx_sid_is_run(sbx_ace_of_stand_in().sid));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sbx_token_make_sid(made, &error), SBX_OK);
        assert_true(sbx_sid_is_run(made));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_in_each_order),  cmocka_unit_test(starts_at_once),
        cmocka_unit_test(one_is_killed),       cmocka_unit_test(one_is_killed_while_starting),
        cmocka_unit_test(an_end_that_fails),   cmocka_unit_test(a_start_that_fails),
        cmocka_unit_test(it_is_filled),        cmocka_unit_test(a_directory_of_somebodys),
        cmocka_unit_test(a_link_in_its_place), cmocka_unit_test(which_sids_are_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
