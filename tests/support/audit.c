/* See sandbox.h: the audit database, read the way a user does, with `sbx audit … --json`. */
#include "tests/support/sandbox.h"
#include "tests/support/test.h"

/* One JSON array, or one object per line: both become an array. */
static json_t *parse_rows(const sbx_test_outcome *outcome)
{
    json_t *rows = json_array();
    const char *at = outcome->out;
    size_t left = outcome->out_bytes;

    while (left > 0) {
        json_error_t error;
        json_t *value = json_loadb(at, left, JSON_DISABLE_EOF_CHECK, &error);

        if (value == NULL) {
            if (strspn(at, " \n") == left)
                break;
            fail_msg("not JSON (%s): %.1000s", error.text, at);
        }
        if (json_is_array(value)) {
            json_array_extend(rows, value);
            json_decref(value);
        } else {
            json_array_append_new(rows, value);
        }
        at += error.position;
        left -= (size_t)error.position;
    }
    return rows;
}

static json_t *ask(const sbx_test_place *place, const char *const *arguments)
{
    sbx_test_outcome outcome;
    json_t *rows;

    sbx_test_sbx(&outcome, place, arguments);
    if (outcome.exit_code != 0)
        fail_msg("sbx %s %s: exit %d: %.1000s", arguments[0], arguments[1], outcome.exit_code,
                 outcome.err);
    rows = parse_rows(&outcome);
    sbx_test_outcome_done(&outcome);
    return rows;
}

json_t *sbx_test_audit_runs(const sbx_test_place *place)
{
    return ask(place, SBX_LIST("audit", "ls", "--json", "--limit", "unlimited"));
}

json_t *sbx_test_audit_denials(const sbx_test_place *place, const char *run_id)
{
    return ask(place, SBX_LIST("audit", "denials", run_id, "--json", "--limit", "unlimited"));
}

/* `show` gives one object, which holds the rows of its parts. */
static json_t *show(const sbx_test_place *place, const char *run_id)
{
    json_t *rows = ask(place, SBX_LIST("audit", "show", run_id, "--json"));
    json_t *run;

    assert_int_equal(json_array_size(rows), 1);
    run = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return run;
}

json_t *sbx_test_audit_processes(const sbx_test_place *place, const char *run_id)
{
    json_t *run = show(place, run_id);
    json_t *processes = json_incref(json_object_get(run, "processes"));

    json_decref(run);
    assert_true(json_is_array(processes));
    return processes;
}

json_t *sbx_test_audit_run(const sbx_test_place *place, const char *run_id)
{
    json_t *rows = sbx_test_audit_runs(place);
    json_t *found = NULL;
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *id = json_string_value(json_object_get(row, "run_id"));

        if (id != NULL && strcmp(id, run_id) == 0)
            found = json_incref(row);
    }
    json_decref(rows);
    return found;
}

json_int_t sbx_test_sum_denials(const sbx_test_place *place, const char *run_id)
{
    json_t *rows = sbx_test_audit_denials(place, run_id), *row;
    json_int_t sum = 0;
    size_t i;

    json_array_foreach(rows, i, row) sum += json_integer_value(json_object_get(row, "count"));
    json_decref(rows);
    return sum;
}

void sbx_test_verify(const sbx_test_place *place)
{
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "verify"));
    if (outcome.exit_code != 0)
        fail_msg("verify: %d: %s%s", outcome.exit_code, outcome.out, outcome.err);
    sbx_test_outcome_done(&outcome);
}

/* `words` is "one|other". */
static bool is_one_of(const char *words, const char *word)
{
    size_t length = strlen(word);

    while (*words != '\0') {
        size_t part = strcspn(words, "|");

        if (part == length && strncmp(words, word, length) == 0)
            return true;
        words += part;
        words += *words == '|' ? 1 : 0;
    }
    return false;
}

json_t *sbx_test_find_denial(const json_t *rows, const char *ops, const char *target)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *row_op = json_string_value(json_object_get(row, "op"));
        const char *row_target = json_string_value(json_object_get(row, "target"));

        if (row_op == NULL || (ops != NULL && !is_one_of(ops, row_op)))
            continue;
        if (target != NULL && (row_target == NULL || strstr(row_target, target) == NULL))
            continue;
        return row;
    }
    return NULL;
}
