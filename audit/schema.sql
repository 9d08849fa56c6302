-- The audit database, version 3. The only place where tables are made; docs/audit-schema.md explains
-- every column. A table, index, trigger or view that is new here comes into older databases by itself;
-- a changed table needs a step in migrate.c.
--
-- SQLite keeps the text of each statement and parses all of them again at every open, which is on the
-- way of every command that sbx starts: hence few objects, no comments inside them, no CHECKs.
-- Times are microseconds UTC (_us), durations nanoseconds (_ns), sizes bytes (_bytes).

-- First of all, or it is ignored: what a prune frees can be given back in small steps.
PRAGMA auto_vacuum = INCREMENTAL;

-- 'sbx1', so that file(1) and sbx tell this file from any other.
PRAGMA application_id = 0x73627831;
PRAGMA user_version = 3;

CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- One row per machine, system and sbx that ever wrote here; sha256 is over the other columns.
CREATE TABLE node(
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, hostname TEXT NOT NULL, os TEXT NOT NULL,
    os_version TEXT NOT NULL, machine_id TEXT NOT NULL, sbx_version TEXT NOT NULL, first_us INTEGER NOT NULL
) STRICT;

-- Each distinct resolved policy once.
CREATE TABLE policy(
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
    first_us INTEGER NOT NULL, UNIQUE(sha256, name)
) STRICT;

-- Rows are numbered in the order in which the runs started: newest first needs no index of its own.
CREATE TABLE run(
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE,
    started_us INTEGER NOT NULL, ended_us INTEGER,
    status TEXT NOT NULL, reason TEXT, message TEXT,
    exit_code INTEGER, command_exit_code INTEGER, signal INTEGER,
    wall_ns INTEGER, user_ns INTEGER, system_ns INTEGER,
    memory_peak_bytes INTEGER, processes_peak INTEGER, io_read_bytes INTEGER, io_write_bytes INTEGER,
    output_bytes INTEGER, output_truncated INTEGER, leaked_procs INTEGER,
    denied_total INTEGER, denied_lost INTEGER, processes_lost INTEGER,
    audit_sources TEXT, audit_complete INTEGER, limits_hit TEXT, enforcers TEXT,
    node INTEGER NOT NULL REFERENCES node, policy INTEGER NOT NULL REFERENCES policy,
    network TEXT NOT NULL, identity TEXT NOT NULL, backend TEXT NOT NULL,
    enforcement TEXT NOT NULL, missing TEXT NOT NULL, walls TEXT NOT NULL,
    session TEXT, agent TEXT, labels TEXT, caller_uid INTEGER NOT NULL, target_uid INTEGER NOT NULL,
    limit_memory_bytes INTEGER, limit_swap_bytes INTEGER, limit_cpus_milli INTEGER, limit_cpu_ns INTEGER,
    limit_wall_ns INTEGER, limit_idle_ns INTEGER, limit_procs INTEGER, limit_fsize_bytes INTEGER,
    limit_files INTEGER, limit_output_bytes INTEGER, grace_ns INTEGER NOT NULL,
    supervisor_pid INTEGER NOT NULL, supervisor_start INTEGER NOT NULL, supervisor_boot TEXT NOT NULL,
    supervisor_pidns INTEGER NOT NULL,
    cwd ANY NOT NULL, argv TEXT NOT NULL, argv_hex TEXT, env_names TEXT NOT NULL, leases TEXT,
    batch TEXT, task TEXT, attempt INTEGER, samples TEXT
) STRICT;

-- For the one question of every open: which runs have not ended?
CREATE INDEX run_running ON run(started_us) WHERE status = 'running';

CREATE TABLE process(
    run INTEGER NOT NULL REFERENCES run, idx INTEGER NOT NULL,
    pid INTEGER NOT NULL, parent_pid INTEGER NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER,
    exe ANY, argv TEXT, exit_code INTEGER, PRIMARY KEY(run, idx)
) STRICT, WITHOUT ROWID;

-- A path that is not UTF-8 is a BLOB, every other one TEXT.
CREATE TABLE denial(
    run INTEGER NOT NULL REFERENCES run, idx INTEGER NOT NULL,
    class TEXT NOT NULL, op TEXT NOT NULL, target ANY NOT NULL, pid INTEGER NOT NULL, exe ANY,
    errno INTEGER NOT NULL, rule TEXT NOT NULL, source TEXT NOT NULL, confidence TEXT NOT NULL,
    count INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY(run, idx)
) STRICT, WITHOUT ROWID;

-- The ledger: hash = SHA-256('sbx1' || seq as 8 bytes, big endian || prev_hash || body). The first
-- prev_hash is 32 zero bytes. us, kind and run repeat what the body says.
CREATE TABLE event(
    seq INTEGER PRIMARY KEY, us INTEGER NOT NULL, kind TEXT NOT NULL, run INTEGER REFERENCES run,
    body TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Statements about the ledger, signed where there is a key: 'seal', what the ledger is up to to_seq, and
-- 'prune', which stands for the rows from_seq to to_seq that were removed.
CREATE TABLE seal(
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, us INTEGER NOT NULL, reason TEXT NOT NULL,
    from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL,
    public_key BLOB, signature BLOB
) STRICT;

-- Only what a prune stands for may go.
CREATE TRIGGER event_no_delete BEFORE DELETE ON event WHEN NOT EXISTS(
    SELECT 1 FROM seal WHERE kind = 'prune' AND OLD.seq BETWEEN from_seq AND to_seq)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- For people with plain SQL.
CREATE VIEW v_runs AS
SELECT run_id, strftime('%Y-%m-%dT%H:%M:%fZ', started_us / 1e6, 'unixepoch') AS started, status, reason,
    exit_code, wall_ns / 1e6 AS wall_ms, (user_ns + system_ns) / 1e6 AS cpu_ms, memory_peak_bytes,
    (SELECT coalesce(sum(count), 0) FROM denial WHERE denial.run = run.id) + coalesce(denied_lost, 0)
        AS denied,
    (SELECT group_concat(value, ' ') FROM json_each(argv)) AS command, cwd, policy.name AS policy
FROM run JOIN policy ON policy.id = run.policy;

CREATE VIEW v_denials AS
SELECT run_id, strftime('%Y-%m-%dT%H:%M:%fZ', first_us / 1e6, 'unixepoch') AS first, class, op, target,
    denial.pid, exe, rule, source, confidence, count
FROM denial JOIN run ON run.id = denial.run;
