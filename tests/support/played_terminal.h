/*
 * harness/runner/windows/terminal_os.h on the played Windows (played_windows.h): a caller's console that keeps its modes,
 * and pseudo consoles that remember how they were made. Nothing is copied; the test says what came from the console.
 */
#ifndef SBX_TESTS_SUPPORT_PLAYED_TERMINAL_H
#define SBX_TESTS_SUPPORT_PLAYED_TERMINAL_H

#include "harness/runner/windows/terminal.h"
#include "tests/support/played_windows.h"

enum { PLAYED_INPUT_MODE = 0x1f7, PLAYED_SCREEN_MODE = 0x3 };

typedef struct played_console {
    bool is_console[3]; /* which of the caller's streams */
    bool is_old;        /* it knows the modes of terminals, and does not take them */
    bool has_no_pseudo; /* the system knows no pseudo consoles */
    uint32_t mode[3];
    sbx_os_size size;
    unsigned slow; /* that many times there is still something to be shown */

    /* What came about. */
    sbx_os_list host_list; /* who may open the pseudo console's host */
    bool host_has_privileges;
    sbx_os_size made_size, resized;
    unsigned resizes;
    char order[256]; /* what was done, one word after the other */
    char shown[64];
} played_console;

extern played_console played_caller;
extern const sbx_terminal_os played_terminal;

void played_terminal_reset(
    void); /* a caller with a console in all three; played_reset() is the test's */
sbx_handle played_stream(int fd); /* the caller's */

#endif
