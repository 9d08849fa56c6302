/*
 * A terminal for a test to sit at: a pty whose slave becomes a program's controlling terminal, and
 * whose master is the keyboard and the screen.
 */
#ifndef SBX_TESTS_SUPPORT_TERMINAL_H
#define SBX_TESTS_SUPPORT_TERMINAL_H

#include "tests/support/sandbox.h"

typedef struct sbx_test_terminal {
    int master, slave;
    char *screen; /* everything that was written to it, 0-terminated */
    size_t screen_bytes;
} sbx_test_terminal;

/* 24 rows of 80. Fails the test where there are no ptys. */
void sbx_test_terminal_open(sbx_test_terminal *terminal);
void sbx_test_terminal_close(sbx_test_terminal *terminal);

/* Starts with all three standard streams on it, as the leader of its own session. */
void sbx_test_terminal_start(sbx_test_child *child, sbx_test_terminal *terminal,
                             const sbx_test_place *place, const sbx_test_request *request);

void sbx_test_terminal_type(const sbx_test_terminal *terminal, const char *keys);

/* Reads on until text is on the screen; fails with the screen's contents after timeout_ms. */
void sbx_test_terminal_expect(sbx_test_terminal *terminal, const char *text, unsigned timeout_ms);

/* Forgets what is on the screen, so that expect() sees only what comes. */
void sbx_test_terminal_clear(sbx_test_terminal *terminal);

/* Which process group has the keyboard. */
int sbx_test_terminal_foreground(const sbx_test_terminal *terminal);

void sbx_test_terminal_resize(const sbx_test_terminal *terminal, unsigned short rows,
                              unsigned short columns);

#endif
