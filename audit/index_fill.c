/* Filling the index, some thousand runs at a time, each step one transaction; see index.h. */
#include <string.h>

#include "audit/index_parts.h"
#include "audit/store_parts.h"

enum { INDEX_VERSION = 1, INDEX_APPLICATION_ID = 0x73627869 /* "sbxi" */ };
/* Many: each step touches nearly every page of the index once, whatever it adds. Sorting is done in files. */
enum { RUNS_AT_ONCE = 200000, EVENTS_AT_ONCE = 600000 };

/* Bytes 18 and 19 of the header: 2 and 2 say that the journal is a WAL. */
enum { WRITE_VERSION_AT = 18, READ_VERSION_AT = 19, VERSION_WAL = 2 };

/*
 * state     whose index it is, and up to where: all runs that had ended at event `seq` (whose hash
 *           says that the ledger is still the same one), but for those with a number from built_run on
 *           to build_to, while it is being made.
 * indexed   the runs that are in it.
 * lost      the runs that had no end when they were looked at: they may still get one.
 * name      each value that can be asked for, in how many runs, how often in all, and when last.
 * posting   the runs of a name.
 * measure   the runs in the order of what they used.
 * daily     sums over the runs that started on a day (UTC).
 */
static const char schema[] =
    "PRAGMA application_id = 1935833193; PRAGMA user_version = 1;"
    "CREATE TABLE state(database_id TEXT, first_seq INTEGER, prunes INTEGER, seq INTEGER, "
    "hash BLOB, built_run INTEGER, build_to INTEGER) STRICT;"
    "CREATE TABLE indexed(run INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE lost(run INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE name(kind INTEGER, value ANY, id INTEGER NOT NULL, runs INTEGER NOT NULL, "
    "count INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY(kind, value)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE TABLE posting(name INTEGER, run INTEGER, PRIMARY KEY(name, run)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE measure(kind INTEGER, value INTEGER, run INTEGER, PRIMARY KEY(kind, value, run)) "
    "STRICT, WITHOUT ROWID;"
    "CREATE TABLE daily(day INTEGER, status TEXT, reason TEXT, runs INTEGER, wall_ns INTEGER, "
    "cpu_ns INTEGER, memory_peak_bytes INTEGER, denied INTEGER, leaked INTEGER, "
    "PRIMARY KEY(day, status, reason)) STRICT, WITHOUT ROWID;";

_Static_assert(INDEX_APPLICATION_ID == 1935833193, "the number in the schema");

int sbx_index_new_image(unsigned char **out, size_t *out_bytes)
{
    sqlite3 *db = NULL;
    sqlite3_int64 bytes = 0;
    int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    *out = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        *out = sqlite3_serialize(db, "main", &bytes, 0);
        rc = *out == NULL ? SQLITE_NOMEM : SQLITE_OK;
    }
    if (rc == SQLITE_OK) {
        (*out)[WRITE_VERSION_AT] = VERSION_WAL;
        (*out)[READ_VERSION_AT] = VERSION_WAL;
        *out_bytes = (size_t)bytes;
    }
    sqlite3_close(db);
    return rc;
}

/* One number; SQL's null, and no row, are otherwise. */
static int read_number(int64_t *out, sqlite3 *db, const char *sql, int64_t otherwise)
{
    sqlite3_stmt *select = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &select, NULL);

    *out = otherwise;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(select);
    if (rc == SQLITE_ROW && sqlite3_column_type(select, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* "file:" and the path with what means something in a URI written as %XX. */
static void add_uri(sbx_text *out, const char *path)
{
    sbx_text_add(out, "file:");
    for (; *path != '\0'; path++)
        if (strchr("%?#", *path) != NULL)
            sbx_text_add_format(out, "%%%02X", (unsigned char)*path);
        else
            sbx_text_add_bytes(out, path, 1);
    sbx_text_add(out, "?mode=ro");
}

static int attach_log(sqlite3 *db, const char *path)
{
    sqlite3_stmt *attach = NULL;
    sbx_text uri = {0};
    int rc;

    add_uri(&uri, path);
    rc = uri.failed ? SQLITE_NOMEM : sqlite3_prepare_v2(db, "ATTACH ? AS log", -1, &attach, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(attach, 1, sbx_text_string(&uri), -1, SQLITE_STATIC);
        rc = sqlite3_step(attach);
    }
    sqlite3_finalize(attach);
    sbx_text_done(&uri);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sbx_index_open(sqlite3 **out, const char *index_path, const char *log_path)
{
    enum { WAIT_MS = 10000 };
    static const char set_up[] =
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000; "
        "PRAGMA log.cache_size = -16000; PRAGMA wal_autocheckpoint = 8000;"
        "CREATE TEMP TABLE pending(run INTEGER PRIMARY KEY);"
        "CREATE TEMP TABLE fact(kind INTEGER, value, run INTEGER, count INTEGER, last_us INTEGER);";
    int64_t version = 0, id = 0;
    int rc = sqlite3_open_v2(index_path, out,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
                             sbx_store_vfs());

    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_busy_timeout(*out, WAIT_MS);
    (void)sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    rc = read_number(&version, *out, "PRAGMA main.user_version", 0);
    if (rc == SQLITE_OK)
        rc = read_number(&id, *out, "PRAGMA main.application_id", 0);
    if (rc == SQLITE_OK && (version != INDEX_VERSION || id != INDEX_APPLICATION_ID))
        return SQLITE_SCHEMA;
    if (rc == SQLITE_OK)
        rc = attach_log(*out, log_path);
    if (rc == SQLITE_OK) /* all tables are there, or it is of no use */
        rc = sqlite3_exec(*out,
                          "SELECT 1 FROM main.state, main.indexed, main.lost, main.name, "
                          "main.posting, main.measure, main.daily LIMIT 0",
                          NULL, NULL, NULL);
    /* What a step reads several times stays in memory; the WAL is cut seldom. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*out, set_up, NULL, NULL, NULL);
    return rc;
}

/* Nothing was built yet: from the first run on to the last that there is now. */
static const char begin_building[] =
    "INSERT INTO main.state SELECT (SELECT value FROM log.meta WHERE key = 'database_id'), "
    "(SELECT min(seq) FROM log.event), ?1, seq, hash, "
    "(SELECT coalesce(min(id), 1) - 1 FROM log.run), (SELECT coalesce(max(id), 0) FROM log.run) "
    "FROM log.event ORDER BY seq DESC LIMIT 1";

/* Whose index it is, and whether the ledger still is what it was. */
static const char is_same_log[] =
    "SELECT database_id = (SELECT value FROM log.meta WHERE key = 'database_id') AND "
    "first_seq = (SELECT min(seq) FROM log.event) AND prunes = ?1 AND "
    "hash = (SELECT hash FROM log.event AS last WHERE last.seq = state.seq) FROM main.state";

static int check_state(bool *out_is_new, sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t prunes = 0;
    int rc;

    *out_is_new = false;
    if (sqlite3_table_column_metadata(db, "log", "seal", "kind", NULL, NULL, NULL, NULL, NULL) ==
        SQLITE_OK)
        rc = read_number(&prunes, db, "SELECT max(id) FROM log.seal WHERE kind = 'prune'", 0);
    else
        rc = SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, is_same_log, -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(stmt, 1, prunes);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        rc = sqlite3_column_int(stmt, 0) == 1 ? SQLITE_OK : SQLITE_SCHEMA;
    else if (rc == SQLITE_DONE)
        *out_is_new = true;
    sqlite3_finalize(stmt);
    if (rc != SQLITE_DONE)
        return rc;
    rc = sqlite3_prepare_v2(db, begin_building, -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(stmt, 1, prunes);
    rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

#define ENDED "status NOT IN('running', 'lost') AND id NOT IN(SELECT run FROM main.indexed)"

/* Which runs this step takes in, and what the state is then. */
static const char take_built[] =
    "DELETE FROM temp.pending; DELETE FROM temp.fact;"
    "INSERT INTO temp.pending SELECT id FROM main.state CROSS JOIN log.run WHERE id > built_run "
    "AND "
    "id <= min(built_run + 200000, build_to) AND " ENDED ";"
    "INSERT OR IGNORE INTO main.lost SELECT id FROM main.state CROSS JOIN log.run WHERE id > "
    "built_run AND "
    "id <= min(built_run + 200000, build_to) AND status = 'lost';"
    "UPDATE main.state SET built_run = min(built_run + 200000, build_to);";
static const char take_events[] =
    "DELETE FROM temp.pending; DELETE FROM temp.fact;"
    "INSERT INTO temp.pending SELECT id FROM log.run WHERE id IN(SELECT event.run FROM main.state "
    "CROSS "
    "JOIN log.event AS event WHERE event.seq > state.seq AND event.seq <= state.seq + 600000 AND "
    "event.kind IN('run.end', 'run.refused')) AND " ENDED ";"
    "INSERT OR IGNORE INTO main.lost SELECT event.run FROM main.state CROSS JOIN log.event AS "
    "event WHERE "
    "event.seq > state.seq AND event.seq <= state.seq + 600000 AND event.kind = 'run.lost' AND "
    "event.run NOT IN(SELECT run FROM main.indexed);"
    "UPDATE main.state SET (seq, hash) = (SELECT seq, hash FROM log.event AS event WHERE event.seq "
    "<= state.seq + 600000 ORDER BY event.seq DESC LIMIT 1);";

_Static_assert(RUNS_AT_ONCE == 200000 && EVENTS_AT_ONCE == 600000, "the numbers in the statements");

/* kind, value, run, count, last_us. */
static const char find_facts[] =
    "INSERT INTO temp.fact SELECT 1, target, denial.run, sum(count), max(last_us) FROM "
    "temp.pending "
    "CROSS JOIN log.denial ON denial.run = pending.run GROUP BY denial.run, target;"
    "INSERT INTO temp.fact SELECT 2, coalesce(exe, ''), denial.run, sum(count), max(last_us) FROM "
    "temp.pending CROSS JOIN log.denial ON denial.run = pending.run GROUP BY denial.run, exe;"
    "INSERT INTO temp.fact SELECT 3, rule, denial.run, sum(count), max(last_us) FROM temp.pending "
    "CROSS JOIN log.denial ON denial.run = pending.run GROUP BY denial.run, rule;"
    "INSERT INTO temp.fact SELECT 4, exe, process.run, count(*), max(start_us) FROM temp.pending "
    "CROSS JOIN log.process ON process.run = pending.run WHERE exe IS NOT NULL "
    "GROUP BY process.run, exe;"
    "INSERT INTO temp.fact SELECT column1, column2, id, 1, started_us FROM (SELECT 5 AS column1, "
    "status AS column2, id, started_us FROM temp.pending CROSS JOIN log.run ON run.id = "
    "pending.run "
    "WHERE status <> 'ok' UNION ALL SELECT 6, reason, id, started_us FROM temp.pending CROSS JOIN "
    "log.run ON run.id = pending.run WHERE reason <> '' UNION ALL SELECT 7, caller_uid, id, "
    "started_us FROM temp.pending CROSS JOIN log.run ON run.id = pending.run UNION ALL SELECT 8, "
    "session, id, started_us FROM temp.pending CROSS JOIN log.run ON run.id = pending.run WHERE "
    "session "
    "IS NOT NULL UNION ALL SELECT 9, agent, id, started_us FROM temp.pending CROSS JOIN log.run ON "
    "run.id = pending.run WHERE agent IS NOT NULL UNION ALL SELECT 10, batch, id, started_us FROM "
    "temp.pending CROSS JOIN log.run ON run.id = pending.run WHERE batch IS NOT NULL);"
    "INSERT INTO temp.fact SELECT 11, label.key || '=' || label.value, run.id, 1, run.started_us "
    "FROM "
    "temp.pending CROSS JOIN log.run ON run.id = pending.run CROSS JOIN json_each(run.labels) AS "
    "label "
    "WHERE run.labels IS NOT NULL;";

/* Rules are counted, but nobody asks for the runs of one. */
static const char put_facts[] =
    "INSERT INTO main.name SELECT kind, value, (SELECT coalesce(max(id), 0) FROM main.name) + "
    "row_number() OVER(), count(*), sum(count), max(last_us) FROM temp.fact GROUP BY kind, value "
    "ON CONFLICT(kind, value) DO UPDATE SET runs = runs + excluded.runs, count = count + "
    "excluded.count, last_us = max(last_us, excluded.last_us);"
    "INSERT INTO main.posting SELECT name.id, fact.run FROM temp.fact AS fact CROSS JOIN main.name "
    "ON name.kind = fact.kind AND name.value = fact.value WHERE fact.kind <> 3 ORDER BY 1, 2;"
    "INSERT INTO main.measure SELECT * FROM (SELECT 1 AS kind, memory_peak_bytes AS value, id FROM "
    "temp.pending CROSS JOIN log.run ON run.id = pending.run UNION ALL SELECT 2, user_ns + "
    "system_ns, id "
    "FROM temp.pending CROSS JOIN log.run ON run.id = pending.run UNION ALL SELECT 3, wall_ns, id "
    "FROM "
    "temp.pending CROSS JOIN log.run ON run.id = pending.run UNION ALL SELECT 4, "
    "nullif(denied_total, "
    "0), id FROM temp.pending CROSS JOIN log.run ON run.id = pending.run UNION ALL SELECT 5, "
    "memory_peak_bytes * 1000 / limit_memory_bytes, id FROM temp.pending CROSS JOIN log.run ON "
    "run.id "
    "= pending.run WHERE limit_memory_bytes > 0) WHERE value IS NOT NULL ORDER BY 1, 2, 3;"
    "INSERT INTO main.daily SELECT started_us / 86400000000, status, coalesce(reason, ''), "
    "count(*), coalesce(sum(wall_ns), 0), coalesce(sum(user_ns + system_ns), 0), "
    "coalesce(max(memory_peak_bytes), 0), coalesce(sum(denied_total), 0), "
    "coalesce(sum(leaked_procs), 0) FROM temp.pending CROSS JOIN log.run ON run.id = pending.run "
    "GROUP BY 1, 2, 3 ON CONFLICT(day, status, reason) DO UPDATE SET runs = runs + excluded.runs, "
    "wall_ns = wall_ns + excluded.wall_ns, cpu_ns = cpu_ns + excluded.cpu_ns, memory_peak_bytes = "
    "max(memory_peak_bytes, excluded.memory_peak_bytes), denied = denied + excluded.denied, "
    "leaked = leaked + excluded.leaked;"
    "DELETE FROM main.lost WHERE run IN(SELECT run FROM temp.pending);"
    "INSERT INTO main.indexed SELECT run FROM temp.pending;";

static int do_step(bool *out_is_current, uint64_t *out_done, uint64_t *out_all, sqlite3 *db)
{
    int64_t is_building = 0, is_behind = 0, done = 0, all = 0;
    bool is_new = false;
    int rc = check_state(&is_new, db);

    *out_is_current = false;
    if (rc == SQLITE_OK)
        rc = read_number(&is_building, db, "SELECT built_run < build_to FROM main.state", 0);
    if (rc == SQLITE_OK)
        rc = read_number(
            &is_behind, db,
            "SELECT seq < (SELECT max(event.seq) FROM log.event AS event) FROM main.state", 0);
    if (rc == SQLITE_OK && !is_building && !is_behind) {
        *out_is_current = true;
        return SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, is_building ? take_built : take_events, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, find_facts, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, put_facts, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = read_number(&done, db, "SELECT built_run FROM main.state", 0);
    if (rc == SQLITE_OK)
        rc = read_number(&all, db, "SELECT build_to FROM main.state", 0);
    *out_done = (uint64_t)done;
    *out_all = (uint64_t)all;
    return rc;
}

/* Most often there is nothing to do, and nobody need wait for a lock to see that. */
static int is_current(bool *out, sqlite3 *db)
{
    int64_t rows = 0;
    bool is_new = false;
    int64_t current = 0;
    int rc = read_number(&rows, db, "SELECT count(*) FROM main.state", 0);

    *out = false;
    if (rc != SQLITE_OK || rows == 0)
        return rc;
    rc = check_state(&is_new, db);
    if (rc == SQLITE_OK)
        rc = read_number(&current, db,
                         "SELECT built_run >= build_to AND seq = (SELECT max(event.seq) FROM "
                         "log.event AS event) FROM main.state",
                         0);
    *out = current == 1;
    return rc;
}

int sbx_index_step(bool *out_is_current, uint64_t *out_done, uint64_t *out_all, sqlite3 *db)
{
    int rc = is_current(out_is_current, db);

    *out_done = *out_all = 0;
    if (rc != SQLITE_OK || *out_is_current)
        return rc;
    rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = do_step(out_is_current, out_done, out_all, db);
    return rc == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : rc;
}
