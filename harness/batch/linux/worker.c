/*
 * A worker process: one order, one run, one report, until the coordinator is gone. It is forked while the
 * coordinator is small, has a session of its own (a Ctrl-C in the terminal is the coordinator's business), and
 * dies with it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/prefault.h"
#include "harness/batch/attempt.h"
#include "harness/batch/linux/parts.h"
#include "harness/batch/work.h"

enum { SETTLE_MS = 5 };

typedef struct batch_worker {
    int fd;
    sbx_attempts *attempts;
    sbx_batch_order order;
    sbx_text spec;
} batch_worker;

/* Told to stop between two runs: the next one does not begin. While one runs, the runner has the signal. */
static volatile sig_atomic_t was_stopped;

static void note_stop(int number)
{
    (void)number;
    was_stopped = 1;
}

/* --- messages --- */

static bool receive_all(int fd, void *out, size_t bytes)
{
    char *at = out;

    while (bytes > 0) {
        ssize_t got = recv(fd, at, bytes, 0);

        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got < 0 ? 0 : got;
        bytes -= got < 0 ? 0 : (size_t)got;
    }
    return true;
}

static bool send_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = send(fd, at, bytes, MSG_NOSIGNAL);

        if (done < 0 && errno != EINTR)
            return false;
        at += done < 0 ? 0 : done;
        bytes -= done < 0 ? 0 : (size_t)done;
    }
    return true;
}

static bool receive_order(batch_worker *self)
{
    if (!receive_all(self->fd, &self->order, sizeof(self->order)) ||
        !sbx_batch_order_is_valid(&self->order))
        return false;
    sbx_text_clear(&self->spec);
    while (self->spec.bytes < self->order.text_bytes) {
        char room[4096];
        size_t left = self->order.text_bytes - self->spec.bytes;
        size_t some = left < sizeof(room) ? left : sizeof(room);

        if (!receive_all(self->fd, room, some))
            return false;
        sbx_text_add_bytes(&self->spec, room, some);
        if (self->spec.failed)
            return false;
    }
    return true;
}

/* --- a task --- */

static bool serve(batch_worker *self)
{
    const sbx_text *text = NULL;
    sbx_batch_report report;
    bool is_made = sbx_attempts_make(&report, &text, self->attempts, &self->order, &self->spec,
                                     was_stopped != 0);

    was_stopped = 0;
    return is_made && send_all(self->fd, &report, sizeof(report)) &&
           send_all(self->fd, text->data, text->bytes);
}

/* --- the process --- */

static void take_signals(void)
{
    struct sigaction stop = {.sa_handler = note_stop}, usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    (void)sigaction(SIGINT, &usual, NULL);
    (void)sigaction(SIGHUP, &usual, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The next task mostly comes at once, and its start row makes the last one's end durable; else that is done here. */
static void wait_for_order(batch_worker *self)
{
    struct pollfd wait = {.fd = self->fd, .events = POLLIN};

    if (poll(&wait, 1, SETTLE_MS) == 0)
        sbx_attempts_settle(self->attempts);
}

void sbx_batch_work(int socket_fd, const sbx_batch_setup *setup)
{
    batch_worker self = {.fd = socket_fd};
    sbx_error err = {0};

    (void)setsid();
    take_signals();
    sbx_prefault_work();
    if (sbx_attempts_begin(&self.attempts, setup, &err) != SBX_OK)
        _exit(1);
    while (receive_order(&self) && serve(&self))
        wait_for_order(&self);
    sbx_attempts_settle(self.attempts);
    _exit(0);
}

/* Nobody starts a worker in this way here. */
int sbx_batch_work_alone(void)
{
    return 2;
}
