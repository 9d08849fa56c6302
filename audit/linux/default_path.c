/* Where the audit database is when nobody says, and patterns for secrets; see store.h and redaction.h. */
#include <stdlib.h>
#include <string.h>

#include "audit/redaction.h"
#include "audit/store.h"
#include "harness/base/text.h"

static bool is_absolute(const char *path)
{
    return path != NULL && path[0] == '/';
}

sbx_status sbx_store_state_folder(sbx_text *out, sbx_error *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (is_absolute(state)) /* a relative one is to be ignored, says its specification */
        sbx_text_add_format(out, "%s/sbx", state);
    else if (is_absolute(home))
        sbx_text_add_format(out, "%s/.local/state/sbx", home);
    else
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_AUDIT,
            "no place for the audit database: neither HOME nor XDG_STATE_HOME is an "
            "absolute path; name the file with --audit-db or SBX_AUDIT_DB");
    return sbx_text_check(out, err);
}

sbx_status sbx_store_default_path(char **out_path, sbx_error *err)
{
    const char *named = getenv("SBX_AUDIT_DB");
    sbx_text path = {0};
    sbx_status st = SBX_OK;

    *out_path = NULL;
    if (named != NULL && named[0] != '\0') {
        sbx_text_add(&path, named);
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
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    sbx_text path = {0};
    sbx_status st;

    *out = NULL;
    if (is_absolute(config))
        sbx_text_add_format(&path, "%s/sbx/redact.json", config);
    else if (is_absolute(home))
        sbx_text_add_format(&path, "%s/.config/sbx/redact.json", home);
    st = sbx_text_check(&path, err);
    if (st == SBX_OK)
        *out = path.data; /* malloc'ed: the caller frees it */
    else
        sbx_text_done(&path);
    return st;
}
