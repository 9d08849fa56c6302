/* Run ids: ULIDs, so that they sort by time as text. */
#include "harness/base/clock.h"

sbx_status sbx_run_id_make(char out[SBX_RUN_ID_BYTES], sbx_error *err)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = sbx_clock_utc_us() / 1000;
    uint8_t random[16]; /* one byte for each digit, of which 5 bits count */
    sbx_status st = sbx_random_bytes(random, sizeof(random), err);

    if (st != SBX_OK)
        return st;
    for (int i = 9; i >= 0; i--) {
        out[i] = alphabet[ms & 31];
        ms >>= 5;
    }
    for (int i = 0; i < 16; i++)
        out[10 + i] = alphabet[random[i] & 31];
    out[26] = '\0';
    return SBX_OK;
}
