/* The options of `sbx exec`, each into its field; then the fields onto a policy. */
#include "harness/cli/exec_request.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/option.h"

_Static_assert(SBX_OPTION_MEM == (int)SBX_LIMIT_MEMORY &&
                   SBX_OPTION_OUTPUT == (int)SBX_LIMIT_OUTPUT &&
                   SBX_OPTION_OUTPUT + 1 == (int)SBX_LIMIT_COUNT,
               "the limits' options stand in the order of the limits");

typedef sbx_status parse_value(uint64_t *out, const char *option, const char *text, sbx_error *err);

static const struct {
    parse_value *parse;
    bool may_be_zero;
} limit_forms[SBX_LIMIT_COUNT] = {
    [SBX_LIMIT_MEMORY] = {sbx_parse_size, false},
    [SBX_LIMIT_SWAP] = {sbx_parse_size, true},
    [SBX_LIMIT_CPUS] = {sbx_parse_cpus, false},
    [SBX_LIMIT_CPU] = {sbx_parse_duration, false},
    [SBX_LIMIT_WALL] = {sbx_parse_duration, false},
    [SBX_LIMIT_IDLE] = {sbx_parse_duration, false},
    [SBX_LIMIT_PROCESSES] = {sbx_parse_count, false},
    [SBX_LIMIT_FILE_SIZE] = {sbx_parse_size, true},
    [SBX_LIMIT_FILES] = {sbx_parse_count, false},
    [SBX_LIMIT_OUTPUT] = {sbx_parse_size, true},
};

static sbx_status fail_value(sbx_error *err, const sbx_token *token, const char *why)
{
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--%s: \"%s\" %s",
                          token->option->name, token->value, why);
}

/* "--mem", as messages of the parsers have it. */
static sbx_status parse_named(uint64_t *out, parse_value *parse, const sbx_token *token,
                              sbx_error *err)
{
    sbx_text name = {0};
    sbx_status status;

    sbx_text_add_format(&name, "--%s", token->option->name);
    status = sbx_text_check(&name, err);
    if (status == SBX_OK) {
        status = parse(out, sbx_text_string(&name), token->value, err);
    }
    sbx_text_done(&name);
    return status;
}

static sbx_status read_limit(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    sbx_limit_kind kind = (sbx_limit_kind)token->option->id;
    uint64_t value = 0;
    sbx_status status = parse_named(&value, limit_forms[kind].parse, token, err);

    if (status != SBX_OK) {
        return status;
    }
    if (value == 0 && !limit_forms[kind].may_be_zero) {
        return fail_value(err, token, "is nothing (a limit must be more than 0)");
    }
    request->limits.value[kind] = value;
    request->has_limit[kind] = true;
    return SBX_OK;
}

static sbx_status check_text(const sbx_token *token, sbx_error *err)
{
    if (token->value[0] == '\0') {
        return fail_value(err, token, "is empty");
    }
    if (!sbx_utf8_is_valid(token->value, strlen(token->value))) {
        return fail_value(err, token, "is not valid UTF-8");
    }
    return SBX_OK;
}

static sbx_status make_absolute(sbx_text *out, const sbx_token *token, sbx_error *err)
{
    sbx_status status = check_text(token, err);

    if (status == SBX_OK) {
        status = sbx_caller_absolute(out, token->value, err);
        if (status != SBX_OK) {
            sbx_error_context(err, "--%s", token->option->name);
        }
    }
    return status;
}

static sbx_status add_path(sbx_strings *list, const sbx_token *token, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status status = make_absolute(&path, token, err);

    if (status == SBX_OK) {
        status = sbx_strings_add(list, sbx_text_string(&path), err);
    }
    sbx_text_done(&path);
    return status;
}

/* The last one given counts. */
static sbx_status set_path(char **out, const sbx_token *token, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status status = make_absolute(&path, token, err);

    if (status == SBX_OK) {
        free(*out);
        *out = strdup(sbx_text_string(&path));
        if (*out == NULL) {
            status = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_OPTIONS, "no memory");
        }
    }
    sbx_text_done(&path);
    return status;
}

static sbx_status set_text(const char **out, const sbx_token *token, sbx_error *err)
{
    sbx_status status = check_text(token, err);

    if (status == SBX_OK) {
        *out = token->value;
    }
    return status;
}

static sbx_status add_protected(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    sbx_status status = check_text(token, err);

    if (status != SBX_OK) {
        return status;
    }
    if (strchr(token->value, '/') != NULL) {
        return add_path(&request->protect_paths, token, err);
    }
    if (strcmp(token->value, ".") == 0 || strcmp(token->value, "..") == 0) {
        return fail_value(err, token, "is not a name");
    }
    return sbx_strings_add(&request->protect_names, token->value, err);
}

/* NAME=VALUE, or NAME alone for the caller's value: the plan knows what to do with either. */
static sbx_status add_variable(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    if (token->value[0] == '\0' || token->value[0] == '=') {
        return fail_value(err, token, "has no name (expected NAME or NAME=VALUE)");
    }
    return sbx_strings_add(&request->env, token->value, err);
}

static sbx_status add_label(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    sbx_status status = check_text(token, err);

    if (status != SBX_OK) {
        return status;
    }
    if (strchr(token->value, '=') == NULL || token->value[0] == '=') {
        return fail_value(err, token, "is not of the form KEY=VALUE");
    }
    return sbx_strings_add(&request->labels, token->value, err);
}

static sbx_status set_choice(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    unsigned index = 0;
    sbx_status status = sbx_option_choose(&index, token->option, token->value, err);

    if (status != SBX_OK) {
        return status;
    }
    switch (token->option->id) {
    case SBX_OPTION_MEM_ACTION:
        request->limits.memory_fails = index == 1;
        request->has_memory_action = true;
        return SBX_OK;
    case SBX_OPTION_AUDIT:
        request->audit_best_effort = index == 1;
        return SBX_OK;
    case SBX_OPTION_DENIALS:
        request->denials = index == 0   ? SBX_DENIALS_SUMMARY
                           : index == 1 ? SBX_DENIALS_JSON
                                        : SBX_DENIALS_OFF;
        return SBX_OK;
    case SBX_OPTION_NET:
        request->has_network = true;
        return sbx_network_parse(&request->network, token->value, err);
    default:
        request->has_identity = true;
        return sbx_identity_parse(&request->identity, token->value, err);
    }
}

static sbx_status set_grace(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    sbx_status status = parse_named(&request->limits.grace_ns, sbx_parse_duration, token, err);

    if (status == SBX_OK && request->limits.grace_ns == SBX_UNLIMITED) {
        return fail_value(err, token, "would never end (expected a form like 250ms, 60s or 2m)");
    }
    request->has_grace = true;
    return status;
}

static void set_flag(sbx_exec_request *request, sbx_option_id id)
{
    switch (id) {
    case SBX_OPTION_UNIX_SOCKETS:
        request->unix_sockets = true;
        break;
    case SBX_OPTION_ALLOW_EVERYONE:
        request->allow_everyone = true;
        break;
    case SBX_OPTION_ALLOW_DEGRADED:
        request->allow_degraded = true;
        break;
    case SBX_OPTION_NO_WATCH:
        request->no_watch = true;
        break;
    case SBX_OPTION_LEARN:
        request->learns = true;
        break;
    case SBX_OPTION_ALLOW_UNCONFINED:
        request->allow_unconfined = true;
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

static sbx_status read_option(sbx_exec_request *request, const sbx_token *token, sbx_error *err)
{
    if (token->option->argument == NULL) {
        set_flag(request, token->option->id);
        return SBX_OK;
    }
    if (token->option->id <= SBX_OPTION_OUTPUT) {
        return read_limit(request, token, err);
    }
    switch (token->option->id) {
    case SBX_OPTION_GRACE:
        return set_grace(request, token, err);
    case SBX_OPTION_POLICY:
        return set_text(&request->policy, token, err);
    case SBX_OPTION_WRITE:
        return add_path(&request->write, token, err);
    case SBX_OPTION_READ:
        return add_path(&request->read, token, err);
    case SBX_OPTION_DENY:
        return add_path(&request->deny, token, err);
    case SBX_OPTION_PROTECT:
        return add_protected(request, token, err);
    case SBX_OPTION_UNPROTECT:
        return sbx_strings_add(&request->unprotect, token->value, err);
    case SBX_OPTION_ENV:
        return add_variable(request, token, err);
    case SBX_OPTION_CWD:
        return set_path(&request->cwd, token, err);
    case SBX_OPTION_AUDIT_DB:
        return set_path(&request->audit_path, token, err);
    case SBX_OPTION_REDACT:
        return set_text(&request->redact, token, err);
    case SBX_OPTION_SESSION:
        return set_text(&request->session, token, err);
    case SBX_OPTION_AGENT:
        return set_text(&request->agent, token, err);
    case SBX_OPTION_LABEL:
        return add_label(request, token, err);
    case SBX_OPTION_RESULT:
        return set_text(&request->result, token, err);
    default:
        return set_choice(request, token, err);
    }
}

/* What takes a wall down is said twice, and what is said for nothing is a mistake. */
static sbx_status check_learning(const sbx_exec_request *request, sbx_error *err)
{
    if (request->learns && !request->allow_unconfined) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--learn lets the command write wherever you may, and only records "
                              "it — say --allow-unconfined as well");
    }
    if (request->allow_unconfined && !request->learns) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--allow-unconfined means nothing without --learn");
    }
    if (request->learns && request->no_watch) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--learn and --no-watch cannot be asked for at once");
    }
    return SBX_OK;
}

static sbx_status list_labels(sbx_exec_request *request, sbx_error *err)
{
    if (request->labels.count == 0) {
        return SBX_OK;
    }
    request->label_list = calloc(request->labels.count + 1, sizeof(*request->label_list));
    if (request->label_list == NULL) {
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_OPTIONS, "no memory");
    }
    for (size_t i = 0; i < request->labels.count; i++) {
        request->label_list[i] = request->labels.item[i];
    }
    return SBX_OK;
}

sbx_status sbx_exec_request_read(sbx_exec_request *request, int argc, char **argv, sbx_error *err)
{
    sbx_option_reader reader;
    sbx_token token;

    memset(request, 0, sizeof(*request));
    sbx_limits_init(&request->limits);
    sbx_option_reader_init(&reader, SBX_COMMAND_EXEC, argc, argv);
    for (;;) {
        sbx_status status = sbx_option_next(&token, &reader, err);

        if (status == SBX_OK && token.kind == SBX_TOKEN_END) {
            break;
        }
        if (status == SBX_OK) {
            status = read_option(request, &token, err);
        }
        if (status != SBX_OK) {
            return status;
        }
    }
    request->argv = argv + reader.next;
    if (!request->wants_help && check_learning(request, err) != SBX_OK) {
        return err->status;
    }
    return list_labels(request, err);
}

static sbx_status add_all(sbx_strings *list, const sbx_strings *more, sbx_error *err)
{
    for (size_t i = 0; i < more->count; i++) {
        sbx_status status = sbx_strings_add(list, more->item[i], err);

        if (status != SBX_OK) {
            return status;
        }
    }
    return SBX_OK;
}

/* A name that is not on the list is an error: it was meant to change something, and did not. */
static sbx_status take_off(sbx_strings *list, const char *name, sbx_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->item[i], name) == 0) {
            free(list->item[i]);
        } else {
            list->item[kept++] = list->item[i];
        }
    }
    if (kept == list->count) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--unprotect: \"%s\" is not a name that the policy protects", name);
    }
    list->count = kept;
    return SBX_OK;
}

static void apply_limits(sbx_limits *limits, const sbx_exec_request *request)
{
    for (size_t i = 0; i < SBX_LIMIT_COUNT; i++) {
        if (request->has_limit[i]) {
            limits->value[i] = request->limits.value[i];
        }
    }
    if (request->has_grace) {
        limits->grace_ns = request->limits.grace_ns;
    }
    if (request->has_memory_action) {
        limits->memory_fails = request->limits.memory_fails;
    }
}

sbx_status sbx_exec_request_apply(sbx_policy *policy, const sbx_exec_request *request,
                                  sbx_error *err)
{
    const struct {
        sbx_strings *list;
        const sbx_strings *more;
    } additions[] = {
        {&policy->write, &request->write},           {&policy->read, &request->read},
        {&policy->deny_read, &request->deny},        {&policy->deny_write, &request->protect_paths},
        {&policy->protect, &request->protect_names}, {&policy->env_set, &request->env},
    };
    sbx_status status = SBX_OK;

    for (size_t i = 0; i < request->unprotect.count && status == SBX_OK; i++) {
        status = take_off(&policy->protect, request->unprotect.item[i], err);
    }
    for (size_t i = 0; i < SBX_COUNT_OF(additions) && status == SBX_OK; i++) {
        status = add_all(additions[i].list, additions[i].more, err);
    }
    apply_limits(&policy->limits, request);
    if (request->has_network) {
        policy->network = request->network;
    }
    if (request->has_identity) {
        policy->identity = request->identity;
    }
    policy->unix_sockets = policy->unix_sockets || request->unix_sockets;
    policy->windows_everyone = policy->windows_everyone || request->allow_everyone;
    return status;
}

void sbx_exec_request_done(sbx_exec_request *request)
{
    sbx_strings *lists[] = {&request->write,         &request->read,      &request->deny,
                            &request->protect_paths, &request->unprotect, &request->protect_names,
                            &request->env,           &request->labels};

    for (size_t i = 0; i < SBX_COUNT_OF(lists); i++) {
        sbx_strings_done(lists[i]);
    }
    free(request->label_list);
    free(request->cwd);
    free(request->audit_path);
    memset(request, 0, sizeof(*request));
}
