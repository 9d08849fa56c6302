/*
 * A worker process: its setup and one order from stdin, one run, one report to stdout. Behind the order one more thing
 * may come: a byte that says that the batch is stopped. The end of stdin is the coordinator's end; the kernel ends this
 * process then, by its job, and so does this process itself.
 */
#include <stdlib.h>
#include <windows.h>

#include "harness/batch/attempt.h"
#include "harness/batch/windows/parts.h"
#include "harness/batch/work.h"
#include "harness/runner/windows/signals.h"

enum { EXIT_NOT_ASKED = 2, EXIT_FAILED = 1 };

static volatile LONG was_stopped;

static bool read_all(HANDLE from, void *out, size_t bytes)
{
    char *at = out;

    while (bytes > 0) {
        DWORD got = 0;

        if (!ReadFile(from, at, (DWORD)bytes, &got, NULL) || got == 0)
            return false;
        at += got;
        bytes -= got;
    }
    return true;
}

static bool write_all(HANDLE to, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        DWORD done = 0;

        if (!WriteFile(to, at, (DWORD)bytes, &done, NULL))
            return false;
        at += done;
        bytes -= done;
    }
    return true;
}

static bool read_text(sbx_text *out, HANDLE from, size_t bytes)
{
    char *room = sbx_text_reserve(out, bytes + 1);

    if (room == NULL || !read_all(from, room, bytes))
        return false;
    room[bytes] = '\0';
    out->bytes += bytes;
    return true;
}

/* While the run goes on. */
static DWORD WINAPI listen(void *orders)
{
    char byte;

    while (read_all(orders, &byte, 1)) {
        (void)InterlockedExchange(&was_stopped, 1);
        sbx_signals_send(SBX_SIGNAL_TERM);
    }
    ExitProcess(EXIT_FAILED); /* nobody wants to know any more */
}

typedef struct lone_worker {
    HANDLE orders, reports;
    sbx_letter letter;
    sbx_text letter_text, spec;
    sbx_batch_setup setup;
    sbx_batch_order order;
} lone_worker;

/* Ours are the pool's: a command, whose streams they would be, is given others. */
static bool take_pipes(lone_worker *self)
{
    self->orders = GetStdHandle(STD_INPUT_HANDLE);
    self->reports = GetStdHandle(STD_OUTPUT_HANDLE);
    if (GetFileType(self->orders) != FILE_TYPE_PIPE || GetFileType(self->reports) != FILE_TYPE_PIPE)
        return false;
    (void)SetHandleInformation(self->orders, HANDLE_FLAG_INHERIT, 0);
    (void)SetHandleInformation(self->reports, HANDLE_FLAG_INHERIT, 0);
    (void)SetStdHandle(STD_INPUT_HANDLE, NULL);
    (void)SetStdHandle(STD_OUTPUT_HANDLE, NULL);
    (void)SetStdHandle(STD_ERROR_HANDLE, NULL);
    return true;
}

static bool receive(lone_worker *self)
{
    sbx_error err = {0};

    return read_all(self->orders, &self->letter, sizeof(self->letter)) &&
           self->letter.magic == SBX_LETTER_MAGIC && self->letter.text_bytes > 0 &&
           self->letter.text_bytes <= SBX_LETTER_TEXT_MAX &&
           read_text(&self->letter_text, self->orders, self->letter.text_bytes) &&
           sbx_letter_read(&self->setup, &self->letter, &self->letter_text, &err) == SBX_OK &&
           read_all(self->orders, &self->order, sizeof(self->order)) &&
           sbx_batch_order_is_valid(&self->order) &&
           read_text(&self->spec, self->orders, self->order.text_bytes);
}

/* Everything else goes with the process. */
int sbx_batch_work_alone(void)
{
    static lone_worker self;
    sbx_attempts *attempts = NULL;
    sbx_batch_report report;
    const sbx_text *text = NULL;
    sbx_error err = {0};

    if (!take_pipes(&self) || !receive(&self))
        return EXIT_NOT_ASKED;
    if (sbx_attempts_begin(&attempts, &self.setup, &err) != SBX_OK)
        return EXIT_FAILED;
    if (CreateThread(NULL, 0, listen, self.orders, 0, NULL) == NULL)
        return EXIT_FAILED;
    if (!sbx_attempts_make(&report, &text, attempts, &self.order, &self.spec, was_stopped != 0) ||
        !write_all(self.reports, &report, sizeof(report)) ||
        !write_all(self.reports, text->data, text->bytes))
        return EXIT_FAILED;
    return 0;
}
