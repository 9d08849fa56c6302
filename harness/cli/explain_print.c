/* An explanation as text and as JSON; see explain.h. */
#include <string.h>

#include "harness/cli/explain.h"
#include "harness/cli/help.h"

static const char *const heads[SBX_EXPLAIN_PARTS] = {
    [SBX_EXPLAIN_END] = "How it ended",
    [SBX_EXPLAIN_LIMITS] = "Its limits",
    [SBX_EXPLAIN_DENIED] = "What it was denied",
    [SBX_EXPLAIN_WALLS] = "What confined it",
    [SBX_EXPLAIN_UNKNOWN] = "What the record does not say",
};

static const char *const keys[SBX_EXPLAIN_PARTS] = {
    [SBX_EXPLAIN_END] = "end",         [SBX_EXPLAIN_LIMITS] = "limits",
    [SBX_EXPLAIN_DENIED] = "denied",   [SBX_EXPLAIN_WALLS] = "walls",
    [SBX_EXPLAIN_UNKNOWN] = "unknown",
};

enum { INDENT = 4 };

void sbx_explanation_to_text(sbx_text *out, const sbx_explanation *explanation, size_t columns)
{
    const sbx_cell *command = sbx_run_record_get(&explanation->run, "command");

    sbx_text_add_format(out, "%s  ", explanation->run.id);
    if (!command->is_null) {
        sbx_text_add_escaped(out, command->text, command->text_bytes);
    }
    sbx_text_add(out, "\n");
    for (int part = 0; part < SBX_EXPLAIN_PARTS; part++) {
        const sbx_strings *list = &explanation->sentences[part];

        sbx_text_add_format(out, "\n%s\n", heads[part]);
        for (size_t i = 0; i < list->count; i++) {
            sbx_text_add(out, "  - ");
            sbx_help_add_wrapped(out, list->item[i], INDENT, INDENT, columns);
        }
    }
}

static void add_limits(sbx_json *json, const sbx_run_record *run)
{
    sbx_json_open_array(json, "limits");
    for (int i = 0; i < SBX_LIMIT_COUNT; i++) {
        const sbx_explain_limit *limit = &sbx_explain_limits[i];
        int64_t asked = sbx_run_record_number(run, limit->column, -1);
        const sbx_cell *used =
            sbx_run_record_get(run, limit->used_column == NULL ? "" : limit->used_column);
        sbx_text enforcer = {0};

        if (asked < 0) {
            continue;
        }
        sbx_explain_enforcer(&enforcer, run, limit->word);
        sbx_json_open_object(json, NULL);
        sbx_json_string(json, "limit", limit->word);
        sbx_json_signed(json, "asked", asked);
        if (used->is_null) {
            sbx_json_null(json, "used");
        } else {
            sbx_json_signed(json, "used", used->integer);
        }
        sbx_json_bool(json, "reached", sbx_explain_was_reached(run, limit->word));
        sbx_json_string(json, "enforced_by",
                        enforcer.bytes > 0 ? sbx_text_string(&enforcer) : NULL);
        sbx_json_close_object(json);
        sbx_text_done(&enforcer);
    }
    sbx_json_close_array(json);
}

static void add_denial(sbx_json *json, const char *key, const sbx_explain_denial *denial)
{
    sbx_json_open_object(json, key);
    sbx_json_bytes(json, "op", sbx_text_string(&denial->op), denial->op.bytes);
    sbx_json_bytes(json, "target", sbx_text_string(&denial->target), denial->target.bytes);
    if (!sbx_utf8_is_valid(sbx_text_string(&denial->target), denial->target.bytes)) {
        sbx_json_hex(json, "target_hex", denial->target.data, denial->target.bytes);
    }
    sbx_json_bytes(json, "exe", sbx_text_string(&denial->exe), denial->exe.bytes);
    sbx_json_bytes(json, "rule", sbx_text_string(&denial->rule), denial->rule.bytes);
    sbx_json_unsigned(json, "count", denial->count);
    sbx_json_signed(json, "last_us", denial->last_us);
    sbx_json_close_object(json);
}

static void add_denials(sbx_json *json, const sbx_explanation *explanation)
{
    sbx_json_open_object(json, "denied");
    sbx_json_signed(json, "total", sbx_run_record_number(&explanation->run, "denied_total", 0));
    sbx_json_unsigned(json, "different", explanation->denial_rows);
    if (explanation->denial_rows > 0) {
        add_denial(json, "last", &explanation->last);
    } else {
        sbx_json_null(json, "last");
    }
    sbx_json_open_array(json, "most");
    for (int i = 0; i < SBX_EXPLAIN_MOST && explanation->most[i].count > 0; i++) {
        add_denial(json, NULL, &explanation->most[i]);
    }
    sbx_json_close_array(json);
    sbx_json_close_object(json);
}

static void add_word(sbx_json *json, const sbx_run_record *run, const char *name)
{
    const sbx_cell *cell = sbx_run_record_get(run, name);

    if (cell->is_null) {
        sbx_json_null(json, name);
    } else if (cell->text != NULL) {
        sbx_json_bytes(json, name, cell->text, cell->text_bytes);
    } else {
        sbx_json_signed(json, name, cell->integer);
    }
}

void sbx_explanation_to_json(sbx_text *out, const sbx_explanation *explanation)
{
    static const char *const words[] = {"status",        "reason",      "exit_code",     "signal",
                                        "message",       "policy",      "network",       "identity",
                                        "backend",       "enforcement", "missing",       "walls",
                                        "audit_sources", "denied_lost", "processes_lost"};
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "run_id", explanation->run.id);
    for (size_t i = 0; i < SBX_COUNT_OF(words); i++) {
        add_word(&json, &explanation->run, words[i]);
    }
    add_limits(&json, &explanation->run);
    add_denials(&json, explanation);
    sbx_json_open_object(&json, "words");
    for (int part = 0; part < SBX_EXPLAIN_PARTS; part++) {
        const sbx_strings *list = &explanation->sentences[part];

        sbx_json_open_array(&json, keys[part]);
        for (size_t i = 0; i < list->count; i++) {
            sbx_json_string(&json, NULL, list->item[i]);
        }
        sbx_json_close_array(&json);
    }
    sbx_json_close_object(&json);
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}
