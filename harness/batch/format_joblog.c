/* GNU parallel's --joblog, with its columns: Seq Host Starttime JobRuntime Send Receive Exitval Signal Command. */
#include "harness/batch/format.h"

static void begin(sbx_text *out, const sbx_format_totals *totals)
{
    (void)totals;
    sbx_text_add(out,
                 "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n");
}

static long long signed_number(const json_t *line, const char *key)
{
    return (long long)json_integer_value(json_object_get(line, key));
}

static void row(sbx_text *out, const sbx_format_row *row)
{
    uint64_t started_us = sbx_batch_number(row->line, "started_us", 0);
    uint64_t wall_ms = sbx_batch_number(row->line, "wall_ns", 0) / SBX_NS_PER_MS;
    long long signal = signed_number(row->line, "signal");

    if (started_us == 0) /* it was never started */
        return;
    sbx_text_add_format(out, "%u\t:\t%llu.%03u\t%6llu.%03u\t0\t%llu\t%lld\t%lld\t", row->number,
                        (unsigned long long)(started_us / 1000000),
                        (unsigned)(started_us / 1000 % 1000), (unsigned long long)(wall_ms / 1000),
                        (unsigned)(wall_ms % 1000),
                        (unsigned long long)sbx_batch_number(row->line, "stdout_bytes", 0),
                        signal != 0 ? 0 : signed_number(row->line, "exit_code"), signal);
    for (size_t i = 0; i < json_array_size(row->argv); i++) {
        if (i > 0)
            sbx_text_add(out, " ");
        sbx_format_quote(out, json_string_value(json_array_get(row->argv, i)));
    }
    sbx_text_add(out, "\n");
}

static void end(sbx_text *out, const sbx_format_totals *totals)
{
    (void)out;
    (void)totals;
}

const sbx_format sbx_format_joblog = {"joblog", begin, row, end};
