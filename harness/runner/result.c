/* The result of a run as JSON: --result's contract, documented in docs/exit-codes.md. */
#include <stdlib.h>
#include <string.h>

#include "audit/denial_json.h"
#include "harness/base/clock.h"
#include "harness/base/json.h"
#include "harness/runner/runner.h"

static void add_known(sbx_json *json, const char *key, uint64_t value)
{
    if (value == SBX_UNLIMITED)
        sbx_json_null(json, key);
    else
        sbx_json_unsigned(json, key, value);
}

/* Key names carry the unit, as the fields of sbx_limits do. */
static const char *limit_unit(sbx_limit_kind kind)
{
    switch (kind) {
    case SBX_LIMIT_MEMORY:
    case SBX_LIMIT_SWAP:
    case SBX_LIMIT_FILE_SIZE:
    case SBX_LIMIT_OUTPUT:
        return "bytes";
    case SBX_LIMIT_CPUS:
        return "milli";
    case SBX_LIMIT_CPU:
    case SBX_LIMIT_WALL:
    case SBX_LIMIT_IDLE:
        return "ns";
    default:
        return "count";
    }
}

static void add_limits(sbx_json *json, const sbx_result *result, const sbx_plan *plan)
{
    sbx_json_open_object(json, "limits");
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        if (plan->limits.value[kind] == SBX_UNLIMITED)
            continue;
        sbx_json_open_object(json, sbx_limit_word((sbx_limit_kind)kind));
        sbx_json_unsigned(json, limit_unit((sbx_limit_kind)kind), plan->limits.value[kind]);
        sbx_json_string(json, "enforced_by", sbx_enforcer_word(result->enforcers[kind]));
        sbx_json_bool(json, "reached",
                      result->events.killed_for[kind] || result->events.reached[kind]);
        sbx_json_close_object(json);
    }
    sbx_json_close_object(json);
}

static void add_usage(sbx_json *json, const sbx_result *result)
{
    const sbx_usage *usage = &result->usage;

    sbx_json_open_object(json, "usage");
    sbx_json_unsigned(json, "wall_ns", result->wall_ns);
    add_known(json, "user_ns", usage->user_ns);
    add_known(json, "system_ns", usage->system_ns);
    add_known(json, "memory_peak_bytes", usage->memory_peak_bytes);
    add_known(json, "processes_peak", usage->processes_peak_count);
    add_known(json, "io_read_bytes", usage->io_read_bytes);
    add_known(json, "io_write_bytes", usage->io_write_bytes);
    add_known(json, "output_bytes", result->output_bytes);
    sbx_json_bool(json, "output_truncated", result->output_truncated);
    sbx_json_unsigned(json, "leaked_procs", result->leaked_processes);
    sbx_json_unsigned(json, "processes", result->processes_count);
    sbx_json_close_object(json);
}

/* A command can choose names that take six times their length in JSON. */
enum { DENIALS_IN_RESULT = 1000, DENIAL_BYTES_IN_RESULT = 1 << 20 };

static void add_denials(sbx_json *json, const sbx_result *result)
{
    size_t count = result->denials == NULL ? 0 : sbx_denials_count(result->denials), i;
    size_t end = json->out->bytes + DENIAL_BYTES_IN_RESULT;

    sbx_json_unsigned(json, "denied_total",
                      result->denials == NULL ? 0 : sbx_denials_total(result->denials));
    sbx_json_unsigned(json, "denied_lost",
                      result->denials == NULL ? 0 : sbx_denials_lost(result->denials));
    sbx_json_open_array(json, "denials");
    for (i = 0; i < count && i < DENIALS_IN_RESULT && json->out->bytes < end; i++)
        sbx_denial_to_json(json, sbx_denials_get(result->denials, i));
    sbx_json_close_array(json);
    sbx_json_bool(json, "denials_cut", i < count);
    if (result->learned != NULL)
        sbx_json_unsigned(json, "learned", sbx_denials_count(result->learned));
}

static void add_error(sbx_json *json, const char *key, const sbx_error *error)
{
    sbx_json_open_object(json, key);
    sbx_json_string(json, "status", sbx_status_word(error->status));
    sbx_json_string(json, "step", sbx_step_word(error->step));
    sbx_json_signed(json, "os_code", error->os_code);
    sbx_json_bytes(json, "message", error->message, strlen(error->message));
    sbx_json_close_object(json);
}

static void add_words(sbx_json *json, const char *key, const sbx_text *commas)
{
    const char *at = sbx_text_string(commas);

    sbx_json_open_array(json, key);
    while (*at != '\0') {
        size_t bytes = strcspn(at, ",");

        sbx_json_bytes(json, NULL, at, bytes);
        at += bytes + (at[bytes] == ',');
    }
    sbx_json_close_array(json);
}

sbx_status sbx_result_to_json(sbx_text *out, const sbx_result *result, const sbx_plan *plan,
                              sbx_error *err)
{
    const sbx_events *events = &result->events;
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_unsigned(&json, "version", 1);
    sbx_json_string(&json, "run_id", result->run_id);
    sbx_json_string(&json, "status", sbx_outcome_word(result->verdict.outcome));
    sbx_json_string(&json, "reason", result->verdict.reason);
    sbx_json_signed(&json, "exit_code", result->verdict.exit_code);
    if (events->has_exit)
        sbx_json_signed(&json, "command_exit_code", events->exit_code);
    else
        sbx_json_null(&json, "command_exit_code");
    if (result->verdict.signal != 0)
        sbx_json_signed(&json, "signal", result->verdict.signal);
    else
        sbx_json_null(&json, "signal");
    sbx_json_unsigned(&json, "started_us", result->started_us);
    sbx_json_unsigned(&json, "ended_us", result->ended_us);
    add_usage(&json, result);
    sbx_samples_to_json(&json, "samples", result->samples);
    add_limits(&json, result, plan);
    sbx_json_string(&json, "enforcement", result->is_partial ? "partial" : "full");
    add_words(&json, "missing", &result->missing);
    add_words(&json, "walls", &result->walls);
    sbx_json_string(&json, "network", sbx_network_word(plan->network));
    sbx_json_string(&json, "identity", sbx_identity_word(plan->identity));
    sbx_json_string(&json, "policy", plan->policy_name);
    add_denials(&json, result);
    sbx_json_string(&json, "audit_sources", result->audit_sources);
    if (result->audit_complete < 0)
        sbx_json_null(&json, "audit_complete");
    else
        sbx_json_bool(&json, "audit_complete", result->audit_complete == 1);
    if (result->audit_failed)
        add_error(&json, "audit_error", &result->audit_error);
    if (events->has_error)
        add_error(&json, "error", &events->error);
    sbx_json_close_object(&json);
    return sbx_text_check(out, err);
}

void sbx_result_done(sbx_result *result)
{
    sbx_text_done(&result->missing);
    sbx_text_done(&result->walls);
    sbx_denials_free(result->denials);
    sbx_denials_free(result->learned);
    free(result->samples);
    result->denials = result->learned = NULL;
    result->samples = NULL;
}
