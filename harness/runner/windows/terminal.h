/*
 * A terminal for the command, where sbx.exe has one: a pseudo console of the command's own, which stands before the
 * caller's console as a terminal does before its line. Keys go in as bytes, what the command writes comes out as
 * bytes; of the caller's console the command has no handle. Pure but for the tables of system calls.
 *
 *   1. sbx_terminal_look()     is there one to be had? Nothing is changed yet
 *   2. sbx_terminal_open()     behind the start row: the caller's console is set to pass everything on, and on path A
 *                              the pseudo console is made and copied to and from
 *   3. sbx_terminal_join()     path B: the runner has made it, and copying begins
 *   4. sbx_terminal_hang_up()  the job is dead: no key more, and the end of the pseudo console
 *   5. sbx_terminal_drain()    until all is on the screen
 *   6. sbx_terminal_done()     at the end, or after any failure: the caller's console is as it was found
 *
 * Only an end of sbx.exe that it cannot notice (TerminateProcess) leaves the console with the command's modes.
 */
#ifndef SBX_RUNNER_WINDOWS_TERMINAL_H
#define SBX_RUNNER_WINDOWS_TERMINAL_H

#include "harness/runner/windows/keys.h"
#include "harness/runner/windows/terminal_os.h"

typedef struct sbx_terminal {
    /* Filled by the caller; they outlive it. */
    const sbx_terminal_os *os;
    const sbx_target_os *target_os;
    bool must_hold; /* who may open its host must read back as it is set */

    bool is_wanted;         /* by sbx_terminal_look(): the command gets one */
    sbx_handle console[2];  /* the caller's input and screen; borrowed */
    uint32_t found_mode[2]; /* as they were */
    bool is_raw[2];         /* and are not any more */
    sbx_os_size size;
    sbx_keys keys;
    sbx_handle to_command, from_command; /* our ends */
    sbx_handle command_in, command_out;  /* path B: for the runner's streams; closed by join */
    sbx_handle pseudo;                   /* NULL: on path B the runner has it */
    void *copying;                       /* the table's; NULL: nothing is copied */
    void (*on_size)(void *context, const sbx_os_size *size); /* path B */
    void *context;
} sbx_terminal;

/*
 * caller: our own streams. One is wanted where stdin and stdout are a console's that can do what a terminal must. stderr is
 * then the terminal's too where it is a console, and else stays what it is; where it is closed there is no terminal,
 * because the system has no way to say so beside one.
 */
void sbx_terminal_look(sbx_terminal *terminal, const sbx_handle caller[3]);
/* Is that stream the terminal's? */
bool sbx_terminal_has(const sbx_terminal *terminal, const sbx_handle caller[3], int fd);

/*
 * own_token: of this process; NULL: path B, where another one makes the pseudo console. On failure sbx_terminal_done()
 * undoes what was done.
 * Fails: IO       step STDIO
 *        REFUSED  as sbx_pseudo_make()
 */
SBX_MUST_USE sbx_status sbx_terminal_open(sbx_terminal *terminal, sbx_handle own_token,
                                          sbx_error *err);
SBX_MUST_USE sbx_status sbx_terminal_join(sbx_terminal *terminal,
                                          void (*on_size)(void *context, const sbx_os_size *size),
                                          void *context, sbx_error *err);

typedef struct sbx_console_event {
    bool is_size; /* the console has another size; else a key */
    sbx_key key;
} sbx_console_event;

/* What came from the caller's console: keys are added to *out, a new size goes to the pseudo console. Context: the
 * table's thread. */
void sbx_terminal_take(sbx_terminal *terminal, sbx_text *out, const sbx_console_event *events,
                       size_t count);

/* These three do nothing where there is none. */
void sbx_terminal_hang_up(sbx_terminal *terminal);
/* next_signal: is there one, since? Then the user does not want to see the rest. */
void sbx_terminal_drain(sbx_terminal *terminal, int (*next_signal)(void));
void sbx_terminal_done(sbx_terminal *terminal);

#endif
