/* What the tests of the audit database share: a directory of their own, runs to record, rows to
 * read. */
#ifndef SBX_TESTS_UNIT_STORE_FIXTURE_H
#define SBX_TESTS_UNIT_STORE_FIXTURE_H

#include "tests/support/test.h"

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/store.h"
#include "harness/base/clock.h"
#include "harness/base/sha256.h"

typedef struct fixture {
    char directory[256];
    char path[300]; /* the database, not made yet */
} fixture;

static inline int fixture_setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    const char *parent = getenv("TMPDIR");

    if (self == NULL)
        return -1;
    snprintf(self->directory, sizeof(self->directory), "%s/sbx-store-XXXXXX",
             parent != NULL ? parent : "/tmp");
    if (mkdtemp(self->directory) == NULL)
        return -1;
    snprintf(self->path, sizeof(self->path), "%s/audit.db", self->directory);
    *state = self;
    return 0;
}

static inline void fixture_remove(const char *directory)
{
    DIR *opened = opendir(directory);
    struct dirent *each;
    char path[600];

    while (opened != NULL && (each = readdir(opened)) != NULL) {
        if (strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", directory, each->d_name) < (int)sizeof(path) &&
            unlink(path) != 0)
            fixture_remove(path);
    }
    if (opened != NULL)
        closedir(opened);
    (void)rmdir(directory);
}

static inline int fixture_teardown(void **state)
{
    fixture *self = *state;

    fixture_remove(self->directory);
    free(self);
    return 0;
}

static inline sbx_store *fixture_open_with(const fixture *self, sbx_store_options options)
{
    sbx_store *store = NULL;
    sbx_error err = {0};

    if (sbx_store_open(&store, self->path, &options, &err) != SBX_OK)
        fail_msg("open: %s", err.message);
    return store;
}

static inline sbx_store *fixture_open(const fixture *self)
{
    return fixture_open_with(self, (sbx_store_options){.busy_ns = 60 * SBX_NS_PER_S});
}

static inline sbx_store *fixture_open_to_read(const fixture *self)
{
    return fixture_open_with(self,
                             (sbx_store_options){.busy_ns = 60 * SBX_NS_PER_S, .read_only = true});
}

/* A run that is complete but for its id. */
typedef struct fixture_run {
    char id[SBX_RUN_ID_BYTES];
    int64_t row;
    sbx_limits limits;
    sbx_store_start start;
    sbx_store_end end;
} fixture_run;

static inline void fixture_describe(fixture_run *out)
{
    static const char *const argv[] = {"make", "test", NULL};
    static const char *const env[] = {"HOME=/secret-home", "PATH=/bin", NULL};
    uint64_t now_us = sbx_clock_utc_us();

    memset(out, 0, sizeof(*out));
    assert_int_equal(sbx_run_id_make(out->id, NULL), SBX_OK);
    sbx_limits_init(&out->limits);
    out->limits.value[SBX_LIMIT_MEMORY] = 1 << 30;
    out->start = (sbx_store_start){
        .run_id = out->id,
        .argv = argv,
        .cwd = "/project",
        .env = env,
        .policy_name = "workspace",
        .policy_json = "{\"version\":1}",
        .network = "none",
        .identity = "sandbox",
        .backend = "namespaces",
        .enforcement = "full",
        .missing = "",
        .walls = "landlock,seccomp",
        .caller_uid = 1000,
        .target_uid = 64000,
        .limits = &out->limits,
        .started_us = now_us,
    };
    out->end = (sbx_store_end){
        .status = "ok",
        .reason = "",
        .has_command_exit = true,
        .ended_us = now_us + 5000,
        .wall_ns = 5000000,
        .output_bytes = SBX_UNLIMITED,
        .audit_sources = "seccomp",
        .audit_complete = -1,
        .limits_hit = "",
    };
    sbx_usage_init(&out->end.usage);
    out->end.usage.memory_peak_bytes = 4096;
    out->end.enforcers[SBX_LIMIT_MEMORY] = SBX_ENFORCER_CGROUP2;
}

static inline void fixture_start(fixture_run *run, sbx_store *store)
{
    sbx_error err = {0};

    if (sbx_store_run_start(&run->row, store, &run->start, &err) != SBX_OK)
        fail_msg("start: %s", err.message);
    assert_true(run->row > 0);
}

static inline void fixture_end(fixture_run *run, sbx_store *store, const sbx_store_batch *batch)
{
    sbx_error err = {0};

    if (sbx_store_run_end(store, run->row, &run->end, batch, &err) != SBX_OK)
        fail_msg("end: %s", err.message);
}

static inline void fixture_deny(sbx_denials *set, const char *target)
{
    const sbx_denial denial = {.kind = SBX_DENIAL_FILE,
                               .op = "write",
                               .target = target,
                               .target_bytes = strlen(target),
                               .pid = 9,
                               .exe = "/bin/sh",
                               .error = 13,
                               .rule = "no writable root",
                               .source = SBX_SOURCE_SECCOMP,
                               .confidence = SBX_CONFIDENCE_OBSERVED,
                               .first_us = 10,
                               .last_us = 10,
                               .count = 1};

    sbx_denials_add(set, &denial);
}

/* One value out of the database, through a connection of its own; NULL for SQL's null. Caller
 * frees. */
static inline char *fixture_read(const fixture *self, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    char *value = NULL;

    assert_int_equal(sqlite3_open_v2(self->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 60000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(select) != SQLITE_ROW)
        fail_msg("%s: no row: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_column_type(select, 0) != SQLITE_NULL)
        value = strdup((const char *)sqlite3_column_text(select, 0));
    sqlite3_finalize(select);
    sqlite3_close(db);
    return value;
}

static inline void fixture_expect(const fixture *self, const char *sql, const char *wanted)
{
    char *value = fixture_read(self, sql);

    if ((value == NULL) != (wanted == NULL) ||
        (value != NULL && wanted != NULL && strcmp(value, wanted) != 0))
        fail_msg("%s\n  is     %s\n  wanted %s", sql, value == NULL ? "null" : value,
                 wanted == NULL ? "null" : wanted);
    free(value);
}

/* The expected hash of a ledger row, written down a second time: from the document, not from
 * ledger.c. */
static inline void fixture_hash(uint8_t out[32], sqlite3_int64 seq, const void *prev,
                                const char *body, size_t body_bytes)
{
    uint8_t number[8] = {(uint8_t)(seq >> 56), (uint8_t)(seq >> 48), (uint8_t)(seq >> 40),
                         (uint8_t)(seq >> 32), (uint8_t)(seq >> 24), (uint8_t)(seq >> 16),
                         (uint8_t)(seq >> 8),  (uint8_t)seq};

    sbx_sha256(out, (const sbx_bytes[]){{"sbx1", 4}, {number, 8}, {prev, 32}, {body, body_bytes}},
               4);
}

/*
 * The number of ledger rows if the whole chain holds, else minus the first row that does not:
 * numbers without a gap, each prev_hash the hash before, each hash right, kind, us and run as the
 * body says.
 */
static inline sqlite3_int64 fixture_verify(const fixture *self)
{
    static const uint8_t zeros[32];
    uint8_t prev[32], hash[32];
    sqlite3_int64 count = 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;

    memcpy(prev, zeros, sizeof(prev));
    assert_int_equal(sqlite3_open_v2(self->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(
            db,
            "SELECT seq, prev_hash, hash, body, body->>'kind' = kind AND body->>'us' = us AND "
            "coalesce(body->>'run' = (SELECT run_id FROM run WHERE id = event.run), "
            "run IS NULL) FROM event ORDER BY seq",
            -1, &select, NULL),
        SQLITE_OK);
    while (sqlite3_step(select) == SQLITE_ROW) {
        count++;
        fixture_hash(hash, count, prev, (const char *)sqlite3_column_text(select, 3),
                     (size_t)sqlite3_column_bytes(select, 3));
        if (sqlite3_column_int64(select, 0) != count || sqlite3_column_bytes(select, 1) != 32 ||
            sqlite3_column_bytes(select, 2) != 32 ||
            memcmp(sqlite3_column_blob(select, 1), prev, 32) != 0 ||
            memcmp(sqlite3_column_blob(select, 2), hash, 32) != 0 ||
            !sqlite3_column_int(select, 4)) {
            count = -count;
            break;
        }
        memcpy(prev, hash, sizeof(prev));
    }
    sqlite3_finalize(select);
    sqlite3_close(db);
    return count;
}

#endif
