/* A suggestion as a policy file, as options, as JSON, and in words; see from_run.h. */
#include <string.h>

#include "harness/base/json.h"
#include "harness/cli/from_run.h"
#include "harness/cli/message.h"

enum { LINES_MOST = 20, INDENT = 2 };

/* --- a file --- */

static void break_line(sbx_text *out, unsigned depth)
{
    sbx_text_add_format(out, "\n%*s", (int)(depth * INDENT), "");
}

/* JSON with a line for each member; it is well-formed, and has no spaces of its own. */
static void add_indented(sbx_text *out, const char *json)
{
    unsigned depth = 0;
    bool is_string = false;

    for (const char *at = json; *at != '\0'; at++) {
        if (is_string && *at == '\\') {
            sbx_text_add_bytes(out, at++, 2);
            continue;
        }
        is_string = (*at == '"') != is_string;
        if (!is_string && (*at == '}' || *at == ']') && at[-1] != '[' && at[-1] != '{') {
            break_line(out, depth - 1);
        }
        sbx_text_add_bytes(out, at, 1);
        if (is_string) {
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        if (*at == ',' || ((*at == '{' || *at == '[') && at[1] != '}' && at[1] != ']')) {
            break_line(out, depth);
        } else if (*at == ':') {
            sbx_text_add(out, " ");
        }
    }
    sbx_text_add(out, "\n");
}

sbx_status sbx_from_run_to_file(sbx_text *out, sbx_suggestion *suggestion, sbx_error *err)
{
    sbx_text json = {0};
    sbx_status status = sbx_policy_to_file(&json, &suggestion->unprotect, &suggestion->policy, err);

    if (status == SBX_OK) {
        add_indented(out, sbx_text_string(&json));
        status = sbx_text_check(out, err);
    }
    sbx_text_done(&json);
    return status;
}

/* --- options --- */

static bool is_plain_text(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        uint32_t code = 0;
        size_t length = sbx_utf8_decode(&code, text + i, bytes - i);

        if (length == 0 || sbx_utf8_is_unsafe(code)) {
            return false;
        }
        i += length;
    }
    return true;
}

/* For every shell; a name with what steers a terminal in it only for bash, zsh and ksh. */
static void add_quoted(sbx_text *out, const char *text)
{
    size_t bytes = strlen(text);
    bool is_plain = is_plain_text(text, bytes);

    sbx_text_add(out, is_plain ? "'" : "$'");
    for (size_t at = 0; at < bytes; at++) {
        unsigned char c = (unsigned char)text[at];

        if (c == '\'') {
            sbx_text_add(out, is_plain ? "'\\''" : "\\'");
        } else if (is_plain || (c >= 0x20 && c < 0x7F && c != '\\')) {
            sbx_text_add_bytes(out, &text[at], 1);
        } else {
            sbx_text_add_format(out, "\\x%02x", c);
        }
    }
    sbx_text_add(out, "'");
}

void sbx_from_run_to_options(sbx_text *out, const sbx_suggestion *suggestion)
{
    for (size_t i = 0; i < suggestion->write.count; i++) {
        sbx_text_add(out, out->bytes > 0 ? " --write " : "--write ");
        add_quoted(out, suggestion->write.item[i]);
    }
    for (size_t i = 0; i < suggestion->deny_write.count; i++) {
        sbx_text_add(out, " --protect ");
        add_quoted(out, suggestion->deny_write.item[i]);
    }
    if (suggestion->policy.network != suggestion->network_before) {
        sbx_text_add_format(out, "%s--net %s", out->bytes > 0 ? " " : "",
                            sbx_network_word(suggestion->policy.network));
    }
    sbx_text_add(out, out->bytes > 0 ? "\n" : "");
}

/* --- JSON --- */

static void add_strings(sbx_json *json, const char *key, const sbx_strings *list)
{
    sbx_json_open_array(json, key);
    for (size_t i = 0; i < list->count; i++) {
        sbx_json_string(json, NULL, list->item[i]);
    }
    sbx_json_close_array(json);
}

static void add_left_out(sbx_json *json, const sbx_left_out *left)
{
    const char *target = sbx_text_string(&left->target);

    sbx_json_open_object(json, NULL);
    sbx_json_string(json, "op", sbx_text_string(&left->op));
    sbx_json_bytes(json, "target", target, left->target.bytes);
    if (!sbx_utf8_is_valid(target, left->target.bytes)) {
        sbx_json_hex(json, "target_hex", target, left->target.bytes);
    }
    sbx_json_string(json, "rule", sbx_text_string(&left->rule));
    sbx_json_unsigned(json, "count", left->count);
    sbx_json_string(json, "why", sbx_text_string(&left->why));
    sbx_json_close_object(json);
}

static void add_added(sbx_json *json, const sbx_suggestion *suggestion)
{
    sbx_json_open_object(json, "added");
    add_strings(json, "write", &suggestion->write);
    add_strings(json, "deny_write", &suggestion->deny_write);
    if (suggestion->policy.network != suggestion->network_before) {
        sbx_json_string(json, "network", sbx_network_word(suggestion->policy.network));
    } else {
        sbx_json_null(json, "network");
    }
    sbx_json_close_object(json);
}

sbx_status sbx_from_run_to_json(sbx_text *out, sbx_suggestion *suggestion, const char *run_id,
                                sbx_error *err)
{
    sbx_text file = {0};
    sbx_json json;
    sbx_status status = sbx_policy_to_file(&file, &suggestion->unprotect, &suggestion->policy, err);

    if (status == SBX_OK) {
        sbx_json_init(&json, out);
        sbx_json_open_object(&json, NULL);
        sbx_json_string(&json, "run_id", run_id);
        sbx_json_raw(&json, "policy", sbx_text_string(&file));
        add_strings(&json, "unprotect", &suggestion->unprotect);
        add_added(&json, suggestion);
        sbx_json_open_array(&json, "left_out");
        for (size_t i = 0; i < suggestion->left_out_count; i++) {
            add_left_out(&json, &suggestion->left_out[i]);
        }
        sbx_json_close_array(&json);
        add_strings(&json, "cautions", &suggestion->cautions);
        sbx_json_close_object(&json);
        sbx_text_add(out, "\n");
        status = sbx_text_check(out, err);
    }
    sbx_text_done(&file);
    return status;
}

/* --- words --- */

static void say_left_out(const sbx_left_out *left)
{
    sbx_text line = {0};

    sbx_text_add_format(&line, "left out: %s ", sbx_text_string(&left->op));
    sbx_text_add_bytes(&line, sbx_text_string(&left->target), left->target.bytes);
    sbx_text_add_format(&line, " (%s): %s", sbx_text_string(&left->rule),
                        sbx_text_string(&left->why));
    sbx_message(sbx_text_string(&line));
    sbx_text_done(&line);
}

void sbx_from_run_say(const sbx_suggestion *suggestion)
{
    sbx_text line = {0};

    for (size_t i = 0; i < suggestion->left_out_count && i < LINES_MOST; i++) {
        say_left_out(&suggestion->left_out[i]);
    }
    if (suggestion->left_out_count > LINES_MOST) {
        sbx_text_add_format(&line, "left out: %zu more, which --format json has",
                            suggestion->left_out_count - LINES_MOST);
        sbx_message(sbx_text_string(&line));
    }
    for (size_t i = 0; i < suggestion->cautions.count; i++) {
        sbx_message(suggestion->cautions.item[i]);
    }
    for (size_t i = 0; i < suggestion->unprotect.count; i++) {
        sbx_text_clear(&line);
        sbx_text_add_format(&line,
                            "the run had --unprotect %s, which no policy file can say: give "
                            "it again",
                            suggestion->unprotect.item[i]);
        sbx_message(sbx_text_string(&line));
    }
    if (suggestion->write.count == 0 && suggestion->policy.network == suggestion->network_before) {
        sbx_message(suggestion->left_out_count == 0
                        ? "the run was denied nothing: this is the policy that it had"
                        : "nothing is added: this is the policy that it had");
    }
    sbx_text_done(&line);
}
