/*
 * In the order that counts:
 *
 *   who we are - without privileges - this process is closed to its own user - the token - the terminal, where there is to be one: its host gets
 *   what we are by now - the process, suspended, in sbx.exe's job, with that token - our token is closed too
 *
 * sbx.exe has closed this process before its first instruction; here it is done once more, because nobody else
 * reads it back from inside.
 */
#include "harness/runner/windows/inside.h"

#include <stdlib.h>
#include <string.h>

#include "harness/runner/windows/pseudo.h"

sbx_status sbx_inside_look(sbx_inside *inside, sbx_error *err)
{
    sbx_os_code code = inside->os->open_token(&inside->own_token);

    if (code == 0)
        code = inside->os->read_token(&inside->own, inside->own_token);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "ask who sbx-runner.exe is");
    return SBX_OK;
}

/* What it could do that a command may not, it does not need. */
static sbx_status drop_privileges(sbx_inside *inside, bool must_hold, sbx_error *err)
{
    sbx_os_token found = {0};
    sbx_os_code code = inside->os->drop_privileges(inside->own_token);

    if (code == 0)
        code = inside->os->read_token(&found, inside->own_token);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code,
                           "drop the privileges of sbx-runner.exe");
    if (must_hold && found.privilege_count > 1)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "sbx-runner.exe still has privileges that it dropped");
    return SBX_OK;
}

/* NULL: no memory. Of what it points to nothing is copied. */
static const char **list_environment(const sbx_frame_start *start)
{
    size_t count = 0, i = 0;
    const char **list;

    for (size_t at = 0; at < start->env_bytes; at += strlen(start->env + at) + 1)
        count++;
    list = calloc(count + 1, sizeof(*list));
    for (size_t at = 0; list != NULL && at < start->env_bytes; at += strlen(start->env + at) + 1)
        list[i++] = start->env + at;
    return list;
}

static sbx_status make_process(sbx_inside *inside, const sbx_frame_start *start,
                               const sbx_token_plan *plan, sbx_handle job,
                               const sbx_handle stdio[3], sbx_error *err)
{
    const char **env = list_environment(start);
    sbx_os_wish wish = {.program = start->program,
                        .command_line = start->line,
                        .env = env,
                        .cwd = start->cwd,
                        .desktop = start->desktop[0] != '\0' ? start->desktop : NULL,
                        .token = inside->token,
                        .leaves_own_job = true, /* one with window restrictions is in no other */
                        .job = job,
                        .terminal = inside->terminal};
    sbx_status st;

    if (env == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_SPAWN, "no memory for the environment");
    memcpy(wish.stdio, stdio, sizeof(wish.stdio));
    if (inside->terminal != NULL)
        wish.stdio[0] = wish.stdio[1] = NULL;
    st = sbx_process_make(&inside->child, &wish, start->program, plan, start->must_hold, inside->os,
                          err);
    free(env);
    return st;
}

static sbx_status make_terminal(sbx_inside *inside, const sbx_frame_start *start,
                                const sbx_handle stdio[3], sbx_error *err)
{
    sbx_pseudo_wish wish = {.size = {start->terminal.columns, start->terminal.rows},
                            .from = stdio[0],
                            .to = stdio[1],
                            .own_token = inside->own_token,
                            .must_hold = start->must_hold};

    if (wish.size.columns == 0)
        return SBX_OK;
    return sbx_pseudo_make(&inside->terminal, &wish, inside->terminal_os, inside->os, err);
}

static void close_handle(const sbx_inside *inside, sbx_handle *handle)
{
    if (*handle != NULL)
        inside->os->close(*handle);
    *handle = NULL;
}

static void end_child(sbx_inside *inside)
{
    /* One that cannot be ended is in the job, which sbx.exe ends. */
    if (inside->child.process != NULL)
        (void)inside->os->end_process(inside->child.process);
    close_handle(inside, &inside->child.thread);
    close_handle(inside, &inside->child.process);
}

sbx_status sbx_inside_make(sbx_inside *inside, const sbx_frame_start *start, sbx_handle job,
                           const sbx_handle stdio[3], sbx_error *err)
{
    bool must_hold = start->must_hold;
    const sbx_target_os *os = inside->os;
    sbx_token_sids sids;
    sbx_token_plan plan;
    sbx_status st;

    sbx_token_sids_of(&sids, start->run_sid, &inside->own, start->overseer, start->group);
    sids.allows_everyone = start->allows_everyone;
    sbx_token_plan_make(&plan, &sids);
    if ((st = drop_privileges(inside, must_hold, err)) != SBX_OK ||
        (st = sbx_token_guard_process(inside->own.user, must_hold, os, err)) != SBX_OK ||
        (st = sbx_token_make(&inside->token, &plan, must_hold, os, err)) != SBX_OK ||
        (st = make_terminal(inside, start, stdio, err)) != SBX_OK)
        return st;
    if ((st = make_process(inside, start, &plan, job, stdio, err)) == SBX_OK)
        st = sbx_token_guard_own(inside->own_token, inside->own.user, must_hold, os, err);
    if (st != SBX_OK)
        end_child(inside);
    return st;
}

void sbx_inside_done(sbx_inside *inside)
{
    if (inside->terminal != NULL)
        inside->terminal_os->close_pseudo(inside->terminal);
    inside->terminal = NULL;
    close_handle(inside, &inside->child.thread);
    close_handle(inside, &inside->child.process);
    close_handle(inside, &inside->token);
    close_handle(inside, &inside->own_token);
}
