/* Waiting for changes is not on Windows yet; see follow.h. */
#include "harness/cli/follow.h"

sbx_status sbx_follow_begin(sbx_follow *out, const char *database_path, sbx_error *err)
{
    *out = (sbx_follow){.change_fd = -1, .signal_fd = -1};
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_AUDIT,
        "%s: --follow is not on Windows yet; without it, what is there is printed", database_path);
}

sbx_status sbx_follow_wait(bool *out_is_over, sbx_follow *follow, sbx_error *err)
{
    (void)follow;
    (void)err;
    *out_is_over = true;
    return SBX_OK;
}

void sbx_follow_end(sbx_follow *follow)
{
    (void)follow;
}
