/* Bars of eighths; see usage_curve.h. */
#include "harness/cli/usage_curve.h"

#include "audit/samples_read.h"
#include "harness/cli/table.h"

/* Of each column the most that was in it; less than 0: nothing is known. */
typedef struct curve {
    double column[SBX_CURVE_COLUMNS];
    size_t count;
    double most;
} curve;

typedef double value_of(const sbx_sample *sample, const sbx_sample *before);

static double memory_of(const sbx_sample *sample, const sbx_sample *before)
{
    (void)before;
    return sample->memory_bytes == SBX_UNLIMITED ? -1 : (double)sample->memory_bytes;
}

static double processes_of(const sbx_sample *sample, const sbx_sample *before)
{
    (void)before;
    return sample->processes_count == SBX_UNLIMITED ? -1 : (double)sample->processes_count;
}

/* CPUs in use in the stretch; the first one began with nothing. */
static double cpus_of(const sbx_sample *sample, const sbx_sample *before)
{
    uint64_t from_ns = before == NULL ? 0 : before->at_ns;
    uint64_t used_ns = before == NULL ? 0 : before->cpu_ns;

    if (sample->cpu_ns == SBX_UNLIMITED || used_ns == SBX_UNLIMITED || sample->cpu_ns < used_ns ||
        sample->at_ns <= from_ns)
        return -1;
    return (double)(sample->cpu_ns - used_ns) / (double)(sample->at_ns - from_ns);
}

/* A stretch fills all columns that it touches: time is what the line is as long as. */
static void fill(curve *out, const sbx_samples *samples, value_of *value)
{
    const double little = 1e-9; /* where a stretch ends with a column */
    double end_ns = (double)samples->item[samples->count - 1].at_ns, before_ns = 0;

    *out = (curve){.count = samples->count < SBX_CURVE_COLUMNS ? samples->count : SBX_CURVE_COLUMNS,
                   .most = -1};
    for (size_t i = 0; i < out->count; i++)
        out->column[i] = -1;
    for (size_t i = 0; i < samples->count && end_ns > 0; i++) {
        double is = value(&samples->item[i], i == 0 ? NULL : &samples->item[i - 1]);
        double columns = (double)out->count, at_ns = (double)samples->item[i].at_ns;
        size_t first = (size_t)(before_ns / end_ns * columns + little);
        double last = at_ns / end_ns * columns - little;

        for (size_t at = first; at < out->count && ((double)at < last || at == first); at++)
            if (is > out->column[at])
                out->column[at] = is;
        before_ns = at_ns;
        if (is > out->most)
            out->most = is;
    }
}

static void add_line(sbx_text *out, const curve *line, const char *name, size_t name_columns)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

    sbx_text_add_format(out, "%-*s ", (int)name_columns - 1, name);
    for (size_t i = 0; i < line->count; i++) {
        double eighths = line->most > 0 ? line->column[i] / line->most * 8 : 0;
        int bar = eighths >= 8 ? 7 : eighths <= 0 ? 0 : (int)eighths;

        sbx_text_add(out, line->column[i] < 0 ? " " : bars[bar]);
    }
    sbx_text_add(out, "  most ");
}

void sbx_usage_curve_add(sbx_text *out, const char *samples, size_t bytes, size_t name_columns)
{
    static const sbx_column size = {.name = "", .kind = SBX_CELL_BYTES};
    sbx_samples points;
    curve line;

    if (!sbx_samples_read(&points, samples, bytes))
        return;
    fill(&line, &points, memory_of);
    if (line.most >= 0) {
        add_line(out, &line, "memory over time", name_columns);
        sbx_table_format_cell(out, &size, &(sbx_cell){.integer = (int64_t)line.most});
        sbx_text_add(out, "\n");
    }
    fill(&line, &points, cpus_of);
    if (line.most >= 0) {
        add_line(out, &line, "cpu over time", name_columns);
        sbx_text_add_format(out, "%.0f %% of a CPU\n", line.most * 100);
    }
    fill(&line, &points, processes_of);
    if (line.most > 1) {
        add_line(out, &line, "processes", name_columns);
        sbx_text_add_format(out, "%.0f\n", line.most);
    }
}
