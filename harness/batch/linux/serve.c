/* Serving: one thread, one poll over the client, the client's process, and the workers that are at work. */
#include "harness/batch/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/json_read.h"
#include "harness/batch/capacity.h"
#include "harness/batch/linux/serve_parts.h"
#include "harness/batch/policy_cache.h"

enum {
    JOBS_MAX = 1024,
    /* sbx_options.flags */
    AUDIT_BEST_EFFORT = 1,
    ALLOW_DEGRADED = 2,
    NO_WATCH = 4,
};

/* A command that has not ended. */
typedef struct serve_job {
    struct serve_job *next;
    uint64_t ticket;
    bool has_input;
    sbx_text spec;
} serve_job;

typedef struct serving {
    sbx_serve_client client;
    sbx_serve_files files;
    sbx_batch_setup setup;
    sbx_pool *pool; /* as linux/parts.h has it */
    sbx_policy_cache policies;
    char id[SBX_RUN_ID_BYTES];
    char *cwd, *audit_path;
    json_t *options;           /* texts of setup are in it */
    serve_job *waiting, **end; /* in the order of their coming */
    serve_job **running;       /* by worker */
    sbx_error err;
} serving;

/* --- answers --- */

static sbx_protocol_answer make_answer(uint64_t ticket, const char *status)
{
    sbx_protocol_answer answer = {.magic = SBX_PROTOCOL_MAGIC,
                                  .version = SBX_PROTOCOL_VERSION,
                                  .ticket = ticket,
                                  .cpu_ns = SBX_UNLIMITED,
                                  .memory_peak_bytes = SBX_UNLIMITED};

    (void)snprintf(answer.status, sizeof(answer.status), "%s", status);
    return answer;
}

/* One that was not run. */
static bool answer_error(serving *self, uint64_t ticket, const char *status, const sbx_error *why)
{
    sbx_protocol_answer answer = make_answer(ticket, status);

    answer.exit_code = 125;
    (void)snprintf(answer.message, sizeof(answer.message), "%s", why->message);
    return sbx_serve_client_answer(&self->client, &answer, false);
}

static void copy_word(char *out, size_t room, const json_t *line, const char *key)
{
    const char *word = json_string_value(json_object_get(line, key));

    (void)snprintf(out, room, "%s", word == NULL ? "" : word);
}

static bool answer_report(serving *self, uint64_t ticket, const sbx_batch_report *report,
                          const char *text)
{
    json_t *line = sbx_json_read_string(text, 0, NULL);
    sbx_protocol_answer answer = make_answer(ticket, "");

    copy_word(answer.status, sizeof(answer.status), line, "status");
    if (report->verdict == SBX_BATCH_CANCELLED)
        (void)snprintf(answer.status, sizeof(answer.status), "cancelled");
    copy_word(answer.reason, sizeof(answer.reason), line, "reason");
    copy_word(answer.message, sizeof(answer.message), line, "detail");
    (void)snprintf(answer.run_id, sizeof(answer.run_id), "%s", report->run_id);
    answer.exit_code = report->exit_code;
    answer.signal = report->signal;
    answer.started_us = report->started_us;
    answer.wall_ns = report->wall_ns;
    answer.cpu_ns = sbx_batch_number(line, "cpu_ns", SBX_UNLIMITED);
    answer.memory_peak_bytes = report->memory_peak_bytes;
    answer.denied = report->denied_total;
    json_decref(line);
    return sbx_serve_client_answer(&self->client, &answer, true);
}

/* --- commands --- */

static void free_job(serve_job *job)
{
    if (job != NULL)
        sbx_text_done(&job->spec);
    free(job);
}

/* The request as a task whose id is its ticket. */
static sbx_status complete_task(const serving *self, json_t *object, const serve_job *job)
{
    sbx_text text = {0};
    int rc = 0;

    sbx_text_add_format(&text, "%llu", (unsigned long long)job->ticket);
    rc |= json_object_set_new(object, "id", json_string(sbx_text_string(&text)));
    if (json_object_get(object, "cwd") == NULL)
        rc |= json_object_set_new(object, "cwd", json_string(self->cwd));
    if (job->has_input) {
        sbx_text_clear(&text);
        sbx_serve_files_input_path(&text, &self->files, job->ticket);
        rc |= json_object_set_new(object, "stdin", json_string(sbx_text_string(&text)));
    }
    rc |= text.failed ? -1 : 0;
    sbx_text_done(&text);
    return rc == 0 ? SBX_OK : SBX_NO_MEMORY;
}

static sbx_status resolve(serving *self, serve_job *job)
{
    const sbx_batch_where where = {.name = "command", .base_dir = self->cwd};
    const sbx_text *text = &self->client.text;
    const sbx_checked_policy *policy = NULL;
    uint8_t hash[SBX_SHA256_BYTES];
    json_error_t problem;
    json_t *object =
        sbx_json_read(sbx_text_string(text), text->bytes, JSON_REJECT_DUPLICATES, &problem);
    sbx_status st;

    if (object == NULL || !json_is_object(object)) {
        json_decref(object);
        return sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_BATCH, "command: %s", problem.text);
    }
    st = complete_task(self, object, job);
    if (st == SBX_OK)
        st = sbx_batch_spec_check(object, &where, false, &self->err);
    if (st == SBX_OK)
        st = sbx_batch_spec_absolute(object, &where, &self->err);
    if (st == SBX_OK)
        st = sbx_policy_cache_find(&policy, &self->policies, object, &where, &self->err);
    if (st == SBX_OK)
        st = sbx_batch_spec_resolve(&job->spec, hash, object, policy->digest, &self->err);
    json_decref(object);
    return st;
}

/* False: this process can no longer do its work. */
static bool take_command(serving *self)
{
    serve_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return false;
    *job = (serve_job){.ticket = self->client.order.ticket,
                       .has_input = self->client.order.input_bytes > 0};
    memset(&self->err, 0, sizeof(self->err));
    if (self->client.input_failed)
        (void)sbx_fail_plain(&self->err, SBX_IO, SBX_STEP_BATCH,
                             "command: its input cannot be kept in %s", self->files.path);
    else if (resolve(self, job) == SBX_OK) {
        *self->end = job;
        self->end = &job->next;
        return true;
    }
    free_job(job);
    return answer_error(self, self->client.order.ticket, "refused", &self->err);
}

static bool cancel(serving *self, uint64_t ticket)
{
    static const sbx_error why = {.message = "cancelled before it began"};

    for (serve_job **at = &self->waiting; *at != NULL; at = &(*at)->next) {
        serve_job *job = *at;

        if (job->ticket != ticket)
            continue;
        *at = job->next;
        if (self->end == &job->next)
            self->end = at;
        free_job(job);
        return answer_error(self, ticket, "cancelled", &why);
    }
    for (uint32_t i = 0; i < self->pool->count; i++)
        if (self->running[i] != NULL && self->running[i]->ticket == ticket)
            (void)kill(self->pool->workers[i].pid, SIGTERM);
    return true;
}

static bool read_orders(serving *self)
{
    for (;;) {
        sbx_serve_news news = sbx_serve_client_read(&self->client);
        bool goes_on = news != SBX_SERVE_GONE;

        if (news == SBX_SERVE_NOTHING)
            return true;
        if (goes_on && self->client.order.kind == SBX_PROTOCOL_RUN)
            goes_on = take_command(self);
        else if (goes_on && self->client.order.kind == SBX_PROTOCOL_CANCEL)
            goes_on = cancel(self, self->client.order.ticket);
        else
            goes_on = false;
        if (!goes_on)
            return false;
    }
}

/* --- workers --- */

static void start_what_waits(serving *self)
{
    uint32_t worker;

    while (self->waiting != NULL && sbx_pool_idle(self->pool, &worker)) {
        serve_job *job = self->waiting;
        sbx_batch_order order = {
            .magic = SBX_WIRE_ORDER, .text_bytes = (uint32_t)job->spec.bytes, .attempt = 1};

        self->waiting = job->next;
        if (self->waiting == NULL)
            self->end = &self->waiting;
        memcpy(order.batch, self->id, sizeof(order.batch));
        self->running[worker] = job;
        /* Any task that is not none: it is at work. */
        (void)!sbx_pool_send(self->pool, worker, 0, &order, &job->spec, &self->err);
    }
}

static bool look_at_worker(serving *self, uint32_t index)
{
    sbx_pool_worker *worker = &self->pool->workers[index];
    serve_job *job = self->running[index];
    sbx_batch_report report;
    const char *text = NULL;
    sbx_error why;
    bool is_kept;

    switch (sbx_pool_receive(&report, &text, worker)) {
    case SBX_POOL_NOTHING:
        return true;
    case SBX_POOL_REPORT: {
        sbx_text whole = {0};

        sbx_text_add_bytes(&whole, text, report.text_bytes);
        worker->task = SBX_MANIFEST_NONE;
        is_kept =
            !whole.failed && answer_report(self, job->ticket, &report, sbx_text_string(&whole));
        sbx_text_done(&whole);
        break;
    }
    default:
        (void)sbx_fail_plain(&why, SBX_INTERNAL, SBX_STEP_BATCH,
                             "the worker process that ran it died");
        is_kept = answer_error(self, job->ticket, "error", &why) &&
                  sbx_pool_replace(self->pool, index, &self->err) == SBX_OK;
        break;
    }
    self->running[index] = NULL;
    free_job(job);
    return is_kept;
}

static void serve_client(serving *self)
{
    uint32_t count = self->pool->count;
    struct pollfd *wait = calloc(count + 2, sizeof(*wait));
    bool goes_on = wait != NULL;

    while (goes_on) {
        start_what_waits(self);
        for (uint32_t i = 0; i < count; i++)
            wait[i] = (struct pollfd){
                .fd = self->running[i] == NULL ? -1 : self->pool->workers[i].fd, .events = POLLIN};
        wait[count] =
            (struct pollfd){.fd = self->client.fd,
                            .events = (short)(POLLIN | (self->client.first == NULL ? 0 : POLLOUT))};
        wait[count + 1] = (struct pollfd){.fd = SBX_PROTOCOL_CALLER_FD, .events = POLLIN};
        if (poll(wait, count + 2, -1) < 0 && errno != EINTR)
            break;
        if (wait[count + 1].revents != 0) /* the caller is gone, whoever else holds its socket */
            break;
        for (uint32_t i = 0; goes_on && i < count; i++)
            if (wait[i].fd >= 0 && wait[i].revents != 0)
                goes_on = look_at_worker(self, i);
        if (goes_on && (wait[count].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            goes_on = read_orders(self);
        goes_on = goes_on && sbx_serve_client_flush(&self->client);
    }
    free(wait);
}

/* --- its life --- */

/* Which would otherwise show as one worker after the other dying. */
static sbx_status try_audit(const serving *self, sbx_error *err)
{
    const sbx_store_options options = {.busy_ns = 10 * SBX_NS_PER_S};
    sbx_store *store = NULL;
    sbx_status st;

    if (!self->setup.audit_required)
        return SBX_OK;
    st = sbx_store_open(&store, self->setup.audit_path, &options, err);
    sbx_store_close(store);
    return st;
}

static sbx_status find_audit(serving *self, sbx_error *err)
{
    const char *path = json_string_value(json_object_get(self->options, "audit_db"));
    sbx_status st = SBX_OK;

    if (path == NULL) {
        st = sbx_store_default_path(&self->audit_path, err);
        path = self->audit_path;
    }
    if (st == SBX_OK && path[0] != '/') {
        sbx_text whole = {0};

        sbx_text_add_format(&whole, "%s/%s", self->cwd, path);
        free(self->audit_path);
        self->audit_path = whole.data;
        path = whole.data;
        st = sbx_text_check(&whole, err);
    }
    self->setup.audit_path = st == SBX_OK ? path : NULL;
    return self->setup.audit_required ? st : SBX_OK;
}

static sbx_status read_options(serving *self, uint32_t *out_jobs, sbx_error *err)
{
    uint64_t flags, jobs;

    self->options =
        sbx_json_read(sbx_text_string(&self->client.text), self->client.text.bytes, 0, NULL);
    if (!json_is_object(self->options))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "the options are not UTF-8");
    flags = sbx_batch_number(self->options, "flags", 0);
    jobs = sbx_batch_number(self->options, "jobs", 0);
    if (jobs > JOBS_MAX)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "more than %d jobs", JOBS_MAX);
    *out_jobs = jobs == 0 ? sbx_capacity_cpus() : (uint32_t)jobs;
    self->setup =
        (sbx_batch_setup){.out_fd = -1,
                          .audit_required = (flags & AUDIT_BEST_EFFORT) == 0,
                          .allow_degraded = (flags & ALLOW_DEGRADED) != 0,
                          .watch_denials = (flags & NO_WATCH) == 0,
                          .session = json_string_value(json_object_get(self->options, "session")),
                          .agent = json_string_value(json_object_get(self->options, "agent")),
                          .environment = (const char *const *)environ};
    return find_audit(self, err);
}

static sbx_status open_service(serving *self, sbx_error *err)
{
    uint32_t jobs = 0;
    sbx_status st;

    self->cwd = getcwd(NULL, 0);
    if (self->cwd == NULL || self->cwd[0] != '/')
        return sbx_fail_errno(err, SBX_INVALID, SBX_STEP_OPTIONS, errno, "the working directory");
    st = read_options(self, &jobs, err);
    if (st == SBX_OK)
        st = sbx_run_id_make(self->id, err);
    if (st == SBX_OK)
        st = try_audit(self, err);
    if (st == SBX_OK)
        st = sbx_serve_files_make(&self->files, err);
    if (st != SBX_OK)
        return st;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "become the reaper of jobs");
    self->setup.out_fd = self->files.fd;
    self->setup.out_path = self->files.path;
    self->running = calloc(jobs, sizeof(serve_job *));
    if (self->running == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for %u jobs", jobs);
    return sbx_pool_create(&self->pool, jobs, &self->setup, err);
}

/* The first order, for which there is nothing else to wait for. */
static bool receive_open(serving *self)
{
    sbx_serve_news news;

    while ((news = sbx_serve_client_read(&self->client)) == SBX_SERVE_NOTHING) {
        struct pollfd wait = {.fd = self->client.fd, .events = POLLIN};

        (void)poll(&wait, 1, -1);
    }
    return news == SBX_SERVE_ORDER && self->client.order.kind == SBX_PROTOCOL_OPEN &&
           self->client.order.input_bytes == 0;
}

static void greet(serving *self, sbx_status st)
{
    sbx_protocol_answer answer = make_answer(0, "");

    answer.is_refusal = st != SBX_OK;
    if (st == SBX_OK)
        memcpy(answer.run_id, self->id, sizeof(self->id));
    else
        (void)snprintf(answer.message, sizeof(answer.message), "%s", self->err.message);
    (void)sbx_serve_client_answer(&self->client, &answer, false);
    (void)sbx_serve_client_flush(&self->client);
}

/* First processes of jobs whose workers are dead became ours, and end when everything in their jobs has. */
static void wait_for_orphans(void)
{
    while (waitpid(-1, NULL, (int)__WALL) > 0 || errno == EINTR) {
    }
}

static void end_service(serving *self)
{
    uint32_t count = self->pool == NULL ? 0 : self->pool->count;

    sbx_pool_free(self->pool);
    wait_for_orphans(); /* everything that ran is dead */
    for (uint32_t i = 0; i < count; i++)
        free_job(self->running[i]);
    free(self->running);
    while (self->waiting != NULL) {
        serve_job *next = self->waiting->next;

        free_job(self->waiting);
        self->waiting = next;
    }
    sbx_serve_files_remove(&self->files);
    sbx_serve_client_done(&self->client);
    sbx_policy_cache_done(&self->policies);
    json_decref(self->options);
    free(self->cwd);
    free(self->audit_path);
}

int sbx_batch_serve(void)
{
    serving self = {.files.fd = -1};
    struct stat found;
    sbx_status st;

    if (fstat(SBX_PROTOCOL_SOCKET_FD, &found) != 0 || !S_ISSOCK(found.st_mode))
        return 2; /* nobody but the library starts this */
    self.end = &self.waiting;
    sbx_serve_client_init(&self.client, SBX_PROTOCOL_SOCKET_FD);
    self.client.files = &self.files;
    if (!receive_open(&self))
        return 2;
    st = self.client.order.version == SBX_PROTOCOL_VERSION
             ? open_service(&self, &self.err)
             : sbx_fail_plain(&self.err, SBX_REFUSED, SBX_STEP_BATCH, "another version");
    greet(&self, st);
    if (st == SBX_OK)
        serve_client(&self);
    end_service(&self);
    return 0;
}
