/* See other_user.h. */
#include "harness/runner/windows/other_user.h"

#include "harness/base/windows/security.h"
#include "harness/policy/windows/accounts.h"
#include "harness/runner/windows/parts.h"
#include "harness/setup/windows/secret.h"

enum { LOOK_MS = 100 };

/* Not there, or not this caller's: the error of a run that cannot be, and not of a command that is not found. */
static sbx_status load_password(char *out, size_t room, const char *account, sbx_error *err)
{
    sbx_error why;

    out[0] = '\0';
    if (room < SBX_SECRET_BYTES)
        return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_IDENTITY, "no room for a password");
    if (sbx_secret_load(out, account, &why) == SBX_OK)
        return SBX_OK;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                          "%s (`sbx-setup install` by this user sets it up, `--identity self` does "
                          "without)",
                          why.message);
}

void sbx_other_user_init(sbx_other_user *other, sbx_launch *launch)
{
    const sbx_plan *plan = launch->plan;
    bool is_offline = plan->network == SBX_NETWORK_NONE || plan->network == SBX_NETWORK_LOOPBACK;

    *other = (sbx_other_user){
        .remote = {.os = &sbx_remote_os_real,
                   .target_os = launch->os,
                   .load_password = load_password,
                   .must_hold = plan->walls[SBX_WALL_TOKEN],
                   .allows_everyone = plan->allows_everyone,
                   .job_must_hold = plan->walls[SBX_WALL_JOB],
                   .tries_net = plan->network == SBX_NETWORK_NONE,
                   .net_must_hold = plan->walls[SBX_WALL_NET] && !plan->allow_degraded}};
    if (plan->walls[SBX_WALL_UID]) { /* else the host has no such users, and the row says so */
        other->remote.account = is_offline ? SBX_ACCOUNT_OFFLINE : SBX_ACCOUNT_ONLINE;
        other->remote.group = SBX_ACCOUNT_GROUP;
    }
    other->maker = sbx_remote_maker(&other->remote);
    launch->maker = &other->maker;
}

static void tell_port(void *context)
{
    const sbx_other_user *other = context;

    (void)PostQueuedCompletionStatus(other->port, 0, SBX_PORT_RUNNER_KEY, NULL);
}

/* Copies, which the relay may close: the caller's own streams stay as they are. */
sbx_status sbx_other_user_streams(sbx_other_user *other, const sbx_launch *launch, HANDLE port,
                                  sbx_error *err)
{
    sbx_relay_options options = {.side = SBX_SIDE_SBX,
                                 .pipe = other->remote.pipe,
                                 .reader = &other->remote.reader,
                                 .on_end = tell_port,
                                 .context = other};
    sbx_status st = SBX_OK;

    other->port = port;
    for (int i = 0; st == SBX_OK && i < SBX_PROTOCOL_STREAMS; i++)
        if (launch->stdio[i] != NULL &&
            !DuplicateHandle(GetCurrentProcess(), launch->stdio[i], GetCurrentProcess(),
                             &options.local[i], 0, FALSE, DUPLICATE_SAME_ACCESS))
            st = sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, GetLastError(),
                             "copy a stream for sbx-runner.exe");
    if (st == SBX_OK)
        return sbx_relay_start(&other->relay, &options, err);
    for (int i = 0; i < SBX_PROTOCOL_STREAMS; i++)
        if (options.local[i] != NULL)
            CloseHandle(options.local[i]);
    return st;
}

void sbx_other_user_resize(void *other, const sbx_os_size *size)
{
    sbx_other_user *self = other;

    if (self->relay != NULL)
        sbx_relay_resize(self->relay, size->columns, size->rows);
}

void sbx_other_user_drain(sbx_other_user *other, const bool *came)
{
    while (other->relay != NULL && !sbx_relay_is_drained(other->relay, LOOK_MS) && !*came) {
    }
}

void sbx_other_user_done(sbx_other_user *other)
{
    sbx_relay_free(other->relay);
    other->relay = NULL;
    if (other->remote.os != NULL)
        sbx_remote_close(&other->remote);
}

sbx_status sbx_other_user_prove_net(sbx_error *err)
{
    sbx_remote remote = {.os = &sbx_remote_os_real,
                         .target_os = &sbx_target_os_real,
                         .account = SBX_ACCOUNT_OFFLINE,
                         .group = SBX_ACCOUNT_GROUP,
                         .load_password = load_password,
                         .must_hold = true,
                         .job_must_hold = true,
                         .tries_net = true,
                         .net_must_hold = true};
    char caller[SBX_SID_TEXT_BYTES], group[SBX_OS_SID_BYTES];
    sbx_status st = sbx_security_user(caller, err);

    if (st == SBX_OK)
        st = sbx_remote_open(&remote, caller, group, err);
    sbx_remote_close(&remote);
    return st;
}
