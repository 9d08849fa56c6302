/* JUnit's XML as Jenkins takes it (the schema junit-10.xsd of its xunit plugin). */
#include <string.h>
#include <time.h>

#include "harness/batch/format.h"

/* Text of an element or of an attribute in double quotes. */
static void add_xml(sbx_text *out, const char *data, size_t bytes, bool is_block)
{
    sbx_text visible = {0};

    sbx_format_visible(&visible, data, bytes, is_block);
    for (const char *at = sbx_text_string(&visible); *at != '\0';) {
        size_t plain = strcspn(at, "<>&\"");

        sbx_text_add_bytes(out, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        sbx_text_add(out, *at == '<'   ? "&lt;"
                          : *at == '>' ? "&gt;"
                          : *at == '&' ? "&amp;"
                                       : "&quot;");
        at++;
    }
    out->failed |= visible.failed;
    sbx_text_done(&visible);
}

static void add_attribute(sbx_text *out, const char *name, const char *value)
{
    sbx_text_add_format(out, " %s=\"", name);
    add_xml(out, value, strlen(value), false);
    sbx_text_add(out, "\"");
}

static void add_time(sbx_text *out, uint64_t ns)
{
    uint64_t ms = ns / SBX_NS_PER_MS;

    sbx_text_add_format(out, " time=\"%llu.%03u\"", (unsigned long long)(ms / 1000),
                        (unsigned)(ms % 1000));
}

static const char *word(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));

    return text == NULL ? "" : text;
}

static void add_property(sbx_text *out, const char *name, const char *value)
{
    sbx_text_add_format(out, "<property name=\"%s\"", name);
    add_attribute(out, "value", value);
    sbx_text_add(out, "/>\n");
}

static void begin(sbx_text *out, const sbx_format_totals *totals)
{
    const char *name = totals->name[0] == '\0' ? "sbx" : totals->name;
    struct tm date = {0};
    char moment[32] = "";

    if (sbx_clock_utc(&date, (time_t)(totals->started_us / 1000000)))
        (void)strftime(moment, sizeof(moment), "%Y-%m-%dT%H:%M:%S", &date);
    sbx_text_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite");
    add_attribute(out, "name", name);
    sbx_text_add_format(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"",
                        totals->tasks, totals->failed, totals->errors,
                        totals->skipped + totals->not_run);
    add_time(out, totals->wall_ns);
    add_attribute(out, "timestamp", moment);
    sbx_text_add(out, ">\n<properties>\n");
    add_property(out, "sbx.batch", totals->batch);
    add_property(out, "sbx.stopped", totals->stopped);
    sbx_text_add(out, "</properties>\n");
}

/* What an attempt came to, under that name; attempts before the last one have no system-out. */
static void add_outcome(sbx_text *out, const char *element, const json_t *line)
{
    const char *run = word(line, "run_id");

    sbx_text_add_format(out, "<%s", element);
    add_attribute(out, "type", word(line, "kind"));
    add_attribute(out, "message", word(line, "detail"));
    sbx_text_add(out, ">");
    sbx_text_add_format(out, "attempt %llu",
                        (unsigned long long)sbx_batch_number(line, "attempt", 0));
    if (run[0] != '\0') {
        sbx_text_add(out, ", run ");
        add_xml(out, run, strlen(run), false);
    }
    sbx_text_add_format(out, "</%s>\n", element);
}

static void add_earlier(sbx_text *out, const sbx_format_row *row)
{
    bool has_passed = row->verdict == SBX_BATCH_PASS;

    for (size_t i = 0; i < json_array_size(row->earlier); i++) {
        const json_t *line = json_array_get(row->earlier, i);

        if (strcmp(word(line, "verdict"), "error") == 0)
            add_outcome(out, has_passed ? "flakyError" : "rerunError", line);
        else
            add_outcome(out, has_passed ? "flakyFailure" : "rerunFailure", line);
    }
}

static void add_output(sbx_text *out, const sbx_format_row *row, int stream)
{
    const char *element = stream == 1 ? "system-out" : "system-err";

    if (row->output[stream].bytes == 0)
        return;
    sbx_text_add_format(out, "<%s>", element);
    add_xml(out, row->output[stream].data, row->output[stream].bytes, true);
    sbx_text_add_format(out, "</%s>\n", element);
}

static void add_skipped(sbx_text *out, const sbx_format_row *row)
{
    sbx_text why = {0};

    if (row->line == NULL)
        sbx_format_not_run(&why, row->totals);
    else
        sbx_text_add(&why, word(row->line, "detail"));
    sbx_text_add(out, "<skipped");
    add_attribute(out, "message", sbx_text_string(&why));
    sbx_text_add(out, "/>\n");
    out->failed |= why.failed;
    sbx_text_done(&why);
}

static void row(sbx_text *out, const sbx_format_row *row)
{
    const char *name = row->totals->name[0] == '\0' ? "sbx" : row->totals->name;

    sbx_text_add(out, "<testcase");
    add_attribute(out, "name", row->id);
    add_attribute(out, "classname", name);
    add_time(out, sbx_batch_number(row->line, "wall_ns", 0));
    sbx_text_add(out, ">\n");
    if (row->line == NULL || row->verdict == SBX_BATCH_SKIPPED)
        add_skipped(out, row);
    else if (row->verdict != SBX_BATCH_PASS)
        add_outcome(out, row->verdict == SBX_BATCH_ERROR ? "error" : "failure", row->line);
    add_earlier(out, row);
    add_output(out, row, 1);
    add_output(out, row, 2);
    sbx_text_add(out, "</testcase>\n");
}

static void end(sbx_text *out, const sbx_format_totals *totals)
{
    (void)totals;
    sbx_text_add(out, "</testsuite>\n</testsuites>\n");
}

const sbx_format sbx_format_junit = {"junit.xml", begin, row, end};
