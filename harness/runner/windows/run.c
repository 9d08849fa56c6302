/* The runner on Windows, of which only the refusal exists: nothing is started that could not be held. */
#include <string.h>

#include "harness/base/clock.h"
#include "harness/runner/runner.h"

void sbx_run(sbx_result *result, const sbx_plan *plan, const sbx_run_options *options)
{
    (void)options;
    memset(result, 0, sizeof(*result));
    memcpy(result->run_id, plan->run_id, sizeof(result->run_id));
    sbx_usage_init(&result->usage);
    result->started_us = result->ended_us = sbx_clock_utc_us();
    result->audit_complete = 1; /* nothing ran: nothing can be missing */
    result->output_bytes = SBX_UNLIMITED;
    result->events.has_error = true;
    (void)sbx_fail_plain(&result->events.error, SBX_REFUSED, SBX_STEP_SPAWN,
                         "this sbx cannot start commands on Windows yet: --dry-run shows the plan");
    result->verdict = sbx_verdict_of(&result->events);
}

void sbx_result_done(sbx_result *result)
{
    sbx_text_done(&result->missing);
    sbx_text_done(&result->walls);
    sbx_denials_free(result->denials);
    result->denials = NULL;
}
