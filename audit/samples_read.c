/* Numbers of an array of arrays; see samples_read.h. */
#include "audit/samples_read.h"

#include "audit/body.h"

enum { NS_PER_MS = 1000000, NUMBERS = 4 };

/* A number that a double holds exactly, times its unit; null: unknown. */
static bool read_number(uint64_t *out, sbx_slice value, uint64_t unit)
{
    const uint64_t most = UINT64_C(1) << 53;
    uint64_t number;

    *out = SBX_UNLIMITED;
    if (sbx_slice_is(value, "null"))
        return true;
    if (!sbx_slice_unsigned(&number, value) || number > most)
        return false;
    *out = number > (SBX_UNLIMITED - 1) / unit ? SBX_UNLIMITED - 1 : number * unit;
    return true;
}

static bool read_point(sbx_sample *out, sbx_slice text)
{
    const uint64_t units[NUMBERS] = {NS_PER_MS, NS_PER_MS, 1, 1};
    uint64_t numbers[NUMBERS];
    size_t count = 0;
    sbx_member member;
    sbx_body body;

    sbx_body_begin(&body, text);
    while (sbx_body_next(&member, &body)) {
        if (count == NUMBERS || !read_number(&numbers[count], member.value, units[count]))
            return false;
        count++;
    }
    if (!body.is_array || body.failed || count != NUMBERS || numbers[0] == SBX_UNLIMITED)
        return false;
    *out = (sbx_sample){numbers[0], numbers[1], numbers[2], numbers[3]};
    return true;
}

bool sbx_samples_read(sbx_samples *out, const char *text, size_t bytes)
{
    sbx_member member;
    sbx_body body;
    bool is_right = true;

    sbx_samples_init(out);
    sbx_body_begin(&body, (sbx_slice){text, bytes});
    while (is_right && sbx_body_next(&member, &body)) {
        sbx_sample *point = &out->item[out->count];

        is_right = out->count < SBX_SAMPLES_MAX && read_point(point, member.value) &&
                   (out->count == 0 || point->at_ns >= point[-1].at_ns);
        out->count += is_right;
    }
    if (is_right && body.is_array && !body.failed && out->count > 0)
        return true;
    out->count = 0;
    return false;
}
