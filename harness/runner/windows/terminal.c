/* See terminal.h. */
#include "harness/runner/windows/terminal.h"

#include "harness/runner/windows/pseudo.h"
#include "harness/target/windows/steps.h"

enum { INPUT, SCREEN, LOOK_MS = 100 };

/*
 * What a pseudo console asks of its terminal for itself, and older ones do not take back: keys as Windows' events, and
 * to be told of the focus.
 */
static const char take_back[] = "\x1b[?9001l\x1b[?1004l";

static uint32_t raw_mode(int which, uint32_t found)
{
    return which == INPUT ? sbx_console_raw_input(found) : sbx_console_raw_output(found);
}

static sbx_os_code make_raw(sbx_terminal *terminal)
{
    for (int i = INPUT; i <= SCREEN; i++) {
        sbx_os_code code =
            terminal->os->set_mode(terminal->console[i], raw_mode(i, terminal->found_mode[i]));

        if (code != 0)
            return code;
        terminal->is_raw[i] = true;
    }
    return 0;
}

/* Tried once more where it fails: nobody else will. */
static void make_usual(sbx_terminal *terminal)
{
    for (int i = SCREEN; i >= INPUT; i--)
        for (int tries = 0; tries < 2 && terminal->is_raw[i]; tries++)
            terminal->is_raw[i] =
                terminal->os->set_mode(terminal->console[i], terminal->found_mode[i]) != 0;
}

/* Tried at once, because a console of the old kind knows the modes and does not take them. */
static bool can_be_raw(sbx_terminal *terminal)
{
    bool can = make_raw(terminal) == 0;

    make_usual(terminal);
    return can;
}

static bool is_console(const sbx_terminal *terminal, sbx_handle handle)
{
    uint32_t mode;

    return handle != NULL && terminal->os->read_mode(&mode, handle) == 0;
}

void sbx_terminal_look(sbx_terminal *terminal, const sbx_handle caller[3])
{
    const sbx_terminal_os *os = terminal->os;

    terminal->console[INPUT] = caller[0];
    terminal->console[SCREEN] = caller[1];
    terminal->is_wanted =
        is_console(terminal, caller[0]) && is_console(terminal, caller[1]) && caller[2] != NULL &&
        os->has_pseudo() && os->read_size(&terminal->size, caller[1]) == 0 &&
        os->read_mode(&terminal->found_mode[INPUT], caller[0]) == 0 &&
        os->read_mode(&terminal->found_mode[SCREEN], caller[1]) == 0 && can_be_raw(terminal);
}

bool sbx_terminal_has(const sbx_terminal *terminal, const sbx_handle caller[3], int fd)
{
    return terminal->is_wanted && (fd < 2 || is_console(terminal, caller[fd]));
}

static void close_handle(const sbx_terminal *terminal, sbx_handle *handle)
{
    if (*handle != NULL)
        terminal->os->close(*handle);
    *handle = NULL;
}

/* They are copied by whom they are for; while we had them open too, nobody would hear of an end. */
static void close_command_ends(sbx_terminal *terminal)
{
    close_handle(terminal, &terminal->command_in);
    close_handle(terminal, &terminal->command_out);
}

static sbx_status make_pipes(sbx_terminal *terminal, sbx_error *err)
{
    sbx_os_code code = terminal->os->make_pipe(&terminal->command_in, &terminal->to_command);

    if (code == 0)
        code = terminal->os->make_pipe(&terminal->from_command, &terminal->command_out);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code,
                           "make a pipe for the command's terminal");
    return SBX_OK;
}

static sbx_status start_copying(sbx_terminal *terminal, sbx_error *err)
{
    sbx_os_code code = terminal->os->start_copying(terminal);

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code,
                           "copy between the caller's console and the command's terminal");
    return SBX_OK;
}

sbx_status sbx_terminal_open(sbx_terminal *terminal, sbx_handle own_token, sbx_error *err)
{
    sbx_pseudo_wish wish = {
        .size = terminal->size, .own_token = own_token, .must_hold = terminal->must_hold};
    sbx_os_code code = make_raw(terminal);
    sbx_status st;

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_STDIO, code,
                           "make the caller's console a terminal for the command");
    if ((st = make_pipes(terminal, err)) != SBX_OK || own_token == NULL)
        return st;
    wish.from = terminal->command_in;
    wish.to = terminal->command_out;
    if ((st = sbx_pseudo_make(&terminal->pseudo, &wish, terminal->os, terminal->target_os, err)) !=
        SBX_OK)
        return st;
    close_command_ends(terminal);
    /* Before the command: it asks its terminal where the cursor is, and waits for the answer. */
    return start_copying(terminal, err);
}

sbx_status sbx_terminal_join(sbx_terminal *terminal,
                             void (*on_size)(void *context, const sbx_os_size *size), void *context,
                             sbx_error *err)
{
    terminal->on_size = on_size;
    terminal->context = context;
    close_command_ends(terminal);
    return start_copying(terminal, err);
}

static void take_size(sbx_terminal *terminal)
{
    sbx_os_size size = {0};

    if (terminal->os->read_size(&size, terminal->console[SCREEN]) != 0 ||
        (size.columns == terminal->size.columns && size.rows == terminal->size.rows))
        return;
    terminal->size = size;
    if (terminal->pseudo != NULL)
        terminal->os->resize_pseudo(terminal->pseudo, &size);
    else if (terminal->on_size != NULL)
        terminal->on_size(terminal->context, &size);
}

void sbx_terminal_take(sbx_terminal *terminal, sbx_text *out, const sbx_console_event *events,
                       size_t count)
{
    bool has_size = false;

    for (size_t i = 0; i < count; i++) {
        has_size |= events[i].is_size;
        if (!events[i].is_size)
            sbx_keys_add(out, &terminal->keys, &events[i].key);
    }
    if (has_size) /* many come while somebody drags: what counts is how it is now */
        take_size(terminal);
}

void sbx_terminal_hang_up(sbx_terminal *terminal)
{
    if (terminal->copying != NULL)
        terminal->os->hang_up(terminal);
}

void sbx_terminal_drain(sbx_terminal *terminal, int (*next_signal)(void))
{
    while (terminal->copying != NULL && !terminal->os->is_drained(terminal, LOOK_MS))
        if (next_signal() != 0)
            terminal->os->discard(terminal);
}

static void end_copying(sbx_terminal *terminal)
{
    const sbx_terminal_os *os = terminal->os;

    os->hang_up(terminal);
    os->discard(terminal);
    while (!os->is_drained(terminal, LOOK_MS)) {
    }
    os->stop_copying(terminal);
}

void sbx_terminal_done(sbx_terminal *terminal)
{
    if (!terminal->is_wanted)
        return;
    if (terminal->copying != NULL)
        end_copying(terminal);
    close_handle(terminal, &terminal->to_command);
    close_handle(terminal, &terminal->from_command); /* nobody reads: then it does not wait */
    if (terminal->pseudo != NULL)
        terminal->os->close_pseudo(terminal->pseudo);
    terminal->pseudo = NULL;
    close_command_ends(terminal);
    if (terminal->is_raw[SCREEN])
        terminal->os->show(terminal->console[SCREEN], take_back);
    make_usual(terminal);
    terminal->is_wanted = false;
}
