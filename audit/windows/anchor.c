/* Anchors on Windows; see anchor.h. There are no seals to anchor yet: both say so. */
#include "audit/anchor.h"

sbx_status sbx_anchor_to_log(const char *path, const char *line, sbx_error *err)
{
    (void)path;
    (void)line;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT, "anchors are not on Windows yet");
}

sbx_status sbx_anchor_to_file(const char *path, const char *line, sbx_error *err)
{
    return sbx_anchor_to_log(path, line, err);
}
