/* The coordinator's loop: starts what fits, waits for reports, signals and one timer, writes results down. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/json_read.h"
#include "harness/batch/batch_parts.h"

enum { TICK_MS = 1000 };

/* --- results --- */

typedef struct ended {
    sbx_batch_verdict verdict;
    const char *kind, *body;
    uint32_t task;
    uint64_t wall_ns;
    bool is_final;
} ended;

static void tell(const sbx_batch *self, const ended *end, bool is_flaky)
{
    json_t *body = sbx_json_read_string(end->body, 0, NULL);
    const char *detail = json_string_value(json_object_get(body, "detail"));
    const sbx_batch_notice notice = {.batch = self,
                                     .id = sbx_manifest_id(&self->manifest, end->task),
                                     .verdict = sbx_batch_verdict_word(end->verdict),
                                     .kind = end->kind,
                                     .detail = detail == NULL ? "" : detail,
                                     .attempt = self->progress[end->task].attempts,
                                     .is_final = end->is_final,
                                     .is_flaky = is_flaky,
                                     .wall_ns = end->wall_ns};

    if (self->watcher->ended != NULL)
        self->watcher->ended(self->watcher->context, &notice);
    json_decref(body);
}

static sbx_status write_down(sbx_batch *self, const ended *end)
{
    const sbx_batch_progress *progress = &self->progress[end->task];
    bool is_flaky = end->verdict == SBX_BATCH_PASS && progress->failed_once;
    const sbx_journal_record record = {.task = sbx_manifest_id(&self->manifest, end->task),
                                       .batch = self->id,
                                       .hash = self->manifest.tasks[end->task].hash,
                                       .attempt = progress->attempts,
                                       .is_final = end->is_final,
                                       .is_flaky = is_flaky,
                                       .body = end->body};
    sbx_status st;

    sbx_text_clear(&self->line);
    sbx_journal_result(&self->line, &record);
    st = sbx_text_check(&self->line, self->err);
    if (st == SBX_OK)
        st = sbx_directory_append(self->directory, &self->line, self->err);
    if (st == SBX_OK) {
        self->counts.flaky += is_flaky;
        tell(self, end, is_flaky);
    }
    return st;
}

static void count_final(sbx_batch *self, sbx_batch_verdict verdict)
{
    self->counts.passed += verdict == SBX_BATCH_PASS;
    self->counts.failed += verdict == SBX_BATCH_FAIL;
    self->counts.errors += verdict == SBX_BATCH_ERROR;
    self->counts.skipped += verdict == SBX_BATCH_SKIPPED;
}

/* The first reason counts. */
static void stop(sbx_batch *self, const char *why, bool is_now)
{
    if (self->stopped[0] == '\0')
        self->stopped = why;
    if (is_now)
        sbx_pool_stop(self->pool);
}

static void look_at_halt(sbx_batch *self)
{
    const sbx_batch_halt *halt = &self->options.halt;
    uint64_t failures = (uint64_t)self->counts.failed + self->counts.errors;
    bool is_reached = halt->percent != 0
                          ? failures * 100 >= (uint64_t)halt->percent * self->counts.total
                          : failures >= halt->failures;

    if (halt->is_set && failures > 0 && is_reached && self->stopped[0] == '\0')
        stop(self, "halt", halt->is_now);
}

static sbx_status write_skipped(sbx_batch *self)
{
    ended end = {.verdict = SBX_BATCH_SKIPPED, .kind = "after", .is_final = true};
    sbx_status st = SBX_OK;

    end.body =
        "{\"verdict\":\"skip\",\"kind\":\"after\",\"detail\":\"a task that it comes after did "
        "not pass\"}";
    while (st == SBX_OK && sbx_schedule_skipped(self->schedule, &end.task)) {
        count_final(self, SBX_BATCH_SKIPPED);
        st = write_down(self, &end);
    }
    return st;
}

/* What becomes of the task, and whether it is tried again. */
static sbx_task_state settle(sbx_batch *self, ended *end)
{
    sbx_batch_progress *progress = &self->progress[end->task];

    switch (end->verdict) {
    case SBX_BATCH_PASS:
        end->is_final = true;
        return SBX_TASK_PASSED;
    case SBX_BATCH_FAIL:
        progress->failed_once = true;
        progress->tries++;
        end->is_final = progress->tries > self->manifest.tasks[end->task].retries;
        return end->is_final ? SBX_TASK_FAILED : SBX_TASK_READY;
    case SBX_BATCH_CANCELLED: /* nothing is known of it: it is as if it had not run */
        return SBX_TASK_READY;
    default:
        end->is_final = true;
        return SBX_TASK_FAILED;
    }
}

static sbx_status end_task(sbx_batch *self, ended *end, sbx_task_state state)
{
    sbx_status st;

    if (end->is_final)
        count_final(self, end->verdict);
    st = write_down(self, end);
    sbx_schedule_end(self->schedule, end->task, state);
    look_at_halt(self);
    return st == SBX_OK ? write_skipped(self) : st;
}

static sbx_status take_report(sbx_batch *self, const sbx_pool_event *event)
{
    const sbx_batch_report *report = &event->report;
    ended end = {.verdict = (sbx_batch_verdict)report->verdict,
                 .kind = report->kind,
                 .body = event->text,
                 .task = event->task,
                 .wall_ns = report->wall_ns};

    self->counts.denied_total += report->denied_total;
    if (report->memory_peak_bytes != SBX_UNLIMITED &&
        report->memory_peak_bytes > self->counts.memory_peak_bytes)
        self->counts.memory_peak_bytes = report->memory_peak_bytes;
    return end_task(self, &end, settle(self, &end));
}

/* Its task has not ended: it is run again, unless it seems to be what kills workers. */
static sbx_status bury_worker(sbx_batch *self, const sbx_pool_event *event)
{
    ended end = {.verdict = SBX_BATCH_ERROR, .kind = "worker", .task = event->task};
    sbx_status st = SBX_OK;

    self->counts.workers_lost++;
    if (self->signals < 2) /* after the second signal they are being killed */
        st = sbx_pool_replace(self->pool, event->worker, self->err);
    if (end.task == SBX_MANIFEST_NONE || st != SBX_OK)
        return st;
    end.body =
        "{\"verdict\":\"error\",\"kind\":\"worker\",\"detail\":\"the worker process that ran it "
        "died\"}";
    end.is_final = ++self->progress[end.task].deaths >= SBX_BATCH_WORKER_DEATHS_MAX &&
                   self->stopped[0] == '\0';
    return end_task(self, &end, end.is_final ? SBX_TASK_FAILED : SBX_TASK_READY);
}

/* --- starting --- */

static sbx_status start_task(sbx_batch *self, uint32_t worker, uint32_t task)
{
    sbx_batch_order order = {.magic = SBX_WIRE_ORDER};
    sbx_status st = sbx_manifest_spec(&self->spec, &self->manifest, task, self->err);

    if (st != SBX_OK)
        return st;
    order.text_bytes = (uint32_t)self->spec.bytes;
    order.attempt = ++self->progress[task].attempts;
    memcpy(order.batch, self->id, sizeof(order.batch));
    self->counts.attempts++;
    return sbx_pool_send(self->pool, worker, task, &order, &self->spec, self->err);
}

static sbx_status start_what_fits(sbx_batch *self)
{
    sbx_status st = SBX_OK;
    uint32_t worker, task;

    while (st == SBX_OK && self->stopped[0] == '\0' && sbx_pool_idle(self->pool, &worker) &&
           sbx_schedule_next(self->schedule, &task))
        st = start_task(self, worker, task);
    return st;
}

/* --- waiting --- */

static void take_signal(sbx_batch *self, int number)
{
    if (number == 0)
        return;
    self->interrupted = number;
    self->signals++;
    stop(self, "interrupted", false);
    if (self->signals == 2)
        sbx_pool_kill(self->pool);
}

static int ms_until(uint64_t when_ns, uint64_t now_ns)
{
    uint64_t left_ms = when_ns <= now_ns ? 0 : (when_ns - now_ns) / SBX_NS_PER_MS + 1;

    return left_ms > TICK_MS ? TICK_MS : (int)left_ms;
}

/* The one timer: whichever is first of the batch's end, the journal's, and the next picture of progress. */
static int next_timeout(const sbx_batch *self)
{
    uint64_t now = sbx_clock_monotonic_ns(),
             since = sbx_directory_unsynced_since_ns(self->directory);
    int least = self->watcher->tick == NULL && self->options.timeout_ns == 0 ? -1 : TICK_MS;

    if (since != 0) {
        int sync = ms_until(since + SBX_JOURNAL_SYNC_MS * SBX_NS_PER_MS, now);

        least = least < 0 || sync < least ? sync : least;
    }
    if (self->options.timeout_ns != 0 && self->stopped[0] == '\0') {
        int end = ms_until(self->started_ns + self->options.timeout_ns, now);

        least = end < least ? end : least;
    }
    return least;
}

static sbx_status look_at_clock(sbx_batch *self)
{
    uint64_t now = sbx_clock_monotonic_ns(),
             since = sbx_directory_unsynced_since_ns(self->directory);

    if (self->options.timeout_ns != 0 && self->stopped[0] == '\0' &&
        now - self->started_ns >= self->options.timeout_ns)
        stop(self, "timeout", true);
    if (since != 0 && now - since >= SBX_JOURNAL_SYNC_MS * SBX_NS_PER_MS)
        return sbx_directory_sync(self->directory, self->err);
    return SBX_OK;
}

static sbx_status wait_once(sbx_batch *self)
{
    sbx_pool_event event;
    sbx_status st = sbx_pool_wait(&event, self->pool, next_timeout(self), self->err);

    if (st != SBX_OK)
        return st;
    if (event.news == SBX_POOL_SIGNAL)
        take_signal(self, event.signal);
    else if (event.news == SBX_POOL_REPORT)
        st = take_report(self, &event);
    else if (event.news == SBX_POOL_DEAD)
        st = bury_worker(self, &event);
    return st == SBX_OK ? look_at_clock(self) : st;
}

static sbx_status loop(sbx_batch *self)
{
    sbx_status st = write_skipped(self);

    while (st == SBX_OK) {
        st = start_what_fits(self);
        if (st != SBX_OK || sbx_schedule_running(self->schedule) == 0)
            break;
        if (self->watcher->tick != NULL)
            self->watcher->tick(self->watcher->context, self);
        st = wait_once(self);
    }
    return st;
}

/* --- around it --- */

static void count_rest(sbx_batch *self)
{
    const sbx_batch_counts *counts = &self->counts;

    self->counts.not_run =
        counts->total - counts->passed - counts->failed - counts->errors - counts->skipped;
}

sbx_status sbx_batch_run(sbx_batch *batch, const sbx_batch_watcher *watcher, sbx_error *err)
{
    bool is_resumed = batch->counts.settled > 0;
    sbx_status st;

    batch->watcher = watcher;
    batch->err = err;
    batch->started_us = sbx_clock_utc_us();
    batch->started_ns = sbx_clock_monotonic_ns();
    st = sbx_pool_take_signals(batch->pool, err);
    if (st == SBX_OK) {
        sbx_text_clear(&batch->line);
        sbx_journal_header(&batch->line, batch->id, &batch->manifest, is_resumed);
        st = sbx_directory_append(batch->directory, &batch->line, err);
    }
    if (st == SBX_OK)
        st = sbx_directory_sync(batch->directory, err);
    if (st == SBX_OK) {
        sbx_schedule_begin(batch->schedule);
        st = loop(batch);
    }
    if (sbx_directory_sync(batch->directory, st == SBX_OK ? err : NULL) != SBX_OK && st == SBX_OK)
        st = SBX_IO;
    take_signal(batch, sbx_pool_give_signals_back(batch->pool));
    batch->ended_ns = sbx_clock_monotonic_ns();
    count_rest(batch);
    return st;
}
