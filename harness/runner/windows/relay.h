/*
 * The streams of a run between sbx.exe and sbx-runner.exe, the same code on both sides: each produces some streams (reads
 * them here, sends them there) and consumes the others, one thread for each and one that hears the pipe. Who reads
 * slowly holds the writer back (flow.h), and who closes his end is heard of at the other.
 */
#ifndef SBX_RUNNER_WINDOWS_RELAY_H
#define SBX_RUNNER_WINDOWS_RELAY_H

#include <windows.h>

#include "harness/runner/windows/flow.h"

typedef struct sbx_relay sbx_relay;

typedef struct sbx_relay_options {
    sbx_protocol_side side; /* which one we are */
    HANDLE pipe;            /* borrowed */
    sbx_protocol_reader
        *reader; /* of what the other side says, behind START or STARTED; borrowed */
    HANDLE local
        [SBX_PROTOCOL_STREAMS]; /* our ends, which the relay closes; NULL: that stream is not open */
    /* Called once, from a thread: the other side is gone, or said what is not in the protocol. */
    void (*on_end)(void *context);
    /*
     * The runner's, where the command has a terminal: called from threads of the relay. The input is over, and all of it
     * was handed on; the terminal has another size. Both NULL: it has none.
     */
    void (*on_input_end)(void *context);
    void (*on_size)(void *context, uint16_t columns, uint16_t rows);
    void *context;
} sbx_relay_options;

/* Its threads run when this returns. On failure the local handles are closed too. */
SBX_MUST_USE sbx_status sbx_relay_start(sbx_relay **out, const sbx_relay_options *options,
                                        sbx_error *err);

/* Have all streams that we consume come to their end, and been handed on? Waits at most that long. */
bool sbx_relay_is_drained(sbx_relay *relay, DWORD timeout_ms);

/* sbx.exe's: the terminal has another size. */
void sbx_relay_resize(sbx_relay *relay, uint16_t columns, uint16_t rows);

/* Until the pipe ends. */
void sbx_relay_await_end(sbx_relay *relay);

/* Ends all of it, handed on or not. A thread that waits for somebody's key is left to the end of the process. */
void sbx_relay_free(sbx_relay *relay); /* NULL is fine */

#endif
