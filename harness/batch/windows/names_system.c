/* What Windows makes of names: it folds their case, knows devices by them, and drops a dot at the end. */
#include <string.h>

#include "harness/base/compiler.h"
#include "harness/batch/names.h"

/* With a number behind it, or not; whatever stands behind a dot. */
static bool is_device(const char *id)
{
    static const char *const whole[] = {"con", "prn", "aux", "nul"}, *const counted[] = {"com",
                                                                                         "lpt"};
    size_t bytes = strcspn(id, ".");

    for (size_t i = 0; bytes == 3 && i < SBX_COUNT_OF(whole); i++)
        if (_strnicmp(id, whole[i], 3) == 0)
            return true;
    for (size_t i = 0; bytes == 4 && i < SBX_COUNT_OF(counted); i++)
        if (_strnicmp(id, counted[i], 3) == 0 && id[3] >= '0' && id[3] <= '9')
            return true;
    return false;
}

bool sbx_batch_name_keeps(const char *id, size_t at)
{
    if (id[at] >= 'A' && id[at] <= 'Z')
        return false;
    if (at == 0)
        return !is_device(id);
    return id[at] != '.' || id[at + 1] != '\0';
}
