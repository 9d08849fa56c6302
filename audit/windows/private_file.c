/* The key of the seals is the one private file, and there are no seals on Windows yet; see ed25519.h. */
#include "audit/private_file.h"

sbx_status sbx_private_file_read(char *out, size_t room, bool *out_exists, const char *path,
                                 bool is_private, sbx_error *err)
{
    (void)room;
    (void)is_private;
    out[0] = '\0';
    *out_exists = false;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                          "%s: keys of seals are not on Windows yet", path);
}

sbx_status sbx_private_file_rename(const char *from, const char *to, sbx_error *err)
{
    (void)to;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                          "%s: keys of seals are not on Windows yet", from);
}
