/* The rest of a run's row, when it has ended. */
#include <string.h>

#include "audit/store_parts.h"

static const char doing[] = "recording the run's end";

static void describe(sbx_json *body, const sbx_store_end *end)
{
    sbx_json_unsigned(body, "ended_us", end->ended_us);
    sbx_json_string(body, "status", end->status);
    sbx_json_string(body, "reason", end->reason);
    sbx_json_string(body, "message", end->message);
    sbx_json_signed(body, "exit_code", end->exit_code);
    if (end->has_command_exit)
        sbx_json_signed(body, "command_exit_code", end->command_exit_code);
    if (end->signal != 0)
        sbx_json_signed(body, "signal", end->signal);
    sbx_json_unsigned(body, "wall_ns", end->wall_ns);
    if (end->usage.user_ns != SBX_UNLIMITED)
        sbx_json_unsigned(body, "user_ns", end->usage.user_ns);
    if (end->usage.system_ns != SBX_UNLIMITED)
        sbx_json_unsigned(body, "system_ns", end->usage.system_ns);
    if (end->usage.memory_peak_bytes != SBX_UNLIMITED)
        sbx_json_unsigned(body, "memory_peak_bytes", end->usage.memory_peak_bytes);
    if (end->usage.processes_peak_count != SBX_UNLIMITED)
        sbx_json_unsigned(body, "processes_peak", end->usage.processes_peak_count);
    if (end->usage.io_read_bytes != SBX_UNLIMITED)
        sbx_json_unsigned(body, "io_read_bytes", end->usage.io_read_bytes);
    if (end->usage.io_write_bytes != SBX_UNLIMITED)
        sbx_json_unsigned(body, "io_write_bytes", end->usage.io_write_bytes);
    if (end->output_bytes != SBX_UNLIMITED)
        sbx_json_unsigned(body, "output_bytes", end->output_bytes);
    sbx_json_bool(body, "output_truncated", end->output_truncated);
    sbx_json_unsigned(body, "leaked_procs", end->leaked_processes);
    sbx_json_unsigned(body, "denied_total", end->denied_total);
    sbx_json_unsigned(body, "denied_lost", end->denied_lost);
    sbx_json_unsigned(body, "processes_lost", end->processes_lost);
    sbx_json_string(body, "audit_sources", end->audit_sources);
    if (end->audit_complete >= 0)
        sbx_json_bool(body, "audit_complete", end->audit_complete == 1);
    sbx_json_string(body, "limits_hit", end->limits_hit);
}

/* Who held what: only the limits that somebody held. */
static void add_enforcers(sbx_text *out, const sbx_store_end *end)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        if (end->enforcers[kind] != SBX_ENFORCER_NONE)
            sbx_json_string(&json, sbx_limit_word((sbx_limit_kind)kind),
                            sbx_enforcer_word(end->enforcers[kind]));
    sbx_json_close_object(&json);
}

/* A run that another sbx took for lost, and that ends after all, has its real end written over it.
 */
static const char update_run[] =
    "UPDATE run SET ended_us=?, status=?, reason=?, message=?, exit_code=?, command_exit_code=?, "
    "signal=?, "
    "wall_ns=?, user_ns=?, system_ns=?, memory_peak_bytes=?, processes_peak=?, io_read_bytes=?, "
    "io_write_bytes=?, output_bytes=?, output_truncated=?, leaked_procs=?, denied_total=?, "
    "denied_lost=?, "
    "processes_lost=?, audit_sources=?, audit_complete=?, limits_hit=?, enforcers=?, samples=? "
    "WHERE id=? AND status IN('running', 'lost')";

static void bind_end(sbx_binder *binder, const sbx_store_end *end)
{
    sbx_bind_unsigned(binder, end->ended_us);
    sbx_bind_text(binder, end->status);
    sbx_bind_text(binder, end->reason);
    sbx_bind_text(binder, end->message);
    sbx_bind_int(binder, end->exit_code);
    if (end->has_command_exit)
        sbx_bind_int(binder, end->command_exit_code);
    else
        sbx_bind_null(binder);
    if (end->signal != 0)
        sbx_bind_int(binder, end->signal);
    else
        sbx_bind_null(binder);
    sbx_bind_unsigned(binder, end->wall_ns);
    sbx_bind_unsigned(binder, end->usage.user_ns);
    sbx_bind_unsigned(binder, end->usage.system_ns);
    sbx_bind_unsigned(binder, end->usage.memory_peak_bytes);
    sbx_bind_unsigned(binder, end->usage.processes_peak_count);
    sbx_bind_unsigned(binder, end->usage.io_read_bytes);
    sbx_bind_unsigned(binder, end->usage.io_write_bytes);
    sbx_bind_unsigned(binder, end->output_bytes);
    sbx_bind_int(binder, end->output_truncated);
    sbx_bind_unsigned(binder, end->leaked_processes);
    sbx_bind_unsigned(binder, end->denied_total);
    sbx_bind_unsigned(binder, end->denied_lost);
    sbx_bind_unsigned(binder, end->processes_lost);
    sbx_bind_text(binder, end->audit_sources);
    if (end->audit_complete >= 0)
        sbx_bind_int(binder, end->audit_complete == 1);
    else
        sbx_bind_null(binder);
    sbx_bind_text(binder, end->limits_hit);
}

void sbx_store_foresee_end(sbx_store *store)
{
    sqlite3_stmt *update = NULL;

    if (sbx_store_prepare_kept(&update, store, update_run, doing, NULL) == SBX_OK)
        sbx_store_let_go(store, update);
}

sbx_status sbx_store_put_end(sbx_json *body, sbx_store *store, int64_t run,
                             const sbx_store_end *end, sbx_error *err)
{
    sqlite3_stmt *update = NULL;
    sbx_binder binder = {0};
    sbx_text enforcers = {0}, samples = {0};
    bool has_samples = end->samples != NULL && end->samples->count > 0;
    sbx_json json;
    sbx_status st;

    add_enforcers(&enforcers, end);
    st = sbx_text_check(&enforcers, err);
    sbx_json_init(&json, &samples);
    if (has_samples)
        sbx_samples_to_json(&json, NULL, end->samples);
    if (st == SBX_OK)
        st = sbx_text_check(&samples, err);
    if (st == SBX_OK)
        st = sbx_store_prepare_kept(&update, store, update_run, doing, err);
    if (st != SBX_OK)
        goto out;
    binder.stmt = update;
    bind_end(&binder, end);
    sbx_bind_text(&binder, sbx_text_string(&enforcers));
    sbx_bind_text(&binder, has_samples ? sbx_text_string(&samples) : NULL);
    sbx_bind_int(&binder, run);
    st = sbx_store_step(store, update, doing, err);
    if (st == SBX_OK && sqlite3_changes(store->db) != 1)
        st = sbx_store_fail(store, SQLITE_CORRUPT, "the row of the run that started is gone", err);
    if (st != SBX_OK)
        goto out;
    describe(body, end);
    sbx_json_raw(body, "enforcers", sbx_text_string(&enforcers));
    if (has_samples)
        sbx_json_raw(body, "samples", sbx_text_string(&samples));
out:
    sbx_store_let_go(store, update);
    sbx_text_done(&enforcers);
    sbx_text_done(&samples);
    return st;
}
