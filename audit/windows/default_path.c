/* Where the audit database is when nobody says; see store.h. */
#include <string.h>

#include "audit/store.h"
#include "harness/base/path.h"
#include "harness/base/text.h"
#include "harness/base/windows/wide.h"

sbx_status sbx_store_default_path(char **out_path, sbx_error *err)
{
    const char *named = sbx_windows_variable("SBX_AUDIT_DB");
    const char *local = sbx_windows_variable("LOCALAPPDATA");
    sbx_text path = {0};
    sbx_status st;

    *out_path = NULL;
    if (named != NULL)
        sbx_text_add(&path, named);
    else if (local != NULL && sbx_path_root_bytes(local) > 0)
        sbx_text_add_format(&path, "%s\\sbx\\audit.db", local);
    else
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "no place for the audit database: LOCALAPPDATA is not an absolute "
                              "path; name the file with --audit-db or SBX_AUDIT_DB");
    st = sbx_text_check(&path, err);
    if (st != SBX_OK) {
        sbx_text_done(&path);
        return st;
    }
    for (char *at = path.data; *at != '\0'; at++)
        if (*at == '\\')
            *at = '/';
    *out_path = path.data; /* malloc'ed: the caller frees it */
    return SBX_OK;
}
