/* The process: made, and then asked of the system again, which may have made another one than was asked for. */
#include "harness/target/windows/steps.h"

static sbx_status explain(const char *name, sbx_os_code code, sbx_error *err)
{
    switch (code) {
    case SBX_OS_NOT_FOUND:
    case SBX_OS_PATH_NOT_FOUND:
        return sbx_fail_os(err, SBX_NOT_FOUND, SBX_STEP_EXEC, code, "run %s", name);
    case SBX_OS_NEEDS_ADMIN:
        return sbx_fail_plain(err, SBX_NOT_EXECUTABLE, SBX_STEP_EXEC,
                              "run %s: the program asks for an administrator's rights, which a "
                              "command never gets here",
                              name);
    case SBX_OS_BAD_FORMAT:
    case SBX_OS_DENIED:
        return sbx_fail_os(err, SBX_NOT_EXECUTABLE, SBX_STEP_EXEC, code, "run %s", name);
    default:
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "make the process of %s", name);
    }
}

/* In the job, and with the token: as the system has them, not as we asked for them. */
sbx_status sbx_process_check(sbx_handle process, sbx_handle job, const sbx_token_plan *plan,
                             bool must_hold, const sbx_target_os *os, sbx_error *err)
{
    sbx_handle token = NULL;
    bool is_in_job = false;
    sbx_os_code code = os->is_in_job(&is_in_job, process, job);
    sbx_status st;

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "ask for the command's job");
    if (!is_in_job)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_SPAWN,
                              "the command's process is not in its job: its limits would not hold");
    if (!must_hold)
        return SBX_OK;
    if ((code = os->open_process_token(&token, process)) != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "open the command's token");
    st = sbx_token_check(token, plan, os, err);
    os->close(token);
    return st;
}

sbx_status sbx_process_make(sbx_os_process *out, const sbx_os_wish *wish, const char *name,
                            const sbx_token_plan *plan, bool must_hold, const sbx_target_os *os,
                            sbx_error *err)
{
    sbx_os_code code = os->make_process(out, wish);

    if (code != 0) {
        *out = (sbx_os_process){0};
        return explain(name, code, err);
    }
    return sbx_process_check(out->process, wish->job, plan, must_hold, os, err);
}
