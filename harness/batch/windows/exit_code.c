/* All 32 bits, which some write with a sign (-1073741819) and some without (3221225477). */
#include "harness/batch/expect.h"

bool sbx_expect_code(int *out, json_int_t number, const char **out_form)
{
    *out_form = "must be an exit code from -2147483648 to 4294967295, or a list of them";
    *out = (int)(uint32_t)number;
    return number >= INT32_MIN && number <= UINT32_MAX;
}
