/* The run's rows in the audit database, in the order that nothing can be lost in. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/runner/record.h"

enum { FLUSH_EVERY_MS = 250 };

sbx_status sbx_record_open(sbx_record *record, sbx_result *result, sbx_error *err)
{
    sbx_store_options options = {.busy_ns = record->options->audit_busy_ns,
                                 .cancel = record->cancel,
                                 .redaction = record->options->redaction,
                                 .release = sbx_record_release};
    sbx_error own;
    sbx_status st;

    if (record->store != NULL || record->options->audit_path == NULL)
        return SBX_OK;
    st = sbx_store_open(&record->store, record->options->audit_path, &options, &own);
    if (st == SBX_OK)
        return SBX_OK;
    result->audit_failed = true;
    result->audit_error = own;
    if (!record->options->audit_required)
        return SBX_OK;
    *err = own;
    return st;
}

static void describe_start(sbx_store_start *out, const sbx_record *record, const sbx_result *result)
{
    const sbx_plan *plan = record->plan;

    *out = (sbx_store_start){
        .run_id = plan->run_id,
        .argv = plan->argv,
        .cwd = plan->cwd,
        .env = plan->env,
        .policy_name = plan->policy_name,
        .policy_json = sbx_text_string(&plan->policy_json),
        .network = sbx_network_word(plan->network),
        .identity = sbx_identity_word(plan->identity),
        .backend = record->backend,
        .enforcement = result->is_partial ? "partial" : "full",
        .missing = sbx_text_string(&result->missing),
        .walls = sbx_text_string(&result->walls),
        .session = record->options->session,
        .agent = record->options->agent,
        .labels = record->options->labels,
        .batch = record->options->batch,
        .task = record->options->task,
        .attempt = record->options->attempt,
        .leases = (const char *const *)record->leases,
        .caller_uid = plan->caller_uid,
        .target_uid = plan->target_uid,
        .limits = &plan->limits,
        .started_us = result->started_us,
    };
}

sbx_status sbx_record_start(sbx_record *record, sbx_result *result, sbx_error *err)
{
    sbx_store_start start;
    sbx_error own;
    sbx_status st = sbx_record_open(record, result, err);

    if (st != SBX_OK || record->store == NULL || record->row != 0)
        return st;
    describe_start(&start, record, result);
    st = sbx_store_run_start(&record->row, record->store, &start, &own);
    if (st == SBX_OK)
        return SBX_OK;
    result->audit_failed = true;
    result->audit_error = own;
    if (!record->options->audit_required)
        return SBX_OK;
    *err = own;
    return st;
}

static void take_batch(sbx_record *record, sbx_store_batch *out)
{
    *out = (sbx_store_batch){.denials = record->denials};
    if (record->processes != NULL)
        out->processes = sbx_processes_take_changes(record->processes, &out->process_count);
}

/*
 * While the command runs nobody may wait: only with a free lock, and not more than a twentieth of the
 * time, whatever the disk is like. What cannot be written now is written with the end row.
 */
uint64_t sbx_record_flush(sbx_record *record, uint64_t now_ns)
{
    sbx_store_batch batch;
    uint64_t began, took;

    if (record->row == 0 || (record->denials == NULL && record->processes == NULL))
        return SBX_UNLIMITED; /* nothing is recorded while it runs */
    if (record->flushed_ns == 0)
        record->flushed_ns = now_ns; /* a short run writes everything at its end */
    if (record->flush_pause_ns == 0)
        record->flush_pause_ns = FLUSH_EVERY_MS * SBX_NS_PER_MS;
    if (now_ns < record->flushed_ns + record->flush_pause_ns)
        return record->flushed_ns + record->flush_pause_ns;
    began = sbx_clock_monotonic_ns();
    if (sbx_store_try_lock(record->store)) {
        take_batch(record, &batch); /* an empty one gives the lock back */
        if (sbx_store_run_append(record->store, record->row, &batch, &record->append_error) !=
            SBX_OK) {
            record->append_failed = true; /* told with the end row: those processes are lost */
            if (record->denials != NULL)
                sbx_denials_retake(record->denials);
        }
    }
    took = sbx_clock_monotonic_ns() - began;
    record->flushed_ns = now_ns + took;
    record->flush_pause_ns =
        took * 20 > FLUSH_EVERY_MS * SBX_NS_PER_MS ? took * 20 : FLUSH_EVERY_MS * SBX_NS_PER_MS;
    return record->flushed_ns + record->flush_pause_ns;
}

void sbx_record_tidy(sbx_record *record)
{
    if (record->row != 0)
        sbx_store_tidy(record->store);
}

void sbx_record_foresee(sbx_record *record)
{
    if (record->row != 0)
        sbx_store_foresee(record->store);
}

static void describe_limits_hit(sbx_text *out, const sbx_events *events)
{
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        if (events->killed_for[kind] || events->reached[kind]) {
            if (out->bytes > 0)
                sbx_text_add(out, ",");
            sbx_text_add(out, sbx_limit_word((sbx_limit_kind)kind));
        }
}

static void describe_end(sbx_store_end *out, const sbx_record *record, const sbx_result *result,
                         const char *limits_hit)
{
    const sbx_events *events = &result->events;

    *out = (sbx_store_end){
        .status = sbx_outcome_word(result->verdict.outcome),
        .reason = result->verdict.reason,
        .message = events->has_error ? events->error.message : NULL,
        .exit_code = result->verdict.exit_code,
        .has_command_exit = events->has_exit,
        .command_exit_code = events->exit_code,
        .signal = result->verdict.signal,
        .ended_us = result->ended_us,
        .wall_ns = result->wall_ns,
        .usage = result->usage,
        .samples = result->samples,
        .output_bytes = result->output_bytes,
        .output_truncated = result->output_truncated,
        .leaked_processes = result->leaked_processes,
        .processes_lost = result->processes_lost,
        .audit_sources = result->audit_sources,
        .audit_complete = result->audit_complete,
        .limits_hit = limits_hit,
    };
    out->learned = record->learned;
    out->syncs_later = record->syncs_later;
    memcpy(out->enforcers, result->enforcers, sizeof(out->enforcers));
    if (record->denials != NULL) {
        out->denied_total = sbx_denials_total(record->denials);
        out->denied_lost = sbx_denials_lost(record->denials);
    }
}

void sbx_record_end(sbx_record *record, sbx_result *result)
{
    sbx_text hit = {0};
    sbx_store_batch batch;
    sbx_store_end end;
    sbx_error own;
    sbx_status st;

    if (record->row == 0 && result->audit_failed)
        return; /* what could not be written a moment ago is not tried, and waited for, again */
    if (record->store == NULL && sbx_record_open(record, result, &own) != SBX_OK)
        return;
    if (record->store == NULL)
        return;
    describe_limits_hit(&hit, &result->events);
    describe_end(&end, record, result, sbx_text_string(&hit));
    if (record->append_failed) {
        result->audit_failed = true;
        result->audit_error = record->append_error;
    }
    if (record->row != 0) {
        take_batch(record, &batch);
        st = sbx_store_run_end(record->store, record->row, &end, &batch, &own);
    } else {
        sbx_store_start start;

        describe_start(&start, record, result);
        st = sbx_store_run_refused(record->store, &start, &end, &own);
    }
    if (st != SBX_OK) {
        result->audit_failed = true;
        result->audit_error = own;
    }
    sbx_text_done(&hit);
}

void sbx_record_sync(sbx_record *record, sbx_result *result)
{
    sbx_error own;

    if (record->store == NULL || sbx_store_sync(record->store, &own) == SBX_OK)
        return;
    result->audit_failed = true;
    result->audit_error = own;
}

void sbx_record_close(sbx_record *record)
{
    if (!record->keeps_store)
        sbx_store_close(record->store);
    record->store = NULL;
    free(record->leases);
    record->leases = NULL;
}
