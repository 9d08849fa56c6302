/* See attempt.h. */
#include "harness/batch/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/json_read.h"
#include "harness/batch/attempt_files.h"
#include "harness/batch/engine.h"

enum { DETAIL_BYTES_MAX = 2048 };

struct sbx_attempts {
    const sbx_batch_setup *setup;
    sbx_batch_engine *engine;
    sbx_host host;
    sbx_policy policy; /* of the last task, and most have the same */
    char policy_digest[65];
    /* of the task that runs */
    const sbx_batch_order *order;
    json_t *root;
    const json_t *core;
    const char **labels;
    sbx_attempt_files files;
    sbx_plan plan;
    sbx_result result;
    sbx_text detail, text;
};

/* --- a run --- */

static sbx_status read_spec(sbx_attempts *self, const sbx_text *spec, sbx_error *err)
{
    json_error_t problem;
    json_t *labels;
    size_t count = 0, own;

    self->root = sbx_json_read(spec->data, spec->bytes, 0, &problem);
    self->core = json_object_get(self->root, "core");
    labels = json_object_get(self->root, "labels");
    own = json_array_size(labels);
    if (self->core == NULL)
        return sbx_fail_plain(err, SBX_INTERNAL, SBX_STEP_BATCH, "a task's spec cannot be read");
    while (self->setup->labels != NULL && self->setup->labels[count] != NULL)
        count++;
    self->labels = calloc(count + own + 1, sizeof(*self->labels));
    if (self->labels == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a task");
    for (size_t i = 0; i < count; i++)
        self->labels[i] = self->setup->labels[i];
    for (size_t i = 0; i < own; i++)
        self->labels[count + i] = json_string_value(json_array_get(labels, i));
    return SBX_OK;
}

static sbx_status find_policy(sbx_attempts *self, sbx_error *err)
{
    const char *wanted = json_string_value(json_object_get(self->core, "policy_sha256"));
    const char *cwd = json_string_value(json_object_get(self->core, "cwd"));
    const sbx_batch_where where = {"task", 0, cwd};
    sbx_status st;

    if (strcmp(self->policy_digest, wanted) == 0)
        return SBX_OK;
    self->policy_digest[0] = '\0';
    sbx_policy_done(&self->policy);
    memset(&self->policy, 0, sizeof(self->policy));
    sbx_policy_init(&self->policy);
    st = sbx_batch_spec_policy(&self->policy, self->core, &where, err);
    if (st == SBX_OK)
        st = sbx_batch_policy_digest(self->policy_digest, &self->policy, err);
    if (st == SBX_OK && strcmp(self->policy_digest, wanted) != 0)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_BATCH,
                            "the task's policy has changed since the batch began");
    if (st == SBX_OK)
        st = sbx_attempt_hide_results(&self->policy, self->setup, err);
    if (st != SBX_OK)
        self->policy_digest[0] = '\0'; /* a half-made one is nobody's */
    return st;
}

/* The task's command, NULL-terminated, for free(); the words are the spec's. NULL: no memory. */
static const char **list_words(const sbx_attempts *self)
{
    const json_t *argv = json_object_get(self->core, "argv");
    const char **words = calloc(json_array_size(argv) + 1, sizeof(*words));

    for (size_t i = 0; words != NULL && i < json_array_size(argv); i++)
        words[i] = json_string_value(json_array_get(argv, i));
    return words;
}

static sbx_status make_plan(sbx_attempts *self, sbx_error *err)
{
    const char **words = list_words(self);
    const sbx_plan_request request = {
        .argv = words,
        .environment = self->setup->environment,
        .cwd = json_string_value(json_object_get(self->core, "cwd")),
        .audit_path = self->setup->audit_path,
        .allow_degraded = self->setup->allow_degraded,
        .watch_denials = self->setup->watch_denials,
        .host = &self->host,
    };
    sbx_status st;

    if (words == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a task");
    st = sbx_plan_make(&self->plan, &self->policy, &request, err);
    free(words);
    return st;
}

static void run_plan(sbx_attempts *self)
{
    const sbx_task task = {
        .stdio_fd = {self->files.stdio_fd[0], self->files.stdio_fd[1], self->files.stdio_fd[2]},
        .session = self->setup->session,
        .agent = self->setup->agent,
        .labels = self->labels,
        .batch = self->order->batch,
        .task = json_string_value(json_object_get(self->root, "id")),
        .attempt = self->order->attempt};

    sbx_batch_engine_run(&self->result, self->engine, &self->plan, &task);
}

/* --- the report --- */

static void add_known(sbx_json *json, const char *key, uint64_t value)
{
    if (value == SBX_UNLIMITED)
        sbx_json_null(json, key);
    else
        sbx_json_unsigned(json, key, value);
}

/* The worker's part of a line of results.jsonl. */
static void add_line(sbx_attempts *self, sbx_batch_verdict verdict, const char *kind)
{
    const sbx_result *result = &self->result;
    size_t bytes = self->detail.bytes < DETAIL_BYTES_MAX ? self->detail.bytes : DETAIL_BYTES_MAX;
    sbx_json json;

    sbx_text_clear(&self->text);
    sbx_json_init(&json, &self->text);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "verdict", sbx_batch_verdict_word(verdict));
    sbx_json_string(&json, "kind", kind);
    sbx_json_bytes(&json, "detail", sbx_text_string(&self->detail), bytes);
    sbx_json_string(&json, "run_id", result->run_id);
    sbx_json_string(&json, "status", sbx_outcome_word(result->verdict.outcome));
    sbx_json_string(&json, "reason", result->verdict.reason == NULL ? "" : result->verdict.reason);
    sbx_json_signed(&json, "exit_code", result->verdict.exit_code);
    sbx_json_signed(&json, "signal", result->verdict.signal);
    sbx_json_unsigned(&json, "started_us", result->started_us);
    sbx_json_unsigned(&json, "ended_us", result->ended_us);
    sbx_json_unsigned(&json, "wall_ns", result->wall_ns);
    add_known(&json, "cpu_ns", sbx_usage_cpu_ns(&result->usage));
    add_known(&json, "memory_peak_bytes", result->usage.memory_peak_bytes);
    sbx_json_unsigned(&json, "leaked_procs", result->leaked_processes);
    sbx_json_unsigned(&json, "denied_total",
                      result->denials == NULL ? 0 : sbx_denials_total(result->denials));
    sbx_json_unsigned(&json, "stdout_bytes", self->files.output[1].bytes);
    sbx_json_unsigned(&json, "stderr_bytes", self->files.output[2].bytes);
    sbx_json_close_object(&json);
}

static void fill_report(sbx_batch_report *out, const sbx_attempts *self, sbx_batch_verdict verdict,
                        const char *kind)
{
    const sbx_result *result = &self->result;

    *out = (sbx_batch_report){
        .magic = SBX_WIRE_REPORT,
        .text_bytes = (uint32_t)self->text.bytes,
        .verdict = verdict,
        .exit_code = result->verdict.exit_code,
        .signal = result->verdict.signal,
        .wall_ns = result->wall_ns,
        .memory_peak_bytes = result->usage.memory_peak_bytes,
        .denied_total = result->denials == NULL ? 0 : sbx_denials_total(result->denials),
        .started_us = result->started_us,
        .ended_us = result->ended_us,
    };
    memcpy(out->run_id, result->run_id, sizeof(out->run_id));
    (void)snprintf(out->kind, sizeof(out->kind), "%s", kind);
}

/* A task that could not be planned has a result and a row like any other. */
static void refuse(sbx_attempts *self, const sbx_error *why)
{
    static const char *const no_words[] = {NULL};
    const char *cwd = json_string_value(json_object_get(self->core, "cwd"));
    const char **words = list_words(self);
    const sbx_refusal refusal = {
        .argv = words == NULL ? no_words : words,
        .cwd = cwd == NULL ? "" : cwd,
        .policy_name = self->policy.name,
        .limits = &self->policy.limits,
        .network = self->policy.network,
        .identity = self->policy.identity,
        .caller_uid = sbx_batch_engine_caller(),
        .session = self->setup->session,
        .agent = self->setup->agent,
        .labels = self->labels,
        .batch = self->order->batch,
        .task = json_string_value(json_object_get(self->root, "id")),
        .attempt = self->order->attempt,
    };

    sbx_batch_engine_refuse(&self->result, self->engine, &refusal, why);
    free(words);
}

/* What was run is in the record already; that its output could not be judged is an error of ours. */
static void spoil(sbx_attempts *self, const sbx_error *why)
{
    self->result.events.has_error = true;
    self->result.events.error = *why;
    self->result.verdict = sbx_verdict_of(&self->result.events);
}

static sbx_status attempt(bool *out_has_run, sbx_attempts *self, const sbx_text *spec,
                          sbx_error *err)
{
    const char *stdin_path;
    sbx_status st = read_spec(self, spec, err);

    if (st != SBX_OK)
        return st;
    stdin_path = json_string_value(json_object_get(self->core, "stdin"));
    st = sbx_attempt_open(&self->files, self->setup,
                          json_string_value(json_object_get(self->root, "id")),
                          self->order->attempt, stdin_path, err);
    if (st == SBX_OK)
        st = find_policy(self, err);
    if (st == SBX_OK)
        st = make_plan(self, err);
    if (st != SBX_OK)
        return st;
    run_plan(self);
    *out_has_run = true;
    st = sbx_attempt_map(&self->files, json_object_get(self->core, "expect"), err);
    if (st == SBX_OK && sbx_attempt_is_kept(&self->files)) {
        sbx_text_clear(&self->text);
        st = sbx_result_to_json(&self->text, &self->result, &self->plan, err);
        sbx_text_add(&self->text, "\n");
        if (st == SBX_OK)
            st = sbx_attempt_write_result(&self->files, &self->text, err);
    }
    return st;
}

static void forget_task(sbx_attempts *self)
{
    sbx_attempt_close(&self->files);
    sbx_result_done(&self->result);
    sbx_plan_done(&self->plan);
    memset(&self->result, 0, sizeof(self->result));
    memset(&self->plan, 0, sizeof(self->plan));
    free(self->labels);
    self->labels = NULL;
    json_decref(self->root);
    self->root = NULL;
    self->core = NULL;
}

bool sbx_attempts_make(sbx_batch_report *out, const sbx_text **out_text, sbx_attempts *attempts,
                       const sbx_batch_order *order, const sbx_text *spec, bool is_stopped)
{
    sbx_attempts *self = attempts;
    sbx_batch_verdict verdict = SBX_BATCH_CANCELLED;
    const char *kind = "cancelled";
    sbx_error err = {0};
    bool has_run = false;

    self->order = order;
    sbx_attempt_init(&self->files);
    sbx_text_clear(&self->detail);
    if (!is_stopped) {
        sbx_batch_seen seen = {.result = &self->result};

        if (attempt(&has_run, self, spec, &err) != SBX_OK) {
            if (has_run)
                spoil(self, &err);
            else
                refuse(self, &err);
        }
        memcpy(seen.output, self->files.output, sizeof(seen.output));
        memcpy(seen.wanted, self->files.wanted, sizeof(seen.wanted));
        verdict =
            sbx_expect_judge(&kind, &self->detail, json_object_get(self->core, "expect"), &seen);
    }
    add_line(self, verdict, kind);
    fill_report(out, self, verdict, kind);
    *out_text = &self->text;
    forget_task(self);
    return !self->text.failed;
}

sbx_status sbx_attempts_begin(sbx_attempts **out, const sbx_batch_setup *setup, sbx_error *err)
{
    sbx_attempts *self = calloc(1, sizeof(*self));

    *out = self;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a worker");
    self->setup = setup;
    sbx_host_look(&self->host);
    return sbx_batch_engine_create(&self->engine, setup, err);
}

void sbx_attempts_settle(sbx_attempts *attempts)
{
    sbx_batch_engine_settle(attempts->engine);
}
