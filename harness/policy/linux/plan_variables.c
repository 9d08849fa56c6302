/* What a command has to have in its environment, on Linux. */
#include "harness/policy/parts.h"

const char *const *sbx_plan_own_variables(sbx_making *making)
{
    static const char *const private_temp[] = {"TMPDIR=/tmp", NULL};

    /* The caller's may lie where nothing is for the command. */
    return making->plan->walls[SBX_WALL_MOUNTS] ? private_temp : private_temp + 1;
}

const char *sbx_plan_default_path_list(void)
{
    return "/usr/local/bin:/usr/bin:/bin";
}
