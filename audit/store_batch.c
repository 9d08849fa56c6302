/* Denials and processes of a run, many at a time, and the events that say the same. */
#include <string.h>

#include "audit/redact.h"
#include "audit/store_parts.h"

static const char doing[] = "recording denials and processes";

static const char upsert_denial[] =
    "INSERT INTO denial VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
    "ON CONFLICT(run, idx) DO UPDATE SET count=excluded.count, first_us=excluded.first_us, "
    "last_us=excluded.last_us";

static const char upsert_process[] =
    "INSERT INTO process VALUES(?,?,?,?,?,?,?,?,?) "
    "ON CONFLICT(run, idx) DO UPDATE SET end_us=excluded.end_us, exit_code=excluded.exit_code";

/* An event is ended when its body is longer than this: what a hostile command can have us say at once takes many
 * times the room of its names, and none of it need be in memory together. */
enum { EVENT_BYTES = 256 * 1024 };

/* A batch on its way into the database; the body is opened with its first row. */
typedef struct batch_writer {
    sbx_store *store;
    int64_t run;
    sqlite3_stmt *stmt;
    sbx_text text;
    sbx_json body;
    const char *kind; /* NULL: no event is open */
    bool has_array;   /* and in it no list */
    bool has_written;
    uint64_t now_us;
    sbx_status st;
    sbx_error *err;
} batch_writer;

static void open_body(batch_writer *self, const char *kind)
{
    char run_id[SBX_RUN_ID_BYTES];

    if (self->kind != NULL || self->st != SBX_OK)
        return;
    self->st = sbx_store_find_run_id(run_id, self->store, self->run, self->err);
    if (self->st != SBX_OK)
        return;
    self->kind = kind;
    sbx_store_begin_body(&self->body, &self->text, kind, self->now_us, run_id);
}

/* Ends the event that is open. */
static void close_event(batch_writer *self)
{
    if (self->kind == NULL)
        return;
    if (self->has_array)
        sbx_json_close_array(&self->body);
    if (self->st == SBX_OK)
        self->st = sbx_store_put_event(self->store, &self->body, self->kind, self->now_us,
                                       self->run, self->err);
    sbx_text_clear(&self->text);
    self->kind = NULL;
    self->has_array = false;
    self->has_written = true;
}

/* Room in a list of the event that is open, or of a new one. */
static void make_room(batch_writer *self, const char *kind, const char *list)
{
    if (self->text.bytes > EVENT_BYTES)
        close_event(self);
    open_body(self, kind);
    if (self->st != SBX_OK || self->has_array)
        return;
    sbx_json_open_array(&self->body, list);
    self->has_array = true;
}

static void add_bytes(sbx_json *json, const char *key, const char *hex_key, const char *data,
                      size_t bytes)
{
    if (data == NULL) {
        sbx_json_null(json, key);
        return;
    }
    sbx_json_bytes(json, key, data, bytes);
    if (!sbx_utf8_is_valid(data, bytes))
        sbx_json_hex(json, hex_key, data, bytes);
}

/* Of a denial that is known only what changed. */
static void describe_denial(sbx_json *json, size_t index, const sbx_denial *denial, bool is_new)
{
    sbx_json_open_object(json, NULL);
    sbx_json_unsigned(json, "idx", index);
    if (is_new) {
        sbx_json_string(json, "class", sbx_denial_class_word(denial->kind));
        sbx_json_string(json, "op", denial->op);
        add_bytes(json, "target", "target_hex", denial->target, denial->target_bytes);
        sbx_json_signed(json, "pid", denial->pid);
        add_bytes(json, "exe", "exe_hex", denial->exe,
                  denial->exe == NULL ? 0 : strlen(denial->exe));
        sbx_json_signed(json, "errno", denial->error);
        sbx_json_string(json, "rule", denial->rule == NULL ? "" : denial->rule);
        sbx_json_string(json, "source", sbx_denial_source_word(denial->source));
        sbx_json_string(json, "confidence", sbx_confidence_word(denial->confidence));
    }
    sbx_json_unsigned(json, "first_us", denial->first_us);
    sbx_json_unsigned(json, "last_us", denial->last_us);
    sbx_json_unsigned(json, "count", denial->count);
    sbx_json_close_object(json);
}

static void put_denial(void *context, size_t index, const sbx_denial *denial, bool is_new)
{
    batch_writer *self = context;
    sbx_binder binder = {0};

    make_room(self, "denial.batch", "denials");
    if (self->st == SBX_OK && self->stmt == NULL)
        self->st =
            sbx_store_prepare_kept(&self->stmt, self->store, upsert_denial, doing, self->err);
    if (self->st != SBX_OK)
        return;
    binder.stmt = self->stmt;
    sbx_bind_int(&binder, self->run);
    sbx_bind_unsigned(&binder, index);
    sbx_bind_text(&binder, sbx_denial_class_word(denial->kind));
    sbx_bind_text(&binder, denial->op);
    sbx_bind_bytes(&binder, denial->target, denial->target_bytes);
    sbx_bind_int(&binder, denial->pid);
    if (denial->exe == NULL)
        sbx_bind_null(&binder);
    else
        sbx_bind_bytes(&binder, denial->exe, strlen(denial->exe));
    sbx_bind_int(&binder, denial->error);
    sbx_bind_text(&binder, denial->rule == NULL ? "" : denial->rule);
    sbx_bind_text(&binder, sbx_denial_source_word(denial->source));
    sbx_bind_text(&binder, sbx_confidence_word(denial->confidence));
    sbx_bind_unsigned(&binder, denial->count);
    sbx_bind_unsigned(&binder, denial->first_us);
    sbx_bind_unsigned(&binder, denial->last_us);
    self->st = sbx_store_step(self->store, self->stmt, doing, self->err);
    describe_denial(&self->body, index, denial, is_new);
}

static void put_denials(batch_writer *self, sbx_denials *denials)
{
    if (denials == NULL || self->st != SBX_OK)
        return;
    sbx_denials_take_changes(denials, put_denial, self);
    if (self->has_array)
        sbx_json_close_array(&self->body);
    self->has_array = false;
    if (self->st != SBX_OK)
        sbx_denials_retake(denials);
    sbx_store_let_go(self->store, self->stmt);
    self->stmt = NULL;
}

static void describe_process(sbx_json *json, const sbx_process_record *process, const char *argv)
{
    sbx_json_open_object(json, NULL);
    sbx_json_unsigned(json, "idx", process->row);
    sbx_json_signed(json, "pid", process->pid);
    sbx_json_signed(json, "parent_pid", process->parent_pid);
    sbx_json_unsigned(json, "start_us", process->start_us);
    if (process->end_us != 0)
        sbx_json_unsigned(json, "end_us", process->end_us);
    add_bytes(json, "exe", "exe_hex", process->exe,
              process->exe == NULL ? 0 : strlen(process->exe));
    if (argv == NULL)
        sbx_json_null(json, "argv");
    else
        sbx_json_raw(json, "argv", argv);
    if (process->has_exit)
        sbx_json_signed(json, "exit_code", process->exit_code);
    sbx_json_close_object(json);
}

static void put_process(batch_writer *self, const sbx_process_record *process)
{
    sbx_binder binder = {.stmt = self->stmt};
    sbx_text argv = {0};
    const char *stored = NULL;

    if (process->argv_json != NULL &&
        sbx_redact_argv_json_by(self->store->redaction, &argv, process->argv_json) && !argv.failed)
        stored = sbx_text_string(&argv);
    sbx_bind_int(&binder, self->run);
    sbx_bind_unsigned(&binder, process->row);
    sbx_bind_int(&binder, process->pid);
    sbx_bind_int(&binder, process->parent_pid);
    sbx_bind_unsigned(&binder, process->start_us);
    if (process->end_us == 0)
        sbx_bind_null(&binder);
    else
        sbx_bind_unsigned(&binder, process->end_us);
    if (process->exe == NULL)
        sbx_bind_null(&binder);
    else
        sbx_bind_bytes(&binder, process->exe, strlen(process->exe));
    sbx_bind_text(&binder, stored);
    if (process->has_exit)
        sbx_bind_int(&binder, process->exit_code);
    else
        sbx_bind_null(&binder);
    self->st = sbx_store_step(self->store, self->stmt, doing, self->err);
    describe_process(&self->body, process, stored);
    sbx_text_done(&argv);
}

void sbx_store_foresee_batch(sbx_store *store)
{
    sqlite3_stmt *upsert = NULL;

    if (sbx_store_prepare_kept(&upsert, store, upsert_process, doing, NULL) == SBX_OK)
        sbx_store_let_go(store, upsert);
}

static void put_processes(batch_writer *self, const sbx_process_record *processes, size_t count)
{
    if (count == 0 || self->st != SBX_OK)
        return;
    self->st = sbx_store_prepare_kept(&self->stmt, self->store, upsert_process, doing, self->err);
    for (size_t i = 0; i < count && self->st == SBX_OK; i++) {
        make_room(self, "process.batch", "processes");
        if (self->st == SBX_OK)
            put_process(self, &processes[i]);
    }
    sbx_store_let_go(self->store, self->stmt);
    self->stmt = NULL;
}

sbx_status sbx_store_put_batch(bool *out_is_empty, sbx_store *store, int64_t run,
                               const sbx_store_batch *batch, sbx_error *err)
{
    batch_writer self = {.store = store, .run = run, .now_us = sbx_clock_utc_us(), .err = err};

    *out_is_empty = true;
    if (batch == NULL)
        return SBX_OK;
    put_denials(&self, batch->denials);
    put_processes(&self, batch->processes, batch->process_count);
    close_event(&self);
    *out_is_empty = !self.has_written;
    sbx_text_done(&self.text);
    return self.st;
}
