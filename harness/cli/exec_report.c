/* Limits, signals, denials and what was not enforced, each in a line. */
#include "harness/cli/exec_report.h"

#include <string.h>

#include "audit/denial_json.h"
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"

enum { SUMMARY_LINES = 5 };

static void add_limit_value(sbx_text *out, sbx_limit_kind kind, uint64_t value)
{
    switch (kind) {
    case SBX_LIMIT_MEMORY:
    case SBX_LIMIT_SWAP:
    case SBX_LIMIT_FILE_SIZE:
    case SBX_LIMIT_OUTPUT:
        sbx_format_size(out, value);
        break;
    case SBX_LIMIT_CPU:
    case SBX_LIMIT_WALL:
    case SBX_LIMIT_IDLE:
        sbx_format_duration(out, value);
        break;
    default:
        sbx_text_add_format(out, "%llu", (unsigned long long)value);
        break;
    }
}

/* The option of a limit: they share their order, see exec_request.c. */
static const char *limit_option(sbx_limit_kind kind)
{
    for (size_t i = 0; i < sbx_options_count; i++) {
        if (sbx_options[i].id == (sbx_option_id)kind) {
            return sbx_options[i].name;
        }
    }
    return "";
}

static void add_limit(sbx_text *out, const sbx_result *result, const sbx_plan *plan)
{
    for (unsigned kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        bool is_ours = result->verdict.exit_code == 124 || result->verdict.exit_code == 137;

        if (strcmp(sbx_limit_word((sbx_limit_kind)kind), result->verdict.reason) != 0) {
            continue;
        }
        sbx_text_add_format(out, SBX_PROGRAM_NAME ": %s limit reached (--%s ",
                            result->verdict.reason, limit_option((sbx_limit_kind)kind));
        add_limit_value(out, (sbx_limit_kind)kind, plan->limits.value[kind]);
        sbx_text_add_format(out, "); the command %s\n", is_ours ? "was stopped" : "failed");
        return;
    }
}

static void add_end(sbx_text *out, const sbx_result *result, const sbx_plan *plan)
{
    const sbx_events *events = &result->events;

    switch (result->verdict.outcome) {
    case SBX_OUTCOME_LIMIT:
        add_limit(out, result, plan);
        break;
    case SBX_OUTCOME_SIGNAL:
        if (events->cancelled_by == 0) {
            sbx_text_add_format(
                out, SBX_PROGRAM_NAME ": the command was killed by signal %d (%s)\n",
                result->verdict.signal, sbx_caller_signal_name(result->verdict.signal));
        }
        break;
    case SBX_OUTCOME_REFUSED:
    case SBX_OUTCOME_ERROR:
    case SBX_OUTCOME_LOST:
        sbx_message_format(out, NULL, &events->error);
        break;
    case SBX_OUTCOME_OK:
    case SBX_OUTCOME_NONZERO:
        break;
    }
}

static void add_denial_line(sbx_text *out, const sbx_denial *denial)
{
    sbx_text_add_format(out, SBX_PROGRAM_NAME ": denied %s ", denial->op);
    sbx_text_add_escaped(out, denial->target, denial->target_bytes);
    if (denial->rule != NULL && denial->rule[0] != '\0') {
        sbx_text_add(out, " (");
        sbx_text_add_escaped(out, denial->rule, strlen(denial->rule));
        sbx_text_add(out, ")");
    }
    if (denial->count > 1) {
        sbx_text_add_format(out, ", %llu times", (unsigned long long)denial->count);
    }
    sbx_text_add(out, "\n");
}

/* At most SUMMARY_LINES lines; the last one says where the rest is. */
static void add_denial_summary(sbx_text *out, const sbx_result *result, const sbx_plan *plan)
{
    size_t count = sbx_denials_count(result->denials);
    size_t shown = count > SUMMARY_LINES ? SUMMARY_LINES - 1 : count;
    uint64_t more = sbx_denials_total(result->denials);

    for (size_t i = 0; i < shown; i++) {
        const sbx_denial *denial = sbx_denials_get(result->denials, i);

        more -= denial->count;
        add_denial_line(out, denial);
    }
    if (shown < count) {
        sbx_text_add_format(out, SBX_PROGRAM_NAME ": %llu more denied", (unsigned long long)more);
        if (plan->audit_path != NULL && !result->audit_failed) {
            sbx_text_add_format(out, ", see `" SBX_PROGRAM_NAME " audit denials %s`",
                                result->run_id);
        }
        sbx_text_add(out, "\n");
    }
}

/* Room for 10,000 usual ones; longer names leave less. */
enum { DENIAL_BYTES_SHOWN = 4 << 20 };

static void add_denial_json(sbx_text *out, const sbx_result *result)
{
    size_t count = sbx_denials_count(result->denials);
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (size_t i = 0; i < count && out->bytes < DENIAL_BYTES_SHOWN; i++) {
        sbx_denial_to_json(&json, sbx_denials_get(result->denials, i));
    }
    sbx_json_close_array(&json);
    sbx_text_add(out, "\n");
}

static void add_denials(sbx_text *out, const sbx_result *result, const sbx_plan *plan,
                        const sbx_exec_request *request)
{
    sbx_denials_shown shown = request->denials;

    if (result->denials == NULL || shown == SBX_DENIALS_OFF) {
        return;
    }
    if (shown == SBX_DENIALS_JSON) {
        add_denial_json(out, result);
    } else if (shown == SBX_DENIALS_SUMMARY ||
               (!request->is_quiet && result->verdict.outcome != SBX_OUTCOME_OK)) {
        add_denial_summary(out, result, plan);
    }
}

void sbx_exec_report(sbx_text *out, const sbx_result *result, const sbx_plan *plan,
                     const sbx_exec_request *request)
{
    bool has_failed = result->verdict.outcome == SBX_OUTCOME_ERROR ||
                      result->verdict.outcome == SBX_OUTCOME_REFUSED;

    if (request->wants_json) {
        (void)!sbx_result_to_json(out, result, plan, NULL);
        sbx_text_add(out, "\n");
        return;
    }
    if (!request->is_quiet || has_failed) {
        add_end(out, result, plan);
    }
    add_denials(out, result, plan, request);
    if (result->learned != NULL && !has_failed && !request->is_quiet) {
        sbx_text_add_format(out,
                            SBX_PROGRAM_NAME ": learned of %zu changes outside of the writable "
                                             "directories, see `" SBX_PROGRAM_NAME
                                             " policy from-run %s`\n",
                            sbx_denials_count(result->learned), result->run_id);
    }
    if (!request->is_quiet && !has_failed) {
        if (result->is_partial) {
            sbx_text_add(out, plan->learns || plan->allows_everyone
                                  ? SBX_PROGRAM_NAME ": not enforced: "
                                  : SBX_PROGRAM_NAME ": not enforced on this host: ");
            sbx_text_add(out, sbx_text_string(&result->missing));
            sbx_text_add(out, "\n");
        }
        if (result->audit_failed) {
            sbx_message_format(out, "this run is not fully recorded", &result->audit_error);
        }
    }
}
