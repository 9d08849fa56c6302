/* What both kinds of events have; see kernel_event.h. */
#include "audit/sources/windows/kernel_event.h"

#include <stdio.h>

void sbx_kernel_denial_done(sbx_kernel_denial *denial)
{
    sbx_text_done(&denial->target);
    sbx_text_done(&denial->program);
}

static uint32_t little_endian(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Revision, how many parts, an authority of six bytes (the highest first), and the parts. */
bool sbx_event_sid_print(char out[SBX_EVENT_SID_TEXT_BYTES], const uint8_t *sid, size_t bytes)
{
    enum { HEAD = 8, PARTS_MAX = 15 };
    uint64_t authority = 0;
    int used;

    out[0] = '\0';
    if (bytes < HEAD || sid[0] != 1 || sid[1] > PARTS_MAX || bytes < HEAD + 4 * (size_t)sid[1])
        return false;
    for (int i = 2; i < HEAD; i++)
        authority = authority << 8 | sid[i];
    used = snprintf(out, SBX_EVENT_SID_TEXT_BYTES, authority >> 32 ? "S-1-0x%012llX" : "S-1-%llu",
                    (unsigned long long)authority);
    for (size_t i = 0; i < sid[1]; i++)
        used += snprintf(out + used, SBX_EVENT_SID_TEXT_BYTES - (size_t)used, "-%lu",
                         (unsigned long)little_endian(sid + HEAD + 4 * i));
    return true;
}
