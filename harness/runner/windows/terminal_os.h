/*
 * What a terminal for the command asks of Windows, as a table: a test puts a played system in its place, lets the n-th
 * call fail, or lets it lie. See harness/target/windows/os.h, whose types and rules these are: 0, or the system's error
 * number and then nothing was done.
 */
#ifndef SBX_RUNNER_WINDOWS_TERMINAL_OS_H
#define SBX_RUNNER_WINDOWS_TERMINAL_OS_H

#include "harness/target/windows/os.h"

struct sbx_terminal;

typedef struct sbx_terminal_os {
    /* --- the caller's console --- */
    sbx_os_code (*read_mode)(uint32_t *out, sbx_handle console); /* fails: it is no console's */
    sbx_os_code (*set_mode)(sbx_handle console, uint32_t mode);
    /* Of the window: what one sees at once. Fails also where it is no screen. */
    sbx_os_code (*read_size)(sbx_os_size *out, sbx_handle screen);
    /* ASCII, for the screen itself. */
    void (*show)(sbx_handle screen, const char *text);

    /* --- the command's --- */
    bool (*has_pseudo)(void); /* Windows before 10's 1809 knows none */
    sbx_os_code (*make_pipe)(sbx_handle *out_from, sbx_handle *out_to);
    /*
     * from, to: its ends of two pipes, which it copies. Its host is a process of this one's user, outside of the
     * command's job; who may open that is what the default list of this process's token says.
     */
    sbx_os_code (*make_pseudo)(sbx_handle *out, const sbx_os_size *size, sbx_handle from,
                               sbx_handle to);
    void (*resize_pseudo)(sbx_handle pseudo, const sbx_os_size *size);
    /* Waits, before Windows 11's 24H2, until all that it has to say was read, or nobody can read it any more. */
    void (*close_pseudo)(sbx_handle pseudo);

    /* --- between the two: threads, which use what is in *terminal (terminal.h) --- */
    /* From now on keys go to the command, and what it writes to the screen. */
    sbx_os_code (*start_copying)(struct sbx_terminal *terminal);
    /* No key more; `to_command` is closed, and behind it the pseudo console, for which nobody waits here. */
    void (*hang_up)(struct sbx_terminal *terminal);
    /* All is on the screen, and the pseudo console has ended. Waits at most that long for it. */
    bool (*is_drained)(struct sbx_terminal *terminal, unsigned timeout_ms);
    /* What is still to come is read, and not shown. */
    void (*discard)(struct sbx_terminal *terminal);
    void (*stop_copying)(struct sbx_terminal *terminal); /* drained, it is over */

    void (*close)(sbx_handle handle);
} sbx_terminal_os;

/* The real one. Windows only. */
extern const sbx_terminal_os sbx_terminal_os_real;

#endif
