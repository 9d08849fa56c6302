/* See played_terminal.h. */
#include "tests/support/played_terminal.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/played_parts.h"

played_console played_caller;
static char streams[3];
static char copier;
static bool has_hung_up;

void played_terminal_reset(void)
{
    played_caller =
        (played_console){.is_console = {true, true, true},
                         .mode = {PLAYED_INPUT_MODE, PLAYED_SCREEN_MODE, PLAYED_SCREEN_MODE},
                         .size = {80, 25}};
    has_hung_up = false;
}

sbx_handle played_stream(int fd)
{
    return &streams[fd];
}

static void note(const char *word)
{
    size_t used = strlen(played_caller.order);

    (void)snprintf(played_caller.order + used, sizeof(played_caller.order) - used, "%s%s",
                   used == 0 ? "" : " ", word);
}

/* --- the caller's console --- */

static int number_of(sbx_handle console)
{
    return (int)((const char *)console - streams);
}

static sbx_os_code read_mode(uint32_t *out, sbx_handle console)
{
    if (played_fails("read_mode") || !played_caller.is_console[number_of(console)])
        return PLAYED_FAILURE;
    *out = played_caller.mode[number_of(console)];
    return 0;
}

/* As the real one: a screen cannot do what is an input's, and the other way round. */
static sbx_os_code set_mode(sbx_handle console, uint32_t mode)
{
    int fd = number_of(console);
    uint32_t new_kind = fd == 0 ? SBX_CONSOLE_TERMINAL_INPUT : SBX_CONSOLE_TERMINAL_OUTPUT;

    if (played_fails("set_mode") || (played_caller.is_old && (mode & new_kind) != 0))
        return PLAYED_FAILURE;
    if (played_caller.mode[fd] != mode)
        note(fd == 0 ? "input" : "screen");
    played_caller.mode[fd] = mode;
    return 0;
}

static sbx_os_code read_size(sbx_os_size *out, sbx_handle screen)
{
    if (played_fails("read_size") || number_of(screen) == 0)
        return PLAYED_FAILURE;
    *out = played_caller.size;
    return 0;
}

static void show(sbx_handle screen, const char *text)
{
    size_t used = strlen(played_caller.shown);

    if ((played_caller.mode[number_of(screen)] & SBX_CONSOLE_TERMINAL_OUTPUT) == 0)
        note("garbage"); /* what is shown to a screen that does not obey it is read by the user */
    (void)snprintf(played_caller.shown + used, sizeof(played_caller.shown) - used, "%s", text);
}

/* --- the command's --- */

static bool has_pseudo(void)
{
    return !played_caller.has_no_pseudo;
}

static sbx_os_code make_pipe(sbx_handle *out_from, sbx_handle *out_to)
{
    if (played_fails("make_pipe"))
        return PLAYED_FAILURE;
    *out_from = played_new_pipe(NULL, 0);
    *out_to = played_new_pipe(NULL, 0);
    return 0;
}

static sbx_os_code make_pseudo(sbx_handle *out, const sbx_os_size *size, sbx_handle from,
                               sbx_handle to)
{
    (void)from;
    (void)to;
    if (played_fails("make_pseudo"))
        return PLAYED_FAILURE;
    played_caller.host_list = played.last_default_list;
    played_caller.host_has_privileges = !played.has_dropped;
    played_caller.made_size = *size;
    note("terminal");
    *out = played_new_object(TERMINAL);
    return 0;
}

static void resize_pseudo(sbx_handle pseudo, const sbx_os_size *size)
{
    (void)pseudo;
    played_caller.resized = *size;
    played_caller.resizes++;
}

static void close_pseudo(sbx_handle pseudo)
{
    note("-terminal");
    ((played_object *)pseudo)->is_open = false;
}

/* --- between them --- */

static sbx_os_code start_copying(sbx_terminal *terminal)
{
    if (played_fails("start_copying"))
        return PLAYED_FAILURE;
    note("copying");
    terminal->copying = &copier;
    return 0;
}

static void close_handle(sbx_handle handle)
{
    ((played_object *)handle)->is_open = false;
}

static void hang_up(sbx_terminal *terminal)
{
    if (has_hung_up)
        return;
    has_hung_up = true;
    note("hang-up");
    close_handle(terminal->to_command);
    terminal->to_command = NULL;
    if (terminal->pseudo != NULL)
        close_pseudo(terminal->pseudo);
    terminal->pseudo = NULL;
}

static bool is_drained(sbx_terminal *terminal, unsigned timeout_ms)
{
    (void)terminal;
    (void)timeout_ms;
    if (played_caller.slow == 0)
        return true;
    played_caller.slow--;
    return false;
}

static void discard(sbx_terminal *terminal)
{
    (void)terminal;
    note("discard");
    played_caller.slow = 0;
}

static void stop_copying(sbx_terminal *terminal)
{
    note("-copying");
    terminal->copying = NULL;
}

const sbx_terminal_os played_terminal = {
    .read_mode = read_mode,
    .set_mode = set_mode,
    .read_size = read_size,
    .show = show,
    .has_pseudo = has_pseudo,
    .make_pipe = make_pipe,
    .make_pseudo = make_pseudo,
    .resize_pseudo = resize_pseudo,
    .close_pseudo = close_pseudo,
    .start_copying = start_copying,
    .hang_up = hang_up,
    .is_drained = is_drained,
    .discard = discard,
    .stop_copying = stop_copying,
    .close = close_handle,
};
