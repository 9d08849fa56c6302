/* Does this host tell denials by itself? Tried, as nobody who may read the log is told whether there is something in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "harness/base/clock.h"
#include "harness/base/path.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/policy/windows/accounts.h"
#include "harness/runner/windows/kernel.h"
#include "harness/runner/windows/remote_os.h"
#include "harness/setup/windows/secret.h"

enum { TOLD_MOST_MS = 3000 };

static const char set_up[] = "sbx-setup install --audit-denials, as an administrator";

static void say(sbx_doctor_line *line, const char *subject, const char *by, const char *why,
                const char *fix)
{
    bool is_heard = fix == NULL;

    *line = (sbx_doctor_line){.subject = subject,
                              .state = is_heard ? "enforced" : "missing",
                              .by = is_heard ? by : "none"};
    (void)snprintf(line->detail, sizeof(line->detail), "%s", why);
    (void)snprintf(line->fix, sizeof(line->fix), "%s", is_heard ? "" : fix);
}

/* --- a denial to be told of --- */

/* A logon of that sandbox user, for CloseHandle(); NULL: its password is not ours, or not its own any more. */
static HANDLE log_on(const char *user)
{
    char password[SBX_SECRET_BYTES];
    wchar_t *name = sbx_wide(user), *wide = NULL;
    HANDLE logon = NULL;

    if (name != NULL && sbx_secret_load(password, user, NULL) == SBX_OK &&
        (wide = sbx_wide(password)) != NULL &&
        !LogonUserW(name, L".", wide, LOGON32_LOGON_INTERACTIVE, LOGON32_PROVIDER_DEFAULT, &logon))
        logon = NULL;
    if (wide != NULL)
        sbx_secret_wipe(wide, wcslen(wide) * sizeof(*wide));
    sbx_secret_wipe(password, sizeof(password));
    free(wide);
    free(name);
    return logon;
}

/* A file that is nobody's but ours, and goes with its handle. */
static HANDLE make_file(wchar_t out[MAX_PATH])
{
    wchar_t folder[MAX_PATH];
    sbx_security only_ours = {0};
    HANDLE file = INVALID_HANDLE_VALUE;

    if (GetTempPathW(MAX_PATH, folder) != 0 && GetTempFileNameW(folder, L"sbx", 0, out) != 0) {
        (void)DeleteFileW(out); /* and made again with a list */
        if (sbx_security_owner_only(&only_ours, SBX_STEP_WATCH, NULL) == SBX_OK)
            file = CreateFileW(out, GENERIC_WRITE,
                               FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                               &only_ours.attributes, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE, NULL);
        sbx_security_done(&only_ours);
    }
    return file == INVALID_HANDLE_VALUE ? NULL : file;
}

/* Is it refused that file? */
static bool is_refused(HANDLE logon, const wchar_t *path)
{
    HANDLE file;
    DWORD code;

    if (!ImpersonateLoggedOnUser(logon))
        return false;
    file = CreateFileW(path, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL, OPEN_EXISTING, 0, NULL);
    code = file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    RevertToSelf();
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return code == ERROR_ACCESS_DENIED;
}

typedef struct waiting {
    const char *user;
    const char *name; /* of the file */
    sbx_nt_drives drives;
    bool is_told;
} waiting;

static void on_event(void *context, const sbx_event_value values[SBX_SECURITY_FIELD_COUNT])
{
    waiting *self = context;
    sbx_kernel_denial found;

    if (sbx_security_event_read(&found, values, self->user, &self->drives) == SBX_EVENT_OURS &&
        found.pid == GetCurrentProcessId() &&
        _stricmp(sbx_path_name(sbx_text_string(&found.target)), self->name) == 0)
        self->is_told = true;
    sbx_kernel_denial_done(&found);
}

static bool is_told(sbx_event_log *log, const char *user, const wchar_t *path)
{
    uint64_t until_ns = sbx_clock_monotonic_ns() + TOLD_MOST_MS * SBX_NS_PER_MS;
    const wchar_t *slash = wcsrchr(path, L'\\');
    sbx_text name = {0};
    waiting self = {.user = user};

    sbx_text_add_wide(&name, slash + 1, wcslen(slash + 1));
    self.name = sbx_text_string(&name);
    sbx_denied_drives(&self.drives);
    while (!self.is_told) {
        uint64_t now_ns = sbx_clock_monotonic_ns();

        if (now_ns >= until_ns ||
            WaitForSingleObject(sbx_event_log_signal(log),
                                (DWORD)((until_ns - now_ns) / SBX_NS_PER_MS) + 1) != WAIT_OBJECT_0)
            break;
        sbx_event_log_read(log, on_event, &self);
    }
    sbx_text_done(&name);
    return self.is_told;
}

/* NULL: it was told; else what is in the way. */
static const char *try_denial(sbx_event_log *log, const char *sid)
{
    wchar_t path[MAX_PATH];
    HANDLE logon = log_on(SBX_ACCOUNT_OFFLINE), file = NULL;
    const char *why = NULL;

    if (logon == NULL)
        return "not tried: no logon of the user " SBX_ACCOUNT_OFFLINE " with the password that is "
               "kept for it";
    if ((file = make_file(path)) == NULL)
        why = "not tried: no file could be made in the temp directory";
    else if (!is_refused(logon, path))
        why = "not tried: the user " SBX_ACCOUNT_OFFLINE " was not refused a file of the caller's";
    else if (!is_told(log, sid, path))
        why = "the security log is readable, and says nothing of a file that "
              "the user " SBX_ACCOUNT_OFFLINE " was refused: the audit of failures is off";
    if (file != NULL)
        CloseHandle(file);
    CloseHandle(logon);
    return why;
}

/* --- the lines --- */

static void look_at_log(sbx_doctor_line *line, const char *sid)
{
    static const char subject[] = "object-audit";
    sbx_event_log *log = NULL;
    sbx_error err;
    const char *why;

    if (sbx_event_log_open(&log, sid, NULL, &err) != SBX_OK) {
        say(line, subject, NULL, err.message,
            "put this user into the group Event Log Readers, and sign in again; who may read the "
            "log sees what all users of the machine do");
        return;
    }
    why = try_denial(log, sid);
    if (why == NULL)
        say(line, subject, sbx_denial_source_word(SBX_SOURCE_SECURITY_LOG),
            "Windows told of a file that a sandbox user was refused", NULL);
    else
        say(line, subject, NULL, why, set_up);
    sbx_event_log_close(log);
}

static void look_at_platform(sbx_doctor_line *line, const char *sid)
{
    static const char subject[] = "net-events";
    sbx_net_events *net = NULL;
    sbx_error err;

    if (sbx_net_events_open(&net, sid, NULL, &err) == SBX_OK)
        say(line, subject, sbx_denial_source_word(SBX_SOURCE_WFP),
            "what the filtering platform drops is told; no connection was tried", NULL);
    else
        say(line, subject, NULL, err.message, "run sbx as an administrator");
    sbx_net_events_close(net);
}

size_t sbx_doctor_denials(sbx_doctor_line *out, size_t room)
{
    char sid[SBX_OS_SID_BYTES];
    static const char no_users[] =
        "Windows tells denials of the sandbox users alone, and there are none here";

    if (room < 2)
        return 0;
    if (sbx_accounts_look() != SBX_USERS_THERE ||
        sbx_remote_os_real.find_account(sid, SBX_ACCOUNT_OFFLINE) != 0) {
        say(&out[0], "object-audit", NULL, no_users, set_up);
        say(&out[1], "net-events", NULL, no_users, "sbx-setup install, as an administrator");
        return 2;
    }
    look_at_log(&out[0], sid);
    look_at_platform(&out[1], sid);
    return 2;
}
