/* See escape.h. */
#include "tests/support/escape.h"

#include "tests/probe/probe.h"
#include "tests/support/test.h"

enum { WORDS_MAX = 32 };

static const char *answer_word(int code)
{
    switch (code) {
    case SBX_PROBE_DID:
        return "DID";
    case SBX_PROBE_DENIED:
        return "DENIED";
    case SBX_PROBE_ABSENT:
        return "ABSENT";
    default:
        return "BROKEN";
    }
}

static void run_inside(sbx_test_outcome *out, const sbx_test_place *place,
                       const sbx_test_escape *escape)
{
    const char *line[WORDS_MAX] = {place->probe, "inside", sbx_test_host_namespace()};
    sbx_test_request request = {
        .options = escape->options,
        .command = line,
        .stdio = {escape->stdin_fd, 0, 0},
        .extra_fd = escape->extra_fd,
        .new_session = escape->stdin_fd != 0,
    };

    for (size_t i = 0; escape->attempt[i] != NULL; i++) {
        assert_true(i + 4 < WORDS_MAX);
        line[i + 3] = escape->attempt[i];
    }
    sbx_test_run(out, place, &request);
    if (out->result == NULL || json_object_get(out->result, "run_id") == NULL ||
        out->exit_code == 125)
        fail_msg("%s: sbx did not run it: exit %d, %.1000s", escape->attempt[0], out->exit_code,
                 out->err);
}

static int run_outside(const sbx_test_place *place, const sbx_test_escape *escape)
{
    const char *line[WORDS_MAX] = {place->probe};
    sbx_test_request request = {
        .command = line,
        .as_is = true,
        .stdio = {escape->stdin_fd, 0, 0},
        .extra_fd = escape->extra_fd,
        .new_session = escape->stdin_fd != 0,
    };
    sbx_test_outcome outcome;
    int code;

    for (size_t i = 0; escape->attempt[i] != NULL && i + 2 < WORDS_MAX; i++)
        line[i + 1] = escape->attempt[i];
    sbx_test_run(&outcome, place, &request);
    code = outcome.exit_code;
    if (code != SBX_PROBE_DID)
        print_message("outside: %s%s", outcome.out, outcome.err);
    sbx_test_outcome_done(&outcome);
    return code;
}

/* The control. False: this kernel or this user can't do it anyway, so inside only "not DID" is
 * asked. */
static bool check_outside(const sbx_test_place *place, const sbx_test_escape *escape)
{
    int code;

    if ((escape->flags & SBX_ESCAPE_INSIDE_ONLY) != 0)
        return true;
    if (escape->prepare != NULL)
        escape->prepare(place);
    code = run_outside(place, escape);
    if (code == SBX_PROBE_DID)
        return true;
    if ((escape->flags & SBX_ESCAPE_NEEDS_ROOT) != 0 && !sbx_test_is_root())
        return false;
    if ((escape->flags & SBX_ESCAPE_MAY_LACK) != 0)
        return false;
    fail_msg("outside, %s must be possible, but is %s", escape->attempt[0], answer_word(code));
    return false;
}

static void check_record(const sbx_test_place *place, const sbx_test_escape *escape,
                         const sbx_test_outcome *outcome)
{
    json_t *rows;

    if (escape->record_op == NULL)
        return;
    rows = sbx_test_audit_denials(place, sbx_test_word(outcome, "run_id"));
    if (sbx_test_find_denial(rows, escape->record_op, escape->record_target) == NULL) {
        char *text = json_dumps(rows, JSON_COMPACT);

        print_error("rows: %s\n", text);
        free(text);
        json_decref(rows);
        fail_msg("%s was denied but there is no row %s %s", escape->attempt[0], escape->record_op,
                 escape->record_target != NULL ? escape->record_target : "*");
    }
    json_decref(rows);
}

void sbx_test_try_escape(const sbx_test_place *place, const sbx_test_escape *escape)
{
    bool is_controlled = check_outside(place, escape);
    bool may_be_absent = (escape->flags & SBX_ESCAPE_HIDDEN) != 0 || !is_controlled;
    sbx_test_outcome outcome;
    int code;

    if (escape->prepare != NULL)
        escape->prepare(place);
    run_inside(&outcome, place, escape);
    code = outcome.exit_code;
    if (code != SBX_PROBE_DENIED && !(code == SBX_PROBE_ABSENT && may_be_absent)) {
        print_error("inside: %s%s", outcome.out, outcome.err);
        fail_msg("inside, %s %s must be DENIED, but is %s (exit %d)", escape->attempt[0],
                 escape->attempt[1] != NULL ? escape->attempt[1] : "", answer_word(code), code);
    }
    if (code == SBX_PROBE_DENIED && is_controlled)
        check_record(place, escape, &outcome);
    sbx_test_outcome_done(&outcome);
}

int sbx_test_probe_inside(const sbx_test_place *place, const char *const *options,
                          const char *const *attempt)
{
    sbx_test_escape escape = {.attempt = attempt, .options = options};
    sbx_test_outcome outcome;
    int code;

    run_inside(&outcome, place, &escape);
    code = outcome.exit_code;
    print_message("inside: %s", outcome.out);
    sbx_test_outcome_done(&outcome);
    return code;
}

void sbx_test_ping(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    assert_int_equal(sbx_test_probe_outside(place, SBX_LIST("ping")), SBX_PROBE_DID);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(place->probe, "ping"));
    sbx_test_expect(&outcome, 0, "ok", NULL);
    assert_string_equal(outcome.out, "ping: DID\n");
    assert_string_equal(outcome.err, "");
    sbx_test_outcome_done(&outcome);
}

int sbx_test_place_setup(void **state)
{
    sbx_test_place *place = calloc(1, sizeof(*place));

    if (place == NULL)
        return -1;
    sbx_test_place_make(place);
    *state = place;
    return 0;
}

int sbx_test_place_teardown(void **state)
{
    sbx_test_place_remove(*state);
    free(*state);
    return 0;
}
