/* Eight bits are left of what a process exits with. */
#include "harness/batch/expect.h"

bool sbx_expect_code(int *out, json_int_t number, const char **out_form)
{
    *out_form = "must be an exit code from 0 to 255, or a list of them";
    *out = (int)(number & 255);
    return number >= 0 && number <= 255;
}
