/* See guard.h. */
#include "harness/runner/windows/guard.h"

#include "harness/base/windows/security.h"
#include "harness/target/windows/steps.h"

sbx_status sbx_guard_this_process(bool must_hold, sbx_error *err)
{
    const sbx_target_os *os = &sbx_target_os_real;
    sbx_os_token own = {0};
    sbx_handle token = NULL;
    sbx_os_code code = os->open_token(&token);
    sbx_status st;

    if (code == 0)
        code = os->read_token(&own, token);
    if (code != 0)
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "ask who the caller is");
    else
        st = sbx_token_guard_process(own.user, must_hold, os, err);
    if (st == SBX_OK)
        st = sbx_token_guard_own(token, own.user, must_hold, os, err);
    if (token != NULL)
        os->close(token);
    return st;
}

/* The masks are those of sbx_guard_aces(); of a thread its user may only wait for the end. */
sbx_status sbx_guard_describe(sbx_text *out_process, sbx_text *out_thread, sbx_error *err)
{
    char user[SBX_SID_TEXT_BYTES];
    sbx_ace aces[SBX_TOKEN_ACES_MAX];
    size_t count;
    sbx_status st = sbx_security_user(user, err);

    if (st != SBX_OK)
        return st;
    count = sbx_guard_aces(aces, user);
    sbx_text_add(out_process, "D:P");
    sbx_text_add(out_thread, "D:P");
    for (size_t i = 0; i < count; i++) {
        bool is_full = aces[i].mask == SBX_PROCESS_ALL;

        sbx_text_add_format(out_process, "(A;;0x%lx;;;%s)", (unsigned long)aces[i].mask,
                            aces[i].sid);
        sbx_text_add_format(
            out_thread, "(A;;0x%lx;;;%s)",
            (unsigned long)(is_full ? aces[i].mask : aces[i].mask & ~SBX_PROCESS_QUERY_LIMITED),
            aces[i].sid);
    }
    st = sbx_text_check(out_process, err);
    return st == SBX_OK ? sbx_text_check(out_thread, err) : st;
}
