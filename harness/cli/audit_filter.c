/* Filters from the command line; see audit_filter.h. */
#include "harness/cli/audit_filter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/index.h"
#include "harness/base/clock.h"
#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/message.h"

enum { BUSY_S = 10 };

/* So many decimal digits, and what must follow them. */
static bool take_digits(int *out, const char **at, int digits, const char *then)
{
    *out = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *out = *out * 10 + (**at - '0');
    }
    if (then[0] != '\0' && (**at == '\0' || strchr(then, **at) == NULL)) {
        return false;
    }
    *at += then[0] != '\0';
    return true;
}

/* "2026-01-31", then nothing, or " 14:30", or "T14:30:05", each with a Z or without. */
static bool read_date(struct tm *out, bool *out_is_utc, const char *text)
{
    const char *at = text;

    memset(out, 0, sizeof(*out));
    if (!take_digits(&out->tm_year, &at, 4, "-") || !take_digits(&out->tm_mon, &at, 2, "-") ||
        !take_digits(&out->tm_mday, &at, 2, "")) {
        return false;
    }
    if (*at == 'T' || *at == ' ') {
        at++;
        if (!take_digits(&out->tm_hour, &at, 2, ":") || !take_digits(&out->tm_min, &at, 2, "")) {
            return false;
        }
        if (*at == ':') {
            at++;
            if (!take_digits(&out->tm_sec, &at, 2, "")) {
                return false;
            }
        }
    }
    *out_is_utc = *at == 'Z';
    at += *at == 'Z';
    out->tm_year -= 1900;
    out->tm_mon -= 1;
    out->tm_isdst = -1;
    return *at == '\0';
}

static bool to_time(time_t *out, struct tm date, bool is_utc)
{
    struct tm asked = date;

    *out = is_utc ? sbx_clock_from_utc(&date) : mktime(&date);
    /* The 31st of February would be the 3rd of March. */
    return *out >= 0 && date.tm_mday == asked.tm_mday && date.tm_mon == asked.tm_mon &&
           asked.tm_hour < 24 && asked.tm_min < 60 && asked.tm_sec < 60;
}

/* "7d": durations of limits have no days, but logs have. */
static bool read_days(uint64_t *out_ns, const char *text)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || strcmp(text + digits, "d") != 0) {
        return false;
    }
    *out_ns = strtoull(text, NULL, 10) * 86400 * SBX_NS_PER_S;
    return true;
}

sbx_status sbx_audit_time_parse(uint64_t *out_us, const char *option, const char *text,
                                uint64_t now_us, sbx_error *err)
{
    uint64_t ns = 0;
    struct tm date;
    bool is_utc = false;
    time_t seconds = 0;

    if (strlen(text) >= 10 && text[4] == '-') {
        if (!read_date(&date, &is_utc, text) || !to_time(&seconds, date, is_utc)) {
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                                  "%s: \"%s\" is no point in time (expected a form like 2h, "
                                  "2026-01-31, \"2026-01-31 14:30\" or 2026-01-31T14:30:00Z)",
                                  option, text);
        }
        *out_us = (uint64_t)seconds * 1000000;
        return SBX_OK;
    }
    if (!read_days(&ns, text) && sbx_parse_duration(&ns, option, text, NULL) != SBX_OK) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "%s: \"%s\" is no point in time (expected a form like 90s, 2h, 7d, "
                              "2026-01-31 or 2026-01-31T14:30:00Z)",
                              option, text);
    }
    *out_us = ns / SBX_NS_PER_US < now_us ? now_us - ns / SBX_NS_PER_US : 0;
    return SBX_OK;
}

static sbx_status take_limit(sbx_query_filter *filter, const char *value, sbx_error *err)
{
    sbx_status status = sbx_parse_count(&filter->limit, "--limit", value, err);

    if (status == SBX_OK && filter->limit == UINT64_MAX) {
        filter->limit = 0;
    }
    return status;
}

/* "80%" or "80": of the memory limit. */
static sbx_status take_share(sbx_query_filter *filter, const char *value, sbx_error *err)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t number = 0;

    for (size_t i = 0; i < digits && i < 7; i++) {
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    if (digits == 0 || digits > 6 || number == 0 ||
        (value[digits] != '\0' && strcmp(value + digits, "%") != 0)) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--mem-over: \"%s\" is no share of the memory limit (expected a form "
                              "like 80%%, from 1%% to 999999%%)",
                              value);
    }
    filter->mem_over_percent = number;
    return SBX_OK;
}

static sbx_status take_label(sbx_query_filter *filter, const char *value, sbx_error *err)
{
    if (value[0] == '\0' || value[0] == '=') {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--label: \"%s\" has no key (expected a form like KEY=VALUE or KEY)",
                              value);
    }
    if (filter->label_count == SBX_FILTER_LABELS_MAX) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--label: more than %d of them",
                              SBX_FILTER_LABELS_MAX);
    }
    filter->labels[filter->label_count++] = value;
    return SBX_OK;
}

static sbx_status take_user(sbx_query_filter *filter, const char *value, sbx_error *err)
{
    unsigned number = 0;

    if (!sbx_caller_find_user(&number, value)) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--user: \"%s\" is no user of this system and no number", value);
    }
    filter->has_user = true;
    filter->user = number;
    return SBX_OK;
}

/* What an empty word would ask for is nothing, or everything: not what was meant. */
static sbx_status take_word(const char **out, const sbx_token *token, sbx_error *err)
{
    if (token->value[0] == '\0') {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--%s: is empty (expected %s)",
                              token->option->name, token->option->argument);
    }
    *out = token->value;
    return SBX_OK;
}

sbx_status sbx_audit_filter_take(bool *out_taken, sbx_query_filter *filter, const sbx_token *token,
                                 sbx_error *err)
{
    unsigned index = 0;

    *out_taken = true;
    switch (token->option->id) {
    case SBX_OPTION_SINCE:
        return sbx_audit_time_parse(&filter->since_us, "--since", token->value, sbx_clock_utc_us(),
                                    err);
    case SBX_OPTION_UNTIL:
        return sbx_audit_time_parse(&filter->until_us, "--until", token->value, sbx_clock_utc_us(),
                                    err);
    case SBX_OPTION_LIMIT:
        return take_limit(filter, token->value, err);
    case SBX_OPTION_DENIED:
        filter->denied_only = true;
        return SBX_OK;
    case SBX_OPTION_STATUS:
        filter->status = token->value;
        return sbx_option_choose(&index, token->option, token->value, err);
    case SBX_OPTION_REASON:
        return take_word(&filter->reason, token, err);
    case SBX_OPTION_USER:
        return take_user(filter, token->value, err);
    case SBX_OPTION_LABEL:
        return take_label(filter, token->value, err);
    case SBX_OPTION_SESSION:
        return take_word(&filter->session, token, err);
    case SBX_OPTION_AGENT:
        return take_word(&filter->agent, token, err);
    case SBX_OPTION_BATCH:
        return take_word(&filter->batch, token, err);
    case SBX_OPTION_EXE:
        return take_word(&filter->exe, token, err);
    case SBX_OPTION_PATH:
        return take_word(&filter->path, token, err);
    case SBX_OPTION_MEM_OVER:
        return take_share(filter, token->value, err);
    default:
        *out_taken = false;
        return SBX_OK;
    }
}

sbx_status sbx_audit_open(sbx_store **out, const char *path, sbx_error *err)
{
    const sbx_store_options options = {.read_only = true, .busy_ns = BUSY_S * SBX_NS_PER_S};
    char *usual = NULL;
    sbx_status status = SBX_OK;

    *out = NULL;
    if (path == NULL) {
        status = sbx_store_default_path(&usual, err);
    }
    if (status == SBX_OK) {
        status = sbx_store_open(out, path == NULL ? usual : path, &options, err);
    }
    free(usual);
    return status;
}

typedef struct index_progress {
    uint64_t began_ns;
    bool has_said;
} index_progress;

static void tell_progress(void *context, uint64_t done_runs, uint64_t all_runs)
{
    index_progress *self = context;

    (void)done_runs;
    (void)all_runs;
    if (!self->has_said && sbx_clock_monotonic_ns() - self->began_ns > SBX_NS_PER_S) {
        sbx_message("making the index of this database; it takes a while, and only once");
        self->has_said = true;
    }
}

void sbx_audit_use_index(sbx_store *store)
{
    index_progress progress = {.began_ns = sbx_clock_monotonic_ns()};
    sbx_index_options options = {
        .from_runs = SBX_INDEX_FROM_RUNS, .progress = tell_progress, .context = &progress};
    sbx_error why = {0};
    sbx_text directory = {0};

    if (sbx_store_state_folder(&directory, &why) == SBX_OK) {
        options.directory = sbx_text_string(&directory);
        if (!sbx_index_attach(store, &options, &why) && why.status != SBX_OK) {
            sbx_message_error("without an index, this may take long", &why);
        }
    }
    sbx_text_done(&directory);
}
