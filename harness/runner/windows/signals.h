/*
 * What the console sends, ^C, ^Break and its end, stops what this process runs instead of the process. For the runner,
 * and for who runs many.
 *
 * Numbers are as on Linux, because exit codes are 128 + that: ^C is INT, ^Break TERM, a closed console HUP.
 */
#ifndef SBX_RUNNER_WINDOWS_SIGNALS_H
#define SBX_RUNNER_WINDOWS_SIGNALS_H

#include <stdbool.h>
#include <windows.h>

#include "harness/base/error.h"

enum {
    SBX_PORT_SIGNAL_KEY = 3, /* at the port: sbx_signals_next() has one */
    SBX_SIGNAL_TERM = 15,
};

SBX_MUST_USE sbx_status sbx_signals_take(sbx_error *err);
void sbx_signals_give_back(void);
void sbx_signals_post_to(HANDLE port); /* from now on; NULL: no more */
int sbx_signals_next(void);            /* the oldest that came, 0: none */
const bool *sbx_signals_came(void);    /* becomes true with the first one */
/* As if the console had sent it: a process without one is told in another way. Context: any thread. */
void sbx_signals_send(int number);

#endif
