/* Reading the rows of a report; see report_data.h. */
#include "audit/report_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/report_strings.h"
#include "audit/samples_read.h"
#include "audit/store_parts.h"

/* How a column of runs is written: the page reads a lot of them at once. */
typedef enum column_form {
    AS_NUMBER, /* as it is */
    AS_MICROS, /* of nanoseconds: nobody looks at less */
    AS_STEP,   /* less than the one before: newest first, these are small numbers */
    AS_WORD,   /* a text that many runs have: its number among few */
    AS_STRING, /* any text: its number */
} column_form;

/* The columns of a run that the page knows, by the names that the queries give them. */
static const struct {
    const char *name;
    column_form form;
} run_columns[] = {
    {"started_us", AS_STEP},       {"status", AS_WORD},
    {"reason", AS_WORD},           {"exit_code", AS_NUMBER},
    {"signal", AS_NUMBER},         {"wall_ns", AS_MICROS},
    {"cpu_ns", AS_MICROS},         {"memory_peak_bytes", AS_NUMBER},
    {"processes_peak", AS_NUMBER}, {"io_read_bytes", AS_NUMBER},
    {"io_write_bytes", AS_NUMBER}, {"denied_total", AS_NUMBER},
    {"command", AS_STRING},        {"cwd", AS_WORD},
    {"labels", AS_STRING},         {"policy", AS_WORD},
    {"session", AS_STRING},        {"agent", AS_WORD},
    {"message", AS_STRING},        {"limit_memory_bytes", AS_NUMBER},
    {"limit_wall_ns", AS_MICROS},  {"limit_cpu_ns", AS_MICROS},
    {"limit_procs", AS_NUMBER},    {"limit_cpus_milli", AS_NUMBER},
    {"network", AS_WORD},          {"enforcement", AS_WORD},
    {"missing", AS_WORD},          {"hostname", AS_WORD},
};
enum { RUN_COLUMNS = SBX_COUNT_OF(run_columns) };

/* What denials have in common is one entry; who had them and how often is a list beside it. */
enum { ENTRY_CLASS, ENTRY_OP, ENTRY_EXE, ENTRY_RULE, ENTRY_TARGET, ENTRY_KEYS };
static const char *const entry_keys[ENTRY_KEYS] = {"class", "op", "exe", "rule", "target"};

/* A column as it will be written. While all values are the same there is only one. */
typedef struct column {
    sbx_text text;
    sbx_text first;
    size_t count;
    bool is_varied;
} column;

typedef struct collector {
    sbx_store *store;
    const sbx_report_request *request;
    sbx_report_strings words, strings;
    sbx_report_strings runs;    /* run ids: the number is the run's */
    sbx_report_strings entries; /* keys of denials: the number is the entry's */
    column run[RUN_COLUMNS];
    column entry[ENTRY_KEYS];
    int64_t *last_us; /* of each entry */
    size_t last_room;
    int64_t started_us;                   /* of the run before */
    column of_run;                        /* for each run, how many denials it has below */
    column denial_entry, denial_count;    /* one for each denial read */
    sbx_text sampled_run, sampled_points; /* which runs have points, and those; a list each */
    size_t points;
    size_t denials_read, runs_done, of_this_run;
    size_t last_denied; /* behind the oldest run that was denied something; 0: none was */
    uint64_t made_us;
    bool has_more_runs, has_more_denials, has_more_points;
    bool has_failed; /* no memory */
    sbx_error *err;
} collector;

static int find_column(const sbx_column *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

static void column_done(column *self)
{
    sbx_text_done(&self->text);
    sbx_text_done(&self->first);
}

/* value NULL: null */
static void put_value(column *self, const int64_t *value)
{
    sbx_text one = {0}, *out = self->is_varied    ? &self->text
                               : self->count == 0 ? &self->first
                                                  : &one;
    sbx_json json;

    if (self->is_varied)
        sbx_text_add_bytes(out, ",", 1);
    sbx_json_init(&json, out);
    if (value == NULL)
        sbx_json_null(&json, NULL);
    else
        sbx_json_signed(&json, NULL, *value);
    if (out == &one && strcmp(sbx_text_string(&one), sbx_text_string(&self->first)) != 0) {
        for (size_t i = 0; i < self->count; i++) {
            sbx_text_add(&self->text, i == 0 ? "" : ",");
            sbx_text_add(&self->text, sbx_text_string(&self->first));
        }
        sbx_text_add(&self->text, ",");
        sbx_text_add(&self->text, sbx_text_string(&one));
        self->is_varied = true;
    }
    self->count++;
    sbx_text_done(&one);
}

static void put_number(column *self, int64_t value)
{
    put_value(self, &value);
}

static void put_cell(column *out, collector *self, const sbx_cell *cell, column_form form)
{
    int64_t value = 0;

    if (cell == NULL || cell->is_null) {
        put_value(out, NULL);
        return;
    }
    if (cell->text != NULL)
        value = sbx_report_string_number(NULL, form == AS_WORD ? &self->words : &self->strings,
                                         cell->text, cell->text_bytes);
    else if (form == AS_MICROS)
        value = cell->integer / 1000;
    else if (form == AS_STEP)
        value = self->started_us - cell->integer;
    else
        value = cell->integer;
    if (form == AS_STEP)
        self->started_us = cell->integer;
    put_value(out, &value);
}

/* Written anew from its numbers: what stands in the database could be anything. */
static void take_samples(collector *self, const sbx_cell *cell)
{
    sbx_samples samples;
    sbx_json json;

    if (cell->is_null || cell->text == NULL ||
        !sbx_samples_read(&samples, cell->text, cell->text_bytes))
        return;
    if (self->points + samples.count > SBX_REPORT_POINTS) {
        self->has_more_points = true;
        return;
    }
    self->points += samples.count;
    sbx_text_add(&self->sampled_run, self->sampled_run.bytes == 0 ? "" : ",");
    sbx_text_add_unsigned(&self->sampled_run, self->runs.count - 1);
    sbx_text_add(&self->sampled_points, self->sampled_points.bytes == 0 ? "" : ",");
    sbx_json_init(&json, &self->sampled_points);
    sbx_samples_to_json(&json, NULL, &samples);
}

static sbx_status read_runs(collector *self)
{
    sbx_query_filter filter = self->request->filter;
    uint64_t limit = filter.limit == 0 ? UINT64_MAX : filter.limit;
    int index[RUN_COLUMNS], id_at, denied_at, samples_at;
    const sbx_cell *cells = NULL;
    const sbx_column *columns;
    sbx_query *query = NULL;
    size_t count = 0;
    sbx_status st;

    if (limit < UINT64_MAX)
        filter.limit = limit + 1; /* to know whether there are more */
    st = sbx_query_runs(&query, self->store, &filter, self->err);
    if (st != SBX_OK)
        return st;
    columns = sbx_query_columns(query, &count);
    id_at = find_column(columns, count, "run_id");
    denied_at = find_column(columns, count, "denied_total");
    samples_at = find_column(columns, count, "samples");
    for (size_t i = 0; i < RUN_COLUMNS; i++)
        index[i] = find_column(columns, count, run_columns[i].name);
    while ((st = sbx_query_next(query, &cells, self->err)) == SBX_OK && cells != NULL) {
        const sbx_cell *id = id_at < 0 ? NULL : &cells[id_at];

        if (self->runs.count >= limit) {
            self->has_more_runs = true;
            break;
        }
        if (id == NULL || id->is_null || id->text == NULL)
            continue;
        (void)sbx_report_string_number(NULL, &self->runs, id->text, id->text_bytes);
        if (denied_at < 0 || cells[denied_at].is_null || cells[denied_at].integer > 0)
            self->last_denied = self->runs.count;
        if (samples_at >= 0)
            take_samples(self, &cells[samples_at]);
        for (size_t i = 0; i < RUN_COLUMNS; i++)
            put_cell(&self->run[i], self, index[i] < 0 ? NULL : &cells[index[i]],
                     run_columns[i].form);
    }
    sbx_query_free(query);
    return st;
}

/* The entry of a denial: its texts' numbers are its key. */
static uint32_t find_entry(collector *self, const sbx_cell *const cells[ENTRY_KEYS])
{
    uint32_t key[ENTRY_KEYS], number;
    bool is_new = false;

    for (size_t i = 0; i < ENTRY_KEYS; i++)
        key[i] =
            cells[i] == NULL || cells[i]->is_null || cells[i]->text == NULL
                ? UINT32_MAX
                : sbx_report_string_number(NULL, i == ENTRY_TARGET ? &self->strings : &self->words,
                                           cells[i]->text, cells[i]->text_bytes);
    number = sbx_report_string_number(&is_new, &self->entries, key, sizeof(key));
    for (size_t i = 0; i < ENTRY_KEYS && is_new; i++)
        put_cell(&self->entry[i], self, cells[i], i == ENTRY_TARGET ? AS_STRING : AS_WORD);
    if (number >= self->last_room) {
        size_t room = self->last_room == 0 ? 1024 : self->last_room * 2;
        int64_t *grown = realloc(self->last_us, room * sizeof(*grown));

        if (grown == NULL) {
            self->has_failed = true;
            return 0;
        }
        memset(grown + self->last_room, 0, (room - self->last_room) * sizeof(*grown));
        self->last_us = grown;
        self->last_room = room;
    }
    return number;
}

/* The denials come in the order of the runs: how many each has says which are whose. */
static void end_runs_before(collector *self, size_t run)
{
    for (; self->runs_done < run; self->runs_done++) {
        put_number(&self->of_run, (int64_t)self->of_this_run);
        self->of_this_run = 0;
    }
}

typedef struct denial_columns {
    int keys[ENTRY_KEYS], run, count, last_us;
} denial_columns;

static void add_denial(collector *self, const sbx_cell *cells, const denial_columns *at,
                       uint32_t run)
{
    const sbx_cell *keys[ENTRY_KEYS];
    uint32_t entry;

    for (size_t i = 0; i < ENTRY_KEYS; i++)
        keys[i] = at->keys[i] < 0 ? NULL : &cells[at->keys[i]];
    entry = find_entry(self, keys);
    if (self->has_failed)
        return;
    if (at->last_us >= 0 && cells[at->last_us].integer > self->last_us[entry])
        self->last_us[entry] = cells[at->last_us].integer;
    end_runs_before(self, run);
    self->of_this_run++;
    put_number(&self->denial_entry, entry);
    put_number(&self->denial_count, at->count < 0 ? 1 : cells[at->count].integer);
}

/* That of the oldest run that has one was read: what comes behind it is of runs that are not in the report. */
static bool has_read_last(const collector *self)
{
    return self->last_denied == 0 ||
           (self->runs_done == self->last_denied - 1 && self->of_this_run > 0);
}

/* Of the runs that are in the report, newest first. Which those are is not told by their ids: of two that were
 * made in one moment either may be the greater. */
static sbx_status read_denials(collector *self)
{
    sbx_query_filter filter = self->request->filter;
    denial_columns at;
    const sbx_cell *cells = NULL;
    const sbx_column *columns;
    sbx_query *query = NULL;
    size_t count = 0, known = self->runs.count;
    sbx_status st;

    filter.limit = 0;
    st = sbx_query_denials(&query, self->store, &filter, self->err);
    if (st != SBX_OK)
        return st;
    columns = sbx_query_columns(query, &count);
    at.run = find_column(columns, count, "run_id");
    at.count = find_column(columns, count, "count");
    at.last_us = find_column(columns, count, "last_us");
    for (size_t i = 0; i < ENTRY_KEYS; i++)
        at.keys[i] = find_column(columns, count, entry_keys[i]);
    while ((st = sbx_query_next(query, &cells, self->err)) == SBX_OK && cells != NULL) {
        const sbx_cell *id = at.run < 0 ? NULL : &cells[at.run];
        uint32_t run;

        if (known == 0 || id == NULL || id->text == NULL)
            break;
        run = sbx_report_string_number(NULL, &self->runs, id->text, id->text_bytes);
        if (run != self->runs_done && has_read_last(self))
            break;
        if (run >= known || run < self->runs_done)
            continue; /* a run that began while this was read, or one that is not asked for */
        if (++self->denials_read > SBX_REPORT_DENIALS) {
            self->has_more_denials = true;
            break;
        }
        add_denial(self, cells, &at, run);
    }
    end_runs_before(self, known);
    sbx_query_free(query);
    return st;
}

/* An array, or the one value that all have. */
static void put_column(sbx_json *json, const char *name, const column *self)
{
    if (self->count == 0) {
        sbx_json_raw(json, name, "[]");
    } else if (!self->is_varied) {
        sbx_json_raw(json, name, sbx_text_string(&self->first));
    } else {
        sbx_json_open_array(json, name);
        sbx_text_add_bytes(json->out, sbx_text_string(&self->text), self->text.bytes);
        sbx_json_close_array(json);
    }
    json->out->failed = json->out->failed || self->text.failed || self->first.failed;
}

static void write_head(sbx_json *json, const collector *self)
{
    const sbx_report_request *request = self->request;

    sbx_json_unsigned(json, "version", 1);
    sbx_json_unsigned(json, "made_us", self->made_us);
    sbx_json_string(json, "made_by", SBX_VERSION);
    sbx_json_string(json, "database", self->store->path);
    sbx_json_string(json, "scope", request->scope);
    sbx_json_bool(json, "more_runs", self->has_more_runs);
    sbx_json_bool(json, "more_denials", self->has_more_denials);
    sbx_json_bool(json, "more_points", self->has_more_points);
    sbx_json_open_object(json, "chain");
    sbx_json_string(json, "state", request->chain_state);
    sbx_json_string(json, "text", request->chain_text);
    sbx_json_close_object(json);
}

static void write_runs(sbx_json *json, const collector *self, size_t run_count)
{
    sbx_json_open_object(json, "runs");
    sbx_json_open_array(json, "run");
    for (size_t i = 0; i < run_count; i++)
        sbx_json_bytes(json, NULL, self->runs.raw.data + self->runs.entries[i].start,
                       self->runs.entries[i].bytes);
    sbx_json_close_array(json);
    for (size_t i = 0; i < RUN_COLUMNS; i++)
        put_column(json, run_columns[i].name, &self->run[i]);
    put_column(json, "denials", &self->of_run);
    sbx_json_close_object(json);
}

/* Few runs have any: which, and the points of each. */
static void write_samples(sbx_json *json, const collector *self)
{
    sbx_json_open_object(json, "samples");
    sbx_json_open_array(json, "run");
    sbx_text_add_bytes(json->out, sbx_text_string(&self->sampled_run), self->sampled_run.bytes);
    sbx_json_close_array(json);
    sbx_json_open_array(json, "points");
    sbx_text_add_bytes(json->out, sbx_text_string(&self->sampled_points),
                       self->sampled_points.bytes);
    sbx_json_close_array(json);
    sbx_json_close_object(json);
    json->out->failed =
        json->out->failed || self->sampled_run.failed || self->sampled_points.failed;
}

static void write_entries(sbx_json *json, const collector *self)
{
    sbx_json_open_object(json, "entries");
    for (size_t i = 0; i < ENTRY_KEYS; i++)
        put_column(json, entry_keys[i], &self->entry[i]);
    sbx_json_open_array(json, "age_s"); /* before made_us */
    for (size_t i = 0; i < self->entries.count; i++)
        sbx_json_signed(json, NULL, ((int64_t)self->made_us - self->last_us[i]) / 1000000);
    sbx_json_close_array(json);
    sbx_json_close_object(json);
}

static void write_all(sbx_text *out, const collector *self, size_t run_count)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    write_head(&json, self);
    sbx_json_unsigned(&json, "run_count", run_count);
    sbx_json_unsigned(&json, "entry_count", self->entries.count);
    sbx_json_unsigned(&json, "denial_count", self->denial_entry.count);
    write_runs(&json, self, run_count);
    write_samples(&json, self);
    write_entries(&json, self);
    sbx_json_open_object(&json, "denials");
    put_column(&json, "entry", &self->denial_entry);
    put_column(&json, "count", &self->denial_count);
    sbx_json_close_object(&json);
    sbx_json_raw(&json, "words", "");
    sbx_report_strings_write(out, &self->words);
    sbx_json_raw(&json, "strings", "");
    sbx_report_strings_write(out, &self->strings);
    sbx_json_close_object(&json);
}

static void free_collector(collector *self)
{
    for (size_t i = 0; i < RUN_COLUMNS; i++)
        column_done(&self->run[i]);
    for (size_t i = 0; i < ENTRY_KEYS; i++)
        column_done(&self->entry[i]);
    column_done(&self->of_run);
    column_done(&self->denial_entry);
    column_done(&self->denial_count);
    sbx_report_strings_done(&self->words);
    sbx_report_strings_done(&self->strings);
    sbx_report_strings_done(&self->runs);
    sbx_report_strings_done(&self->entries);
    sbx_text_done(&self->sampled_run);
    sbx_text_done(&self->sampled_points);
    free(self->last_us);
    free(self);
}

sbx_status sbx_report_data(sbx_text *out, sbx_store *store, const sbx_report_request *request,
                           sbx_error *err)
{
    collector *self = calloc(1, sizeof(*self));
    size_t run_count;
    sbx_status st;

    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory for a report");
    self->store = store;
    self->request = request;
    self->err = err;
    self->made_us = sbx_clock_utc_us();
    st = read_runs(self);
    run_count = self->runs.count;
    if (st == SBX_OK)
        st = read_denials(self);
    /* Before it is written: lists of one length may have got different ones. */
    if (st == SBX_OK && (self->has_failed || self->runs.failed || self->entries.failed))
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory for a report");
    if (st == SBX_OK) {
        write_all(out, self, run_count);
        st = sbx_text_check(out, err);
    }
    free_collector(self);
    return st;
}
