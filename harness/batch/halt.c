/* --halt, in GNU parallel's words. */
#include <string.h>

#include "harness/base/units.h"
#include "harness/batch/batch.h"

sbx_status sbx_batch_halt_parse(sbx_batch_halt *out, const char *text, sbx_error *err)
{
    bool is_now = strncmp(text, "now,fail=", 9) == 0,
         is_soon = strncmp(text, "soon,fail=", 10) == 0;
    const char *number = text + (is_now ? 9 : 10);
    char digits[12];
    size_t bytes;
    bool is_percent;
    uint64_t count = 0;

    *out = (sbx_batch_halt){.is_set = true, .is_now = is_now};
    if (!is_now && !is_soon)
        goto malformed;
    bytes = strlen(number);
    is_percent = bytes > 0 && number[bytes - 1] == '%';
    bytes -= is_percent;
    if (bytes == 0 || bytes >= sizeof(digits))
        goto malformed;
    memcpy(digits, number, bytes);
    digits[bytes] = '\0';
    if (sbx_parse_count(&count, "--halt", digits, NULL) != SBX_OK || count > UINT32_MAX ||
        (is_percent && count > 100))
        goto malformed;
    *(is_percent ? &out->percent : &out->failures) = (uint32_t)count;
    return SBX_OK;

malformed:
    return sbx_fail_plain(
        err, SBX_INVALID, SBX_STEP_OPTIONS,
        "--halt: \"%s\" is not of the form now,fail=N or soon,fail=N, where N is a "
        "number of tasks or a share like 10%%",
        text);
}
