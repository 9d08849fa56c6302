/* The options of `sbx batch run`, each into its field; what is a task's becomes defaults of the manifest. */
#include "harness/cli/batch_request.h"

#include <stdlib.h>
#include <string.h>

#include "audit/store.h"
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/option.h"
#include "harness/cli/secret_patterns.h"

/* What the command line says of every task, until all of it is known. */
typedef struct task_words {
    const char *limits[SBX_LIMIT_COUNT];
    const char *grace, *memory_action, *policy, *redact;
    uint64_t retries;
    bool has_retries;
} task_words;

static sbx_status fail_value(sbx_error *err, const sbx_token *token, const char *why)
{
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--%s: \"%s\" %s",
                          token->option->name, token->value, why);
}

static sbx_status add_label(sbx_batch_request *request, const sbx_token *token, sbx_error *err)
{
    if (strchr(token->value, '=') == NULL || token->value[0] == '=') {
        return fail_value(err, token, "is not of the form KEY=VALUE");
    }
    return sbx_strings_add(&request->labels, token->value, err);
}

static sbx_status set_number(uint32_t *out, const sbx_token *token, uint64_t most, sbx_error *err)
{
    uint64_t value = 0;
    sbx_status status = sbx_parse_count(&value, token->option->name, token->value, err);

    if (status == SBX_OK && value > most) {
        return fail_value(err, token, "is too many");
    }
    *out = (uint32_t)value;
    return status;
}

static sbx_status set_retries(task_words *words, const sbx_token *token, sbx_error *err)
{
    words->has_retries = true;
    if (strcmp(token->value, "0") == 0) {
        words->retries = 0;
        return SBX_OK;
    }
    if (sbx_parse_count(&words->retries, "--retries", token->value, err) != SBX_OK ||
        words->retries > SBX_BATCH_RETRIES_MAX) {
        return fail_value(err, token, "is not a number from 0 to 100");
    }
    return SBX_OK;
}

static sbx_status set_path(sbx_text *out, const sbx_token *token, sbx_error *err)
{
    sbx_text_clear(out);
    if (token->value[0] == '\0') {
        return fail_value(err, token, "is empty");
    }
    return sbx_caller_absolute(out, token->value, err);
}

static void set_flag(sbx_batch_request *request, sbx_option_id id)
{
    switch (id) {
    case SBX_OPTION_LINES:
        request->is_lines = true;
        break;
    case SBX_OPTION_RESUME:
        request->options.resume = true;
        break;
    case SBX_OPTION_ALLOW_DEGRADED:
        request->options.allow_degraded = true;
        break;
    case SBX_OPTION_NO_WATCH:
        request->options.watch_denials = false;
        break;
    case SBX_OPTION_DRY_RUN:
        request->dry_run = true;
        break;
    case SBX_OPTION_QUIET:
        request->is_quiet = true;
        break;
    case SBX_OPTION_JSON:
        request->wants_json = true;
        break;
    default:
        request->wants_help = true;
        break;
    }
}

static sbx_status set_choice(sbx_batch_request *request, task_words *words, const sbx_token *token,
                             sbx_error *err)
{
    unsigned index = 0;
    sbx_status status = sbx_option_choose(&index, token->option, token->value, err);

    if (token->option->id == SBX_OPTION_MEM_ACTION) {
        words->memory_action = token->value;
    } else if (token->option->id == SBX_OPTION_PROGRESS) {
        request->progress = (sbx_progress_mode)index;
    } else {
        request->options.audit_required = index == 0;
    }
    return status;
}

static sbx_status read_option(sbx_batch_request *request, task_words *words, const sbx_token *token,
                              sbx_error *err)
{
    sbx_batch_options *options = &request->options;

    if (token->option->argument == NULL) {
        set_flag(request, token->option->id);
        return SBX_OK;
    }
    if (token->option->id <= SBX_OPTION_OUTPUT) {
        words->limits[token->option->id] = token->value;
        return SBX_OK;
    }
    switch (token->option->id) {
    case SBX_OPTION_GRACE:
        words->grace = token->value;
        return SBX_OK;
    case SBX_OPTION_POLICY:
        words->policy = token->value;
        return SBX_OK;
    case SBX_OPTION_RETRIES:
        return set_retries(words, token, err);
    case SBX_OPTION_JOBS:
        return set_number(&options->jobs, token, 1024, err);
    case SBX_OPTION_HOST_MEM:
        return sbx_parse_size(&options->memory_bytes, "--host-mem", token->value, err);
    case SBX_OPTION_HALT:
        return sbx_batch_halt_parse(&options->halt, token->value, err);
    case SBX_OPTION_TIMEOUT_BATCH:
        return sbx_parse_duration(&options->timeout_ns, "--timeout-batch", token->value, err);
    case SBX_OPTION_RERUN:
        options->rerun = token->value;
        return SBX_OK;
    case SBX_OPTION_OUT:
        return set_path(&request->out_dir, token, err);
    case SBX_OPTION_AUDIT_DB:
        return set_path(&request->audit_path, token, err);
    case SBX_OPTION_REDACT:
        words->redact = token->value;
        return SBX_OK;
    case SBX_OPTION_SESSION:
        options->session = token->value;
        return SBX_OK;
    case SBX_OPTION_AGENT:
        options->agent = token->value;
        return SBX_OK;
    case SBX_OPTION_LABEL:
        return add_label(request, token, err);
    default:
        return set_choice(request, words, token, err);
    }
}

/* A policy's file is relative to where the command line was typed, not to the manifest. */
static sbx_status add_policy(sbx_json *json, const char *policy, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status status = SBX_OK;

    if (strchr(policy, '/') == NULL && strstr(policy, ".json") == NULL) {
        sbx_json_string(json, "policy", policy);
        return SBX_OK;
    }
    status = sbx_caller_absolute(&path, policy, err);
    sbx_json_string(json, "policy", sbx_text_string(&path));
    sbx_text_done(&path);
    return status;
}

static sbx_status write_overrides(sbx_batch_request *request, const task_words *words,
                                  sbx_error *err)
{
    bool has_limits = words->grace != NULL || words->memory_action != NULL;
    sbx_status status = SBX_OK;
    sbx_json json;

    sbx_json_init(&json, &request->overrides);
    sbx_json_open_object(&json, NULL);
    if (words->policy != NULL) {
        status = add_policy(&json, words->policy, err);
    }
    if (words->has_retries) {
        sbx_json_unsigned(&json, "retries", words->retries);
    }
    for (int i = 0; i < SBX_LIMIT_COUNT; i++) {
        has_limits = has_limits || words->limits[i] != NULL;
    }
    if (has_limits) {
        sbx_json_open_object(&json, "limits");
        for (int i = 0; i < SBX_LIMIT_COUNT; i++) {
            if (words->limits[i] != NULL) {
                sbx_json_string(&json, sbx_limit_word((sbx_limit_kind)i), words->limits[i]);
            }
        }
        if (words->grace != NULL) {
            sbx_json_string(&json, "grace", words->grace);
        }
        if (words->memory_action != NULL) {
            sbx_json_string(&json, "memory_action", words->memory_action);
        }
        sbx_json_close_object(&json);
    }
    sbx_json_close_object(&json);
    return status == SBX_OK ? sbx_text_check(&request->overrides, err) : status;
}

static sbx_status find_audit_path(sbx_batch_request *request, sbx_error *err)
{
    char *found = NULL;
    sbx_status status = SBX_OK;

    if (request->audit_path.bytes == 0) {
        status = sbx_store_default_path(&found, err);
        if (status == SBX_OK) {
            status = sbx_caller_absolute(&request->audit_path, found, err);
        }
        free(found);
    }
    request->options.audit_path =
        request->audit_path.bytes == 0 ? NULL : sbx_text_string(&request->audit_path);
    return status == SBX_OK || request->options.audit_required ? status : SBX_OK;
}

static sbx_status finish(sbx_batch_request *request, const task_words *words, sbx_error *err)
{
    sbx_batch_options *options = &request->options;

    if (options->resume && options->rerun != NULL) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--resume and --rerun cannot be asked for at once");
    }
    if ((options->resume || options->rerun != NULL) && request->out_dir.bytes == 0) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--%s needs the directory with the results — add --out DIR",
                              options->resume ? "resume" : "rerun");
    }
    options->out_dir = request->out_dir.bytes == 0 ? NULL : sbx_text_string(&request->out_dir);
    options->environment = sbx_caller_environment();
    request->label_list = calloc(request->labels.count + 1, sizeof(*request->label_list));
    if (request->label_list == NULL) {
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_OPTIONS, "no memory");
    }
    for (size_t i = 0; i < request->labels.count; i++) {
        request->label_list[i] = request->labels.item[i];
    }
    options->labels = request->label_list;
    if (find_audit_path(request, err) != SBX_OK ||
        sbx_secret_patterns_load(&request->redaction, words->redact, err) != SBX_OK) {
        return err->status;
    }
    options->redaction = request->redaction;
    return write_overrides(request, words, err);
}

sbx_status sbx_batch_request_read(sbx_batch_request *request, int argc, char **argv, sbx_error *err)
{
    task_words words = {0};
    sbx_option_reader reader;
    sbx_token token;

    memset(request, 0, sizeof(*request));
    request->options.audit_required = true;
    request->options.watch_denials = true;
    sbx_option_reader_init(&reader, SBX_COMMAND_BATCH_RUN, argc, argv);
    for (;;) {
        sbx_status status = sbx_option_next(&token, &reader, err);

        if (status == SBX_OK && token.kind == SBX_TOKEN_END) {
            break;
        }
        if (status == SBX_OK && token.kind == SBX_TOKEN_OPERAND) {
            if (request->manifest != NULL) {
                return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                                      "\"%s\" is one operand too many", token.value);
            }
            request->manifest = token.value;
        } else if (status == SBX_OK) {
            status = read_option(request, &words, &token, err);
        }
        if (status != SBX_OK) {
            return status;
        }
    }
    if (request->wants_help) {
        return SBX_OK;
    }
    if (request->manifest == NULL) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "no manifest is given — " SBX_PROGRAM_NAME
                              " batch run [OPTION…] MANIFEST, or - for stdin");
    }
    return finish(request, &words, err);
}

void sbx_batch_request_done(sbx_batch_request *request)
{
    sbx_text_done(&request->overrides);
    sbx_text_done(&request->out_dir);
    sbx_text_done(&request->audit_path);
    sbx_redaction_free(request->redaction);
    sbx_strings_done(&request->labels);
    free(request->label_list);
    memset(request, 0, sizeof(*request));
}
