/* Expectations: their forms, and the judgement. */
#include "harness/batch/expect.h"

#include <string.h>

#include "harness/base/sha256.h"
#include "harness/base/units.h"
#include "harness/batch/pattern.h"

static const char *const verdict_words[SBX_BATCH_VERDICT_COUNT] = {
    [SBX_BATCH_PASS] = "pass",           [SBX_BATCH_FAIL] = "fail",    [SBX_BATCH_ERROR] = "error",
    [SBX_BATCH_CANCELLED] = "cancelled", [SBX_BATCH_SKIPPED] = "skip",
};

const char *sbx_batch_verdict_word(sbx_batch_verdict verdict)
{
    return verdict_words[verdict];
}

bool sbx_batch_verdict_parse(sbx_batch_verdict *out, const char *word)
{
    for (int i = 0; i < SBX_BATCH_VERDICT_COUNT; i++)
        if (word != NULL && strcmp(word, verdict_words[i]) == 0) {
            *out = (sbx_batch_verdict)i;
            return true;
        }
    return false;
}

/* --- forms --- */

typedef const char *check_form(const json_t *value); /* what is wrong, or NULL */

static bool is_code(const json_t *value, json_int_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= most;
}

static const char *check_exit(const json_t *value)
{
    const char *problem = NULL;
    int code;
    bool is_good =
        sbx_expect_code(&code, json_integer_value(value), &problem) && json_is_integer(value);

    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *each = json_array_get(value, i);

        is_good =
            json_is_integer(each) && sbx_expect_code(&code, json_integer_value(each), &problem);
        if (!is_good)
            break;
    }
    return is_good ? NULL : problem;
}

static const char *check_status(const json_t *value)
{
    const char *word = json_string_value(value);

    for (int i = SBX_OUTCOME_OK; word != NULL && i <= SBX_OUTCOME_LIMIT; i++)
        if (strcmp(word, sbx_outcome_word((sbx_outcome)i)) == 0)
            return NULL;
    return "must be \"ok\", \"nonzero\", \"signal\" or \"limit\"";
}

static const char *check_reason(const json_t *value)
{
    const char *word = json_string_value(value);

    for (int i = 0; word != NULL && i < SBX_LIMIT_COUNT; i++)
        if (strcmp(word, sbx_limit_word((sbx_limit_kind)i)) == 0)
            return NULL;
    return "must be a limit's word: memory swap cpus cpu wall idle procs fsize files output";
}

static const char *check_signal(const json_t *value)
{
    return is_code(value, 64) && json_integer_value(value) > 0 ? NULL : "must be a signal's number";
}

static const char *check_text(const json_t *value)
{
    return json_is_string(value) ? NULL : "must be a string";
}

static const char *check_contains(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return "must be a string or a list of strings";
    return json_is_array(value) || json_is_string(value) ? NULL
                                                         : "must be a string or a list of strings";
}

static const char *check_regex(const json_t *value)
{
    return json_is_string(value) ? sbx_pattern_problem(json_string_value(value))
                                 : "must be a string";
}

static const char *check_sha256(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64
               ? NULL
               : "must be 64 lower-case hexadecimal digits";
}

static const char *check_duration(const json_t *value)
{
    uint64_t ns;

    return json_is_string(value) &&
                   sbx_parse_duration(&ns, "", json_string_value(value), NULL) == SBX_OK
               ? NULL
               : "must be a time like \"250ms\" or \"2s\"";
}

static const char *check_size(const json_t *value)
{
    uint64_t bytes;

    return json_is_string(value) &&
                   sbx_parse_size(&bytes, "", json_string_value(value), NULL) == SBX_OK
               ? NULL
               : "must be a size like \"64M\"";
}

typedef struct form {
    const char *name;
    check_form *check;
} form;

static const form output_forms[] = {
    {"equals", check_text}, {"equals_file", check_text}, {"contains", check_contains},
    {"regex", check_regex}, {"sha256", check_sha256},
};

static const form forms[] = {
    {"exit", check_exit},     {"status", check_status}, {"reason", check_reason},
    {"signal", check_signal}, {"stdout", NULL},         {"stderr", NULL},
    {"wall", check_duration}, {"cpu", check_duration},  {"memory", check_size},
};

static sbx_status check_members(const json_t *object, const char *key, const form *known,
                                size_t count, const sbx_batch_where *where, sbx_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return sbx_batch_complain(where, key, "must be an object", "", err);
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const char *problem = "unknown key";
        sbx_text path = {0};
        sbx_status st = SBX_OK;

        sbx_text_add_format(&path, "%s.%s", key, name);
        for (size_t i = 0; i < count; i++) {
            if (strcmp(known[i].name, name) != 0)
                continue;
            problem = NULL;
            if (known[i].check != NULL)
                problem = known[i].check(value);
            else if (!json_is_string(value))
                st = check_members(value, sbx_text_string(&path), output_forms,
                                   SBX_COUNT_OF(output_forms), where, err);
        }
        if (problem != NULL)
            st = sbx_batch_complain(where, sbx_text_string(&path), problem, "", err);
        sbx_text_done(&path);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

sbx_status sbx_expect_check(const json_t *value, const char *key, const sbx_batch_where *where,
                            sbx_error *err)
{
    return check_members(value, key, forms, SBX_COUNT_OF(forms), where, err);
}

/* --- judgement --- */

static const char *const limit_kinds[SBX_LIMIT_COUNT] = {
    [SBX_LIMIT_MEMORY] = "limit.memory",   [SBX_LIMIT_SWAP] = "limit.swap",
    [SBX_LIMIT_CPUS] = "limit.cpus",       [SBX_LIMIT_CPU] = "limit.cpu",
    [SBX_LIMIT_WALL] = "limit.wall",       [SBX_LIMIT_IDLE] = "limit.idle",
    [SBX_LIMIT_PROCESSES] = "limit.procs", [SBX_LIMIT_FILE_SIZE] = "limit.fsize",
    [SBX_LIMIT_FILES] = "limit.files",     [SBX_LIMIT_OUTPUT] = "limit.output",
};

/* How a run ended that should have ended otherwise. */
static const char *end_kind(sbx_text *detail, const sbx_result *result)
{
    const sbx_verdict *verdict = &result->verdict;

    if (verdict->outcome == SBX_OUTCOME_SIGNAL) {
        sbx_text_add_format(detail, "died of signal %d", verdict->signal);
        return "signal";
    }
    if (verdict->outcome == SBX_OUTCOME_LIMIT) {
        sbx_text_add_format(detail, "reached its limit \"%s\"", verdict->reason);
        for (int i = 0; i < SBX_LIMIT_COUNT; i++)
            if (strcmp(verdict->reason, sbx_limit_word((sbx_limit_kind)i)) == 0)
                return limit_kinds[i];
        return "limit";
    }
    sbx_text_add_format(detail, "exit code %d", verdict->exit_code);
    return "exit";
}

static bool is_the_code(const json_t *wanted, int code)
{
    const char *problem = NULL;
    int expected = 0;

    return json_is_integer(wanted) &&
           sbx_expect_code(&expected, json_integer_value(wanted), &problem) && expected == code;
}

static bool has_code(const json_t *wanted, int code)
{
    for (size_t i = 0; i < json_array_size(wanted); i++)
        if (is_the_code(json_array_get(wanted, i), code))
            return true;
    return is_the_code(wanted, code);
}

static bool word_differs(const json_t *wanted, const char *is)
{
    return wanted != NULL && strcmp(json_string_value(wanted), is) != 0;
}

static const char *judge_end(sbx_text *detail, const json_t *expect, const sbx_result *result)
{
    const json_t *code = json_object_get(expect, "exit"),
                 *status = json_object_get(expect, "status");
    const json_t *reason = json_object_get(expect, "reason");
    const json_t *number = json_object_get(expect, "signal");
    const sbx_verdict *verdict = &result->verdict;
    bool says_end = code != NULL || status != NULL || reason != NULL || number != NULL;

    if (!says_end)
        return verdict->outcome == SBX_OUTCOME_OK ? NULL : end_kind(detail, result);
    /* A limit that ended a run is not an exit code, whatever code the command made of it. */
    if (code != NULL &&
        (!result->events.has_exit || !has_code(code, result->events.exit_code) ||
         (verdict->outcome == SBX_OUTCOME_LIMIT && status == NULL && reason == NULL)))
        return end_kind(detail, result);
    if (number != NULL && json_integer_value(number) != verdict->signal)
        return end_kind(detail, result);
    if (word_differs(status, sbx_outcome_word(verdict->outcome)) ||
        word_differs(reason, verdict->reason))
        return end_kind(detail, result);
    return NULL;
}

static bool contains(const sbx_bytes *text, const char *part)
{
    size_t bytes = strlen(part);
    const char *at = text->data, *end = at + text->bytes;

    if (bytes == 0)
        return true;
    while (at != NULL && (size_t)(end - at) >= bytes) {
        at = memchr(at, part[0], (size_t)(end - at) - bytes + 1);
        if (at != NULL && memcmp(at, part, bytes) == 0)
            return true;
        at = at == NULL ? NULL : at + 1;
    }
    return false;
}

static bool equals(const sbx_bytes *text, const sbx_bytes *wanted)
{
    if (wanted->data == NULL && wanted->bytes > 0) /* it could not be read */
        return false;
    return text->bytes == wanted->bytes &&
           (text->bytes == 0 || memcmp(text->data, wanted->data, text->bytes) == 0);
}

/* Says where two texts part. */
static const char *difference(sbx_text *detail, const char *stream, const sbx_bytes *text,
                              const sbx_bytes *wanted)
{
    const char *left = text->data, *right = wanted->data;
    size_t at = 0, line = 1, least = text->bytes < wanted->bytes ? text->bytes : wanted->bytes;

    if (wanted->data == NULL && wanted->bytes > 0) {
        sbx_text_add_format(detail, "%s: the file with what is expected could not be read", stream);
        return stream;
    }
    for (; at < least && left[at] == right[at]; at++)
        line += left[at] == '\n';
    sbx_text_add_format(detail,
                        "%s differs from what is expected at byte %zu, line %zu (%zu bytes, "
                        "expected %zu)",
                        stream, at, line, text->bytes, wanted->bytes);
    return stream;
}

static const char *judge_contains(sbx_text *detail, const char *stream, const json_t *parts,
                                  const sbx_bytes *text)
{
    size_t count = json_is_array(parts) ? json_array_size(parts) : parts != NULL;

    for (size_t i = 0; i < count; i++) {
        const char *part =
            json_string_value(json_is_array(parts) ? json_array_get(parts, i) : parts);

        if (!contains(text, part)) {
            sbx_text_add_format(detail, "%s does not contain \"%.200s\"", stream, part);
            return stream;
        }
    }
    return NULL;
}

static const char *judge_hash(sbx_text *detail, const char *stream, const json_t *wanted,
                              const sbx_bytes *text)
{
    uint8_t hash[SBX_SHA256_BYTES];
    char hex[65];

    if (wanted == NULL)
        return NULL;
    sbx_sha256(hash, text, 1);
    sbx_sha256_hex(hex, hash);
    if (strcmp(hex, json_string_value(wanted)) == 0)
        return NULL;
    sbx_text_add_format(detail, "%s has the SHA-256 %s", stream, hex);
    return stream;
}

static const char *judge_output(sbx_text *detail, const char *stream, const json_t *expect,
                                const sbx_bytes *text, const sbx_bytes *file)
{
    const json_t *wanted = json_object_get(expect, stream);
    const json_t *exact = json_is_string(wanted) ? wanted : json_object_get(wanted, "equals");
    const json_t *regex = json_object_get(wanted, "regex");
    const char *found = NULL;

    if (exact != NULL) {
        const sbx_bytes whole = {json_string_value(exact), json_string_length(exact)};

        if (!equals(text, &whole))
            return difference(detail, stream, text, &whole);
    }
    if (json_object_get(wanted, "equals_file") != NULL && !equals(text, file))
        return difference(detail, stream, text, file);
    found = judge_contains(detail, stream, json_object_get(wanted, "contains"), text);
    if (found == NULL)
        found = judge_hash(detail, stream, json_object_get(wanted, "sha256"), text);
    if (found == NULL && regex != NULL &&
        !sbx_pattern_is_in(json_string_value(regex), text->data == NULL ? "" : text->data,
                           text->bytes)) {
        sbx_text_add_format(detail, "%s does not match %.200s", stream, json_string_value(regex));
        found = stream;
    }
    return found;
}

static const char *judge_usage(sbx_text *detail, const json_t *expect, const sbx_result *result)
{
    const char *wall = json_string_value(json_object_get(expect, "wall"));
    const char *cpu = json_string_value(json_object_get(expect, "cpu"));
    const char *memory = json_string_value(json_object_get(expect, "memory"));
    uint64_t most = 0, used_cpu = sbx_usage_cpu_ns(&result->usage);

    if (wall != NULL && sbx_parse_duration(&most, "", wall, NULL) == SBX_OK &&
        result->wall_ns > most) {
        sbx_text_add(detail, "took ");
        sbx_format_duration(detail, result->wall_ns);
        return "wall";
    }
    if (cpu != NULL && sbx_parse_duration(&most, "", cpu, NULL) == SBX_OK && used_cpu > most) {
        sbx_text_add(detail, "used CPU time of ");
        sbx_format_duration(detail, used_cpu);
        return "cpu";
    }
    /* A peak that nobody could tell does not hold an upper bound: SBX_UNLIMITED is larger than all. */
    if (memory != NULL && sbx_parse_size(&most, "", memory, NULL) == SBX_OK &&
        result->usage.memory_peak_bytes > most) {
        sbx_text_add(detail, "used memory of ");
        sbx_format_size(detail, result->usage.memory_peak_bytes);
        return "memory";
    }
    return NULL;
}

sbx_batch_verdict sbx_expect_judge(const char **out_kind, sbx_text *out_detail,
                                   const json_t *expect, const sbx_batch_seen *seen)
{
    const sbx_result *result = seen->result;
    const sbx_verdict *verdict = &result->verdict;
    const char *kind = NULL;

    *out_kind = "";
    if (result->events.not_found || result->events.not_executable) {
        sbx_text_add(out_detail, result->events.error.message);
        *out_kind = result->events.not_found ? "not_found" : "not_executable";
        return SBX_BATCH_FAIL;
    }
    if (verdict->outcome == SBX_OUTCOME_ERROR || verdict->outcome == SBX_OUTCOME_REFUSED) {
        sbx_text_add(out_detail, result->events.error.message);
        *out_kind = verdict->outcome == SBX_OUTCOME_ERROR ? "error" : "refused";
        return SBX_BATCH_ERROR;
    }
    if (result->events.cancelled_by != 0) {
        *out_kind = "cancelled";
        return SBX_BATCH_CANCELLED;
    }
    kind = judge_end(out_detail, expect, result);
    if (kind == NULL)
        kind = judge_output(out_detail, "stdout", expect, &seen->output[1], &seen->wanted[1]);
    if (kind == NULL)
        kind = judge_output(out_detail, "stderr", expect, &seen->output[2], &seen->wanted[2]);
    if (kind == NULL)
        kind = judge_usage(out_detail, expect, result);
    *out_kind = kind == NULL ? "" : kind;
    return kind == NULL ? SBX_BATCH_PASS : SBX_BATCH_FAIL;
}
