/* `sbx policy from-run`: a run that was denied, the policy made of it, and the same run again under that policy. */
#include <string.h>
#include <sys/stat.h>
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
    sbx_test_write_deep(sbx_test_path(place->outside, "deep/.git/config"), "mine");
    sbx_test_write(sbx_test_path(place->outside, "file"), "old");
    sbx_test_mkdir(sbx_test_path(place->outside, "sub"));
}

/* Fails where any of it does, and goes on to the end. */
static const char script[] = "set -u; s=0; cd \"$1\"; "
                             "echo new >file || s=1; echo new >sub/file || s=1; "
                             "mkdir sub/made && echo new >sub/made/file || s=1; "
                             "if (echo stolen >deep/.git/config) 2>/dev/null; then s=90; fi; "
                             "if cat \"$2/.ssh/id\" 2>/dev/null; then s=91; fi; "
                             "if (echo stolen >\"$2/.profile\") 2>/dev/null; then s=92; fi; "
                             "exit $s";

static void run_script(sbx_test_outcome *out, const sbx_test_place *place,
                       const char *const *options, bool without_roots)
{
    sbx_test_run(out, place,
                 &(sbx_test_request){.options = options,
                                     .without_roots = without_roots,
                                     .command = SBX_LIST("/bin/sh", "-c", script, "sh",
                                                         place->outside, place->home)});
}

/* The words of `sbx policy from-run …`, which must succeed. */
static void derive(sbx_test_outcome *out, const sbx_test_place *place, const char *form)
{
    sbx_test_sbx(out, place, SBX_LIST("policy", "from-run", "latest", "--format", form));
    if (out->exit_code != 0)
        fail_msg("exit %d: %s", out->exit_code, out->err);
}

static void expect_unharmed(const sbx_test_place *place)
{
    assert_true(sbx_test_holds(sbx_test_path(place->outside, "deep/.git/config"), "mine"));
    assert_false(sbx_test_exists(sbx_test_path(place->home, ".profile")));
}

static void the_policy_allows_it(void **state)
{
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->base, "policy.json");
    sbx_test_outcome outcome, policy;

    prepare(place);
    run_script(&outcome, place, SBX_NO_LIST, false);
    assert_int_equal(outcome.exit_code, 1);
    sbx_test_outcome_done(&outcome);
    derive(&policy, place, "policy");
    sbx_test_write(file, policy.out);
    /* What is left out is named, with why. */
    assert_non_null(strstr(policy.err, "deep/.git/config"));
    assert_non_null(strstr(policy.err, "a protected name"));
    assert_non_null(strstr(policy.err, ".profile"));

    run_script(&outcome, place, SBX_LIST("--policy", file), true);
    /* Making a directory was refused, so what was done in it is known only now. */
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s\n%s", outcome.exit_code, outcome.err, policy.out);
    assert_true(sbx_test_holds(sbx_test_path(place->outside, "file"), "new\n"));
    assert_true(sbx_test_holds(sbx_test_path(place->outside, "sub/made/file"), "new\n"));
    expect_unharmed(place);
    /* Nothing that was left out came in with a root. */
    assert_null(strstr(policy.out, ".git"));
    assert_null(strstr(policy.out, ".ssh"));
    sbx_test_outcome_done(&outcome);
    sbx_test_outcome_done(&policy);
}

/* The directory that holds a protected name becomes a root, and the name stays as it is. */
static void a_root_around_a_protected_name(void **state)
{
    static const char wider[] = "cd \"$1\"; echo new >created; echo stolen >deep/.git/config; "
                                "echo stolen >deep/.git/hook; mv deep other; test -e created";
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->base, "policy.json");
    const char *const *command = SBX_LIST("/bin/sh", "-c", wider, "sh", place->outside);
    sbx_test_outcome outcome, policy;

    prepare(place);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, command);
    assert_int_equal(outcome.exit_code, 1);
    sbx_test_outcome_done(&outcome);
    derive(&policy, place, "policy");
    sbx_test_write(file, policy.out);
    sbx_test_run(&outcome, place,
                 &(sbx_test_request){.options = SBX_LIST("--policy", file),
                                     .without_roots = true,
                                     .command = command});
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s\n%s", outcome.exit_code, outcome.err, policy.out);
    assert_false(sbx_test_exists(sbx_test_path(place->outside, "deep/.git/hook")));
    expect_unharmed(place);
    sbx_test_outcome_done(&outcome);
    sbx_test_outcome_done(&policy);
}

/* A directory below /tmp is read-only inside like any other, though the rest of /tmp is private. */
static void a_directory_in_temp(void **state)
{
    char directory[] = "/tmp/sbx-from-run-XXXXXX";
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->base, "policy.json");
    sbx_test_request request = {.cwd = directory,
                                .options = SBX_NO_LIST,
                                .without_roots = true,
                                .command = SBX_LIST("/bin/sh", "-c", "echo new >file")};
    sbx_test_outcome outcome, policy;
    json_t *denials;

    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    sbx_test_run(&outcome, place, &request);
    assert_int_not_equal(outcome.exit_code, 0);
    denials = sbx_test_audit_denials(place, sbx_test_word(&outcome, "run_id"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(denials, 0), "rule")),
                        "no writable root");
    json_decref(denials);
    sbx_test_outcome_done(&outcome);
    derive(&policy, place, "policy");
    sbx_test_write(file, policy.out);
    request.options = SBX_LIST("--policy", file);
    sbx_test_run(&outcome, place, &request);
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s\n%s", outcome.exit_code, outcome.err, policy.out);
    assert_true(sbx_test_holds(sbx_test_path(directory, "file"), "new\n"));
    sbx_test_outcome_done(&outcome);
    sbx_test_outcome_done(&policy);
    sbx_test_remove_tree(directory);
}

/* The shell reads what is printed for it, whatever the name is. */
static void the_options_allow_it(void **state)
{
    static const char odd[] = "it's $(a) \\ \"b\"\x1b[2J\xC2\x9B";
    const sbx_test_place *place = *state;
    const char *directory = sbx_test_path(place->outside, odd);
    const char *const *command = SBX_LIST("/bin/sh", "-c", "echo new >\"$1/new\"", "sh", directory);
    sbx_test_outcome outcome, options;

    prepare(place);
    sbx_test_mkdir(directory);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, command);
    assert_int_not_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    derive(&options, place, "options");
    for (size_t i = 0; i + 1 < options.out_bytes; i++)
        assert_in_range((unsigned char)options.out[i], 0x20, 0x7E);
    sbx_test_run(
        &outcome, place,
        &(sbx_test_request){
            .as_is = true,
            .command = SBX_LIST("/bin/bash", "-c",
                                sbx_test_text("%s exec --audit-db %s --read %s %.*s -- /bin/sh -c "
                                              "'echo new >\"$1/new\"' sh \"$0\"",
                                              sbx_test_binary(), place->database, place->base,
                                              (int)strcspn(options.out, "\n"), options.out),
                                directory)});
    if (outcome.exit_code != 0)
        fail_msg("exit %d: %s\n%s", outcome.exit_code, outcome.err, options.out);
    assert_true(sbx_test_holds(sbx_test_path(directory, "new"), "new\n"));
    sbx_test_outcome_done(&outcome);
    sbx_test_outcome_done(&options);
}

static const json_t *find_left_out(const json_t *answer, const char *target)
{
    const json_t *list = json_object_get(answer, "left_out");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *each = json_array_get(list, i);

        if (strstr(json_string_value(json_object_get(each, "target")), target) != NULL)
            return each;
    }
    return NULL;
}

/* The same as JSON, with all that was left out. */
static void as_json(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome, answer;
    const json_t *left;
    json_t *json;

    prepare(place);
    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "1G"),
                  SBX_LIST("/bin/sh", "-c",
                           "echo >\"$1/file\"; cat \"$2/.ssh/id\"; echo >\"$3\"; \"$4\" "
                           "connect-tcp 192.0.2.1 80; \"$4\" connect-unix /run/x; exit 0",
                           "sh", place->outside, place->home, place->database, place->probe));
    assert_int_equal(outcome.exit_code, 0);
    derive(&answer, place, "json");
    json = json_loads(answer.out, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "run_id")),
                        sbx_test_word(&outcome, "run_id"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "added"), "network")), "full");
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "added"), "write")), 1);
    /* The whole of the run's own policy is in the file. */
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_object_get(json, "policy"), "limits"), "memory")),
                     1 << 30);
    left = find_left_out(json, place->database);
    assert_non_null(left);
    assert_string_equal(json_string_value(json_object_get(left, "why")), "the audit database");
    if (strstr(sbx_test_word(&outcome, "audit_sources"), "mask") != NULL) {
        left = find_left_out(json, ".ssh");
        assert_non_null(left);
        assert_string_equal(json_string_value(json_object_get(left, "why")), "a secret");
    }
    json_decref(json);
    sbx_test_outcome_done(&outcome);
    sbx_test_outcome_done(&answer);
}

static void nothing_to_add(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    prepare(place);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/true"));
    sbx_test_outcome_done(&outcome);
    derive(&outcome, place, "options");
    assert_int_equal(outcome.out_bytes, 0);
    assert_non_null(strstr(outcome.err, "denied nothing"));
    sbx_test_outcome_done(&outcome);
}

static void errors(void **state)
{
    const struct {
        int code;
        const char *words;
        const char *const *arguments;
    } cases[] = {
        {2, "no run is given", SBX_LIST("policy", "from-run")},
        {2, "one operand too many", SBX_LIST("policy", "from-run", "a", "b")},
        {2, "policy|options|json", SBX_LIST("policy", "from-run", "a", "--format", "csv")},
        {2, "from-run", SBX_LIST("policy", "from-rum", "a")},
        {1, "begins with", SBX_LIST("policy", "from-run", "ZZZZ")},
        {1, "nothing was recorded", SBX_LIST("policy", "from-run", "latest", "--db", "/nowhere/x")},
    };
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_test_outcome outcome;

        sbx_test_sbx(&outcome, place, cases[i].arguments);
        if (outcome.exit_code != cases[i].code || strstr(outcome.err, cases[i].words) == NULL)
            fail_msg("case %zu: exit %d: %s", i, outcome.exit_code, outcome.err);
        sbx_test_outcome_done(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sbx_test_ping),
        sbx_unit_test(the_policy_allows_it),
        sbx_unit_test(a_root_around_a_protected_name),
        sbx_unit_test(a_directory_in_temp),
        sbx_unit_test(the_options_allow_it),
        sbx_unit_test(as_json),
        sbx_unit_test(nothing_to_add),
        sbx_unit_test(errors),
    };

    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
