/* See terminal.h. */
#include "tests/support/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/test.h"

void sbx_test_terminal_open(sbx_test_terminal *terminal)
{
    char name[128];

    memset(terminal, 0, sizeof(*terminal));
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->master >= 0);
    assert_int_equal(grantpt(terminal->master), 0);
    assert_int_equal(unlockpt(terminal->master), 0);
    assert_int_equal(ptsname_r(terminal->master, name, sizeof(name)), 0);
    terminal->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->slave >= 0);
    sbx_test_terminal_resize(terminal, 24, 80);
    sbx_test_terminal_clear(terminal);
}

void sbx_test_terminal_close(sbx_test_terminal *terminal)
{
    close(terminal->master);
    close(terminal->slave);
    free(terminal->screen);
    memset(terminal, 0, sizeof(*terminal));
}

void sbx_test_terminal_start(sbx_test_child *child, sbx_test_terminal *terminal,
                             const sbx_test_place *place, const sbx_test_request *request)
{
    sbx_test_request with_terminal = *request;

    for (int i = 0; i < 3; i++)
        with_terminal.stdio[i] = terminal->slave;
    with_terminal.new_session = true;
    sbx_test_start(child, place, &with_terminal);
}

void sbx_test_terminal_type(const sbx_test_terminal *terminal, const char *keys)
{
    assert_int_equal(write(terminal->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* False: nothing came in that time. */
static bool read_more(sbx_test_terminal *terminal, unsigned timeout_ms)
{
    struct pollfd poll_fd = {.fd = terminal->master, .events = POLLIN};
    char block[4096];
    ssize_t bytes;
    char *grown;

    if (poll(&poll_fd, 1, (int)timeout_ms) <= 0)
        return false;
    bytes = read(terminal->master, block, sizeof(block));
    if (bytes <= 0)
        return false;
    grown = realloc(terminal->screen, terminal->screen_bytes + (size_t)bytes + 1);
    assert_non_null(grown);
    memcpy(grown + terminal->screen_bytes, block, (size_t)bytes);
    terminal->screen = grown;
    terminal->screen_bytes += (size_t)bytes;
    grown[terminal->screen_bytes] = '\0';
    return true;
}

void sbx_test_terminal_expect(sbx_test_terminal *terminal, const char *text, unsigned timeout_ms)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms);

    while (strstr(terminal->screen, text) == NULL) {
        if (sbx_test_now_ms() > end)
            fail_msg("\"%s\" did not appear; the screen: %s", text, terminal->screen);
        (void)read_more(terminal, 20);
    }
}

void sbx_test_terminal_clear(sbx_test_terminal *terminal)
{
    free(terminal->screen);
    terminal->screen = calloc(1, 1);
    terminal->screen_bytes = 0;
    assert_non_null(terminal->screen);
}

int sbx_test_terminal_foreground(const sbx_test_terminal *terminal)
{
    int group = -1;

    /* The master may always ask; tcgetpgrp() on the slave wants it to be our own terminal. */
    return ioctl(terminal->master, TIOCGPGRP, &group) == 0 ? group : -1;
}

void sbx_test_terminal_resize(const sbx_test_terminal *terminal, unsigned short rows,
                              unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};

    assert_int_equal(ioctl(terminal->master, TIOCSWINSZ, &size), 0);
}
