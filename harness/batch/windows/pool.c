/*
 * The workers as the coordinator has them. A slot is empty until it has a task; then there is one process for that task
 * alone. A thread for each reads what it reports, to the end, and says so at the one port that the coordinator waits at.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/batch/windows/parts.h"
#include "harness/runner/windows/guard.h"
#include "harness/runner/windows/signals.h"

enum { ENDED_KEY = 1, LEAVE_MS = 2000, ROOM_BYTES = 16 * 1024 };

typedef struct slot {
    HANDLE port; /* of the pool */
    uint32_t index;
    sbx_worker_process worker;
    HANDLE reader;     /* NULL: nothing runs */
    uint32_t task;     /* SBX_MANIFEST_NONE: idle */
    sbx_text received; /* the reader's, until it has ended */
} slot;

struct sbx_pool {
    const sbx_batch_setup *setup;
    slot *slots;
    uint32_t count;
    HANDLE port, job, lock;
    sbx_letter letter;
    sbx_text letter_text;
    bool has_signals;
};

static void close_handle(HANDLE *handle)
{
    if (*handle != NULL)
        CloseHandle(*handle);
    *handle = NULL;
}

/* --- making and ending --- */

static sbx_status prepare(sbx_pool *self, sbx_error *err)
{
    sbx_host host;
    sbx_status st;

    sbx_host_look(&host);
    /* Before there is a handle of a worker, by which a command could do what that may. */
    if ((st = sbx_guard_this_process(host.restricts_tokens, err)) != SBX_OK ||
        (st = sbx_letter_write(&self->letter, &self->letter_text, self->setup, err)) != SBX_OK ||
        (st = sbx_directory_lock_workers(&self->lock, self->setup->out_path, err)) != SBX_OK ||
        (st = sbx_worker_job_make(&self->job, host.holds_jobs, err)) != SBX_OK)
        return st;
    if (self->lock != NULL &&
        !SetHandleInformation(self->lock, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT))
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "share the lock of the results");
    self->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (self->port == NULL)
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "make a port for the workers");
    for (uint32_t i = 0; i < self->count; i++)
        self->slots[i] = (slot){.port = self->port, .index = i, .task = SBX_MANIFEST_NONE};
    return SBX_OK;
}

sbx_status sbx_pool_create(sbx_pool **out, uint32_t count, const sbx_batch_setup *setup,
                           sbx_error *err)
{
    sbx_pool *self = calloc(1, sizeof(*self));
    sbx_status st;

    *out = NULL;
    if (self != NULL)
        self->slots = calloc(count, sizeof(*self->slots));
    if (self == NULL || self->slots == NULL) {
        free(self);
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for the workers");
    }
    self->setup = setup;
    self->count = count;
    st = prepare(self, err);
    if (st == SBX_OK)
        *out = self;
    else
        sbx_pool_free(self);
    return st;
}

/* A worker that has reported leaves by itself; its reader ends with it. */
static void empty(slot *self)
{
    if (self->worker.process != NULL && self->task != SBX_MANIFEST_NONE)
        (void)TerminateProcess(self->worker.process, 1);
    close_handle(&self->worker.orders);
    if (self->worker.process != NULL &&
        WaitForSingleObject(self->worker.process, LEAVE_MS) != WAIT_OBJECT_0)
        (void)TerminateProcess(self->worker.process, 1);
    if (self->reader != NULL)
        (void)WaitForSingleObject(self->reader, INFINITE);
    close_handle(&self->reader);
    close_handle(&self->worker.reports);
    close_handle(&self->worker.process);
    self->task = SBX_MANIFEST_NONE;
}

void sbx_pool_free(sbx_pool *pool)
{
    if (pool == NULL)
        return;
    for (uint32_t i = 0; i < pool->count; i++) {
        empty(&pool->slots[i]);
        sbx_text_done(&pool->slots[i].received);
    }
    close_handle(&pool->job); /* whatever might be left */
    close_handle(&pool->lock);
    close_handle(&pool->port);
    sbx_text_done(&pool->letter_text);
    free(pool->slots);
    free(pool);
}

/* The next one is made with the next task. */
sbx_status sbx_pool_replace(sbx_pool *pool, uint32_t worker, sbx_error *err)
{
    (void)err;
    empty(&pool->slots[worker]);
    return SBX_OK;
}

bool sbx_pool_idle(const sbx_pool *pool, uint32_t *out_worker)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].task == SBX_MANIFEST_NONE) {
            *out_worker = i;
            return true;
        }
    return false;
}

/* --- messages --- */

static DWORD WINAPI collect(void *context)
{
    slot *self = context;
    char room[ROOM_BYTES];
    DWORD got = 0;

    while (self->received.bytes <= sizeof(sbx_batch_report) + SBX_WIRE_TEXT_MAX &&
           ReadFile(self->worker.reports, room, sizeof(room), &got, NULL) && got > 0)
        sbx_text_add_bytes(&self->received, room, got);
    (void)PostQueuedCompletionStatus(self->port, self->index, ENDED_KEY, NULL);
    return 0;
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

sbx_status sbx_pool_send(sbx_pool *pool, uint32_t worker, uint32_t task,
                         const sbx_batch_order *order, const sbx_text *spec, sbx_error *err)
{
    slot *self = &pool->slots[worker];
    sbx_status st;

    empty(self); /* what is left of the one before */
    sbx_text_clear(&self->received);
    st = sbx_worker_process_start(&self->worker, pool->job, pool->lock, err);
    if (st != SBX_OK)
        return st;
    self->task = task;
    self->reader = CreateThread(NULL, 0, collect, self, 0, NULL);
    if (self->reader == NULL)
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "make a thread for a worker");
    /* One that does not take it is dead, and its reader says so. */
    if (write_all(self->worker.orders, &pool->letter, sizeof(pool->letter)) &&
        write_all(self->worker.orders, pool->letter_text.data, pool->letter_text.bytes) &&
        write_all(self->worker.orders, order, sizeof(*order)))
        (void)write_all(self->worker.orders, spec->data, spec->bytes);
    return SBX_OK;
}

/* --- waiting --- */

/* All that came is one report, or it is none. */
static sbx_pool_news read_report(sbx_pool_event *out, const slot *self)
{
    const sbx_text *received = &self->received;

    if (received->failed || received->bytes < sizeof(out->report))
        return SBX_POOL_DEAD;
    memcpy(&out->report, received->data, sizeof(out->report));
    if (!sbx_batch_report_is_valid(&out->report) ||
        received->bytes != sizeof(out->report) + out->report.text_bytes)
        return SBX_POOL_DEAD;
    out->text = received->data + sizeof(out->report);
    return SBX_POOL_REPORT;
}

static void take_end(sbx_pool_event *out, sbx_pool *self, uint32_t index)
{
    slot *ended = index < self->count ? &self->slots[index] : NULL;

    if (ended == NULL || ended->reader == NULL || ended->task == SBX_MANIFEST_NONE)
        return;
    (void)WaitForSingleObject(ended->reader, INFINITE); /* it has nothing more to do */
    close_handle(&ended->reader);
    out->worker = index;
    out->task = ended->task;
    out->news = read_report(out, ended);
    ended->task = SBX_MANIFEST_NONE;
}

sbx_status sbx_pool_wait(sbx_pool_event *out, sbx_pool *pool, int timeout_ms, sbx_error *err)
{
    DWORD index = 0, wait_ms = timeout_ms < 0 ? INFINITE : (DWORD)timeout_ms;
    ULONG_PTR key = 0;
    LPOVERLAPPED unused = NULL;

    out->news = SBX_POOL_NOTHING;
    if (!GetQueuedCompletionStatus(pool->port, &index, &key, &unused, wait_ms)) {
        DWORD code = GetLastError();

        return code == WAIT_TIMEOUT ? SBX_OK
                                    : sbx_fail_batch(err, SBX_IO, code, "wait for workers");
    }
    if (key == ENDED_KEY)
        take_end(out, pool, index);
    if (key == SBX_PORT_SIGNAL_KEY && (out->signal = sbx_signals_next()) != 0)
        out->news = SBX_POOL_SIGNAL;
    return SBX_OK;
}

/* A byte behind the order; see worker.c. */
void sbx_pool_stop(const sbx_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].task != SBX_MANIFEST_NONE)
            (void)write_all(pool->slots[i].worker.orders, "S", 1);
}

/* The run's job is closed with its worker's last handle. */
void sbx_pool_kill(const sbx_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].task != SBX_MANIFEST_NONE)
            (void)TerminateProcess(pool->slots[i].worker.process, 1);
}

sbx_status sbx_pool_take_signals(sbx_pool *pool, sbx_error *err)
{
    sbx_status st = sbx_signals_take(err);

    if (st != SBX_OK)
        return st;
    pool->has_signals = true;
    sbx_signals_post_to(pool->port);
    return SBX_OK;
}

int sbx_pool_give_signals_back(sbx_pool *pool)
{
    int number = pool->has_signals ? sbx_signals_next() : 0;

    if (pool->has_signals)
        sbx_signals_give_back();
    pool->has_signals = false;
    return number;
}
