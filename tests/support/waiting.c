/* See waiting.h. */
#include "tests/support/waiting.h"

#include <unistd.h>

#include "tests/support/test.h"

enum { READY_MS = 10000 };

static const char *word_of(const sbx_test_place *place)
{
    return sbx_test_path(place->root, "go");
}

void sbx_test_waiting_begin(sbx_test_child *child, const sbx_test_place *place,
                            sbx_test_aftermath *after)
{
    const char *script = sbx_test_text("echo begun; while [ ! -e %s ]; do sleep 0.05; done; "
                                       "%s deny-many %s 3000 200 > /dev/null; exit 7",
                                       word_of(place), place->probe, place->outside);
    sbx_test_request request = {.options = SBX_LIST("--wall", "30s"),
                                .command = SBX_LIST("/bin/sh", "-c", script)};

    (void)unlink(word_of(place));
    sbx_test_aftermath_start(after, child, place, &request);
    if (!sbx_test_wait_output(child, "begun", READY_MS))
        fail_msg("the command did not begin");
}

bool sbx_test_is_told(const sbx_test_outcome *outcome)
{
    bool in_result = json_object_get(outcome->result, "audit_error") != NULL;
    bool on_stderr = strstr(outcome->err, "not fully recorded") != NULL;

    if (in_result != on_stderr)
        fail_msg("that the record is not whole is said in the result: %d, on stderr: %d: %s",
                 in_result, on_stderr, outcome->err);
    return in_result;
}

void sbx_test_waiting_expect(sbx_test_child *child, const sbx_test_place *place,
                             const sbx_test_aftermath *after, bool is_told)
{
    sbx_test_outcome outcome;

    sbx_test_write(word_of(place), "");
    sbx_test_finish(&outcome, child, 2 * SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(&outcome, 7, "nonzero", NULL);
    if (sbx_test_is_told(&outcome) != is_told)
        fail_msg("that the record is not whole is said: %d; %s", !is_told, outcome.err);
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check_host(after, place);
}
