/* Where the audit database is when nobody says; see store.h. */
#include <string.h>

#include "audit/redaction.h"
#include "audit/store.h"
#include "harness/base/path.h"
#include "harness/base/text.h"
#include "harness/base/windows/wide.h"

static void add_with_slashes(sbx_text *out, const char *path)
{
    for (; *path != '\0'; path++)
        sbx_text_add_bytes(out, *path == '\\' ? "/" : path, 1);
}

sbx_status sbx_store_state_folder(sbx_text *out, sbx_error *err)
{
    const char *local = sbx_windows_variable("LOCALAPPDATA");

    if (local == NULL || sbx_path_root_bytes(local) == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "no place for the audit database: LOCALAPPDATA is not an absolute "
                              "path; name the file with --audit-db or SBX_AUDIT_DB");
    add_with_slashes(out, local);
    sbx_text_add(out, "/sbx");
    return sbx_text_check(out, err);
}

sbx_status sbx_store_default_path(char **out_path, sbx_error *err)
{
    const char *named = sbx_windows_variable("SBX_AUDIT_DB");
    sbx_text path = {0};
    sbx_status st = SBX_OK;

    *out_path = NULL;
    if (named != NULL) {
        add_with_slashes(&path, named);
    } else {
        st = sbx_store_state_folder(&path, err);
        sbx_text_add(&path, "/audit.db");
    }
    if (st == SBX_OK)
        st = sbx_text_check(&path, err);
    if (st != SBX_OK) {
        sbx_text_done(&path);
        return st;
    }
    *out_path = path.data; /* malloc'ed: the caller frees it */
    return SBX_OK;
}

sbx_status sbx_redaction_default_path(char **out, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status st = SBX_OK;

    *out = NULL;
    if (sbx_store_state_folder(&path, NULL) == SBX_OK) {
        sbx_text_add(&path, "/redact.json");
        st = sbx_text_check(&path, err);
    }
    if (st == SBX_OK && path.bytes > 0)
        *out = path.data; /* malloc'ed: the caller frees it */
    else
        sbx_text_done(&path);
    return st;
}
