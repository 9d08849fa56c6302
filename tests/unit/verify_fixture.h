/* What the tests of verification share: a database with something of everything, a hand that changes
 * it, and what was found. */
#ifndef SBX_TESTS_UNIT_VERIFY_FIXTURE_H
#define SBX_TESTS_UNIT_VERIFY_FIXTURE_H

#include "tests/unit/store_fixture.h"

#include <stdarg.h>

#include "audit/seal.h"
#include "audit/verify.h"
#include "harness/base/text.h"

enum { MOST = 64 };

typedef struct found {
    size_t count;
    sbx_finding_kind kind[MOST];
    char table[MOST][16], message[MOST][300], run_id[MOST][27];
    uint64_t seq[MOST];
    sbx_verify_result result;
} found;

static inline void note(void *context, const sbx_finding *finding)
{
    found *self = context;

    if (self->count < MOST) {
        self->kind[self->count] = finding->kind;
        self->seq[self->count] = finding->seq;
        snprintf(self->table[self->count], sizeof(self->table[0]), "%s", finding->table);
        snprintf(self->run_id[self->count], sizeof(self->run_id[0]), "%s", finding->run_id);
        snprintf(self->message[self->count], sizeof(self->message[0]), "%s", finding->message);
    }
    self->count++;
}

static inline void verify_with(found *out, const fixture *self, sbx_verify_options options)
{
    const sbx_store_options how = {.read_only = true, .is_copy = true, .busy_ns = SBX_NS_PER_S};
    sbx_store *store = fixture_open_with(self, how);
    sbx_error err = {0};

    memset(out, 0, sizeof(*out));
    options.report = note;
    options.context = out;
    if (sbx_verify(&out->result, store, &options, &err) != SBX_OK)
        fail_msg("%s", err.message);
    sbx_store_close(store);
}

static inline void verify(found *out, const fixture *self)
{
    verify_with(out, self, (sbx_verify_options){0});
}

static inline void expect_nothing(const found *is)
{
    for (size_t i = 0; i < is->count && i < MOST; i++)
        print_error("%s: %s\n", sbx_finding_word(is->kind[i]), is->message[i]);
    assert_int_equal(is->count, 0);
    assert_int_equal(is->result.wrong_count, 0);
}

/* That kind, about that event (0: any). */
static inline void expect(const found *is, sbx_finding_kind kind, uint64_t seq)
{
    for (size_t i = 0; i < is->count && i < MOST; i++)
        if (is->kind[i] == kind && (seq == 0 || is->seq[i] == seq))
            return;
    for (size_t i = 0; i < is->count && i < MOST; i++)
        print_error("%s %llu: %s\n", sbx_finding_word(is->kind[i]), (unsigned long long)is->seq[i],
                    is->message[i]);
    fail_msg("no finding %s of event %llu", sbx_finding_word(kind), (unsigned long long)seq);
}

/* As somebody who has the file, and any SQLite. */
static inline void tamper(const fixture *self, const char *format, ...)
{
    char sql[2000];
    sqlite3 *db = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    assert_int_equal(sqlite3_exec(db,
                                  "DROP TRIGGER IF EXISTS event_no_update; DROP TRIGGER IF "
                                  "EXISTS event_no_delete",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static inline sbx_process_record a_process(uint64_t row, uint64_t end_us)
{
    return (sbx_process_record){.pid = 70,
                                .parent_pid = 60,
                                .start_us = 5,
                                .end_us = end_us,
                                .exe = row == 0 ? "/bin/sh" : "/bin/\xff",
                                .argv_json = "[\"sh\",\"-c\"]",
                                .has_exit = end_us != 0,
                                .exit_code = -9,
                                .row = row};
}

/* For tables that cannot hold what version 3 has. */
static bool has_no_samples;

/* A run with everything: names that are not UTF-8, quotes, denials and processes that are updated. */
static inline void put_rich_run(sbx_store *store)
{
    sbx_denials *set = sbx_denials_create();
    const sbx_process_record begun[] = {a_process(0, 0), a_process(1, 0)};
    const sbx_process_record ended[] = {a_process(1, 9)};
    sbx_store_batch first = {.processes = begun, .process_count = 2, .denials = set};
    const sbx_store_batch second = {.processes = ended, .process_count = 1, .denials = set};
    sbx_samples samples;
    fixture_run run;

    fixture_describe(&run);
    run.start.argv = (const char *const[]){"ma\"ke\n", "\xc3\xa4", "\xff", NULL};
    run.start.cwd = "/project/\xfe";
    run.start.session = "s\t1\\";
    run.start.agent = "a";
    run.start.labels = (const char *const[]){"a=1", "b=\"", NULL};
    run.start.leases = (const char *const[]){"/x/lease", NULL};
    for (int i = 0; i < SBX_LIMIT_COUNT; i++)
        run.limits.value[i] = 1000 + (uint64_t)i;
    fixture_start(&run, store);
    fixture_deny(set, "/etc/pass\x01wd");
    fixture_deny(set, "/etc/\xff");
    assert_int_equal(sbx_store_run_append(store, run.row, &first, NULL), SBX_OK);
    fixture_deny(set, "/etc/\xff");
    fixture_deny(set, "/third");
    run.end.message = "m\"";
    run.end.signal = 9;
    run.end.audit_complete = 1;
    run.end.output_bytes = 5;
    run.end.usage = (sbx_usage){.user_ns = 1,
                                .system_ns = 2,
                                .memory_peak_bytes = 3,
                                .processes_peak_count = 4,
                                .io_read_bytes = 5,
                                .io_write_bytes = 6};
    run.end.denied_total = 4;
    sbx_samples_init(&samples);
    sbx_samples_add(&samples, &(sbx_sample){.at_ns = 100000000,
                                            .cpu_ns = SBX_UNLIMITED,
                                            .memory_bytes = 4096,
                                            .processes_count = 1});
    run.end.samples = has_no_samples ? NULL : &samples;
    fixture_end(&run, store, &second);
    sbx_denials_free(set);
}

/* Two policies, a run with everything, plain ones, a refusal, one that was lost, one that goes on. */
static inline void fill(const fixture *self)
{
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    sqlite3 *db = NULL;
    fixture_run run;

    put_rich_run(store);
    fixture_describe(&run);
    run.start.policy_json = "{\"version\":1,\"other\":true}";
    run.start.policy_name = "other";
    fixture_start(&run, store);
    fixture_end(&run, store, NULL);
    fixture_describe(&run);
    run.end.status = "refused";
    run.end.reason = "plan";
    run.end.has_command_exit = false;
    assert_int_equal(sbx_store_run_refused(store, &run.start, &run.end, NULL), SBX_OK);
    fixture_describe(&run); /* will be lost */
    fixture_start(&run, store);
    fixture_deny(set, "/of/the/lost/one");
    assert_int_equal(sbx_store_run_append(store, run.row, &batch, NULL), SBX_OK);
    tamper(self, "UPDATE run SET supervisor_boot = 'another boot' WHERE id = %lld",
           (long long)run.row);
    sbx_store_close(store);
    store = fixture_open(self); /* finds it */
    tamper(self,
           "UPDATE run SET supervisor_boot = (SELECT body->'supervisor'->>'boot' FROM event WHERE "
           "kind = 'run.start' AND event.run = %lld) WHERE id = %lld",
           (long long)run.row, (long long)run.row);
    fixture_describe(&run);
    fixture_start(&run, store); /* goes on */
    sbx_store_close(store);
    sbx_denials_free(set);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK); /* all of it into the one file */
    assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static inline void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t bytes;

    assert_non_null(in);
    assert_non_null(out);
    while ((bytes = fread(buffer, 1, sizeof(buffer), in)) > 0)
        assert_int_equal(fwrite(buffer, 1, bytes, out), bytes);
    fclose(in);
    fclose(out);
}

static inline void more_runs(const fixture *self)
{
    sbx_store *store = fixture_open(self);
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    fixture_end(&run, store, NULL);
    sbx_store_close(store);
}

#endif
