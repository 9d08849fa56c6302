/* Points of a curve, fewer when there are too many; see samples.h. */
#include "limits/samples.h"

void sbx_samples_init(sbx_samples *samples)
{
    samples->interval_ns = SBX_SAMPLES_FIRST_NS;
    samples->count = 0;
}

/* SBX_UNLIMITED is "unknown" and must not win over a number. */
static uint64_t most_known(uint64_t a, uint64_t b)
{
    if (a == SBX_UNLIMITED || b == SBX_UNLIMITED)
        return a == SBX_UNLIMITED ? b : a;
    return a > b ? a : b;
}

static sbx_sample join(const sbx_sample *first, const sbx_sample *second)
{
    return (sbx_sample){
        .at_ns = second->at_ns,
        .cpu_ns = most_known(first->cpu_ns, second->cpu_ns), /* it only grows */
        .memory_bytes = most_known(first->memory_bytes, second->memory_bytes),
        .processes_count = most_known(first->processes_count, second->processes_count),
    };
}

static void thin(sbx_samples *samples)
{
    samples->count /= 2;
    for (size_t i = 0; i < samples->count; i++)
        samples->item[i] = join(&samples->item[2 * i], &samples->item[2 * i + 1]);
    samples->interval_ns *= 2;
}

_Static_assert(SBX_SAMPLES_MAX % 2 == 0, "two at a time");

void sbx_samples_add(sbx_samples *samples, const sbx_sample *sample)
{
    if (samples->count == SBX_SAMPLES_MAX)
        thin(samples);
    samples->item[samples->count++] = *sample;
}

static void add_known(sbx_json *json, uint64_t value, uint64_t unit)
{
    if (value == SBX_UNLIMITED)
        sbx_json_null(json, NULL);
    else
        sbx_json_unsigned(json, NULL, value / unit);
}

void sbx_samples_to_json(sbx_json *json, const char *key, const sbx_samples *samples)
{
    enum { NS_PER_MS = 1000000 };

    sbx_json_open_array(json, key);
    for (size_t i = 0; samples != NULL && i < samples->count; i++) {
        const sbx_sample *sample = &samples->item[i];

        sbx_json_open_array(json, NULL);
        add_known(json, sample->at_ns, NS_PER_MS);
        add_known(json, sample->cpu_ns, NS_PER_MS);
        add_known(json, sample->memory_bytes, 1);
        add_known(json, sample->processes_count, 1);
        sbx_json_close_array(json);
    }
    sbx_json_close_array(json);
}
