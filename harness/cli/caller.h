/*
 * What the program has from its caller: standard files, terminal, working directory, environment.
 * Implemented once for each system.
 */
#ifndef SBX_CLI_CALLER_H
#define SBX_CLI_CALLER_H

#include <stdbool.h>

#include "harness/base/text.h"

/*
 * Opens something harmless in the place of each closed standard file, so that no file of sbx's own
 * lands there and is written to as if it were stdout. A started command does not inherit it: what was
 * closed stays closed for it. Must be the first thing that main does. False: that did not work.
 */
bool sbx_caller_fill_stdio(void);

/*
 * The command line as UTF-8. Linux: what main() was given. Windows: what the system has, because main() is given
 * it in a code page that most names have no place in; kept as long as the process.
 */
SBX_MUST_USE sbx_status sbx_caller_arguments(int *argc, char ***argv, sbx_error *err);

typedef struct sbx_screen {
    bool is_terminal;
    unsigned columns;  /* 0: not a terminal, or it does not say */
    bool wants_colour; /* a terminal, and neither NO_COLOR nor TERM=dumb is set */
    bool can_redraw;   /* a terminal, and not TERM=dumb: what is there can be written over */
} sbx_screen;

/* About descriptor 1 or 2. COLUMNS in the environment wins over what the terminal says. */
sbx_screen sbx_caller_screen(int fd);

/* Writes everything, or fails. Never raises SIGPIPE for descriptor 2: what sbx has to say must not
 * change how it ends. */
SBX_MUST_USE sbx_status sbx_caller_write(int fd, const char *data, size_t bytes, sbx_error *err);

/* Appends path as an absolute one: as it stands, or below the working directory ("." is that itself).
 * Nothing else is resolved or cleaned: ".." after a symlink means what it means everywhere else. */
SBX_MUST_USE sbx_status sbx_caller_absolute(sbx_text *out, const char *path, sbx_error *err);

/* NULL-terminated NAME=VALUE. */
const char *const *sbx_caller_environment(void);

/* "SIGSEGV"; "unknown" for a number that has no name (on Windows: for all). */
const char *sbx_caller_signal_name(int number);

/* A user by number, or by name as the system's own file has it. False: there is none. */
bool sbx_caller_find_user(unsigned *out, const char *name);

/* The user who calls. Windows: the last part of its SID. */
unsigned sbx_caller_user(void);

#endif
