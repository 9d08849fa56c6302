/* What all exporters need of a row; see export.h. */
#include "audit/export.h"
#include "harness/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/export_parts.h"

static const char *const names[SBX_FIELDS] = {
#define NAME(field, name) name,
    SBX_EXPORT_RUN_FIELDS(NAME) SBX_EXPORT_ROW_FIELDS(NAME)
#undef NAME
};

/* In the order of the fields. */
static const char of_the_run[] =
    "SELECT node.hostname, node.os, node.os_version, node.sbx_version, run.caller_uid, "
    "run.target_uid, run.session, run.agent, run.labels, policy.name, policy.sha256 "
    "FROM run JOIN node ON node.id = run.node JOIN policy ON policy.id = run.policy "
    "WHERE run.run_id = ?";

static void find_columns(sbx_export *self, const sbx_column *columns, size_t count)
{
    for (int field = 0; field < SBX_FIELDS; field++) {
        self->index[field] = -1;
        for (size_t i = 0; i < count; i++)
            if (strcmp(columns[i].name, names[field]) == 0)
                self->index[field] = (int)i;
    }
}

sbx_status sbx_export_create(sbx_export **out, sbx_store *store, sbx_export_form form,
                             sbx_export_what what, const sbx_column *columns, size_t column_count,
                             sbx_error *err)
{
    sbx_export *self = calloc(1, sizeof(*self));
    sbx_status st = SBX_OK;

    *out = NULL;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory for an export");
    self->store = store;
    self->form = form;
    self->what = what;
    find_columns(self, columns, column_count);
    for (int i = 0; i < SBX_EXPORT_RUN_FIELD_COUNT; i++)
        self->run[i].is_null = true;
    if (what != SBX_EXPORT_RUNS)
        st = sbx_store_prepare(&self->select_run, store, of_the_run, "exporting", err);
    if (st == SBX_OK) {
        *out = self;
        self = NULL;
    }
    sbx_export_free(self);
    return st;
}

void sbx_export_free(sbx_export *self)
{
    if (self == NULL)
        return;
    sqlite3_finalize(self->select_run);
    sbx_export_rest(self);
    sbx_text_done(&self->run_text);
    sbx_text_done(&self->machine);
    sbx_text_done(&self->machine_of);
    free(self);
}

void sbx_export_rest(sbx_export *self)
{
    if (self->is_reading)
        (void)sqlite3_exec(self->store->db, "COMMIT", NULL, NULL, NULL);
    self->is_reading = false;
}

/* Copies the fields of the run under the statement; texts are offsets until all are there. */
static void keep_run(sbx_export *self)
{
    sbx_text_clear(&self->run_text);
    for (int i = 0; i < SBX_EXPORT_RUN_FIELD_COUNT; i++) {
        sbx_cell *cell = &self->run[i];
        int type = sqlite3_column_type(self->select_run, i);

        *cell = (sbx_cell){.is_null = type == SQLITE_NULL};
        if (type == SQLITE_INTEGER) {
            cell->integer = sqlite3_column_int64(self->select_run, i);
        } else if (type != SQLITE_NULL) {
            const void *data = sqlite3_column_blob(self->select_run, i);

            cell->text_bytes = (size_t)sqlite3_column_bytes(self->select_run, i);
            cell->integer = (int64_t)self->run_text.bytes;
            cell->text = "";
            sbx_text_add_bytes(&self->run_text, data, cell->text_bytes);
            sbx_text_add_bytes(&self->run_text, "", 1);
        }
    }
    for (int i = 0; i < SBX_EXPORT_RUN_FIELD_COUNT && !self->run_text.failed; i++)
        if (self->run[i].text != NULL)
            self->run[i].text = self->run_text.data + self->run[i].integer;
}

/* A run's rows come one after the other, so that each run is looked up once. */
static sbx_status follow_run(sbx_export *self, sbx_error *err)
{
    const char *run_id = sbx_export_text(self, SBX_FIELD_RUN);
    int rc;
    sbx_status st;

    if (self->select_run == NULL || strcmp(run_id, self->run_id) == 0)
        return SBX_OK;
    self->run_id[0] = '\0';
    if (!self->is_reading)
        self->is_reading = sqlite3_exec(self->store->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_bind_text(self->select_run, 1, run_id, -1, SQLITE_STATIC);
    rc = sqlite3_step(self->select_run);
    if (rc == SQLITE_ROW)
        keep_run(self);
    (void)sqlite3_reset(self->select_run);
    if (rc != SQLITE_ROW)
        return sbx_store_fail(self->store, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "exporting",
                              err);
    st = sbx_text_check(&self->run_text, err);
    if (st == SBX_OK && strlen(run_id) < sizeof(self->run_id))
        memcpy(self->run_id, run_id, strlen(run_id) + 1);
    return st;
}

sbx_status sbx_export_row(sbx_text *out, sbx_export *self, const sbx_cell *cells, sbx_error *err)
{
    sbx_status st;

    self->cells = cells;
    st = follow_run(self, err);
    if (st != SBX_OK)
        return st;
    switch (self->form) {
    case SBX_EXPORT_OCSF:
        sbx_export_ocsf(out, self);
        break;
    case SBX_EXPORT_ECS:
        sbx_export_ecs(out, self);
        break;
    case SBX_EXPORT_OTLP:
        sbx_export_otlp(out, self);
        break;
    }
    return SBX_OK;
}

const sbx_cell *sbx_export_cell(const sbx_export *self, sbx_export_field field)
{
    static const sbx_cell null = {.is_null = true};

    if (self->index[field] >= 0)
        return &self->cells[self->index[field]];
    return (int)field < SBX_EXPORT_RUN_FIELD_COUNT ? &self->run[field] : &null;
}

const char *sbx_export_text(const sbx_export *self, sbx_export_field field)
{
    const sbx_cell *cell = sbx_export_cell(self, field);

    return cell->is_null || cell->text == NULL ? "" : cell->text;
}

bool sbx_export_is(const sbx_export *self, sbx_export_field field, const char *word)
{
    return strcmp(sbx_export_text(self, field), word) == 0;
}

const char *sbx_export_machine(bool *out_is_new, sbx_export *self,
                               void (*describe)(sbx_text *out, const sbx_export *self))
{
    static const sbx_export_field fields[] = {SBX_FIELD_HOSTNAME, SBX_FIELD_OS,
                                              SBX_FIELD_OS_VERSION, SBX_FIELD_SBX_VERSION};
    const char *at = sbx_text_string(&self->machine_of);
    size_t left = self->machine_of.bytes;
    bool is_same = left > 0;

    for (size_t i = 0; i < SBX_COUNT_OF(fields) && is_same; i++) {
        size_t bytes = strlen(sbx_export_text(self, fields[i])) + 1;

        is_same = bytes <= left && memcmp(at, sbx_export_text(self, fields[i]), bytes) == 0;
        at += is_same ? bytes : 0;
        left -= is_same ? bytes : 0;
    }
    *out_is_new = !is_same;
    if (!is_same) {
        sbx_text_clear(&self->machine);
        sbx_text_clear(&self->machine_of);
        describe(&self->machine, self);
        for (size_t i = 0; i < SBX_COUNT_OF(fields); i++)
            sbx_text_add_bytes(&self->machine_of, sbx_export_text(self, fields[i]),
                               strlen(sbx_export_text(self, fields[i])) + 1);
    }
    return sbx_text_string(&self->machine);
}

void sbx_export_put(sbx_json *json, const char *key, const sbx_export *self, sbx_export_field field)
{
    const sbx_cell *cell = sbx_export_cell(self, field);

    if (cell->is_null)
        return;
    if (cell->text == NULL)
        sbx_json_signed(json, key, cell->integer);
    else if (field == SBX_FIELD_LABELS || field == SBX_FIELD_ARGV)
        sbx_json_raw(json, key, cell->text);
    else if (cell->text_bytes > 0)
        sbx_json_bytes(json, key, cell->text, cell->text_bytes);
}

void sbx_export_put_digits(sbx_json *json, const char *key, const sbx_export *self,
                           sbx_export_field field)
{
    const sbx_cell *cell = sbx_export_cell(self, field);

    if (cell->is_null)
        return;
    sbx_json_raw(json, key, "\"");
    sbx_text_add_signed(json->out, cell->integer);
    sbx_text_add_bytes(json->out, "\"", 1);
}

static void put_two_digits(char *at, int value)
{
    at[0] = (char)('0' + value / 10 % 10);
    at[1] = (char)('0' + value % 10);
}

void sbx_export_put_time(sbx_json *json, const char *key, int64_t utc_us)
{
    char text[] = "0000-00-00T00:00:00.000000Z";
    int64_t micros = utc_us % 1000000;
    time_t seconds = (time_t)(utc_us / 1000000);
    struct tm utc;

    if (utc_us < 0 || !sbx_clock_utc(&utc, seconds) || utc.tm_year > 9999 - 1900) {
        sbx_json_null(json, key); /* not a time that sbx writes */
        return;
    }
    put_two_digits(text, (utc.tm_year + 1900) / 100);
    put_two_digits(text + 2, (utc.tm_year + 1900) % 100);
    put_two_digits(text + 5, utc.tm_mon + 1);
    put_two_digits(text + 8, utc.tm_mday);
    put_two_digits(text + 11, utc.tm_hour);
    put_two_digits(text + 14, utc.tm_min);
    put_two_digits(text + 17, utc.tm_sec);
    for (size_t at = 25; at >= 20; at--, micros /= 10)
        text[at] = (char)('0' + micros % 10);
    sbx_json_string(json, key, text);
}

void sbx_export_put_id(sbx_json *json, const char *key, const sbx_export *self, const char *part)
{
    const sbx_cell *idx = sbx_export_cell(self, SBX_FIELD_IDX);
    const sbx_cell *run = sbx_export_cell(self, SBX_FIELD_RUN);
    size_t length = run->text == NULL ? 0 : run->text_bytes;
    size_t most = sbx_text_plain_bytes(sbx_export_text(self, SBX_FIELD_RUN), length);

    sbx_json_raw(json, key, "\"");
    sbx_text_add_bytes(json->out, sbx_export_text(self, SBX_FIELD_RUN), most < 26 ? most : 26);
    if (part[0] != '\0') {
        sbx_text_add_bytes(json->out, "-", 1);
        sbx_text_add(json->out, part);
    }
    if (!idx->is_null) {
        sbx_text_add_bytes(json->out, "-", 1);
        sbx_text_add_signed(json->out, idx->integer);
    }
    sbx_text_add_bytes(json->out, "\"", 1);
}

bool sbx_export_split_address(sbx_export_address *out, const char *target)
{
    const char *space = strchr(target, ' '), *colon = strrchr(target, ':');
    const char *host = space == NULL ? NULL : space + 1;
    size_t protocol = space == NULL ? 0 : (size_t)(space - target);
    size_t length;

    if (space == NULL || colon == NULL || colon < host || protocol >= sizeof(out->protocol) ||
        colon[1] == '\0')
        return false;
    out->port = 0;
    for (const char *at = colon + 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || out->port > 65535)
            return false;
        out->port = out->port * 10 + (uint32_t)(*at - '0');
    }
    length = (size_t)(colon - host);
    if (length >= 2 && host[0] == '[' && colon[-1] == ']') {
        host++;
        length -= 2;
    }
    if (out->port > 65535 || length == 0 || length >= sizeof(out->host))
        return false;
    memcpy(out->protocol, target, protocol);
    out->protocol[protocol] = '\0';
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    return true;
}

const char *sbx_export_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}
