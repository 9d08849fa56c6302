/*
 * `sbx exec --learn`: what would have been denied happens and is written down, what must stay denied is, and the
 * policy made of it lets the same command run confined.
 */
#include <string.h>
#include <unistd.h>

#include "harness/base/error.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static void prepare(const sbx_test_place *place)
{
    sbx_test_remove_tree(place->home);
    sbx_test_remove_tree(place->root);
    sbx_test_remove_tree(place->outside);
    sbx_test_mkdir(place->home);
    sbx_test_mkdir(place->root);
    sbx_test_mkdir(place->outside);
    sbx_test_write_deep(sbx_test_path(place->home, ".ssh/id"), "secret");
    sbx_test_write_deep(sbx_test_path(place->root, ".git/config"), "mine");
    sbx_test_write(sbx_test_path(place->outside, "file"), "old");
}

static void learn(sbx_test_outcome *out, const sbx_test_place *place, const char *script)
{
    sbx_test_run(
        out, place,
        &(sbx_test_request){.options = SBX_LIST("--learn", "--allow-unconfined"),
                            .command = SBX_LIST("/bin/sh", "-c", script, "sh", place->outside,
                                                place->home, place->base)});
}

static json_t *ask(const sbx_test_place *place, const char *const *words)
{
    sbx_test_outcome outcome;
    json_t *answer;

    sbx_test_sbx(&outcome, place, words);
    answer = json_loads(outcome.out, 0, NULL);
    if (answer == NULL)
        fail_msg("%s: exit %d: %s%s", words[1], outcome.exit_code, outcome.out, outcome.err);
    sbx_test_outcome_done(&outcome);
    return answer;
}

static const json_t *find(const json_t *rows, const char *op, const char *target)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        if (strcmp(json_string_value(json_object_get(row, "op")), op) == 0 &&
            strcmp(json_string_value(json_object_get(row, "target")), target) == 0)
            return row;
    }
    return NULL;
}

static const char work[] = "cd \"$1\"; echo new >file && mkdir made && echo x >made/x && "
                           "mv made/x made/y && rm -f made/y && rmdir made && echo z >made2";

/* Nothing of it is denied, all of it is recorded, and the row says that nothing held it. */
static void it_happens_and_is_recorded(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *shown;
    const json_t *learned;

    prepare(place);
    learn(&outcome, place, work);
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
    assert_true(sbx_test_holds(sbx_test_path(place->outside, "file"), "new\n"));
    assert_string_equal(sbx_test_word(&outcome, "enforcement"), "partial");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(outcome.result, "missing"), 0)), "writes");
    assert_non_null(strstr(outcome.err, "learned"));
    shown = ask(place, SBX_LIST("audit", "show", sbx_test_word(&outcome, "run_id"), "--json"));
    assert_string_equal(json_string_value(json_object_get(shown, "enforcement")), "partial");
    assert_string_equal(json_string_value(json_object_get(shown, "missing")), "writes");
    assert_int_equal(json_array_size(json_object_get(shown, "denials")), 0);
    learned = json_object_get(shown, "learned");
    assert_non_null(find(learned, "write", sbx_test_path(place->outside, "file")));
    assert_non_null(find(learned, "create", sbx_test_path(place->outside, "made")));
    assert_non_null(find(learned, "create", sbx_test_path(place->outside, "made/x")));
    assert_non_null(find(learned, "rename", sbx_test_path(place->outside, "made/y")));
    assert_non_null(find(learned, "remove", sbx_test_path(place->outside, "made")));
    assert_non_null(find(learned, "create", sbx_test_path(place->outside, "made2")));
    assert_int_equal(json_array_size(learned), sbx_test_number(&outcome, "learned"));
    json_decref(shown);
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("explain", "latest"));
    assert_non_null(strstr(outcome.out, "It was learning"));
    sbx_test_outcome_done(&outcome);
    sbx_test_verify(place);
}

/* What lies in a root, or in the private temp directory, is nothing to learn. */
static void only_what_is_outside(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    prepare(place);
    learn(&outcome, place, "echo a >inside; echo b >/tmp/x; cat \"$1/file\"; echo c >/dev/null");
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
    assert_int_equal(sbx_test_number(&outcome, "learned"), 0);
    assert_int_equal(sbx_test_number(&outcome, "denied_total"), 0);
    sbx_test_outcome_done(&outcome);
}

/* The working directory is outside, too, where it lies in /tmp. */
static void a_directory_in_temp(void **state)
{
    char directory[] = "/tmp/sbx-learn-XXXXXX";
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    assert_non_null(mkdtemp(directory));
    sbx_test_run(&outcome, place,
                 &(sbx_test_request){.cwd = directory,
                                     .without_roots = true,
                                     .options = SBX_LIST("--learn", "--allow-unconfined"),
                                     .command = SBX_LIST("/bin/sh", "-c", "echo new >file")});
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
    assert_true(sbx_test_holds(sbx_test_path(directory, "file"), "new\n"));
    assert_int_equal(sbx_test_number(&outcome, "learned"), 1);
    sbx_test_outcome_done(&outcome);
    sbx_test_remove_tree(directory);
}

/* Each line that says DID got through. */
static const char attempts[] =
    "did() { echo \"DID $1\"; }; "
    "cat \"$2/.ssh/id\" >/dev/null 2>&1 && did read-secret; "
    "(echo x >\"$2/.ssh/id\") 2>/dev/null && did write-secret; "
    "(echo x >\"$2/.ssh/new\") 2>/dev/null && did add-secret; "
    "mv \"$2/.ssh\" \"$2/moved\" 2>/dev/null && did move-secret; "
    "mv \"$2\" \"$2-moved\" 2>/dev/null && did move-home; "
    "(echo x >.git/config) 2>/dev/null && did write-protected; "
    "mv .git moved 2>/dev/null && did move-protected; "
    "(echo x >.codex) 2>/dev/null && did make-protected; "
    "cat \"$3/state/audit.db\" >/dev/null 2>&1 && did read-database; "
    "cat \"$3/state/audit.db-wal\" >/dev/null 2>&1 && did read-wal; "
    "(echo x >>\"$3/state/audit.db\") 2>/dev/null && did write-database; "
    "rm -f \"$3/state/audit.db\" 2>/dev/null && did remove-database; "
    "mv \"$3/state/audit.db\" \"$3/state/other\" 2>/dev/null && did move-database; "
    "mv \"$3/state\" \"$3/state-moved\" 2>/dev/null && did move-state; "
    "(echo 1 >/sys/kernel/mm/ksm/run) 2>/dev/null && did write-sys; "
    "(echo x >/proc/sys/kernel/core_pattern) 2>/dev/null && did write-proc; "
    "exit 0";

static void what_stays_denied(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *denials;

    prepare(place);
    learn(&outcome, place, attempts);
    assert_int_equal(outcome.exit_code, 0);
    if (outcome.out_bytes > 0)
        fail_msg("%s", outcome.out);
    assert_true(sbx_test_holds(sbx_test_path(place->home, ".ssh/id"), "secret"));
    assert_true(sbx_test_holds(sbx_test_path(place->root, ".git/config"), "mine"));
    assert_false(sbx_test_exists(sbx_test_path(place->root, ".codex")));
    denials = sbx_test_audit_denials(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(sbx_test_find_denial(denials, NULL, ".ssh/id"));
    assert_non_null(sbx_test_find_denial(denials, NULL, ".git/config"));
    assert_non_null(sbx_test_find_denial(denials, NULL, "audit.db"));
    json_decref(denials);
    sbx_test_outcome_done(&outcome);
}

/* The network is what was asked for, learning or not. */
static void the_network_stays_shut(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    prepare(place);
    sbx_test_exec(&outcome, place, SBX_LIST("--learn", "--allow-unconfined"),
                  SBX_LIST(place->probe, "connect-tcp", "192.0.2.1", "80"));
    assert_int_not_equal(outcome.exit_code, 0);
    assert_int_equal(sbx_test_number(&outcome, "denied_total"), 1);
    sbx_test_outcome_done(&outcome);
}

static void the_policy_of_it(void **state)
{
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->base, "policy.json");
    sbx_test_outcome outcome, policy;

    prepare(place);
    learn(&outcome, place, work);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&policy, place, SBX_LIST("policy", "from-run", "latest"));
    assert_int_equal(policy.exit_code, 0);
    sbx_test_write(file, policy.out);
    /* As it was before. */
    sbx_test_remove_tree(place->outside);
    sbx_test_mkdir(place->outside);
    sbx_test_write(sbx_test_path(place->outside, "file"), "old");
    sbx_test_run(
        &outcome, place,
        &(sbx_test_request){.options = SBX_LIST("--policy", file),
                            .without_roots = true,
                            .command = SBX_LIST("/bin/sh", "-c", work, "sh", place->outside)});
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s\n%s", outcome.exit_code, outcome.err, policy.out);
    assert_string_equal(sbx_test_word(&outcome, "enforcement"), "full");
    assert_int_equal(sbx_test_number(&outcome, "denied_total"), 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_outcome_done(&policy);
}

/* One word is not enough, and nothing is started by half of it. */
static void said_in_so_many_words(void **state)
{
    const struct {
        const char *words;
        const char *const *options;
    } cases[] = {
        {"--allow-unconfined", SBX_LIST("--learn")},
        {"--learn", SBX_LIST("--allow-unconfined")},
        {"--no-watch", SBX_LIST("--learn", "--allow-unconfined", "--no-watch")},
        {"identity", SBX_LIST("--learn", "--allow-unconfined", "--identity", "sandbox")},
    };
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->outside, "made");

    prepare(place);
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_test_outcome outcome;

        sbx_test_exec(&outcome, place, cases[i].options,
                      SBX_LIST("/bin/sh", "-c", "echo >\"$1\"", "sh", made));
        if (outcome.exit_code != 125 || strstr(outcome.err, cases[i].words) == NULL)
            fail_msg("case %zu: exit %d: %s", i, outcome.exit_code, outcome.err);
        assert_false(sbx_test_exists(made));
        sbx_test_outcome_done(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sbx_test_ping),     sbx_unit_test(it_happens_and_is_recorded),
        sbx_unit_test(only_what_is_outside), sbx_unit_test(a_directory_in_temp),
        sbx_unit_test(what_stays_denied),    sbx_unit_test(the_network_stays_shut),
        sbx_unit_test(the_policy_of_it),     sbx_unit_test(said_in_so_many_words),
    };

    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
