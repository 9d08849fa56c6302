/*
 * TAP 14. A task that has no result is not ok: the batch was stopped before it. One that was skipped is ok with SKIP, as
 * the protocol has it: what it comes after is not ok already.
 */
#include <string.h>

#include "harness/base/json.h"
#include "harness/batch/format.h"

static void begin(sbx_text *out, const sbx_format_totals *totals)
{
    sbx_text_add_format(out, "TAP version 14\n1..%u\n", totals->tasks);
}

/* A backslash and a # would mean something in a description. */
static void add_description(sbx_text *out, const char *text)
{
    sbx_text visible = {0};

    sbx_format_visible(&visible, text, strlen(text), false);
    for (const char *at = sbx_text_string(&visible); *at != '\0'; at++) {
        if (*at == '#' || *at == '\\')
            sbx_text_add(out, "\\");
        sbx_text_add_bytes(out, at, 1);
    }
    out->failed |= visible.failed;
    sbx_text_done(&visible);
}

/* YAML takes JSON's strings. */
static void add_string(sbx_text *out, const char *key, const char *value)
{
    sbx_text visible = {0}, quoted = {0};
    sbx_json json;

    sbx_format_visible(&visible, value, strlen(value), false);
    sbx_json_init(&json, &quoted);
    sbx_json_bytes(&json, NULL, sbx_text_string(&visible), visible.bytes);
    sbx_text_add_format(out, "  %s: ", key);
    sbx_text_add_bytes(out, sbx_text_string(&quoted), quoted.bytes);
    sbx_text_add(out, "\n");
    out->failed |= visible.failed || quoted.failed;
    sbx_text_done(&visible);
    sbx_text_done(&quoted);
}

static void add_text(sbx_text *out, const json_t *line, const char *key, const char *as)
{
    const char *text = json_string_value(json_object_get(line, key));

    if (text != NULL && text[0] != '\0')
        add_string(out, as, text);
}

static void add_diagnostics(sbx_text *out, const sbx_format_row *row)
{
    uint64_t wall_us = sbx_batch_number(row->line, "wall_ns", 0) / SBX_NS_PER_US;
    sbx_text why = {0};

    sbx_text_add(out, "  ---\n");
    if (row->line == NULL) {
        sbx_format_not_run(&why, row->totals);
        add_string(out, "message", sbx_text_string(&why));
    } else if (row->verdict != SBX_BATCH_PASS) {
        add_text(out, row->line, "detail", "message");
        add_string(out, "severity", row->verdict == SBX_BATCH_ERROR ? "error" : "fail");
        add_text(out, row->line, "kind", "kind");
    }
    if (row->line != NULL)
        sbx_text_add_format(out, "  duration_ms: %llu.%03u\n", (unsigned long long)(wall_us / 1000),
                            (unsigned)(wall_us % 1000));
    if (row->is_flaky)
        sbx_text_add(out, "  flaky: true\n");
    if (json_array_size(row->earlier) > 0)
        sbx_text_add_format(out, "  attempts: %zu\n", json_array_size(row->earlier) + 1);
    add_text(out, row->line, "run_id", "run_id");
    sbx_text_add(out, "  ...\n");
    out->failed |= why.failed;
    sbx_text_done(&why);
}

static void row(sbx_text *out, const sbx_format_row *row)
{
    bool is_skipped = row->line != NULL && row->verdict == SBX_BATCH_SKIPPED;
    bool is_ok = is_skipped || (row->line != NULL && row->verdict == SBX_BATCH_PASS);

    sbx_text_add_format(out, "%s %u - ", is_ok ? "ok" : "not ok", row->number);
    add_description(out, row->id);
    if (is_skipped) {
        sbx_text_add(out, " # SKIP a task that it comes after did not pass\n");
        return;
    }
    sbx_text_add(out, "\n");
    add_diagnostics(out, row);
}

static void end(sbx_text *out, const sbx_format_totals *totals)
{
    (void)out;
    (void)totals;
}

const sbx_format sbx_format_tap = {"results.tap", begin, row, end};
