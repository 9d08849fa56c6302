/*
 * From a plan to the command's first instruction, in the order that counts:
 *
 *   find the program - the run's SID - the token - this process is closed to the command -
 *   (the start row, with the leases, durable) -
 *   entries - desktop - the process, suspended, in the job, with that token - our token is closed too - go
 *
 * The row comes before the first entry, so that whoever kills us leaves nothing that is not written down. The process
 * comes last: it is born into everything that was put up before it.
 */
#include <stdio.h>
#include <string.h>

#include "harness/target/windows/quote.h"
#include "harness/target/windows/steps.h"

#define DESKTOP_ALL UINT32_C(0xF01FF)

static bool holds(const sbx_launch *launch, sbx_wall wall)
{
    return launch->plan->walls[wall];
}

static sbx_status ask_who(sbx_launch *launch, sbx_error *err)
{
    const sbx_target_os *os = launch->os;
    sbx_os_code code = os->open_token(&launch->own_token);

    if (code == 0)
        code = os->read_token(&launch->own, launch->own_token);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "ask who the caller is");
    return SBX_OK;
}

/* Path B's user is not the caller's; where the host has no other one the target stays the caller, as on path A. */
static sbx_status find_who(sbx_launch *launch, sbx_error *err)
{
    const sbx_launch_maker *maker = launch->maker;
    sbx_token_sids sids;
    sbx_status st;

    launch->who = launch->own;
    if (maker != NULL && (st = maker->open(maker->context, launch->own.user, &launch->who,
                                           launch->group, err)) != SBX_OK)
        return st;
    sbx_token_sids_of(&sids, launch->run_sid, &launch->who, launch->own.user, launch->group);
    sids.allows_everyone = launch->plan->allows_everyone;
    sbx_token_plan_make(&launch->token_plan, &sids);
    return SBX_OK;
}

/* A row of nothing is no lease; see sbx_entries_list(). */
sbx_status sbx_launch_prepare(sbx_launch *launch, sbx_error *err)
{
    const sbx_plan *plan = launch->plan;
    sbx_ace_sids ace_sids = {.run = launch->run_sid};
    sbx_status st;

    if (launch->job == NULL)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_JOB,
                              "there is no job that the command could be born into");
    if ((st = sbx_command_find(&launch->program, &launch->line, plan, launch->os, err)) != SBX_OK ||
        (st = ask_who(launch, err)) != SBX_OK ||
        (st = sbx_token_make_sid(launch->run_sid, err)) != SBX_OK ||
        (st = find_who(launch, err)) != SBX_OK)
        return st;
    if (launch->maker == NULL &&
        (st = sbx_token_make(&launch->token, &launch->token_plan, holds(launch, SBX_WALL_TOKEN),
                             launch->os, err)) != SBX_OK)
        return st;
    if ((st = sbx_token_guard_process(launch->own.user, holds(launch, SBX_WALL_TOKEN), launch->os,
                                      err)) != SBX_OK)
        return st;
    if (launch->group[0] != '\0')
        ace_sids.group = launch->group;
    return sbx_entries_list(&launch->entries, plan, &ace_sids, launch->own.user,
                            holds(launch, SBX_WALL_ACES), launch->os, err);
}

const char *const *sbx_launch_leases(const sbx_launch *launch)
{
    if (launch->entries.lease == NULL || launch->entries.lease[0] == NULL)
        return NULL;
    return (const char *const *)launch->entries.lease;
}

/*
 * A desktop of its own: no messages to, and no keys from, the windows of others. Where there can be none (a
 * service's station may allow no more), the job's own restrictions on windows are what is left.
 */
static void make_desktop(sbx_launch *launch)
{
    char name[64];
    sbx_ace aces[SBX_TOKEN_ACES_MAX + 1];
    size_t count = 0;

    (void)snprintf(name, sizeof(name), "sbx-%s", launch->plan->run_id);
    for (; count < launch->token_plan.default_count; count++) {
        aces[count] = launch->token_plan.default_aces[count];
        aces[count].mask = DESKTOP_ALL;
    }
    if (launch->who.logon[0] != '\0')
        aces[count++] = (sbx_ace){SBX_ACE_ALLOW, DESKTOP_ALL, 0, launch->who.logon};
    if (launch->os->make_desktop(&launch->desktop, launch->desktop_name,
                                 sizeof(launch->desktop_name), name, aces, count) != 0)
        launch->desktop = NULL;
}

static sbx_status make_process(sbx_launch *launch, sbx_error *err)
{
    const sbx_launch_maker *maker = launch->maker;
    bool must_hold = holds(launch, SBX_WALL_TOKEN);
    sbx_os_wish wish = {.program = sbx_text_string(&launch->program),
                        .command_line = sbx_text_string(&launch->line),
                        .env = launch->plan->env,
                        .cwd = launch->plan->cwd,
                        .desktop = launch->desktop != NULL ? launch->desktop_name : NULL,
                        .token = launch->token,
                        .job = launch->job,
                        .terminal = launch->terminal,
                        .terminal_size = launch->terminal_size};
    sbx_status st;

    memcpy(wish.stdio, launch->stdio, sizeof(wish.stdio));
    if (maker == NULL)
        return sbx_process_make(&launch->child, &wish, launch->plan->argv[0], &launch->token_plan,
                                must_hold, launch->os, err);
    st = maker->make(maker->context, &launch->child, &wish, launch->run_sid, launch->own.user, err);
    if (st != SBX_OK)
        return st;
    return sbx_process_check(launch->child.process, launch->job, &launch->token_plan, must_hold,
                             launch->os, err);
}

/* An advisory network asks the programs: ssh and scp, which ask nobody for a proxy, are not the real ones. */
static sbx_status make_stubs(const sbx_launch *launch, sbx_error *err)
{
    static const char *const names[] = {"ssh.cmd", "scp.cmd", "sftp.cmd"};
    static const char text[] =
        "@echo %~n0: no network in this sandbox (advisory) 1>&2\r\n@exit /b 255\r\n";
    const char *temp = launch->plan->temp_path;
    sbx_text path = {0};
    sbx_os_code code = 0;
    sbx_status st = SBX_OK;

    if (launch->plan->network != SBX_NETWORK_ADVISORY || temp == NULL)
        return SBX_OK;
    sbx_text_add_format(&path, "%s/stubs", temp);
    if ((st = sbx_text_check(&path, err)) == SBX_OK)
        code = launch->os->make_directory(path.data, NULL, 0);
    for (size_t i = 0; st == SBX_OK && code == 0 && i < SBX_COUNT_OF(names); i++) {
        sbx_text_clear(&path);
        sbx_text_add_format(&path, "%s/stubs/%s", temp, names[i]);
        if ((st = sbx_text_check(&path, err)) == SBX_OK)
            code = launch->os->write_file(path.data, text);
    }
    if (st == SBX_OK && code != 0)
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "make %s", sbx_text_string(&path));
    sbx_text_done(&path);
    return st;
}

sbx_status sbx_launch_start(sbx_launch *launch, sbx_error *err)
{
    sbx_status st;

    if ((st = sbx_entries_set(&launch->entries, launch->os, err)) != SBX_OK ||
        (st = make_stubs(launch, err)) != SBX_OK)
        return st;
    make_desktop(launch);
    if ((st = make_process(launch, err)) != SBX_OK)
        return st;
    return sbx_token_guard_own(launch->own_token, launch->own.user, holds(launch, SBX_WALL_TOKEN),
                               launch->os, err);
}

sbx_status sbx_launch_go(sbx_launch *launch, sbx_error *err)
{
    sbx_os_code code = launch->os->resume(launch->child.thread);

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code, "let the command go");
    launch->has_go = true;
    return SBX_OK;
}

static void close_handle(const sbx_launch *launch, sbx_handle *handle)
{
    if (*handle != NULL)
        launch->os->close(*handle);
    *handle = NULL;
}

sbx_status sbx_launch_end(sbx_launch *launch, sbx_error *err)
{
    const sbx_target_os *os = launch->os;
    sbx_status st = SBX_OK, undone;
    sbx_error own;

    if (launch->child.process != NULL && !launch->has_go) {
        sbx_os_code code = os->end_process(launch->child.process);

        if (code != 0)
            st = sbx_fail_os(err, SBX_IO, SBX_STEP_SPAWN, code,
                             "end the command's process, which never ran");
    }
    close_handle(launch, &launch->child.thread);
    close_handle(launch, &launch->child.process);
    if (launch->desktop != NULL)
        os->close_desktop(launch->desktop);
    launch->desktop = NULL;
    undone = sbx_entries_undo(&launch->entries, os, &own);
    if (st == SBX_OK && undone != SBX_OK) {
        if (err != NULL)
            *err = own;
        st = undone;
    }
    sbx_entries_done(&launch->entries, os);
    close_handle(launch, &launch->token);
    close_handle(launch, &launch->own_token);
    sbx_text_done(&launch->program);
    sbx_text_done(&launch->line);
    return st;
}
